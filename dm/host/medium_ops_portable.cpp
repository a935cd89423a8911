#ifndef __linux__
#include "dm/host/medium_ops.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __FreeBSD__
#include <sys/disk.h>
#endif

namespace dm::host::medium_ops {
namespace {

constexpr u32 kSector = 512;

} // namespace

s64 size(int fd, bool device) {
#ifdef __FreeBSD__
    if (device) {
        off_t bytes = 0;
        return ::ioctl(fd, DIOCGMEDIASIZE, &bytes) < 0 ? -errno : static_cast<s64>(bytes);
    }
#else
    if (device) {
        const off_t end = ::lseek(fd, 0, SEEK_END);
        return end < 0 ? -errno : static_cast<s64>(end);
    }
#endif
    struct stat st {};
    return ::fstat(fd, &st) < 0 ? -errno : static_cast<s64>(st.st_size);
}

s64 discard(int fd, bool device, u64 offset, u64 length) {
#ifdef __FreeBSD__
    if (device) {
        std::array<off_t, 2> range{static_cast<off_t>(offset), static_cast<off_t>(length)};
        return ::ioctl(fd, DIOCGDELETE, range.data()) < 0 ? -EOPNOTSUPP : 0;
    }
#endif
    return device ? -EOPNOTSUPP : zero(fd, device, offset, length, true);
}

s64 zero([[maybe_unused]] int fd, bool device, [[maybe_unused]] u64 offset, [[maybe_unused]] u64 length,
         bool unmap) {
    if (device || !unmap) return -EOPNOTSUPP;
#ifdef SPACECTL_DEALLOC // FreeBSD 14
    spacectl_range range{static_cast<off_t>(offset), static_cast<off_t>(length)};
    while (range.r_len > 0)
        if (::fspacectl(fd, SPACECTL_DEALLOC, &range, 0, &range) < 0 && errno != EINTR)
            return errno == EINVAL || errno == ENOSYS ? -EOPNOTSUPP : -errno;
    return 0;
#else
    return -EOPNOTSUPP;
#endif
}

u32 discard_granularity(int fd, bool device) {
#ifdef __FreeBSD__
    struct stat st {};
    if (device) return device_block(fd);
    return ::fstat(fd, &st) < 0 ? 0 : static_cast<u32>(std::max<blksize_t>(st.st_blksize, kSector));
#else
    static_cast<void>(fd);
    static_cast<void>(device);
    return 0;
#endif
}

u32 device_block([[maybe_unused]] int fd) {
#ifdef __FreeBSD__
    u_int bytes = 0;
    if (::ioctl(fd, DIOCGSECTORSIZE, &bytes) == 0 && bytes > 0) return bytes;
#endif
    return kSector;
}

void drop_cache(int fd) {
    static_cast<void>(::fsync(fd));
}

} // namespace dm::host::medium_ops
#endif
