#include "dm/vnc/difference.hpp"

#include <algorithm>

namespace dm::vnc {

Rect difference(const Pixels& now, const Pixels& before, const Rect& area) {
    unsigned left = area.width;
    unsigned right = 0;
    unsigned top = 0;
    unsigned bottom = 0;
    for (unsigned y = area.y; y < area.y + area.height; ++y) {
        const std::span<const u32> a = now.row(area, y);
        const std::span<const u32> b = before.row(area, y);
        if (std::equal(a.begin(), a.end(), b.begin())) continue;
        unsigned first = 0;
        while (first < left && a[first] == b[first])
            ++first;
        unsigned end = area.width;
        while (end > right && a[end - 1] == b[end - 1])
            --end;
        left = first;
        right = end;
        if (bottom == 0) top = y;
        bottom = y + 1;
    }
    if (left >= right) return {};
    return {area.x + left, top, right - left, bottom - top};
}

} // namespace dm::vnc
