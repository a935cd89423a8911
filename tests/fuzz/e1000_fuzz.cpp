#include "tests/devices/e1000_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

/// A card that may be pulled out, and whose cable ends where nobody is.
struct HostileE1000Rig final : test::E1000Rig {
    HostileE1000Rig() { net.keep = 0; }

    void stimulate(test::Rng& rng) override {
        if (rng.one_in(32)) {
            dev.unplug();
            return;
        }
        E1000Rig::stimulate(rng);
        net.keep = 0;
    }
    bool resets_to_power_on() const override { return !dev.unplugged(); }
};

const Registered e1000{{"e1000", run_device, {make_rig<HostileE1000Rig>}}};

} // namespace
} // namespace dm::fuzz
