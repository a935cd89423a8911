#ifdef __linux__
#include "dm/core/unique_fd.hpp"
#include "dm/host/medium_ops.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace dm::host::medium_ops {
namespace {

constexpr u32 kSector = 512;
constexpr u32 kLargestGranularity = 1 << 20;

s64 result_of(int result) {
    if (result >= 0) return 0;
    // Which of these a file system says for "cannot" differs.
    const bool cannot = errno == EOPNOTSUPP || errno == ENOSYS || errno == ENOTTY || errno == EINVAL;
    return cannot ? -EOPNOTSUPP : -errno;
}

u32 sane(u64 granularity) {
    if (granularity == 0) return 0;
    return std::clamp(std::bit_floor(static_cast<u32>(std::min<u64>(granularity, kLargestGranularity))),
                      kSector, kLargestGranularity);
}

/// A number in a device's queue directory, which a partition has one level up.
u64 queue_number(dev_t device, const char* name) {
    for (const char* up : {"", "../"}) {
        const std::string path =
            fmt::format("/sys/dev/block/{}:{}/{}queue/{}", major(device), minor(device), up, name);
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!fd) continue;
        std::array<char, 32> text{};
        const ssize_t length = ::read(fd.get(), text.data(), text.size());
        u64 value = 0;
        if (length > 0) std::from_chars(text.data(), text.data() + length, value);
        return value;
    }
    return 0;
}

} // namespace

s64 size(int fd, bool device) {
    if (device) {
        u64 bytes = 0;
        return ::ioctl(fd, BLKGETSIZE64, &bytes) < 0 ? -errno : static_cast<s64>(bytes);
    }
    struct stat st {};
    return ::fstat(fd, &st) < 0 ? -errno : static_cast<s64>(st.st_size);
}

s64 discard(int fd, bool device, u64 offset, u64 length) {
    if (!device) return zero(fd, device, offset, length, true);
    std::array<u64, 2> range{offset, length};
    return result_of(::ioctl(fd, BLKDISCARD, range.data()));
}

s64 zero(int fd, bool, u64 offset, u64 length, bool unmap) {
    const int mode = (unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE) | FALLOC_FL_KEEP_SIZE;
    int result = 0;
    do {
        result = ::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length));
    } while (result < 0 && errno == EINTR);
    return result_of(result);
}

u32 discard_granularity(int fd, bool device) {
    struct stat st {};
    if (::fstat(fd, &st) < 0) return 0;
    return device ? sane(queue_number(st.st_rdev, "discard_granularity"))
                  : sane(static_cast<u64>(std::max<blksize_t>(st.st_blksize, kSector)));
}

u32 device_block(int fd) {
    int bytes = 0;
    return ::ioctl(fd, BLKSSZGET, &bytes) < 0 || bytes <= 0 ? kSector : static_cast<u32>(bytes);
}

void drop_cache(int fd) {
    // What is dirty would stay: it goes to the medium first.
    if (::fdatasync(fd) == 0) static_cast<void>(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
}

} // namespace dm::host::medium_ops
#endif
