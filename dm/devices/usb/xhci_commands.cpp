// The command ring (4.6).
#include "dm/devices/usb/xhci.hpp"

#include <algorithm>
#include <bit>

namespace dm {

using xhci::Code;
using xhci::Context;
using xhci::EpState;
using xhci::SlotState;
using xhci::Trb;
using xhci::TrbBit;
using xhci::TrbType;

namespace {

constexpr u32 kControlEndpoint = 1U << 1; // its bit among the contexts
constexpr u32 kAllEndpoints = 0xfffffffe;
constexpr u16 kNecFirmware = 0x3034;

/// What NEC's driver asks to see whose controller it is.
u32 nec_answer(u32 question_high, u32 question_low) {
    constexpr u32 kKey = 0x49434878;
    const auto turned = [](u32 value, u32 left) { return std::rotl(value, static_cast<int>(left & 31)); };
    const u32 sum = turned(question_low - kKey, 32 - (question_high >> 8 & 31)) +
                    turned(question_low + kKey, question_high);
    return ~(sum - turned(question_high ^ kKey, question_low >> 16));
}

} // namespace

void Xhci::run_commands(unsigned& budget) {
    while (s_.commands_rung && running() && budget > 0) {
        --budget;
        u64 at = s_.crcr;
        Trb trb;
        if (!fetch(at, s_.command_cycle, trb)) {
            s_.crcr = at & ~u64{15};
            s_.commands_rung = false;
            return;
        }
        s_.crcr = at;
        if (!has_room(0, 2)) return; // asked only now: who has no command is not to hear of a full ring
        s_.crcr = at + xhci::kTrbSize;
        u8 id = trb.slot();
        Trb event{.parameter = at,
                  .status = 0,
                  .control = static_cast<u32>(TrbType::CommandCompletion) << xhci::kTrbTypeShift};
        const Code code = execute(trb, id, event);
        event.status |= static_cast<u32>(code) << 24;
        event.control |= u32{id} << 24;
        post(0, event);
    }
}

Code Xhci::execute(const Trb& trb, u8& id, Trb& event) {
    const bool nec = config_.model == Model::Nec;
    switch (trb.type()) {
    case TrbType::NoOpCommand: id = 0; return Code::Success;
    case TrbType::EnableSlot: return enable_slot(id);
    case TrbType::GetPortBandwidth: id = 0; return port_bandwidth(trb);
    case TrbType::DisableSlot:
    case TrbType::AddressDevice:
    case TrbType::ConfigureEndpoint:
    case TrbType::EvaluateContext:
    case TrbType::ResetEndpoint:
    case TrbType::StopEndpoint:
    case TrbType::SetTrDequeue:
    case TrbType::ResetDevice:
        if (id == 0 || id > xhci::kSlots || slot(id).state == SlotState::Disabled)
            return Code::SlotNotEnabled;
        return execute_on_slot(trb, id);
    case TrbType::NecFirmwareRevision:
    case TrbType::NecChallenge: {
        if (!nec) return Code::TrbError;
        const bool challenge = trb.type() == TrbType::NecChallenge;
        const u32 answer =
            challenge ? nec_answer(static_cast<u32>(trb.parameter >> 32), static_cast<u32>(trb.parameter))
                      : kNecFirmware;
        event.status = answer & 0xffff;
        event.control = static_cast<u32>(TrbType::NecCompletion) << xhci::kTrbTypeShift;
        if (challenge) {
            event.control |= (answer >> 16 & 0xff) << 16;
            id = static_cast<u8>(answer >> 24);
        }
        return Code::Success;
    }
    default: // what is no command, and those that a controller may have (4.6.1)
        log_.guest("command of type {}", static_cast<u8>(trb.type()));
        return Code::TrbError;
    }
}

Code Xhci::execute_on_slot(const Trb& trb, u8 id) {
    switch (trb.type()) {
    case TrbType::DisableSlot:
        for (Endpoint& ep : s_.endpoints)
            if (ep.slot == id) ep = {};
        slot(id) = {};
        return Code::Success;
    case TrbType::AddressDevice: return address_device(trb, id);
    case TrbType::ConfigureEndpoint: return configure_endpoints(trb, id);
    case TrbType::EvaluateContext: return evaluate_context(trb, id);
    case TrbType::ResetDevice: return reset_device(id);
    default: return on_endpoint(trb, id);
    }
}

Code Xhci::enable_slot(u8& id) {
    const unsigned most = std::min<unsigned>(s_.config, xhci::kSlots);
    for (unsigned n = 1; n <= most; ++n) {
        id = static_cast<u8>(n);
        if (slot(id).state != SlotState::Disabled) continue;
        slot(id) = {};
        slot(id).state = SlotState::Enabled;
        return Code::Success;
    }
    id = 0;
    return Code::NoSlotsAvailable;
}

// ------------------------------------------------------------------------------------------------- devices

Code Xhci::address_device(const Trb& trb, u8 id) {
    Slot& which = slot(id);
    const bool only_default = trb.has(TrbBit::BSR_BEI);
    const u64 input = trb.parameter & ~u64{15};
    Context control;
    Context shape;
    Context ep0;
    if (!get_context(input, control) || !get_context(input + xhci::kContextSize, shape) ||
        !get_context(input + 2 * xhci::kContextSize, ep0))
        return Code::ParameterError;
    if (which.state > SlotState::Default || (only_default && which.state == SlotState::Default))
        return Code::ContextStateError;
    const unsigned port = shape[1] >> 16 & 0xff;
    Endpoint fresh{.slot = id, .context = 1};
    if (control[0] != 0 || control[1] != 3 || port == 0 || port > ports() || !fill(fresh, ep0))
        return Code::ParameterError;
    std::array<u8, 8> pointer;
    if (!get(s_.dcbaap + u64{id} * pointer.size(), pointer)) return Code::ParameterError;
    u64 context = 0;
    for (unsigned i = 0; i < 8; ++i)
        context |= u64{pointer[i]} << (8 * i);
    Endpoint* ep = endpoint(id, 1);
    if (ep == nullptr) ep = free_endpoint();
    if (ep == nullptr) return Code::ResourceError;
    const u8 address = only_default ? u8{0} : id;
    if (!only_default && !set_address(port - 1, address)) return Code::UsbTransactionError;

    which = {.state = only_default ? SlotState::Default : SlotState::Addressed,
             .port = static_cast<u8>(port),
             .address = address,
             .context = context & ~u64{63}};
    *ep = fresh;
    waits(*ep) = false;
    rest_until_ns_[index(*ep)] = 0;
    put_context(which.context, shape);
    put_context(which.context + xhci::kContextSize, ep0);
    write_slot_state(id, 0);
    write_endpoint(*ep);
    return Code::Success;
}

/// The one request that the controller makes itself. False: nobody takes it.
bool Xhci::set_address(unsigned port, u8 address) {
    if (!port_hears(port) || port_sleeps(port)) return false;
    UsbDevice* const device = device_at_port(port)->find(0);
    if (device == nullptr) return false;
    std::array<u8, 8> request{usb::kToDevice, usb::SET_ADDRESS, address};
    return device->transact(usb::Pid::Setup, 0, request).handshake == usb::Handshake::Ack &&
           device->transact(usb::Pid::In, 0, {}).handshake == usb::Handshake::Ack;
}

Code Xhci::configure_endpoints(const Trb& trb, u8 id) {
    Slot& which = slot(id);
    if (which.state < SlotState::Addressed) return Code::ContextStateError;
    if (trb.has(TrbBit::BSR_BEI)) { // deconfigure
        drop_endpoints(id, kAllEndpoints & ~kControlEndpoint);
        which.state = SlotState::Addressed;
        write_slot_state(id, 1);
        return Code::Success;
    }
    Context control;
    if (!get_context(trb.parameter & ~u64{15}, control)) return Code::ParameterError;
    if ((control[0] & 3) != 0 || (control[1] & 3) != 1) return Code::ParameterError;
    return change_endpoints(trb, id, control[0], control[1] & ~u32{1});
}

/// All that is asked for, or nothing (4.6.6).
Code Xhci::change_endpoints(const Trb& trb, u8 id, u32 drop, u32 add) {
    const u64 input = trb.parameter & ~u64{15};
    Slot& which = slot(id);
    std::array<Context, xhci::kMostContexts + 1> contexts;
    std::array<Endpoint, xhci::kMostContexts + 1> fresh{};
    Context shape;
    if (!get_context(input + xhci::kContextSize, shape)) return Code::ParameterError;
    unsigned freed = 0;
    for (unsigned n = 2; n <= xhci::kMostContexts; ++n) {
        const bool there = endpoint(id, n) != nullptr;
        if (there && ((drop | add) >> n & 1) != 0) ++freed;
        if ((add >> n & 1) == 0) continue;
        if (!get_context(input + (n + 1) * xhci::kContextSize, contexts[n])) return Code::ParameterError;
        fresh[n] = {.slot = id, .context = static_cast<u8>(n)};
        if (!fill(fresh[n], contexts[n])) return Code::ParameterError;
    }
    if (static_cast<unsigned>(std::popcount(add)) > free_endpoints() + freed) return Code::ResourceError;

    drop_endpoints(id, drop | add);
    for (unsigned n = 2; n <= xhci::kMostContexts; ++n) {
        if ((add >> n & 1) == 0) continue;
        Endpoint& ep = *free_endpoint();
        ep = fresh[n];
        waits(ep) = false;
        rest_until_ns_[index(ep)] = 0;
        put_context(which.context + n * xhci::kContextSize, contexts[n]);
        write_endpoint(ep);
    }
    Context now;
    if (!get_context(which.context, now)) return Code::ParameterError;
    constexpr u32 kHub = 0xff000000; // entries, hub and translators; ports of a hub
    now[0] = (now[0] & ~kHub) | (shape[0] & kHub);
    now[1] = (now[1] & ~kHub) | (shape[1] & kHub);
    put_context(which.context, now);
    const bool any = std::ranges::any_of(
        s_.endpoints, [id](const Endpoint& ep) { return ep.slot == id && ep.context > 1; });
    which.state = any ? SlotState::Configured : SlotState::Addressed;
    write_slot_state(id, any ? 0 : 1);
    return Code::Success;
}

/// What may change of a device that is there: its latency and interrupter, the packets of endpoint 0.
Code Xhci::evaluate_context(const Trb& trb, u8 id) {
    const Slot& which = slot(id);
    if (which.state < SlotState::Default) return Code::ContextStateError;
    const u64 input = trb.parameter & ~u64{15};
    Context control;
    Context wanted;
    Context now;
    if (!get_context(input, control)) return Code::ParameterError;
    if (control[0] != 0 || (control[1] & ~u32{3}) != 0) return Code::ParameterError;
    if ((control[1] & 1) != 0) {
        if (!get_context(input + xhci::kContextSize, wanted) || !get_context(which.context, now))
            return Code::ParameterError;
        now[1] = (now[1] & ~u32{0xffff}) | (wanted[1] & 0xffff);
        now[2] = (now[2] & 0x003fffff) | (wanted[2] & 0xffc00000);
        put_context(which.context, now);
    }
    if ((control[1] & 2) == 0) return Code::Success;
    const u64 at = which.context + xhci::kContextSize;
    if (!get_context(input + 2 * xhci::kContextSize, wanted) || !get_context(at, now))
        return Code::ParameterError;
    const u32 packet = wanted[1] >> 16;
    Endpoint* const ep = endpoint(id, 1);
    if (ep == nullptr || packet == 0 || packet > xhci::kMostPacket) return Code::ParameterError;
    ep->packet = static_cast<u16>(packet);
    now[1] = (now[1] & 0xffff) | packet << 16;
    put_context(at, now);
    return Code::Success;
}

/// The device was reset by way of its port; its slot follows.
Code Xhci::reset_device(u8 id) {
    Slot& which = slot(id);
    if (which.state < SlotState::Addressed) return Code::ContextStateError;
    drop_endpoints(id, kAllEndpoints & ~kControlEndpoint);
    which.state = SlotState::Default;
    which.address = 0;
    write_slot_state(id, 1);
    return Code::Success;
}

// ----------------------------------------------------------------------------------------------- endpoints

Code Xhci::on_endpoint(const Trb& trb, u8 id) {
    Endpoint* const ep = endpoint(id, trb.endpoint());
    if (ep == nullptr) return Code::EndpointNotEnabled;
    switch (trb.type()) {
    case TrbType::ResetEndpoint:
        if (ep->state != EpState::Halted) return Code::ContextStateError;
        ep->state = EpState::Stopped;
        break;
    case TrbType::StopEndpoint:
        if (ep->state != EpState::Running) return Code::ContextStateError;
        stop_endpoint(*ep);
        break;
    case TrbType::SetTrDequeue:
        if (ep->state != EpState::Stopped && ep->state != EpState::Error) return Code::ContextStateError;
        *ep = {.slot = ep->slot,
               .context = ep->context,
               .state = EpState::Stopped,
               .type = ep->type,
               .packet = ep->packet,
               .dequeue = trb.parameter & ~u64{15},
               .cycle = (trb.parameter & 1) != 0};
        break;
    default: return Code::TrbError;
    }
    ep->rung = false;
    write_endpoint(*ep);
    return Code::Success;
}

/// A transfer that is under way is told of, with what is left of its block (4.6.9).
void Xhci::stop_endpoint(Endpoint& ep) {
    ep.state = EpState::Stopped;
    u64 at = ep.dequeue;
    bool cycle = ep.cycle;
    Trb trb;
    if (!ep.rung || !fetch(at, cycle, trb)) return;
    if (at != ep.dequeue) ep.done = 0;
    ep.dequeue = at;
    ep.cycle = cycle;
    transfer_event(ep, trb, Code::Stopped, trb.length() - std::min(trb.length(), ep.done));
}

/// There is nothing else on the bus: 80 % for each port of the speed that is asked for (4.6.15).
Code Xhci::port_bandwidth(const Trb& trb) {
    std::array<u8, xhci::kMostPorts + 1> percent{};
    std::fill_n(percent.begin() + 1, ports(), u8{80});
    return put(trb.parameter & ~u64{15}, std::span(percent).first(ports() + 1)) ? Code::Success
                                                                                : Code::ParameterError;
}

} // namespace dm
