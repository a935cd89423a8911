#include "tests/devices/dma_8257_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

/// Devices that move data as soon as they are acknowledged: a channel that opens once more than it should, or
/// not when it should, is seen in memory.
struct EagerDmaRig final : test::DmaRig {
    EagerDmaRig() {
        for (unsigned n = 0; n < Dma8257::kChannels; ++n)
            clients[n].then = [this, n] { move(n); };
    }
    void move(unsigned n) {
        std::array<u8, 16> bytes;
        bytes.fill(static_cast<u8>(clients[n].acknowledged));
        dev.channel(n).write_memory(bytes);
    }
    void copy_surroundings(test::Rig& from) override {
        DmaRig::copy_surroundings(from);
        const auto& other = dynamic_cast<EagerDmaRig&>(from);
        for (unsigned n = 0; n < Dma8257::kChannels; ++n)
            clients[n].acknowledged = other.clients[n].acknowledged;
    }
};

const Registered dma_8257{{"dma-8257", run_device, {make_rig<EagerDmaRig>}}};

} // namespace
} // namespace dm::fuzz
