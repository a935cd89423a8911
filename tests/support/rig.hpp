// The surroundings of a device under test, and what the conformance suite, the fuzzers and replay drive it
// through.
#pragma once

#include "dm/core/device.hpp"
#include "dm/core/pci.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/rng.hpp"

#include <vector>

namespace dm::test {

/// Registers that traffic is aimed at.
struct Target {
    enum class Kind : u8 { Ports, Memory, Config } kind = Kind::Ports;
    u64 base = 0;   ///< address; for Config the devfn
    u64 length = 0; ///< bytes; for Config 256
};

/// A rig derives from this, owns its device, and says what to hammer:
///
///     struct UartRig : Rig {
///         FakeChar wire;
///         Uart16550 dev{...};
///         IoWindow window = ports.map({.base = 0x3f8, .length = 8, .max_width = 1}, dev);
///         std::vector<Target> targets() const override { return {{Target::Kind::Ports, 0x3f8, 8}}; }
///         Device& device() override { return dev; }
///         void stimulate(Rng& rng) override { wire.send(...); }
///         void copy_surroundings(Rig& from) override { ... }   // back ends' contents, when the device sees
///         them
///     };
///
/// Two rigs of a kind given the same calls must behave the same.
struct Rig {
    explicit Rig(u64 ram_size = u64{256} * 1024) : hypervisor(ram_size) {}
    virtual ~Rig() = default;
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    virtual Device& device() = 0;
    virtual std::vector<Target> targets() const = 0;
    /// One event from the host's side: input, a completion, a frame.
    virtual void stimulate(Rng&) {}
    /// Makes back ends and memory equal to those of `from`, a rig of the same type.
    virtual void copy_surroundings(Rig& from) {
        hypervisor.ram.ram = from.hypervisor.ram.ram;
        hypervisor.ram.filled = from.hypervisor.ram.filled;
        hypervisor.ram.first_view = from.hypervisor.ram.first_view;
        clock.now = from.clock.now;
    }
    /// A device without any interrupt says so; otherwise the suite insists on having seen one.
    virtual bool has_interrupt() const { return true; }
    /// A device with the MSI capability says so, and the suite insists on having seen messages.
    virtual bool sends_messages() const { return false; }
    /// False once something happened that no reset undoes: a disk was unplugged, a medium changed.
    virtual bool resets_to_power_on() const { return true; }
    /// Finishes what is in flight, as QMP stop does before a save.
    virtual void quiesce() {}

    u64 in(Port port, unsigned size = 1) { return ports.read(port, size); }
    void out(Port port, u64 value, unsigned size = 1) { ports.write(port, size, value); }
    u64 peek(u64 addr, unsigned size = 4) { return memory.read(addr, size); }
    void poke(u64 addr, u64 value, unsigned size = 4) { memory.write(addr, size, value); }
    void advance(u64 ns) {
        clock.now += ns;
        timers.run_due();
    }

    /// A driver now and then takes to messages, or back to the line. `capability`: its offset.
    void choose_messages(Rng& rng, Bdf bdf, unsigned capability) {
        if (!rng.one_in(4)) return;
        pci.config_write(bdf, capability + 4, 4, 0xfee00000);
        pci.config_write(bdf, capability + 2, 2, static_cast<u32>(rng.below(2)));
    }

    FakeClock clock;
    TimerQueue timers{clock};
    FakeHypervisor hypervisor;
    IoSpace ports{"ports", 0xffff};
    IoSpace memory{"memory", ~u64{0}};
    PciBus pci;

    FakeIrqs& isa = hypervisor.isa;
    FakeIrqs& intx = hypervisor.intx;
    std::vector<u8>& ram = hypervisor.ram.ram;
    PciWiring pci_wiring(u8 device, u8 pin) {
        return {ports, memory, pin == 0 ? IrqLine{} : IrqLine{hypervisor.intx, device * 4U + pin - 1},
                hypervisor.msi()};
    }
};

/// One random access to one of the rig's targets; reads go into `trace`.
inline void hammer(Rig& rig, Rng& rng, std::vector<u64>& trace) {
    const std::vector<Target> targets = rig.targets();
    const Target target = targets[rng.below(targets.size())];
    const unsigned size = 1U << rng.below(target.kind == Target::Kind::Memory ? 4 : 3);
    const u64 offset = rng.below(target.length);
    const bool write = rng.one_in(2);
    // Small numbers and single bits reach more states than noise.
    u64 value = rng.next();
    if (rng.one_in(3))
        value = u64{1} << rng.below(u64{size} * 8);
    else if (rng.one_in(3))
        value = rng.below(256);
    switch (target.kind) {
    case Target::Kind::Ports:
        if (rng.one_in(16)) {
            std::vector<u8> bytes(size * (1 + rng.below(300)), static_cast<u8>(value));
            if (write)
                rig.ports.write_string(target.base + offset, size, bytes);
            else
                rig.ports.read_string(target.base + offset, size, bytes);
            for (const u8 b : bytes)
                trace.push_back(b);
        } else if (write)
            rig.ports.write(target.base + offset, size, value);
        else
            trace.push_back(rig.ports.read(target.base + offset, size));
        break;
    case Target::Kind::Memory:
        if (rng.one_in(16)) {
            std::vector<u8> bytes(size * (1 + rng.below(300)), static_cast<u8>(value));
            if (write)
                rig.memory.write_span(target.base + offset, size, bytes);
            else
                rig.memory.read_span(target.base + offset, size, bytes);
            for (const u8 b : bytes)
                trace.push_back(b);
        } else if (write)
            rig.memory.write(target.base + offset, size, value);
        else
            trace.push_back(rig.memory.read(target.base + offset, size));
        break;
    case Target::Kind::Config: {
        const Bdf bdf{0, static_cast<u8>(target.base >> 3), static_cast<u8>(target.base & 7)};
        const unsigned reg = static_cast<unsigned>(offset);
        if (write)
            rig.pci.config_write(bdf, reg, size, static_cast<u32>(value & ones(size)));
        else
            trace.push_back(rig.pci.config_read(bdf, reg, size));
        break;
    }
    }
}

/// One step of traffic: an access, a host event, or the passing of time.
inline void step(Rig& rig, Rng& rng, std::vector<u64>& trace) {
    const u64 what = rng.below(16);
    if (what == 0)
        rig.stimulate(rng);
    else if (what == 1)
        rig.advance(rng.below(20 * kMillisecond));
    else
        hammer(rig, rng, trace);
}

inline std::vector<u8> snapshot(Rig& rig) {
    StateWriter writer;
    rig.device().save(writer);
    return std::move(writer).take();
}

} // namespace dm::test
