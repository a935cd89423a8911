#include "dm/devices/vga/vga_graphics.hpp"

#include <array>
#include <cstring>
#include <utility>

namespace dm {
namespace {

constexpr unsigned kDotsPerCell = 8;
using Dots = std::array<u8, kDotsPerCell>; // colour numbers, leftmost first

/// Bit 7 of a byte in the lowest nibble, bit 0 in the highest: a plane's share of eight colour numbers.
constexpr std::array<u32, 256> kNibbles = [] {
    std::array<u32, 256> table{};
    for (unsigned byte = 0; byte < table.size(); ++byte)
        for (unsigned dot = 0; dot < kDotsPerCell; ++dot)
            table[byte] |= u32{byte >> (7 - dot) & 1} << (4 * dot);
    return table;
}();

constexpr u8 plane(u32 cell, unsigned p) {
    return static_cast<u8>(cell >> (8 * p));
}

Dots planar_dots(u32 cell) {
    const u32 nibbles = kNibbles[plane(cell, 0)] | kNibbles[plane(cell, 1)] << 1 |
                        kNibbles[plane(cell, 2)] << 2 | kNibbles[plane(cell, 3)] << 3;
    Dots dots{};
    for (unsigned i = 0; i < kDotsPerCell; ++i)
        dots[i] = nibbles >> (4 * i) & 0xf;
    return dots;
}

// Four pixels from the even planes, then four from the odd ones; two bits of each, the upper plane's on top.
Dots cga_dots(u32 cell) {
    Dots dots{};
    for (unsigned i = 0; i < kDotsPerCell; ++i) {
        const unsigned odd = i / 4;
        const unsigned shift = 6 - 2 * (i % 4);
        dots[i] = static_cast<u8>((plane(cell, odd) >> shift & 3) | (plane(cell, odd + 2) >> shift & 3) << 2);
    }
    return dots;
}

Dots wide_dots(u32 cell) {
    Dots dots{};
    for (unsigned i = 0; i < kDotsPerCell; ++i)
        dots[i] = plane(cell, i / 2);
    return dots;
}

constexpr u32 from_555(u32 v) {
    const auto up = [](u32 five) { return five << 3 | five >> 2; };
    return up(v >> 10 & 31) << 16 | up(v >> 5 & 31) << 8 | up(v & 31);
}
constexpr u32 from_565(u32 v) {
    const auto up = [](u32 five) { return five << 3 | five >> 2; };
    const u32 green = v >> 5 & 63;
    return up(v >> 11 & 31) << 16 | (green << 2 | green >> 4) << 8 | up(v & 31);
}

template <class Unit> Unit load(const u8* bytes, bool big_endian) {
    Unit value = 0;
    std::memcpy(&value, bytes, sizeof(value));
    if (!big_endian) return value;
    if constexpr (sizeof(Unit) == 2)
        return __builtin_bswap16(value);
    else
        return __builtin_bswap32(value);
}

template <class Draw>
void each_cell(const VgaFrame& frame, std::span<const u8> vram, u32 address, Draw draw) {
    const u32 wrap = frame.wrap != 0 ? frame.wrap : static_cast<u32>(vram.size() / 4);
    for (;; ++address) {
        u32 cell = 0;
        std::memcpy(&cell, vram.data() + ((address % wrap * u64{4}) & (vram.size() - 1)), sizeof(cell));
        if (!draw(cell)) return;
    }
}

} // namespace

unsigned cells_per_line(const VgaFrame& frame, unsigned pan) {
    return (frame.width / frame.zoom + pan + kDotsPerCell - 1) / kDotsPerCell;
}

void decode_cells(const VgaFrame& frame, std::span<const u8> vram, u32 address, unsigned pan,
                  std::span<u32> out) {
    const std::size_t wanted = out.size() - kVgaDecodeSlack;
    std::size_t x = 0;
    unsigned skip = pan;
    each_cell(frame, vram, address, [&](u32 cell) {
        Dots dots{};
        switch (frame.kind) {
        case VgaFrame::Kind::Planar: dots = planar_dots(cell); break;
        case VgaFrame::Kind::Cga: dots = cga_dots(cell); break;
        case VgaFrame::Kind::Colours256: dots = wide_dots(cell); break;
        case VgaFrame::Kind::Blank:
        case VgaFrame::Kind::Text:
        case VgaFrame::Kind::Packed: break;
        }
        for (unsigned i = std::exchange(skip, 0); i < kDotsPerCell; ++i)
            for (unsigned z = 0; z < frame.zoom; ++z)
                out[x++] = frame.colours[dots[i]];
        return x < wanted;
    });
}

void decode_packed(const VgaFrame& frame, std::span<const u8> bytes, std::span<u32> out) {
    const u8* in = bytes.data();
    switch (frame.bpp) {
    case 8:
        for (u32& pixel : out)
            pixel = frame.colours[*in++];
        break;
    case 15:
        for (u32& pixel : out) {
            pixel = from_555(load<u16>(in, frame.big_endian));
            in += 2;
        }
        break;
    case 16:
        for (u32& pixel : out) {
            pixel = from_565(load<u16>(in, frame.big_endian));
            in += 2;
        }
        break;
    case 24: {
        const unsigned red = frame.big_endian ? 0 : 2;
        for (u32& pixel : out) {
            pixel = u32{in[red]} << 16 | u32{in[1]} << 8 | in[2 - red];
            in += 3;
        }
        break;
    }
    case 32:
        for (u32& pixel : out) {
            pixel = load<u32>(in, frame.big_endian) & 0xffffff;
            in += 4;
        }
        break;
    }
}

} // namespace dm
