// A small event loop on poll(), stepped by the test.
#pragma once

#include "dm/core/event_loop.hpp"
#include "tests/support/fakes.hpp"

#include <map>
#include <memory>
#include <poll.h>
#include <vector>

namespace dm::test {

class PollLoop final : public EventLoop {
public:
    void watch(int fd, FdEvents events, FdHandler handler) override {
        watched_[fd] = {events, std::make_shared<FdHandler>(std::move(handler))};
    }
    void change(int fd, FdEvents events) override { watched_.at(fd).events = events; }
    void unwatch(int fd) override { watched_.erase(fd); }
    void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
    TimerQueue& machine_timers() override { return machine_timers_; }
    TimerQueue& host_timers() override { return host_timers_; }
    void quit(int) override { quit_called = true; }

    /// Serves what is ready now; false when nothing was.
    bool step() {
        std::vector<pollfd> fds;
        for (const auto& [fd, watch] : watched_) {
            const auto wants = [events = watch.events](FdEvents what) {
                return (static_cast<u8>(events) & static_cast<u8>(what)) != 0;
            };
            fds.push_back({fd,
                           static_cast<short>((wants(FdEvents::Readable) ? POLLIN : 0) |
                                              (wants(FdEvents::Writable) ? POLLOUT : 0)),
                           0});
        }
        if (poll(fds.data(), fds.size(), 0) <= 0) return false;
        for (const pollfd& ready : fds) {
            const auto found = watched_.find(ready.fd);
            if (ready.revents == 0 || found == watched_.end()) continue;
            const auto handler = found->second.handler; // lives on while it runs
            (*handler)({(ready.revents & POLLIN) != 0, (ready.revents & POLLOUT) != 0,
                        (ready.revents & (POLLHUP | POLLERR)) != 0});
        }
        return true;
    }
    /// Serves until nothing is ready. A loop that never ends is the bug it is meant to show.
    int settle(int most = 100000) {
        int steps = 0;
        while (steps < most && step())
            ++steps;
        return steps;
    }
    std::size_t watched() const { return watched_.size(); }
    bool quit_called = false;
    FakeClock clock;

private:
    struct Watch {
        FdEvents events = FdEvents::None;
        std::shared_ptr<FdHandler> handler;
    };
    std::map<int, Watch> watched_;
    std::vector<std::function<void()>> tasks_;
    TimerQueue machine_timers_{clock};
    TimerQueue host_timers_{clock};
};

} // namespace dm::test
