// The host's monotonic clock, and the machine's clock that can stand still.
#pragma once

#include "dm/core/clock.hpp"

#include <chrono>

namespace dm::host {

class HostClock final : public Clock {
public:
    u64 now_ns() const override {
        using namespace std::chrono;
        return static_cast<u64>(duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
    }
};

/// Starts at zero, stopped; runs with the host's clock between start() and stop().
class MachineClock final : public Clock {
public:
    explicit MachineClock(const Clock& host) : host_(host) {}
    u64 now_ns() const override { return running_ ? base_ns_ + (host_.now_ns() - started_at_ns_) : base_ns_; }
    bool running() const { return running_; }
    /// The host's time at which this clock, running on, will show `machine_ns`; 0 when that was before it
    /// started, the end of time when it never will.
    u64 host_time(u64 machine_ns) const {
        if (machine_ns <= base_ns_) return 0;
        const u64 ahead = machine_ns - base_ns_;
        return ahead > ~u64{0} - started_at_ns_ ? ~u64{0} : started_at_ns_ + ahead;
    }
    void start() {
        if (running_) return;
        started_at_ns_ = host_.now_ns();
        running_ = true;
    }
    void stop() {
        base_ns_ = now_ns();
        running_ = false;
    }
    /// Continues from a saved machine's time; only while stopped.
    void set(u64 now_ns) { base_ns_ = now_ns; }

private:
    const Clock& host_;
    bool running_ = false;
    u64 base_ns_ = 0;
    u64 started_at_ns_ = 0;
};

} // namespace dm::host
