// The adapter on its bus, its BARs placed as firmware does it, and what drivers do with it.
#pragma once

#include "dm/devices/vga/cirrus_rop.hpp"
#include "dm/devices/vga/cirrus_vga.hpp"
#include "tests/devices/vga_rig.hpp"

namespace dm::test {

/// A blit as a driver writes it down: dimensions are not less one.
struct CirrusBlitArgs {
    u32 width = 1; ///< bytes
    u32 height = 1;
    u32 dst_pitch = 0;
    u32 src_pitch = 0;
    u32 dst = 0;
    u32 src = 0;
    u8 mode = 0;
    u8 rop = static_cast<u8>(CirrusRop::SRC);
    u8 extension = 0;
    u8 skip = 0;
    u32 foreground = 0;
    u32 background = 0;
    u16 key = 0;
};

/// GR30.
namespace blt {
inline constexpr u8 BACKWARDS = 0x01, TO_SYSTEM = 0x02, FROM_SYSTEM = 0x04, TRANSPARENT = 0x08, BITS16 = 0x10,
                    BITS24 = 0x20, BITS32 = 0x30, PATTERN = 0x40, EXPAND = 0x80;
/// GR33.
inline constexpr u8 DWORDS = 0x01, INVERT = 0x02, SOLID = 0x04;
} // namespace blt

struct CirrusRig : Rig {
    static constexpr u64 kVram = 0xf0000000;
    static constexpr u64 kBlitData = kVram + 0x1000000;
    static constexpr u64 kMmio = 0xfebf0000;
    static constexpr u64 kBlt = kMmio + 0x100;
    static constexpr u64 kRom = 0xfebe0000;
    static constexpr u8 kDevice = 2;
    static constexpr u64 kSize = 1 << 20;

    CirrusRig() {
        auto memory_of_ours = std::make_unique<FakeVideoMemory>(kSize);
        video = memory_of_ours.get();
        std::vector<u8> rom(3000);
        for (unsigned i = 0; i < rom.size(); ++i)
            rom[i] = static_cast<u8>(i * 3);
        dev = std::make_unique<CirrusVga>("vga", pci_wiring(kDevice, 0), std::move(memory_of_ours),
                                          std::move(rom), clock);
        pci.attach({0, kDevice, 0}, *dev);
        map_bars();
    }
    void configure(unsigned reg, u64 value, unsigned size = 4) {
        pci.config_write({0, kDevice, 0}, reg, size, static_cast<u32>(value));
    }
    u32 config(unsigned reg, unsigned size = 4) { return pci.config_read({0, kDevice, 0}, reg, size); }
    void map_bars() {
        configure(pci::BAR0, kVram);
        configure(pci::BAR0 + 4, kMmio);
        configure(pci::ROM_ADDRESS, kRom | 1);
        configure(pci::COMMAND, 3, 2);
        out(0x3c2, 0x63); // CRTC at 3dx
    }

    u8 seq(u8 index) { return indexed(0x3c4, index); }
    u8 gfx(u8 index) { return indexed(0x3ce, index); }
    u8 crtc(u8 index) { return indexed(0x3d4, index); }
    u8 indexed(Port port, u8 index) {
        out(port, index);
        return static_cast<u8>(in(static_cast<Port>(port + 1)));
    }
    void hidden_dac(u8 value) {
        in(0x3c8);
        for (int i = 0; i < 4; ++i)
            in(0x3c6);
        out(0x3c6, value);
    }
    void extended() { drive.seq(7, 0x11); }

    /// Everything but the start.
    void set_blit(const CirrusBlitArgs& b) {
        poke(kBlt + 0x00, b.background);
        poke(kBlt + 0x04, b.foreground);
        poke(kBlt + 0x08, (b.width - 1) | (b.height - 1) << 16);
        poke(kBlt + 0x0c, b.dst_pitch | b.src_pitch << 16);
        poke(kBlt + 0x10, b.dst);
        poke(kBlt + 0x14, (b.src & 0x3fffff) | u32{b.skip} << 24);
        poke(kBlt + 0x18, b.mode, 1);
        poke(kBlt + 0x1a, b.rop, 1);
        poke(kBlt + 0x1b, b.extension, 1);
        poke(kBlt + 0x1c, b.key, 2);
    }
    void start() {
        poke(kBlt + 0x40, 0, 1);
        poke(kBlt + 0x40, 2, 1);
    }
    void blit(const CirrusBlitArgs& b) {
        set_blit(b);
        start();
    }
    bool busy() { return (peek(kBlt + 0x40, 1) & 1) != 0; }

    std::vector<u8>& vram() { return video->memory; }
    void put(u32 at, std::initializer_list<int> bytes) {
        for (const int b : bytes)
            vram()[at++] = static_cast<u8>(b);
    }
    std::vector<int> get(u32 at, u32 length) {
        std::vector<int> bytes;
        for (u32 i = 0; i < length; ++i)
            bytes.push_back(vram()[at + i]);
        return bytes;
    }

    /// A mode with packed pixels as drivers set it, from the start of the memory.
    void packed_mode(unsigned width, unsigned height, unsigned bits) {
        drive.attr(0x10, 0x41);
        drive.seq(1, 0x01);
        drive.crtc(0x11, 0);
        drive.crtc(0x01, static_cast<u8>(width / 8 - 1));
        drive.crtc(0x12, static_cast<u8>(height - 1));
        drive.crtc(0x07, static_cast<u8>(0x10 | ((height - 1) >> 7 & 2) | ((height - 1) >> 3 & 0x40)));
        drive.crtc(0x09, 0x40);
        drive.crtc(0x18, 0xff);
        drive.crtc(0x17, 0x03);
        const unsigned pitch = width * ((bits + 7) / 8) / 8;
        drive.crtc(0x13, static_cast<u8>(pitch));
        drive.crtc(0x1b, static_cast<u8>(0x22 | (pitch >> 4 & 0x10)));
        drive.gfx(5, 0x40);
        drive.gfx(6, 0x05);
        const u8 depth = bits == 32 ? 8 : bits == 24 ? 4 : bits == 8 ? 0 : 6;
        drive.seq(7, static_cast<u8>(0x11 | depth));
        hidden_dac(bits == 16 ? 0xc1 : bits > 16 ? 0xc5 : bits == 15 ? 0x80 : 0);
    }
    void refresh(bool full = false) {
        screen.changes.clear();
        dev->display().refresh(screen, full);
    }

    Device& device() override { return *dev; }
    bool has_interrupt() const override { return false; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Ports, 0x3b0, 0x30},       {Target::Kind::Memory, 0xa0000, 0x20000},
                {Target::Kind::Memory, kMmio, 0x144},     {Target::Kind::Memory, kBlt, 0x42},
                {Target::Kind::Memory, kVram, kSize + 8}, {Target::Kind::Memory, kBlitData, 0x1000},
                {Target::Kind::Memory, kRom, 0x1000},     {Target::Kind::Config, kDevice << 3, 256}};
    }
    /// A look at the screen, or a blit: random registers alone seldom make one that may run.
    void stimulate(Rng& rng) override {
        if (rng.one_in(2)) {
            screen.most_width = 64;
            screen.most_height = 64;
            screen.looking = !rng.one_in(4);
            dev->display().refresh(screen, rng.one_in(4));
            return;
        }
        set_blit(random_blit(rng));
        if (rng.one_in(4)) poke(kBlt + 0x40, 0x04, 1);
        start();
    }
    static CirrusBlitArgs random_blit(Rng& rng) {
        static constexpr std::array<u8, 17> kRops = {0x00, 0x05, 0x06, 0x09, 0x0b, 0x0d, 0x0e, 0x50, 0x59,
                                                     0x6d, 0x90, 0x95, 0xad, 0xd0, 0xd6, 0xda, 0x77};
        CirrusBlitArgs b;
        b.width = static_cast<u32>(1 + (rng.one_in(8) ? rng.below(8192) : rng.below(100)));
        b.height = static_cast<u32>(1 + (rng.one_in(8) ? rng.below(8192) : rng.below(20)));
        b.dst_pitch = static_cast<u32>(rng.one_in(8) ? rng.below(8192) : b.width + rng.below(100));
        b.src_pitch = static_cast<u32>(rng.one_in(8) ? rng.below(8192) : b.width + rng.below(100));
        b.dst = static_cast<u32>(rng.one_in(4) ? kSize - 1 - rng.below(64) : rng.below(kSize));
        b.src = static_cast<u32>(rng.one_in(4) ? kSize - 1 - rng.below(64) : rng.below(kSize));
        b.mode = static_cast<u8>(rng.below(256) & ~(rng.one_in(4) ? 0U : u32{blt::TO_SYSTEM}));
        b.rop = kRops[rng.below(kRops.size())];
        b.extension = static_cast<u8>(rng.below(8));
        b.skip = static_cast<u8>(rng.below(256));
        b.foreground = static_cast<u32>(rng.below(u64{1} << 32));
        b.background = static_cast<u32>(rng.below(u64{1} << 32));
        b.key = static_cast<u16>(rng.below(65536));
        return b;
    }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        video->memory = dynamic_cast<CirrusRig&>(from).video->memory;
    }

    FakeVideoMemory* video = nullptr;
    std::unique_ptr<CirrusVga> dev;
    VgaDriver drive{ports, memory};
    Picture screen;
};

} // namespace dm::test
