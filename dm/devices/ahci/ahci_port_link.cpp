// What the drive wants of its link: a command's data through its scatter list.
#include "dm/devices/ahci/ahci_port.hpp"

#include "dm/core/check.hpp"

#include <algorithm>
#include <utility>

namespace dm {

using ahci::PortIrq;
using ata::StatusBit;

void AhciPort::interrupt() {
    interrupt_ = true;
    const Entry entry(*this); // the host may end a command too, by an eject
}

void AhciPort::end_command(unsigned, Bits<StatusBit> status) {
    phase_ = Phase::None;
    position_ = 0;
    s_.task.status = status;
    ended_ = true;
}

void AhciPort::set_busy(unsigned) {
    phase_ = Phase::None;
    position_ = 0;
    ended_ = false;
    s_.task.status = ata::kReady | StatusBit::BSY;
}

void AhciPort::offer(unsigned, Phase phase, u32 begin, u32 end) {
    DM_CHECK(begin < end && end <= kBufferSize && (end - begin) % 2 == 0);
    phase_ = phase;
    position_ = begin;
    block_end_ = end;
    s_.task.status = ata::kReady | StatusBit::DRQ;
}

void AhciPort::submit(BlockBackend& medium, BlockIo::Op op, u64 offset, std::span<const iovec> iov,
                      AtaDrive&) {
    io_.submit(medium, op, offset, iov, drive_io_);
}

void AhciPort::want_dma(unsigned unit, DmaDirection direction, u64 bytes) {
    set_busy(unit);
    direction_ = direction;
    if (data_.covers(memory_, bytes)) return drive_->dma_ready();
    s_.is.set(PortIrq::OFS);
    drive_->dma_too_short();
    abort_command();
}

void AhciPort::move_piece(BlockBackend& medium, BlockIo::Op op, u64 offset, u64 limit, AtaDrive&) {
    io_.submit(medium, op, offset, data_.pin_next(memory_, direction_, limit), drive_io_);
}

u64 AhciPort::end_piece() {
    const u64 bytes = data_.piece_bytes();
    data_.unpin();
    if (active_) active_->moved += static_cast<u32>(bytes);
    return bytes;
}

void AhciPort::copy_to_guest(std::span<const u8> bytes) {
    const u64 moved = data_.copy_to_guest(memory_, bytes);
    if (active_) active_->moved += static_cast<u32>(moved);
}

void AhciPort::discard(BlockBackend& medium, u64 offset, u64 length, AtaDrive&) {
    io_.discard(medium, offset, length, drive_io_);
}

/// Where the guest has made its list shorter meanwhile there are zeroes.
void AhciPort::copy_from_guest(std::span<u8> bytes) {
    const u64 moved = data_.copy_from_guest(memory_, bytes);
    std::ranges::fill(bytes.subspan(moved), u8{0});
    if (active_) active_->moved += static_cast<u32>(moved);
}

void AhciPort::end_dma(bool) {
    data_.unpin();
}

void AhciPort::cancel_transfer() {
    io_.cancel();
    data_.clear();
    phase_ = Phase::None;
    position_ = 0;
}

/// A block of PIO data: through the scatter list like any other, with a frame of its own.
void AhciPort::move_block() {
    const bool to_guest = phase_ == Phase::DataIn;
    const std::span<u8> block = std::span(buffer_).subspan(position_, block_end_ - position_);
    const ata::TaskFile before = s_.task;
    const bool interrupt = std::exchange(interrupt_, false);
    phase_ = Phase::None;
    position_ = block_end_;

    bool complete_block = true;
    if (!to_guest && drive_->is_packet_device() && !active_->packet_sent) {
        active_->packet_sent = true;
        std::copy_n(active_->packet.begin(), std::min(block.size(), active_->packet.size()), block.begin());
    } else {
        const u64 moved =
            to_guest ? data_.copy_to_guest(memory_, block) : data_.copy_from_guest(memory_, block);
        active_->moved += static_cast<u32>(moved);
        complete_block = moved == block.size();
    }
    if (!complete_block) s_.is.set(PortIrq::OFS);
    if (!complete_block && !to_guest) { // what is not there must not be written
        drive_->soft_reset();
        abort_command();
    } else {
        drive_->block_moved();
    }
    const bool last = to_guest && ended_ && !s_.task.status.has(StatusBit::ERR);
    const Bits<StatusBit> after = last ? s_.task.status : ata::kReady | StatusBit::BSY;
    const auto direction = to_guest ? ahci::PioDirection::ToHost : ahci::PioDirection::ToDevice;
    post(ahci::kReceivedPioSetup,
         ahci::pio_setup(before, direction, interrupt, after, static_cast<u16>(block.size())));
    if (interrupt) s_.is.set(PortIrq::PSS);
}

} // namespace dm
