// A machine of one register block for the protocol's tests.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/pci.hpp"

#include <map>

namespace dm::qtest {

/// Remembers what was written; notes the sizes of accesses.
struct Registers final : IoHandler {
    u64 read(u64 offset, unsigned size) override {
        sizes.push_back(size);
        u64 value = 0;
        for (unsigned i = 0; i < size; ++i)
            value |= u64{bytes[offset + i]} << (i * 8);
        return value;
    }
    void write(u64 offset, unsigned size, u64 value) override {
        sizes.push_back(size);
        for (unsigned i = 0; i < size; ++i)
            bytes[offset + i] = byte_of(value, i);
        if (on_write) on_write();
    }
    std::map<u64, u8> bytes;
    std::vector<unsigned> sizes;
    std::function<void()> on_write;
};

/// A host bridge whose memory attribute registers can be written.
class Bridge final : public PciFunction {
public:
    explicit Bridge(PciWiring wiring)
        : PciFunction("bridge", {.vendor = 0x8086, .device = 0x1237, .class_code = 0x060000},
                      std::move(wiring)) {
        set_register(0x59, 4, 0, 0xffffffff);
        set_register(0x5d, 2, 0, 0xffff);
        set_register(0x5f, 1, 0, 0xff);
        finish_config();
    }
    void reset() override { reset_config(); }
    void save(StateWriter& out) const override { save_config(out); }
    Status load(StateReader& in) override { return load_config(in); }
};

struct SmallMachine {
    static constexpr u16 kPort = 0x3f8;
    static constexpr u64 kMmio = 0xe0000000;

    IoSpace ports{"ports", 0xffff};
    IoSpace memory{"memory", ~u64{0}};
    PciBus pci;
    Registers port_registers;
    Registers mmio_registers;
    IoWindow port_window = ports.map({.base = kPort, .length = 8}, port_registers);
    IoWindow mmio_window = memory.map({.base = kMmio, .length = 0x100, .max_width = 8}, mmio_registers);
    Bridge bridge{PciWiring{ports, memory, {}}};
    bool attached = pci.attach({0, 0, 0}, bridge);
};

} // namespace dm::qtest
