#include "tests/devices/ps2_keyboard_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

/// Somebody lies on the keyboard, or lets a program type: more keys at once than a queue holds.
struct HostileKeyboardRig final : test::KeyboardRig {
    void stimulate(test::Rng& rng) override {
        KeyboardRig::stimulate(rng);
        if (rng.one_in(4)) return;
        const u64 first = rng.below(256);
        const u64 count = rng.below(128);
        bool down = !rng.one_in(3);
        move(first, count, down);
        if (!rng.one_in(4)) return;
        for (u64 times = rng.below(32); times > 0; --times) {
            down = !down;
            move(first, count, down);
        }
    }
    void move(u64 first, u64 count, bool down) {
        for (u64 i = 0; i < count; ++i)
            dev.key(static_cast<KeyCode>((first + i) % 256), down);
    }
};

const Registered ps2_keyboard{{"ps2-keyboard", run_device, {make_rig<HostileKeyboardRig>}}};

} // namespace
} // namespace dm::fuzz
