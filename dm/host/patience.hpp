// How long it pays to look for more work before sleeping, learned from how long it took until there was more.
//
// A guest in the middle of a transfer comes back within microseconds, and being woken costs each of its
// accesses several times that. A guest that is at rest must not cost anything.
//
// The time from one wake-up to the next says little about how soon the guest came back: most of it may be the
// waking itself. So a wake-up that follows soon on the last work is a reason to try: to look once, for as
// long as looking may ever last. Tries that find nothing make the next ones rarer.
#pragma once

#include "dm/core/types.hpp"

#include <algorithm>

namespace dm::host {

class Patience {
public:
    static constexpr u64 kMostUs = 600;
    static constexpr u64 kSoon = 10;      ///< times the most: a wake-up within that is worth a try
    static constexpr u64 kMostSkips = 64; ///< wake-ups between two tries, when trying does not pay

    /// Units of time are the caller's; `most` of them are what waiting may ever cost.
    void set_most(u64 most) { most_ = most; }

    /// Look for that long. 0: sleep at once.
    u64 window() const { return trying_ ? most_ : window_; }

    /// Looking found work, `gap` after the last.
    void found(u64 gap) {
        if (trying_) skips_ = 0;
        trying_ = false;
        window_ = std::min(most_, std::max(window_ - window_ / 8, gap * 4));
        settle();
    }

    /// Looking as long as `window` found nothing.
    void missed() {
        if (trying_) skips_ = std::min(kMostSkips, skips_ * 2 + 1);
        trying_ = false;
        to_skip_ = skips_;
    }

    /// There was work when the sleeper was woken, `gap` after the last.
    void woken(u64 gap) {
        if (gap > most_) window_ /= 2;
        settle();
        const bool soon = gap <= most_ * kSoon;
        trying_ = soon && to_skip_ == 0;
        if (soon && to_skip_ != 0) --to_skip_;
    }

private:
    void settle() {
        if (window_ < most_ / 64) window_ = 0; // less than being woken costs
    }

    u64 most_ = 0;
    u64 window_ = 0;
    bool trying_ = false;
    u64 skips_ = 0;   ///< wake-ups to let pass before the next try
    u64 to_skip_ = 0; ///< how many of them are left
};

} // namespace dm::host
