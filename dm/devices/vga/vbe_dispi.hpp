// The Bochs "dispi" interface of the standard VGA: linear modes by a dozen 16-bit registers, version B0C5
// (specification: Bochs vbe_display_api.txt). It holds no memory and draws nothing.
//
// Not there: DDC (dispi register 0xb).
// Notes: docs/devices/std_vga.md
#pragma once

#include "dm/core/fields.hpp"
#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <array>

namespace dm {

class VbeDispi {
public:
    enum Reg : u16 {
        ID,
        XRES,
        YRES,
        BPP,
        ENABLE,
        BANK,
        VIRT_WIDTH,
        VIRT_HEIGHT,
        X_OFFSET,
        Y_OFFSET,
        VIDEO_MEMORY_64K,
    };
    enum Enable : u16 { ENABLED = 0x01, GETCAPS = 0x02, DAC_8BIT = 0x20, LFB = 0x40, NOCLEARMEM = 0x80 };

    static constexpr u16 kMaxXres = 16000;
    static constexpr u16 kMaxYres = 12000;
    static constexpr u16 kMaxBpp = 32;
    static constexpr unsigned kRegisters = VIDEO_MEMORY_64K; ///< those that are stored

    struct State {
        u16 index = 0;
        std::array<u16, kRegisters> regs = {0xb0c5};
        static constexpr void fields(auto&& v, auto& s) {
            v("index", s.index);
            v("regs", s.regs);
        }
    };

    /// `memory_bytes`: size of the video memory, a power of two of at least 64 KiB.
    VbeDispi(State& state, u32 memory_bytes) : s_(state), memory_(memory_bytes) {}

    /// What the owner has to do after a write.
    struct Effect {
        bool mode_set = false; ///< preset the VGA's registers as vga_presets does
        u32 clear_bytes = 0;   ///< zero that much video memory from its start
    };
    u16 read(unsigned reg) const;
    Effect write(unsigned reg, u16 value);

    bool enabled() const { return (s_.regs[ENABLE] & ENABLED) != 0; }
    bool dac_8bit() const { return (s_.regs[ENABLE] & DAC_8BIT) != 0; }
    unsigned width() const { return s_.regs[XRES]; }
    unsigned height() const { return s_.regs[YRES]; }
    unsigned bpp() const { return s_.regs[BPP]; } ///< 4, 8, 15, 16, 24 or 32 while enabled
    /// Four planes instead of packed pixels.
    bool planar() const { return bpp() == 4; }
    u32 line_bytes() const { return line_bytes_of(s_.regs); }
    /// Byte in video memory of the top left pixel; in planar modes of the eight pixels that hold it.
    u32 start_byte() const;
    unsigned x_offset() const { return s_.regs[X_OFFSET]; }
    /// Added to addresses in the 64 KiB window at A0000.
    u32 bank_offset() const { return enabled() ? u32{s_.regs[BANK]} << 16 : 0; }

    Status valid(const State& state) const;

private:
    using Regs = std::array<u16, kRegisters>;
    static unsigned bits_per_pixel(u16 bpp) { return bpp == 15 ? 16 : bpp; }
    static u32 line_bytes_of(const Regs& regs) { return regs[VIRT_WIDTH] * bits_per_pixel(regs[BPP]) / 8; }
    void normalise(Regs& regs) const;
    Effect write_enable(u16 value);

    State& s_;
    u32 memory_;
};
static_assert(covers_every_field<VbeDispi::State>);

} // namespace dm
