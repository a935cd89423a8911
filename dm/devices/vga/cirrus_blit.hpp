// A BitBLT of the CL-GD5446 before it runs: its registers as one value, and what follows from them, checked
// against the video memory. Nothing outside of this file decides where a blit reads or writes.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/fields.hpp"
#include "dm/core/types.hpp"

#include <optional>

namespace dm {

enum class BltMode : u8 { // GR30; bits 5:4 are the width of a pixel in bytes, less one
    BACKWARDS = 0x01,
    SYSTEM_DESTINATION = 0x02,
    SYSTEM_SOURCE = 0x04,
    TRANSPARENCY = 0x08,
    PATTERN = 0x40,
    COLOUR_EXPAND = 0x80,
};
enum class BltExtension : u8 { // GR33
    DWORD_GRANULARITY = 0x01,
    INVERT_EXPAND = 0x02,
    SOLID_FILL = 0x04,
};

/// What GR0, GR1 and GR10-GR35 say.
struct CirrusBlit {
    u16 width = 0; ///< bytes, 1 to 8192
    u16 height = 0;
    u16 dst_pitch = 0;
    u16 src_pitch = 0;
    u32 dst = 0;
    u32 src = 0;
    Bits<BltMode> mode;
    Bits<BltExtension> extension;
    u8 rop = 0;
    u8 skip = 0; ///< GR2F: pixels (at 24 bits bytes) on the left that are not drawn
    u32 foreground = 0;
    u32 background = 0;
    u16 key = 0; ///< of transparency without colour expansion

    static constexpr void fields(auto&& v, auto& s) {
        v("width", s.width);
        v("height", s.height);
        v("dst_pitch", s.dst_pitch);
        v("src_pitch", s.src_pitch);
        v("dst", s.dst);
        v("src", s.src);
        v("mode", s.mode);
        v("extension", s.extension);
        v("rop", s.rop);
        v("skip", s.skip);
        v("foreground", s.foreground);
        v("background", s.background);
        v("key", s.key);
    }
};
static_assert(covers_every_field<CirrusBlit>);

inline constexpr u32 kCirrusMostBlitWidth = 8192; ///< bytes; also the longest row that the CPU sends
inline constexpr u32 kCirrusMostBlitHeight = 8192;

/// A blit that may run.
struct CirrusBlitPlan {
    enum class Kind : u8 {
        Fill,          ///< with the foreground colour
        Expand,        ///< one bit per pixel becomes foreground or background
        ExpandPattern, ///< the same, 8 by 8 bits again and again
        Pattern,       ///< 8 by 8 pixels again and again
        Copy,
        KeyedCopy, ///< but for pixels that would get the key's colour
    };
    /// Bytes [first, end) of the video memory.
    struct Range {
        u32 first = 0;
        u32 end = 0;
    };

    CirrusBlit blit;
    Kind kind = Kind::Fill;
    unsigned pixel = 1;  ///< bytes
    u32 skip_pixels = 0; ///< not drawn on the left of each row
    u32 skip_bytes = 0;
    u32 pixels = 0;     ///< drawn in each row
    u32 source_row = 0; ///< bytes from one row to the next where the source has no pitch; a whole pattern
    bool backwards = false;
    bool from_system = false; ///< the CPU sends the source
    Range written;
    Range read; ///< of a source in video memory

    u32 source_rows() const { return is_pattern() ? 1 : blit.height; } ///< that the CPU sends
    bool is_pattern() const { return kind == Kind::Pattern || kind == Kind::ExpandPattern; }
    /// A row of a pattern of pixels.
    u32 pattern_pitch() const { return pixel == 3 ? 32 : pixel * 8; }
};

/// Nothing when the blit cannot run: a row of it would leave the video memory, its kind does not exist, or it
/// would draw over itself for longer than any real one takes. `memory`: bytes, a power of two.
std::optional<CirrusBlitPlan> plan_cirrus_blit(const CirrusBlit& blit, u32 memory);

} // namespace dm
