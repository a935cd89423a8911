// The integers and addresses that every room speaks of.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace dm {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

using GuestPhys = u64; ///< guest-physical address in bytes
using Gfn = u64;       ///< guest frame number: GuestPhys >> kPageShift
using Port = u16;      ///< x86 I/O port

inline constexpr unsigned kPageShift = 12;
inline constexpr u64 kPageSize = u64{1} << kPageShift;

/// Address of a PCI function on segment 0.
struct Bdf {
    u8 bus = 0;
    u8 dev = 0; ///< 0..31
    u8 fn = 0;  ///< 0..7

    constexpr u8 devfn() const { return static_cast<u8>(dev << 3 | fn); }
    auto operator<=>(const Bdf&) const = default;
};

/// All ones in the low `size` bytes: what a read of nothing returns. `size` is 0..8.
constexpr u64 ones(unsigned size) {
    return size >= 8 ? ~u64{0} : (u64{1} << (size * 8)) - 1;
}

} // namespace dm
