// Slots, endpoints and the contexts in memory that show them to the guest (4.5, 6.2).
#include "dm/devices/usb/xhci.hpp"

#include <algorithm>

namespace dm {

using xhci::Context;
using xhci::EpState;
using xhci::EpType;

Xhci::Endpoint* Xhci::endpoint(u8 id, unsigned context) {
    const auto found = std::ranges::find_if(s_.endpoints, [&](const Endpoint& ep) {
        return ep.slot == id && (id == 0 || ep.context == context);
    });
    return found == s_.endpoints.end() ? nullptr : &*found;
}

unsigned Xhci::free_endpoints() const {
    return static_cast<unsigned>(std::ranges::count(s_.endpoints, u8{0}, &Endpoint::slot));
}

/// `contexts`: a bit for each.
void Xhci::drop_endpoints(u8 id, u32 contexts) {
    for (Endpoint& ep : s_.endpoints) {
        if (ep.slot != id || (contexts >> ep.context & 1) == 0) continue;
        ep.state = EpState::Disabled;
        write_endpoint(ep);
        ep = {};
    }
}

/// False: nothing that there is (6.2.3.2).
bool Xhci::fill(Endpoint& ep, const Context& from) {
    ep.type = static_cast<EpType>(from[1] >> 3 & 7);
    ep.packet = static_cast<u16>(from[1] >> 16);
    ep.dequeue = (from[2] & ~u32{15}) | u64{from[3]} << 32;
    ep.cycle = (from[2] & 1) != 0;
    ep.state = EpState::Running;
    const bool streams = (from[0] >> 10 & 31) != 0;
    const bool in = static_cast<u8>(ep.type) > static_cast<u8>(EpType::Control);
    const bool control = ep.type == EpType::Control;
    const bool direction = control ? ep.context % 2 == 1 : (ep.context % 2 == 1) == in;
    return ep.type != EpType::None && control == (ep.context == 1) && direction && !streams &&
           ep.packet > 0 && ep.packet <= xhci::kMostPacket;
}

bool Xhci::get_context(u64 addr, Context& out) {
    std::array<u8, xhci::kContextSize> raw;
    if (!get(addr, raw)) return false;
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] =
            raw[4 * i] | u32{raw[4 * i + 1]} << 8 | u32{raw[4 * i + 2]} << 16 | u32{raw[4 * i + 3]} << 24;
    return true;
}

bool Xhci::put_context(u64 addr, const Context& in) {
    std::array<u8, xhci::kContextSize> raw;
    for (std::size_t i = 0; i < raw.size(); ++i)
        raw[i] = byte_of(in[i / 4], i % 4);
    return put(addr, raw);
}

/// State and place; the rest of the context stays as the guest gave it.
void Xhci::write_endpoint(const Endpoint& ep) {
    const u64 at = slot(ep.slot).context + u64{ep.context} * xhci::kContextSize;
    Context context;
    if (!get_context(at, context)) return;
    context[0] = (context[0] & ~u32{7}) | static_cast<u32>(ep.state);
    context[2] = static_cast<u32>(ep.dequeue) | (ep.cycle ? 1 : 0);
    context[3] = static_cast<u32>(ep.dequeue >> 32);
    put_context(at, context);
}

/// `entries`: the last valid context; 0: as it was.
void Xhci::write_slot_state(u8 id, u32 entries) {
    const Slot& which = slot(id);
    Context context;
    if (!get_context(which.context, context)) return;
    if (entries != 0)
        context[0] = (context[0] & ~(31U << xhci::kContextEntriesShift)) | entries
                                                                               << xhci::kContextEntriesShift;
    context[3] = xhci::slot_state_field(which.state) << xhci::kSlotStateShift | which.address;
    put_context(which.context, context);
}

} // namespace dm
