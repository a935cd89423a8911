// Register files that are mostly storage, described by a table that the compiler checks:
//
//     inline constexpr std::array kPmRegisters{
//         RegSpec{"PMCNTRL", 0x04, 2, 0x0000, 0x1c03, 0x0000},
//         ...
//     };
//     static_assert(well_formed(kPmRegisters, 64));
#pragma once

#include "dm/core/types.hpp"

#include <span>
#include <string_view>

namespace dm {

struct RegSpec {
    std::string_view name; ///< as the datasheet spells it
    u16 offset = 0;
    u8 width = 1; ///< bytes: 1, 2 or 4
    u32 reset = 0;
    u32 writable = 0; ///< bits that the guest can write
    u32 w1c = 0;      ///< bits that are cleared by writing ones
};

/// Sorted by offset, disjoint, aligned, inside `size` bytes, masks no wider than the registers.
constexpr bool well_formed(std::span<const RegSpec> table, unsigned size) {
    unsigned end = 0;
    for (const RegSpec& reg : table) {
        if (reg.width != 1 && reg.width != 2 && reg.width != 4) return false;
        if (reg.offset < end || reg.offset % reg.width != 0) return false;
        end = reg.offset + reg.width;
        if (((reg.reset | reg.writable | reg.w1c) & ~ones(reg.width)) != 0) return false;
        if ((reg.writable & reg.w1c) != 0) return false;
    }
    return end <= size;
}

} // namespace dm
