// Machine time that passes only when the test says so.
#pragma once

#include "dm/core/clock.hpp"

namespace dm::qtest {

class VirtualTime {
public:
    TimerQueue& timers() { return timers_; }
    u64 now_ns() const { return clock_.now; }

    /// Goes to `ns`, stopping at each deadline on the way. Time never goes back.
    void advance_to(u64 ns);
    /// To the next deadline, if there is one.
    void advance_to_next();
    /// Fires what is due without letting time pass.
    void run_due() { timers_.run_due(); }

private:
    /// A leap over years of a periodic timer must end: after so many stops it fires once more, at the end.
    static constexpr unsigned kMostStops = 1'000'000;

    struct Now final : Clock {
        u64 now_ns() const override { return now; }
        u64 now = 0;
    };

    Now clock_;
    TimerQueue timers_{clock_};
};

} // namespace dm::qtest
