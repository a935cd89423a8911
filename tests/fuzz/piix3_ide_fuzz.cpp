#include "tests/devices/ide_rig.hpp"
#include "tests/fuzz/target.hpp"

#include <cerrno>

namespace dm::fuzz {
namespace {

/// Media so small that a rig is made in no time and most addresses are past their ends; they fail, wait to be
/// repeated, change their size, are changed and unplugged.
template <int which, OnError on_read, OnError on_write> struct HostileIdeRig final : test::IdeRig {
    HostileIdeRig() : IdeRig(which, u64{64} * 1024, u64{32} * 1024, {on_read, on_write}) {
        disk.granularity = disk2.granularity = 512;
    }

    void stimulate(test::Rng& rng) override {
        switch (rng.below(15)) {
        case 8: disk.next_error = disc.next_error = other.next_error = rng.one_in(2) ? EIO : ENOSPC; break;
        case 9: change_medium(rng.one_in(2)); break;
        case 10: static_cast<void>(dev.unplug_disks(Piix3Ide::Unplug::AllDisks)); break;
        case 11: static_cast<void>(dev.unplug_disks(Piix3Ide::Unplug::AllButPrimaryMaster)); break;
        case 12: exchange_medium(); break;
        case 13: dev.retry(); return;
        case 14: disk.claimed_size = rng.below(2 * disk.data.size()); break;
        default: IdeRig::stimulate(rng); return;
        }
        untouched = false;
    }
    void copy_surroundings(test::Rig& from) override {
        IdeRig::copy_surroundings(from);
        auto& theirs = dynamic_cast<HostileIdeRig&>(from);
        disk.next_error = theirs.disk.next_error;
        disc.next_error = theirs.disc.next_error;
        other.next_error = theirs.other.next_error;
        disk.claimed_size = theirs.disk.claimed_size;
        untouched = theirs.untouched;
        put_in(theirs.inside);
    }
    bool resets_to_power_on() const override { return untouched; }

    /// As `xl cd-eject` and `xl cd-insert` do.
    void change_medium(bool force) {
        AtapiCdrom* drive = cdrom();
        if (drive == nullptr || !drive->eject(force).ok()) return;
        put_in(inside == Inside::Nothing ? Inside::Disc : Inside::Nothing);
    }
    /// One disc for another, at any moment.
    void exchange_medium() { put_in(inside == Inside::Disc ? Inside::Other : Inside::Disc); }
    enum class Inside : u8 { Nothing, Disc, Other };
    void put_in(Inside what) {
        AtapiCdrom* drive = cdrom();
        if (drive == nullptr || what == inside) return;
        inside = what;
        switch (what) {
        case Inside::Nothing: static_cast<void>(drive->eject(true)); break;
        case Inside::Disc: drive->insert(&disc); break;
        case Inside::Other: drive->insert(&other); break;
        }
    }
    AtapiCdrom* cdrom() const {
        for (unsigned i = 0; i < Piix3Ide::kDrives; ++i)
            if (dev.cdrom(i) != nullptr) return dev.cdrom(i);
        return nullptr;
    }

    test::FakeBlock other{u64{12} * 1024}; ///< another disc
    Inside inside = Inside::Disc;
    bool untouched = true; ///< by the host
};

using Ide = test::IdeRig;
const Registered piix3_ide{
    {"piix3-ide",
     run_device,
     {make_rig<HostileIdeRig<Ide::Disk, OnError::Report, OnError::StopIfNoSpace>>,
      make_rig<HostileIdeRig<Ide::Cd, OnError::Stop, OnError::StopIfNoSpace>>,
      make_rig<HostileIdeRig<Ide::Disk | Ide::Cd, OnError::Stop, OnError::Stop>>,
      make_rig<
          HostileIdeRig<Ide::Disk | Ide::SecondDisk | Ide::SecondaryCd, OnError::Ignore, OnError::Stop>>}}};

} // namespace
} // namespace dm::fuzz
