// Intel 82371AB (PIIX4), function 3: power management, at 00:01.3. Intel 290562.
//
// What is left of it under Xen: PM1 status, PM1 enable and the PM timer are Xen's, general purpose events are
// in gpe_hotplug.hpp. Here are PM1 control (sleep and power off), the APM ports and configuration. Device
// monitors, SMIs, clock control and throttling are storage; the SMBus host does not exist and says so
// (SMBHSTCFG.HST_EN is 0 and stays 0). See docs/devices/piix4_pm.md.
//
// Quirks: hvmloader writes 0xf1 to port 0xb2 and expects SCI_EN; libacpi's DSDT has SLP_TYP 0 for S4 and S5.
#pragma once

#include "dm/core/hypervisor.hpp"
#include "dm/core/io_part.hpp"
#include "dm/core/pci.hpp"

#include <functional>

namespace dm {

class Piix4Pm final : public PciFunction {
public:
    enum Reg : u8 { PMBA = 0x40, DEVRESA = 0x5c, DEVRESB = 0x60, DEVRESC = 0x64, PMREGMISC = 0x80 };
    enum PmReg : u8 { PMSTS = 0x00, PMEN = 0x02, PMCNTRL = 0x04, PMTMR = 0x08, GPSTS = 0x0c };
    enum class PmCntrl : u16 { SCI_EN = 0x0001, BRLD_EN_BM = 0x0002, SLP_TYP = 0x1c00, SLP_EN = 0x2000 };
    enum ApmReg : u8 { APMC = 0, APMS = 1 };

    static constexpr unsigned kPmBlockSize = 64;

    struct State {
        std::array<u8, kPmBlockSize> pm{};
        u8 apmc = 0;
        u8 apms = 0;
        bool asleep = false; ///< in S3
        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("pm", s.pm);
            v("apmc", s.apmc);
            v("apms", s.apms);
            v("asleep", s.asleep);
        }
    };

    struct Wiring {
        /// The guest switches itself off. Called before the access completes.
        std::function<void(ShutdownReason)> shutdown;
        /// The guest wants to sleep: ACPI state 3. False: it cannot, and stays awake.
        std::function<bool(unsigned acpi_state)> sleep;
    };
    /// Legacy devices whose presence bits firmware would have left in DEVRESA-C.
    struct Legacy {
        bool com1 = false;
        bool com2 = false;
        bool lpt1 = false;
    };
    Piix4Pm(std::string_view name, PciWiring pci, Wiring wiring, Legacy legacy);

    /// APMC and APMS, 2 bytes at 0xb2, byte access.
    IoHandler& apm() { return apm_; }

    void reset() override;
    /// PMBASE, the enable bit and SCI_EN stay: without them the guest could not reach PM1_CNT again.
    void wake_reset() override { state_.asleep = false; }
    bool asleep() const { return state_.asleep; }
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

private:
    void config_written(unsigned reg, unsigned size) override;
    void update_window();
    void control_written(u16 written);
    void set_sci_enable(bool on);

    u64 read_pm(u64 offset, unsigned size);
    void write_pm(u64 offset, unsigned size, u64 value);
    u64 read_apm(u64 offset, unsigned size);
    void write_apm(u64 offset, unsigned size, u64 value);

    Log log_;
    Wiring wiring_;
    IoPart<Piix4Pm, &Piix4Pm::read_pm, &Piix4Pm::write_pm> pm_{*this};
    IoPart<Piix4Pm, &Piix4Pm::read_apm, &Piix4Pm::write_apm> apm_{*this};
    State state_;
    std::optional<u64> mapped_; ///< where the PM block is decoded now
    IoWindow control_window_;   ///< PM1 control, between Xen's PM1 events and Xen's timer
    IoWindow rest_window_;      ///< what follows the timer
};
static_assert(covers_every_field<Piix4Pm::State>);

} // namespace dm
