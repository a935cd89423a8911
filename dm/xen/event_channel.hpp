// One event channel between the guest and us, with a descriptor of its own.
//
// Of its own because Linux (drivers/xen/evtchn.c, up to 6.12 at least) may forget to wake the reader of a
// descriptor that serves several channels: an event that comes while another one's is being read is put into
// the ring without a wake-up when the reader has not said yet that it emptied it, and the reader then sees
// the ring before the event is in it. Nobody wakes it from there on. With one channel no event can come
// before the last one was read, because it is masked until then.
#pragma once

#include "dm/core/log.hpp"
#include "dm/core/result.hpp"
#include "dm/xen/handles.hpp"

namespace dm::xen {

class EventChannel {
public:
    /// Connects to the domain's port `remote`. Errors name `what`.
    static Result<EventChannel> bind(u16 domid, u32 remote, std::string_view what);

    /// Readable when there is an event.
    int fd() const;
    /// Takes the event, if there is one. True: there was; no other comes before unmask().
    bool take();
    /// Lets the next event come; one that was due meanwhile comes now. Nothing where none was taken.
    void unmask();
    void notify();

private:
    EventChannel(Handle<xenevtchn_handle> handle, u32 port) : handle_(std::move(handle)), port_(port) {}

    Handle<xenevtchn_handle> handle_; // closing it gives the channel back
    u32 port_;
    bool masked_ = false;
    Log log_{"events"};
};

} // namespace dm::xen
