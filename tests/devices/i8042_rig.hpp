// Controller, keyboard and mouse with the wires between them.
#pragma once

#include "dm/core/check.hpp"
#include "dm/devices/input/i8042.hpp"
#include "dm/devices/input/ps2_input.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

/// Controller, keyboard and mouse as one, as a guest sees them.
struct I8042Trio final : Device {
    I8042Trio(Device& a, Device& b, Device& c) : Device("trio"), parts{&a, &b, &c} {}
    void reset() override {
        for (Device* part : parts)
            part->reset();
    }
    void save(StateWriter& out) const override {
        for (const Device* part : parts)
            part->save(out);
    }
    /// All of them or none, as the fuzzer expects of a device; a board that fails to load does not run.
    Status load(StateReader& in) override {
        StateWriter before;
        save(before);
        for (Device* part : parts)
            if (Status status = part->load(in); !status.ok()) {
                const std::vector<u8> image = std::move(before).take();
                auto reader = StateReader::open(image);
                DM_CHECK(reader.ok());
                for (Device* old : parts)
                    DM_CHECK(old->load(*reader).ok());
                return status;
            }
        return {};
    }
    std::array<Device*, 3> parts;
};

struct I8042Rig : Rig {
    static constexpr Port kData = 0x60;
    static constexpr Port kStatus = 0x64;
    static constexpr u8 kObf = 0x01;
    unsigned resets = 0;
    std::vector<bool> a20;
    Ps2Keyboard keyboard{"ps2-keyboard", timers};
    Ps2Mouse mouse{"ps2-mouse"};
    I8042 dev{"i8042", timers,
              I8042::Wiring{.keyboard_irq = {isa, 1},
                            .aux_irq = {isa, 12},
                            .keyboard = keyboard,
                            .aux = mouse,
                            .reset_machine = [this] { ++resets; },
                            .set_a20 = [this](bool on) { a20.push_back(on); }}};
    Ps2KeyboardInput keyboard_input{keyboard};
    Ps2MouseInput mouse_input{mouse};
    InputSwitch input{keyboard_input, mouse_input};
    I8042Trio trio{keyboard, mouse, dev}; ///< in the board's order
    IoWindow data = ports.map({.base = kData, .length = 1, .max_width = 1}, dev);
    IoWindow status =
        ports.map({.base = kStatus, .length = 1, .max_width = 1, .first_offset = I8042::STATUS_COMMAND}, dev);

    Device& device() override { return trio; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Ports, kData, 1}, {Target::Kind::Ports, kStatus, 1}};
    }
    void stimulate(Rng& rng) override {
        switch (rng.below(4)) {
        case 0: command(0xae); break; // random traffic disables more than it enables
        case 1:
            command(0xd4);
            out(kData, 0xf4);
            break;
        case 2: input.key(static_cast<KeyCode>(rng.below(256)), rng.one_in(2)); break;
        default:
            input.pointer(static_cast<unsigned>(rng.below(800)), static_cast<unsigned>(rng.below(600)), 800,
                          600, static_cast<u8>(rng.next()));
        }
    }

    void command(u8 byte) { out(kStatus, byte); }
    void command(u8 byte, u8 parameter) {
        out(kStatus, byte);
        out(kData, parameter);
    }
    bool full() { return (in(kStatus)&kObf) != 0; }
    /// The key repeat is half a second away: what is due sooner is the controller's.
    bool keyboard_waits() { return timers.next_deadline().value_or(~u64{0}) <= clock.now + kMillisecond; }
    u8 get() { return static_cast<u8>(in(kData)); }
    /// All that can be read without waiting for more than `ns` in between.
    std::vector<u8> drain(u64 ns = 2 * kMillisecond) {
        std::vector<u8> bytes;
        for (; bytes.size() < 4096; advance(ns)) {
            if (!full()) return bytes;
            bytes.push_back(get());
        }
        return bytes;
    }
};

} // namespace dm::test
