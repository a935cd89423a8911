// PCI configuration mechanism 1 (PCI Local Bus Specification 2.1, 3.2.2.3.2), as the Intel 82441FX has it:
// CONFADD at 0xcf8 and the window CONFDATA at 0xcfc-0xcff. Intel 290549, 3.1.
//
// Under Xen configuration cycles of the data window arrive decoded and go to PciBus at once; only the latch
// is then of use. Other front ends (tests) use both. See docs/devices/i440fx.md.
#pragma once

#include "dm/core/device.hpp"
#include "dm/core/pci.hpp"

namespace dm {

class PciHost final : public Device, public IoHandler {
public:
    enum Reg : u8 { CONFADD = 0, RCR = 1, CONFDATA = 4 };

    struct State {
        u32 confadd = 0;
        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) { v("confadd", s.confadd); }
    };

    /// `reset_control` is the PIIX3's register at 0xcf9: the latch takes dwords only, and a byte or word that
    /// starts there is for the PIIX3. Map at 0xcf8 (offset 0) and 0xcfc (first_offset 4), 4 bytes each:
    /// apart, so that an access across both is split.
    PciHost(std::string_view name, PciBus& bus, IoHandler& reset_control)
        : Device(name), bus_(bus), reset_control_(reset_control) {}

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

    void reset() override { state_ = {}; }
    /// Kept like Xen's own copy of the latch.
    void wake_reset() override {}
    void save(StateWriter& out) const override { out.section(name(), state_); }
    Status load(StateReader& in) override;

private:
    bool enabled() const { return (state_.confadd & 0x80000000) != 0; }
    Bdf target() const;
    unsigned reg(u64 lane) const { return (state_.confadd & 0xff) | static_cast<unsigned>(lane); }

    PciBus& bus_;
    IoHandler& reset_control_;
    State state_;
};
static_assert(covers_every_field<PciHost::State>);

} // namespace dm
