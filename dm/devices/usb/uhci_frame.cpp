#include "dm/devices/usb/uhci_frame.hpp"

#include <algorithm>
#include <cstring>

namespace dm {

using uhci::Td;
using usb::Answer;
using usb::Handshake;

namespace {

constexpr u32 kQueueElement = 4; // offset in a queue head
constexpr u32 kTdStatus = 4;     // offset in a transfer descriptor

u32 word(std::span<const u8> bytes, std::size_t index) {
    const u8* const b = bytes.data() + 4 * index;
    return b[0] | u32{b[1]} << 8 | u32{b[2]} << 16 | u32{b[3]} << 24;
}

bool is_pid(u8 pid) {
    return pid == static_cast<u8>(usb::Pid::In) || pid == static_cast<u8>(usb::Pid::Out) ||
           pid == static_cast<u8>(usb::Pid::Setup);
}

} // namespace

bool UhciFrame::get(u32 addr, std::span<u8> out) {
    for (u64 at = addr; !out.empty();) {
        const std::span<const u8> here = memory_.view(at, out.size());
        if (here.empty()) return fault(Fault::HostSystem), false;
        std::memcpy(out.data(), here.data(), here.size());
        out = out.subspan(here.size());
        at += here.size();
    }
    return true;
}

bool UhciFrame::put(u32 addr, std::span<const u8> in) {
    for (u64 at = addr; !in.empty();) {
        const std::span<u8> here = memory_.view(at, in.size());
        if (here.empty()) return fault(Fault::HostSystem), false;
        std::memcpy(here.data(), in.data(), here.size());
        memory_.wrote(at, here.size());
        in = in.subspan(here.size());
        at += here.size();
    }
    return true;
}

bool UhciFrame::put32(u32 addr, u32 value) {
    return put(addr, std::array{static_cast<u8>(value), static_cast<u8>(value >> 8),
                                static_cast<u8>(value >> 16), static_cast<u8>(value >> 24)});
}

UhciFrame::Outcome UhciFrame::walk(u32 link) {
    for (unsigned n = 0; n < uhci::kMostLinks && links_ > 0; ++n) {
        if ((link & uhci::T) != 0 || bytes_ >= uhci::kFrameBytes || out_.fault != Fault::None) break;
        --links_;
        link = (link & uhci::Q) != 0 ? enter_queue(link) : run_descriptor(link);
    }
    return out_;
}

/// Drivers close the list of queues to a ring, so that what is left of a frame is used up. Once round
/// without a byte moved ends it.
bool UhciFrame::runs_in_circles(u32 queue) {
    const auto known = seen_.begin() + static_cast<std::ptrdiff_t>(seen_count_);
    if (std::find(seen_.begin(), known, queue) != known) {
        if (!moved_) return true;
        moved_ = false;
        seen_count_ = 0;
    }
    if (seen_count_ < seen_.size()) seen_[seen_count_++] = queue;
    return false;
}

u32 UhciFrame::enter_queue(u32 link) {
    const u32 queue = link & uhci::kAddress;
    std::array<u8, 8> head;
    if (runs_in_circles(queue) || !get(queue, head)) return uhci::T;
    const u32 element = word(head, 1);
    in_queue_ = (element & uhci::T) == 0;
    if (!in_queue_) return word(head, 0);
    queue_ = queue;
    next_queue_ = word(head, 0);
    return element;
}

u32 UhciFrame::run_descriptor(u32 link) {
    const u32 place = link & uhci::kAddress;
    std::array<u8, 16> raw;
    if (!get(place, raw)) return uhci::T;
    Descriptor td{word(raw, 0), word(raw, 1), word(raw, 2), word(raw, 3)};
    const u32 before = td.status;
    const Then then = execute(td);
    if (td.status != before && !put32(place + kTdStatus, td.status)) return uhci::T;
    if (!in_queue_) return single_ && out_.executed ? u32{uhci::T} : td.link;
    const bool deeper = (td.link & uhci::VF) != 0 && (td.link & uhci::T) == 0;
    if (then == Then::NextElement && !put32(queue_ + kQueueElement, td.link)) return uhci::T;
    if (single_ && out_.executed) return uhci::T;
    if (then == Then::NextElement && deeper) return td.link;
    in_queue_ = false;
    return next_queue_;
}

UhciFrame::Then UhciFrame::execute(Descriptor& td) {
    if (!td.has(Td::ACTIVE)) {
        out_.complete |= td.has(Td::IOC);
        return Then::NextQueue;
    }
    const auto pid = static_cast<u8>(td.token);
    if (!is_pid(pid) || td.length() > usb::kMostPacket) {
        fault(Fault::Process);
        return Then::NextQueue;
    }
    out_.executed = true;
    const bool in = pid == static_cast<u8>(usb::Pid::In);
    const Answer answer = transfer(td, static_cast<usb::Pid>(pid));
    if (out_.fault != Fault::None) return Then::NextQueue;
    out_.more |= answer.more;
    return td.has(Td::IOS) ? finish_isochronous(td, answer) : finish(td, answer, in);
}

Answer UhciFrame::transfer(const Descriptor& td, usb::Pid pid) {
    UsbDevice* const device = bus_.device_at(static_cast<u8>(td.token >> 8 & usb::kMostAddress));
    if (device == nullptr) return {};
    std::array<u8, usb::kMostPacket> buffer;
    const auto bytes = std::span(buffer).first(td.length());
    const unsigned endpoint = td.token >> 15 & 15;
    const u32 all = device->works_ahead(pid, endpoint) ? wanted(td) : 0;
    if (pid != usb::Pid::In) {
        if (!get(td.buffer, bytes)) return {};
        return device->transact(pid, endpoint, bytes, all);
    }
    const Answer answer = device->transact(pid, endpoint, bytes, all);
    if (answer.handshake == Handshake::Ack) put(td.buffer, bytes.first(answer.length));
    return answer;
}

/// With what the descriptors behind it in its queue go on with: packets of the same endpoint, all of the same
/// length but perhaps the last.
u32 UhciFrame::wanted(const Descriptor& td) {
    constexpr u32 kSamePipe = 0x0007ffff; // PID, address, endpoint
    const u32 packet = td.length();
    u32 all = packet;
    u32 last = packet;
    u32 link = td.link;
    for (unsigned n = 0; n < kMostAhead && links_ > 0; ++n) {
        if (!in_queue_ || last < packet || (link & (uhci::T | uhci::Q)) != 0) break;
        const std::span<const u8> raw = memory_.view(link & uhci::kAddress, 16);
        --links_;
        if (raw.size() < 16) break;
        const Descriptor next{word(raw, 0), word(raw, 1), word(raw, 2), word(raw, 3)};
        last = next.length();
        if (!next.has(Td::ACTIVE) || ((next.token ^ td.token) & kSamePipe) != 0 || last > packet) break;
        all += last;
        link = next.link;
    }
    return all;
}

UhciFrame::Then UhciFrame::finish(Descriptor& td, const Answer& answer, bool in) {
    switch (answer.handshake) {
    case Handshake::Ack: return done(td, in ? answer.length : td.length(), in);
    case Handshake::Nak: td.set(Td::NAK); return Then::NextQueue;
    case Handshake::Stall: td.set(Td::STALLED); return give_up(td);
    case Handshake::Babble:
        td.set(Td::BABBLE);
        td.set(Td::STALLED);
        return give_up(td);
    case Handshake::None: return no_answer(td);
    }
    return Then::NextQueue;
}

/// NAK of an earlier frame goes, too: Windows 2000 relies on it.
UhciFrame::Then UhciFrame::done(Descriptor& td, u32 bytes, bool in) {
    moved_ = true;
    bytes_ += bytes;
    td.status &= ~uhci::kTdErrors;
    td.clear(Td::ACTIVE);
    td.clear(Td::NAK);
    td.set_actual(bytes);
    out_.complete |= td.has(Td::IOC);
    if (!in || !td.has(Td::SPD) || bytes >= td.length()) return Then::NextElement;
    out_.short_packet = true;
    return Then::NextQueue; // the queue stays here until software has dealt with it
}

/// There is one attempt a frame and no handshake; done is done.
UhciFrame::Then UhciFrame::finish_isochronous(Descriptor& td, const Answer& answer) {
    if (answer.handshake == Handshake::Ack) return done(td, answer.length, false);
    if (answer.handshake == Handshake::None) td.set(Td::CRC_TIMEOUT);
    td.clear(Td::ACTIVE);
    td.set_actual(0);
    out_.complete |= td.has(Td::IOC);
    return Then::NextElement;
}

/// A counter that starts at 0 counts nothing: the controller tries for ever.
UhciFrame::Then UhciFrame::no_answer(Descriptor& td) {
    td.set(Td::CRC_TIMEOUT);
    const u32 left = (td.status & uhci::kErrorCounter) >> uhci::kErrorCounterShift;
    if (left == 0) return Then::NextQueue;
    out_.more = true;
    td.status = (td.status & ~uhci::kErrorCounter) | (left - 1) << uhci::kErrorCounterShift;
    if (left > 1) return Then::NextQueue;
    td.set(Td::STALLED);
    return give_up(td);
}

UhciFrame::Then UhciFrame::give_up(Descriptor& td) {
    td.clear(Td::ACTIVE);
    out_.error = true;
    out_.complete |= td.has(Td::IOC);
    return Then::NextQueue;
}

} // namespace dm
