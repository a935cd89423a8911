#include "dm/devices/vga/cirrus_memory.hpp"

#include <algorithm>
#include <cstring>

namespace dm {
namespace {

// GRB.
constexpr u8 kDualBanks = 0x01;
constexpr u8 kBy8 = 0x02;
constexpr u8 kExtendedWriteModes = 0x04;
constexpr u8 kEightLatches = 0x08;
constexpr u8 kBy16 = 0x14; // both bits: pixels of two bytes
constexpr u8 kBanksOf16K = 0x20;

constexpr u8 kWriteMode = 0x07; // GR5
constexpr unsigned kCopyLatches = 1;
constexpr unsigned kExpandOnes = 4;
constexpr unsigned kExpandBoth = 5;

constexpr u32 kHalfWindow = 0x8000;
constexpr unsigned kLatches = 8;

} // namespace

unsigned CirrusMemory::shift() const {
    const u8 extensions = s_.gfx[GR_MODE_EXTENSIONS];
    if ((extensions & kBy16) == kBy16) return 4;
    return (extensions & kBy8) != 0 ? 3 : 0;
}

bool CirrusMemory::expands() const {
    const unsigned mode = s_.gfx[GR_MODE] & kWriteMode;
    return (s_.gfx[GR_MODE_EXTENSIONS] & kExtendedWriteModes) != 0 &&
           (mode == kExpandOnes || mode == kExpandBoth);
}

CirrusMemory::Bank CirrusMemory::bank(unsigned half) const {
    const u8 extensions = s_.gfx[GR_MODE_EXTENSIONS];
    const bool dual = (extensions & kDualBanks) != 0;
    u32 base = s_.gfx[dual && half == 1 ? GR_OFFSET_1 : GR_OFFSET_0];
    base <<= (extensions & kBanksOf16K) != 0 ? 14 : 12;
    if (!dual && half == 1) base += kHalfWindow;
    const u32 size = mask_ + 1;
    return {base, base < size ? std::min(size - base, kHalfWindow) : 0};
}

template <class Bytes, class Use> void CirrusMemory::each_bank(u64 offset, Bytes bytes, Use use) const {
    while (!bytes.empty()) {
        const u32 in_half = static_cast<u32>(offset) % kHalfWindow;
        const Bank b = bank(static_cast<unsigned>(offset / kHalfWindow));
        const std::size_t half = std::min<std::size_t>(bytes.size(), kHalfWindow - in_half);
        const std::size_t shown = in_half < b.length ? std::min<std::size_t>(half, b.length - in_half) : 0;
        use(b.base + in_half, bytes.first(shown), bytes.subspan(shown, half - shown));
        bytes = bytes.subspan(half);
        offset += half;
    }
}

void CirrusMemory::read_window(u64 offset, std::span<u8> bytes) {
    each_bank(offset, bytes, [this](u32 address, std::span<u8> shown, std::span<u8> nothing) {
        read_at(address, shown);
        std::fill(nothing.begin(), nothing.end(), u8{0xff});
    });
}

void CirrusMemory::write_window(u64 offset, std::span<const u8> bytes) {
    each_bank(offset, bytes, [this](u32 address, std::span<const u8> shown, std::span<const u8>) {
        write_at(address, shown);
    });
}

void CirrusMemory::read_linear(u64 address, std::span<u8> bytes) {
    read_at(static_cast<u32>(address), bytes);
}

void CirrusMemory::write_linear(u64 address, std::span<const u8> bytes) {
    write_at(static_cast<u32>(address), bytes);
}

void CirrusMemory::read_at(u32 address, std::span<u8> bytes) {
    const u8* const vram = video_.bytes().data();
    const unsigned by = shift();
    const u64 all = u64{mask_} + 1;
    if (by == 0 && (address & mask_) + bytes.size() <= all) {
        announce(address & mask_, bytes.size());
        std::memcpy(bytes.data(), vram + (address & mask_), bytes.size());
        return;
    }
    const bool latch = by == 3 && (s_.gfx[GR_MODE_EXTENSIONS] & kEightLatches) != 0;
    for (u8& byte : bytes) {
        const u32 at = (address++ << by) & mask_;
        announce(at, latch ? kLatches : 1);
        byte = vram[at];
        if (latch) std::memcpy(&s_.latches, vram + at, kLatches); // a multiple of eight: inside
    }
}

void CirrusMemory::write_at(u32 address, std::span<const u8> bytes) {
    if (plain() && (address & mask_) + bytes.size() <= u64{mask_} + 1) {
        if (bytes.empty()) return;
        std::memcpy(video_.bytes().data() + (address & mask_), bytes.data(), bytes.size());
        wrote(address & mask_, bytes.size());
        return;
    }
    for (const u8 byte : bytes)
        write_byte(address++, byte);
}

void CirrusMemory::write_byte(u32 address, u8 value) {
    u8* const vram = video_.bytes().data();
    const unsigned by = shift();
    const u32 at = (address << by) & mask_;
    if (expands()) {
        expand(at, value);
    } else if (by == 3 && (s_.gfx[GR_MODE_EXTENSIONS] & kEightLatches) != 0 &&
               (s_.gfx[GR_MODE] & kWriteMode) == kCopyLatches) {
        std::memcpy(vram + at, &s_.latches, kLatches);
        wrote(at, kLatches);
    } else {
        vram[at] = value;
        wrote(at, 1);
    }
}

// Ones become the foreground colour, zeros the background colour in mode 5 and nothing in mode 4.
void CirrusMemory::expand(u32 at, u8 bits) {
    u8* const vram = video_.bytes().data();
    const bool both = (s_.gfx[GR_MODE] & kWriteMode) == kExpandBoth;
    const bool words = shift() == 4;
    const u32 pixel = words ? 2 : 1;
    const u32 first = words ? at & ~1U : at;
    announce(first, u64{8} * pixel);
    for (unsigned i = 0; i < 8; ++i) {
        const bool one = (bits >> (7 - i) & 1) != 0;
        if (!one && !both) continue;
        const u32 place = (first + i * pixel) & mask_;
        vram[place] = s_.gfx[one ? GR_ENABLE_SET_RESET : GR_SET_RESET];
        if (words) vram[place + 1] = s_.gfx[one ? 0x11 : 0x10];
    }
    wrote(first, u64{8} * pixel);
}

void CirrusMemory::announce(u32 at, u64 length) {
    const u64 here = std::min<u64>(length, u64{mask_} + 1 - at);
    video_.about_to_read(at, here);
    if (here < length) video_.about_to_read(0, length - here);
}

void CirrusMemory::wrote(u32 at, u64 length) {
    const u64 here = std::min<u64>(length, u64{mask_} + 1 - at);
    dirty_.mark(at, length);
    dirty_.mark_fonts();
    video_.wrote(at, here);
    if (here < length) video_.wrote(0, length - here);
}

} // namespace dm
