#include "tests/devices/dma_8257_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered dma_8257{{"dma-8257", run_device, {make_rig<test::DmaRig>}}};

} // namespace
} // namespace dm::fuzz
