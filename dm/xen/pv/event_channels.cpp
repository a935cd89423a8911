#include "dm/xen/pv/event_channels.hpp"

#include "dm/xen/libxen.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace dm::xen {

Result<std::unique_ptr<EventChannels>> EventChannels::open(EventLoop& loop, u16 domid) {
    Handle<xenevtchn_handle> handle(xenevtchn_open(nullptr, 0));
    if (!handle) return fail("cannot open Xen's event channels (/dev/xen/evtchn): {}", std::strerror(errno));
    return std::unique_ptr<EventChannels>(new EventChannels(loop, std::move(handle), domid));
}

EventChannels::EventChannels(EventLoop& loop, Handle<xenevtchn_handle> handle, u16 domid)
    : loop_(loop), handle_(std::move(handle)), domid_(domid) {
    const int fd = xenevtchn_fd(handle_.get());
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); // an event may vanish between poll and read
    loop_.watch(fd, FdEvents::Readable, [this](FdReady) { events(); });
}

EventChannels::~EventChannels() {
    loop_.unwatch(xenevtchn_fd(handle_.get()));
}

Result<u32> EventChannels::bind(u32 remote, std::function<void()> event) {
    const int local = xenevtchn_bind_interdomain(handle_.get(), domid_, remote);
    if (local < 0) return fail("event channel {} of the guest: {}", remote, std::strerror(errno));
    bound_[static_cast<u32>(local)] = std::make_shared<std::function<void()>>(std::move(event));
    return static_cast<u32>(local);
}

void EventChannels::unbind(u32 port) {
    bound_.erase(port);
    if (xenevtchn_unbind(handle_.get(), port) != 0)
        log_.guest("event channel {} cannot be given back: {}", port, std::strerror(errno));
}

void EventChannels::notify(u32 port) {
    if (xenevtchn_notify(handle_.get(), port) != 0)
        log_.guest("event channel {} cannot be notified: {}", port, std::strerror(errno));
}

/// A port that is read stays masked until it is written back: what the guest sends while its requests are
/// served is one more event then, not one for each.
void EventChannels::events() {
    std::array<evtchn_port_t, 32> ports;
    const ssize_t got = ::read(xenevtchn_fd(handle_.get()), ports.data(), sizeof(ports));
    if (got < static_cast<ssize_t>(sizeof(ports[0]))) return;
    auto end = ports.begin() + got / static_cast<ssize_t>(sizeof(ports[0]));
    for (auto port = ports.begin(); port != end; ++port) {
        const auto found = bound_.find(*port);
        if (found == bound_.end()) continue; // raised before it was unbound
        const auto event = found->second;    // which may unbind it
        (*event)();
    }
    end = std::remove_if(ports.begin(), end, [this](evtchn_port_t port) { return !bound_.contains(port); });
    const auto size = static_cast<std::size_t>(end - ports.begin()) * sizeof(ports[0]);
    if (size > 0 && ::write(xenevtchn_fd(handle_.get()), ports.data(), size) != static_cast<ssize_t>(size))
        log_.guest("event channels could not be unmasked: {}", std::strerror(errno));
}

} // namespace dm::xen
