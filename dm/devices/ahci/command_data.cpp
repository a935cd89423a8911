#include "dm/devices/ahci/command_data.hpp"

#include <algorithm>

namespace dm::ahci {
namespace {

constexpr u32 kClearBusy = 0x400;
constexpr u32 kByteCount = 0x003f'ffff; // one less than there are

u32 load32(const u8* bytes) {
    return bytes[0] | u32{bytes[1]} << 8 | u32{bytes[2]} << 16 | u32{bytes[3]} << 24;
}
u64 load64(const u8* bytes) {
    return load32(bytes) | u64{load32(bytes + 4)} << 32;
}

struct Prd {
    GuestPhys addr;
    u32 length;
};

/// Some entries of the list; addresses and lengths are even whatever it says.
class Entries {
public:
    static constexpr u32 kMost = 64;

    Entries(GuestMemory& memory, GuestPhys list, u32 first, u32 count) : count_(count) {
        memory.read(list + u64{first} * kPrdSize, std::span(bytes_).first(std::size_t{count} * kPrdSize));
    }
    u32 count() const { return count_; }
    Prd at(u32 i) const {
        const u8* const entry = &bytes_[std::size_t{i} * kPrdSize];
        return {load64(entry) & ~u64{1}, (load32(entry + 12) & kByteCount & ~1U) + 2};
    }

private:
    u32 count_;
    std::array<u8, std::size_t{kMost} * kPrdSize> bytes_{};
};

} // namespace

CommandHeader CommandHeader::decode(std::span<const u8, kHeaderSize> bytes) {
    const u32 first = load32(bytes.data());
    return {.clear_busy = (first & kClearBusy) != 0,
            .entries = static_cast<u16>(first >> 16),
            .table = load64(bytes.data() + 8) & ~GuestPhys{0x7f}};
}

void CommandData::begin(GuestPhys list, u16 entries) {
    list_.clear();
    list_addr_ = list;
    entries_ = entries;
    next_ = 0;
}

bool CommandData::covers(GuestMemory& memory, u64 bytes) const {
    u64 room = 0;
    for (u32 first = 0; first < entries_ && room < bytes; first += Entries::kMost) {
        const Entries entries(memory, list_addr_, first, std::min(Entries::kMost, entries_ - first));
        for (u32 i = 0; i < entries.count(); ++i)
            room += entries.at(i).length;
    }
    return room >= bytes;
}

/// False at the end of the list.
bool CommandData::more(GuestMemory& memory) {
    if (!list_.at_end()) return true;
    list_.clear();
    const u32 end = std::min(entries_, next_ + static_cast<u32>(DmaList::kMostSegments));
    while (next_ < end) {
        const Entries entries(memory, list_addr_, next_, std::min(Entries::kMost, end - next_));
        for (u32 i = 0; i < entries.count(); ++i) {
            const Prd prd = entries.at(i);
            // Nothing wraps around to address 0.
            const u64 below_end = prd.addr == 0 ? prd.length : std::min<u64>(prd.length, ~prd.addr + 1);
            list_.add(prd.addr, static_cast<u32>(below_end), true);
            if (below_end < prd.length) list_.add(0, prd.length - static_cast<u32>(below_end), false);
        }
        next_ += entries.count();
    }
    return !list_.at_end();
}

std::span<const iovec> CommandData::pin_next(GuestMemory& memory, DmaDirection direction, u64 limit) {
    if (!more(memory)) return {};
    return list_.pin_next(memory, direction, limit);
}

u64 CommandData::copy_to_guest(GuestMemory& memory, std::span<const u8> bytes) {
    u64 moved = 0;
    while (moved < bytes.size() && more(memory))
        moved += list_.copy_to_guest(memory, bytes.subspan(moved));
    return moved;
}

u64 CommandData::copy_from_guest(GuestMemory& memory, std::span<u8> bytes) {
    u64 moved = 0;
    while (moved < bytes.size() && more(memory))
        moved += list_.copy_from_guest(memory, bytes.subspan(moved));
    return moved;
}

} // namespace dm::ahci
