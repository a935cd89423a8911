#include "tests/devices/fw_cfg_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered fw_cfg{{"fw-cfg", run_device, {make_rig<test::FwCfgRig>}}};

} // namespace
} // namespace dm::fuzz
