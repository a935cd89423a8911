#include "tests/devices/uart16550_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered uart16550{{"uart16550", run_device, {make_rig<test::UartRig>}}};

} // namespace
} // namespace dm::fuzz
