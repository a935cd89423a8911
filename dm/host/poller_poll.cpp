#include "dm/host/host_clock.hpp"
#include "dm/host/poller.hpp"

#include <poll.h>
#include <vector>

namespace dm::host {
namespace {

short to_poll(FdEvents events) {
    const auto bits = static_cast<unsigned>(events);
    return static_cast<short>(((bits & 1U) != 0 ? POLLIN : 0) | ((bits & 2U) != 0 ? POLLOUT : 0));
}

class PollPoller final : public Poller {
public:
    void add(int fd, FdEvents events, void* token) override {
        fds_.push_back({.fd = fd, .events = to_poll(events), .revents = 0});
        tokens_.push_back(token);
    }
    void change(int fd, FdEvents events, void*) override {
        for (pollfd& p : fds_)
            if (p.fd == fd) p.events = to_poll(events);
    }
    void remove(int fd) override {
        for (std::size_t i = 0; i < fds_.size(); ++i) {
            if (fds_[i].fd != fd) continue;
            fds_.erase(fds_.begin() + static_cast<std::ptrdiff_t>(i));
            tokens_.erase(tokens_.begin() + static_cast<std::ptrdiff_t>(i));
            return;
        }
    }
    Woken wait(std::optional<u64> deadline_ns, std::span<Ready> out, Sleep sleep) override {
        timespec limit{};
        if (deadline_ns && sleep == Sleep::Yes) {
            const u64 now = clock_.now_ns();
            const u64 left = *deadline_ns > now ? *deadline_ns - now : 0;
            limit.tv_sec = static_cast<time_t>(left / kSecond);
            limit.tv_nsec = static_cast<long>(left % kSecond);
        }
        const bool limited = deadline_ns.has_value() || sleep == Sleep::No;
        if (::ppoll(fds_.data(), static_cast<nfds_t>(fds_.size()), limited ? &limit : nullptr, nullptr) <= 0)
            return {0, deadline_ns.has_value()};
        std::size_t n = 0;
        for (std::size_t i = 0; i < fds_.size() && n < out.size(); ++i) {
            const short r = fds_[i].revents;
            if (r == 0) continue;
            out[n++] = {tokens_[i],
                        {(r & POLLIN) != 0, (r & POLLOUT) != 0, (r & (POLLHUP | POLLERR | POLLNVAL)) != 0}};
        }
        return {n, deadline_ns.has_value()};
    }

private:
    HostClock clock_;
    std::vector<pollfd> fds_;
    std::vector<void*> tokens_;
};

} // namespace

std::unique_ptr<Poller> make_portable_poller() {
    return std::make_unique<PollPoller>();
}

#ifndef __linux__
std::unique_ptr<Poller> make_poller() {
    return make_portable_poller();
}
#endif

} // namespace dm::host
