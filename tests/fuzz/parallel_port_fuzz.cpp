#include "tests/devices/parallel_port_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered parallel_port{{"parallel-port", run_device, {make_rig<test::ParallelRig>}}};

} // namespace
} // namespace dm::fuzz
