#include "dm/devices/usb/uhci.hpp"

namespace dm {

using uhci::Cmd;
using uhci::Intr;
using uhci::Portsc;
using uhci::Sts;

namespace {

/// Beyond the header (datasheet, "USB host controller PCI configuration registers").
constexpr std::array kConfig{
    RegSpec{"PCISTS", 0x06, 2, 0x0280, 0x0000, 0x7900},
    RegSpec{"SBRNUM", 0x60, 1, 0x10, 0x00, 0x00}, // USB 1.0
    RegSpec{"MSTAT", 0x6a, 2, 0x0001, 0x0001, 0x0000},
    RegSpec{"LEGSUP", 0xc0, 2, 0x2000, 0x20bf, 0x8f00},
};
static_assert(well_formed(kConfig, 256));

constexpr unsigned kBar = 4;
constexpr u16 kNoPort = 0xff7f;

constexpr Bits<Portsc> masked(Bits<Portsc> bits, u16 mask) {
    return Bits<Portsc>{static_cast<u16>(bits.raw() & mask)};
}

} // namespace

Uhci::Uhci(std::string_view device_name, GuestMemory& memory, TimerQueue& timers, PciWiring wiring,
           const PciIdentity& identity)
    : PciFunction(device_name, identity, std::move(wiring)), log_(device_name), memory_(memory),
      timers_(timers), timer_(timers, [this] {
          run_frames();
          update();
      }) {
    set_registers(kConfig);
    add_bar(kBar, {BarKind::Io, uhci::kRegisters, static_cast<IoHandler*>(this), 2});
    finish_config();
    reset_registers();
}

Uhci::~Uhci() {
    for (const auto& device : devices_)
        if (device != nullptr) device->plug_into(nullptr);
}

// ----------------------------------------------------------------------------------------------- registers

u64 Uhci::read(u64 offset, unsigned size) {
    run_frames();
    update();
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i) {
        const u64 at = offset + i;
        value |= u64{byte_of(read_register(at & ~u64{1}), at & 1)} << (8 * i);
    }
    return value;
}

/// A byte access touches only its half of a register.
void Uhci::write(u64 offset, unsigned size, u64 value) {
    run_frames();
    for (unsigned i = 0; i < size;) {
        const u64 at = offset + i;
        const bool whole = (at & 1) == 0 && i + 1 < size;
        const unsigned shift = (at & 1) * 8;
        const auto part = static_cast<u16>(value >> (8 * i));
        if (whole)
            write_register(at, part, 0xffff);
        else
            write_register(at & ~u64{1}, static_cast<u16>((part & 0xff) << shift),
                           static_cast<u16>(0xff << shift));
        i += whole ? 2 : 1;
    }
    update();
}

u16 Uhci::read_register(u64 offset) const {
    switch (offset) {
    case uhci::USBCMD: return s_.usbcmd.raw();
    case uhci::USBSTS: return s_.usbsts.raw();
    case uhci::USBINTR: return s_.usbintr.raw();
    case uhci::FRNUM: return s_.frnum;
    case uhci::FLBASEADD: return static_cast<u16>(s_.flbaseadd);
    case uhci::FLBASEADD + 2: return static_cast<u16>(s_.flbaseadd >> 16);
    case uhci::SOFMOD: return s_.sofmod;
    case uhci::SOFMOD + 2: return 0;
    case uhci::PORTSC1: return port_status(0);
    case uhci::PORTSC2: return port_status(1);
    default: return kNoPort;
    }
}

void Uhci::write_register(u64 offset, u16 value, u16 mask) {
    const auto merged = [&](u32 old) { return static_cast<u16>((old & ~u32{mask}) | (value & mask)); };
    switch (offset) {
    case uhci::USBCMD: write_command(Bits<Cmd>{merged(s_.usbcmd.raw())}); break;
    case uhci::USBSTS: write_status(static_cast<u16>(value & mask)); break;
    case uhci::USBINTR:
        s_.usbintr = Bits<Intr>{static_cast<u16>(merged(s_.usbintr.raw()) & uhci::kIntrMask)};
        break;
    case uhci::FRNUM:
        if (s_.usbsts.has(Sts::HCHALTED)) s_.frnum = merged(s_.frnum) & uhci::kFrameNumberMask;
        break;
    case uhci::FLBASEADD:
        s_.flbaseadd = (s_.flbaseadd & 0xffff0000) | (merged(s_.flbaseadd) & 0xf000U);
        eventful();
        break;
    case uhci::FLBASEADD + 2:
        s_.flbaseadd = (s_.flbaseadd & 0xf000) | u32{merged(s_.flbaseadd >> 16)} << 16;
        eventful();
        break;
    case uhci::SOFMOD: s_.sofmod = merged(s_.sofmod) & 0x7f; break;
    case uhci::PORTSC1: write_port(0, value, mask); break;
    case uhci::PORTSC2: write_port(1, value, mask); break;
    default: break;
    }
}

void Uhci::write_command(Bits<Cmd> value) {
    if (value.has(Cmd::GRESET)) {
        if (s_.usbcmd.has(Cmd::GRESET)) return;
        for (const auto& device : devices_)
            if (device != nullptr) device->bus_reset();
        reset_registers();
        s_.usbcmd = Cmd::GRESET;
    } else if (value.has(Cmd::HCRESET)) {
        reset_registers();
    } else {
        const bool ran = running();
        s_.usbcmd = Bits<Cmd>{static_cast<u16>(value.raw() & uhci::kCmdMask)};
        s_.usbsts.set(Sts::HCHALTED, !s_.usbcmd.has(Cmd::RS));
        if (running() && !ran) s_.frame_began_ns = timers_.now_ns();
        for (unsigned port = 0; port < kPorts; ++port) // who has been waking does not stop now
            if (s_.portsc[port].has(Portsc::RD)) resume(port);
        eventful();
        ports_changed();
    }
}

void Uhci::write_status(u16 value) {
    const Bits<Sts> cleared{static_cast<u16>(value & uhci::kStsClearable)};
    s_.usbsts = Bits<Sts>{static_cast<u16>(s_.usbsts.raw() & ~cleared.raw())};
    if (cleared.has(Sts::USBINT)) s_.int_complete = s_.int_short = false;
}

void Uhci::reset_registers() {
    s_ = {};
    for (unsigned port = 0; port < kPorts; ++port)
        s_.portsc[port].set(Portsc::CSC, devices_[port] != nullptr);
    ports_changed();
}

void Uhci::config_written(unsigned reg, unsigned) {
    if (reg > pci::COMMAND + 1U) return;
    eventful();
    update();
}

void Uhci::update() {
    const Bits<Sts> sts = s_.usbsts;
    const Bits<Intr> enabled = s_.usbintr;
    set_intx((s_.int_complete && enabled.has(Intr::IOC)) ||
             (s_.int_short && enabled.has(Intr::SHORT_PACKET)) ||
             (sts.has(Sts::ERROR) && enabled.has(Intr::TIMEOUT_CRC)) ||
             (sts.has(Sts::RESUME) && enabled.has(Intr::RESUME)) || sts.has(Sts::HSE) || sts.has(Sts::HCPE));
    timer_.arm(next_look());
}

// --------------------------------------------------------------------------------------------- the root hub

u16 Uhci::port_status(unsigned port) const {
    Bits<Portsc> sc = s_.portsc[port] | Portsc::ALWAYS_ONE;
    if (devices_[port] == nullptr) return sc.raw();
    sc.set(Portsc::CCS);
    // Full speed: D+ is high while nobody sends, D- while somebody resumes; neither during a reset.
    if (sc.has(Portsc::RD))
        sc.set(Portsc::LINE_D_MINUS);
    else if (!sc.has(Portsc::PR))
        sc.set(Portsc::LINE_D_PLUS);
    return sc.raw();
}

void Uhci::write_port(unsigned port, u16 value, u16 mask) {
    Bits<Portsc>& sc = s_.portsc[port];
    UsbDevice* const device = devices_[port].get();
    const bool was_reset = sc.has(Portsc::PR);
    const auto stored = static_cast<u16>(sc.raw() & ~(value & mask & uhci::kPortClearable));
    const auto written = static_cast<u16>(mask & uhci::kPortWritable);
    sc = Bits<Portsc>{static_cast<u16>((stored & ~written) | (value & written))};
    if (sc.has(Portsc::PR) && !was_reset && device != nullptr) device->bus_reset();
    if (sc.has(Portsc::PR) || device == nullptr) sc.clear(Portsc::PED);
    eventful();
    ports_changed();
}

void Uhci::attach(unsigned port, std::unique_ptr<UsbDevice> device) {
    devices_[port] = std::move(device);
    devices_[port]->plug_into(static_cast<UsbUpstream*>(this));
    s_.portsc[port].set(Portsc::CSC);
    resume(port);
    update();
}

std::unique_ptr<UsbDevice> Uhci::detach(unsigned port) {
    std::unique_ptr<UsbDevice> gone = std::move(devices_[port]);
    if (gone == nullptr) return gone;
    gone->plug_into(nullptr);
    gone->link_changed();
    Bits<Portsc>& sc = s_.portsc[port];
    if (sc.has(Portsc::PED)) sc.set(Portsc::PEDC);
    sc = masked(sc, static_cast<u16>(Portsc::PEDC)) | Portsc::CSC;
    resume(port);
    update();
    return gone;
}

/// Somebody on the bus wants something. Only a bus that sleeps as a whole tells by an interrupt.
void Uhci::resume(unsigned port) {
    if (s_.portsc[port].has(Portsc::SUSP)) s_.portsc[port].set(Portsc::RD);
    if (!s_.usbcmd.has(Cmd::EGSM)) return;
    s_.usbcmd.set(Cmd::FGR);
    s_.usbsts.set(Sts::RESUME);
}

unsigned Uhci::port_of(const UsbDevice& device) const {
    return &device == devices_[0].get() ? 0 : 1;
}

bool Uhci::port_hears(unsigned port) const {
    const Bits<Portsc> sc = s_.portsc[port];
    return devices_[port] != nullptr && sc.has(Portsc::PED) && !sc.has(Portsc::PR);
}

void Uhci::ports_changed() {
    for (const auto& device : devices_)
        if (device != nullptr) device->link_changed();
}

void Uhci::device_ready(UsbDevice& device) {
    const unsigned port = port_of(device);
    if (s_.portsc[port].has(Portsc::SUSP) || s_.usbcmd.has(Cmd::EGSM)) {
        if (port_hears(port) && device.may_wake()) resume(port);
    } else {
        eventful();
    }
    update();
}

/// A controller that stands still for a moment is no reason to look for another keyboard.
bool Uhci::listens_to(const UsbDevice& device) const {
    const unsigned port = port_of(device);
    const bool asleep = s_.portsc[port].has(Portsc::SUSP) || s_.usbcmd.has(Cmd::EGSM);
    return port_hears(port) && (!asleep || device.may_wake());
}

UsbDevice* Uhci::device_at(u8 address) {
    for (unsigned port = 0; port < kPorts; ++port) {
        if (!port_hears(port) || s_.portsc[port].has(Portsc::SUSP)) continue;
        if (UsbDevice* const found = devices_[port]->find(address)) return found;
    }
    return nullptr;
}

// ---------------------------------------------------------------------------------------------------- state

void Uhci::reset() {
    for (const auto& device : devices_)
        if (device != nullptr) device->reset();
    reset_config();
    reset_registers();
    update();
}

void Uhci::quiesce() {
    for (const auto& device : devices_)
        if (device != nullptr) device->quiesce();
}

void Uhci::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
    for (const auto& device : devices_)
        if (device != nullptr) device->save(out);
}

Status Uhci::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& s) -> Status {
        bool good = (s.usbcmd.raw() & ~uhci::kCmdMask) == 0 && (s.usbsts.raw() & ~uhci::kStsMask) == 0 &&
                    (s.usbintr.raw() & ~uhci::kIntrMask) == 0 && s.frnum <= uhci::kFrameNumberMask &&
                    (s.flbaseadd & 0xfff) == 0 && s.sofmod <= 0x7f &&
                    s.usbsts.has(Sts::HCHALTED) != s.usbcmd.has(Cmd::RS);
        for (const Bits<Portsc> sc : s.portsc)
            good = good && (sc.raw() & ~uhci::kPortStored) == 0;
        if (!good) return fail("saved state: {}: a register holds what it cannot", name());
        return {};
    }));
    for (const auto& device : devices_)
        if (device != nullptr) DM_TRY(device->prepare(in));
    DM_TRY(load_config(in)); // commits on success: last
    s_ = loaded;
    s_.frame_began_ns = std::min(s_.frame_began_ns, timers_.now_ns());
    for (const auto& device : devices_)
        if (device != nullptr) device->commit();
    for (unsigned port = 0; port < kPorts; ++port)
        if (devices_[port] == nullptr) s_.portsc[port].clear(Portsc::PED);
    ports_changed();
    update();
    return {};
}

} // namespace dm
