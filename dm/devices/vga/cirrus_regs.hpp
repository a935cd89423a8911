// The CL-GD5446's register file: the VGA's, and around it the extension registers of the sequencer, the
// graphics and the CRT controller and the hidden DAC register (Cirrus Logic, "CL-GD5446 Technical Reference
// Manual", 1996).
//
// Not there: EEPROM and DDC (SR8), signature generator, video capture and overlay, the effect of the lock in
// SR6. Notes: docs/devices/cirrus_vga.md
#pragma once

#include "dm/devices/vga/cirrus_blit.hpp"
#include "dm/devices/vga/vga_regs.hpp"

namespace dm {

/// Extension registers that something here depends on.
enum CirrusSeq : u8 {
    SR_UNLOCK = 0x06,
    SR_EXTENDED_MODE = 0x07,
    SR_DRAM_CONTROL = 0x0f,
    SR_CURSOR_X = 0x10,
    SR_CURSOR_Y = 0x11,
    SR_CURSOR_ATTRIBUTES = 0x12,
    SR_CURSOR_PATTERN = 0x13,
    SR_SCRATCH_3 = 0x15,
    SR_CONFIGURATION = 0x17,
    SR_MEMORY_CLOCK = 0x1f,
};
enum CirrusGfx : u8 {
    GR_OFFSET_0 = 0x09,
    GR_OFFSET_1 = 0x0a,
    GR_MODE_EXTENSIONS = 0x0b,
    GR_DRAM_TIMING = 0x18,
    GR_BLT_DESTINATION_HIGH = 0x2a,
    GR_BLT_START = 0x31,
};
enum CirrusCrtc : u8 {
    CR_INTERLACE_END = 0x19,
    CR_MISCELLANEOUS = 0x1a,
    CR_EXTENDED_DISPLAY = 0x1b,
    CR_OVERLAY_EXTENDED = 0x1d,
    CR_LATCHES = 0x22,
    CR_ATTRIBUTE_TOGGLE = 0x24,
    CR_PART_STATUS = 0x25,
    CR_ATTRIBUTE_INDEX = 0x26,
    CR_PART_ID = 0x27,
};

class CirrusRegs {
public:
    static constexpr unsigned kSeqRegisters = 0x20;
    static constexpr unsigned kGfxRegisters = 0x3a;
    static constexpr unsigned kFirstCrtc = CR_INTERLACE_END;
    static constexpr unsigned kCrtcRegisters = 5;
    static constexpr std::size_t kCursorColours = 16;

    static constexpr std::array<u8, kSeqRegisters> power_on_seq() {
        std::array<u8, kSeqRegisters> seq{};
        seq[SR_UNLOCK] = 0x0f;
        seq[SR_DRAM_CONTROL] = 0x98;  // 4 MiB in two banks, 64 bits wide
        seq[SR_SCRATCH_3] = 0x04;     // 4 MiB, where the BIOS says so
        seq[SR_CONFIGURATION] = 0x20; // PCI
        seq[SR_MEMORY_CLOCK] = 0x2d;
        return seq;
    }
    static constexpr std::array<u8, kGfxRegisters> power_on_gfx() {
        std::array<u8, kGfxRegisters> gfx{};
        gfx[GR_DRAM_TIMING] = 0x0f;
        return gfx;
    }

    struct State {
        u8 seq_index = 0; ///< all of it: its upper bits are a part of the cursor's place
        u8 gfx_index = 0;
        std::array<u8, kSeqRegisters> seq = power_on_seq(); ///< SR5 to SR1F; those below are the VGA's
        /// GR9 to GR39, and all bits of GR0, GR1 and GR5, of which the VGA has some.
        std::array<u8, kGfxRegisters> gfx = power_on_gfx();
        std::array<u8, kCrtcRegisters> crtc{}; ///< CR19 to CR1D
        u8 hidden_dac = 0;
        u8 mask_reads = 0; ///< of the pixel mask one after the other; after four comes the hidden register
        std::array<u8, kCursorColours * 3> cursor_colours{};
        u16 cursor_x = 0;
        u16 cursor_y = 0;
        u64 latches = 0; ///< eight bytes, of by-8 addressing

        static constexpr void fields(auto&& v, auto& s) {
            v("seq_index", s.seq_index);
            v("gfx_index", s.gfx_index);
            v("seq", s.seq);
            v("gfx", s.gfx);
            v("crtc", s.crtc);
            v("hidden_dac", s.hidden_dac);
            v("mask_reads", s.mask_reads);
            v("cursor_colours", s.cursor_colours);
            v("cursor_x", s.cursor_x);
            v("cursor_y", s.cursor_y);
            v("latches", s.latches);
        }
    };

    /// What the owner has to do after a write.
    enum class Effect : u8 { None, StartBlit, ResetBlit };

    CirrusRegs(State& state, VgaRegs::State& vga) : s_(state), v_(vga), vga_(vga) {}

    /// One byte of ports 3b0..3df. `blitting`: an engine waits for data from the CPU.
    u8 read(unsigned port, bool blitting);
    Effect write(unsigned port, u8 value, bool blitting);

    /// The blitter's registers as the first 256 bytes of memory-mapped registers.
    u8 read_mapped(unsigned offset, bool blitting) const;
    Effect write_mapped(unsigned offset, u8 value, bool blitting);
    CirrusBlit blit() const;

    /// SR7 bit 0: pixels are packed bytes, and the window at A0000 shows them.
    bool extended() const { return (s_.seq[SR_EXTENDED_MODE] & 1) != 0; }
    /// Bits per pixel in extended modes.
    unsigned bits_per_pixel() const;
    /// Mapped registers are at B8000 or at the end of the linear memory.
    bool mapped_in_window() const { return (s_.seq[SR_CONFIGURATION] & 0x44) == 0x04; }
    bool mapped_in_linear() const { return (s_.seq[SR_CONFIGURATION] & 0x44) == 0x44; }

    static Status valid(const State& state);

private:
    u8 read_seq() const;
    void write_seq(u8 value);
    u8 read_pixel_mask();
    void write_pixel_mask(u8 value);
    u8 read_palette();
    void write_palette(u8 value);
    u8 read_gfx(unsigned index, bool blitting) const;
    Effect write_gfx(unsigned index, u8 value, bool blitting);
    u8 read_crtc() const;
    u8 blt_status(bool blitting) const;
    bool hidden_palette() const;

    State& s_;
    VgaRegs::State& v_;
    VgaRegs vga_;
};
static_assert(covers_every_field<CirrusRegs::State>);

} // namespace dm
