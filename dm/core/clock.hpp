// Time as devices see it: injected, monotonic, standing still while the machine is stopped.
#pragma once

#include "dm/core/types.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace dm {

inline constexpr u64 kMicrosecond = 1'000;
inline constexpr u64 kMillisecond = 1'000'000;
inline constexpr u64 kSecond = 1'000'000'000;

class Clock {
public:
    virtual ~Clock() = default;
    /// Nanoseconds of machine time.
    virtual u64 now_ns() const = 0;
};

class Timer;

/// The timers of one machine. The owner of the event loop asks for next_deadline() and calls run_due().
class TimerQueue {
public:
    explicit TimerQueue(Clock& clock) : clock_(clock) {}
    TimerQueue(const TimerQueue&) = delete;
    TimerQueue& operator=(const TimerQueue&) = delete;

    Clock& clock() { return clock_; }
    u64 now_ns() const { return clock_.now_ns(); }
    std::optional<u64> next_deadline() const { return earliest_; }
    /// Fires every timer whose deadline has passed, each at most once, earliest first.
    void run_due();

private:
    friend class Timer;
    void refresh();

    Timer* next_due(u64 now);

    Clock& clock_;
    std::vector<Timer*> timers_; // a machine has a few dozen: a scan beats a heap
    u64 round_ = 0;              // of run_due()
    std::optional<u64> earliest_;
};

/// One-shot timer. The deadline itself is device State; the Timer is wiring that the device re-arms after
/// load.
class Timer {
public:
    Timer(TimerQueue& queue, std::function<void()> fire);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Absolute machine time in ns; nothing: disarmed. Re-arming with the same deadline costs nothing.
    void arm(std::optional<u64> deadline_ns);
    void disarm() { arm(std::nullopt); }
    std::optional<u64> deadline() const { return deadline_; }

private:
    friend class TimerQueue;
    TimerQueue& queue_;
    std::function<void()> fire_;
    std::optional<u64> deadline_;
    u64 fired_in_ = 0; // round of the queue
};

} // namespace dm
