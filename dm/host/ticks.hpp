// Time as the processor counts it. The host's clock is a system call in a dom0 that runs on Xen's clock
// source, and this is not: what is looked at many times between two sleeps is timed by ticks.
#pragma once

#include "dm/host/host_clock.hpp"

namespace dm::host {

/// The counter may jump when the thread moves to another processor; a difference is then off, or enormous.
inline u64 ticks() {
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#else
    return HostClock{}.now_ns();
#endif
}

/// How long a tick is, found out by comparing both clocks now and then.
class TickRate {
public:
    /// Looks at both clocks until the rate is known, which takes two calls a millisecond or more apart.
    void measure() {
        if (per_us_ != 0) return;
        const u64 ns = clock_.now_ns();
        const u64 now = ticks();
        if (began_ns_ == 0) {
            began_ns_ = ns;
            began_ticks_ = now;
        } else if (ns - began_ns_ >= kLeastNs) {
            per_us_ = (now - began_ticks_) * 1000 / (ns - began_ns_);
            if (per_us_ == 0 || per_us_ > kMostPerUs) per_us_ = began_ns_ = 0; // a jump: once more
        }
    }
    u64 per_us() const { return per_us_; } ///< 0: not known yet

private:
    static constexpr u64 kLeastNs = 1'000'000;
    static constexpr u64 kMostPerUs = 10'000; // 10 GHz

    HostClock clock_;
    u64 began_ns_ = 0;
    u64 began_ticks_ = 0;
    u64 per_us_ = 0;
};

} // namespace dm::host
