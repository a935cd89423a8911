#include "tests/devices/xen_platform_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered xen_platform{{"xen-platform", run_device, {make_rig<test::XenPlatformRig>}}};

} // namespace
} // namespace dm::fuzz
