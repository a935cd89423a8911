#include "tests/devices/xhci_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered xhci{{"xhci", run_device, {make_rig<test::XhciTabletRig>, make_rig<test::XhciHubRig>}}};

} // namespace
} // namespace dm::fuzz
