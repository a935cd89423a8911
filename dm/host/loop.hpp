// The device thread's event loop.
#pragma once

#include "dm/core/unique_fd.hpp"
#include "dm/host/host_clock.hpp"
#include "dm/host/patience.hpp"
#include "dm/host/poller.hpp"
#include "dm/host/ticks.hpp"

#include <array>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace dm::host {

class Loop final : public EventLoop {
public:
    explicit Loop(std::unique_ptr<Poller> poller = make_poller());
    ~Loop() override;
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void watch(int fd, FdEvents events, FdHandler handler) override;
    void change(int fd, FdEvents events) override;
    void unwatch(int fd) override;
    bool set_lookout(Lookout* lookout) override;
    void post(std::function<void()> task) override;
    TimerQueue& machine_timers() override { return machine_timers_; }
    TimerQueue& host_timers() override { return host_timers_; }
    void quit(int exit_status) override;

    MachineClock& machine_clock() { return machine_clock_; }

    /// Runs until quit(); returns its exit status.
    int run();
    /// One round: waits for at most `most_ns` (nothing: as long as it takes) and serves what is ready. May
    /// find nothing to do sooner.
    void run_once(std::optional<u64> most_ns = std::nullopt);
    /// Called after each round: the place for work that must wait until no handler is active.
    void set_round_end(std::function<void()> hook) { round_end_ = std::move(hook); }

private:
    struct Watch {
        int fd;
        FdHandler handler;
        bool dead = false;
    };

    using ReadyFds = std::array<Poller::Ready, Poller::kMostPerWait>;

    Poller::Woken sleep(std::optional<u64> most_ns, ReadyFds& ready);
    Poller::Woken look_on(std::optional<u64> most_ns, ReadyFds& ready);
    std::optional<u64> look();
    std::optional<u64> deadline(std::optional<u64> most_ns) const;
    void run_timers();
    void run_posted();

    HostClock host_clock_;
    MachineClock machine_clock_{host_clock_};
    TimerQueue host_timers_{host_clock_};
    TimerQueue machine_timers_{machine_clock_};

    std::unique_ptr<Poller> poller_;
    std::unordered_map<int, std::unique_ptr<Watch>> watches_;
    std::vector<std::unique_ptr<Watch>> dead_; // kept until the round ends: the poller may still name them

    Lookout* lookout_ = nullptr;
    TickRate tick_rate_;
    Patience patience_; ///< in ticks
    u64 last_work_ = 0; ///< when the lookout last found some, in ticks

    UniqueFd wake_read_;
    UniqueFd wake_write_;
    std::mutex posted_mutex_;
    std::vector<std::function<void()>> posted_;

    std::function<void()> round_end_;
    std::optional<int> exit_status_;
};

} // namespace dm::host
