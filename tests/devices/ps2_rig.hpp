// A PS/2 device on a cable without a controller.
#pragma once

#include "dm/core/check.hpp"
#include "dm/devices/input/ps2.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

/// Lets the random traffic of the conformance suite speak to a PS/2 device: offset 0 is the cable, offset 1
/// tells what is pending.
struct Ps2Cable final : IoHandler, Ps2Host {
    explicit Ps2Cable(Ps2Device& d) : device(d) { device.ps2_attach(this); }
    u64 read(u64 offset, unsigned) override {
        return offset == 0 ? device.ps2_take() : static_cast<u64>(device.ps2_pending());
    }
    void write(u64 offset, unsigned, u64 value) override {
        if (offset == 0) device.ps2_write(static_cast<u8>(value));
    }
    void ps2_ready() override {
        DM_CHECK(device.ps2_pending() != Ps2Pending::Nothing);
        ++offers;
    }
    /// What the device has to say.
    std::vector<u8> drain() {
        std::vector<u8> bytes;
        while (device.ps2_pending() != Ps2Pending::Nothing && bytes.size() < 4096)
            bytes.push_back(device.ps2_take());
        return bytes;
    }
    /// Sends bytes one after the other; all that is answered.
    std::vector<u8> ask(std::initializer_list<u8> bytes) {
        std::vector<u8> answers;
        for (const u8 b : bytes) {
            device.ps2_write(b);
            while (device.ps2_pending() == Ps2Pending::Reply)
                answers.push_back(device.ps2_take());
        }
        return answers;
    }

    Ps2Device& device;
    unsigned offers = 0;
};

} // namespace dm::test
