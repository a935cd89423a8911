// A port's registers, resets and saved state.
#include "dm/devices/ahci/ahci_port.hpp"

#include "dm/devices/ide/ata_disk.hpp"
#include "dm/devices/ide/atapi_cdrom.hpp"

namespace dm {

using ahci::PortCmd;
using ahci::PortReg;

AhciPort::AhciPort(std::string_view name, GuestMemory& memory, TimerQueue& timers, Hba& hba)
    : log_(name), memory_(memory), hba_(hba), timers_(timers), queue_(memory, *this) {}

AhciPort::~AhciPort() {
    abandon();
}

void AhciPort::install(const DriveConfig& config) {
    switch (config.kind) {
    case DriveKind::Disk: {
        auto disk = std::make_unique<AtaDisk>(*this, 0U, config);
        disk_ = disk.get();
        drive_ = std::move(disk);
        break;
    }
    case DriveKind::Cdrom: {
        auto cdrom = std::make_unique<AtapiCdrom>(*this, 0U, config);
        cdrom_ = cdrom.get();
        drive_ = std::move(cdrom);
        break;
    }
    }
}

AtaDisk* AhciPort::disk() const {
    return disk_ != nullptr && disk_->attached() ? disk_ : nullptr;
}

u32 AhciPort::ssts() const {
    if ((s_.sctl & ahci::kSctlDet) == ahci::kSctlDetOffline) return ahci::kSstsOffline;
    return attached() && (s_.sctl & ahci::kSctlDet) == 0 ? ahci::kSstsUp : 0;
}

u32 AhciPort::read(u64 offset) const {
    switch (static_cast<PortReg>(offset)) {
    case PortReg::PxCLB: return s_.clb;
    case PortReg::PxCLBU: return s_.clbu;
    case PortReg::PxFB: return s_.fb;
    case PortReg::PxFBU: return s_.fbu;
    case PortReg::PxIS: return s_.is.raw();
    case PortReg::PxIE: return s_.ie.raw();
    case PortReg::PxCMD: {
        // Always spun up and powered; the engines stop and start at once.
        Bits<PortCmd> cmd = s_.cmd | PortCmd::SUD | PortCmd::POD;
        cmd.set(PortCmd::CR, cmd.has(PortCmd::ST));
        cmd.set(PortCmd::FR, cmd.has(PortCmd::FRE));
        return cmd.raw() | u32{s_.ccs} << ahci::kPortCmdCcsShift;
    }
    case PortReg::PxTFD: return s_.tfd;
    case PortReg::PxSIG: return s_.sig;
    case PortReg::PxSSTS: return ssts();
    case PortReg::PxSCTL: return s_.sctl;
    case PortReg::PxSERR: return s_.serr;
    case PortReg::PxSACT: return s_.sact;
    case PortReg::PxCI: return s_.ci;
    case PortReg::PxSNTF:
    case PortReg::PxFBS:
    case PortReg::PxDEVSLP: return 0;
    }
    return 0;
}

void AhciPort::write(u64 offset, u32 value, u32 mask) {
    const Entry entry(*this);
    const u32 set = value & mask;
    const auto merged = [&](u32 old, u32 writable) { return (old & ~(mask & writable)) | (set & writable); };
    switch (static_cast<PortReg>(offset)) {
    case PortReg::PxCLB: s_.clb = merged(s_.clb, ~ahci::kCommandListAlign); break;
    case PortReg::PxCLBU: s_.clbu = merged(s_.clbu, ~0U); break;
    case PortReg::PxFB: s_.fb = merged(s_.fb, ~ahci::kReceivedFisAlign); break;
    case PortReg::PxFBU: s_.fbu = merged(s_.fbu, ~0U); break;
    case PortReg::PxIS: s_.is = Bits<ahci::PortIrq>{s_.is.raw() & ~set}; break;
    case PortReg::PxIE: s_.ie = Bits<ahci::PortIrq>{merged(s_.ie.raw(), ahci::kPortIrqs)}; break;
    case PortReg::PxCMD: write_cmd(merged(s_.cmd.raw(), ahci::kPortCmdWritable)); break;
    case PortReg::PxSCTL: write_sctl(merged(s_.sctl, ahci::kSctlWritable)); break;
    case PortReg::PxSERR: s_.serr &= ~set; break;
    case PortReg::PxSACT:
        if (running()) s_.sact |= set;
        break;
    case PortReg::PxCI:
        if (running()) s_.ci |= set;
        break;
    case PortReg::PxTFD:
    case PortReg::PxSIG:
    case PortReg::PxSSTS:
    case PortReg::PxSNTF:
    case PortReg::PxFBS:
    case PortReg::PxDEVSLP: break;
    }
}

void AhciPort::bus_changed() {
    const Entry entry(*this);
}

void AhciPort::write_cmd(u32 value) {
    const bool was_running = running();
    s_.cmd = Bits<PortCmd>{value};
    if (!was_running || running()) return;
    // Once CR is clear the port must leave memory alone, so what is in flight is waited for here.
    abandon();
    s_.ci = 0;
    s_.sact = 0;
    s_.ccs = 0;
    s_.next = 0;
    s_.fatal = false;
}

/// The link goes down whenever DET says anything but "no action", and the device is reset by that (COMRESET).
void AhciPort::write_sctl(u32 value) {
    const bool was_up = (s_.sctl & ahci::kSctlDet) == 0;
    s_.sctl = value;
    if (was_up && (value & ahci::kSctlDet) != 0) reset_device();
}

/// What the medium has in its hands cannot be taken back: it is waited for, and its result forgotten.
void AhciPort::abandon() {
    io_.cancel();
    queue_.abandon();
    data_.clear();
    if (active_) {
        active_.reset();
        drive_->soft_reset();
        s_.task.status = ata::kReady;
        show_status(0);
    }
    ended_ = false;
    held_ = false;
    interrupt_ = false;
    phase_ = Phase::None;
    position_ = 0;
    block_end_ = 0;
    queue_failure_.reset();
}

/// What drivers have set in the drive stays, above all a write cache that is off.
void AhciPort::reset_device() {
    abandon();
    if (drive_) drive_->soft_reset();
    s_.tfd = ahci::kTfdNoDevice;
    s_.sig = ahci::kNoSignature;
    s_.signature_due = true;
    s_.soft_reset = false;
    s_.task = {};
    s_.queue_error = {};
}

void AhciPort::power_on() {
    reset_device();
    if (drive_) drive_->power_on();
    s_ = {};
}

void AhciPort::reset_registers() {
    reset_device();
    const State before = s_;
    s_ = {};
    s_.clb = before.clb;
    s_.clbu = before.clbu;
    s_.fb = before.fb;
    s_.fbu = before.fbu;
}

void AhciPort::quiesce() {
    while (io_.busy() || !queue_.empty() || go_on_.deadline()) {
        go_on_.disarm();
        do_steps();
        io_.finish();
        if (disk_ != nullptr && !queue_.empty()) disk_->medium()->drain();
    }
}

void AhciPort::retry() {
    const Entry entry(*this);
    held_ = false;
}

/// The disk was unplugged, or a caller wants its medium back.
void AhciPort::drop_command(unsigned) {
    reset_device();
    hba_.port_changed();
}

Status AhciPort::valid(const State& state) const {
    const auto refuse = [this](std::string_view what) { return fail("saved state: {}: {}", name(), what); };
    if ((state.clb & ahci::kCommandListAlign) != 0 || (state.fb & ahci::kReceivedFisAlign) != 0 ||
        ((state.is.raw() | state.ie.raw()) & ~ahci::kPortIrqs) != 0 ||
        (state.cmd.raw() & ~ahci::kPortCmdWritable) != 0 || (state.sctl & ~ahci::kSctlWritable) != 0 ||
        state.tfd > 0xffff)
        return refuse("a register holds bits that do not exist");
    if (state.ccs >= ahci::kSlots || state.next >= ahci::kSlots || state.queue_error.tag >= ahci::kSlots)
        return refuse("a command slot that does not exist");
    if (!state.cmd.has(PortCmd::ST) && (state.ci != 0 || state.sact != 0))
        return refuse("commands of a port that is stopped");
    if (state.task.status.has(ata::StatusBit::BSY) || state.task.status.has(ata::StatusBit::DRQ))
        return refuse("saved in the middle of a command");
    return {};
}

void AhciPort::save(StateWriter& out) const {
    out.section(name(), s_);
    if (drive_) drive_->save(out, name() + "/drive");
}

Status AhciPort::load(StateReader& in) {
    DM_TRY(load_section(in, name(), loaded_, [this](const State& state) { return valid(state); }));
    const std::string place = name() + "/drive";
    return drive_ ? drive_->load(in, place) : AtaDrive::load_detached(in, place);
}

void AhciPort::commit() {
    abandon();
    s_ = loaded_;
    if (drive_) drive_->commit();
}

} // namespace dm
