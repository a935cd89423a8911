// Accesses of any width and place to a chip whose registers have 32 bits.
#pragma once

#include "dm/core/types.hpp"

#include <algorithm>

namespace dm {

/// `size` (0 to 8) bytes from `offset` on; `dword(at)` gives the register at a multiple of 4.
template <class Dword> constexpr u64 read_dwords(u64 offset, unsigned size, const Dword& dword) {
    u64 value = 0;
    for (unsigned done = 0; done < size;) {
        const unsigned first = (offset + done) & 3;
        const unsigned here = std::min(size - done, 4 - first);
        value |= (u64{dword(offset + done - first)} >> (8 * first) & ones(here)) << (8 * done);
        done += here;
    }
    return value;
}

/// `dword(at, value, mask)` for each register from the lowest on: `mask` has the bits that are written,
/// `value` is 0 elsewhere.
template <class Dword> constexpr void write_dwords(u64 offset, unsigned size, u64 value, const Dword& dword) {
    for (unsigned done = 0; done < size;) {
        const unsigned first = (offset + done) & 3;
        const unsigned here = std::min(size - done, 4 - first);
        const u64 mask = ones(here) << (8 * first);
        dword(offset + done - first, static_cast<u32>(value >> (8 * done) << (8 * first) & mask),
              static_cast<u32>(mask));
        done += here;
    }
}

} // namespace dm
