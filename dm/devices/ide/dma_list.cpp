#include "dm/devices/ide/dma_list.hpp"

#include <algorithm>

namespace dm {

DmaList::DmaList() {
    ones_.fill(0xff);
    segments_.reserve(kMostSegments);
    pins_.reserve(kMostSegments);
}

void DmaList::clear() {
    unpin();
    regions_.clear();
    index_ = 0;
    offset_ = 0;
}

void DmaList::add(GuestPhys addr, u32 length, bool reachable) {
    regions_.push_back({addr, length, reachable});
}

void DmaList::advance(u64 bytes) {
    offset_ += static_cast<u32>(bytes);
    if (offset_ < regions_[index_].length) return;
    ++index_;
    offset_ = 0;
}

std::span<const iovec> DmaList::pin_next(GuestMemory& memory, DmaDirection direction, u64 limit) {
    unpin();
    limit = std::min(limit, kMostBytes);
    while (index_ < regions_.size() && segments_.size() < kMostSegments && piece_bytes_ < limit) {
        const Region& region = regions_[index_];
        const GuestPhys addr = region.addr + offset_;
        const u64 wanted = std::min<u64>(region.length - offset_, limit - piece_bytes_);
        Pin pin = region.reachable ? Pin(memory, addr, wanted, direction) : Pin();
        std::span<u8> place = pin.bytes();
        if (place.empty()) {
            auto& nowhere = direction == DmaDirection::ToGuest ? sink_ : ones_;
            const u64 to_page_end = kPageSize - (addr & (kPageSize - 1));
            place = std::span(nowhere).first(std::min({wanted, to_page_end, u64{kNowhereSize}}));
        } else {
            pins_.push_back(std::move(pin));
        }
        segments_.push_back({place.data(), place.size()});
        piece_bytes_ += place.size();
        advance(place.size());
    }
    return segments_;
}

void DmaList::unpin() {
    pins_.clear();
    segments_.clear();
    piece_bytes_ = 0;
}

u64 DmaList::copy_to_guest(GuestMemory& memory, std::span<const u8> bytes) {
    u64 moved = 0;
    while (moved < bytes.size() && !at_end()) {
        const Region& region = regions_[index_];
        const u64 step = std::min<u64>(region.length - offset_, bytes.size() - moved);
        if (region.reachable) memory.write(region.addr + offset_, bytes.subspan(moved, step));
        moved += step;
        advance(step);
    }
    return moved;
}

u64 DmaList::copy_from_guest(GuestMemory& memory, std::span<u8> bytes) {
    u64 moved = 0;
    while (moved < bytes.size() && !at_end()) {
        const Region& region = regions_[index_];
        const u64 step = std::min<u64>(region.length - offset_, bytes.size() - moved);
        const std::span<u8> part = bytes.subspan(moved, step);
        if (region.reachable)
            memory.read(region.addr + offset_, part);
        else
            std::ranges::fill(part, u8{0xff});
        moved += step;
        advance(step);
    }
    return moved;
}

} // namespace dm
