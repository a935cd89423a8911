#include "tests/devices/ps2_mouse_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

/// A pointer without a place on a screen, whose movements have no end.
struct FarMouseRig final : test::MouseRig {
    void stimulate(test::Rng& rng) override {
        MouseRig::stimulate(rng);
        if (rng.below(4) != 3) return;
        const auto dx = static_cast<s32>(rng.next());
        dev.motion(dx, static_cast<s32>(rng.next()), 0);
    }
};

const Registered ps2_mouse{{"ps2-mouse", run_device, {make_rig<FarMouseRig>}}};

} // namespace
} // namespace dm::fuzz
