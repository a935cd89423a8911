#include "tests/devices/gpe_hotplug_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered gpe_hotplug{{"gpe-hotplug", run_device, {make_rig<test::GpeHotplugRig>}}};

} // namespace
} // namespace dm::fuzz
