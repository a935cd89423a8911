// ATA disk: DATA SET MANAGEMENT with TRIM (ATA8-ACS2, T13 2015D, 7.10).
#include "dm/devices/ide/ata_disk.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr u8 kFeatureTrim = 0x01;
constexpr u32 kRangeSize = 8; // 48 bits of address, 16 bits of sectors

u64 load64(const u8* bytes) {
    u64 value = 0;
    for (unsigned i = 0; i < 8; ++i)
        value |= u64{bytes[i]} << (8 * i);
    return value;
}

} // namespace

bool AtaDisk::can_trim() const {
    return medium_ != nullptr && medium_->can_discard();
}

/// The count is taken as 8 bits: what IDENTIFY promises does not need more, and hosts exist that leave the
/// upper half as it was (QEMU's ide-test).
void AtaDisk::trim() {
    const u32 blocks = task().count.now;
    if (task().features.now != kFeatureTrim || !can_trim() || blocks == 0 || blocks > ata::kMostTrimBlocks)
        return aborted();
    s_.op = Op::Trim;
    s_.left = blocks;
    bytes_done_ = 0;
    channel_.set_busy(unit_);
    channel_.want_dma(unit_, DmaDirection::FromGuest, u64{blocks} * ata::kSectorSize);
}

/// The host's list is copied, then judged as a whole, then carried out: either all of it is within the disk
/// or nothing happens. Neighbours become one range.
void AtaDisk::take_ranges() {
    dma_open_ = true;
    const u32 size = std::min(s_.left, ata::kMostTrimBlocks) * ata::kSectorSize;
    const std::span<u8> list = std::span<u8>(channel_.buffer()).first(size);
    channel_.copy_from_guest(list);
    ranges_.clear();
    for (u32 at = 0; at < size; at += kRangeSize) {
        const u64 entry = load64(&list[at]);
        const u64 lba = entry & 0xffff'ffff'ffff;
        const u64 count = entry >> 48;
        if (count == 0) continue; // padding
        if (lba >= capacity() || count > capacity() - lba) return out_of_range();
        const Range range{lba * ata::kSectorSize, count * ata::kSectorSize};
        if (!ranges_.empty() && ranges_.back().offset + ranges_.back().length == range.offset)
            ranges_.back().length += range.length;
        else
            ranges_.push_back(range);
    }
    std::reverse(ranges_.begin(), ranges_.end());
    next_range();
}

void AtaDisk::next_range() {
    if (ranges_.empty() || medium_ == nullptr) return done();
    const Range range = ranges_.back();
    ranges_.pop_back();
    channel_.discard(*medium_, range.offset, range.length, *this);
}

void AtaDisk::range_discarded(int error) {
    if (error != 0 && medium_failed(error)) return;
    next_range();
}

} // namespace dm
