// Queued commands: past the drive, straight to its medium.
#include "dm/devices/ahci/ahci_port.hpp"

#include "dm/devices/ide/ata_disk.hpp"

#include <utility>

namespace dm {

using ahci::PortIrq;
using ata::ErrorBit;
using ata::StatusBit;

void AhciPort::start_queued(u8 slot, const ahci::CommandHeader& header,
                            std::span<const u8, ahci::kFrameSize> frame) {
    ahci::take_registers(frame, s_.task);
    const auto command = ahci::decode_queued(frame[ahci::kFrameCommand], s_.task, disk_->write_cache());
    // The device takes it over: the slot is free for the port, the tag is not.
    s_.task.error = 0;
    s_.task.status = ata::kReady;
    post_registers(false);
    s_.ci &= ~(1U << slot);
    const u8 error = refusal(command, header);
    if (error != 0)
        fail_queue(command, error, 0);
    else
        queue_.start(*disk_->medium(), command, header);
}

/// The error register of a command that cannot be done.
u8 AhciPort::refusal(const ahci::QueuedCommand& command, const ahci::CommandHeader& header) {
    constexpr u8 kAborted = static_cast<u8>(ErrorBit::ABRT);
    if (queue_.busy(command.tag)) return kAborted;
    if (command.op == BlockIo::Op::Write && disk_->medium()->read_only()) return kAborted;
    const u64 capacity = disk_->capacity();
    if (command.lba >= capacity || command.sectors > capacity - command.lba)
        return static_cast<u8>(ErrorBit::IDNF) | kAborted;
    data_.begin(header.table + ahci::kTablePrdt, header.entries);
    if (data_.covers(memory_, command.bytes())) return 0;
    s_.is.set(PortIrq::OFS);
    return kAborted;
}

/// The first failure is the one that is told; the queue's other commands end before that.
void AhciPort::fail_queue(const ahci::QueuedCommand& command, u8 error, u64 moved) {
    if (queue_failure_) return;
    queue_failure_ = ahci::QueueError{.pending = true,
                                      .tag = command.tag,
                                      .status = (ata::kReady | StatusBit::ERR).raw(),
                                      .error = error,
                                      .device = ata::kDeviceLba,
                                      .lba = command.lba + moved / ata::kSectorSize,
                                      .count = static_cast<u16>(command.sectors)};
}

void AhciPort::queued_command_done(const ahci::QueuedCommand& command, const ahci::QueuedResult& result) {
    const Entry entry(*this);
    OnError action = result.error == 0 ? OnError::Ignore : OnError::Report;
    if (result.host_failed) action = disk_->host_failed(*result.host_failed, result.error);
    if (action == OnError::Stop) { // the tag is the slot's number (5.3.6.1), and still the guest's in PxSACT
        s_.ci |= 1U << command.tag;
        held_ = true;
        return;
    }
    if (action == OnError::Ignore) {
        s_.task.error = 0;
        s_.task.status = ata::kReady;
        return post_device_bits(1U << command.tag);
    }
    const bool read = command.op == BlockIo::Op::Read;
    log_.guest("the medium failed a queued {} at sector {}: errno {}", read ? "read" : "write",
               command.lba + result.moved / ata::kSectorSize, result.error);
    fail_queue(command, static_cast<u8>(read ? ErrorBit::UNC : ErrorBit::ABRT), result.moved);
}

void AhciPort::report_queue_error() {
    s_.queue_error = *std::exchange(queue_failure_, std::nullopt);
    s_.task.error = s_.queue_error.error;
    s_.task.status = ata::kReady | StatusBit::ERR;
    post_device_bits(0);
}

} // namespace dm
