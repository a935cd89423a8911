// Waiting for file descriptors: epoll on Linux, poll elsewhere, the same behaviour of both.
#pragma once

#include "dm/core/event_loop.hpp"

#include <memory>
#include <optional>
#include <span>

namespace dm::host {

class Poller {
public:
    struct Ready {
        void* token;
        FdReady what;
    };
    static constexpr std::size_t kMostPerWait = 32;

    virtual ~Poller() = default;
    virtual void add(int fd, FdEvents events, void* token) = 0;
    virtual void change(int fd, FdEvents events, void* token) = 0;
    virtual void remove(int fd) = 0;
    struct Woken {
        std::size_t ready; ///< how many of `out` are filled
        bool due;          ///< a deadline may have passed: one look at the clock tells
    };
    enum class Sleep : u8 { No, Yes };
    /// Sleeps, if it may, until something is ready or the host's clock reaches `deadline_ns` (nothing: for
    /// ever). May return early, with neither.
    virtual Woken wait(std::optional<u64> deadline_ns, std::span<Ready> out, Sleep sleep = Sleep::Yes) = 0;
};

/// The best one of this platform.
std::unique_ptr<Poller> make_poller();
/// The portable one, for platforms without a better one and for tests.
std::unique_ptr<Poller> make_portable_poller();

} // namespace dm::host
