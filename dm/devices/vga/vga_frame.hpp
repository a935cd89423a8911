// What the registers ask to be shown: a pure function of them, so that two equal frames need no redrawing but
// for pixels that changed.
#pragma once

#include "dm/devices/vga/vbe_dispi.hpp"
#include "dm/devices/vga/vga_regs.hpp"

#include <array>

namespace dm {

struct VgaFrame {
    enum class Kind : u8 {
        Blank,
        Text,
        Planar,     ///< sixteen colours, one bit per plane
        Cga,        ///< shift mode 1: two bits per pixel and plane
        Colours256, ///< shift mode 2: a byte per pixel
        Packed,     ///< linear modes: 8 to 32 bits per pixel
    };
    Kind kind = Kind::Blank;
    unsigned width = 0; ///< pixels on the screen
    unsigned height = 0;
    std::array<u32, 256> colours{}; ///< 0x00RRGGBB; sixteen of them but for 8 bits per pixel

    // Where lines start. For Packed in bytes, otherwise in cells of four bytes.
    u32 start = 0;
    u32 pitch = 0;
    u32 wrap = 0; ///< cells: addresses are taken modulo this

    // Planes only.
    unsigned zoom = 1;           ///< dots per pixel: 2 with the dot clock halved
    unsigned repeat = 1;         ///< lines per scan line: 2 with double scan
    unsigned max_scan = 0;       ///< scan lines of a row, less one
    unsigned preset_scan = 0;    ///< first scan line of the first row
    unsigned line_compare = ~0U; ///< after this line the address restarts at 0
    unsigned pan = 0;            ///< dots that are shifted out on the left
    bool pan_below = true;       ///< also below the split
    u8 mode_control = 0;         ///< CR17: bits 0 and 1 clear take address bits from the scan line
    u32 bank_bit = 0;            ///< address bit that scan line bit 0 replaces

    // Text only.
    unsigned cell_width = 0;    ///< dots, zoom not counted
    std::array<u32, 2> fonts{}; ///< cell of the first glyph, by bit 3 of the attribute
    bool blink = false;
    bool line_graphics = false; ///< the ninth dot of C0-DF repeats the eighth
    unsigned underline = 0;     ///< scan line

    // Packed only.
    unsigned bpp = 0;
    bool big_endian = false;

    bool operator==(const VgaFrame&) const = default;
};

/// What the VGA's own registers say.
VgaFrame describe_frame(const VgaRegs::State& regs);
VgaFrame describe_frame(const VgaRegs::State& regs, const VbeDispi& dispi, bool big_endian);

// For adapters with modes of their own.

/// A level of six bits in eight, as QEMU widens it: the lowest bit is repeated, so that 0 stays 0 and 3f
/// becomes ff.
constexpr u32 widened(u32 six) {
    return six << 2 | (six & 1) * 3;
}
/// False while the attribute controller's index register (PAS, bit 5) takes the palette away from the screen.
bool palette_shows(const VgaRegs::State& regs);
/// Bit 0 of GR6: not text.
bool graphics_selected(const VgaRegs::State& regs);
/// The 256 colours of the DAC.
void fill_256_colours(VgaFrame& frame, const VgaRegs::State& regs, bool eight_bits);
/// What text and the legacy graphics modes have in common: the CRT controller.
void fill_crtc(VgaFrame& frame, const VgaRegs::State& regs);

} // namespace dm
