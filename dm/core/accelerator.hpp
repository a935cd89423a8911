// What runs a machine: a hypervisor with a life of its own. Xen is one; a test's protocol is another.
//
// Order of calls: the concrete class is made, the board is built on it (video memory, interrupt routes),
// start(), then restrict_handles() where the toolstack asks for it; set_serving() and trim() as long as it
// lives.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/hypervisor.hpp"

namespace dm {

class Accelerator : public Hypervisor {
public:
    /// Machine time as this accelerator lets it pass: the loop's, unless it has a clock of its own.
    virtual TimerQueue& machine_timers(EventLoop& loop) { return loop.machine_timers(); }

    /// Takes accesses from now on, once set_serving(true) was called too, and brings them to these spaces,
    /// which outlive it.
    virtual Status start(EventLoop& loop, IoSpace& ports, IoSpace& memory, PciBus& pci) = 0;

    /// True: a reboot is no end, and the accelerator calls `reset`, which resets all devices, when the access
    /// that asked for it is over. False: `reset` is never called, a reboot ends the domain.
    virtual bool reboots_in_place(const std::function<void()>& /*reset*/) { return false; }

    /// True: the guest's accesses wait unanswered, until false. For a machine that must stop at once while
    /// its domain runs on; set_serving(false) is for a domain that does not.
    virtual void hold(bool /*on*/) {}

    /// -xen-domid-restrict: gives up every right that this one guest does not need. Irrevocable; all that
    /// opens or populates comes before.
    virtual Status restrict_handles() = 0;

    /// Tells the toolstack that the machine is ready. Not fatal when it fails.
    virtual void announce_running() = 0;

    /// Between requests, when no view of guest memory is in use: gives back what is not needed any more.
    virtual void trim() = 0;
};

} // namespace dm
