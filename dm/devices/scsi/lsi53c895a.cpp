// LSI53C895A: PCI function, resets, interrupts and timers.
#include "dm/devices/scsi/lsi53c895a.hpp"

#include "dm/devices/scsi/scsi_cdrom.hpp"
#include "dm/devices/scsi/scsi_disk.hpp"

namespace dm {

using namespace lsi;

namespace {

constexpr PciIdentity kIdentity{.vendor = 0x1000,
                                .device = 0x0012,
                                .class_code = 0x010000,
                                .subsystem_vendor = 0,
                                .subsystem = 0x1000,
                                .interrupt_pin = 1};

constexpr unsigned kIoBar = 0;
constexpr unsigned kMemoryBar = 1;
constexpr unsigned kRamBar = 2;

std::unique_ptr<ScsiTarget> make_target(std::string_view name, unsigned id, DriveConfig config) {
    if (config.serial.empty()) config.serial = fmt::format("HMS{:04}", id);
    const std::string tag = fmt::format("{}/{}", name, id);
    if (config.kind == DriveKind::Cdrom) return std::make_unique<ScsiCdrom>(tag, config);
    return std::make_unique<ScsiDisk>(tag, config);
}

} // namespace

Lsi53c895a::Lsi53c895a(std::string_view device_name, const Config& config, GuestMemory& memory,
                       TimerQueue& timers, PciWiring wiring)
    : PciFunction(device_name, kIdentity, std::move(wiring)), memory_(memory), timers_(timers), log_(name()),
      bus_(name() + "/bus", memory, *this), pause_timer_(timers,
                                                         [this] {
                                                             s_.resume_at.reset();
                                                             go_on();
                                                             derive();
                                                         }),
      general_timer_(timers, [this] { general_timer_expired(); }) {
    set_register(pci::LATENCY_TIMER, 1, 0xff, 0xff);
    add_bar(kIoBar, {BarKind::Io, 256, &registers_, 4});
    add_bar(kMemoryBar, {BarKind::Memory, 1024, &registers_, 4});
    add_bar(kRamBar, {BarKind::Memory, kRamSize, &ram_, 8});
    for (unsigned id = 0; id < config.drives.size(); ++id)
        if (config.drives[id] && id != kHostId)
            bus_.attach(static_cast<u8>(id), make_target(bus_.name(), id, *config.drives[id]));
    finish_config();
}

void Lsi53c895a::reset() {
    const bool unplugged = s_.unplugged;
    bus_.power_on();
    s_ = {};
    s_.unplugged = unplugged;
    reset_config();
    derive();
}

/// Registers are as at power-on, the script RAM keeps its content. Commands that nobody waits for any more
/// must not reach into memory either.
void Lsi53c895a::soft_reset() {
    bus_.abandon();
    const bool unplugged = s_.unplugged;
    const auto ram = s_.ram;
    s_ = {};
    s_.unplugged = unplugged;
    s_.ram = ram;
}

/// Without bus mastering a script stands still at its next fetch.
void Lsi53c895a::config_written(unsigned, unsigned) {
    go_on();
    derive();
}

bool Lsi53c895a::scsi_pending() const {
    return (s_.causes.sist0 & (sist0::FATAL | s_.regs.get8(SIEN0))) != 0 ||
           (s_.causes.sist1 & (sist1::FATAL | s_.regs.get8(SIEN1))) != 0;
}

/// Every DMA interrupt stops the script.
void Lsi53c895a::raise_dma(u8 cause) {
    const bool waits = scsi_pending() || s_.causes.dstat != 0;
    u8& place = waits ? s_.stacked.dstat : s_.causes.dstat;
    place = static_cast<u8>(place | cause);
    stop();
}

/// Fatal and enabled SCSI interrupts stop the script.
void Lsi53c895a::raise_scsi(u8 zero, u8 one) {
    const bool waits = scsi_pending() || s_.causes.dstat != 0;
    Causes& place = waits ? s_.stacked : s_.causes;
    place.sist0 = static_cast<u8>(place.sist0 | zero);
    place.sist1 = static_cast<u8>(place.sist1 | one);
    const bool stops = (zero & (sist0::FATAL | s_.regs.get8(SIEN0))) != 0 ||
                       (one & (sist1::FATAL | s_.regs.get8(SIEN1))) != 0;
    if (stops) stop();
}

/// What waited moves up when the registers were read.
void Lsi53c895a::unstack() {
    if (scsi_pending() || s_.causes.dstat != 0 || !s_.stacked.any()) return;
    s_.causes.dstat = s_.stacked.dstat;
    s_.causes.sist0 = static_cast<u8>(s_.causes.sist0 | s_.stacked.sist0);
    s_.causes.sist1 = static_cast<u8>(s_.causes.sist1 | s_.stacked.sist1);
    s_.stacked = {};
}

bool Lsi53c895a::interrupt_level() const {
    if (s_.unplugged || s_.regs.has(DCNTL, dcntl::IRQD) || s_.regs.has(ISTAT1, istat1::SI)) return false;
    return s_.regs.has(ISTAT0, istat0::INTF) || (s_.causes.dstat & s_.regs.get8(DIEN)) != 0 ||
           (s_.causes.sist0 & s_.regs.get8(SIEN0)) != 0 || (s_.causes.sist1 & s_.regs.get8(SIEN1)) != 0;
}

void Lsi53c895a::derive() {
    set_intx(interrupt_level());
    pause_timer_.arm(s_.resume_at);
    general_timer_.arm(s_.general_at);
}

void Lsi53c895a::general_timer_expired() {
    s_.general_at.reset();
    raise_scsi(0, sist1::GEN);
    derive();
}

void Lsi53c895a::bus_changed() {
    go_on();
    derive();
}

void Lsi53c895a::quiesce() {
    bus_.quiesce();
    if (may_go_on() && !s_.resume_at) s_.resume_at = timers_.now_ns(); // when time passes again
    derive();
}

/// Nobody is left to acknowledge an interrupt.
Status Lsi53c895a::unplug() {
    s_.unplugged = true;
    soft_reset();
    const int error = bus_.unplug();
    config_write(pci::COMMAND, 2, 0);
    derive();
    if (error != 0) return fail("unplugged SCSI disks with a failed flush");
    return {};
}

void Lsi53c895a::save(StateWriter& out) const {
    out.section(name(), s_);
    bus_.save(out);
    save_config(out);
}

Status Lsi53c895a::load(StateReader& in) {
    DM_TRY(load_section(in, name(), loaded_, [this](const State& state) { return valid(state); }));
    DM_TRY(bus_.load(in, loaded_.unplugged));
    DM_TRY(load_config(in)); // commits on success: last
    bus_.commit();
    s_ = loaded_;
    if (may_go_on() && !s_.resume_at) s_.resume_at = timers_.now_ns(); // a command was saved as aborted
    derive();
    return {};
}

Status Lsi53c895a::valid(const State& state) const {
    if (state.wait > Wait::Reselection || state.phase > lines::PHASE)
        return fail("saved state: {}: a value that the chip does not have", name());
    if (!state.running && state.wait != Wait::None)
        return fail("saved state: {}: a script waits that does not run", name());
    for (unsigned reg = 0; reg < kRegisters; ++reg)
        if (kWritableBits.bytes[reg] == 0 && kResetValues.bytes[reg] != 0 &&
            state.regs.bytes[reg] != kResetValues.bytes[reg] && reg != DCMD)
            return fail("saved state: {}: register {:#04x} cannot change", name(), reg);
    if (s_.unplugged && !state.unplugged) return fail("saved state: {}: it was unplugged here", name());
    return {};
}

} // namespace dm
