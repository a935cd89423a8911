// A VGA without a bus, the standard BIOS modes, and displays that keep the picture.
#pragma once

#include "dm/devices/vga/vga_core.hpp"
#include "tests/support/rig.hpp"

#include <array>
#include <vector>

namespace dm::test {

/// A display that keeps what was drawn and what was reported.
class Picture final : public Display {
public:
    bool watched() const override { return looking; }
    Surface resize(unsigned w, unsigned h) override {
        w = std::min(w, most_width);
        h = std::min(h, most_height);
        if (w != width || h != height) {
            width = w;
            height = h;
            pixels.assign(std::size_t{stride()} * h, kGarbage);
            ++resized;
        }
        return {pixels.data(), width, height, stride()};
    }
    void changed(const Rect& rect) override { changes.push_back(rect); }

    u32 at(unsigned x, unsigned y) const { return pixels[std::size_t{y} * stride() + x]; }
    unsigned stride() const { return width + 3; } // not the width, to catch who confuses them
    std::vector<u32> visible() const {
        std::vector<u32> all;
        for (unsigned y = 0; y < height; ++y)
            for (unsigned x = 0; x < width; ++x)
                all.push_back(at(x, y));
        return all;
    }
    u64 changed_pixels() const {
        u64 n = 0;
        for (const Rect& r : changes)
            n += u64{r.width} * r.height;
        return n;
    }

    static constexpr u32 kGarbage = 0xdeadbeef;
    bool looking = true;
    unsigned width = 0;
    unsigned height = 0;
    unsigned most_width = 4096;
    unsigned most_height = 4096;
    unsigned resized = 0;
    std::vector<u32> pixels;
    std::vector<Rect> changes;
};

/// What the BIOS writes for a mode.
struct VgaMode {
    u8 misc;
    std::array<u8, 5> seq;
    std::array<u8, 25> crtc;
    std::array<u8, 9> gfx;
    std::array<u8, 21> attr;
};

inline constexpr std::array<u8, 21> kTextAttributes = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14,
                                                       0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d,
                                                       0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00};
inline constexpr std::array<u8, 21> kPlanarAttributes = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14,
                                                         0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d,
                                                         0x3e, 0x3f, 0x01, 0x00, 0x0f, 0x00, 0x00};

inline constexpr VgaMode kMode03 = { // 80x25 text, 9x16 dots
    0x67,
    {0x03, 0x00, 0x03, 0x00, 0x02},
    {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff},
    kTextAttributes};
inline constexpr VgaMode kMode04 = { // 320x200, four colours
    0x63,
    {0x03, 0x09, 0x03, 0x00, 0x02},
    {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x30, 0x0f, 0x0f, 0xff},
    {0x00, 0x13, 0x15, 0x17, 0x02, 0x04, 0x06, 0x07, 0x10, 0x11, 0x12,
     0x13, 0x14, 0x15, 0x16, 0x17, 0x01, 0x00, 0x03, 0x00, 0x00}};
inline constexpr VgaMode kMode06 = { // 640x200, two colours
    0x63,
    {0x03, 0x01, 0x01, 0x00, 0x06},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0d, 0x0f, 0xff},
    {0x00, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17,
     0x17, 0x17, 0x17, 0x17, 0x17, 0x01, 0x00, 0x01, 0x00, 0x00}};
inline constexpr VgaMode kMode0d = { // 320x200, sixteen colours
    0x63,
    {0x03, 0x09, 0x0f, 0x00, 0x06},
    {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc0, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xe3, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x0f, 0xff},
    kPlanarAttributes};
inline constexpr VgaMode kMode12 = { // 640x480, sixteen colours
    0xe3,
    {0x03, 0x01, 0x0f, 0x00, 0x06},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x0f, 0xff},
    kPlanarAttributes};
inline constexpr VgaMode kMode13 = { // 320x200, 256 colours
    0x63,
    {0x03, 0x01, 0x0f, 0x00, 0x0e},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0f, 0xff},
    {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
     0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x41, 0x00, 0x0f, 0x00, 0x00}};

/// Drives a VGA through its ports and its window, wherever they are mapped.
struct VgaDriver {
    IoSpace& ports;
    IoSpace& memory;

    void out(Port port, u8 value) { ports.write(port, 1, value); }
    u8 in(Port port) { return static_cast<u8>(ports.read(port, 1)); }
    void seq(u8 index, u8 value) { indexed(0x3c4, index, value); }
    void gfx(u8 index, u8 value) { indexed(0x3ce, index, value); }
    void crtc(u8 index, u8 value) { indexed(0x3d4, index, value); }
    void attr(u8 index, u8 value) {
        in(0x3da);
        out(0x3c0, index);
        out(0x3c0, value);
        in(0x3da);
        out(0x3c0, 0x20); // screen on
    }
    void dispi(u16 reg, u16 value) {
        ports.write(0x1ce, 2, reg);
        ports.write(0x1cf, 2, value);
    }
    u16 dispi(u16 reg) {
        ports.write(0x1ce, 2, reg);
        return static_cast<u16>(ports.read(0x1cf, 2));
    }
    void dac(u8 index, u8 red, u8 green, u8 blue) {
        out(0x3c8, index);
        out(0x3c9, red);
        out(0x3c9, green);
        out(0x3c9, blue);
    }
    /// A palette in which every number has a colour of its own.
    void distinct_dac() {
        for (unsigned i = 0; i < 256; ++i)
            dac(static_cast<u8>(i), i & 63, static_cast<u8>(i >> 2), static_cast<u8>(63 - (i & 63)));
    }
    static u32 distinct_colour(unsigned i) {
        const auto up = [](u32 six) { return six << 2 | (six & 1) * 3; };
        return up(i & 63) << 16 | up(i >> 2) << 8 | up(63 - (i & 63));
    }
    void set(const VgaMode& mode) {
        out(0x3c2, mode.misc);
        for (u8 i = 0; const u8 value : mode.seq)
            seq(i++, value);
        crtc(0x11, 0); // unlocks CR0-7
        for (u8 i = 0; const u8 value : mode.crtc)
            crtc(i++, value);
        for (u8 i = 0; const u8 value : mode.gfx)
            gfx(i++, value);
        for (u8 i = 0; const u8 value : mode.attr)
            attr(i++, value);
    }
    /// A linear mode.
    void set_dispi(u16 width, u16 height, u16 bpp, u16 flags = 0) {
        out(0x3c2, 0x01); // status and CRTC at 3dx
        attr(0x10, 0x41);
        dispi(VbeDispi::ENABLE, 0);
        dispi(VbeDispi::XRES, width);
        dispi(VbeDispi::YRES, height);
        dispi(VbeDispi::BPP, bpp);
        dispi(VbeDispi::ENABLE, static_cast<u16>(VbeDispi::ENABLED | VbeDispi::LFB | flags));
    }
    void poke(u64 addr, u8 value) { memory.write(addr, 1, value); }
    u8 peek(u64 addr) { return static_cast<u8>(memory.read(addr, 1)); }

    /// As the BIOS loads fonts: glyph lines into plane 2.
    void load_font(unsigned map, u8 (*line)(unsigned character, unsigned scan)) {
        seq(SR_MAP_MASK, 0x04);
        seq(SR_MEMORY_MODE, 0x06);
        gfx(GR_MODE, 0x00);
        gfx(GR_MISCELLANEOUS, 0x04);
        std::vector<u8> bytes(0x2000);
        for (unsigned i = 0; i < bytes.size(); ++i)
            bytes[i] = line(i / 32, i % 32);
        memory.write_span(0xa0000 + map * 0x2000, 1, bytes);
        seq(SR_MAP_MASK, 0x03);
        seq(SR_MEMORY_MODE, 0x02);
        gfx(GR_MODE, 0x10);
        gfx(GR_MISCELLANEOUS, 0x0e);
    }

private:
    void indexed(Port port, u8 index, u8 value) { ports.write(port, 2, index | u32{value} << 8); }
};

/// The font of the tests: every line of every character differs from its neighbours.
inline u8 test_glyph(unsigned character, unsigned scan) {
    return static_cast<u8>(character * 7 + scan * 29 + (character >> 3));
}

/// A core on its own.
struct VgaRig {
    explicit VgaRig(u64 size = 1 << 20) : video(size) {}

    FakeClock clock;
    IoSpace ports{"ports", 0xffff};
    IoSpace memory{"memory", ~u64{0}};
    FakeVideoMemory video;
    VgaCore core{video, clock};
    IoWindow window1 = ports.map({.base = 0x3b0, .length = 0x30, .max_width = 2}, core.ports());
    IoWindow window2 = ports.map({.base = 0x1ce, .length = 4, .max_width = 2}, core.dispi_ports());
    IoWindow window3 = memory.map({.base = 0xa0000, .length = 0x20000, .max_width = 8}, core.window());
    VgaDriver drive{ports, memory};
    Picture screen;

    void refresh(bool full = false) {
        screen.changes.clear();
        core.display().refresh(screen, full);
    }
    /// The guest writes through the linear frame buffer.
    void guest_write(u64 offset, std::span<const u8> bytes) {
        std::copy(bytes.begin(), bytes.end(), video.memory.begin() + static_cast<std::ptrdiff_t>(offset));
        for (u64 page = offset >> kPageShift; page <= (offset + bytes.size() - 1) >> kPageShift; ++page)
            video.dirty_pages.push_back(page);
    }
    /// The picture drawn from nothing, by a renderer that knows no past.
    std::vector<u32> drawn_afresh() const {
        VgaCore::State state = core.state();
        FakeVideoMemory copy(video.memory.size());
        copy.memory = video.memory;
        const VbeDispi dispi(state.dispi, static_cast<u32>(copy.memory.size()));
        VgaDirty dirty(copy.memory.size());
        const DispiScreen shown(state.vga, dispi, state.big_endian);
        VgaRender render(copy, state.vga, shown, dirty, clock);
        Picture fresh;
        fresh.most_width = screen.most_width;
        fresh.most_height = screen.most_height;
        fresh.resize(screen.width, screen.height); // a blank screen keeps the size it had
        render.refresh(fresh, true);
        return fresh.visible();
    }
};

} // namespace dm::test
