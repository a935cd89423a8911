// How the CPU reaches the CL-GD5446's video memory: the window at A0000 with its banks, and the linear
// memory, both with the graphics controller's mode extensions (GRB).
#pragma once

#include "dm/core/hypervisor.hpp"
#include "dm/devices/vga/cirrus_regs.hpp"
#include "dm/devices/vga/vga_dirty.hpp"

#include <span>

namespace dm {

class CirrusMemory {
public:
    /// Bytes of the window that show video memory in extended modes.
    static constexpr u64 kWindowLength = 0x10000;

    CirrusMemory(VideoMemory& video, CirrusRegs::State& regs, VgaDirty& dirty)
        : video_(video), s_(regs), dirty_(dirty), mask_(static_cast<u32>(video.bytes().size() - 1)) {}

    /// Consecutive bytes of the linear memory; `address` wraps.
    void read_linear(u64 address, std::span<u8> bytes);
    void write_linear(u64 address, std::span<const u8> bytes);
    /// Consecutive bytes of the first 64 KiB of the window, all of them inside.
    void read_window(u64 offset, std::span<u8> bytes);
    void write_window(u64 offset, std::span<const u8> bytes);

    /// Each byte of linear memory is the byte at that place, as if it were RAM.
    bool plain() const { return shift() == 0 && !expands(); }

private:
    struct Bank {
        u32 base = 0;
        u32 length = 0; ///< up to the end of the memory; 0: nothing there
    };
    Bank bank(unsigned half) const;
    /// By-8 and by-16 addressing: an address stands for so many bytes, as a power of two.
    unsigned shift() const;
    /// Write modes 4 and 5: a byte's bits become pixels.
    bool expands() const;
    void read_at(u32 address, std::span<u8> bytes);
    void write_at(u32 address, std::span<const u8> bytes);
    void write_byte(u32 address, u8 value);
    void expand(u32 at, u8 bits);
    void announce(u32 at, u64 length);
    void wrote(u32 at, u64 length);
    template <class Bytes, class Use> void each_bank(u64 offset, Bytes bytes, Use use) const;

    VideoMemory& video_;
    CirrusRegs::State& s_;
    VgaDirty& dirty_;
    u32 mask_;
};

} // namespace dm
