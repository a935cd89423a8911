// An AC'97 controller with its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/sound/ac97.hpp"
#include "tests/support/fake_audio.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

namespace ac97_rig {
using namespace dm::ac97;
using Codec = dm::Ac97Codec;
inline constexpr Bdf kBdf{0, 4, 0};
inline constexpr Port kNam = 0xc000;
inline constexpr Port kNabm = 0xc400;
inline constexpr unsigned kIntx = 4 * 4;
inline constexpr u32 kList = 0x1000;  ///< descriptors; a page further for each bus master
inline constexpr u32 kData = 0x10000; ///< 0x1000 for each descriptor
inline constexpr u32 kIoc = 0x80000000;
inline constexpr u32 kBup = 0x40000000;
inline constexpr u8 RPBM = 1, RR = 2, LVBIE = 4, FEIE = 8, IOCE = 0x10;
inline constexpr u8 DCH = 1, CELV = 2, LVBCI = 4, BCIS = 8;
inline constexpr u64 kFrameNs = kSecond / 48000; ///< rounded down
} // namespace ac97_rig

struct Ac97Rig : Rig {
    Ac97Rig() : dev("ac97", &audio, hypervisor.ram, timers, pci_wiring(ac97_rig::kBdf.dev, 1)) {
        pci.attach(ac97_rig::kBdf, dev);
        enable();
    }
    void enable(u16 command = 5) {
        pci.config_write(ac97_rig::kBdf, pci::BAR0, 4, ac97_rig::kNam);
        pci.config_write(ac97_rig::kBdf, pci::BAR0 + 4, 4, ac97_rig::kNabm);
        pci.config_write(ac97_rig::kBdf, pci::COMMAND, 2, command);
    }
    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        using Kind = Target::Kind;
        return {{Kind::Ports, ac97_rig::kNam, 0x80},
                {Kind::Ports, ac97_rig::kNabm, 0x40},
                {Kind::Ports, ac97_rig::kNabm + 0x10, 0x10},
                {Kind::Config, ac97_rig::kBdf.devfn(), 256}};
    }
    void stimulate(Rng& rng) override {
        if (rng.one_in(4)) enable(rng.one_in(8) ? 1 : 5);
        const auto box = static_cast<ac97::Box>(rng.below(ac97::kBoxes));
        for (u32 i = 0; i < ac97::kDescriptors; ++i)
            describe(box, i, static_cast<u32>(rng.next()) & 0x3ffff,
                     (static_cast<u32>(rng.next()) & (ac97_rig::kIoc | ac97_rig::kBup)) |
                         static_cast<u32>(rng.below(rng.one_in(4) ? 0x10000 : 500)));
        start(box, static_cast<u8>(rng.below(32)), rng.one_in(2) ? 0x1d : 1);
        if (rng.one_in(4)) codec(ac97_rig::Codec::PCM_FRONT_DAC_RATE, static_cast<u16>(rng.next()));
    }

    // What a driver does.
    u16 codec(u64 reg) { return static_cast<u16>(in(static_cast<Port>(ac97_rig::kNam + reg), 2)); }
    void codec(u64 reg, u16 value) { out(static_cast<Port>(ac97_rig::kNam + reg), value, 2); }
    static Port at(ac97::Box box, u64 reg) {
        return static_cast<Port>(ac97_rig::kNabm + box * ac97::kBoxBytes + reg);
    }
    u32 get(ac97::Box box, ac97::BoxReg reg) {
        const unsigned size = reg == ac97::BDBAR ? 4 : reg == ac97::SR || reg == ac97::PICB ? 2 : 1;
        return static_cast<u32>(in(at(box, reg), size));
    }
    void put(ac97::Box box, ac97::BoxReg reg, u32 value) {
        out(at(box, reg), value, reg == ac97::BDBAR ? 4 : reg == ac97::SR ? 2 : 1);
    }
    u32 global(ac97::Reg reg) { return static_cast<u32>(in(ac97_rig::kNabm + reg, 4)); }
    void global(ac97::Reg reg, u32 value) { out(ac97_rig::kNabm + reg, value, 4); }
    bool irq() const { return hypervisor.intx.level(ac97_rig::kIntx); }

    void put32(u32 addr, u32 value) {
        hypervisor.ram.view(addr, 4); // a fuzzer's memory is filled when it is first looked at
        for (unsigned i = 0; i < 4; ++i)
            ram[addr + i] = byte_of(value, i);
    }
    static u32 list(ac97::Box box) { return ac97_rig::kList + box * 0x1000U; }
    void describe(ac97::Box box, u32 index, u32 addr, u32 control) {
        put32(list(box) + 8 * index, addr);
        put32(list(box) + 8 * index + 4, control);
    }
    /// Buffers of so many samples, each at its place, filled with numbers that tell where they are from.
    void fill(ac97::Box box, unsigned buffers, u16 samples, u32 flags = ac97_rig::kIoc) {
        for (u32 i = 0; i < buffers; ++i) {
            describe(box, i, ac97_rig::kData + 0x1000 * i, samples | flags);
            for (u32 n = 0; n < samples && n < 0x800; ++n) {
                ram[ac97_rig::kData + 0x1000 * i + 2 * n] = static_cast<u8>(n);
                ram[ac97_rig::kData + 0x1000 * i + 2 * n + 1] = static_cast<u8>(i + 1);
            }
        }
    }
    void start(ac97::Box box, u8 lvi, u8 cr = ac97_rig::RPBM | ac97_rig::IOCE | ac97_rig::LVBIE) {
        put(box, ac97::CR, ac97_rig::RR);
        put(box, ac97::BDBAR, list(box));
        put(box, ac97::LVI, lvi);
        put(box, ac97::CR, cr);
    }
    /// Time of so many frames of 48 kHz, in steps as an event loop takes them.
    void frames(u64 count) {
        const u64 end = clock.now + count * kSecond / 48000 + 1;
        while (timers.next_deadline() && *timers.next_deadline() < end) {
            clock.now = std::max(clock.now, *timers.next_deadline());
            timers.run_due();
        }
        clock.now = std::max(clock.now, end);
        timers.run_due();
    }

    FakeAudio audio;
    Ac97 dev;
};

} // namespace dm::test
