#include "tests/devices/cirrus_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered cirrus_vga{{"cirrus-vga", run_device, {make_rig<test::CirrusRig>}}};

} // namespace
} // namespace dm::fuzz
