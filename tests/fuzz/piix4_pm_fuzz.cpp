#include "tests/devices/piix4_pm_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered piix4_pm{{"piix4-pm", run_device, {make_rig<test::Piix4PmRig>}}};

} // namespace
} // namespace dm::fuzz
