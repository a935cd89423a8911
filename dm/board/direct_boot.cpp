#include "dm/board/direct_boot.hpp"

#include "dm/core/unique_fd.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace dm {
namespace {

constexpr u64 kMostFileBytes = u64{2} << 30; // neither kernel nor ramdisk fits below 4 GiB otherwise

/// A file of the host that stays open: its bytes are fetched when the guest asks for them and cost no memory.
class HostFile {
public:
    static Result<std::shared_ptr<HostFile>> open(std::string_view option, const std::string& path) {
        UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!fd) return fail("{}: {}: {}; check the path and its rights", option, path, std::strerror(errno));
        struct stat info {};
        if (::fstat(fd.get(), &info) != 0) return fail("{}: {}: {}", option, path, std::strerror(errno));
        if (!S_ISREG(info.st_mode)) return fail("{}: {} is not a regular file", option, path);
        const auto size = static_cast<u64>(info.st_size);
        if (size == 0) return fail("{}: {} is empty", option, path);
        if (size > kMostFileBytes)
            return fail("{}: {} has {} MiB, which do not fit into a guest", option, path, size >> 20);
        return std::make_shared<HostFile>(std::move(fd), path, size);
    }
    HostFile(UniqueFd fd, std::string path, u64 size)
        : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}

    u64 size() const { return size_; }
    /// Zeros where the file is shorter than it was, or cannot be read: the guest's checks find that.
    void read(u64 offset, std::span<u8> out) {
        while (!out.empty()) {
            const ssize_t got = ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset));
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) break;
            offset += static_cast<u64>(got);
            out = out.subspan(static_cast<std::size_t>(got));
        }
        if (out.empty()) return;
        std::ranges::fill(out, u8{0});
        if (!std::exchange(told_, true))
            log_.error("{} cannot be read as far as it was when the guest was started", path_);
    }

private:
    UniqueFd fd_;
    std::string path_;
    u64 size_;
    bool told_ = false;
    Log log_{"direct-boot"};
};

FwCfgItem item_of(std::shared_ptr<HostFile> file, u64 first) {
    const auto size = static_cast<u32>(file->size() - first);
    return {size, [file = std::move(file), first](u64 offset, std::span<u8> out) {
                file->read(first + offset, out);
            }};
}

std::vector<u8> bytes_of(std::string_view text) {
    std::vector<u8> bytes(text.begin(), text.end());
    bytes.push_back(0);
    return bytes;
}

/// SeaBIOS runs the ROM, and the boot entry that the ROM brings comes before all disks.
void add_rom(FwCfgContents& contents, std::vector<u8> rom) {
    const std::string name = fmt::format("genroms/{}", kLinuxBootRom);
    contents.add_file("bootorder", bytes_of("/rom@" + name));
    contents.add_file(name, std::move(rom));
}

} // namespace

Result<FwCfgContents> direct_boot(DirectBootOptions options) {
    DM_TRY_ASSIGN(const auto kernel, HostFile::open("-kernel", options.kernel));
    std::shared_ptr<HostFile> initrd;
    if (!options.initrd.empty()) {
        DM_TRY_ASSIGN(initrd, HostFile::open("-initrd", options.initrd));
    }

    std::vector<u8> head(std::min<u64>(kernel->size(), LinuxImage::kHeadBytes));
    kernel->read(0, head);
    auto layout = lay_out_linux(
        {.head = head, .kernel_bytes = kernel->size(), .initrd_bytes = initrd ? initrd->size() : 0},
        options.command_line, options.ram_below_4g);
    if (!layout.ok()) return fail("-kernel: {}: {}", options.kernel, layout.error().message);

    using Key = FwCfgContents::Key;
    FwCfgContents out;
    const auto setup_bytes = static_cast<u32>(layout->setup.size());
    out.put_u16(Key::NB_CPUS, static_cast<u16>(options.cpus));
    out.put_u32(Key::SETUP_ADDR, LinuxLayout::kSetupAddr);
    out.put_u32(Key::SETUP_SIZE, setup_bytes);
    out.put_bytes(Key::SETUP_DATA, std::move(layout->setup));
    out.put_u32(Key::KERNEL_ADDR, LinuxLayout::kKernelAddr);
    out.put_u32(Key::KERNEL_SIZE, static_cast<u32>(kernel->size() - setup_bytes));
    out.put(Key::KERNEL_DATA, item_of(kernel, setup_bytes));
    out.put_u32(Key::CMDLINE_ADDR, LinuxLayout::kCmdlineAddr);
    out.put_u32(Key::CMDLINE_SIZE, static_cast<u32>(options.command_line.size() + 1));
    out.put_bytes(Key::CMDLINE_DATA, bytes_of(options.command_line));
    out.put_u32(Key::INITRD_ADDR, layout->initrd_addr);
    out.put_u32(Key::INITRD_SIZE, initrd ? static_cast<u32>(initrd->size()) : 0);
    if (initrd) out.put(Key::INITRD_DATA, item_of(initrd, 0));
    add_rom(out, std::move(options.rom));
    return out;
}

} // namespace dm
