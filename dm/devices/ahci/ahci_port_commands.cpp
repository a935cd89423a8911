// From the command list to the device, and its frames back to memory.
#include "dm/devices/ahci/ahci_port.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace dm {

using ahci::FrameType;
using ahci::PortIrq;
using ata::ErrorBit;
using ata::StatusBit;

namespace {

enum class Opcode : u8 {
    DEVICE_RESET = 0x08,
    READ_LOG_EXT = 0x2f,
    EXECUTE_DEVICE_DIAGNOSTIC = 0x90,
};

constexpr u8 kLogDirectory = 0x00;
constexpr u8 kLogQueueErrors = 0x10;
constexpr u32 kFetchedOfTable = ahci::kTablePacket + 16;

} // namespace

void AhciPort::DriveIo::io_done(int error) {
    const Entry entry(port);
    port.drive_->io_done(error);
}

void AhciPort::leave() {
    if (depth_ == 1) {
        unsigned steps = 0;
        while (steps < kMostSteps && step())
            ++steps;
        if (steps == kMostSteps) go_on_.arm(timers_.now_ns());
        hba_.port_changed();
    }
    --depth_;
}

/// False: nothing to do but to wait.
bool AhciPort::step() {
    if (held_ && active_) return put_back(), true;
    if (phase_ != Phase::None) return move_block(), true;
    if (active_ && ended_) return complete(), true;
    if (active_) return false;
    if (queue_failure_) {
        if (!queue_.empty()) return false;
        return report_queue_error(), true;
    }
    if (s_.signature_due && s_.cmd.has(ahci::PortCmd::FRE) && ssts() == ahci::kSstsUp)
        return send_signature(), true;
    return !held_ && ready() && fetch_next();
}

bool AhciPort::ready() const {
    constexpr u32 kBusy = static_cast<u32>(StatusBit::BSY) | static_cast<u32>(StatusBit::DRQ);
    return s_.ci != 0 && running() && !s_.fatal && hba_.bus_enabled() && ssts() == ahci::kSstsUp &&
           (s_.tfd & kBusy) == 0;
}

/// False where there is no RAM.
bool AhciPort::fetch(GuestPhys addr, std::span<u8> out) {
    for (u64 found = 0; found < out.size();) {
        const u64 step = memory_.view(addr + found, out.size() - found).size();
        if (step == 0) return false;
        found += step;
    }
    memory_.read(addr, out);
    return true;
}

void AhciPort::bus_failed(GuestPhys addr) {
    log_.guest("a command cannot be fetched: there is no RAM at {:#x}", addr);
    s_.is.set(PortIrq::HBFS);
    s_.fatal = true;
}

/// The next command that was issued goes to the device. False when it has to wait for the queue.
bool AhciPort::fetch_next() {
    const auto ahead = static_cast<unsigned>(std::countr_zero(std::rotr(s_.ci, s_.next)));
    const u8 slot = static_cast<u8>((s_.next + ahead) % ahci::kSlots);
    const GuestPhys header_addr = (u64{s_.clbu} << 32 | s_.clb) + u64{slot} * ahci::kHeaderSize;
    std::array<u8, ahci::kHeaderSize> header_bytes{};
    if (!fetch(header_addr, header_bytes)) return bus_failed(header_addr), true;
    const auto header = ahci::CommandHeader::decode(header_bytes);
    std::array<u8, kFetchedOfTable> table{};
    if (!fetch(header.table, table)) return bus_failed(header.table), true;
    const auto frame = std::span<const u8>(table).first<ahci::kFrameSize>();

    const bool is_command = (frame[1] & ahci::kFrameIsCommand) != 0;
    const u8 opcode = frame[ahci::kFrameCommand];
    const bool queued = is_command && ahci::is_queued(opcode) && disk_ != nullptr &&
                        !s_.queue_error.pending && !s_.soft_reset;
    if (!queued && !queue_.empty()) return false;

    s_.ccs = slot;
    s_.next = static_cast<u8>((slot + 1) % ahci::kSlots);
    if (frame[0] != static_cast<u8>(FrameType::RegisterToDevice)) {
        log_.guest("a frame of type {:#04x} is not for a device", frame[0]);
        s_.is.set(PortIrq::IFS);
        s_.fatal = true;
    } else if (!is_command) {
        control(slot, header, frame[ahci::kFrameControl]);
    } else if (s_.soft_reset) {
        s_.tfd |= static_cast<u32>(StatusBit::BSY); // a device in reset never answers
    } else if (queued) {
        start_queued(slot, header, frame);
    } else {
        active_ = Active{.slot = slot, .header = header_addr};
        std::copy_n(table.begin() + ahci::kTablePacket, active_->packet.size(), active_->packet.begin());
        data_.begin(header.table + ahci::kTablePrdt, header.entries);
        ahci::take_registers(frame, s_.task);
        set_busy(0);
        s_.tfd |= static_cast<u32>(StatusBit::BSY);
        run_command(opcode);
    }
    return true;
}

/// A frame that writes the device control register: software reset is all there is in it. Its end has an
/// answer; for anything else the port waits in vain unless it is told not to wait.
void AhciPort::control(u8 slot, const ahci::CommandHeader& header, u8 value) {
    const bool reset = (value & static_cast<u8>(ata::ControlBit::SRST)) != 0;
    const bool ends = s_.soft_reset && !reset;
    if (ends || header.clear_busy)
        s_.ci &= ~(1U << slot);
    else
        s_.tfd |= static_cast<u32>(StatusBit::BSY);
    if (reset == s_.soft_reset) return;
    s_.soft_reset = reset;
    drive_->soft_reset();
    s_.queue_error = {};
    s_.signature_due = ends;
}

void AhciPort::run_command(u8 opcode) {
    s_.task.error = 0;
    const bool packet = drive_->is_packet_device();
    if (!packet && opcode == static_cast<u8>(Opcode::READ_LOG_EXT)) return read_log();
    if (s_.queue_error.pending) return abort_command();
    if (opcode == static_cast<u8>(Opcode::EXECUTE_DEVICE_DIAGNOSTIC)) return diagnose();
    if (packet && opcode == static_cast<u8>(Opcode::DEVICE_RESET)) {
        drive_->soft_reset();
        return diagnose();
    }
    drive_->command(opcode);
}

void AhciPort::read_log() {
    const ata::TaskFile& t = s_.task;
    const u32 page = t.mid.now | u32{t.mid.before} << 8;
    const u32 pages = t.count.now | u32{t.count.before} << 8;
    const u8 log = t.low.now;
    if (page != 0 || pages != 1 || (log != kLogDirectory && log != kLogQueueErrors)) return abort_command();
    const ahci::LogPage data =
        log == kLogQueueErrors ? ahci::queue_error_log(s_.queue_error) : ahci::log_directory();
    if (log == kLogQueueErrors) s_.queue_error.pending = false;
    std::copy(data.begin(), data.end(), buffer_.begin());
    offer(0, Phase::DataIn, 0, data.size());
    interrupt();
}

void AhciPort::diagnose() {
    s_.task.set_signature(drive_->is_packet_device());
    s_.task.error = ata::kDiagnosticPassed;
    end_command(0, drive_->is_packet_device() ? Bits<StatusBit>{} : ata::kReady);
    interrupt();
}

void AhciPort::abort_command() {
    s_.task.error = static_cast<u8>(ErrorBit::ABRT);
    end_command(0, ata::kReady | StatusBit::ERR);
    interrupt();
}

/// The command is over. A device would send no frame after the last block of a PIO read; drivers have come to
/// see one (QEMU sends it), and one that looks at PxIS alone cannot tell otherwise.
void AhciPort::complete() {
    const Active done = *std::exchange(active_, std::nullopt);
    ended_ = false;
    interrupt_ = false;
    data_.clear();
    std::array<u8, 4> count{};
    for (unsigned i = 0; i < count.size(); ++i)
        count[i] = byte_of(done.moved, i);
    if (hba_.bus_enabled()) memory_.write(done.header + ahci::kHeaderByteCount, count);
    if (!s_.task.status.has(StatusBit::ERR)) s_.ci &= ~(1U << done.slot);
    post_registers(true);
}

/// The host failed the command and the machine stops. It was never done as far as the guest can tell: its
/// slot is still in PxCI, from where it is fetched again, before any other.
void AhciPort::put_back() {
    s_.next = active_->slot;
    active_.reset();
    ended_ = false;
    interrupt_ = false;
    phase_ = Phase::None;
    position_ = 0;
    data_.clear();
    drive_->soft_reset();
    s_.task.status = ata::kReady;
    show_status(0);
}

void AhciPort::send_signature() {
    ata::TaskFile& t = s_.task;
    const bool packet = drive_->is_packet_device();
    t.device = 0;
    t.set_signature(packet);
    t.error = ata::kDiagnosticPassed;
    t.status = packet ? Bits<StatusBit>{} : ata::kReady;
    s_.signature_due = false;
    s_.sig = t.count.now | u32{t.low.now} << 8 | u32{t.mid.now} << 16 | u32{t.high.now} << 24;
    post_registers(true);
}

void AhciPort::post(u32 offset, std::span<const u8> frame) {
    if (!s_.cmd.has(ahci::PortCmd::FRE) || !hba_.bus_enabled()) return;
    memory_.write((u64{s_.fbu} << 32 | s_.fb) + offset, frame);
}

/// PxTFD follows the device, except in the bits of `kept`.
void AhciPort::show_status(u8 kept) {
    s_.tfd = u32{s_.task.error} << 8 | (s_.task.status.raw() & ~u32{kept}) | (s_.tfd & kept);
    if (!s_.task.status.has(StatusBit::ERR)) return;
    s_.is.set(PortIrq::TFES);
    s_.fatal = true;
}

void AhciPort::post_registers(bool interrupt) {
    post(ahci::kReceivedRegister, ahci::register_to_host(s_.task, interrupt));
    if (interrupt) s_.is.set(PortIrq::DHRS);
    show_status(0);
}

void AhciPort::post_device_bits(u32 finished) {
    constexpr u8 kNotInFrame = 0x88; // BSY and DRQ
    post(ahci::kReceivedDeviceBits, ahci::set_device_bits(s_.task.status, s_.task.error, finished));
    s_.sact &= ~finished;
    s_.is.set(PortIrq::SDBS);
    show_status(kNotInFrame);
}

} // namespace dm
