#include "tests/devices/ehci_rig.hpp"
#include "tests/fuzz/host_device.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/unplugging.hpp"

namespace dm::fuzz {
namespace {

constexpr unsigned kHostPort = 3;

struct EhciHostRig : WithHostDevice<test::EhciDevicesRig, kHostPort> {
    void guest_uses(test::Rng& rng) override {
        if (rng.one_in(3)) {
            enable();
            start();
            configure(kHostPort, kHostAddress);
        }
        const u32 pid = rng.one_in(2) ? test::ehci_rig::IN : test::ehci_rig::OUT;
        u32 bytes = 0;
        bulk(kHostAddress, pid, test::ehci_rig::kBulkData, static_cast<u32>(rng.below(6000)), bytes);
    }
};

const Registered ehci{{"ehci", run_device, {make_rig<Unplugging<EhciHostRig>>}}};

} // namespace
} // namespace dm::fuzz
