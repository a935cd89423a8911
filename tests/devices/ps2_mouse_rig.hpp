// A mouse on a cable.
#pragma once

#include "dm/devices/input/ps2_mouse.hpp"
#include "tests/devices/ps2_rig.hpp"

namespace dm::test {

struct MouseRig : Rig {
    Ps2Mouse dev{"ps2-mouse"};
    Ps2Cable cable{dev};
    IoWindow window = ports.map({.base = 0x60, .length = 2, .max_width = 1}, cable);

    Device& device() override { return dev; }
    std::vector<Target> targets() const override { return {{Target::Kind::Ports, 0x60, 2}}; }
    bool has_interrupt() const override { return false; }
    void stimulate(Rng& rng) override {
        if (rng.one_in(4)) dev.ps2_write(Ps2Mouse::ENABLE);
        for (u64 n = rng.below(60); n > 0; --n)
            dev.pointer(static_cast<unsigned>(rng.below(2000)), static_cast<unsigned>(rng.below(2000)), 1024,
                        768, static_cast<u8>(rng.next()));
        if (rng.one_in(8)) dev.release_all();
        if (rng.one_in(8)) dev.forget_place();
        if (rng.one_in(8)) dev.pointer(~0U, ~0U, ~0U, ~0U, 0xff);
    }
};

} // namespace dm::test
