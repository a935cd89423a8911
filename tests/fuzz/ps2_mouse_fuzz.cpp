#include "tests/devices/ps2_mouse_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered ps2_mouse{{"ps2-mouse", run_device, {make_rig<test::MouseRig>}}};

} // namespace
} // namespace dm::fuzz
