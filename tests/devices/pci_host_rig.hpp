// The configuration ports in front of a bus with one bridge.
#pragma once

#include "dm/devices/pci/i440fx.hpp"
#include "dm/devices/pci/pci_host.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

/// Stands for the PIIX3's register at 0xcf9.
struct ResetControl final : IoHandler {
    u64 read(u64, unsigned) override { return value; }
    void write(u64, unsigned, u64 v) override {
        value = static_cast<u8>(v);
        ++writes;
    }
    u8 value = 0;
    unsigned writes = 0;
};

struct PciHostRig : Rig {
    static constexpr Port kAddress = 0xcf8;
    static constexpr Port kData = 0xcfc;
    I440fx bridge{"i440fx", pci_wiring(0, 0)};
    bool attached = pci.attach({0, 0, 0}, bridge);
    ResetControl rcr;
    PciHost dev{"pci-host", pci, rcr};
    IoWindow address = ports.map({.base = kAddress, .length = 4}, dev);
    IoWindow data = ports.map({.base = kData, .length = 4, .first_offset = PciHost::CONFDATA}, dev);

    Device& device() override { return dev; }
    std::vector<Target> targets() const override { return {{Target::Kind::Ports, kAddress, 8}}; }
    bool has_interrupt() const override { return false; }
    void stimulate(Rng& rng) override { // noise seldom names a function that exists
        out(kAddress, 0x80000000 | (rng.next() & 0xfc), 4);
    }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        auto& other = dynamic_cast<PciHostRig&>(from);
        rcr.value = other.rcr.value;
        for (unsigned reg = 0; reg < 256; reg += 4)
            bridge.config_write(reg, 4, other.bridge.config_read(reg, 4));
    }
};

} // namespace dm::test
