// Graphics modes: one line of pixels out of the video memory.
#pragma once

#include "dm/core/types.hpp"
#include "dm/devices/vga/vga_frame.hpp"

#include <span>

namespace dm {

/// Pixels that decode_cells() may write beyond what was asked for.
inline constexpr unsigned kVgaDecodeSlack = 32;

/// Planar, Cga and Colours256: fills at least `out.size() - kVgaDecodeSlack` pixels with what is shown from
/// `address` on. `vram`: a power of two.
void decode_cells(const VgaFrame& frame, std::span<const u8> vram, u32 address, unsigned pan,
                  std::span<u32> out);
/// Cells of a line, a partly visible one included.
unsigned cells_per_line(const VgaFrame& frame, unsigned pan);

/// Packed: `bytes` hold `out.size()` pixels.
void decode_packed(const VgaFrame& frame, std::span<const u8> bytes, std::span<u32> out);
/// Bytes of `pixels` pixels.
constexpr u64 packed_bytes(const VgaFrame& frame, u64 pixels) {
    return pixels * ((frame.bpp + 7) / 8);
}

} // namespace dm
