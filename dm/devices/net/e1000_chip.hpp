// The chips of the family that differ in nothing but what they call themselves: PCI device, PHY (SDM table
// 5-1 and 11.3).
#pragma once

#include "dm/core/types.hpp"

namespace dm::e1000 {

inline constexpr u16 kIntel = 0x8086;

struct Chip {
    u16 device = 0x100e;
    u16 phy_id = 0x0c20; ///< EPHYID: model and revision
};

inline constexpr Chip k82540em{};
inline constexpr Chip k82544gc{.device = 0x100c, .phy_id = 0x0c30};
inline constexpr Chip k82545em{.device = 0x100f};

} // namespace dm::e1000
