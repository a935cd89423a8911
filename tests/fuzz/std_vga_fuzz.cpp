#include "tests/devices/std_vga_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered std_vga{{"std-vga", run_device, {make_rig<test::StdVgaRig>}}};

} // namespace
} // namespace dm::fuzz
