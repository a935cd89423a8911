#include "dm/vnc/cursor_rectangle.hpp"

namespace dm::vnc {
namespace {

u8 part(u32 pixel, unsigned shift) {
    return static_cast<u8>(pixel >> shift);
}

bool opaque(u32 pixel) {
    return part(pixel, 24) >= 0x80;
}

bool dark(u32 pixel) {
    return part(pixel, 16) * 299 + part(pixel, 8) * 587 + part(pixel, 0) * 114 < 128 * 1000;
}

/// One bit for each pixel, each row in whole bytes.
void add_bits(RfbMessage& m, const CursorImage& cursor, bool (*bit)(u32)) {
    for (unsigned y = 0; y < cursor.height; ++y)
        for (unsigned x = 0; x < cursor.width; x += 8) {
            unsigned bits = 0;
            for (unsigned i = 0; i < 8 && x + i < cursor.width; ++i)
                if (bit(cursor.pixels[y * cursor.width + x + i])) bits |= 0x80U >> i;
            m.byte(static_cast<u8>(bits));
        }
}

void add_rgba(RfbMessage& m, const CursorImage& cursor) {
    m.number(RAW);
    for (const u32 pixel : cursor.pixels) {
        const u32 alpha = part(pixel, 24);
        const auto premultiplied = [&](unsigned shift) {
            return static_cast<u8>(part(pixel, shift) * alpha / 255);
        };
        m.byte(premultiplied(16)).byte(premultiplied(8)).byte(premultiplied(0)).byte(static_cast<u8>(alpha));
    }
}

} // namespace

RfbMessage cursor_rectangle(const CursorImage& cursor, s32 encoding,
                            const std::function<std::vector<u8>(std::span<const u32>)>& translate) {
    RfbMessage m = RfbMessage::update({cursor.hot_x, cursor.hot_y, cursor.width, cursor.height}, encoding);
    if (encoding == CURSOR_WITH_ALPHA) {
        add_rgba(m, cursor);
    } else if (!cursor.pixels.empty()) {
        if (encoding == CURSOR) {
            m.append(translate(cursor.pixels));
        } else {
            m.word(0).byte(0).byte(0xff).byte(0xff).byte(0xff); // dark pixels are black, the others white
            add_bits(m, cursor, dark);
        }
        add_bits(m, cursor, opaque);
    }
    return m;
}

} // namespace dm::vnc
