#include "tests/devices/fdc_82078_rig.hpp"
#include "tests/fuzz/target.hpp"

#include <cerrno>

namespace dm::fuzz {
namespace {

/// Disks that answer only when told to, as real ones do, and fail, and are changed.
struct HostileFdcRig final : test::FdcRig {
    HostileFdcRig() : FdcRig(u64{160} * 1024, floppy::DriveType::F1200K, u64{320} * 1024) {
        disk.hold = disk2.hold = true;
    }
    void stimulate(test::Rng& rng) override {
        test::FakeBlock& medium = rng.one_in(3) ? disk2 : disk;
        switch (rng.below(10)) {
        case 0: medium.next_error = rng.one_in(2) ? EIO : ENOSPC; break;
        case 1: medium.readonly = !medium.readonly; break;
        case 2: dev.insert(rng.one_in(2) ? 0 : 1, rng.one_in(3) ? nullptr : &medium); break;
        case 3:
        case 4:
        case 5:
            if (!medium.held.empty()) medium.complete();
            return;
        default: FdcRig::stimulate(rng); return;
        }
        untouched = false;
    }
    void copy_surroundings(test::Rig& from) override {
        FdcRig::copy_surroundings(from);
        auto& other = dynamic_cast<HostileFdcRig&>(from);
        disk.next_error = other.disk.next_error;
        disk2.next_error = other.disk2.next_error;
        disk.readonly = other.disk.readonly;
        disk2.readonly = other.disk2.readonly;
        for (unsigned n = 0; n < 2; ++n) {
            const BlockBackend* theirs = other.dev.medium(n);
            BlockBackend* ours = theirs == nullptr ? nullptr : theirs == &other.disk ? &disk : &disk2;
            if (dev.medium(n) != ours) dev.insert(n, ours);
        }
        untouched = other.untouched;
    }
    bool resets_to_power_on() const override { return untouched; }

    bool untouched = true; ///< by the host
};

const Registered fdc{{"fdc-82078", run_device, {make_rig<HostileFdcRig>}}};

} // namespace
} // namespace dm::fuzz
