#include "dm/xen/event_channel.hpp"

#include "dm/xen/libxen.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace dm::xen {

Result<EventChannel> EventChannel::bind(u16 domid, u32 remote, std::string_view what) {
    DM_TRY_ASSIGN(auto handle, open_event_channels());
    const int local = xenevtchn_bind_interdomain(handle.get(), domid, remote);
    if (local < 0) return fail("event channel of {}: {}", what, std::strerror(errno));
    const int fd = xenevtchn_fd(handle.get());
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); // an event may vanish between poll and read
    return EventChannel(std::move(handle), static_cast<u32>(local));
}

int EventChannel::fd() const {
    return xenevtchn_fd(handle_.get());
}

bool EventChannel::take() {
    evtchn_port_t port = 0;
    if (::read(fd(), &port, sizeof(port)) != static_cast<ssize_t>(sizeof(port))) return false;
    masked_ = true;
    return true;
}

void EventChannel::unmask() {
    if (!std::exchange(masked_, false)) return;
    const evtchn_port_t port = port_;
    if (::write(fd(), &port, sizeof(port)) != static_cast<ssize_t>(sizeof(port)))
        log_.guest("event channel {} could not be unmasked: {}", port_, std::strerror(errno));
}

void EventChannel::notify() {
    if (xenevtchn_notify(handle_.get(), port_) != 0)
        log_.guest("event channel {} cannot be notified: {}", port_, std::strerror(errno));
}

} // namespace dm::xen
