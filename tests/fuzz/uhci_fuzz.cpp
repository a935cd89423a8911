#include "tests/devices/usb_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered uhci{
    {"uhci",
     run_device,
     {make_rig<test::UsbTabletRig>, make_rig<test::UsbHubRig>, make_rig<test::UsbDiskRig>}}};

} // namespace
} // namespace dm::fuzz
