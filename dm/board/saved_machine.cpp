#include "dm/board/saved_machine.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>
#include <zlib.h>

namespace dm {
namespace {

constexpr std::size_t kChecksumBytes = 4;
constexpr std::string_view kQemuMagic = "QEVM";

std::array<u8, kChecksumBytes> checksum(std::span<const u8> image) {
    const auto crc = static_cast<u32>(::crc32(0, image.data(), static_cast<uInt>(image.size())));
    return {byte_of(crc, 0), byte_of(crc, 1), byte_of(crc, 2), byte_of(crc, 3)};
}

Status write_all(int fd, std::span<const u8> bytes) {
    while (!bytes.empty()) {
        const ssize_t done = ::write(fd, bytes.data(), bytes.size());
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0)
            return fail("the state of the devices cannot be written: {}",
                        std::strerror(done < 0 ? errno : ENOSPC));
        bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return {};
}

} // namespace

Status write_saved(int fd, std::span<const u8> image) {
    DM_TRY(write_all(fd, image));
    return write_all(fd, checksum(image));
}

Result<std::vector<u8>> read_saved(int fd, std::string_view where) {
    std::vector<u8> file;
    std::array<u8, 65536> piece;
    for (;;) {
        const ssize_t got = ::read(fd, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail("{}: the saved state cannot be read: {}", where, std::strerror(errno));
        if (got == 0) break;
        file.insert(file.end(), piece.begin(), piece.begin() + got);
        if (file.size() > kLargestSavedState)
            return fail("{}: this is longer than any saved state; is it another file?", where);
    }
    if (file.empty()) return fail("{}: the saved state is empty", where);
    if (std::ranges::equal(kQemuMagic, std::span(file).first(std::min(file.size(), kQemuMagic.size()))))
        return fail("{}: QEMU saved this guest's devices; restore it with QEMU (without "
                    "device_model_override in its configuration)",
                    where);
    if (file.size() < kChecksumBytes) return fail("{}: the saved state is cut off", where);
    const std::span image = std::span<const u8>(file).first(file.size() - kChecksumBytes);
    if (!std::ranges::equal(checksum(image), std::span(file).last(kChecksumBytes)))
        return fail("{}: the saved state is damaged (its checksum is wrong), or no saved state of hvmdm",
                    where);
    file.resize(image.size());
    return file;
}

} // namespace dm
