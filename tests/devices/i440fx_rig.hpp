// The host bridge on its bus.
#pragma once

#include "dm/devices/pci/i440fx.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

struct I440fxRig : Rig {
    static constexpr Bdf kBdf{0, 0, 0};
    I440fx dev{"i440fx", pci_wiring(0, 0)};
    bool attached = pci.attach(kBdf, dev);

    Device& device() override { return dev; }
    std::vector<Target> targets() const override { return {{Target::Kind::Config, kBdf.devfn(), 256}}; }
    bool has_interrupt() const override { return false; }

    u32 get(unsigned reg, unsigned size) { return pci.config_read(kBdf, reg, size); }
    void set(unsigned reg, unsigned size, u32 value) { pci.config_write(kBdf, reg, size, value); }
};

} // namespace dm::test
