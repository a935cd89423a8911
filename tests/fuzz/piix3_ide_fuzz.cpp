#include "tests/devices/ide_rig.hpp"
#include "tests/fuzz/target.hpp"

#include <cerrno>

namespace dm::fuzz {
namespace {

/// Media so small that a rig is made in no time and most addresses are past their ends; they fail, are
/// changed and unplugged.
template <int which> struct HostileIdeRig final : test::IdeRig {
    HostileIdeRig() : IdeRig(which, u64{64} * 1024, u64{32} * 1024) {}

    void stimulate(test::Rng& rng) override {
        switch (rng.below(12)) {
        case 8: disk.next_error = disc.next_error = rng.one_in(2) ? EIO : ENOSPC; break;
        case 9: change_medium(rng.one_in(2)); break;
        case 10: static_cast<void>(dev.unplug_disks(Piix3Ide::Unplug::AllDisks)); break;
        case 11: static_cast<void>(dev.unplug_disks(Piix3Ide::Unplug::AllButPrimaryMaster)); break;
        default: IdeRig::stimulate(rng); return;
        }
        untouched = false;
    }
    void copy_surroundings(test::Rig& from) override {
        IdeRig::copy_surroundings(from);
        auto& other = dynamic_cast<HostileIdeRig&>(from);
        disk.next_error = other.disk.next_error;
        disc.next_error = other.disc.next_error;
        inserted = other.inserted;
        untouched = other.untouched;
        if (AtapiCdrom* drive = cdrom(); drive != nullptr && !inserted) static_cast<void>(drive->eject(true));
    }
    bool resets_to_power_on() const override { return untouched; }

    /// As `xl cd-eject` and `xl cd-insert` do.
    void change_medium(bool force) {
        AtapiCdrom* drive = cdrom();
        if (drive == nullptr || !drive->eject(force).ok()) return;
        inserted = !inserted;
        if (inserted) drive->insert(&disc);
    }
    AtapiCdrom* cdrom() const {
        for (unsigned i = 0; i < Piix3Ide::kDrives; ++i)
            if (dev.cdrom(i) != nullptr) return dev.cdrom(i);
        return nullptr;
    }

    bool inserted = true;
    bool untouched = true; ///< by the host
};

using Ide = test::IdeRig;
const Registered piix3_ide{{"piix3-ide",
                            run_device,
                            {make_rig<HostileIdeRig<Ide::Disk>>, make_rig<HostileIdeRig<Ide::Cd>>,
                             make_rig<HostileIdeRig<Ide::Disk | Ide::Cd>>,
                             make_rig<HostileIdeRig<Ide::Disk | Ide::SecondDisk | Ide::SecondaryCd>>}}};

} // namespace
} // namespace dm::fuzz
