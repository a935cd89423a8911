#include "dm/devices/usb/xhci.hpp"

#include "dm/core/dword_access.hpp"

#include <algorithm>
#include <cstring>

namespace dm {

using xhci::Cmd;
using xhci::Sts;

namespace {

constexpr PciIdentity kNec{
    .vendor = 0x1033, .device = 0x0194, .class_code = 0x0c0330, .revision = 0x03, .interrupt_pin = 1};
constexpr PciIdentity kQemu{
    .vendor = 0x1b36, .device = 0x000d, .class_code = 0x0c0330, .revision = 0x01, .interrupt_pin = 1};

/// Beyond the header.
enum Config : u8 { SBRN = 0x60, MSI = 0x70 };
constexpr u16 kCapabilityList = 0x0010; // in STATUS

constexpr u32 kMemory64 = 4; // type of a 64-bit BAR

constexpr u32 kVersion = 0x01000000 | xhci::kOperational;
constexpr u32 kSegmentsLog2 = 2;
static_assert(1U << kSegmentsLog2 == xhci::kMostSegments);
constexpr u32 kParams2 = kSegmentsLog2 << 4 | 0xf; // schedules are seen at the very last moment
constexpr u32 kCapabilities = 0x00080001;          // extended ones at 0x20, addresses of 64 bits

constexpr u32 low(u64 value) {
    return static_cast<u32>(value);
}
constexpr u32 high(u64 value) {
    return static_cast<u32>(value >> 32);
}

} // namespace

Xhci::Xhci(std::string_view device_name, const Config& parts, GuestMemory& memory, TimerQueue& timers,
           PciWiring wiring)
    : PciFunction(device_name, parts.model == Model::Nec ? kNec : kQemu, std::move(wiring)),
      log_(device_name), config_(parts), memory_(memory), timers_(timers), timer_(timers, [this] {
          wrap_frame_index();
          work();
      }) {
    set_register(SBRN, 1, 0x30, 0);
    if (parts.model == Model::Nec && add_msi(MSI, 0)) {
        set_register(pci::STATUS, 2, kCapabilityList, 0, 0xf900);
        set_register(pci::CAPABILITY_LIST, 1, MSI, 0);
    }
    add_bar(0, {BarKind::Memory, xhci::kBarSize, static_cast<IoHandler*>(this), 4});
    set_register(pci::BAR0, 4, kMemory64, ~static_cast<u32>(xhci::kBarSize - 1));
    set_register(pci::BAR0 + 4, 4, 0, ~u32{0});
    finish_config();
    reset_registers();
}

Xhci::~Xhci() {
    for (const auto& device : devices_)
        if (device != nullptr) device->plug_into(nullptr);
}

// ----------------------------------------------------------------------------------------------- registers

u64 Xhci::read(u64 offset, unsigned size) {
    return read_dwords(offset, size, [this](u64 at) { return read_register(at); });
}

u32 Xhci::read_register(u64 offset) const {
    if (offset < xhci::kOperational) return capability(offset);
    if (offset < xhci::kPortSets) return operational(offset - xhci::kOperational);
    const u64 port = (offset - xhci::kPortSets) / xhci::kPortStride;
    if (port < ports()) return offset % xhci::kPortStride == 0 ? port_status(static_cast<unsigned>(port)) : 0;
    if (offset == xhci::kRuntime) return frame_index();
    if (offset >= xhci::kInterrupterSets) return read_interrupter(offset - xhci::kInterrupterSets);
    return 0;
}

u32 Xhci::capability(u64 offset) const {
    switch (static_cast<xhci::CapReg>(offset)) {
    case xhci::CAPLENGTH: return kVersion;
    case xhci::HCSPARAMS1: return ports() << 24 | xhci::kInterrupters << 8 | xhci::kSlots;
    case xhci::HCSPARAMS2: return kParams2;
    case xhci::HCSPARAMS3: return 0;
    case xhci::HCCPARAMS: return kCapabilities;
    case xhci::DBOFF: return xhci::kDoorbells;
    case xhci::RTSOFF: return xhci::kRuntime;
    case xhci::PROTOCOL_USB2:
    case xhci::PROTOCOL_USB3: break;
    }
    if (offset >= xhci::PROTOCOL_USB3) return protocol(true, offset - xhci::PROTOCOL_USB3);
    if (offset >= xhci::PROTOCOL_USB2) return protocol(false, offset - xhci::PROTOCOL_USB2);
    return 0;
}

/// A supported protocol capability (7.2).
u32 Xhci::protocol(bool usb3, u64 offset) const {
    constexpr u32 kName = 0x20425355; // "USB "
    const unsigned first = usb3 ? (first_usb2() == 0 ? config_.usb2_ports : 0) : first_usb2();
    switch (offset) {
    case 0: return usb3 ? 0x03000002 : 0x02000402; // the next one is four words on
    case 4: return kName;
    case 8: return (usb3 ? config_.usb3_ports : config_.usb2_ports) << 8 | (first + 1);
    default: return 0;
    }
}

u32 Xhci::operational(u64 offset) const {
    if (offset > xhci::CONFIG) return 0;
    switch (static_cast<xhci::OpReg>(offset)) {
    case xhci::USBCMD: return s_.usbcmd.raw();
    case xhci::USBSTS: return s_.usbsts.raw();
    case xhci::PAGESIZE: return 1; // 4 KiB
    case xhci::DNCTRL: return s_.dnctrl;
    case xhci::CRCR: return s_.command_ring_runs ? u32{xhci::CRR} : 0;
    case xhci::CRCR_HIGH: return 0;
    case xhci::DCBAAP: return low(s_.dcbaap);
    case xhci::DCBAAP_HIGH: return high(s_.dcbaap);
    case xhci::CONFIG: return s_.config;
    }
    return 0;
}

/// Registers are written as whole words; drivers do nothing else.
void Xhci::write(u64 offset, unsigned size, u64 value) {
    if (size != 4 || offset % 4 != 0) return;
    const auto word = static_cast<u32>(value);
    const u64 port = (offset - xhci::kPortSets) / xhci::kPortStride;
    if (offset < xhci::kOperational) return;
    if (offset < xhci::kPortSets)
        write_operational(offset - xhci::kOperational, word);
    else if (port < ports() && offset % xhci::kPortStride == 0)
        write_port(static_cast<unsigned>(port), word);
    else if (offset >= xhci::kInterrupterSets && offset < xhci::kDoorbells)
        write_interrupter(offset - xhci::kInterrupterSets, word);
    else if (offset >= xhci::kDoorbells)
        ring_doorbell((offset - xhci::kDoorbells) / 4, word);
    work();
}

void Xhci::write_operational(u64 offset, u32 value) {
    if (offset > xhci::CONFIG) return;
    switch (static_cast<xhci::OpReg>(offset)) {
    case xhci::USBCMD: return write_command(value);
    case xhci::USBSTS: s_.usbsts = Bits<Sts>{s_.usbsts.raw() & ~(value & xhci::kStsClearable)}; return;
    case xhci::PAGESIZE: return;
    case xhci::DNCTRL: s_.dnctrl = value & 0xffff; return;
    case xhci::CRCR:
    case xhci::CRCR_HIGH: return write_command_ring(offset, value);
    case xhci::DCBAAP: s_.dcbaap = (s_.dcbaap & ~u64{0xffffffff}) | (value & xhci::kRingPointer); return;
    case xhci::DCBAAP_HIGH: s_.dcbaap = low(s_.dcbaap) | u64{value} << 32; return;
    case xhci::CONFIG: s_.config = static_cast<u8>(value); return;
    }
}

/// There is nowhere to save to: who asks to have it restored hears that it went wrong, and sets up anew.
void Xhci::write_command(u32 value) {
    const Bits<Cmd> wanted{value};
    if (wanted.has(Cmd::HCRST)) return reset_registers();
    const bool ran = running();
    s_.usbcmd = Bits<Cmd>{value & xhci::kCmdMask};
    if (wanted.has(Cmd::CSS)) s_.usbsts.clear(Sts::SRE);
    if (wanted.has(Cmd::CRS)) s_.usbsts.set(Sts::SRE);
    if (s_.usbsts.has(Sts::HCE)) s_.usbcmd.clear(Cmd::RS);
    s_.usbsts.set(Sts::HCH, !running());
    if (running() && !ran) s_.started_ns = timers_.now_ns();
    if (!running()) s_.command_ring_runs = s_.commands_rung = false;
}

void Xhci::write_command_ring(u64 offset, u32 value) {
    if (s_.command_ring_runs) {
        if (offset != xhci::CRCR || (value & (xhci::CS | xhci::CA)) == 0) return;
        s_.command_ring_runs = s_.commands_rung = false;
        post(0, {.parameter = s_.crcr,
                 .status = static_cast<u32>(xhci::Code::CommandRingStopped) << 24,
                 .control = static_cast<u32>(xhci::TrbType::CommandCompletion) << xhci::kTrbTypeShift});
    } else if (offset == xhci::CRCR) {
        s_.crcr = (s_.crcr & ~u64{0xffffffff}) | (value & xhci::kRingPointer);
        s_.command_cycle = (value & xhci::RCS) != 0;
    } else {
        s_.crcr = low(s_.crcr) | u64{value} << 32;
    }
}

void Xhci::ring_doorbell(u64 number, u32 value) {
    if (!running()) return;
    if (number == 0) {
        if ((value & 0xff) == 0) s_.command_ring_runs = s_.commands_rung = true;
        return;
    }
    if (number > xhci::kSlots) return;
    Endpoint* const ep = endpoint(static_cast<u8>(number), value & 0xff);
    if (ep == nullptr || (ep->state != xhci::EpState::Running && ep->state != xhci::EpState::Stopped))
        return log_.guest("doorbell of slot {} for context {}, which is none that runs", number,
                          value & 0xff);
    if (ep->state == xhci::EpState::Stopped) {
        ep->state = xhci::EpState::Running;
        write_endpoint(*ep);
    }
    ep->rung = true;
    waits(*ep) = false;
}

/// What a controller cannot go on from; the guest has to reset it.
void Xhci::broken(Sts why, std::string_view what) {
    log_.guest("halted: {}", what);
    s_.usbsts.set(why);
    s_.usbsts.set(Sts::HCH);
    s_.usbcmd.clear(Cmd::RS);
    s_.command_ring_runs = s_.commands_rung = false;
}

void Xhci::reset_registers() {
    s_ = {};
    waits_ = {};
    rest_until_ns_ = {};
    power_on_ports();
}

void Xhci::config_written(unsigned reg, unsigned) {
    if (reg <= pci::COMMAND + 1U || (reg >= MSI && reg < MSI + 4U)) work();
}

// ----------------------------------------------------------------------------------------------------- work

/// Everything that can be done now. Devices that have something to say while they are asked are heard next.
void Xhci::work() {
    if (working_) {
        again_ = true;
        return;
    }
    working_ = true;
    s_.more_ns.reset();
    unsigned budget = xhci::kWorkAtOnce;
    do {
        again_ = false;
        if (!running() || !command(pci::Command::MASTER)) break;
        flush_port_events();
        run_commands(budget);
        run_endpoints(budget);
    } while (again_ && budget > 0);
    if (running() && budget == 0) s_.more_ns = timers_.now_ns() + kMillisecond;
    working_ = false;
    update();
}

void Xhci::update() {
    raise_interrupts();
    timer_.arm(next_event_ns());
}

u32 Xhci::frame_index() const {
    if (!running()) return 0;
    return static_cast<u32>((timers_.now_ns() - s_.started_ns) / xhci::kMicroframe) & xhci::kFrameIndexMask;
}

std::optional<u64> Xhci::next_event_ns() const {
    std::optional<u64> next = s_.more_ns;
    const auto also = [&](u64 when) { next = std::min(next.value_or(when), when); };
    if (!running()) return next;
    if (s_.usbcmd.has(Cmd::EWE)) also(s_.started_ns + (xhci::kFrameIndexMask + 1) * xhci::kMicroframe);
    for (const Interrupter& interrupter : s_.interrupters)
        if (interrupter.pending && (interrupter.iman & xhci::IP) == 0 &&
            (interrupter.erdp & xhci::EHB) == 0 && interrupter.quiet_until_ns > timers_.now_ns())
            also(interrupter.quiet_until_ns);
    for (const Endpoint& ep : s_.endpoints)
        if (rests(ep)) also(rest_until_ns_[index(ep)]);
    return next;
}

/// Where the guest wants to know when MFINDEX starts again (4.14.2).
void Xhci::wrap_frame_index() {
    constexpr u64 kRound = (xhci::kFrameIndexMask + 1) * xhci::kMicroframe;
    const u64 now = timers_.now_ns();
    if (!running() || !s_.usbcmd.has(Cmd::EWE) || now < s_.started_ns + kRound) return;
    s_.started_ns += (now - s_.started_ns) / kRound * kRound;
    post(0, {.parameter = 0,
             .status = static_cast<u32>(xhci::Code::Success) << 24,
             .control = static_cast<u32>(xhci::TrbType::FrameIndexWrap) << xhci::kTrbTypeShift});
}

bool Xhci::get(u64 addr, std::span<u8> out) {
    while (!out.empty()) {
        const std::span<const u8> here = memory_.view(addr, out.size());
        if (here.empty()) return broken(Sts::HSE, "a structure or buffer is not in RAM"), false;
        std::memcpy(out.data(), here.data(), here.size());
        out = out.subspan(here.size());
        addr += here.size();
    }
    return true;
}

bool Xhci::put(u64 addr, std::span<const u8> in) {
    while (!in.empty()) {
        const std::span<u8> here = memory_.view(addr, in.size());
        if (here.empty()) return broken(Sts::HSE, "a structure or buffer is not in RAM"), false;
        std::memcpy(here.data(), in.data(), here.size());
        memory_.wrote(addr, here.size());
        in = in.subspan(here.size());
        addr += here.size();
    }
    return true;
}

// ---------------------------------------------------------------------------------------------------- state

void Xhci::reset() {
    for (const auto& device : devices_)
        if (device != nullptr) device->reset();
    reset_config();
    reset_registers();
    update();
}

void Xhci::quiesce() {
    for (const auto& device : devices_)
        if (device != nullptr) device->quiesce();
    try_all_again(); // as the restored machine will: they stay the same
}

/// What rested or waited may have more, and no device will say so.
void Xhci::try_all_again() {
    waits_ = {};
    rest_until_ns_ = {};
    update();
    if (std::ranges::any_of(s_.endpoints, &Endpoint::goes_on)) timer_.arm(timers_.now_ns());
}

void Xhci::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
    for (const auto& device : devices_)
        if (device != nullptr) device->save(out);
}

Status Xhci::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& s) { return check(s); }));
    for (const auto& device : devices_)
        if (device != nullptr) DM_TRY(device->prepare(in));
    DM_TRY(load_config(in)); // commits on success: last
    const u64 now = timers_.now_ns();
    s_ = loaded;
    s_.started_ns = std::min(s_.started_ns, now);
    if (s_.more_ns) s_.more_ns = std::min(*s_.more_ns, now + kMillisecond);
    for (Interrupter& i : s_.interrupters)
        i.quiet_until_ns = std::min(i.quiet_until_ns, now + 0xffff * xhci::kModeration);
    for (const auto& device : devices_)
        if (device != nullptr) device->commit();
    for (unsigned i = 0; i < ports(); ++i)
        if (device_at_port(i) == nullptr) s_.portsc[i] &= ~static_cast<u32>(xhci::Portsc::PED);
    tell_devices();
    try_all_again();
    return {};
}

Status Xhci::check(const State& s) const {
    bool good = (s.usbcmd.raw() & ~xhci::kCmdMask) == 0 && (s.usbsts.raw() & ~xhci::kStsMask) == 0 &&
                s.usbsts.has(Sts::HCH) != s.usbcmd.has(Cmd::RS) && s.dnctrl <= 0xffff && s.crcr % 16 == 0 &&
                s.dcbaap % 64 == 0 && s.port_events >> ports() == 0;
    for (const u32 portsc : s.portsc)
        good = good && (portsc & ~xhci::kPortStored) == 0;
    for (const Interrupter& i : s.interrupters) {
        good = good && i.iman <= (xhci::IP | xhci::IE) && i.erstsz <= 0xffff && i.erstba % 16 == 0;
        if (!i.started) continue;
        good = good && i.segment < xhci::kMostSegments && i.index < i.sizes[i.segment];
        for (const u64 base : i.bases)
            good = good && base % 64 == 0;
    }
    for (const Slot& slot : s.slots)
        good = good && slot.state <= xhci::SlotState::Configured && slot.port <= ports() &&
               slot.address <= usb::kMostAddress && slot.context % 64 == 0 &&
               (slot.state < xhci::SlotState::Default || slot.port > 0);
    for (const Endpoint& ep : s.endpoints) {
        if (ep.slot == 0) continue;
        const auto same = [&](const Endpoint& other) {
            return other.slot == ep.slot && other.context == ep.context;
        };
        good = good && ep.slot <= xhci::kSlots && s.slots[ep.slot - 1U].state >= xhci::SlotState::Default &&
               ep.context >= 1 && ep.context <= xhci::kMostContexts && ep.state > xhci::EpState::Disabled &&
               ep.state <= xhci::EpState::Error && ep.type > xhci::EpType::None &&
               ep.type <= xhci::EpType::InterruptIn && ep.packet > 0 && ep.packet <= xhci::kMostPacket &&
               ep.dequeue % 16 == 0 && ep.done <= xhci::kTransferLength &&
               std::ranges::count_if(s.endpoints, same) == 1;
    }
    if (!good) return fail("saved state: {}: impossible state", name());
    return {};
}

} // namespace dm
