// Draws the rows of a planned blit.
#pragma once

#include "dm/devices/vga/cirrus_blit.hpp"

#include <span>

namespace dm {

/// All of it, from a source in video memory.
void paint_cirrus_blit(const CirrusBlitPlan& plan, std::span<u8> vram);

/// With a source that the CPU sent: row `row` of the blit from a row of it, or all of the blit from a
/// pattern.
void paint_cirrus_row(const CirrusBlitPlan& plan, std::span<u8> vram, u32 row, std::span<const u8> source);

} // namespace dm
