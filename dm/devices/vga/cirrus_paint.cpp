#include "dm/devices/vga/cirrus_paint.hpp"

#include "dm/devices/vga/cirrus_rop.hpp"

#include <array>

namespace dm {
namespace {

using Kind = CirrusBlitPlan::Kind;
using Colour = std::array<u8, 4>;

Colour bytes_of(u32 colour) {
    return {byte_of(colour, 0), byte_of(colour, 1), byte_of(colour, 2), byte_of(colour, 3)};
}

/// A plan with one raster operation. Every address is inside the plan's ranges: the plan was checked.
template <class Rop> class Painter {
public:
    Painter(const CirrusBlitPlan& plan, std::span<u8> vram, Rop rop)
        : p_(plan), vram_(vram.data()), rop_(rop), foreground_(bytes_of(plan.blit.foreground)),
          background_(bytes_of(plan.blit.background)) {}

    /// `source`: where the row's source begins, for patterns where the pattern begins.
    void row(u32 y, const u8* source) const {
        switch (p_.kind) {
        case Kind::Fill: fill(y); break;
        case Kind::Expand: expand(y, [&](u32 i) { return (source[i / 8] >> (7 - i % 8) & 1) != 0; }); break;
        case Kind::ExpandPattern: {
            const u8 bits = source[pattern_row(y)];
            expand(y, [&](u32 i) { return (bits >> (7 - i % 8) & 1) != 0; });
            break;
        }
        case Kind::Pattern: pattern(y, source + std::size_t{pattern_row(y)} * p_.pattern_pitch()); break;
        case Kind::Copy: copy(y, source); break;
        case Kind::KeyedCopy: keyed_copy(y, source); break;
        }
    }

private:
    /// The vertical preset: patterns begin with the row that the source address' lowest bits name.
    u32 pattern_row(u32 y) const { return (p_.blit.src + y) & 7; }

    u8* row_start(u32 y) const {
        const u32 offset = y * p_.blit.dst_pitch;
        return vram_ + (p_.backwards ? p_.blit.dst - offset : p_.blit.dst + offset);
    }
    /// Pixels of two and four bytes lie at multiples of their size.
    u8* first_pixel(u32 y) const {
        const u32 at = p_.blit.dst + y * p_.blit.dst_pitch + p_.skip_bytes;
        return vram_ + (p_.pixel == 3 ? at : at & ~(p_.pixel - 1));
    }
    void put(u8* at, const u8* pixel) const {
        for (unsigned i = 0; i < p_.pixel; ++i)
            at[i] = rop_(at[i], pixel[i]);
    }

    void fill(u32 y) const {
        u8* at = first_pixel(y);
        for (u32 i = 0; i < p_.pixels; ++i, at += p_.pixel)
            put(at, foreground_.data());
    }

    template <class Bit> void expand(u32 y, Bit bit) const {
        const bool transparent = p_.blit.mode.has(BltMode::TRANSPARENCY);
        const bool inverted = transparent && p_.blit.extension.has(BltExtension::INVERT_EXPAND);
        const u8* const one = inverted ? background_.data() : foreground_.data();
        u8* at = first_pixel(y);
        for (u32 i = 0; i < p_.pixels; ++i, at += p_.pixel) {
            if (bit(p_.skip_pixels + i) != inverted)
                put(at, one);
            else if (!transparent)
                put(at, background_.data());
        }
    }

    void pattern(u32 y, const u8* pixels) const {
        u8* at = first_pixel(y);
        for (u32 i = 0; i < p_.pixels; ++i, at += p_.pixel)
            put(at, pixels + std::size_t{(p_.skip_pixels + i) & 7} * p_.pixel);
    }

    // Byte by byte: where source and destination overlap, what was written is read again.
    void copy(u32 y, const u8* source) const {
        u8* const at = row_start(y);
        const std::ptrdiff_t width = p_.blit.width;
        if (p_.backwards)
            for (std::ptrdiff_t i = 0; i > -width; --i)
                at[i] = rop_(at[i], source[i]);
        else
            for (std::ptrdiff_t i = 0; i < width; ++i)
                at[i] = rop_(at[i], source[i]);
    }

    void keyed_copy(u32 y, const u8* source) const {
        if (p_.pixel == 1) {
            u8* const at = row_start(y);
            for (u32 i = 0; i < p_.pixels; ++i)
                put_unless_key(step(at, i), step(source, i));
            return;
        }
        // Backwards the address is that of the pixel's upper byte.
        u8* const at = even(p_.backwards ? row_start(y) - 1 : row_start(y));
        const u8* const from = p_.from_system ? source : even(p_.backwards ? source - 1 : source);
        for (u32 i = 0; i < p_.pixels; ++i)
            put_unless_key(step(at, i), step(from, i));
    }
    template <class Byte> Byte* even(Byte* at) const { return at - ((at - vram_) & 1); }
    template <class Byte> Byte* step(Byte* at, u32 pixel) const {
        const auto bytes = static_cast<std::ptrdiff_t>(std::size_t{pixel} * p_.pixel);
        return p_.backwards ? at - bytes : at + bytes;
    }
    /// The result is compared, not the source.
    void put_unless_key(u8* at, const u8* pixel) const {
        std::array<u8, 2> result{};
        bool same = true;
        for (unsigned i = 0; i < p_.pixel; ++i) {
            result[i] = rop_(at[i], pixel[i]);
            same = same && result[i] == byte_of(p_.blit.key, i);
        }
        if (same) return;
        for (unsigned i = 0; i < p_.pixel; ++i)
            at[i] = result[i];
    }

    const CirrusBlitPlan& p_;
    u8* vram_;
    Rop rop_;
    Colour foreground_;
    Colour background_;
};

/// Where the source of row `y` begins in video memory, as an offset.
u32 source_start(const CirrusBlitPlan& plan, u32 y) {
    switch (plan.kind) {
    case Kind::Fill:
    case Kind::ExpandPattern:
    case Kind::Pattern: return plan.read.first;
    case Kind::Expand: return plan.blit.src + y * plan.source_row;
    case Kind::Copy:
    case Kind::KeyedCopy: break;
    }
    const u32 offset = y * plan.blit.src_pitch;
    return plan.backwards ? plan.blit.src - offset : plan.blit.src + offset;
}

} // namespace

void paint_cirrus_blit(const CirrusBlitPlan& plan, std::span<u8> vram) {
    with_cirrus_rop(plan.blit.rop, [&](auto rop) {
        const Painter painter(plan, vram, rop);
        for (u32 y = 0; y < plan.blit.height; ++y)
            painter.row(y, vram.data() + source_start(plan, y));
    });
}

void paint_cirrus_row(const CirrusBlitPlan& plan, std::span<u8> vram, u32 row, std::span<const u8> source) {
    with_cirrus_rop(plan.blit.rop, [&](auto rop) {
        const Painter painter(plan, vram, rop);
        if (!plan.is_pattern()) {
            painter.row(row, source.data());
            return;
        }
        for (u32 y = 0; y < plan.blit.height; ++y)
            painter.row(y, source.data());
    });
}

} // namespace dm
