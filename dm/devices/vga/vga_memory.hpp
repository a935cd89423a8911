// The window at A0000-BFFFF: how CPU accesses reach the four planes of the video memory.
//
// The planes are interleaved: plane p of address a is byte 4a + p. So packed pixels of the linear frame
// buffer and of the window are the same bytes, and text is (character, attribute, font, unused) per cell.
#pragma once

#include "dm/core/hypervisor.hpp"
#include "dm/core/io_space.hpp"
#include "dm/devices/vga/vbe_dispi.hpp"
#include "dm/devices/vga/vga_dirty.hpp"
#include "dm/devices/vga/vga_regs.hpp"

namespace dm {

class VgaMemory final : public IoHandler {
public:
    static constexpr u64 kWindowBase = 0xa0000;
    static constexpr u64 kWindowLength = 0x20000;

    /// `dispi`: null for an adapter without linear modes of that kind.
    VgaMemory(VideoMemory& video, VgaRegs::State& regs, const VbeDispi* dispi, VgaDirty& dirty);

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    void read_span(u64 offset, unsigned size, std::span<u8> bytes) override;
    void write_span(u64 offset, unsigned size, std::span<const u8> bytes) override;

    /// To be called after each change of registers: finds out again which path accesses take.
    void update();

    u32 size() const { return mask_ + 1; }
    /// Zeroes the first `length` bytes.
    void clear(u32 length);

private:
    enum class Path : u8 { Linear, OddEven, Planar };
    struct PlanarWrite;

    template <class Bytes> struct Part {
        u32 addr = 0; ///< of the first byte, after window and bank
        Bytes bytes;
    };
    template <class Bytes> Part<Bytes> decode(u64 offset, Bytes bytes) const;

    /// The only way into the video memory: whatever the registers say, the address is inside.
    u32 at(u64 byte) const { return static_cast<u32>(byte) & mask_; }
    u32 load_cell(u32 addr) const;
    void store_cell(u32 addr, u32 cell);
    /// What is about to be read or changed in part, before it is.
    void reads(u64 byte, u64 length);
    void wrote(u64 byte, u64 length, unsigned planes);

    void read_linear(u32 addr, std::span<u8> bytes);
    void read_odd_even(u32 addr, std::span<u8> bytes);
    void read_planar(u32 addr, std::span<u8> bytes);
    void write_linear(u32 addr, std::span<const u8> bytes);
    void write_odd_even(u32 addr, std::span<const u8> bytes);
    void write_planar(u32 addr, std::span<const u8> bytes);

    VideoMemory& video_;
    VgaRegs::State& regs_;
    const VbeDispi* dispi_;
    VgaDirty& dirty_;
    u32 mask_;
    u8* vram_ = nullptr; ///< of this access

    // Derived by update().
    Path path_ = Path::Planar;
    u32 first_ = 0; ///< the selected part of the window
    u32 length_ = 0;
    u32 bank_ = 0;
    u8 map_mask_ = 0;
};

} // namespace dm
