#include "tests/devices/usb_rig.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/unplugging.hpp"

namespace dm::fuzz {
namespace {

const Registered uhci{
    {"uhci",
     run_device,
     {make_rig<Unplugging<test::UsbTabletRig>>, make_rig<test::UsbHubRig>, make_rig<test::UsbDiskRig>}}};

} // namespace
} // namespace dm::fuzz
