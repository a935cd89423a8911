#include "tests/devices/xhci_rig.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/unplugging.hpp"

namespace dm::fuzz {
namespace {

const Registered xhci{
    {"xhci", run_device, {make_rig<Unplugging<test::XhciTabletRig>>, make_rig<test::XhciHubRig>}}};

} // namespace
} // namespace dm::fuzz
