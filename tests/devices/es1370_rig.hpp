// An ES1370 with its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/sound/es1370.hpp"
#include "tests/support/fake_audio.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

namespace es1370_rig {
using namespace dm::es1370;
inline constexpr Bdf kBdf{0, 5, 0};
inline constexpr Port kBase = 0xc800;
inline constexpr unsigned kIntx = 5 * 4;
inline constexpr u32 kBuffer = 0x10000; ///< 64 KiB further for each converter
inline constexpr u32 kMono8 = 0, kStereo8 = 1, kMono16 = 2, kStereo16 = 3;
inline constexpr u32 k44100 = 3U << kWtsrselShift;
} // namespace es1370_rig

struct Es1370Rig : Rig {
    Es1370Rig() : dev("es1370", &audio, hypervisor.ram, timers, pci_wiring(es1370_rig::kBdf.dev, 1)) {
        pci.attach(es1370_rig::kBdf, dev);
        enable();
    }
    void enable(u16 command = 5) {
        pci.config_write(es1370_rig::kBdf, pci::BAR0, 4, es1370_rig::kBase);
        pci.config_write(es1370_rig::kBdf, pci::COMMAND, 2, command);
    }
    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        using Kind = Target::Kind;
        return {{Kind::Ports, es1370_rig::kBase, 0x40},
                {Kind::Ports, es1370_rig::kBase, 0x40},
                {Kind::Ports, es1370_rig::kBase + 0x20, 0x20},
                {Kind::Config, es1370_rig::kBdf.devfn(), 256}};
    }
    void stimulate(Rng& rng) override {
        if (rng.one_in(4)) enable(rng.one_in(8) ? 1 : 5);
        const auto n = static_cast<es1370::Converter>(rng.below(es1370::kConverters));
        set_up(n, static_cast<u32>(rng.below(rng.one_in(2) ? 4 : 0x10000)),
               static_cast<u32>(rng.below(rng.one_in(2) ? 4 : 0x10000)), static_cast<u32>(rng.below(4)));
        if (rng.one_in(4)) put(es1370::SERIAL, get(es1370::SERIAL) | es1370::kBits[n].stop);
        put(es1370::CONTROL, static_cast<u32>(rng.next()) | es1370::kBits[n].enable);
    }

    // What a driver does.
    u32 get(u64 reg, unsigned size = 4) {
        return static_cast<u32>(in(static_cast<Port>(es1370_rig::kBase + reg), size));
    }
    void put(u64 reg, u32 value, unsigned size = 4) {
        out(static_cast<Port>(es1370_rig::kBase + reg), value, size);
    }
    void page_of(es1370::Converter n) {
        put(es1370::MEMPAGE, n == es1370::ADC ? es1370::kPageAdc : es1370::kPageDacs);
    }
    static u64 frame_reg(es1370::Converter n) { return es1370::PAGED + (n == es1370::DAC2 ? 8 : 0); }
    static u32 buffer(es1370::Converter n) { return es1370_rig::kBuffer * (n + 1); }
    /// In loop mode, with the interrupt enabled. `dwords` and `samples` less one, as the part has them.
    void set_up(es1370::Converter n, u32 dwords, u32 samples, u32 format) {
        const es1370::ConverterBits& bits = es1370::kBits[n];
        put(es1370::CONTROL, get(es1370::CONTROL) & ~bits.enable);
        page_of(n);
        put(frame_reg(n), buffer(n));
        put(frame_reg(n) + es1370::kFrameCount, dwords);
        u32 serial = get(es1370::SERIAL) & ~(bits.stop | bits.pause | 3U << bits.format_shift);
        serial |= bits.interrupt_enable | format << bits.format_shift;
        put(es1370::SERIAL, serial);
        put(es1370::SAMPLE_COUNT + 4U * n, samples);
    }
    void go(es1370::Converter n, u32 more = es1370_rig::k44100) {
        put(es1370::CONTROL, get(es1370::CONTROL) | es1370::kBits[n].enable | more);
    }
    u32 position(es1370::Converter n) {
        page_of(n);
        return get(frame_reg(n) + es1370::kFrameCount) >> 16;
    }
    void acknowledge(es1370::Converter n) {
        const u32 serial = get(es1370::SERIAL);
        put(es1370::SERIAL, serial & ~es1370::kBits[n].interrupt_enable);
        put(es1370::SERIAL, serial);
    }
    bool irq() const { return hypervisor.intx.level(es1370_rig::kIntx); }
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
    Es1370 dev;
};

} // namespace dm::test
