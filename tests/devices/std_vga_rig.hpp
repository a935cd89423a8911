// The adapter on its bus, its BARs placed as firmware does it.
#pragma once

#include "dm/devices/vga/std_vga.hpp"
#include "tests/devices/vga_rig.hpp"

namespace dm::test {

struct StdVgaRig : Rig {
    static constexpr u64 kVram = 0xf0000000;
    static constexpr u64 kMmio = 0xfebf0000;
    static constexpr u64 kRom = 0xfebe0000;
    static constexpr u8 kDevice = 2;
    static constexpr u64 kSize = 1 << 20;

    explicit StdVgaRig(u64 size = kSize) {
        auto memory_of_ours = std::make_unique<FakeVideoMemory>(size);
        video = memory_of_ours.get();
        std::vector<u8> rom(3000);
        for (unsigned i = 0; i < rom.size(); ++i)
            rom[i] = static_cast<u8>(i * 3);
        dev = std::make_unique<StdVga>("vga", pci_wiring(kDevice, 0), std::move(memory_of_ours),
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
        configure(pci::BAR0 + 8, kMmio);
        configure(pci::ROM_ADDRESS, kRom | 1);
        configure(pci::COMMAND, 3, 2);
    }

    Device& device() override { return *dev; }
    bool has_interrupt() const override { return false; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Ports, 0x3b0, 0x30},       {Target::Kind::Ports, 0x1ce, 4},
                {Target::Kind::Memory, 0xa0000, 0x20000}, {Target::Kind::Memory, kMmio + 0x400, 0x220},
                {Target::Kind::Memory, kRom, 0x1000},     {Target::Kind::Config, kDevice << 3, 256}};
    }
    void stimulate(Rng& rng) override {
        screen.most_width = 64;
        screen.most_height = 64;
        screen.looking = !rng.one_in(4);
        dev->display().refresh(screen, rng.one_in(4));
    }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        video->memory = dynamic_cast<StdVgaRig&>(from).video->memory;
    }

    FakeVideoMemory* video = nullptr;
    std::unique_ptr<StdVga> dev;
    VgaDriver drive{ports, memory};
    Picture screen;
};

} // namespace dm::test
