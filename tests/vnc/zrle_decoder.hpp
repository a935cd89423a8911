// ZRLE by RFC 6143, section 7.7.6. libvncclient comes from the same hands as the encoder and shares its
// ideas.
#pragma once

#include "dm/core/types.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>
#include <zlib.h>

namespace dm::vnc::test {

class ZrleDecoder {
public:
    /// How a pixel goes over the wire; `low` and `high`: which of a 32-bit pixel's bytes are left out.
    struct Pixel {
        unsigned bytes = 4;
        bool big = false;
        bool without_top = false;
        bool without_bottom = false;
    };
    ZrleDecoder() { inflateInit(&stream_); }
    ZrleDecoder(const ZrleDecoder&) = delete;
    ZrleDecoder& operator=(const ZrleDecoder&) = delete;
    ~ZrleDecoder() { inflateEnd(&stream_); }

    /// One rectangle's pixels, row by row; empty when it is damaged.
    std::vector<u32> rectangle(std::string_view compressed, unsigned width, unsigned height,
                               const Pixel& pixel) {
        constexpr unsigned kTile = 64;
        inflate_all(compressed);
        pixel_ = pixel;
        std::vector<u32> out(std::size_t{width} * height, 0xdeadbeef);
        for (unsigned y = 0; y < height; y += kTile)
            for (unsigned x = 0; x < width; x += kTile) {
                const unsigned w = std::min(kTile, width - x);
                const unsigned h = std::min(kTile, height - y);
                const std::vector<u32> tile = this->tile(w, h);
                for (unsigned row = 0; row < h; ++row)
                    std::copy_n(tile.begin() + row * w, w, out.begin() + (y + row) * width + x);
            }
        return at_ == plain_.size() ? out : std::vector<u32>{};
    }

private:
    void inflate_all(std::string_view compressed) {
        plain_.resize(4 << 20);
        at_ = 0;
        std::string in(compressed);
        stream_.next_in = reinterpret_cast<Bytef*>(in.data());
        stream_.avail_in = static_cast<uInt>(in.size());
        stream_.next_out = plain_.data();
        stream_.avail_out = static_cast<uInt>(plain_.size());
        inflate(&stream_, Z_SYNC_FLUSH);
        plain_.resize(plain_.size() - stream_.avail_out);
    }
    u8 byte() { return at_ < plain_.size() ? plain_[at_++] : u8{0}; }
    u32 pixel() {
        const bool three = pixel_.without_top || pixel_.without_bottom;
        const unsigned n = three ? 3 : pixel_.bytes;
        u32 value = 0;
        for (unsigned i = 0; i < n; ++i)
            value |= u32{byte()} << 8 * (pixel_.big ? n - 1 - i : i);
        return pixel_.without_bottom ? value << 8 : value;
    }
    unsigned run() {
        unsigned length = 1;
        u8 more = 0;
        do
            length += more = byte();
        while (more == 255 && at_ < plain_.size());
        return length;
    }
    std::vector<u32> tile(unsigned w, unsigned h) {
        std::vector<u32> out;
        const std::size_t pixels = std::size_t{w} * h;
        const u8 type = byte();
        std::vector<u32> palette(type & 127U);
        for (u32& colour : palette)
            colour = pixel();
        if (type == 0) {
            while (out.size() < pixels)
                out.push_back(pixel());
        } else if (type == 1) {
            out.assign(pixels, palette[0]);
        } else if (type < 128) {
            packed(out, palette, w, h);
        } else {
            while (out.size() < pixels && at_ < plain_.size()) {
                const u8 index = palette.empty() ? u8{128} : byte();
                const u32 colour = palette.empty() ? pixel() : palette.at(index & 127U);
                out.insert(out.end(), (index & 128) != 0 ? run() : 1, colour);
            }
        }
        out.resize(pixels);
        return out;
    }
    void packed(std::vector<u32>& out, const std::vector<u32>& palette, unsigned w, unsigned h) {
        const unsigned bits = palette.size() > 16 ? 8 : palette.size() > 4 ? 4 : palette.size() > 2 ? 2 : 1;
        for (unsigned y = 0; y < h; ++y) {
            unsigned left = 0;
            u8 held = 0;
            for (unsigned x = 0; x < w; ++x) {
                if (left == 0) held = byte(), left = 8;
                left -= bits;
                out.push_back(
                    palette.at(std::min<std::size_t>(held >> left & ((1U << bits) - 1), palette.size() - 1)));
            }
        }
    }

    z_stream stream_{};
    Pixel pixel_;
    std::vector<u8> plain_;
    std::size_t at_ = 0;
};

} // namespace dm::vnc::test
