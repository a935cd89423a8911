#ifdef __linux__
#include "dm/core/check.hpp"
#include "dm/core/unique_fd.hpp"
#include "dm/host/poller.hpp"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace dm::host {
namespace {

u32 to_epoll(FdEvents events) {
    const auto bits = static_cast<unsigned>(events);
    return ((bits & 1U) != 0 ? u32{EPOLLIN} : 0) | ((bits & 2U) != 0 ? u32{EPOLLOUT} : 0);
}

/// Deadlines are a timerfd's: a round in which no deadline moves forward takes no system call for them, and
/// none for the clock, which is one where dom0 runs on Xen's own clock source.
class EpollPoller final : public Poller {
public:
    EpollPoller()
        : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
        DM_CHECK(epoll_.get() >= 0 && timer_.get() >= 0);
        control(EPOLL_CTL_ADD, timer_.get(), FdEvents::Readable, nullptr);
    }

    void add(int fd, FdEvents events, void* token) override { control(EPOLL_CTL_ADD, fd, events, token); }
    void change(int fd, FdEvents events, void* token) override { control(EPOLL_CTL_MOD, fd, events, token); }
    void remove(int fd) override { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

    Woken wait(std::optional<u64> deadline_ns, std::span<Ready> out, Sleep sleep) override {
        if (deadline_ns && (!armed_ns_ || *deadline_ns < *armed_ns_)) arm(*deadline_ns);
        std::array<epoll_event, kMostPerWait> events{};
        const int most = static_cast<int>(std::min(out.size(), events.size()));
        const int got = ::epoll_wait(epoll_.get(), events.data(), most, sleep == Sleep::Yes ? -1 : 0);
        Woken woken{0, false};
        for (int i = 0; i < got; ++i) {
            const epoll_event& e = events[static_cast<std::size_t>(i)];
            if (e.data.ptr == nullptr) {
                woken.due = true;
                disarm();
                continue;
            }
            out[woken.ready++] = {e.data.ptr,
                                  {(e.events & EPOLLIN) != 0, (e.events & EPOLLOUT) != 0,
                                   (e.events & (EPOLLHUP | EPOLLERR)) != 0}};
        }
        return woken;
    }

private:
    void control(int what, int fd, FdEvents events, void* token) const {
        epoll_event event{};
        event.events = to_epoll(events);
        event.data.ptr = token;
        DM_CHECK(::epoll_ctl(epoll_.get(), what, fd, &event) == 0);
    }

    /// A deadline that moves back is left as it is: the timer then fires once for nothing.
    void arm(u64 deadline_ns) {
        const u64 at = std::max<u64>(deadline_ns, 1); // 0 would disarm
        itimerspec when{};
        when.it_value = {static_cast<time_t>(at / kSecond), static_cast<long>(at % kSecond)};
        DM_CHECK(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0);
        armed_ns_ = deadline_ns;
    }

    void disarm() {
        u64 expirations = 0;
        [[maybe_unused]] const auto got = ::read(timer_.get(), &expirations, sizeof(expirations));
        armed_ns_.reset();
    }

    UniqueFd epoll_;
    UniqueFd timer_;
    std::optional<u64> armed_ns_;
};

} // namespace

std::unique_ptr<Poller> make_poller() {
    return std::make_unique<EpollPoller>();
}

} // namespace dm::host
#endif
