#include "tests/devices/ps2_keyboard_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered ps2_keyboard{{"ps2-keyboard", run_device, {make_rig<test::KeyboardRig>}}};

} // namespace
} // namespace dm::fuzz
