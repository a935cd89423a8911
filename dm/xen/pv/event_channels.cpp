#include "dm/xen/pv/event_channels.hpp"

#include <utility>

namespace dm::xen {

EventChannels::~EventChannels() {
    for (const auto& [number, bound] : bound_)
        loop_.unwatch(bound->channel.fd());
}

Result<u32> EventChannels::bind(u32 remote, std::function<void()> event) {
    DM_TRY_ASSIGN(EventChannel channel,
                  EventChannel::bind(domid_, remote, fmt::format("the guest, port {}", remote)));
    const auto bound = std::make_shared<Bound>(Bound{std::move(channel), std::move(event)});
    const u32 number = next_number_++;
    bound_.emplace(number, bound);
    loop_.watch(
        bound->channel.fd(), FdEvents::Readable,
        [this, weak = std::weak_ptr(bound)](FdReady) { // the loop forgets the handler later than we do
            if (const auto held = weak.lock()) raised(held);
        });
    return number;
}

void EventChannels::unbind(u32 number) {
    const auto found = bound_.find(number);
    if (found == bound_.end()) return;
    loop_.unwatch(found->second->channel.fd());
    bound_.erase(found);
}

void EventChannels::notify(u32 number) {
    const auto found = bound_.find(number);
    if (found != bound_.end()) found->second->channel.notify();
}

/// Masked until its handler is done: what the guest sends while its requests are served is one more event
/// then, not one for each. The handler may unbind it.
void EventChannels::raised(const std::shared_ptr<Bound>& bound) {
    if (!bound->channel.take()) return;
    bound->event();
    bound->channel.unmask();
}

} // namespace dm::xen
