// An event loop for tests of rooms that may not use the host's: everything that is ready is served at once.
#pragma once

#include "dm/core/event_loop.hpp"
#include "tests/support/fakes.hpp"

#include <map>
#include <memory>
#include <poll.h>

namespace dm::test {

class PollLoop final : public EventLoop {
public:
    void watch(int fd, FdEvents, FdHandler handler) override {
        handlers_[fd] = std::make_shared<FdHandler>(std::move(handler));
    }
    void change(int, FdEvents) override {}
    void unwatch(int fd) override { handlers_.erase(fd); }
    void post(std::function<void()> task) override { posted_.push_back(std::move(task)); }
    TimerQueue& machine_timers() override { return timers_; }
    TimerQueue& host_timers() override { return timers_; }
    void quit(int) override {}

    /// Serves what there is until nothing is ready. `more` may make something ready.
    void run(const std::function<bool()>& more = {}) {
        do {
            while (once()) {
            }
        } while (more && more());
    }
    std::size_t watched() const { return handlers_.size(); }
    unsigned rounds = 0; ///< that found something to do

private:
    bool once() {
        bool any = false;
        std::vector<std::function<void()>> tasks;
        tasks.swap(posted_);
        for (const auto& task : tasks) {
            task();
            any = true;
        }
        const auto handlers = handlers_;
        for (const auto& [fd, handler] : handlers) {
            pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
            if (!handlers_.contains(fd) || ::poll(&p, 1, 0) != 1) continue;
            (*handler)({.readable = true});
            any = true;
        }
        rounds += any ? 1 : 0;
        return any;
    }

    std::map<int, std::shared_ptr<FdHandler>> handlers_;
    std::vector<std::function<void()>> posted_;
    FakeClock clock_;
    TimerQueue timers_{clock_};
};

} // namespace dm::test
