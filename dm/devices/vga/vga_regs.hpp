// The IBM VGA's register file: miscellaneous output, sequencer, CRT controller, graphics controller,
// attribute controller and DAC (IBM "PS/2 Hardware Interface Technical Reference: Video Subsystem", 1992).
//
// Not there: light pen, NMI, the sense bits of input status 0, registers beyond CR18.
// Notes: docs/devices/std_vga.md
#pragma once

#include "dm/core/fields.hpp"
#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <array>

namespace dm {

/// Registers of the sequencer, index at 3c4.
enum Seq : u8 { SR_RESET, SR_CLOCKING_MODE, SR_MAP_MASK, SR_CHARACTER_MAP, SR_MEMORY_MODE };

/// Registers of the CRT controller, index at 3b4 or 3d4; those that something here depends on.
enum Crtc : u8 {
    CR_HORIZONTAL_DISPLAY_END = 0x01,
    CR_OVERFLOW = 0x07,
    CR_PRESET_ROW_SCAN = 0x08,
    CR_MAXIMUM_SCAN_LINE = 0x09,
    CR_CURSOR_START = 0x0a,
    CR_CURSOR_END = 0x0b,
    CR_START_ADDRESS_HIGH = 0x0c,
    CR_START_ADDRESS_LOW = 0x0d,
    CR_CURSOR_LOCATION_HIGH = 0x0e,
    CR_CURSOR_LOCATION_LOW = 0x0f,
    CR_VERTICAL_RETRACE_END = 0x11,
    CR_VERTICAL_DISPLAY_END = 0x12,
    CR_OFFSET = 0x13,
    CR_UNDERLINE_LOCATION = 0x14,
    CR_MODE_CONTROL = 0x17,
    CR_LINE_COMPARE = 0x18,
};

/// Registers of the graphics controller, index at 3ce.
enum Gfx : u8 {
    GR_SET_RESET,
    GR_ENABLE_SET_RESET,
    GR_COLOR_COMPARE,
    GR_DATA_ROTATE,
    GR_READ_MAP_SELECT,
    GR_MODE,
    GR_MISCELLANEOUS,
    GR_COLOR_DONT_CARE,
    GR_BIT_MASK,
};

/// Registers of the attribute controller behind its sixteen palette registers, index at 3c0.
enum Attr : u8 {
    AR_MODE_CONTROL = 0x10,
    AR_OVERSCAN = 0x11,
    AR_COLOR_PLANE_ENABLE = 0x12,
    AR_HORIZONTAL_PEL_PANNING = 0x13,
    AR_COLOR_SELECT = 0x14,
};

class VgaRegs {
public:
    struct State {
        u8 misc = 0;            ///< miscellaneous output; bit 0: CRTC and status at 3dx instead of 3bx
        u8 feature_control = 0; ///< written at 3xa, read at 3ca
        u8 seq_index = 0;
        std::array<u8, 8> seq{};
        u8 crtc_index = 0;
        std::array<u8, 0x19> crtc{};
        u8 gfx_index = 0;
        std::array<u8, 9> gfx{};
        u8 attr_index = 0;            ///< bit 5: palette address source, 0 blanks the screen
        bool attr_data_phase = false; ///< the next write to 3c0 is data
        std::array<u8, 0x15> attr{};
        u8 pel_mask = 0xff;
        u8 dac_read_index = 0;
        u8 dac_write_index = 0;
        u8 dac_component = 0; ///< 0..2, of the triplet that is being read or written
        bool dac_reading = false;
        std::array<u8, 3> dac_latch{};
        std::array<u8, 768> dac{};
        u32 latch = 0;        ///< one byte of each plane, plane 0 lowest
        u8 retrace_phase = 0; ///< place in the made-up sequence of input status 1

        static constexpr void fields(auto&& v, auto& s) {
            v("misc", s.misc);
            v("feature_control", s.feature_control);
            v("seq_index", s.seq_index);
            v("seq", s.seq);
            v("crtc_index", s.crtc_index);
            v("crtc", s.crtc);
            v("gfx_index", s.gfx_index);
            v("gfx", s.gfx);
            v("attr_index", s.attr_index);
            v("attr_data_phase", s.attr_data_phase);
            v("attr", s.attr);
            v("pel_mask", s.pel_mask);
            v("dac_read_index", s.dac_read_index);
            v("dac_write_index", s.dac_write_index);
            v("dac_component", s.dac_component);
            v("dac_reading", s.dac_reading);
            v("dac_latch", s.dac_latch);
            v("dac", s.dac);
            v("latch", s.latch);
            v("retrace_phase", s.retrace_phase);
        }
    };

    explicit VgaRegs(State& state) : s_(state) {}

    /// `port`: 0x3b0..0x3df. Ports that are not the VGA's, or of the CRTC block that is not selected, read as
    /// ones. `dac_8bit`: how wide the DAC is now.
    u8 read(unsigned port, bool dac_8bit);
    void write(unsigned port, u8 value);

    const State& state() const { return s_; }

    /// An error when no sequence of accesses leads to `state`.
    static Status valid(const State& state);

    /// False for a port of the CRTC block that is not selected: 3bx while 3dx is, and the other way round.
    bool selected(unsigned port) const;

private:
    u8 read_crtc_block(unsigned port);
    u8 read_attribute() const;
    u8 read_dac(bool dac_8bit);
    u8 input_status_1();
    void write_crtc(u8 value);
    void write_attribute(u8 value);
    void write_dac(u8 value);

    State& s_;
};
static_assert(covers_every_field<VgaRegs::State>);

} // namespace dm
