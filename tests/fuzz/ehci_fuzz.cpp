#include "tests/devices/ehci_rig.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/unplugging.hpp"

namespace dm::fuzz {
namespace {

const Registered ehci{{"ehci", run_device, {make_rig<Unplugging<test::EhciDevicesRig>>}}};

} // namespace
} // namespace dm::fuzz
