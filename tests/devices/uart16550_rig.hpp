// A serial port at COM1 and the wire behind it.
#pragma once

#include "dm/devices/char/uart16550.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

/// A wire that also keeps what it is told about the line.
struct UartWire final : CharBackend {
    std::size_t write(std::span<const u8> bytes) override {
        ++writes;
        return wire.write(bytes);
    }
    void accept_input() override { wire.accept_input(); }
    void set_line(const LineSettings& l) override { line = l; }
    void set_break(bool on) override { breaking = on; }
    bool set_modem_outputs(u8 lines) override { return wire.set_modem_outputs(lines); }
    std::optional<u8> modem_inputs() override { return wire.modem_inputs(); }
    void set_frontend(CharFrontend* f) override { wire.set_frontend(f); }
    std::string description() const override { return wire.description(); }

    FakeChar wire;
    unsigned writes = 0;
    LineSettings line;
    bool breaking = false;
};

struct UartRig : Rig {
    static constexpr Port kBase = 0x3f8;
    UartWire backend;
    FakeChar& wire = backend.wire;
    Uart16550 dev{"serial0", IrqLine{isa, 4}, timers, backend};
    IoWindow window = ports.map({.base = kBase, .length = 8, .max_width = 1}, dev);

    UartRig() { dev.reset(); }
    Device& device() override { return dev; }
    std::vector<Target> targets() const override { return {{Target::Kind::Ports, kBase, 8}}; }
    void stimulate(Rng& rng) override {
        switch (rng.below(6)) {
        case 0: wire.room = rng.below(4); break; // somebody stopped reading
        case 1:
            wire.room = SIZE_MAX;
            dev.writable();
            break;
        case 2: dev.break_received(); break;
        case 3: wire.lines = static_cast<u8>(rng.next()); break;
        default: wire.send("some input that is longer than the FIFO"); break;
        }
    }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        const auto& other = dynamic_cast<UartRig&>(from);
        wire.room = other.wire.room;
        wire.lines = other.wire.lines;
    }

    void set(Uart16550::Reg reg, unsigned value) { out(static_cast<Port>(kBase + reg), value); }
    u8 get(Uart16550::Reg reg) { return static_cast<u8>(in(static_cast<Port>(kBase + reg))); }
    void fifos_on(unsigned trigger_bits = 0) { set(Uart16550::IIR_FCR, 0x01 | trigger_bits); }
    bool irq() const { return isa.level(4); }
};

} // namespace dm::test
