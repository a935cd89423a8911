// General purpose events and the hotplug registers behind them, at the ports that Xen's libacpi has built
// into the guest's DSDT (tools/libacpi: dsdt.asl, mk_dsdt.c). No part and no datasheet: the layout is the one
// of the PIIX4 machine that guests of Xen know; event registers as in ACPI 6.3, 4.8.4.1.
//
//     0xafe0  GPE0_STS, GPE0_EN   2 bytes each; bit 1 PCI hotplug, bit 2 CPU hotplug
//     0xae00  PCIU, PCID, B0EJ, B0RM   4 bytes each, bit n = slot n
//     0xaf00  PRST   bit n = CPU n is online
//
// The SCI (ISA interrupt 9) is shared with Xen, which drives the same bit for PM1 events. So it is told only
// of real changes of (STS & EN) != 0. See docs/devices/gpe_hotplug.md.
#pragma once

#include "dm/core/device.hpp"
#include "dm/core/io_part.hpp"
#include "dm/core/irq.hpp"

#include <functional>

namespace dm {

class GpeHotplug final : public Device {
public:
    enum class Gpe : u16 { PciHotplug = 0x0002, CpuHotplug = 0x0004 };
    enum PciReg : u8 { PCIU = 0, PCID = 4, B0EJ = 8, B0RM = 12 };

    static constexpr u64 kGpeBase = 0xafe0;
    static constexpr u64 kGpeLength = 4;
    static constexpr u64 kPciBase = 0xae00;
    static constexpr u64 kPciLength = 16;
    static constexpr u64 kCpuBase = 0xaf00;
    static constexpr u64 kCpuLength = 32;
    static constexpr unsigned kMostCpus = kCpuLength * 8;

    struct State {
        Bits<Gpe> gpe0_sts;
        Bits<Gpe> gpe0_en;
        u32 pciu = 0; ///< slots that came and were not ejected yet
        u32 pcid = 0; ///< slots that are asked to go
        std::array<u8, kCpuLength> cpus{};
        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("gpe0_sts", s.gpe0_sts);
            v("gpe0_en", s.gpe0_en);
            v("pciu", s.pciu);
            v("pcid", s.pcid);
            v("cpus", s.cpus);
        }
    };

    struct Options {
        unsigned cpus = 1;     ///< online when the guest starts
        unsigned max_cpus = 1; ///< at most kMostCpus
        u32 removable_slots = 0;
        /// The guest lets a slot go: take its functions off the bus. Called before the access completes; may
        /// be called for a slot that is empty.
        std::function<void(unsigned slot)> eject;
    };
    GpeHotplug(std::string_view name, IrqLine sci, Options options);

    IoHandler& gpe_block() { return gpe_; } ///< kGpeLength bytes, any width
    IoHandler& pci_block() { return pci_; } ///< kPciLength bytes, any width
    IoHandler& cpu_block() { return cpu_; } ///< kCpuLength bytes, any width

    /// Brings CPU `n` into the guest. Nothing happens when it is there already.
    Status cpu_online(unsigned n);
    /// How many CPUs from 0 on the guest has.
    unsigned cpus() const;
    /// Tells the guest of a device in `slot`, after it was attached to the bus.
    Status pci_inserted(unsigned slot);
    /// Asks the guest to let the device go; Options::eject follows when it does.
    Status pci_request_eject(unsigned slot);
    /// The toolstack took the device away without asking, or the guest started anew: forgets about it.
    void pci_removed(unsigned slot);
    /// Slots whose guest was asked and has not answered.
    u32 leaving() const { return state_.pcid; }
    /// Instead of Options::removable_slots, when they are known.
    void set_removable(u32 slots) { options_.removable_slots = slots; }
    u32 removable_slots() const { return options_.removable_slots; }

    void reset() override;
    /// Kept: event registers have power in S3, and what was announced during the sleep must not be lost.
    void wake_reset() override {}
    void save(StateWriter& out) const override { out.section(name(), state_); }
    Status load(StateReader& in) override;

private:
    State power_on() const;
    Status removable(unsigned slot) const;
    Status plausible(const State& s) const;
    void raise(Gpe event);
    void update_sci();
    void eject(u32 slots);

    u64 read_gpe(u64 offset, unsigned size);
    void write_gpe(u64 offset, unsigned size, u64 value);
    u64 read_pci(u64 offset, unsigned size);
    void write_pci(u64 offset, unsigned size, u64 value);
    u64 read_cpu(u64 offset, unsigned size);
    void write_cpu(u64 offset, unsigned size, u64 value);

    IrqLine sci_;
    Options options_;
    IoPart<GpeHotplug, &GpeHotplug::read_gpe, &GpeHotplug::write_gpe> gpe_{*this};
    IoPart<GpeHotplug, &GpeHotplug::read_pci, &GpeHotplug::write_pci> pci_{*this};
    IoPart<GpeHotplug, &GpeHotplug::read_cpu, &GpeHotplug::write_cpu> cpu_{*this};
    State state_;
};
static_assert(covers_every_field<GpeHotplug::State>);

} // namespace dm
