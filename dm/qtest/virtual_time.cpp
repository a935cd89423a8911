#include "dm/qtest/virtual_time.hpp"

#include <algorithm>

namespace dm::qtest {

void VirtualTime::advance_to(u64 ns) {
    for (unsigned stops = 0; clock_.now < ns; ++stops) {
        const u64 next = stops < kMostStops ? timers_.next_deadline().value_or(ns) : ns;
        clock_.now = std::clamp(next, clock_.now, ns);
        timers_.run_due();
    }
}

void VirtualTime::advance_to_next() {
    if (const auto deadline = timers_.next_deadline()) advance_to(*deadline);
}

} // namespace dm::qtest
