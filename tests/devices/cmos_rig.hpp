// A CMOS at its two ports.
#pragma once

#include "dm/devices/isa/cmos.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

struct CmosRig : Rig {
    static constexpr Port kIndex = 0x70;
    static constexpr Port kData = 0x71;
    Cmos dev;
    IoWindow window = ports.map({.base = kIndex, .length = 2, .max_width = 1}, dev);

    explicit CmosRig(const CmosContents& contents = {}) : dev("cmos", contents) {}
    Device& device() override { return dev; }
    std::vector<Target> targets() const override { return {{Target::Kind::Ports, kIndex, 2}}; }
    bool has_interrupt() const override { return false; }

    u8 get(unsigned at) {
        out(kIndex, at);
        return static_cast<u8>(in(kData));
    }
    void set(unsigned at, u8 value) {
        out(kIndex, at);
        out(kData, value);
    }
    unsigned get16(unsigned at) { return get(at) | unsigned{get(at + 1)} << 8; }
};

} // namespace dm::test
