// The ISA bridge on its bus.
#pragma once

#include "dm/devices/pci/piix3_isa.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

struct Piix3IsaRig : Rig {
    static constexpr Bdf kBdf{0, 1, 0};
    std::vector<std::pair<unsigned, unsigned>> routes; ///< as they were told
    Piix3Isa dev{"piix3-isa",
                 pci_wiring(1, 0),
                 {.route_link =
                      [this](unsigned link, u8 irq) {
                          routes.emplace_back(link, irq);
                          hypervisor.route_pci_link(link, irq);
                      },
                  .shutdown = [this](ShutdownReason reason) { hypervisor.shutdown(reason); }}};
    bool attached = pci.attach(kBdf, dev);
    IoWindow rcr = ports.map({.base = 0xcf9, .length = 1, .max_width = 1}, dev.reset_control());
    IoWindow port92 = ports.map({.base = 0x92, .length = 1, .max_width = 1}, dev.port92());

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Config, kBdf.devfn(), 256},
                {Target::Kind::Ports, 0xcf9, 1},
                {Target::Kind::Ports, 0x92, 1}};
    }
    bool has_interrupt() const override { return false; }

    u32 get(unsigned reg, unsigned size) { return pci.config_read(kBdf, reg, size); }
    void set(unsigned reg, unsigned size, u32 value) { pci.config_write(kBdf, reg, size, value); }
};

} // namespace dm::test
