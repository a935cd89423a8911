// How long it pays to look for more work before sleeping, learned from how long it took until there was more.
//
// A guest in the middle of a transfer comes back within microseconds, and being woken costs each of its
// accesses several times that. A guest that is at rest must not cost anything.
#pragma once

#include "dm/core/types.hpp"

#include <algorithm>

namespace dm::host {

class Patience {
public:
    static constexpr u64 kMostUs = 200;

    /// Units of time are the caller's; `most` of them are what waiting may ever cost.
    void set_most(u64 most) { most_ = most; }

    /// Look for that long. 0: sleep at once.
    u64 window() const { return window_; }

    /// There was work again, `gap` after the last.
    void learn(u64 gap) {
        if (gap <= most_)
            window_ = std::min(most_, std::max(window_ - window_ / 8, gap * 4));
        else
            window_ /= 2;
        if (window_ < most_ / 64) window_ = 0; // less than being woken costs
    }

private:
    u64 most_ = 0;
    u64 window_ = 0;
};

} // namespace dm::host
