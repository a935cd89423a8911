#ifdef __linux__
#include "dm/core/check.hpp"
#include "dm/host/poller.hpp"

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <unistd.h>

namespace dm::host {
namespace {

u32 to_epoll(FdEvents events) {
    const auto bits = static_cast<unsigned>(events);
    return ((bits & 1U) != 0 ? u32{EPOLLIN} : 0) | ((bits & 2U) != 0 ? u32{EPOLLOUT} : 0);
}

class EpollPoller final : public Poller {
public:
    EpollPoller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) { DM_CHECK(epoll_ >= 0); }
    ~EpollPoller() override { ::close(epoll_); }
    EpollPoller(const EpollPoller&) = delete;
    EpollPoller& operator=(const EpollPoller&) = delete;

    void add(int fd, FdEvents events, void* token) override { control(EPOLL_CTL_ADD, fd, events, token); }
    void change(int fd, FdEvents events, void* token) override { control(EPOLL_CTL_MOD, fd, events, token); }
    void remove(int fd) override { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

    std::size_t wait(std::optional<u64> timeout_ns, std::span<Ready> out) override {
        std::array<epoll_event, kMostPerWait> events{};
        const int most = static_cast<int>(std::min(out.size(), events.size()));
        const int n = wait_raw(timeout_ns, events.data(), most);
        for (int i = 0; i < n; ++i) {
            const epoll_event& e = events[static_cast<std::size_t>(i)];
            out[static_cast<std::size_t>(i)] = {e.data.ptr,
                                                {(e.events & EPOLLIN) != 0, (e.events & EPOLLOUT) != 0,
                                                 (e.events & (EPOLLHUP | EPOLLERR)) != 0}};
        }
        return n > 0 ? static_cast<std::size_t>(n) : 0;
    }

private:
    void control(int what, int fd, FdEvents events, void* token) const {
        epoll_event event{};
        event.events = to_epoll(events);
        event.data.ptr = token;
        DM_CHECK(::epoll_ctl(epoll_, what, fd, &event) == 0);
    }

    int wait_raw(std::optional<u64> timeout_ns, epoll_event* events, int most) {
        if (!timeout_ns) return ::epoll_wait(epoll_, events, most, -1);
        if (nanoseconds_work_) {
            const timespec limit{static_cast<time_t>(*timeout_ns / kSecond),
                                 static_cast<long>(*timeout_ns % kSecond)};
            const int n = ::epoll_pwait2(epoll_, events, most, &limit, nullptr);
            if (n >= 0 || errno != ENOSYS) return n;
            nanoseconds_work_ = false; // Linux before 5.11
        }
        const u64 ms = (*timeout_ns + kMillisecond - 1) / kMillisecond;
        return ::epoll_wait(epoll_, events, most, static_cast<int>(std::min<u64>(ms, 1'000'000)));
    }

    int epoll_;
    bool nanoseconds_work_ = true;
};

} // namespace

std::unique_ptr<Poller> make_poller() {
    return std::make_unique<EpollPoller>();
}

} // namespace dm::host
#endif
