#include "tests/devices/lsi53c895a_rig.hpp"
#include "tests/fuzz/target.hpp"

#include <cerrno>

namespace dm::fuzz {
namespace {

/// Its media fail, change their size, and are unplugged.
struct HostileLsiRig final : test::LsiRig {
    void stimulate(test::Rng& rng) override {
        switch (rng.below(10)) {
        case 7: disk.next_error = disc.next_error = rng.one_in(2) ? EIO : ENOSPC; break;
        case 8: disk.resize(rng.one_in(2) ? 512 : test::lsi_rig::kDiskSize); break;
        case 9: static_cast<void>(dev.unplug()); break;
        default: LsiRig::stimulate(rng); return;
        }
        untouched = false;
    }
    void copy_surroundings(test::Rig& from) override {
        LsiRig::copy_surroundings(from);
        auto& other = dynamic_cast<HostileLsiRig&>(from);
        disc.next_error = other.disc.next_error;
        untouched = other.untouched;
    }
    bool resets_to_power_on() const override { return untouched; }

    bool untouched = true; ///< by the host
};

const Registered lsi53c895a{{"lsi53c895a", run_device, {make_rig<HostileLsiRig>}}};

} // namespace
} // namespace dm::fuzz
