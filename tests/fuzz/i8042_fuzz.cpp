#include "tests/devices/i8042_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered i8042{{"i8042", run_device, {make_rig<test::I8042Rig>}}};

} // namespace
} // namespace dm::fuzz
