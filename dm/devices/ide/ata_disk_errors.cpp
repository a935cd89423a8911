// ATA disk: commands that fail, and what becomes of requests that the host's disk failed.
#include "dm/devices/ide/ata_disk.hpp"

#include <cerrno>
#include <utility>

namespace dm {

using ata::ErrorBit;

void AtaDisk::aborted() {
    if (std::exchange(dma_open_, false)) channel_.end_dma(false);
    s_.op = Op::None;
    s_.in_buffer = 0;
    task().error = static_cast<u8>(ErrorBit::ABRT);
    channel_.end_command(unit_, ata::kReady | ata::StatusBit::ERR);
    channel_.interrupt();
}

void AtaDisk::out_of_range() {
    log_.guest("command beyond the end of the disk");
    aborted();
    task().error |= static_cast<u8>(ErrorBit::IDNF);
}

OnError AtaDisk::host_failed(BlockIo::Op op, int error) {
    OnError action = errors_.action(op, error == ENOSPC || error == EDQUOT);
    // Where nobody can stop the machine, the request would wait for ever.
    if (action == OnError::Stop && events_ == nullptr) action = OnError::Report;
    if (events_ != nullptr) events_->medium_failed(op, error, action);
    return action;
}

/// False: the policy is to go on as if nothing had happened.
bool AtaDisk::medium_failed(int error) {
    const OnError action = host_failed(host_operation(), error);
    if (action == OnError::Stop) keep_request();
    if (action == OnError::Report) report(error);
    return action != OnError::Ignore;
}

/// What the drive asked of the host.
BlockIo::Op AtaDisk::host_operation() const {
    switch (s_.op) {
    case Op::PioRead:
    case Op::DmaRead:
    case Op::Verify:
    case Op::Reply:
    case Op::None: return BlockIo::Op::Read;
    case Op::PioWrite:
    case Op::DmaWrite: return BlockIo::Op::Write;
    case Op::Flush:
    case Op::WriteThrough: return BlockIo::Op::Flush;
    case Op::Trim: return BlockIo::Op::Discard;
    }
    return BlockIo::Op::Read;
}

/// A read error is the sector's (UNC). A failed write or flush is an aborted command: the host tries again
/// or gives up. Not a device fault (DF), for which Windows and old BSDs give up the whole drive. The address
/// is that of the first sector that is not known to be good.
void AtaDisk::report(int error) {
    const u64 sector = s_.lba + bytes_done_ / ata::kSectorSize;
    const BlockIo::Op op = host_operation();
    log_.guest("the medium failed a {} at sector {}: errno {}",
               op == BlockIo::Op::Read ? "read" : "write, flush or discard", sector, error);
    if (has_data(op)) show_address(sector);
    aborted();
    if (op == BlockIo::Op::Read) task().error = static_cast<u8>(ErrorBit::UNC);
}

/// The command stays as it is until retry(). A transfer by the bus master is repeated from its beginning:
/// what it has moved already it moves again, to the same places.
void AtaDisk::keep_request() {
    const bool transfer = s_.op == Op::DmaRead || s_.op == Op::DmaWrite || s_.op == Op::Trim;
    bytes_done_ = 0;
    ranges_.clear();
    if (transfer) {
        dma_open_ = false;
        const auto direction = s_.op == Op::DmaRead ? DmaDirection::ToGuest : DmaDirection::FromGuest;
        return channel_.stall_dma(direction, u64{s_.left} * ata::kSectorSize);
    }
    if (std::exchange(dma_open_, false)) channel_.end_dma(true); // the flush that follows a write
    channel_.stall();
}

void AtaDisk::retry() {
    switch (s_.op) {
    case Op::PioRead:
    case Op::Verify:
        if (s_.left == 0) break;
        return fill_buffer();
    case Op::PioWrite:
        if (s_.in_buffer == 0) break;
        return submit(BlockIo::Op::Write, s_.lba, s_.in_buffer);
    case Op::Flush:
    case Op::WriteThrough: return submit(BlockIo::Op::Flush, 0, 0);
    case Op::None:
    case Op::Reply:
    case Op::DmaRead:
    case Op::DmaWrite:
    case Op::Trim: break;
    }
    aborted(); // only from a made-up saved state
}

} // namespace dm
