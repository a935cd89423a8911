#include "tests/devices/usb_rig.hpp"
#include "tests/fuzz/host_device.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/unplugging.hpp"

namespace dm::fuzz {
namespace {

constexpr unsigned kHostPort = 1;

struct UhciHostRig : WithHostDevice<test::UsbDiskRig, kHostPort> {
    void guest_uses(test::Rng& rng) override {
        if (rng.one_in(3)) {
            enable();
            start();
            configure(kHostPort, kHostAddress);
        }
        const u8 pid = rng.one_in(2) ? test::usb_rig::IN : test::usb_rig::OUT;
        u32 bytes = 0;
        bulk(pid, kBulkData, static_cast<u32>(1 + rng.below(6000)), bytes, kHostAddress);
    }
};

const Registered uhci{
    {"uhci",
     run_device,
     {make_rig<Unplugging<test::UsbTabletRig>>, make_rig<test::UsbHubRig>, make_rig<UhciHostRig>}}};

} // namespace
} // namespace dm::fuzz
