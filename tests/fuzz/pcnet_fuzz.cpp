#include "tests/devices/pcnet_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

/// A host that sends whatever it likes, a back end that is often full, and PV drivers that take over.
struct HostilePcnetRig final : test::PcnetRig {
    HostilePcnetRig() { net.keep = 0; }

    void stimulate(test::Rng& rng) override {
        if (rng.below(10) != 0) return PcnetRig::stimulate(rng);
        if (rng.one_in(4)) return dev.unplug();
        std::vector<u8> frame(rng.below(2000));
        for (std::size_t i = 0; i < frame.size() && i < 64; ++i)
            frame[i] = static_cast<u8>(rng.next());
        if (net.waiting.size() < 64) net.offer(std::move(frame));
    }
};

const Registered pcnet{{"pcnet", run_device, {make_rig<HostilePcnetRig>}}};

} // namespace
} // namespace dm::fuzz
