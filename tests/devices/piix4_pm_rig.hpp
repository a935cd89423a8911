// The power management function as hvmloader leaves it.
#pragma once

#include "dm/devices/acpi/piix4_pm.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

struct Piix4PmRig : Rig {
    static constexpr Bdf kBdf{0, 1, 3};
    static constexpr Port kBase = 0xb000;
    static constexpr Port kControl = kBase + Piix4Pm::PMCNTRL;
    Piix4Pm dev{"piix4-pm",
                pci_wiring(1, 1),
                {.shutdown = [this](ShutdownReason reason) { hypervisor.shutdown(reason); },
                 .sleep = [this](unsigned state) { return hypervisor.set_acpi_sleep_state(state); }},
                {.com1 = true}};
    bool attached = pci.attach(kBdf, dev);
    IoWindow apm = ports.map({.base = 0xb2, .length = 2, .max_width = 1}, dev.apm());

    Piix4PmRig() { as_hvmloader(); }
    void as_hvmloader() {
        set(Piix4Pm::PMBA, 4, kBase | 1);
        set(Piix4Pm::PMREGMISC, 1, 1);
    }
    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Config, kBdf.devfn(), 256},
                {Target::Kind::Ports, kBase, Piix4Pm::kPmBlockSize},
                {Target::Kind::Ports, 0xb2, 2}};
    }
    bool has_interrupt() const override { return false; }

    u32 get(unsigned reg, unsigned size) { return pci.config_read(kBdf, reg, size); }
    void set(unsigned reg, unsigned size, u32 value) { pci.config_write(kBdf, reg, size, value); }
};

} // namespace dm::test
