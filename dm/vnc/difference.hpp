// Where two pictures differ.
#pragma once

#include "dm/core/display.hpp"

#include <span>

namespace dm::vnc {

/// Rows of pixels, `stride` pixels apart. Another thread may draw them meanwhile.
struct Pixels {
    const u32* first = nullptr;
    std::size_t stride = 0;

    std::span<const u32> row(const Rect& area, unsigned y) const {
        return {first + std::size_t{y} * stride + area.x, area.width};
    }
};

/// The smallest part of `area` outside of which both are equal there; of no width where they are the same.
Rect difference(const Pixels& now, const Pixels& before, const Rect& area);

} // namespace dm::vnc
