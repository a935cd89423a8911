// The Xen platform device with its BARs placed.
#pragma once

#include "dm/devices/xen_platform/xen_platform.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

struct FakeUnplug final : UnplugHandler {
    void unplug_disks(UnplugDisks which) override {
        calls.emplace_back(which == UnplugDisks::All ? "disks" : "auxiliary");
    }
    void unplug_nics() override { calls.emplace_back("nics"); }
    void unplug_nvme() override { calls.emplace_back("nvme"); }
    bool drivers_refused(u16 product, u32 build) override { return product != 3 && build >= kRefused; }
    static constexpr u32 kRefused = 0x80000000; ///< the first build of all but Linux
    std::vector<std::string> calls;
};

struct XenPlatformRig : Rig {
    static constexpr Bdf kBdf{0, 2, 0};
    static constexpr Port kUnplug = 0x10;
    static constexpr Port kProtocol = 0x12;
    static constexpr Port kBar0 = 0xc000;
    static constexpr u64 kBar1 = 0xf0000000;
    FakeUnplug unplugged;
    unsigned lock_calls = 0;
    XenPlatform dev{"xen-platform", pci_wiring(2, 1), unplugged, [this](bool locked) {
                        hypervisor.lock_roms(locked);
                        ++lock_calls;
                    }};
    bool attached = pci.attach(kBdf, dev);
    IoWindow fixed =
        ports.map({.base = XenPlatform::kPortBase, .length = XenPlatform::kPortLength}, dev.fixed_ports());

    XenPlatformRig() { place_bars(); }
    void place_bars() {
        pci.config_write(kBdf, pci::BAR0, 4, kBar0);
        pci.config_write(kBdf, pci::BAR0 + 4, 4, kBar1);
    }
    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Ports, XenPlatform::kPortBase, XenPlatform::kPortLength},
                {Target::Kind::Ports, kBar0, 0x100},
                {Target::Kind::Memory, kBar1, 0x1000},
                {Target::Kind::Config, kBdf.devfn(), 256}};
    }
    bool has_interrupt() const override { return false; }
    u32 get(unsigned reg, unsigned size) { return pci.config_read(kBdf, reg, size); }
    void say(std::string_view text) {
        for (const char c : text)
            out(kProtocol, static_cast<u8>(c), 1);
    }
};

} // namespace dm::test
