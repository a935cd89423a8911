#include "tests/devices/cmos_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered cmos{{"cmos", run_device, {make_rig<test::CmosRig>}}};

} // namespace
} // namespace dm::fuzz
