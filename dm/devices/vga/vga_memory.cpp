#include "dm/devices/vga/vga_memory.hpp"

#include "dm/core/bits.hpp"
#include "dm/core/check.hpp"

#include <bit>
#include <cstring>

namespace dm {
namespace {

constexpr u8 kChain4 = 0x08;    // SR4
constexpr u8 kOddEven = 0x10;   // GR5
constexpr u8 kReadMode1 = 0x08; // GR5
constexpr u8 kAllPlanes = 0x0f;
constexpr u8 kFontPlane = 0x04;
constexpr unsigned kLongestAccess = 8;

struct WindowPart {
    u32 first;
    u32 length;
};
// Memory map select, GR6 bits 3:2, as offsets from A0000.
constexpr std::array<WindowPart, 4> kWindows = {
    {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}}};

/// Bit p of `planes` in all bits of byte p.
constexpr u32 spread(unsigned planes) {
    u32 cell = 0;
    for (unsigned p = 0; p < 4; ++p)
        if ((planes >> p & 1) != 0) cell |= u32{0xff} << (8 * p);
    return cell;
}
constexpr std::array<u32, 16> kSpread = [] {
    std::array<u32, 16> table{};
    for (unsigned i = 0; i < table.size(); ++i)
        table[i] = spread(i);
    return table;
}();

constexpr u32 replicate(u8 byte) {
    return byte * 0x01010101U;
}

} // namespace

/// What the graphics controller does with a byte on its way to the planes; fixed for the length of a span.
struct VgaMemory::PlanarWrite {
    unsigned mode;
    unsigned function;
    int rotate;
    u32 set_reset;
    u32 enable_set_reset;
    u8 bit_mask;
    u32 map_mask;

    PlanarWrite(const VgaRegs::State& regs, u8 planes)
        : mode(regs.gfx[GR_MODE] & 3), function(regs.gfx[GR_DATA_ROTATE] >> 3 & 3),
          rotate(regs.gfx[GR_DATA_ROTATE] & 7), set_reset(kSpread[regs.gfx[GR_SET_RESET] & kAllPlanes]),
          enable_set_reset(kSpread[regs.gfx[GR_ENABLE_SET_RESET] & kAllPlanes]),
          bit_mask(regs.gfx[GR_BIT_MASK]), map_mask(kSpread[planes]) {}

    /// True when a byte goes into all selected planes as it is.
    bool plain() const {
        return mode == 0 && function == 0 && rotate == 0 && enable_set_reset == 0 && bit_mask == 0xff;
    }

    u32 operator()(u8 value, u32 latch) const {
        u32 data = 0;
        u8 mask = bit_mask;
        switch (mode) {
        case 0:
            data = (replicate(std::rotr(value, rotate)) & ~enable_set_reset) | (set_reset & enable_set_reset);
            break;
        case 1: return latch;
        case 2: data = kSpread[value & kAllPlanes]; break;
        case 3:
            mask = static_cast<u8>(mask & std::rotr(value, rotate));
            data = set_reset;
            break;
        }
        switch (function) {
        case 1: data &= latch; break;
        case 2: data |= latch; break;
        case 3: data ^= latch; break;
        }
        const u32 bits = replicate(mask);
        return (data & bits) | (latch & ~bits);
    }
};

VgaMemory::VgaMemory(VideoMemory& video, VgaRegs::State& regs, const VbeDispi* dispi, VgaDirty& dirty)
    : video_(video), regs_(regs), dispi_(dispi), dirty_(dirty),
      mask_(static_cast<u32>(video.bytes().size() - 1)) {
    DM_CHECK(std::has_single_bit(video.bytes().size()) && mask_ >= 0xffff);
    update();
}

void VgaMemory::update() {
    const WindowPart part = kWindows[regs_.gfx[GR_MISCELLANEOUS] >> 2 & 3];
    first_ = part.first;
    length_ = part.length;
    const bool linear = dispi_ != nullptr && dispi_->enabled();
    bank_ = linear && part.length == 0x10000 ? dispi_->bank_offset() : 0;
    const bool packed = linear && !dispi_->planar();
    map_mask_ = packed ? kAllPlanes : static_cast<u8>(regs_.seq[SR_MAP_MASK] & kAllPlanes);
    if (packed || (regs_.seq[SR_MEMORY_MODE] & kChain4) != 0)
        path_ = Path::Linear;
    else if ((regs_.gfx[GR_MODE] & kOddEven) != 0)
        path_ = Path::OddEven;
    else
        path_ = Path::Planar;
}

void VgaMemory::clear(u32 length) {
    std::memset(video_.bytes().data(), 0, length);
    wrote(0, length, kAllPlanes);
}

u32 VgaMemory::load_cell(u32 addr) const {
    u32 cell = 0;
    std::memcpy(&cell, vram_ + at(u64{addr} * 4), sizeof(cell));
    return cell;
}

void VgaMemory::store_cell(u32 addr, u32 cell) {
    std::memcpy(vram_ + at(u64{addr} * 4), &cell, sizeof(cell));
}

void VgaMemory::wrote(u64 byte, u64 length, unsigned planes) {
    const u64 size = u64{mask_} + 1;
    const u64 start = byte & mask_;
    const u64 here = std::min(length, size - start);
    dirty_.mark(start, length);
    if ((planes & kFontPlane) != 0) dirty_.mark_fonts();
    video_.wrote(start, here);
    if (here < length) video_.wrote(0, length - here);
}

void VgaMemory::reads(u64 byte, u64 length) {
    const u64 size = u64{mask_} + 1;
    const u64 start = byte & mask_;
    length = std::min(length, size);
    const u64 here = std::min(length, size - start);
    video_.about_to_read(start, here);
    if (here < length) video_.about_to_read(0, length - here);
}

// Cuts off what lies outside the selected part of the window.
template <class Bytes> VgaMemory::Part<Bytes> VgaMemory::decode(u64 offset, Bytes bytes) const {
    const u64 end = std::min<u64>(offset + bytes.size(), first_ + length_);
    const u64 begin = std::max<u64>(offset, first_);
    if (begin >= end) return {};
    return {static_cast<u32>(begin - first_) + bank_, bytes.subspan(begin - offset, end - begin)};
}

u64 VgaMemory::read(u64 offset, unsigned size) {
    std::array<u8, kLongestAccess> bytes{};
    read_span(offset, 1, std::span(bytes).first(size));
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{bytes[i]} << (8 * i);
    return value;
}

void VgaMemory::write(u64 offset, unsigned size, u64 value) {
    std::array<u8, kLongestAccess> bytes{};
    for (unsigned i = 0; i < size; ++i)
        bytes[i] = byte_of(value, i);
    write_span(offset, 1, std::span(bytes).first(size));
}

// A span of bytes and the same bytes one by one mean the same: the element size does not matter.
void VgaMemory::read_span(u64 offset, unsigned, std::span<u8> bytes) {
    const auto part = decode(offset, bytes);
    if (part.bytes.size() != bytes.size()) std::memset(bytes.data(), 0xff, bytes.size());
    if (part.bytes.empty()) return;
    vram_ = video_.bytes().data();
    switch (path_) {
    case Path::Linear: read_linear(part.addr, part.bytes); break;
    case Path::OddEven: read_odd_even(part.addr, part.bytes); break;
    case Path::Planar: read_planar(part.addr, part.bytes); break;
    }
}

void VgaMemory::write_span(u64 offset, unsigned, std::span<const u8> bytes) {
    const auto part = decode(offset, bytes);
    if (part.bytes.empty()) return;
    vram_ = video_.bytes().data();
    switch (path_) {
    case Path::Linear: write_linear(part.addr, part.bytes); break;
    case Path::OddEven: write_odd_even(part.addr, part.bytes); break;
    case Path::Planar: write_planar(part.addr, part.bytes); break;
    }
}

// The window is no larger than the memory and the bank a multiple of it: a linear span never wraps, but for
// memories of 64 KiB behind the 128 KiB window.
void VgaMemory::read_linear(u32 addr, std::span<u8> bytes) {
    reads(addr & ~3U, bytes.size() + 6); // whole cells: the latch takes the last one
    if (u64{at(addr)} + bytes.size() <= u64{mask_} + 1)
        std::memcpy(bytes.data(), vram_ + at(addr), bytes.size());
    else
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = vram_[at(addr + i)];
    regs_.latch = load_cell(static_cast<u32>(addr + bytes.size() - 1) / 4);
}

void VgaMemory::write_linear(u32 addr, std::span<const u8> bytes) {
    if (map_mask_ != kAllPlanes) reads(addr, bytes.size());
    if (map_mask_ == kAllPlanes && u64{at(addr)} + bytes.size() <= u64{mask_} + 1)
        std::memcpy(vram_ + at(addr), bytes.data(), bytes.size());
    else
        for (std::size_t i = 0; i < bytes.size(); ++i)
            if ((map_mask_ >> ((addr + i) & 3) & 1) != 0) vram_[at(addr + i)] = bytes[i];
    wrote(addr, bytes.size(), map_mask_);
}

void VgaMemory::read_odd_even(u32 addr, std::span<u8> bytes) {
    const u32 pair = regs_.gfx[GR_READ_MAP_SELECT] & 2U;
    reads(u64{addr & ~1U} * 2, (bytes.size() + 1) * 2 + 2);
    for (u8& byte : bytes) {
        byte = vram_[at(u64{addr & ~1U} * 2 + (pair | (addr & 1)))];
        ++addr;
    }
    regs_.latch = load_cell((addr - 1) / 2);
}

void VgaMemory::write_odd_even(u32 addr, std::span<const u8> bytes) {
    const u32 pair = regs_.gfx[GR_READ_MAP_SELECT] & 2U;
    const u64 start = u64{addr & ~1U} * 2; // of the first cell; the last one ends where `end` says
    const u64 end = ((addr + bytes.size() - 1) & ~u64{1}) * 2 + 4;
    reads(start, end - start);
    for (const u8 byte : bytes) {
        const u32 plane = pair | (addr & 1);
        if ((map_mask_ >> plane & 1) != 0) vram_[at(u64{addr & ~1U} * 2 + plane)] = byte;
        ++addr;
    }
    wrote(start, end - start, 3U << pair);
}

void VgaMemory::read_planar(u32 addr, std::span<u8> bytes) {
    u32 latch = regs_.latch;
    reads(u64{addr} * 4, u64{bytes.size()} * 4);
    if ((regs_.gfx[GR_MODE] & kReadMode1) == 0) {
        const unsigned plane = regs_.gfx[GR_READ_MAP_SELECT] & 3;
        for (u8& byte : bytes) {
            latch = load_cell(addr++);
            byte = byte_of(latch, plane);
        }
    } else {
        const u32 compare = kSpread[regs_.gfx[GR_COLOR_COMPARE] & kAllPlanes];
        const u32 care = kSpread[regs_.gfx[GR_COLOR_DONT_CARE] & kAllPlanes];
        for (u8& byte : bytes) {
            latch = load_cell(addr++);
            const u32 differs = (latch ^ compare) & care;
            byte = static_cast<u8>(
                ~(byte_of(differs, 0) | byte_of(differs, 1) | byte_of(differs, 2) | byte_of(differs, 3)));
        }
    }
    regs_.latch = latch;
}

void VgaMemory::write_planar(u32 addr, std::span<const u8> bytes) {
    const u32 first = addr;
    reads(u64{first} * 4, u64{bytes.size()} * 4);
    const PlanarWrite transform(regs_, map_mask_);
    const u32 keep = ~transform.map_mask;
    if (transform.plain()) // text fonts, and most of what is drawn in sixteen colours
        for (const u8 byte : bytes) {
            store_cell(addr, (load_cell(addr) & keep) | (replicate(byte) & transform.map_mask));
            ++addr;
        }
    else
        for (const u8 byte : bytes) {
            store_cell(addr, (load_cell(addr) & keep) | (transform(byte, regs_.latch) & transform.map_mask));
            ++addr;
        }
    wrote(u64{first} * 4, u64{bytes.size()} * 4, map_mask_);
}

} // namespace dm
