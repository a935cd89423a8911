// Interrupts of an 82540EM, what delays them, and the link whose changes are one of the causes.
#include "dm/devices/net/e1000.hpp"

#include <algorithm>
#include <utility>

namespace dm {

using namespace e1000;

/// Derives what is outside from the state: after each access, event, reset and load.
void E1000::sync() {
    update_link();
    update_interrupt();
    std::optional<u64> earliest;
    const auto consider = [&earliest](const std::optional<u64>& deadline) {
        if (deadline && (!earliest || *deadline < *earliest)) earliest = deadline;
    };
    consider(s_.settled_at);
    consider(s_.send_at);
    consider(s_.tx_delay_at);
    consider(s_.tx_absolute_at);
    consider(s_.rx_delay_at);
    consider(s_.rx_absolute_at);
    consider(s_.phy.negotiated_at);
    consider(s_.mitigation.until);
    timer_.arm(earliest);
}

void E1000::update_link() {
    const bool link = s_.phy.link(link_up());
    if (link == s_.link) return;
    s_.link = link;
    raise(Cause::LSC);
}

/// ITR holds an interrupt back until its interval has passed since the last one began.
void E1000::update_interrupt() {
    constexpr u32 kReceived = static_cast<u32>(Cause::RXT0);
    constexpr u32 kPatient = kReceived | static_cast<u32>(Cause::TXDW) | static_cast<u32>(Cause::TXQE);
    const u32 pending = s_.icr & s_.ims;
    const InterruptMitigation::Causes causes{.any = pending != 0,
                                             .urgent = (pending & ~kPatient) != 0,
                                             .received = (pending & kReceived) != 0,
                                             .listening = (s_.ims & kReceived) != 0};
    const InterruptMitigation::Bounds bounds{.frames = kLateFrames, .not_before = s_.quiet_until.value_or(0)};
    const auto now = [this] { return timers_.now_ns(); };
    const bool was =
        std::exchange(s_.asserted, InterruptMitigation::level(s_.mitigation, causes, bounds, now));
    if (s_.asserted && !was) {
        s_.quiet_until.reset();
        if (const u64 interval = u64{get<Reg::ITR>()} * kItrUnitNs; interval != 0)
            s_.quiet_until = now() + interval;
    }
    set_intx(s_.asserted);
}

bool E1000::due(std::optional<u64>& deadline, u64 now) {
    if (!deadline || *deadline > now) return false;
    deadline.reset();
    return true;
}

void E1000::timers_due() {
    const u64 now = timers_.now_ns();
    due(s_.phy.negotiated_at, now);
    const bool settled = due(s_.settled_at, now);
    if (due(s_.rx_delay_at, now) || due(s_.rx_absolute_at, now)) end_receive_delay();
    if (due(s_.send_at, now)) kick();
    if (due(s_.tx_delay_at, now) || due(s_.tx_absolute_at, now)) end_send_delay();
    const bool linked = !s_.link;
    sync();
    if (settled || linked) invite();
}

void E1000::end_receive_delay() {
    s_.rx_delay_at.reset();
    s_.rx_absolute_at.reset();
    raise(Cause::RXT0);
}

void E1000::end_send_delay() {
    s_.tx_delay_at.reset();
    s_.tx_absolute_at.reset();
    raise(Cause::TXDW);
}

void E1000::raise_frame(Cause cause) {
    raise(cause);
    InterruptMitigation::count(s_.mitigation, timers_.now_ns());
}

/// A frame whose descriptor wants a delayed report was sent (3.4.3): RDTR's and TIDV's timers start anew with
/// each frame, the absolute ones with the first.
void E1000::delay_sent() {
    const u32 delay = get<Reg::TIDV>();
    if (delay < kLeastDelay) return raise_frame(Cause::TXDW);
    const u64 now = timers_.now_ns();
    s_.tx_delay_at = now + u64{delay} * kDelayUnitNs;
    if (const u32 absolute = get<Reg::TADV>(); absolute != 0 && !s_.tx_absolute_at)
        s_.tx_absolute_at = now + u64{absolute} * kDelayUnitNs;
}

void E1000::delay_received() {
    const u32 delay = get<Reg::RDTR>();
    if (delay < kLeastDelay) return raise_frame(Cause::RXT0);
    const u64 now = timers_.now_ns();
    s_.rx_delay_at = now + u64{delay} * kDelayUnitNs;
    if (const u32 absolute = get<Reg::RADV>(); absolute != 0 && !s_.rx_absolute_at)
        s_.rx_absolute_at = now + u64{absolute} * kDelayUnitNs;
}

void E1000::link_changed() {
    sync();
    invite();
}

} // namespace dm
