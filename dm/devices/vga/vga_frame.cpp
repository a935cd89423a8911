#include "dm/devices/vga/vga_frame.hpp"

namespace dm {
namespace {

using Kind = VgaFrame::Kind;

// Address counter of the CRT controller: 16 bits of cells.
constexpr u32 kCrtcCells = 0x10000;
constexpr u32 kCellBytes = 4;
constexpr u32 kFontCells = 0x2000; // one of eight character maps in plane 2

constexpr u8 kScreenOn = 0x20;       // attribute index, palette address source
constexpr u8 kScreenOff = 0x20;      // SR1
constexpr u8 kEightDots = 0x01;      // SR1
constexpr u8 kHalfDotClock = 0x08;   // SR1
constexpr u8 kGraphics = 0x01;       // GR6
constexpr u8 kDoubleScan = 0x80;     // CR9
constexpr u8 kWordMode = 0x40;       // CR17; 0 is word mode
constexpr u8 kLineGraphics = 0x04;   // AR10
constexpr u8 kBlink = 0x08;          // AR10
constexpr u8 kPanningTop = 0x20;     // AR10: the part below the split does not pan
constexpr u8 kColourSelect54 = 0x80; // AR10: colour bits 5 and 4 from AR14

u32 dac_colour(const VgaRegs::State& regs, unsigned index, bool eight_bits) {
    index &= regs.pel_mask;
    u32 colour = 0;
    for (unsigned i = 0; i < 3; ++i) {
        const u8 raw = regs.dac[index * 3 + i];
        const u32 level = eight_bits ? raw : widened(raw & 0x3fU);
        colour = colour << 8 | level;
    }
    return colour;
}

unsigned vertical_display_end(const VgaRegs::State& regs) {
    const unsigned overflow = regs.crtc[CR_OVERFLOW];
    return regs.crtc[CR_VERTICAL_DISPLAY_END] | (overflow & 0x02) << 7 | (overflow & 0x40) << 3;
}

unsigned line_compare(const VgaRegs::State& regs) {
    return regs.crtc[CR_LINE_COMPARE] | (regs.crtc[CR_OVERFLOW] & 0x10U) << 4 |
           (regs.crtc[CR_MAXIMUM_SCAN_LINE] & 0x40U) << 3;
}

} // namespace

void fill_256_colours(VgaFrame& frame, const VgaRegs::State& regs, bool eight_bits) {
    for (unsigned i = 0; i < frame.colours.size(); ++i)
        frame.colours[i] = dac_colour(regs, i, eight_bits);
}

void fill_crtc(VgaFrame& frame, const VgaRegs::State& regs) {
    const auto& cr = regs.crtc;
    frame.zoom = (regs.seq[SR_CLOCKING_MODE] & kHalfDotClock) != 0 ? 2 : 1;
    frame.height = vertical_display_end(regs) + 1;
    frame.start = u32{cr[CR_START_ADDRESS_HIGH]} << 8 | cr[CR_START_ADDRESS_LOW];
    frame.start += cr[CR_PRESET_ROW_SCAN] >> 5 & 3;
    frame.pitch = cr[CR_OFFSET] * 2U;
    frame.wrap = kCrtcCells;
    frame.repeat = (cr[CR_MAXIMUM_SCAN_LINE] & kDoubleScan) != 0 ? 2 : 1;
    frame.max_scan = cr[CR_MAXIMUM_SCAN_LINE] & 0x1f;
    frame.preset_scan = cr[CR_PRESET_ROW_SCAN] & 0x1f;
    frame.line_compare = line_compare(regs);
    frame.pan_below = (regs.attr[AR_MODE_CONTROL] & kPanningTop) == 0;
    frame.mode_control = cr[CR_MODE_CONTROL] & 3;
    frame.bank_bit = (cr[CR_MODE_CONTROL] & kWordMode) != 0 ? 0x2000 : 0x1000;
}

namespace {

void fill_16(VgaFrame& frame, const VgaRegs::State& regs, bool eight_bits) {
    const u8 select = regs.attr[AR_COLOR_SELECT];
    for (unsigned i = 0; i < 16; ++i) {
        unsigned index = regs.attr[i & regs.attr[AR_COLOR_PLANE_ENABLE] & 0xf];
        if ((regs.attr[AR_MODE_CONTROL] & kColourSelect54) != 0)
            index = (select & 0xfU) << 4 | (index & 0xfU);
        else
            index = (select & 0xcU) << 4 | (index & 0x3fU);
        frame.colours[i] = dac_colour(regs, index, eight_bits);
    }
}

void describe_text(VgaFrame& frame, const VgaRegs::State& regs, bool eight_bits) {
    frame.kind = Kind::Text;
    fill_crtc(frame, regs);
    frame.mode_control = 3; // rows of characters: the scan line picks a line of the glyph, nothing else
    frame.cell_width = (regs.seq[SR_CLOCKING_MODE] & kEightDots) != 0 ? 8 : 9;
    frame.width = (regs.crtc[CR_HORIZONTAL_DISPLAY_END] + 1U) * frame.cell_width * frame.zoom;
    const unsigned panning = regs.attr[AR_HORIZONTAL_PEL_PANNING];
    if (frame.cell_width == 9) // 8 is "not shifted", 0 is one dot
        frame.pan = panning >= 8 ? 0 : panning + 1;
    else
        frame.pan = panning & 7;
    const unsigned map = regs.seq[SR_CHARACTER_MAP];
    frame.fonts[0] = ((map & 3) * 2 + (map >> 4 & 1)) * kFontCells;
    frame.fonts[1] = ((map >> 2 & 3) * 2 + (map >> 5 & 1)) * kFontCells;
    frame.blink = (regs.attr[AR_MODE_CONTROL] & kBlink) != 0;
    frame.line_graphics = (regs.attr[AR_MODE_CONTROL] & kLineGraphics) != 0;
    frame.underline = regs.crtc[CR_UNDERLINE_LOCATION] & 0x1f;
    fill_16(frame, regs, eight_bits);
}

void describe_planes(VgaFrame& frame, const VgaRegs::State& regs, bool eight_bits) {
    fill_crtc(frame, regs);
    frame.width = (regs.crtc[CR_HORIZONTAL_DISPLAY_END] + 1U) * 8 * frame.zoom;
    const unsigned panning = regs.attr[AR_HORIZONTAL_PEL_PANNING] & 7U;
    switch (regs.gfx[GR_MODE] >> 5 & 3) {
    case 0:
        frame.kind = Kind::Planar;
        frame.pan = panning;
        fill_16(frame, regs, eight_bits);
        break;
    case 1:
        frame.kind = Kind::Cga;
        frame.pan = panning;
        fill_16(frame, regs, eight_bits);
        break;
    default:
        frame.kind = Kind::Colours256;
        frame.pan = panning & 6; // pixels are two dots wide
        fill_256_colours(frame, regs, eight_bits);
        break;
    }
}

void describe_dispi(VgaFrame& frame, const VgaRegs::State& regs, const VbeDispi& dispi, bool big_endian) {
    frame.width = dispi.width();
    frame.height = dispi.height();
    frame.start = dispi.start_byte();
    frame.pitch = dispi.line_bytes();
    if (dispi.planar()) {
        frame.kind = Kind::Planar;
        frame.start /= kCellBytes;
        frame.pitch /= kCellBytes;
        frame.wrap = 0; // the whole memory
        frame.mode_control = 3;
        frame.pan = dispi.x_offset() & 7;
        fill_16(frame, regs, dispi.dac_8bit());
        return;
    }
    frame.kind = Kind::Packed;
    frame.bpp = dispi.bpp();
    frame.big_endian = big_endian;
    if (frame.bpp == 8) fill_256_colours(frame, regs, dispi.dac_8bit());
}

} // namespace

bool palette_shows(const VgaRegs::State& regs) {
    return (regs.attr_index & kScreenOn) != 0;
}

bool graphics_selected(const VgaRegs::State& regs) {
    return (regs.gfx[GR_MISCELLANEOUS] & kGraphics) != 0;
}

static VgaFrame describe_legacy(const VgaRegs::State& regs, bool eight_bits) {
    VgaFrame frame;
    if (!palette_shows(regs) || (regs.seq[SR_CLOCKING_MODE] & kScreenOff) != 0) return frame;
    if (graphics_selected(regs))
        describe_planes(frame, regs, eight_bits);
    else
        describe_text(frame, regs, eight_bits);
    return frame;
}

VgaFrame describe_frame(const VgaRegs::State& regs) {
    return describe_legacy(regs, false);
}

VgaFrame describe_frame(const VgaRegs::State& regs, const VbeDispi& dispi, bool big_endian) {
    if (!dispi.enabled()) return describe_legacy(regs, dispi.dac_8bit());
    VgaFrame frame; // blanked by the attribute controller alone
    if (palette_shows(regs)) describe_dispi(frame, regs, dispi, big_endian);
    return frame;
}

} // namespace dm
