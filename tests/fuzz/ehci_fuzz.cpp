#include "tests/devices/ehci_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered ehci{{"ehci", run_device, {make_rig<test::EhciDevicesRig>}}};

} // namespace
} // namespace dm::fuzz
