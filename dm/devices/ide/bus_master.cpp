#include "dm/devices/ide/bus_master.hpp"

#include <algorithm>
#include <array>

namespace dm {
namespace {

constexpr u8 kCommandBits = 0x09;
constexpr u8 kCapableBits = 0x60;
constexpr u8 kClearedByOnes = 0x06;
constexpr u32 kLargestRegion = 0x10000; // a byte count of 0
constexpr u32 kEndOfTable = 0x80000000;

u32 load32(const u8* bytes) {
    return bytes[0] | u32{bytes[1]} << 8 | u32{bytes[2]} << 16 | u32{bytes[3]} << 24;
}

} // namespace

Status BusMaster::valid(const State& state, std::string_view where) {
    if ((state.command.raw() & ~kCommandBits) != 0 || (state.status.raw() & ~0x67) != 0 ||
        (state.table & 3) != 0)
        return fail("saved state: {}: a bus-master register holds bits that do not exist", where);
    if (state.entries_read > kMostEntries || state.region_left > kLargestRegion)
        return fail("saved state: {}: the PRD walk stands where it cannot be", where);
    return {};
}

u8 BusMaster::read(unsigned reg) const {
    switch (reg) {
    case BMICX: return s_.command.raw();
    case BMISX: return s_.status.raw();
    case BMIDTPX:
    case BMIDTPX + 1:
    case BMIDTPX + 2:
    case BMIDTPX + 3: return byte_of(s_.table, reg - BMIDTPX);
    }
    return 0xff;
}

BusMaster::Edge BusMaster::write(unsigned reg, u8 value) {
    switch (reg) {
    case BMICX: {
        const bool was_on = s_.command.has(CommandBit::SSBM);
        s_.command = Bits<CommandBit>{static_cast<u8>(value & kCommandBits)};
        if (s_.command.has(CommandBit::SSBM) == was_on) return Edge::None;
        if (was_on) return Edge::Stop;
        s_.status.set(StatusBit::BMIDEA);
        rewind();
        return Edge::Start;
    }
    case BMISX: {
        const u8 kept = static_cast<u8>(s_.status.raw() & ~kCapableBits & ~(value & kClearedByOnes));
        s_.status = Bits<StatusBit>{static_cast<u8>(kept | (value & kCapableBits))};
        return Edge::None;
    }
    case BMIDTPX:
    case BMIDTPX + 1:
    case BMIDTPX + 2:
    case BMIDTPX + 3: s_.table = with_byte(s_.table, reg - BMIDTPX, value) & ~u32{3}; return Edge::None;
    }
    return Edge::None;
}

void BusMaster::rewind() {
    s_.next_entry = s_.table;
    s_.entries_read = 0;
    s_.region_left = 0;
    s_.last_entry = false;
}

bool BusMaster::fetch_entry() {
    if (s_.last_entry || s_.entries_read == kMostEntries) return false;
    std::array<u8, 8> entry{};
    if (bus_enabled_) memory_.read(s_.next_entry, entry);
    const u32 control = load32(&entry[4]);
    s_.next_entry += entry.size();
    ++s_.entries_read;
    s_.region_addr = load32(entry.data());
    s_.region_left = control & 0xfffe;
    if (s_.region_left == 0) s_.region_left = kLargestRegion;
    s_.last_entry = (control & kEndOfTable) != 0;
    return true;
}

BusMaster::Reach BusMaster::gather(u64 bytes, DmaList& list) {
    list.clear();
    while (bytes > 0) {
        if (s_.region_left == 0 && !fetch_entry()) return Reach::Short;
        // A 32-bit bus master wraps around at 4 GiB; it never reaches the memory above.
        const u64 to_wrap = (u64{1} << 32) - s_.region_addr;
        const u32 step = static_cast<u32>(std::min({u64{s_.region_left}, bytes, to_wrap}));
        list.add(s_.region_addr, step, bus_enabled_);
        s_.region_addr += step;
        s_.region_left -= step;
        bytes -= step;
    }
    const bool exhausted = s_.last_entry || s_.entries_read == kMostEntries;
    return s_.region_left == 0 && exhausted ? Reach::Exact : Reach::Long;
}

} // namespace dm
