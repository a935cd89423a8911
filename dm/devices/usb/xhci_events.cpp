// Interrupters and their event rings (4.9.4, 4.17, 5.5.2).
#include "dm/devices/usb/xhci.hpp"

#include <algorithm>

namespace dm {

using xhci::Code;
using xhci::Trb;
using xhci::TrbType;

namespace {

constexpr unsigned kFewestEvents = 16; // of a segment (6.5)
constexpr unsigned kMostEvents = 4096;
constexpr u64 kLow = 0xffffffff;
constexpr u64 kDequeue = ~u64{15};

void put32(std::span<u8> to, std::size_t at, u32 value) {
    for (unsigned i = 0; i < 4; ++i)
        to[at + i] = byte_of(value, i);
}

} // namespace

u32 Xhci::read_interrupter(u64 offset) const {
    const u64 index = offset / xhci::kInterrupterStride;
    if (index >= xhci::kInterrupters) return 0;
    const Interrupter& i = s_.interrupters[index];
    switch (static_cast<xhci::IntReg>(offset % xhci::kInterrupterStride)) {
    case xhci::IMAN: return i.iman;
    case xhci::IMOD: return i.imod;
    case xhci::ERSTSZ: return i.erstsz;
    case xhci::ERSTBA: return static_cast<u32>(i.erstba);
    case xhci::ERSTBA_HIGH: return static_cast<u32>(i.erstba >> 32);
    case xhci::ERDP: return static_cast<u32>(i.erdp);
    case xhci::ERDP_HIGH: return static_cast<u32>(i.erdp >> 32);
    }
    return 0;
}

void Xhci::write_interrupter(u64 offset, u32 value) {
    const u64 index = offset / xhci::kInterrupterStride;
    if (index >= xhci::kInterrupters) return;
    Interrupter& i = s_.interrupters[index];
    switch (static_cast<xhci::IntReg>(offset % xhci::kInterrupterStride)) {
    case xhci::IMAN:
        if ((value & i.iman & xhci::IP) != 0) {
            i.iman &= ~u32{xhci::IP};
            i.quiet_until_ns = timers_.now_ns() + (i.imod & 0xffff) * xhci::kModeration;
        }
        i.iman = (i.iman & xhci::IP) | (value & xhci::IE);
        break;
    case xhci::IMOD: i.imod = value; break;
    case xhci::ERSTSZ: i.erstsz = value & 0xffff; break;
    case xhci::ERSTBA:
        i.erstba = (i.erstba & ~kLow) | (value & ~u32{15}); // NEC's drivers align no better
        i.started = i.full = false;
        break;
    case xhci::ERSTBA_HIGH:
        i.erstba = (i.erstba & kLow) | u64{value} << 32;
        i.started = i.full = false;
        break;
    case xhci::ERDP: {
        const u64 busy = i.erdp & xhci::EHB & ~u64{value};
        i.erdp = (i.erdp & ~kLow) | (value & ~xhci::EHB) | busy;
        i.full = false;
        break;
    }
    case xhci::ERDP_HIGH:
        i.erdp = (i.erdp & kLow) | u64{value} << 32;
        i.full = false;
        break;
    }
    if (empty(i)) i.pending = false;
}

bool Xhci::empty(const Interrupter& i) const {
    return !i.started || i.bases[i.segment] + i.index * xhci::kTrbSize == (i.erdp & kDequeue);
}

/// The segment table is read when the first event goes there (4.9.4).
bool Xhci::start_event_ring(Interrupter& i) {
    if (i.started) return true;
    if (i.erstsz == 0) return false;
    i.bases = {};
    i.sizes = {};
    const unsigned count = std::min(i.erstsz, xhci::kMostSegments);
    for (unsigned n = 0; n < count; ++n) {
        std::array<u8, 16> raw;
        if (!get(i.erstba + n * raw.size(), raw)) return false;
        u64 base = 0;
        for (unsigned b = 0; b < 8; ++b)
            base |= u64{raw[b]} << (8 * b);
        const unsigned size = raw[8] | unsigned{raw[9]} << 8;
        if (size < kFewestEvents || size > kMostEvents)
            return broken(xhci::Sts::HCE, "a segment of an event ring has no possible size"), false;
        i.bases[n] = base & ~u64{63};
        i.sizes[n] = static_cast<u16>(size);
    }
    i.segment = 0;
    i.index = 0;
    i.cycle = true;
    i.started = true;
    return true;
}

unsigned Xhci::room(unsigned interrupter) {
    Interrupter& i = s_.interrupters[interrupter];
    if (!start_event_ring(i)) return 0;
    unsigned total = 0;
    unsigned to = 0;
    std::optional<unsigned> from;
    for (unsigned n = 0; n < xhci::kMostSegments; ++n) {
        const u64 at = (i.erdp & kDequeue) - i.bases[n];
        if (at < i.sizes[n] * xhci::kTrbSize) from = total + static_cast<unsigned>(at / xhci::kTrbSize);
        if (n == i.segment) to = total + i.index;
        total += i.sizes[n];
    }
    if (!from) return total; // the guest reads elsewhere: nothing is ever full
    return (*from + total - to - 1) % total;
}

bool Xhci::has_room(unsigned interrupter, unsigned events) {
    Interrupter& i = s_.interrupters[interrupter];
    if (!i.started && i.erstsz == 0) return true; // nobody wants them
    if (i.full) return false;
    const unsigned fit = room(interrupter);
    if (!running()) return false;
    if (fit > events) return true;
    i.full = true;
    if (fit > 0)
        put_event(i, {.parameter = 0,
                      .status = static_cast<u32>(Code::EventRingFull) << 24,
                      .control = static_cast<u32>(TrbType::HostController) << xhci::kTrbTypeShift});
    return false;
}

/// There is room, or the event is lost.
void Xhci::post(unsigned interrupter, Trb event, bool interrupts) {
    Interrupter& i = s_.interrupters[interrupter];
    if (!running() || !has_room(interrupter, 1) || !start_event_ring(i)) return;
    put_event(i, event);
    i.pending = i.pending || interrupts;
}

void Xhci::put_event(Interrupter& i, Trb event) {
    std::array<u8, xhci::kTrbSize> raw;
    const u32 cycle = i.cycle ? static_cast<u32>(xhci::TrbBit::C) : 0;
    put32(raw, 0, static_cast<u32>(event.parameter));
    put32(raw, 4, static_cast<u32>(event.parameter >> 32));
    put32(raw, 8, event.status);
    put32(raw, 12, event.control | cycle);
    if (!put(i.bases[i.segment] + i.index * xhci::kTrbSize, raw)) return;
    if (++i.index < i.sizes[i.segment]) return;
    i.index = 0;
    ++i.segment;
    if (i.segment < xhci::kMostSegments && i.sizes[i.segment] != 0) return;
    i.segment = 0;
    i.cycle = !i.cycle;
}

void Xhci::flush_port_events() {
    for (unsigned i = 0; i < ports() && s_.port_events != 0; ++i) {
        if ((s_.port_events >> i & 1) == 0) continue;
        if (!has_room(0, 1)) return;
        s_.port_events &= ~(u32{1} << i);
        post(0, {.parameter = u64{i + 1} << 24,
                 .status = static_cast<u32>(Code::Success) << 24,
                 .control = static_cast<u32>(TrbType::PortStatusChange) << xhci::kTrbTypeShift});
    }
}

/// An interrupt comes when the last one is dealt with and its time of rest is over (4.17.2). As a message it
/// is told once, on the line until the guest has written IP.
void Xhci::raise_interrupts() {
    const bool enabled = s_.usbcmd.has(xhci::Cmd::INTE);
    const bool message =
        config8(pci::CAPABILITY_LIST) != 0 && (config8(config8(pci::CAPABILITY_LIST) + 2U) & 1) != 0;
    bool line = false;
    for (Interrupter& i : s_.interrupters) {
        if (i.pending && (i.iman & xhci::IP) == 0 && (i.erdp & xhci::EHB) == 0 &&
            i.quiet_until_ns <= timers_.now_ns()) {
            i.iman |= xhci::IP;
            i.erdp |= xhci::EHB;
            s_.usbsts.set(xhci::Sts::EINT);
        }
        if (!enabled || (i.iman & (xhci::IP | xhci::IE)) != (xhci::IP | xhci::IE)) continue;
        line = true;
        if (!message || !command(pci::Command::MASTER)) continue;
        i.iman &= ~u32{xhci::IP};
        i.quiet_until_ns = timers_.now_ns() + (i.imod & 0xffff) * xhci::kModeration;
    }
    set_intx(line);
    if (message) set_intx(false);
}

} // namespace dm
