#include "dm/devices/vga/cirrus_regs.hpp"

namespace dm {
namespace {

constexpr u8 kPartId = 0xb8; // CL-GD5446: 2e in bits 7:2
constexpr u8 kUnlocked = 0x12;
constexpr u8 kLocked = 0x0f;
constexpr u8 kUnlockMask = 0x17;
constexpr u8 kBusType = 0x38;       // SR17: wired
constexpr u8 kHiddenPalette = 0x02; // SR12: 3c9 reaches the cursor's colours
constexpr u8 kGfxModeMask = 0x7f;
constexpr u8 kReadsBeforeHidden = 4;

// GR31.
constexpr u8 kBltBusy = 0x01;
constexpr u8 kBltStart = 0x02;
constexpr u8 kBltReset = 0x04;
constexpr u8 kBltFifoUsed = 0x10;
constexpr u8 kBltAutoStart = 0x80;

constexpr u8 kNoRegister = 0xff;

/// SR10 and SR11 at each eighth index: its upper bits are the lower ones of the position.
constexpr bool is_cursor_place(unsigned index) {
    return (index & 0x1e) == SR_CURSOR_X;
}

/// Bits that exist in an extension register of the graphics controller; 0: read-only or none.
constexpr u8 gfx_mask(unsigned index) {
    switch (index) {
    case 0x21:
    case 0x23:
    case 0x25:
    case 0x27: return 0x1f;
    case 0x2a:
    case 0x2e: return 0x3f;
    case 0x09:
    case 0x0a:
    case 0x0b:
    case 0x34:
    case 0x35:
    case 0x38:
    case 0x39: return 0xff;
    }
    const bool colours = index >= 0x10 && index <= 0x15;
    const bool blitter = index >= 0x20 && index <= 0x33 && index != 0x2b;
    return colours || blitter ? 0xff : 0;
}

/// Graphics controller register at each byte of the memory-mapped block.
constexpr std::array<u8, 0x41> kMapped = [] {
    std::array<u8, 0x41> map{};
    map.fill(kNoRegister);
    const auto put = [&](unsigned offset, std::initializer_list<u8> registers) {
        for (const u8 index : registers)
            map[offset++] = index;
    };
    put(0x00, {0x00, 0x10, 0x12, 0x14, 0x01, 0x11, 0x13, 0x15});
    put(0x08, {0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27});
    put(0x10, {0x28, 0x29, 0x2a});
    put(0x14, {0x2c, 0x2d, 0x2e, 0x2f, 0x30});
    put(0x1a, {0x32, 0x33, 0x34, 0x35});
    put(0x20, {0x38, 0x39});
    put(0x40, {GR_BLT_START});
    return map;
}();

} // namespace

unsigned CirrusRegs::bits_per_pixel() const {
    switch (s_.seq[SR_EXTENDED_MODE] >> 1 & 7) {
    case 1: // with a doubled clock
    case 3: return (s_.hidden_dac & 0xf) == 1 ? 16 : 15;
    case 2: return 24;
    case 4: return 32;
    }
    return 8;
}

bool CirrusRegs::hidden_palette() const {
    return (s_.seq[SR_CURSOR_ATTRIBUTES] & kHiddenPalette) != 0;
}

u8 CirrusRegs::read(unsigned port, bool blitting) {
    switch (port) {
    case 0x3c4: return s_.seq_index;
    case 0x3c5: return read_seq();
    case 0x3c6: return read_pixel_mask();
    case 0x3ce: return s_.gfx_index;
    case 0x3cf: return read_gfx(s_.gfx_index, blitting);
    case 0x3b5:
    case 0x3d5:
        if (vga_.selected(port) && v_.crtc_index >= kFirstCrtc) return read_crtc();
        break;
    case 0x3c7:
    case 0x3c8: s_.mask_reads = 0; break;
    case 0x3c9:
        s_.mask_reads = 0;
        if (hidden_palette()) return read_palette();
        break;
    }
    return vga_.read(port, false);
}

CirrusRegs::Effect CirrusRegs::write(unsigned port, u8 value, bool blitting) {
    switch (port) {
    case 0x3c4: s_.seq_index = value; return Effect::None;
    case 0x3c5: write_seq(value); return Effect::None;
    case 0x3c6: write_pixel_mask(value); return Effect::None;
    case 0x3ce: s_.gfx_index = value; return Effect::None;
    case 0x3cf: return write_gfx(s_.gfx_index, value, blitting);
    case 0x3b5:
    case 0x3d5:
        if (!vga_.selected(port) || v_.crtc_index < kFirstCrtc) break;
        if (v_.crtc_index - kFirstCrtc < kCrtcRegisters) s_.crtc[v_.crtc_index - kFirstCrtc] = value;
        return Effect::None;
    case 0x3c7:
    case 0x3c8: s_.mask_reads = 0; break;
    case 0x3c9:
        s_.mask_reads = 0;
        if (!hidden_palette()) break;
        write_palette(value);
        return Effect::None;
    }
    vga_.write(port, value);
    return Effect::None;
}

u8 CirrusRegs::read_seq() const {
    const unsigned index = s_.seq_index;
    if (index <= SR_MEMORY_MODE) return v_.seq[index];
    if (is_cursor_place(index)) return s_.seq[index & 0x1f];
    return index < kSeqRegisters ? s_.seq[index] : u8{0xff};
}

void CirrusRegs::write_seq(u8 value) {
    const unsigned index = s_.seq_index;
    if (index <= SR_MEMORY_MODE) {
        vga_.write(0x3c4, s_.seq_index);
        vga_.write(0x3c5, value);
    } else if (is_cursor_place(index)) {
        s_.seq[index & 0x1f] = value;
        const auto place = static_cast<u16>(u32{value} << 3 | index >> 5);
        ((index & 1) == 0 ? s_.cursor_x : s_.cursor_y) = place;
    } else if (index == SR_UNLOCK) {
        s_.seq[index] = (value & kUnlockMask) == kUnlocked ? kUnlocked : kLocked;
    } else if (index == SR_CONFIGURATION) {
        s_.seq[index] = static_cast<u8>((s_.seq[index] & kBusType) | (value & ~kBusType));
    } else if (index > SR_UNLOCK && index < kSeqRegisters) {
        s_.seq[index] = value;
    }
}

u8 CirrusRegs::read_pixel_mask() {
    if (s_.mask_reads < kReadsBeforeHidden) {
        ++s_.mask_reads;
        return v_.pel_mask;
    }
    s_.mask_reads = 0;
    return s_.hidden_dac;
}

void CirrusRegs::write_pixel_mask(u8 value) {
    (s_.mask_reads == kReadsBeforeHidden ? s_.hidden_dac : v_.pel_mask) = value;
    s_.mask_reads = 0;
}

// The cursor's colours share the DAC's counters.
u8 CirrusRegs::read_palette() {
    const u8 value = s_.cursor_colours[(v_.dac_read_index % kCursorColours) * 3 + v_.dac_component];
    vga_.read(0x3c9, false);
    return value & 0x3f;
}

void CirrusRegs::write_palette(u8 value) {
    const std::array<u8, 3> entry = {v_.dac_latch[0], v_.dac_latch[1], value};
    if (v_.dac_component == 2) {
        for (unsigned i = 0; i < 3; ++i)
            s_.cursor_colours[(v_.dac_write_index % kCursorColours) * 3 + i] = entry[i];
        v_.dac_latch = entry;
        v_.dac_component = 0;
        ++v_.dac_write_index;
        return;
    }
    v_.dac_latch[v_.dac_component++] = value;
}

u8 CirrusRegs::blt_status(bool blitting) const {
    const u8 kept = s_.gfx[GR_BLT_START];
    if (blitting) return static_cast<u8>(kept | kBltBusy);
    return static_cast<u8>(kept & ~(kBltBusy | kBltStart | kBltFifoUsed));
}

u8 CirrusRegs::read_gfx(unsigned index, bool blitting) const {
    switch (index) {
    case GR_SET_RESET:
    case GR_ENABLE_SET_RESET:
    case GR_MODE: return s_.gfx[index];
    case GR_BLT_START: return blt_status(blitting);
    }
    if (index < v_.gfx.size()) return v_.gfx[index];
    return index < kGfxRegisters ? s_.gfx[index] : u8{0xff};
}

CirrusRegs::Effect CirrusRegs::write_gfx(unsigned index, u8 value, bool blitting) {
    if (index < v_.gfx.size()) {
        vga_.write(0x3ce, static_cast<u8>(index));
        vga_.write(0x3cf, value);
        if (index == GR_SET_RESET || index == GR_ENABLE_SET_RESET) s_.gfx[index] = value;
        if (index == GR_MODE) s_.gfx[index] = value & kGfxModeMask;
        return Effect::None;
    }
    if (index == GR_BLT_START) {
        const u8 old = blt_status(blitting);
        s_.gfx[index] = value;
        if ((old & kBltReset) != 0 && (value & kBltReset) == 0) return Effect::ResetBlit;
        return (old & kBltStart) == 0 && (value & kBltStart) != 0 ? Effect::StartBlit : Effect::None;
    }
    if (index >= kGfxRegisters || gfx_mask(index) == 0) return Effect::None;
    s_.gfx[index] = value & gfx_mask(index);
    const bool starts = index == GR_BLT_DESTINATION_HIGH && (s_.gfx[GR_BLT_START] & kBltAutoStart) != 0;
    return starts ? Effect::StartBlit : Effect::None;
}

u8 CirrusRegs::read_crtc() const {
    const unsigned index = v_.crtc_index;
    if (index - kFirstCrtc < kCrtcRegisters) return s_.crtc[index - kFirstCrtc];
    switch (index) {
    case CR_LATCHES: return byte_of(v_.latch, v_.gfx[GR_READ_MAP_SELECT] & 3);
    case CR_ATTRIBUTE_TOGGLE: return v_.attr_data_phase ? 0x80 : 0;
    case CR_PART_STATUS: return 0;
    case CR_ATTRIBUTE_INDEX: return v_.attr_index & 0x3f;
    case CR_PART_ID: return kPartId;
    }
    return 0xff;
}

u8 CirrusRegs::read_mapped(unsigned offset, bool blitting) const {
    if (offset >= kMapped.size() || kMapped[offset] == kNoRegister) return 0xff;
    return read_gfx(kMapped[offset], blitting);
}

CirrusRegs::Effect CirrusRegs::write_mapped(unsigned offset, u8 value, bool blitting) {
    if (offset >= kMapped.size() || kMapped[offset] == kNoRegister) return Effect::None;
    return write_gfx(kMapped[offset], value, blitting);
}

CirrusBlit CirrusRegs::blit() const {
    const auto& g = s_.gfx;
    const auto word = [&g](unsigned index) { return static_cast<u16>(g[index] | g[index + 1] << 8); };
    const auto address = [&](unsigned index) { return word(index) | u32{g[index + 2]} << 16; };
    const auto colour = [&g](unsigned first) { // GR0 or GR1, and each second register from GR10 or GR11 on
        return g[first] | u32{g[first + 0x10]} << 8 | u32{g[first + 0x12]} << 16 | u32{g[first + 0x14]} << 24;
    };
    CirrusBlit blit;
    blit.width = static_cast<u16>(word(0x20) + 1);
    blit.height = static_cast<u16>(word(0x22) + 1);
    blit.dst_pitch = word(0x24);
    blit.src_pitch = word(0x26);
    blit.dst = address(0x28);
    blit.src = address(0x2c);
    blit.skip = g[0x2f];
    blit.mode = Bits<BltMode>{g[0x30]};
    blit.rop = g[0x32];
    blit.extension = Bits<BltExtension>{g[0x33]};
    blit.key = word(0x34);
    blit.background = colour(0);
    blit.foreground = colour(1);
    return blit;
}

Status CirrusRegs::valid(const State& s) {
    const State reset;
    for (unsigned i = 0; i <= SR_UNLOCK; ++i)
        if (s.seq[i] != reset.seq[i] && !(i == SR_UNLOCK && s.seq[i] == kUnlocked))
            return fail("saved state: cirrus: SR{:x} is impossible", i);
    if (((s.seq[SR_CONFIGURATION] ^ reset.seq[SR_CONFIGURATION]) & kBusType) != 0)
        return fail("saved state: cirrus: another bus");
    for (unsigned i = 0; i < s.gfx.size(); ++i) {
        u8 mask = i == GR_MODE ? kGfxModeMask : gfx_mask(i);
        if (i == GR_SET_RESET || i == GR_ENABLE_SET_RESET) mask = 0xff;
        if (((s.gfx[i] ^ reset.gfx[i]) & ~mask) != 0)
            return fail("saved state: cirrus: GR{:x} has impossible bits", i);
    }
    if (s.mask_reads > kReadsBeforeHidden || s.cursor_x > 0x7ff || s.cursor_y > 0x7ff)
        return fail("saved state: cirrus: the cursor or a counter is out of range");
    return {};
}

} // namespace dm
