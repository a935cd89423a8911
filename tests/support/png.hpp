// Reads the pictures that tests/lab/screen.py writes: PNG with a palette, or in true colour with filter 1.
#pragma once

#include "dm/core/types.hpp"

#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <vector>
#include <zlib.h>

namespace dm::test {

struct PngPicture {
    unsigned width = 0;
    unsigned height = 0;
    std::vector<u32> pixels; ///< 0x00RRGGBB
};

class PngReader {
public:
    /// Nothing: it is no such file.
    static std::optional<PngPicture> read(const std::string& path) {
        PngReader reader;
        std::ifstream stream(path, std::ios::binary);
        const std::vector<u8> file{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        if (file.size() < kSignature) return std::nullopt;
        for (std::size_t at = kSignature; at + kChunk <= file.size();) {
            const u32 length = big_endian(file, at);
            if (at + kChunk + length > file.size()) return std::nullopt;
            reader.chunk(std::string(file.begin() + offset(at + 4), file.begin() + offset(at + 8)),
                         std::span(file).subspan(at + 8, length));
            at += kChunk + length;
        }
        return reader.unpack();
    }

private:
    static constexpr std::size_t kSignature = 8;
    static constexpr std::size_t kChunk = 12; ///< length, type, checksum

    static std::ptrdiff_t offset(std::size_t at) { return static_cast<std::ptrdiff_t>(at); }
    static u32 big_endian(std::span<const u8> bytes, std::size_t at) {
        return u32{bytes[at]} << 24 | u32{bytes[at + 1]} << 16 | u32{bytes[at + 2]} << 8 | bytes[at + 3];
    }

    void chunk(const std::string& type, std::span<const u8> body) {
        if (type == "IHDR") {
            picture_.width = big_endian(body, 0);
            picture_.height = big_endian(body, 4);
            depth_ = body[8];
            indexed_ = body[9] == 3;
        } else if (type == "PLTE") {
            for (std::size_t i = 0; i + 2 < body.size(); i += 3)
                palette_.push_back(u32{body[i]} << 16 | u32{body[i + 1]} << 8 | body[i + 2]);
        } else if (type == "IDAT") {
            packed_.insert(packed_.end(), body.begin(), body.end());
        }
    }

    std::optional<PngPicture> unpack() {
        const std::size_t line =
            1 + (indexed_ ? (std::size_t{picture_.width} * depth_ + 7) / 8 : std::size_t{picture_.width} * 3);
        std::vector<u8> lines(line * picture_.height);
        uLongf length = lines.size();
        if (uncompress(lines.data(), &length, packed_.data(), packed_.size()) != Z_OK ||
            length != lines.size())
            return std::nullopt;
        for (unsigned y = 0; y < picture_.height; ++y)
            add_line(std::span(lines).subspan(y * line + 1, line - 1));
        return std::move(picture_);
    }

    void add_line(std::span<u8> line) {
        for (std::size_t i = 3; !indexed_ && i < line.size(); ++i)
            line[i] = static_cast<u8>(line[i] + line[i - 3]);
        for (unsigned x = 0; x < picture_.width; ++x)
            if (indexed_) {
                const unsigned in_byte = 8 / depth_;
                const unsigned shift = 8 - depth_ * (x % in_byte + 1);
                picture_.pixels.push_back(palette_.at(line[x / in_byte] >> shift & ((1U << depth_) - 1)));
            } else {
                picture_.pixels.push_back(u32{line[x * 3]} << 16 | u32{line[x * 3 + 1]} << 8 |
                                          line[x * 3 + 2]);
            }
    }

    PngPicture picture_;
    unsigned depth_ = 8;
    bool indexed_ = false;
    std::vector<u32> palette_;
    std::vector<u8> packed_;
};

} // namespace dm::test
