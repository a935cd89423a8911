// A parallel port at LPT1 and the printer on it.
#pragma once

#include "dm/devices/char/parallel_port.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

struct ParallelRig : Rig {
    static constexpr Port kBase = 0x378;
    static constexpr unsigned kIrq = 7;
    static constexpr u8 kIdle = 0x0c; // selected, not initialised
    FakeChar printer;
    ParallelPort dev{"parallel0", IrqLine{isa, kIrq}, printer};
    IoWindow window = ports.map({.base = kBase, .length = 3, .max_width = 1}, dev);

    ParallelRig() { dev.reset(); }
    Device& device() override { return dev; }
    std::vector<Target> targets() const override { return {{Target::Kind::Ports, kBase, 3}}; }
    void stimulate(Rng& rng) override {
        printer.room = rng.below(3);
        if (rng.one_in(2)) printer.room = SIZE_MAX;
        printer.frontend->writable();
        if (rng.one_in(2)) print(static_cast<u8>(rng.next()), rng.one_in(2) ? 0x1c : kIdle);
    }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        printer.room = dynamic_cast<ParallelRig&>(from).printer.room;
    }

    void control(u8 value) { out(kBase + ParallelPort::CONTROL, value); }
    u8 status() { return static_cast<u8>(in(kBase + ParallelPort::STATUS)); }
    bool irq() const { return isa.level(kIrq); }
    /// As drivers do: the byte, a strobe.
    void print(u8 byte, u8 idle = kIdle) {
        out(kBase + ParallelPort::DATA, byte);
        control(idle | 1);
        control(idle);
    }
};

} // namespace dm::test
