#include "dm/devices/vga/vga_regs.hpp"

namespace dm {
namespace {

// Bits that exist in each register.
constexpr std::array<u8, 8> kSeqMask = {0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff};
constexpr std::array<u8, 9> kGfxMask = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

constexpr u8 kMiscMask = 0xef;
constexpr u8 kCrtcProtect = 0x80;         // CR11: CR0..CR7 are read-only, except for
constexpr u8 kOverflowLineCompare = 0x10; // this bit of CR7
constexpr u8 kDacReadState = 3;

// Input status 1 as successive reads see it: bit 0 not displaying, bit 3 vertical retrace. Loops that wait
// for an edge of either end within a few reads. The length is odd so that a loop with two reads (one to reset
// the attribute flip-flop, one to look) does not keep in step with it.
constexpr std::array<u8, 7> kRetrace = {0x00, 0x01, 0x00, 0x01, 0x09, 0x09, 0x00};

constexpr u8 attr_mask(unsigned index) {
    if (index < AR_MODE_CONTROL) return 0x3f;
    switch (static_cast<Attr>(index)) {
    case AR_MODE_CONTROL: return 0xef;
    case AR_OVERSCAN: return 0xff;
    case AR_COLOR_PLANE_ENABLE: return 0x3f;
    case AR_HORIZONTAL_PEL_PANNING:
    case AR_COLOR_SELECT: return 0x0f;
    }
    return 0;
}

} // namespace

bool VgaRegs::selected(unsigned port) const {
    const bool colour = (s_.misc & 1) != 0;
    return (port >= 0x3d0) == colour;
}

u8 VgaRegs::read(unsigned port, bool dac_8bit) {
    switch (port) {
    case 0x3c0: return s_.attr_index;
    case 0x3c1: return read_attribute();
    case 0x3c2: return 0; // input status 0: no sense bit, no interrupt
    case 0x3c4: return s_.seq_index;
    case 0x3c5: return s_.seq[s_.seq_index];
    case 0x3c6: return s_.pel_mask;
    case 0x3c7: return s_.dac_reading ? kDacReadState : u8{0};
    case 0x3c8: return s_.dac_write_index;
    case 0x3c9: return read_dac(dac_8bit);
    case 0x3ca: return s_.feature_control;
    case 0x3cc: return s_.misc;
    case 0x3ce: return s_.gfx_index;
    case 0x3cf: return s_.gfx_index < s_.gfx.size() ? s_.gfx[s_.gfx_index] : u8{0};
    case 0x3b4:
    case 0x3b5:
    case 0x3ba:
    case 0x3d4:
    case 0x3d5:
    case 0x3da: return selected(port) ? read_crtc_block(port) : u8{0xff};
    }
    return 0xff;
}

u8 VgaRegs::read_crtc_block(unsigned port) {
    switch (port & 0xf) {
    case 0x4: return s_.crtc_index;
    case 0x5: return s_.crtc_index < s_.crtc.size() ? s_.crtc[s_.crtc_index] : u8{0};
    }
    return input_status_1();
}

u8 VgaRegs::read_attribute() const {
    const unsigned index = s_.attr_index & 0x1f;
    return index < s_.attr.size() ? s_.attr[index] : u8{0};
}

u8 VgaRegs::read_dac(bool dac_8bit) {
    const u8 raw = s_.dac[s_.dac_read_index * 3U + s_.dac_component];
    if (++s_.dac_component == 3) {
        s_.dac_component = 0;
        ++s_.dac_read_index;
    }
    return dac_8bit ? raw : static_cast<u8>(raw & 0x3f);
}

u8 VgaRegs::input_status_1() {
    s_.attr_data_phase = false;
    s_.retrace_phase = static_cast<u8>((s_.retrace_phase + 1) % kRetrace.size());
    return kRetrace[s_.retrace_phase];
}

void VgaRegs::write(unsigned port, u8 value) {
    switch (port) {
    case 0x3c0: write_attribute(value); break;
    case 0x3c2: s_.misc = value & kMiscMask; break;
    case 0x3c4: s_.seq_index = value & 7; break;
    case 0x3c5: s_.seq[s_.seq_index] = value & kSeqMask[s_.seq_index]; break;
    case 0x3c6: s_.pel_mask = value; break;
    case 0x3c7:
        s_.dac_read_index = value;
        s_.dac_component = 0;
        s_.dac_reading = true;
        break;
    case 0x3c8:
        s_.dac_write_index = value;
        s_.dac_component = 0;
        s_.dac_reading = false;
        break;
    case 0x3c9: write_dac(value); break;
    case 0x3ce: s_.gfx_index = value & 0xf; break;
    case 0x3cf:
        if (s_.gfx_index < s_.gfx.size()) s_.gfx[s_.gfx_index] = value & kGfxMask[s_.gfx_index];
        break;
    case 0x3b4:
    case 0x3d4:
        if (selected(port)) s_.crtc_index = value;
        break;
    case 0x3b5:
    case 0x3d5:
        if (selected(port)) write_crtc(value);
        break;
    case 0x3ba:
    case 0x3da:
        if (selected(port)) s_.feature_control = value;
        break;
    }
}

void VgaRegs::write_crtc(u8 value) {
    const unsigned index = s_.crtc_index;
    if (index >= s_.crtc.size()) return;
    u8& reg = s_.crtc[index];
    if (index <= CR_OVERFLOW && (s_.crtc[CR_VERTICAL_RETRACE_END] & kCrtcProtect) != 0) {
        if (index == CR_OVERFLOW)
            reg = static_cast<u8>((reg & ~kOverflowLineCompare) | (value & kOverflowLineCompare));
        return;
    }
    reg = value;
}

void VgaRegs::write_attribute(u8 value) {
    s_.attr_data_phase = !s_.attr_data_phase;
    if (s_.attr_data_phase) {
        s_.attr_index = value & 0x3f;
        return;
    }
    const unsigned index = s_.attr_index & 0x1f;
    if (index < s_.attr.size()) s_.attr[index] = value & attr_mask(index);
}

void VgaRegs::write_dac(u8 value) {
    s_.dac_latch[s_.dac_component] = value;
    if (++s_.dac_component < 3) return;
    s_.dac_component = 0;
    for (unsigned i = 0; i < 3; ++i)
        s_.dac[s_.dac_write_index * 3U + i] = s_.dac_latch[i];
    ++s_.dac_write_index;
}

Status VgaRegs::valid(const State& s) {
    if (s.seq_index >= s.seq.size() || s.gfx_index > 0xf || s.attr_index > 0x3f || s.dac_component > 2 ||
        s.retrace_phase >= kRetrace.size())
        return fail("saved state: vga: an index is out of range");
    for (unsigned i = 0; i < s.seq.size(); ++i)
        if ((s.seq[i] & ~kSeqMask[i]) != 0) return fail("saved state: vga: SR{:x} has impossible bits", i);
    for (unsigned i = 0; i < s.gfx.size(); ++i)
        if ((s.gfx[i] & ~kGfxMask[i]) != 0) return fail("saved state: vga: GR{:x} has impossible bits", i);
    for (unsigned i = 0; i < s.attr.size(); ++i)
        if ((s.attr[i] & ~attr_mask(i)) != 0) return fail("saved state: vga: AR{:x} has impossible bits", i);
    if ((s.misc & ~kMiscMask) != 0) return fail("saved state: vga: misc has impossible bits");
    return {};
}

} // namespace dm
