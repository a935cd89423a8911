#include "dm/host/loop.hpp"

#include "dm/core/check.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>

namespace dm::host {

Loop::Loop(std::unique_ptr<Poller> poller) : poller_(std::move(poller)) {
    std::array<int, 2> ends{};
    DM_CHECK(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    wake_read_.reset(ends[0]);
    wake_write_.reset(ends[1]);
    watch(wake_read_.get(), FdEvents::Readable, [this](FdReady) {
        std::array<char, 64> sink{};
        while (::read(wake_read_.get(), sink.data(), sink.size()) > 0) {
        }
        run_posted();
    });
}

Loop::~Loop() = default;

void Loop::watch(int fd, FdEvents events, FdHandler handler) {
    auto entry = std::make_unique<Watch>(Watch{fd, std::move(handler)});
    poller_->add(fd, events, entry.get());
    const bool fresh = watches_.emplace(fd, std::move(entry)).second;
    DM_CHECK(fresh);
}

void Loop::change(int fd, FdEvents events) {
    const auto it = watches_.find(fd);
    if (it != watches_.end()) poller_->change(fd, events, it->second.get());
}

void Loop::unwatch(int fd) {
    const auto it = watches_.find(fd);
    if (it == watches_.end()) return;
    poller_->remove(fd);
    it->second->dead = true;
    dead_.push_back(std::move(it->second));
    watches_.erase(it);
}

void Loop::post(std::function<void()> task) {
    bool first = false;
    {
        const std::lock_guard lock(posted_mutex_);
        first = posted_.empty();
        posted_.push_back(std::move(task));
    }
    if (!first) return; // a wake-up is on its way already
    const char byte = 0;
    [[maybe_unused]] const auto written = ::write(wake_write_.get(), &byte, 1);
}

void Loop::run_posted() {
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(posted_mutex_);
        tasks.swap(posted_);
    }
    for (const auto& task : tasks)
        task();
}

void Loop::quit(int exit_status) {
    exit_status_ = exit_status;
}

std::optional<u64> Loop::deadline(std::optional<u64> most_ns) const {
    std::optional<u64> earliest = host_timers_.next_deadline();
    const auto consider = [&earliest](u64 at) { earliest = std::min(earliest.value_or(at), at); };
    if (machine_clock_.running() && machine_timers_.next_deadline())
        consider(machine_clock_.host_time(*machine_timers_.next_deadline()));
    if (most_ns) consider(host_clock_.now_ns() + *most_ns);
    return earliest;
}

void Loop::run_timers() {
    host_timers_.run_due();
    if (machine_clock_.running()) machine_timers_.run_due();
}

bool Loop::set_lookout(Lookout* lookout) {
    lookout_ = lookout;
    return true;
}

/// Looks once; how long after the last work there was more, if there is.
std::optional<u64> Loop::look() {
    if (!lookout_->look()) return std::nullopt;
    const u64 now = ticks();
    const u64 gap = now - std::exchange(last_work_, now);
    if (round_end_) round_end_();
    return gap;
}

/// Instead of sleeping, as long as that is expected to pay. Ends when something else is ready, too.
Poller::Woken Loop::look_on(std::optional<u64> most_ns, ReadyFds& ready) {
    constexpr unsigned kLooksPerPoll =
        32; // the others are asked by a system call, and wait that long at most
    unsigned looks = 0;
    while (lookout_ != nullptr && !exit_status_ && ticks() - last_work_ < patience_.window()) {
        if (const auto gap = look()) patience_.found(*gap);
        if (++looks % kLooksPerPoll != 0) continue;
        const auto woken = poller_->wait(deadline(most_ns), ready, Poller::Sleep::No);
        if (woken.ready != 0 || woken.due) return woken;
    }
    if (looks != 0) patience_.missed();
    return {0, false};
}

Poller::Woken Loop::sleep(std::optional<u64> most_ns, ReadyFds& ready) {
    if (lookout_ == nullptr) return poller_->wait(deadline(most_ns), ready);
    auto woken = look_on(most_ns, ready);
    if (exit_status_ || woken.ready != 0 || woken.due) return woken;
    tick_rate_.measure();
    patience_.set_most(tick_rate_.per_us() * Patience::kMostUs);
    lookout_->rest();
    woken = poller_->wait(deadline(most_ns), ready);
    if (const auto gap = look()) patience_.woken(*gap);
    return woken;
}

void Loop::run_once(std::optional<u64> most_ns) {
    ReadyFds ready{};
    const auto [count, due] = sleep(most_ns, ready);
    for (std::size_t i = 0; i < count; ++i) {
        auto* watch = static_cast<Watch*>(ready[i].token);
        if (!watch->dead) watch->handler(ready[i].what);
    }
    if (due) run_timers();
    dead_.clear();
    if (round_end_) round_end_();
}

int Loop::run() {
    while (!exit_status_)
        run_once();
    return *std::exchange(exit_status_, std::nullopt);
}

} // namespace dm::host
