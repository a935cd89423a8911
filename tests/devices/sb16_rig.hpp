// A Sound Blaster 16 with its DMA controller, and the moves of a driver.
#pragma once

#include "dm/devices/isa/dma_8257.hpp"
#include "dm/devices/sound/sb16.hpp"
#include "tests/support/device_duo.hpp"
#include "tests/support/fake_audio.hpp"
#include "tests/support/rig.hpp"

#include <initializer_list>

namespace dm::test {

struct Sb16Rig : Rig {
    static constexpr u64 kBase = 0x220;
    static constexpr unsigned kIrq = 5;
    static constexpr u32 kBuffer8 = 0x10000;
    static constexpr u32 kBuffer16 = 0x20000;
    static constexpr u8 kPlay = 0x48, kRecord = 0x44, kAutoInit = 0x10; ///< modes of the DMA controller

    Sb16Rig() : Rig(u64{256} * 1024) { dma.reset(); }
    Device& device() override { return duo; }
    std::vector<Target> targets() const override {
        using Kind = Target::Kind;
        return {{Kind::Ports, kBase, 16},
                {Kind::Ports, kBase + 4, 2},
                {Kind::Ports, kBase + 12, 1},
                {Kind::Ports, 0x00, 16},
                {Kind::Ports, 0xc0, 32}};
    }
    void stimulate(Rng& rng) override {
        const bool wide = rng.one_in(2);
        const auto count = static_cast<u32>(rng.below(rng.one_in(2) ? 20 : 0x8000));
        program(wide, count,
                static_cast<u8>((rng.one_in(2) ? kPlay : kRecord) | (rng.one_in(2) ? kAutoInit : 0)));
        reset_dsp();
        set_rate(static_cast<u16>(rng.next()));
        if (rng.one_in(3)) {
            mixer(0x0e, static_cast<u8>(rng.next()));
            dsp({0x48, static_cast<unsigned>(rng.below(256)), static_cast<unsigned>(rng.below(4))});
            dsp({std::array<unsigned, 6>{0x1c, 0x90, 0x91, 0x2c, 0x98, 0x80}[rng.below(6)]});
        } else {
            play(wide, static_cast<u8>(rng.below(16)), static_cast<u8>(rng.next() & 0x30),
                 static_cast<u16>(rng.below(rng.one_in(2) ? 20 : 0x10000)));
        }
    }

    // What a driver does.
    u8 get(u64 port) { return static_cast<u8>(in(static_cast<Port>(kBase + port))); }
    void put(u64 port, unsigned value) { out(static_cast<Port>(kBase + port), value); }
    void dsp(std::initializer_list<unsigned> bytes) {
        for (const unsigned byte : bytes)
            put(sb16::DSP_WRITE, byte);
    }
    bool reset_dsp() {
        put(sb16::DSP_RESET, 1);
        put(sb16::DSP_RESET, 0);
        return get(sb16::DSP_STATUS) == 0x80 && get(sb16::DSP_READ) == 0xaa;
    }
    u8 mixer(u8 reg) {
        put(sb16::MIXER_INDEX, reg);
        return get(sb16::MIXER_DATA);
    }
    void mixer(u8 reg, u8 value) {
        put(sb16::MIXER_INDEX, reg);
        put(sb16::MIXER_DATA, value);
    }
    void set_rate(u16 rate) { dsp({0x41, unsigned{byte_of(rate, 1)}, unsigned{byte_of(rate, 0)}}); }
    /// Channel 1 or 5 on its buffer; `count` in bytes or words, less one.
    void program(bool wide, u32 count, u8 mode) {
        const u32 addr = wide ? kBuffer16 / 2 : kBuffer8;
        const auto reg = [wide](u64 n) { return static_cast<Port>(wide ? 0xc0 + 2 * n : n); };
        out(reg(0xa), 5);
        out(reg(0xc), 0);
        out(reg(0xb), mode | 1U);
        for (const u32 shift : {0U, 8U}) {
            out(reg(2), addr >> shift & 0xff);
        }
        for (const u32 shift : {0U, 8U}) {
            out(reg(3), count >> shift & 0xff);
        }
        out(wide ? 0x8b : 0x83, (wide ? kBuffer16 : kBuffer8) >> 16);
        if (!wide) out(0xd6, 0xc0); // cascade
        out(0xd4, 0);
        out(reg(0xa), 1);
    }
    /// b0 or c0 with these bits; `samples` less one.
    void play(bool wide, u8 bits, u8 mode, u16 samples) {
        dsp({(wide ? 0xb0U : 0xc0U) | bits, mode, byte_of(samples, 0), byte_of(samples, 1)});
    }
    bool irq() const { return hypervisor.isa.level(kIrq); }
    /// In steps as an event loop takes them.
    void time(u64 ns) {
        const u64 end = clock.now + ns;
        while (timers.next_deadline() && *timers.next_deadline() < end) {
            clock.now = std::max(clock.now, *timers.next_deadline());
            timers.run_due();
        }
        clock.now = end;
        timers.run_due();
    }

    FakeAudio audio;
    Dma8257 dma{"dma", hypervisor.ram};
    Sb16 dev{"sb16",         &audio,      IrqLine{hypervisor.isa, kIrq}, timers, dma.channel(1),
             dma.channel(5), {0x02, 0x22}};
    DeviceDuo duo{dma, dev};
    IoWindow first = ports.map({.base = 0x00, .length = 16, .max_width = 1}, dma.first_controller());
    IoWindow second = ports.map({.base = 0xc0, .length = 32, .max_width = 1}, dma.second_controller());
    IoWindow pages = ports.map({.base = 0x80, .length = 16, .max_width = 1}, dma.page_registers());
    IoWindow window = ports.map({.base = kBase, .length = 16, .max_width = 1}, dev);
};

} // namespace dm::test
