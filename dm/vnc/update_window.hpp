// Flow control for continuous updates: how much of the picture may be under way to a viewer that does not ask
// for each update. Fences behind the updates come back when the viewer has worked off what was before them;
// while too much is under way nothing is sent, and what changes meanwhile adds up to one update.
//
// The window grows while the fences come back about as soon as the quickest ever did, and shrinks when they
// take longer: then more under way means only that a key's answer waits behind old pictures.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <cstddef>

namespace dm::vnc {

class UpdateWindow {
public:
    static constexpr u64 kLeast = u64{16} << 10;
    static constexpr u64 kFirst = u64{64} << 10;
    static constexpr u64 kMost = u64{8} << 20;
    static constexpr std::size_t kMostFences = 16;
    static constexpr u64 kSlackNs = 20'000'000; ///< a viewer's own work, which says nothing about the line

    /// May another update be sent? One always may when nothing is under way.
    bool open() const { return count_ == 0 || (count_ < kMostFences && under_way_ < window_); }
    /// An update was sent; the number for the fence that follows it.
    u32 sent(u64 bytes, u64 now_ns);
    /// The fence with this number came back. Numbers that are not under way mean nothing.
    void returned(u32 number, u64 now_ns);
    /// Nothing is waited for any more.
    void forget() { count_ = 0, under_way_ = 0; }

    u64 window() const { return window_; }

private:
    struct Fence {
        u64 bytes = 0;
        u64 sent_ns = 0;
        bool filled = false; ///< the window was at least half full
    };
    void judge(const Fence& fence, u64 took_ns);

    std::array<Fence, kMostFences> fences_{}; ///< of number n at n % kMostFences
    u32 next_ = 0;
    std::size_t count_ = 0;
    u64 under_way_ = 0;
    u64 window_ = kFirst;
    u64 quickest_ns_ = ~u64{0};
};

} // namespace dm::vnc
