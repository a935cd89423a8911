// Transfer rings (4.9 to 4.12): blocks are taken one after the other, packets go over as many of them as
// they need.
#include "dm/devices/usb/xhci.hpp"

#include <algorithm>
#include <utility>

namespace dm {

using usb::Answer;
using usb::Handshake;
using xhci::Code;
using xhci::Context;
using xhci::EpState;
using xhci::EpType;
using xhci::Trb;
using xhci::TrbBit;
using xhci::TrbType;

namespace {

constexpr u32 kSetupBytes = 8;

Trb parse(const std::array<u8, xhci::kTrbSize>& raw) {
    const auto word = [&](std::size_t at) {
        return raw[at] | u32{raw[at + 1]} << 8 | u32{raw[at + 2]} << 16 | u32{raw[at + 3]} << 24;
    };
    return {word(0) | u64{word(4)} << 32, word(8), word(12)};
}

bool is_data(TrbType type) {
    return type == TrbType::Normal || type == TrbType::Data || type == TrbType::Isoch;
}

/// Of a block in front of others.
bool belongs(TrbType type, EpType to) {
    switch (type) {
    case TrbType::EventData:
    case TrbType::NoOp:
    case TrbType::Normal: return true;
    case TrbType::Setup:
    case TrbType::Data:
    case TrbType::Status: return to == EpType::Control;
    case TrbType::Isoch: return xhci::isochronous(to);
    default: return false;
    }
}

} // namespace

/// The next block that is the controller's, past links; false where there is none, with `at` and `cycle`
/// where it will be.
bool Xhci::fetch(u64& at, bool& cycle, Trb& trb) {
    for (unsigned links = 0; links <= xhci::kMostLinks; ++links) {
        std::array<u8, xhci::kTrbSize> raw;
        if (!get(at, raw)) return false;
        trb = parse(raw);
        if (trb.has(TrbBit::C) != cycle) return false;
        if (trb.type() != TrbType::Link) return true;
        at = trb.parameter & ~u64{15};
        if (trb.has(TrbBit::TC_ENT)) cycle = !cycle;
    }
    log_.guest("a ring of nothing but links");
    return false;
}

Answer Xhci::transact(const Endpoint& ep, usb::Pid pid, std::span<u8> bytes, u32 wanted) {
    const Slot& which = slot(ep.slot);
    const unsigned port = which.port - 1U;
    if (!port_hears(port)) return {};
    if (port_sleeps(port)) return {Handshake::Nak};
    UsbDevice* const device = device_at_port(port)->find(which.address);
    if (device == nullptr) return {};
    const Answer answer = device->transact(pid, ep.number(), bytes, wanted);
    if (answer.handshake == Handshake::Ack || answer.handshake == Handshake::Stall) stir(ep);
    return answer;
}

/// What a device has taken may have made it ready elsewhere: a disk has an answer once it has the command.
void Xhci::stir(const Endpoint& ep) {
    for (const Endpoint& other : s_.endpoints) {
        if (other.slot != ep.slot || !xhci::bulk(other.type) || !std::exchange(waits(other), false)) continue;
        again_ = true;
    }
}

/// The device will say when to try again, and may have said so just now.
Xhci::Then Xhci::wait(const Endpoint& ep) {
    waits(ep) = !again_;
    return Then::Wait;
}

void Xhci::run_endpoints(unsigned& budget) {
    for (Endpoint& ep : s_.endpoints)
        if (ep.slot != 0 && ep.rung && !waits(ep)) run_endpoint(ep, budget);
}

void Xhci::run_endpoint(Endpoint& ep, unsigned& budget) {
    while (budget > 0 && running() && ep.state == EpState::Running)
        if (step(ep, budget) == Then::Wait) return;
}

Xhci::Then Xhci::step(Endpoint& ep, unsigned& budget) {
    --budget;
    u64 at = ep.dequeue;
    bool cycle = ep.cycle;
    Trb trb;
    if (!fetch(at, cycle, trb)) {
        ep.rung = false;
        return Then::Wait;
    }
    ep.dequeue = at;
    ep.cycle = cycle;
    const unsigned target = trb.status >> xhci::kInterrupterShift;
    if (!has_room(target < xhci::kInterrupters ? target : 0, xhci::kMostPieces)) return Then::Wait;
    if (!belongs(trb.type(), ep.type)) return failed(ep, trb, Code::TrbError, trb.length());
    const Piece here{.at = at, .trb = trb, .next = at + xhci::kTrbSize, .cycle = cycle};
    switch (trb.type()) {
    case TrbType::Setup: return setup_stage(ep, trb);
    case TrbType::Status: return status_stage(ep, trb);
    case TrbType::NoOp:
        if (trb.has(TrbBit::IOC)) transfer_event(ep, trb, Code::Success, 0);
        pass(ep, here);
        return Then::Next;
    case TrbType::EventData: pass(ep, here); return Then::Next;
    case TrbType::Data:
        if (!ep.started && ep.done == 0) ep.to_host = trb.has(TrbBit::DIR);
        break;
    default: break;
    }
    if (!ep.is_short) return data(ep, budget);
    pass(ep, here);
    return Then::Next;
}

// ---------------------------------------------------------------------------------------- control transfers

Xhci::Then Xhci::setup_stage(Endpoint& ep, const Trb& trb) {
    if (!trb.has(TrbBit::IDT) || trb.length() != kSetupBytes) return failed(ep, trb, Code::TrbError, 0);
    std::array<u8, kSetupBytes> request;
    for (unsigned i = 0; i < kSetupBytes; ++i)
        request[i] = byte_of(trb.parameter, i);
    const Answer answer = transact(ep, usb::Pid::Setup, request);
    if (answer.handshake == Handshake::Nak) return wait(ep); // the port sleeps
    if (answer.handshake != Handshake::Ack) return failed(ep, trb, Code::UsbTransactionError, kSetupBytes);
    if (trb.has(TrbBit::IOC)) transfer_event(ep, trb, Code::Success, 0);
    pass(ep, {.at = ep.dequeue, .trb = trb, .next = ep.dequeue + xhci::kTrbSize, .cycle = ep.cycle});
    return Then::Next;
}

Xhci::Then Xhci::status_stage(Endpoint& ep, const Trb& trb) {
    const Answer answer = transact(ep, trb.has(TrbBit::DIR) ? usb::Pid::In : usb::Pid::Out, {});
    switch (answer.handshake) {
    case Handshake::Ack: break;
    case Handshake::Nak: return wait(ep);
    case Handshake::Stall: return failed(ep, trb, Code::StallError, 0);
    case Handshake::Babble: return failed(ep, trb, Code::BabbleDetected, 0);
    case Handshake::None: return failed(ep, trb, Code::UsbTransactionError, 0);
    }
    if (trb.has(TrbBit::IOC)) transfer_event(ep, trb, Code::Success, 0);
    pass(ep, {.at = ep.dequeue, .trb = trb, .next = ep.dequeue + xhci::kTrbSize, .cycle = ep.cycle});
    return Then::Next;
}

// -------------------------------------------------------------------------------------------- data transfers

/// The blocks that the next packet goes over. False: the guest has not yet written all of them.
bool Xhci::gather(const Endpoint& ep, Packet& packet) {
    u64 at = ep.dequeue;
    bool cycle = ep.cycle;
    u32 skip = ep.done;
    while (packet.count < packet.pieces.size() && !packet.complete) {
        Piece& piece = packet.pieces[packet.count];
        if (!fetch(at, cycle, piece.trb)) return false;
        const bool carries = is_data(piece.trb.type());
        piece.at = at;
        piece.skip = std::min(skip, piece.trb.length());
        piece.length =
            carries ? std::min<u32>(piece.trb.length() - piece.skip, ep.packet - packet.length) : 0;
        skip = 0;
        at += xhci::kTrbSize;
        piece.next = at;
        piece.cycle = cycle;
        packet.length += piece.length;
        ++packet.count;
        packet.complete = packet.length == ep.packet || !piece.trb.has(TrbBit::CH);
    }
    return true;
}

bool Xhci::load_packet(Packet& packet, std::span<u8> bytes) {
    for (const Piece& piece : packet.all()) {
        const std::span<u8> part = bytes.first(piece.length);
        bytes = bytes.subspan(piece.length);
        if (!piece.trb.has(TrbBit::IDT)) {
            if (!get(piece.trb.parameter + piece.skip, part)) return false;
            continue;
        }
        for (u32 i = 0; i < part.size(); ++i)
            part[i] = piece.skip + i < 8 ? byte_of(piece.trb.parameter, piece.skip + i) : u8{0};
    }
    return true;
}

bool Xhci::store_packet(Packet& packet, std::span<const u8> bytes) {
    for (const Piece& piece : packet.all()) {
        const std::span<const u8> part = bytes.first(std::min<std::size_t>(piece.length, bytes.size()));
        bytes = bytes.subspan(part.size());
        if (!put(piece.trb.parameter + piece.skip, part)) return false;
    }
    return true;
}

u32 Xhci::Packet::wanted(u32 packet_size) const {
    const u32 left = pieces[0].trb.length() - pieces[0].skip;
    const bool ends = !pieces[0].trb.has(TrbBit::CH) || left % packet_size == 0;
    return ends ? std::max(left, length) : std::max(left / packet_size * packet_size, length);
}

Answer Xhci::transfer(Endpoint& ep, Packet& packet, bool in) {
    std::array<u8, xhci::kMostPacket> buffer;
    const auto bytes = std::span(buffer).first(packet.length);
    const u32 wanted = packet.wanted(std::max<u32>(ep.packet, 1));
    if (!in) {
        if (!load_packet(packet, bytes)) return {Handshake::Nak};
        return transact(ep, usb::Pid::Out, bytes, wanted);
    }
    Answer answer = transact(ep, usb::Pid::In, bytes, wanted);
    if (answer.handshake != Handshake::Ack) return answer;
    answer.length = std::min<u32>(answer.length, packet.length);
    if (!store_packet(packet, bytes.first(answer.length))) return {Handshake::Nak};
    return answer;
}

/// An interrupt endpoint has its turn once in an interval (4.14.1): a hub tells of a change again and again
/// until its driver has dealt with it, and the driver asks again at once. One whose device has no more for
/// now needs no rest: it waits for the device anyway.
void Xhci::rest(const Endpoint& ep) {
    Context context;
    if (!xhci::interrupt(ep.type)) return;
    if (!get_context(slot(ep.slot).context + u64{ep.context} * xhci::kContextSize, context)) return;
    const u32 interval = context[0] >> 16 & 0xff;
    rest_until_ns_[index(ep)] =
        timers_.now_ns() + (interval > xhci::kMostInterval ? kMillisecond : xhci::kMicroframe << interval);
}

bool Xhci::rests(const Endpoint& ep) const {
    return ep.rung && ep.state == EpState::Running && !waits_[index(ep)] &&
           rest_until_ns_[index(ep)] > timers_.now_ns();
}

/// One packet of the transfer.
Xhci::Then Xhci::data(Endpoint& ep, unsigned& budget) {
    Packet packet;
    if (!gather(ep, packet)) {
        ep.rung = false;
        return Then::Wait;
    }
    const Trb& first = packet.pieces[0].trb;
    const u32 left = first.length() - packet.pieces[0].skip;
    budget -= std::min<unsigned>(budget, static_cast<unsigned>(packet.count - 1));
    const bool in = ep.type == EpType::Control ? ep.to_host : ep.context % 2 == 1;
    // Blocks without a byte behind the last packet are no packet.
    if (packet.length == 0 && (ep.started || !packet.complete)) return moved(ep, packet, 0, false);
    if (!packet.complete) return failed(ep, first, Code::TrbError, left);
    if (rests(ep)) return Then::Wait;
    const Answer answer = transfer(ep, packet, in);
    if (answer.handshake == Handshake::Ack && answer.more) rest(ep);
    if (!running()) return Then::Wait;
    switch (answer.handshake) {
    case Handshake::Ack: return moved(ep, packet, in ? answer.length : packet.length, in);
    case Handshake::Nak: return wait(ep);
    case Handshake::Stall: return failed(ep, first, Code::StallError, left);
    case Handshake::Babble: return failed(ep, first, Code::BabbleDetected, left);
    case Handshake::None: break;
    }
    if (!xhci::isochronous(ep.type)) return failed(ep, first, Code::UsbTransactionError, left);
    transfer_event(ep, first, Code::UsbTransactionError, left); // there is no second attempt
    ep.is_short = ep.reported = true;
    return Then::Next;
}

/// `bytes` of the packet went over; blocks that are full or empty with that are done.
Xhci::Then Xhci::moved(Endpoint& ep, Packet& packet, u32 bytes, bool in) {
    const bool less = in && bytes < packet.length;
    for (const Piece& piece : packet.all()) {
        const u32 here = std::min(bytes, piece.length);
        bytes -= here;
        ep.done = piece.skip + here;
        if (is_data(piece.trb.type())) ep.moved = (ep.moved + here) & 0xffffff;
        ep.dequeue = piece.at;
        ep.cycle = piece.cycle;
        if (less && here < piece.length) {
            ep.is_short = true;
            return Then::Next; // the rest is passed over
        }
        if (is_data(piece.trb.type()) && ep.done < piece.trb.length()) return Then::Next;
        pass(ep, piece);
    }
    return Then::Next;
}

/// The block is done, with what it has to tell.
void Xhci::pass(Endpoint& ep, const Piece& piece) {
    const Trb& trb = piece.trb;
    const bool ioc = trb.has(TrbBit::IOC);
    const Code code = ep.is_short ? Code::ShortPacket : Code::Success;
    ep.dequeue = piece.at;
    if (trb.type() == TrbType::EventData) {
        if (ioc) event(ep, trb, trb.parameter, code, ep.moved);
        ep.moved = 0;
    } else if (is_data(trb.type())) {
        const bool tells = ep.is_short ? !ep.reported && (ioc || trb.has(TrbBit::ISP_ED)) : ioc;
        if (tells) transfer_event(ep, trb, code, trb.length() - std::min(trb.length(), ep.done));
        if (tells && ep.is_short) ep.reported = true;
    }
    ep.dequeue = piece.next;
    ep.cycle = piece.cycle;
    ep.done = 0;
    ep.started = trb.has(TrbBit::CH);
    if (ep.started) return;
    ep.is_short = ep.reported = false;
    ep.moved = 0;
}

/// The endpoint halts there; the guest is told whether it wanted to know or not (4.10.2).
Xhci::Then Xhci::failed(Endpoint& ep, const Trb& trb, Code code, u32 left) {
    transfer_event(ep, trb, code, left);
    ep.state = code == Code::TrbError ? EpState::Error : EpState::Halted;
    ep.rung = false;
    ep.started = ep.is_short = ep.reported = false;
    ep.done = ep.moved = 0;
    write_endpoint(ep);
    return Then::Wait;
}

void Xhci::event(const Endpoint& ep, const Trb& trb, u64 parameter, Code code, u32 length) {
    const unsigned target = trb.status >> xhci::kInterrupterShift;
    const bool from_block = trb.type() == TrbType::EventData;
    post(target < xhci::kInterrupters ? target : 0,
         {.parameter = parameter,
          .status = static_cast<u32>(code) << 24 | length,
          .control = static_cast<u32>(TrbType::TransferEvent) << xhci::kTrbTypeShift | u32{ep.slot} << 24 |
                     u32{ep.context} << 16 | (from_block ? static_cast<u32>(TrbBit::ISP_ED) : 0)},
         !trb.has(TrbBit::BSR_BEI) || static_cast<u8>(code) != static_cast<u8>(Code::Success));
}

} // namespace dm
