#include "dm/core/clock.hpp"

#include <algorithm>

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

void TimerQueue::run_due() {
    const u64 now = clock_.now_ns();
    // A timer that re-arms itself into the past waits for the next call, so that this loop ends.
    std::size_t budget = timers_.size();
    while (earliest_ && *earliest_ <= now && budget-- > 0) {
        const auto due = std::min_element(timers_.begin(), timers_.end(), [](const Timer* a, const Timer* b) {
            return a->deadline_.value_or(~u64{0}) < b->deadline_.value_or(~u64{0});
        });
        Timer& timer = **due;
        timer.deadline_.reset();
        refresh();
        timer.fire_();
    }
}

} // namespace dm
