// The event channels between PV back ends and their guest.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/result.hpp"
#include "dm/xen/event_channel.hpp"

#include <functional>
#include <memory>
#include <unordered_map>

namespace dm::xen {

class EventChannels {
public:
    EventChannels(EventLoop& loop, u16 domid) : loop_(loop), domid_(domid) {}
    ~EventChannels();
    EventChannels(const EventChannels&) = delete;
    EventChannels& operator=(const EventChannels&) = delete;

    /// Connects to the guest's `remote` port; `event` runs in the loop after the guest notified it. Returns
    /// a number for it. `remote` may be anything: the guest chose it.
    Result<u32> bind(u32 remote, std::function<void()> event);
    /// Safe in the event's own handler.
    void unbind(u32 number);
    void notify(u32 number);

private:
    struct Bound {
        EventChannel channel;
        std::function<void()> event;
    };
    void raised(const std::shared_ptr<Bound>& bound);

    EventLoop& loop_;
    u16 domid_;
    u32 next_number_ = 1;
    std::unordered_map<u32, std::shared_ptr<Bound>> bound_;
};

} // namespace dm::xen
