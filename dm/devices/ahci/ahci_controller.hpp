// Intel 82801IR (ICH9R) SATA controller in AHCI mode, 8086:2922 (ICH9 datasheet 316972, chapter 15; Serial
// ATA AHCI 1.3.1): six ports, 32 command slots each, native command queuing.
//
// Missing: port multipliers, command completion coalescing, enclosure management, power states of the link,
// hot plug, staggered spin-up, command list override; CAP offers none of them. DMA Setup frames are not
// posted, DPS is never set. The bits of a command header that repeat what the command says are not looked at.
// Quirks: a PIO read ends with a Register frame, as QEMU's guests expect; a reset of the link leaves no trace
// in PxSERR.
// Notes: docs/devices/ahci.md
#pragma once

#include "dm/core/pci.hpp"
#include "dm/devices/ahci/ahci_port.hpp"

#include <array>
#include <memory>
#include <optional>

namespace dm {

class AhciController final : public PciFunction, private AhciPort::Hba {
public:
    static constexpr unsigned kPorts = ahci::kPorts;

    struct Config {
        std::array<std::optional<DriveConfig>, kPorts> drives;
    };
    struct State {
        bool interrupts = false; ///< GHC.IE
        u32 is = 0;
        u16 index = 0; ///< of the register that the data port of BAR4 shows

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("interrupts", s.interrupts);
            v("is", s.is);
            v("index", s.index);
        }
    };

    AhciController(std::string_view name, const Config& config, GuestMemory& memory, TimerQueue& timers,
                   PciWiring wiring);

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

    /// Waits until nothing is in flight: before the machine stops, is saved, or its memory map changes.
    void quiesce();
    /// The machine goes on: drives repeat the requests that they kept when the host failed them.
    void retry();

    /// As Piix3Ide::unplug_disks(): the disk on port 0 is the primary master.
    enum class Unplug : u8 { AllDisks, AllButFirst };
    Status unplug_disks(Unplug which);

    /// What hangs on a port, if it is of that kind and still there.
    AtaDisk* disk(unsigned port) const { return port < kPorts ? ports_[port]->disk() : nullptr; }
    AtapiCdrom* cdrom(unsigned port) const { return port < kPorts ? ports_[port]->cdrom() : nullptr; }

private:
    /// BAR5.
    struct Registers final : IoHandler {
        explicit Registers(AhciController& c) : controller(c) {}
        u64 read(u64 offset, unsigned size) override { return controller.read(offset, size); }
        void write(u64 offset, unsigned size, u64 value) override { controller.write(offset, size, value); }
        AhciController& controller;
    };
    /// BAR4: the same registers through an index and a data port.
    struct IndexData final : IoHandler {
        explicit IndexData(AhciController& c) : controller(c) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        AhciController& controller;
    };

    bool bus_enabled() const override { return command(pci::Command::MASTER); }
    void port_changed() override;
    void config_written(unsigned reg, unsigned size) override;

    u64 read(u64 offset, unsigned size) const;
    void write(u64 offset, unsigned size, u64 value);
    u32 read_register(u64 offset) const;
    void write_register(u64 offset, u32 value, u32 mask);
    void write_ghc(u32 value, u32 mask);
    bool interrupts() const { return s_.interrupts && s_.is != 0; }
    void update_irq() { set_intx(interrupts()); }

    Registers registers_{*this};
    IndexData index_data_{*this};
    std::array<std::unique_ptr<AhciPort>, kPorts> ports_;
    State s_;
};
static_assert(covers_every_field<AhciController::State>);

} // namespace dm
