// A cursor that the adapter lays over the picture: two bits per pixel, a place and two colours.
#pragma once

#include "dm/core/types.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace dm {

struct VgaCursor {
    static constexpr unsigned kMostPixels = 64;

    unsigned size = 0; ///< pixels in both directions; 0: none
    unsigned x = 0;
    unsigned y = 0;
    /// Leftmost pixel in bit 63. Neither `ink` nor `second`: the picture shows through.
    std::array<u64, kMostPixels> ink{};
    std::array<u64, kMostPixels> second{}; ///< of ink: the second colour; without ink: inverts the picture
    std::array<u32, 2> colours{};          ///< 0x00RRGGBB

    bool operator==(const VgaCursor&) const = default;

    bool covers(unsigned line) const { return line >= y && line - y < size; }

    /// Draws its part of `line`, which it covers, over `pixels`.
    void draw(unsigned line, std::span<u32> pixels) const {
        const u64 inked = ink[line - y];
        const u64 seconds = second[line - y];
        const u64 end = std::min<u64>(u64{x} + size, pixels.size());
        for (u64 at = x; at < end; ++at) {
            const u64 bit = u64{1} << (kMostPixels - 1 - (at - x));
            if ((inked & bit) != 0)
                pixels[at] = colours[(seconds & bit) != 0 ? 1 : 0];
            else if ((seconds & bit) != 0)
                pixels[at] ^= 0xffffff;
        }
    }
};

} // namespace dm
