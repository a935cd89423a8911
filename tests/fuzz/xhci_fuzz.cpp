#include "tests/devices/xhci_rig.hpp"
#include "tests/fuzz/host_device.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/unplugging.hpp"

namespace dm::fuzz {
namespace {

constexpr unsigned kHostPort = 1;

struct XhciHostRig : WithHostDevice<test::XhciDiskRig, kHostPort> {
    void guest_uses(test::Rng& rng) override {
        if (rng.one_in(3) || host_slot == 0 || ring(host_slot, kBulkIn).base == 0) {
            enable();
            if (driver.commands.base == 0) start();
            host_slot = set_up_bulk(test::xhci_rig::kFirstUsb2 + kHostPort);
            if (host_slot == 0) return;
        }
        if (rng.below(4) == 3) return interfere(host_slot, rng);
        const unsigned context = rng.one_in(2) ? kBulkIn : kBulkOut;
        transfer(host_slot, context, kBulkData, static_cast<u32>(rng.below(6000)));
    }
    void copy_surroundings(test::Rig& from) override {
        WithHostDevice::copy_surroundings(from);
        host_slot = dynamic_cast<XhciHostRig&>(from).host_slot;
    }
    u8 host_slot = 0;
};

const Registered xhci{
    {"xhci",
     run_device,
     {make_rig<Unplugging<test::XhciTabletRig>>, make_rig<test::XhciHubRig>, make_rig<XhciHostRig>}}};

} // namespace
} // namespace dm::fuzz
