#include "tests/devices/piix3_isa_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered piix3_isa{{"piix3-isa", run_device, {make_rig<test::Piix3IsaRig>}}};

} // namespace
} // namespace dm::fuzz
