// Interrupts of an 82540EM, what delays them, and the link whose changes are one of the causes.
#include "dm/devices/net/e1000.hpp"

#include <algorithm>

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
    if (!s_.asserted && (s_.icr & s_.ims) != 0) consider(s_.quiet_until);
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
    if ((s_.icr & s_.ims) == 0) {
        s_.asserted = false;
    } else if (!s_.asserted) {
        const u64 interval = u64{get<Reg::ITR>()} * kItrUnitNs;
        const u64 now = interval != 0 || s_.quiet_until ? timers_.now_ns() : 0;
        if (!s_.quiet_until || *s_.quiet_until <= now) {
            s_.asserted = true;
            s_.quiet_until.reset();
            if (interval != 0) s_.quiet_until = now + interval;
        }
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

/// A frame whose descriptor wants a delayed report was sent (3.4.3): RDTR's and TIDV's timers start anew with
/// each frame, the absolute ones with the first.
void E1000::delay_sent() {
    const u32 delay = get<Reg::TIDV>();
    if (delay < kLeastDelay) return raise(Cause::TXDW);
    const u64 now = timers_.now_ns();
    s_.tx_delay_at = now + u64{delay} * kDelayUnitNs;
    if (const u32 absolute = get<Reg::TADV>(); absolute != 0 && !s_.tx_absolute_at)
        s_.tx_absolute_at = now + u64{absolute} * kDelayUnitNs;
}

void E1000::delay_received() {
    const u32 delay = get<Reg::RDTR>();
    if (delay < kLeastDelay) return raise(Cause::RXT0);
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
