// The block in which a monitor tells what it can show (VESA E-EDID release A revision 2, structure 1.4), for
// the monitor that a viewer's window is: any size that the video memory holds, one of them preferred.
//
// Not there: extension blocks.
// Notes: docs/devices/std_vga.md
#pragma once

#include "dm/core/types.hpp"

#include <array>

namespace dm {

inline constexpr unsigned kEdidBytes = 128;
using EdidBlock = std::array<u8, kEdidBytes>;

struct ScreenMode {
    unsigned width = 0;
    unsigned height = 0;
    bool operator==(const ScreenMode&) const = default;
};

/// The mode nearest to `wanted` that an EDID can name and that fits into `memory_bytes` at 32 bits per pixel.
ScreenMode possible_mode(ScreenMode wanted, u64 memory_bytes);

/// `preferred`: one that possible_mode() returns.
EdidBlock make_edid(ScreenMode preferred, u64 memory_bytes);

} // namespace dm
