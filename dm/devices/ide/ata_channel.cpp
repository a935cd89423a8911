#include "dm/devices/ide/ata_channel.hpp"

#include "dm/core/check.hpp"

#include <algorithm>
#include <utility>

namespace dm {

using ata::ControlBit;
using ata::Reg;
using ata::StatusBit;
using ata::TaskFile;

namespace {

constexpr u8 kDeviceReset = 0x08;
constexpr u8 kExecuteDeviceDiagnostic = 0x90;

} // namespace

AtaChannel::AtaChannel(std::string_view name, GuestMemory& memory, IrqLine irq)
    : log_(name), memory_(memory), irq_(std::move(irq)), bus_master_(memory) {}

AtaChannel::~AtaChannel() = default;

void AtaChannel::install(unsigned unit, std::unique_ptr<AtaDrive> drive) {
    drives_[unit] = std::move(drive);
}

bool AtaChannel::locked(unsigned unit) const {
    const Bits<StatusBit> now = s_.task[unit].status;
    return now.has(StatusBit::BSY) || now.has(StatusBit::DRQ);
}

u8 AtaChannel::status() const {
    return present(s_.selected) ? s_.task[s_.selected].status.raw() : u8{0};
}

u8 AtaChannel::read_register(Reg reg) {
    if (!present(0) && !present(1)) return 0;
    const TaskFile& task = s_.task[s_.selected];
    const bool hob = s_.control.has(ControlBit::HOB);
    const auto pick = [hob](const ata::TwoDeep& r) { return hob ? r.before : r.now; };
    switch (reg) {
    case Reg::DATA: return 0; // never byte by byte
    case Reg::ERROR_FEATURES:
        if (!present(s_.selected)) return 0;
        return hob ? task.features.before : task.error;
    case Reg::SECTOR_COUNT: return pick(task.count);
    case Reg::LBA_LOW: return pick(task.low);
    case Reg::LBA_MID: return pick(task.mid);
    case Reg::LBA_HIGH: return pick(task.high);
    case Reg::DEVICE: return task.device;
    case Reg::STATUS_COMMAND:
        s_.irq_pending = false;
        update_irq();
        return status();
    }
    return 0xff;
}

void AtaChannel::write_register(Reg reg, u8 value) {
    s_.control.clear(ControlBit::HOB);
    if (reg == Reg::STATUS_COMMAND) return write_command(value);
    if (locked(s_.selected)) return;
    for (TaskFile& task : s_.task) {
        switch (reg) {
        case Reg::ERROR_FEATURES: task.features.write(value); break;
        case Reg::SECTOR_COUNT: task.count.write(value); break;
        case Reg::LBA_LOW: task.low.write(value); break;
        case Reg::LBA_MID: task.mid.write(value); break;
        case Reg::LBA_HIGH: task.high.write(value); break;
        case Reg::DEVICE: task.device = value | ata::kDeviceOnes; break;
        case Reg::DATA:
        case Reg::STATUS_COMMAND: break;
        }
    }
    if (reg == Reg::DEVICE) s_.selected = (value & ata::kDeviceDev) != 0 ? 1 : 0;
}

void AtaChannel::write_command(u8 opcode) {
    if (!present(s_.selected) || s_.control.has(ControlBit::SRST)) return;
    AtaDrive& drive = selected_drive();
    if (opcode == kDeviceReset && drive.is_packet_device()) {
        drop_command(s_.selected);
        return;
    }
    if (locked(s_.selected)) {
        log_.guest("command {:#04x} while the drive is busy", opcode);
        return;
    }
    s_.irq_pending = false;
    update_irq();
    if (opcode == kExecuteDeviceDiagnostic)
        execute_diagnostic();
    else
        drive.command(opcode);
}

void AtaChannel::write_control(u8 value) {
    const bool was_in_reset = s_.control.has(ControlBit::SRST);
    const bool was_high = irq_.level();
    s_.control = Bits<ControlBit>{static_cast<u8>(value & 0x86)};
    if (s_.control.has(ControlBit::SRST) && !was_in_reset) begin_soft_reset();
    if (!s_.control.has(ControlBit::SRST) && was_in_reset) end_soft_reset();
    update_irq();
    if (irq_.level() && !was_high) bus_master_.latch_interrupt();
}

void AtaChannel::interrupt() {
    s_.irq_pending = true;
    update_irq();
    if (irq_.level()) bus_master_.latch_interrupt();
}

void AtaChannel::end_command(unsigned unit, Bits<StatusBit> status) {
    s_.phase = Phase::None;
    s_.position = 0;
    s_.block_end = 0;
    const bool in_reset = s_.control.has(ControlBit::SRST); // a made-up state: nothing runs then
    s_.task[unit].status = in_reset ? Bits<StatusBit>{StatusBit::BSY} : status;
}

void AtaChannel::set_busy(unsigned unit) {
    s_.phase = Phase::None;
    s_.position = 0;
    s_.block_end = 0;
    s_.task[unit].status = ata::kReady | StatusBit::BSY;
}

void AtaChannel::offer(unsigned unit, Phase phase, u32 begin, u32 end) {
    DM_CHECK(begin < end && end <= kBufferSize && (end - begin) % 2 == 0);
    s_.phase = phase;
    s_.position = begin;
    s_.block_end = end;
    s_.task[unit].status = ata::kReady | StatusBit::DRQ;
}

void AtaChannel::want_dma(unsigned unit, DmaDirection direction, u64 bytes) {
    set_busy(unit);
    s_.dma_wanted = true;
    s_.dma_direction = direction;
    s_.dma_bytes = bytes;
    try_dma();
}

void AtaChannel::try_dma() {
    if (!s_.dma_wanted || s_.stalled || !bus_master_.active()) return;
    s_.dma_wanted = false;
    reach_ = bus_master_.gather(s_.dma_bytes, list_);
    if (reach_ == BusMaster::Reach::Short) {
        end_dma(false);
        selected_drive().dma_too_short();
        return;
    }
    selected_drive().dma_ready();
}

void AtaChannel::move_piece(BlockBackend& medium, BlockIo::Op op, u64 offset, u64 limit, AtaDrive& drive) {
    io_.submit(medium, op, offset, list_.pin_next(memory_, s_.dma_direction, limit), drive);
}

u64 AtaChannel::end_piece() {
    const u64 bytes = list_.piece_bytes();
    list_.unpin();
    return bytes;
}

void AtaChannel::end_dma(bool complete) {
    list_.clear();
    bus_master_.transfer_ended(complete && reach_ == BusMaster::Reach::Long);
}

void AtaChannel::stall_dma(DmaDirection direction, u64 bytes) {
    list_.clear();
    bus_master_.rewind();
    s_.stalled = true;
    want_dma(s_.selected, direction, bytes);
}

void AtaChannel::retry() {
    if (!std::exchange(s_.stalled, false)) return;
    if (s_.dma_wanted)
        try_dma();
    else
        selected_drive().retry();
}

void AtaChannel::write_bus_master(unsigned reg, u8 value) {
    switch (bus_master_.write(reg, value)) {
    case BusMaster::Edge::None: break;
    case BusMaster::Edge::Start: try_dma(); break;
    case BusMaster::Edge::Stop:
        // Drivers stop after the interrupt. One that stops early finds the transfer done: what the medium has
        // in its hands cannot be taken back, and guest RAM must be left alone from here on.
        io_.finish();
        bus_master_.stopped();
        break;
    }
}

void AtaChannel::cancel_transfer() {
    io_.cancel();
    list_.clear();
    s_.phase = Phase::None;
    s_.position = 0;
    s_.block_end = 0;
    s_.dma_wanted = false;
    s_.dma_bytes = 0;
    s_.stalled = false;
    s_.dma_direction = DmaDirection::FromGuest;
}

void AtaChannel::begin_soft_reset() {
    cancel_transfer();
    s_.irq_pending = false;
    for (unsigned unit = 0; unit < 2; ++unit) {
        s_.task[unit].status = Bits<StatusBit>{StatusBit::BSY};
        if (present(unit)) drives_[unit]->soft_reset();
    }
}

/// Sets what both devices show after a reset or a diagnostic; device 0 is selected.
void AtaChannel::end_soft_reset() {
    s_.selected = 0;
    for (unsigned unit = 0; unit < 2; ++unit) {
        const bool packet = present(unit) && drives_[unit]->is_packet_device();
        TaskFile& task = s_.task[unit];
        task.device = ata::kDeviceOnes;
        task.set_signature(packet);
        task.error = ata::kDiagnosticPassed;
        task.status = packet ? Bits<StatusBit>{} : ata::kReady;
    }
}

void AtaChannel::execute_diagnostic() {
    end_soft_reset();
    interrupt();
}

void AtaChannel::drop_command(unsigned unit) {
    if (unit == s_.selected) {
        if (locked(unit)) cancel_transfer();
        s_.irq_pending = false;
        update_irq();
    }
    TaskFile& task = s_.task[unit];
    const bool packet = present(unit) && drives_[unit]->is_packet_device();
    if (present(unit)) drives_[unit]->soft_reset();
    if (s_.control.has(ControlBit::SRST)) return;
    task.set_signature(packet);
    task.error = ata::kDiagnosticPassed;
    task.status = packet ? Bits<StatusBit>{} : ata::kReady;
}

void AtaChannel::power_on() {
    cancel_transfer();
    s_ = {};
    bus_master_.reset();
    for (const auto& drive : drives_)
        if (drive) drive->power_on();
    end_soft_reset();
    update_irq();
}

void AtaChannel::quiesce() {
    io_.finish();
}

} // namespace dm
