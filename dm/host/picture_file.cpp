#include "dm/host/picture_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>
#include <zlib.h>

namespace dm::host {
namespace {

using Bytes = std::vector<u8>;

constexpr mode_t kMode = 0666; // the rest is the umask's, as with QEMU
constexpr std::size_t kChannels = 3;

void add(Bytes& to, std::string_view text) {
    to.insert(to.end(), text.begin(), text.end());
}

void add_big_endian(Bytes& to, u32 value) {
    for (int shift = 24; shift >= 0; shift -= 8)
        to.push_back(static_cast<u8>(value >> shift));
}

/// Red, green and blue of row `y`, to the end of `to`.
void add_row(Bytes& to, const Picture& picture, unsigned y) {
    for (const u32 pixel : picture.pixels.subspan(std::size_t{y} * picture.width, picture.width)) {
        to.push_back(static_cast<u8>(pixel >> 16));
        to.push_back(static_cast<u8>(pixel >> 8));
        to.push_back(static_cast<u8>(pixel));
    }
}

Bytes as_ppm(const Picture& picture) {
    Bytes file;
    add(file, fmt::format("P6\n{} {}\n255\n", picture.width, picture.height));
    for (unsigned y = 0; y < picture.height; ++y)
        add_row(file, picture, y);
    return file;
}

void add_chunk(Bytes& to, std::string_view type, std::span<const u8> body) {
    add_big_endian(to, static_cast<u32>(body.size()));
    const std::size_t start = to.size();
    add(to, type);
    to.insert(to.end(), body.begin(), body.end());
    add_big_endian(to, static_cast<u32>(crc32_z(0, to.data() + start, to.size() - start)));
}

/// PNG's filter 1: each pixel less the one on its left. Screens have long runs of one colour.
void filter_row(std::span<u8> row) {
    for (std::size_t i = row.size(); i-- > kChannels;)
        row[i] = static_cast<u8>(row[i] - row[i - kChannels]);
}

Result<Bytes> packed_rows(const Picture& picture) {
    Bytes rows;
    rows.reserve((picture.width * kChannels + 1) * picture.height);
    for (unsigned y = 0; y < picture.height; ++y) {
        rows.push_back(1);
        const std::size_t start = rows.size();
        add_row(rows, picture, y);
        filter_row(std::span(rows).subspan(start));
    }
    uLongf length = compressBound(rows.size());
    Bytes packed(length);
    // The guest's accesses wait meanwhile: speed counts.
    if (compress2(packed.data(), &length, rows.data(), rows.size(), Z_BEST_SPEED) != Z_OK)
        return fail("the picture cannot be compressed: out of memory");
    packed.resize(length);
    return packed;
}

Result<Bytes> as_png(const Picture& picture) {
    DM_TRY_ASSIGN(const Bytes packed, packed_rows(picture));
    Bytes header;
    add_big_endian(header, picture.width);
    add_big_endian(header, picture.height);
    constexpr std::array<u8, 5> kTrueColour = {
        8, 2, 0, 0, 0}; // bits of a channel, kind; deflate, filters, not interlaced
    header.insert(header.end(), kTrueColour.begin(), kTrueColour.end());
    Bytes file;
    add(file, "\x89PNG\r\n\x1a\n");
    add_chunk(file, "IHDR", header);
    add_chunk(file, "IDAT", packed);
    add_chunk(file, "IEND", {});
    return file;
}

Status write_all(int fd, std::span<const u8> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return fail("{}", std::strerror(errno));
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return {};
}

} // namespace

Status write_picture(const Picture& picture, PictureFormat format, const std::string& path, UniqueFd fd) {
    Bytes file;
    switch (format) {
    case PictureFormat::Ppm: file = as_ppm(picture); break;
    case PictureFormat::Png: {
        DM_TRY_ASSIGN(file, as_png(picture));
        break;
    }
    }
    const bool created = !fd;
    // O_NONBLOCK: a FIFO that nobody reads must not hold up the machine.
    if (created)
        fd = UniqueFd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, kMode));
    if (!fd) return fail("cannot create {}: {}", path, std::strerror(errno));
    if (struct stat info{};
        !created && fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && ftruncate(fd.get(), 0) != 0)
        return fail("cannot write {}: {}", path, std::strerror(errno));
    const Status written = write_all(fd.get(), file);
    if (written.ok()) return {};
    struct stat info {};
    if (created && fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode)) unlink(path.c_str());
    return fail("cannot write {}: {}", path, written.error().message);
}

} // namespace dm::host
