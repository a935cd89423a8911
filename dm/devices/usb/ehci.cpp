// Registers and state.
#include "dm/devices/usb/ehci.hpp"

#include "dm/core/dword_access.hpp"

#include <algorithm>

namespace dm {

using ehci::Cmd;
using ehci::Portsc;
using ehci::Sts;

namespace {

/// Beyond the header (EHCI 1.0, 2.1).
constexpr std::array kConfig{
    RegSpec{"PCISTS", 0x06, 2, 0x0280, 0x0000, 0x7900},
    RegSpec{"SBRN", 0x60, 1, 0x20, 0x00, 0x00}, // USB 2.0
    RegSpec{"FLADJ", 0x61, 1, 0x20, 0x3f, 0x00},
    RegSpec{"PORTWAKECAP", 0x62, 2, 0x0000, 0x007f, 0x0000},
    RegSpec{"USBLEGSUP", 0x68, 4, 0x00000001, 0x01010000, 0x00000000},
    RegSpec{"USBLEGCTLSTS", 0x6c, 4, 0x00000000, 0x0000e03f, 0xe0000000},
};
static_assert(well_formed(kConfig, 256));

constexpr unsigned kBar = 0;

} // namespace

Ehci::Ehci(std::string_view device_name, GuestMemory& memory, TimerQueue& timers, PciWiring wiring,
           const PciIdentity& identity)
    : PciFunction(device_name, identity, std::move(wiring)), log_(device_name), memory_(memory),
      timers_(timers), timer_(timers, [this] {
          run();
          update();
      }) {
    set_registers(kConfig);
    add_bar(kBar, {BarKind::Memory, ehci::kRegisters, static_cast<IoHandler*>(this), 4});
    finish_config();
    reset_registers();
}

Ehci::~Ehci() {
    for (const auto& device : devices_)
        if (device != nullptr) device->plug_into(nullptr);
}

u64 Ehci::read(u64 offset, unsigned size) {
    run();
    update();
    return read_dwords(offset, size, [this](u64 at) { return read_register(at); });
}

void Ehci::write(u64 offset, unsigned size, u64 value) {
    run();
    write_dwords(offset, size, value, [this](u64 at, u32 part, u32 mask) { write_register(at, part, mask); });
    update();
}

u32 Ehci::read_register(u64 offset) const {
    switch (offset) {
    case ehci::CAPLENGTH: return ehci::kCapLengthVersion;
    case ehci::HCSPARAMS: {
        u32 controllers = 0;
        u32 each = 0;
        for (const Companion& companion : companions_) {
            if (companion.controller == nullptr || companion.port != 0) continue;
            ++controllers;
            each = companion.controller->root_ports();
        }
        return kPorts | each << 8 | controllers << 12;
    }
    case ehci::HCCPARAMS: return ehci::kHccParams;
    default: break;
    }
    if (offset < ehci::kCapLength) return 0;
    const u64 reg = offset - ehci::kCapLength;
    switch (reg) {
    case ehci::USBCMD: return s_.usbcmd.raw();
    case ehci::USBSTS: {
        Bits<Sts> sts = s_.usbsts;
        sts.set(Sts::HCHALTED, !running());
        sts.set(Sts::PSS, running() && s_.usbcmd.has(Cmd::PSE));
        sts.set(Sts::ASS, running() && s_.usbcmd.has(Cmd::ASE));
        return sts.raw();
    }
    case ehci::USBINTR: return s_.usbintr;
    case ehci::FRINDEX: return s_.frindex;
    case ehci::PERIODICLISTBASE: return s_.periodiclistbase;
    case ehci::ASYNCLISTADDR: return s_.asynclistaddr;
    case ehci::CONFIGFLAG: return s_.configured ? 1 : 0;
    default: break;
    }
    const u64 port = (reg - ehci::PORTSC) / 4;
    return reg >= ehci::PORTSC && port < kPorts ? port_status(static_cast<unsigned>(port)) : 0;
}

void Ehci::write_register(u64 offset, u32 value, u32 mask) {
    if (offset < ehci::kCapLength) return;
    const u64 reg = offset - ehci::kCapLength;
    const auto merged = [&](u32 old) { return (old & ~mask) | value; };
    switch (reg) {
    case ehci::USBCMD: return write_command(merged(s_.usbcmd.raw()));
    case ehci::USBSTS: s_.usbsts = Bits<Sts>{s_.usbsts.raw() & ~value}; return;
    case ehci::USBINTR: s_.usbintr = merged(s_.usbintr) & ehci::kStsClearable; return;
    case ehci::FRINDEX:
        if (!running()) s_.frindex = static_cast<u16>(merged(s_.frindex) & ehci::kFrindexMask);
        return;
    case ehci::PERIODICLISTBASE:
        s_.periodiclistbase = merged(s_.periodiclistbase) & 0xfffff000;
        return eventful();
    case ehci::ASYNCLISTADDR: s_.asynclistaddr = merged(s_.asynclistaddr) & ehci::kAddress; return eventful();
    case ehci::CONFIGFLAG: return configure((merged(s_.configured ? 1 : 0) & 1) != 0);
    default: break;
    }
    const u64 port = (reg - ehci::PORTSC) / 4;
    if (reg >= ehci::PORTSC && port < kPorts) write_port(static_cast<unsigned>(port), value, mask);
}

void Ehci::write_command(u32 raw) {
    const Bits<Cmd> value{raw};
    if (value.has(Cmd::HCRESET)) return reset_registers();
    const bool ran = running();
    s_.usbcmd = Bits<Cmd>{raw & ehci::kCmdMask};
    if (running() && !ran) s_.began_ns = timers_.now_ns();
    if (value.has(Cmd::IAAD)) doorbell();
    eventful();
}

/// Nothing is remembered of the asynchronous schedule but where the next look begins, which may be at what
/// software has just taken out (4.8.2), with or without anybody there to answer.
void Ehci::doorbell() {
    if (running() && command(pci::Command::MASTER) && s_.usbcmd.has(Cmd::ASE)) {
        EhciSchedule schedule(memory_, static_cast<EhciSchedule::Bus&>(*this));
        s_.asynclistaddr = schedule.past_removed(s_.asynclistaddr);
        if (schedule.outcome().fault) return broken();
    }
    s_.usbsts.set(Sts::IAA);
}

/// Devices are not reset. Ports go to the companions.
void Ehci::reset_registers() {
    s_ = {};
    for (unsigned port = 0; port < kPorts; ++port)
        s_.portsc[port].set(Portsc::PO, companions_[port].controller != nullptr);
    put_where_owned();
    for (unsigned port = 0; port < kPorts; ++port)
        if (devices_[port] != nullptr) connection_changed(port);
    s_.eventful_ns = 0;
    ports_changed();
}

void Ehci::config_written(unsigned reg, unsigned) {
    if (reg > pci::COMMAND + 1U) return;
    eventful();
    update();
}

// ---------------------------------------------------------------------------------------------------- state

void Ehci::reset() {
    for (const auto& device : devices_)
        if (device != nullptr) device->reset();
    reset_config();
    reset_registers();
    update();
}

void Ehci::quiesce() {
    for (const auto& device : devices_)
        if (device != nullptr) device->quiesce();
}

void Ehci::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
    for (const auto& device : devices_)
        if (device != nullptr) device->save(out);
}

Status Ehci::check(const State& s) const {
    bool good = (s.usbcmd.raw() & ~ehci::kCmdMask) == 0 && (s.usbsts.raw() & ~ehci::kStsClearable) == 0 &&
                (s.usbintr & ~ehci::kStsClearable) == 0 && s.frindex <= ehci::kFrindexMask &&
                (s.periodiclistbase & 0xfff) == 0 && (s.asynclistaddr & ~u32{ehci::kAddress}) == 0;
    for (unsigned port = 0; port < kPorts; ++port) {
        const Bits<Portsc> sc = s.portsc[port];
        const bool companion = companions_[port].controller != nullptr;
        good = good && (sc.raw() & ~ehci::kPortStored) == 0 && (companion || !sc.has(Portsc::PO)) &&
               (s.configured || !companion || sc.has(Portsc::PO)) &&
               !(sc.has(Portsc::PED) && sc.has(Portsc::PO)) && !(sc.has(Portsc::PED) && sc.has(Portsc::PR)) &&
               (!sc.has(Portsc::SUSP) || sc.has(Portsc::PED)) &&
               (!sc.has(Portsc::FPR) || sc.has(Portsc::SUSP));
    }
    if (!good) return fail("saved state: {}: a register holds what it cannot", name());
    return {};
}

Status Ehci::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& s) { return check(s); }));
    for (unsigned port = 0; port < kPorts; ++port)
        if (UsbDevice* const here = device(port); here != nullptr && !loaded.portsc[port].has(Portsc::PO))
            DM_TRY(here->prepare(in));
    DM_TRY(load_config(in)); // commits on success: last
    s_ = loaded;
    s_.began_ns = std::min(s_.began_ns, timers_.now_ns());
    put_where_owned();
    for (unsigned port = 0; port < kPorts; ++port) {
        if (devices_[port] != nullptr)
            devices_[port]->commit();
        else
            s_.portsc[port] = Bits<Portsc>{s_.portsc[port].raw() & ~0x00c4U}; // PED, FPR, SUSP
    }
    ports_changed();
    update();
    return {};
}

} // namespace dm
