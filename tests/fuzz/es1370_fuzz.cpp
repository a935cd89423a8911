#include "tests/devices/es1370_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

struct LongEs1370 final : test::Es1370Rig {
    LongEs1370() { audio.keep = 0; }
};

const Registered es1370{{"es1370", run_device, {make_rig<LongEs1370>}}};

} // namespace
} // namespace dm::fuzz
