// A keyboard on a cable.
#pragma once

#include "dm/devices/input/ps2_keyboard.hpp"
#include "tests/devices/ps2_rig.hpp"

namespace dm::test {

struct KeyboardRig : Rig {
    std::vector<u8> leds;
    Ps2Keyboard dev{"ps2-keyboard", timers, [this](u8 bits) { leds.push_back(bits); }};
    Ps2Cable cable{dev};
    IoWindow window = ports.map({.base = 0x60, .length = 2, .max_width = 1}, cable);

    Device& device() override { return dev; }
    std::vector<Target> targets() const override { return {{Target::Kind::Ports, 0x60, 2}}; }
    bool has_interrupt() const override { return false; }
    void stimulate(Rng& rng) override {
        for (u64 n = rng.below(20); n > 0; --n)
            dev.key(static_cast<KeyCode>(rng.below(rng.one_in(2) ? 256 : 8)), rng.one_in(2));
        if (rng.one_in(16)) dev.release_all();
    }
};

} // namespace dm::test
