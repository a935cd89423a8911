#include "dm/core/clock.hpp"

namespace dm {

Timer::Timer(TimerQueue& queue, std::function<void()> fire) : queue_(queue), fire_(std::move(fire)) {
    queue_.timers_.push_back(this);
}

Timer::~Timer() {
    std::erase(queue_.timers_, this);
    queue_.refresh();
}

void Timer::arm(std::optional<u64> deadline_ns) {
    if (deadline_ns == deadline_) return;
    deadline_ = deadline_ns;
    queue_.refresh();
}

void TimerQueue::refresh() {
    earliest_.reset();
    for (const Timer* timer : timers_)
        if (timer->deadline_ && (!earliest_ || *timer->deadline_ < *earliest_)) earliest_ = timer->deadline_;
}

Timer* TimerQueue::next_due(u64 now) {
    Timer* due = nullptr;
    for (Timer* timer : timers_) {
        if (!timer->deadline_ || *timer->deadline_ > now || timer->fired_in_ == round_) continue;
        if (due == nullptr || *timer->deadline_ < *due->deadline_) due = timer;
    }
    return due;
}

void TimerQueue::run_due() {
    if (!earliest_) return;
    const u64 now = clock_.now_ns();
    if (*earliest_ > now) return;
    // A timer that re-arms itself into the past waits for the next round: this loop ends, and nobody starves.
    ++round_;
    while (Timer* timer = next_due(now)) {
        timer->fired_in_ = round_;
        timer->deadline_.reset();
        refresh();
        timer->fire_();
    }
}

} // namespace dm
