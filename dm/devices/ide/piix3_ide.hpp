// Intel 82371SB (PIIX3) IDE function, 00:01.1, 8086:7010 (datasheet 290550): two channels at the addresses
// and interrupts that PCs have always had, and a bus master in BAR4.
//
// Differs from hardware: the legacy ports answer whatever COMMAND and IDETIM say. hvmloader and SeaBIOS use
// them before anybody enables them.
// Notes: docs/devices/piix3_ide.md
#pragma once

#include "dm/core/pci.hpp"
#include "dm/devices/ide/ata_channel.hpp"
#include "dm/devices/ide/drive_config.hpp"

#include <array>
#include <optional>

namespace dm {

class AtaDisk;
class AtapiCdrom;

class Piix3Ide final : public PciFunction {
public:
    static constexpr unsigned kDrives = 4; ///< primary master and slave, secondary master and slave

    struct Config {
        std::array<std::optional<DriveConfig>, kDrives> drives;
    };
    struct Irqs {
        IrqLine primary;   ///< ISA 14
        IrqLine secondary; ///< ISA 15
    };

    Piix3Ide(std::string_view name, const Config& config, GuestMemory& memory, Irqs irqs, PciWiring wiring)
        : Piix3Ide(name, config, memory, std::move(irqs), wiring.ports, std::move(wiring)) {}

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

    /// Waits until nothing is in flight: before the machine stops, is saved, or its memory map changes.
    void quiesce();
    /// The machine goes on: repeats the requests that drives kept when the host failed them.
    void retry();

    /// The xen-platform device's unplug protocol: drops what the disks do, flushes them and lets go of their
    /// media, which may be closed or opened elsewhere when this returns. CD-ROMs stay. It lasts as long as
    /// the domain. The error names the disks whose last flush failed.
    enum class Unplug : u8 { AllDisks, AllButPrimaryMaster };
    Status unplug_disks(Unplug which);

    /// Drive `index` (0 primary master .. 3 secondary slave), if it is of that kind and still there.
    AtaDisk* disk(unsigned index) const;
    AtapiCdrom* cdrom(unsigned index) const;

private:
    /// BAR4: 8 bytes for each channel.
    struct BusMasterPorts final : IoHandler {
        explicit BusMasterPorts(Piix3Ide& i) : ide(i) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        Piix3Ide& ide;
    };

    Piix3Ide(std::string_view name, const Config& config, GuestMemory& memory, Irqs irqs, IoSpace& ports,
             PciWiring&& wiring);
    void add_drive(unsigned index, const DriveConfig& config);
    void config_written(unsigned reg, unsigned size) override;
    void follow_bus_enable();

    BusMasterPorts bus_master_ports_{*this};
    std::array<AtaChannel, 2> channels_;
    std::array<AtaDisk*, kDrives> disks_{};     // owned by their channels
    std::array<AtapiCdrom*, kDrives> cdroms_{}; // likewise
    std::array<IoWindow, 4> legacy_windows_;
};

} // namespace dm
