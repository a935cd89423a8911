// The device thread's loop as the rooms see it.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/types.hpp"

#include <functional>

namespace dm {

enum class FdEvents : u8 { None = 0, Readable = 1, Writable = 2, Both = 3 };

/// What happened to an fd; Hangup (or an error) is reported whatever was asked for.
struct FdReady {
    bool readable = false;
    bool writable = false;
    bool hangup = false;
};

/// Work that shows in memory before its fd wakes anybody: a loop may look there for a little while instead of
/// sleeping at once.
class Lookout {
public:
    virtual ~Lookout() = default;
    /// Does the work that is there; true: there was some. No system call when there is none.
    virtual bool look() = 0;
    /// The loop is about to sleep: from now on the fd must tell of work.
    virtual void rest() = 0;
};

class EventLoop {
public:
    virtual ~EventLoop() = default;

    using FdHandler = std::function<void(FdReady)>;
    /// Watches `fd`, which must stay open until unwatch(). One handler per fd.
    virtual void watch(int fd, FdEvents events, FdHandler handler) = 0;
    virtual void change(int fd, FdEvents events) = 0;
    /// Safe inside any handler, also its own; the handler is not called any more.
    virtual void unwatch(int fd) = 0;

    /// True: the loop looks there between rounds and calls rest() each time before it sleeps. False: this
    /// loop never does. At most one; null takes it back.
    virtual bool set_lookout(Lookout* lookout) {
        static_cast<void>(lookout);
        return false;
    }

    /// Runs `task` in the device thread soon. The only call that other threads may make.
    virtual void post(std::function<void()> task) = 0;

    /// Timers in machine time (they stand still while the machine is stopped).
    virtual TimerQueue& machine_timers() = 0;
    /// Timers in host time: for VNC, QMP, logs.
    virtual TimerQueue& host_timers() = 0;

    /// Leaves run() after the current handler.
    virtual void quit(int exit_status) = 0;
};

} // namespace dm
