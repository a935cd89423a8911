#include "tests/devices/i440fx_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered i440fx{{"i440fx", run_device, {make_rig<test::I440fxRig>}}};

} // namespace
} // namespace dm::fuzz
