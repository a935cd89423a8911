#include "tests/devices/ahci_rig.hpp"
#include "tests/fuzz/target.hpp"

#include <cerrno>

namespace dm::fuzz {
namespace {

/// Media that answer only when told to, as real ones do, and fail, and are unplugged. They are tiny: 32
/// commands with lists of the smallest pieces are as much work as a guest can ask for at once.
template <int which> struct HostileAhciRig final : test::AhciRig {
    HostileAhciRig() : AhciRig(which, 4096) { disk.hold = disk2.hold = disc.hold = true; }

    void stimulate(test::Rng& rng) override {
        test::FakeBlock& medium = rng.one_in(3) ? disk2 : rng.one_in(4) ? disc : disk;
        switch (rng.below(10)) {
        case 0: medium.next_error = rng.one_in(2) ? EIO : ENOSPC; break;
        case 1: static_cast<void>(dev.unplug_disks(AhciController::Unplug::AllDisks)); break;
        case 2: static_cast<void>(dev.unplug_disks(AhciController::Unplug::AllButFirst)); break;
        case 3:
        case 4:
        case 5: {
            std::deque<BlockIo*>& held = medium.held;
            if (held.empty()) return;
            std::swap(held.front(), held[rng.below(held.size())]);
            medium.complete();
            return;
        }
        default: work_as_driver(rng); return;
        }
        untouched = false;
    }
    void work_as_driver(test::Rng& rng) {
        const auto port = static_cast<unsigned>(rng.below(3));
        enable(rng.one_in(8) ? 3 : 7);
        hba(HbaReg::GHC, test::ahci::GHC_IE);
        start(port);
        const u64 commands = 1 + rng.below(4);
        u32 issue = 0;
        for (u64 i = 0; i < commands; ++i) {
            const auto slot = static_cast<u8>(rng.below(test::ahci::kSlots));
            some_command(rng, port, slot);
            issue |= 1U << slot;
        }
        px(port, PortReg::PxSACT, issue);
        px(port, PortReg::PxCI, issue);
    }
    void copy_surroundings(test::Rig& from) override {
        AhciRig::copy_surroundings(from);
        auto& other = dynamic_cast<HostileAhciRig&>(from);
        disk.next_error = other.disk.next_error;
        disk2.next_error = other.disk2.next_error;
        disc.next_error = other.disc.next_error;
        untouched = other.untouched;
    }
    bool resets_to_power_on() const override { return untouched; }

    bool untouched = true; ///< by the host
};

using Ahci = test::AhciRig;
const Registered ahci{{"ahci",
                       run_device,
                       {make_rig<HostileAhciRig<Ahci::Disk>>,
                        make_rig<HostileAhciRig<Ahci::Disk | Ahci::SecondDisk | Ahci::Cd>>}}};

} // namespace
} // namespace dm::fuzz
