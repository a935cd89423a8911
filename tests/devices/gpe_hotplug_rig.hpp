// The ACPI event and hotplug blocks of a machine with 20 CPUs.
#pragma once

#include "dm/devices/acpi/gpe_hotplug.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

struct GpeHotplugRig : Rig {
    static constexpr u32 kRemovable = 0xfffffff4; ///< 0, 1 and 3 are fixed
    static constexpr unsigned kSci = 9;
    static constexpr Port kSts = 0xafe0;
    static constexpr Port kEn = 0xafe2;
    static constexpr Port kPci = 0xae00;
    static constexpr Port kCpu = 0xaf00;
    std::vector<unsigned> ejected;
    GpeHotplug dev{"acpi-gpe",
                   IrqLine{hypervisor.isa, kSci},
                   {.cpus = 2, .max_cpus = 20, .removable_slots = kRemovable, .eject = [this](unsigned slot) {
                        ejected.push_back(slot);
                    }}};
    IoWindow gpe = ports.map({.base = kSts, .length = GpeHotplug::kGpeLength}, dev.gpe_block());
    IoWindow slots = ports.map({.base = kPci, .length = GpeHotplug::kPciLength}, dev.pci_block());
    IoWindow cpus = ports.map({.base = kCpu, .length = GpeHotplug::kCpuLength}, dev.cpu_block());

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {
            {Target::Kind::Ports, kSts, 4}, {Target::Kind::Ports, kPci, 16}, {Target::Kind::Ports, kCpu, 32}};
    }
    void stimulate(Rng& rng) override {
        switch (rng.below(3)) {
        case 0: static_cast<void>(dev.cpu_online(static_cast<unsigned>(rng.below(24)))); break;
        case 1: static_cast<void>(dev.pci_inserted(static_cast<unsigned>(rng.below(34)))); break;
        case 2: static_cast<void>(dev.pci_request_eject(static_cast<unsigned>(rng.below(34)))); break;
        }
    }
    bool sci() const { return isa.level(kSci); }
};

} // namespace dm::test
