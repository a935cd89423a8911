#include "dm/board/direct_boot.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace dm {
namespace {

constexpr u32 kSectorBytes = 512;

/// Offsets in the kernel's first sectors ("The Real-Mode Kernel Header").
enum Header : u16 {
    SETUP_SECTS = 0x1f1,
    VID_MODE = 0x1fa,
    BOOT_FLAG = 0x1fe,
    MAGIC = 0x202,
    VERSION = 0x206,
    TYPE_OF_LOADER = 0x210,
    LOADFLAGS = 0x211,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    HEAP_END_PTR = 0x224,
    CMD_LINE_PTR = 0x228,
    INITRD_ADDR_MAX = 0x22c,
    CMDLINE_SIZE = 0x238,
    INIT_SIZE = 0x260,
    HEADER_END = 0x264,
};
constexpr u32 kHdrS = 0x53726448;
constexpr u8 kLoadedHigh = 0x01;   // LOADFLAGS: the kernel goes to 1 MiB
constexpr u8 kCanUseHeap = 0x80;   // LOADFLAGS: HEAP_END_PTR is valid
constexpr u8 kLoaderIsQemu = 0xb0; // the boot ROM's number
constexpr u16 kOldestVersion = 0x202;
constexpr u32 kInitrdMaxBefore203 = 0x37ffffff;
constexpr u32 kCmdlineMaxBefore206 = 255;
constexpr u32 kCmdlineMost = 0x10000; // kCmdlineAddr + this is far below what SeaBIOS uses
/// The end of RAM below 4 GiB belongs to firmware: ACPI tables that found no other place, SeaBIOS' own.
constexpr u64 kFirmwareReserve = 2 << 20;

class Setup {
public:
    explicit Setup(std::vector<u8>& bytes) : bytes_(bytes) {}
    template <class T> T get(Header at) const {
        u64 value = 0;
        for (unsigned i = 0; i < sizeof(T); ++i)
            value |= u64{bytes_[at + i]} << (i * 8);
        return static_cast<T>(value);
    }
    template <class T> void put(Header at, T value) {
        for (unsigned i = 0; i < sizeof(T); ++i)
            bytes_[at + i] = byte_of(value, i);
    }

private:
    std::vector<u8>& bytes_;
};

Error not_a_bzimage(std::span<const u8> head) {
    constexpr std::array<u8, 4> kElf{0x7f, 'E', 'L', 'F'};
    if (head.size() >= kElf.size() && std::ranges::equal(head.first(kElf.size()), kElf))
        return fail("it is an ELF file; give the compressed kernel (bzImage, vmlinuz)");
    return fail("it is not a Linux kernel for a PC (bzImage, vmlinuz)");
}

/// The boot sector and the setup sectors behind it.
Result<std::vector<u8>> take_setup(const LinuxImage& image) {
    if (image.head.size() < HEADER_END) return not_a_bzimage(image.head);
    std::vector<u8> header(image.head.begin(), image.head.begin() + HEADER_END);
    const Setup view(header);
    if (view.get<u16>(BOOT_FLAG) != 0xaa55 || view.get<u32>(MAGIC) != kHdrS) return not_a_bzimage(image.head);
    if (view.get<u16>(VERSION) < kOldestVersion || (view.get<u8>(LOADFLAGS) & kLoadedHigh) == 0)
        return fail("it is a kernel of before 2000 (boot protocol {}.{:02}): boot it from a disk",
                    view.get<u16>(VERSION) >> 8, view.get<u16>(VERSION) & 0xff);
    const u32 sectors = view.get<u8>(SETUP_SECTS) != 0 ? view.get<u8>(SETUP_SECTS) : 4U;
    const u32 bytes = (sectors + 1) * kSectorBytes;
    if (bytes > image.head.size() || bytes >= image.kernel_bytes || bytes < HEADER_END)
        return fail("it is cut off: {} bytes", image.kernel_bytes);
    return std::vector<u8>(image.head.begin(), image.head.begin() + bytes);
}

/// `vga=` of the command line is the boot loader's to obey.
std::optional<u16> video_mode(std::string_view command_line) {
    constexpr std::string_view kOption = "vga=";
    std::size_t at = command_line.find(kOption);
    while (at != std::string_view::npos && at != 0 && command_line[at - 1] != ' ')
        at = command_line.find(kOption, at + 1);
    if (at == std::string_view::npos) return std::nullopt;
    std::string_view word = command_line.substr(at + kOption.size());
    word = word.substr(0, word.find(' '));
    if (word == "normal") return u16{0xffff};
    if (word == "ext") return u16{0xfffe};
    if (word == "ask") return u16{0xfffd};
    const bool hex = word.starts_with("0x");
    if (hex) word.remove_prefix(2);
    u16 mode = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), mode, hex ? 16 : 10);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return mode;
}

/// As high as kernel and firmware allow, out of the way of the kernel as it unpacks itself.
Result<u32> place_initrd(const Setup& setup, const LinuxImage& image, u64 ram_below_4g) {
    const u16 version = setup.get<u16>(VERSION);
    const u64 unpacked = version >= 0x20a ? setup.get<u32>(INIT_SIZE) : 0;
    const u64 lowest = LinuxLayout::kKernelAddr + std::max(image.kernel_bytes, unpacked);
    const u64 kernel_limit = version >= 0x203 ? setup.get<u32>(INITRD_ADDR_MAX) : kInitrdMaxBefore203;
    const u64 limit = std::min(kernel_limit + 1, ram_below_4g - std::min(ram_below_4g, kFirmwareReserve));
    const u64 needed = lowest + image.initrd_bytes;
    if (needed > limit)
        return fail(
            "the guest's memory below 4 GiB is too small: kernel and ramdisk need {} MiB of it, {} are "
            "free",
            (needed >> 20) + 1, limit >> 20);
    return static_cast<u32>((limit - image.initrd_bytes) & ~(kPageSize - 1));
}

} // namespace

Result<LinuxLayout> lay_out_linux(const LinuxImage& image, std::string_view command_line, u64 ram_below_4g) {
    LinuxLayout out;
    DM_TRY_ASSIGN(out.setup, take_setup(image));
    Setup setup(out.setup);
    const u16 version = setup.get<u16>(VERSION);
    const u32 most =
        version >= 0x206 ? std::min(setup.get<u32>(CMDLINE_SIZE), kCmdlineMost) : kCmdlineMaxBefore206;
    if (command_line.size() > most)
        return fail("its command line takes {} bytes at most, there are {}", most, command_line.size());
    if (image.initrd_bytes > 0) {
        DM_TRY_ASSIGN(out.initrd_addr, place_initrd(setup, image, ram_below_4g));
    } else if (LinuxLayout::kKernelAddr + image.kernel_bytes + kFirmwareReserve > ram_below_4g) {
        return fail("the guest's memory is too small for it: {} MiB", ram_below_4g >> 20);
    }
    setup.put<u8>(TYPE_OF_LOADER, kLoaderIsQemu);
    setup.put<u8>(LOADFLAGS, setup.get<u8>(LOADFLAGS) | kCanUseHeap);
    setup.put<u16>(HEAP_END_PTR, LinuxLayout::kCmdlineAddr - LinuxLayout::kSetupAddr - 0x200);
    setup.put<u32>(CMD_LINE_PTR, LinuxLayout::kCmdlineAddr);
    setup.put<u32>(RAMDISK_IMAGE, out.initrd_addr);
    setup.put<u32>(RAMDISK_SIZE, static_cast<u32>(image.initrd_bytes));
    if (const auto mode = video_mode(command_line)) setup.put<u16>(VID_MODE, *mode);
    return out;
}

} // namespace dm
