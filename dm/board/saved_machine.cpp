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
constexpr std::string_view kPackedMagic = "HVMDM-SZ";
constexpr std::size_t kPackedHead = kPackedMagic.size() + 4;

std::array<u8, 4> little_endian(std::size_t number) {
    return {byte_of(number, 0), byte_of(number, 1), byte_of(number, 2), byte_of(number, 3)};
}

std::array<u8, kChecksumBytes> checksum(std::span<const u8> bytes) {
    return little_endian(::crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

bool starts_with(std::span<const u8> file, std::string_view magic) {
    return std::ranges::equal(magic, file.first(std::min(file.size(), magic.size())));
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

/// Never more than the largest state, whatever the file says.
Result<std::vector<u8>> unpacked(std::span<const u8> packed, std::string_view where) {
    std::size_t length = 0;
    for (std::size_t i = kPackedHead; i-- > kPackedMagic.size();)
        length = length << 8 | packed[i];
    if (length > kLargestSavedState)
        return fail("{}: it would be longer than any saved state; is it another file?", where);
    std::vector<u8> image(length);
    uLongf got = length;
    const std::span<const u8> stream = packed.subspan(kPackedHead);
    if (::uncompress(image.data(), &got, stream.data(), stream.size()) != Z_OK || got != length)
        return fail("{}: the saved state is damaged (it cannot be unpacked)", where);
    return image;
}

} // namespace

Result<std::size_t> write_saved(int fd, std::span<const u8> image) {
    uLongf packed = ::compressBound(image.size());
    std::vector<u8> file(kPackedHead + packed);
    std::ranges::copy(kPackedMagic, file.begin());
    std::ranges::copy(little_endian(image.size()), file.begin() + kPackedMagic.size());
    if (::compress(file.data() + kPackedHead, &packed, image.data(), image.size()) != Z_OK)
        return fail("the state of the devices cannot be packed: out of memory");
    file.resize(kPackedHead + packed);
    const auto sum = checksum(file);
    file.insert(file.end(), sum.begin(), sum.end());
    DM_TRY(write_all(fd, file));
    return file.size();
}

Result<SavedImage> read_saved(int fd, std::string_view where) {
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
    if (starts_with(file, kQemuMagic))
        return fail("{}: QEMU saved this guest's devices; restore it with QEMU (without "
                    "device_model_override in its configuration)",
                    where);
    if (file.size() < kChecksumBytes) return fail("{}: the saved state is cut off", where);
    const std::span image = std::span<const u8>(file).first(file.size() - kChecksumBytes);
    if (!std::ranges::equal(checksum(image), std::span(file).last(kChecksumBytes)))
        return fail("{}: the saved state is damaged (its checksum is wrong), or no saved state of hvmdm",
                    where);
    SavedImage saved{.bytes = {}, .file_size = file.size()};
    if (image.size() >= kPackedHead && starts_with(image, kPackedMagic)) {
        DM_TRY_ASSIGN(saved.bytes, unpacked(image, where));
    } else {
        file.resize(image.size());
        saved.bytes = std::move(file);
    }
    return saved;
}

} // namespace dm
