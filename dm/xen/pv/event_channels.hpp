// The event channels between PV back ends and their guest, on a handle of their own: one descriptor in the
// loop, whatever the number of devices.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/log.hpp"
#include "dm/core/result.hpp"
#include "dm/xen/handles.hpp"

#include <functional>
#include <memory>
#include <unordered_map>

namespace dm::xen {

class EventChannels {
public:
    static Result<std::unique_ptr<EventChannels>> open(EventLoop& loop, u16 domid);
    ~EventChannels();
    EventChannels(const EventChannels&) = delete;
    EventChannels& operator=(const EventChannels&) = delete;

    /// Connects to the guest's `remote` port; `event` runs in the loop after the guest notified it. Returns
    /// our port. The number may be any: the guest chose it.
    Result<u32> bind(u32 remote, std::function<void()> event);
    /// Safe in the event's own handler.
    void unbind(u32 port);
    void notify(u32 port);

private:
    EventChannels(EventLoop& loop, Handle<xenevtchn_handle> handle, u16 domid);
    void events();

    EventLoop& loop_;
    Handle<xenevtchn_handle> handle_;
    u16 domid_;
    std::unordered_map<u32, std::shared_ptr<std::function<void()>>> bound_;
    Log log_{"pv-events"};
};

} // namespace dm::xen
