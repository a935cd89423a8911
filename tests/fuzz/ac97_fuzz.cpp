#include "tests/devices/ac97_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

struct LongAc97 final : test::Ac97Rig {
    LongAc97() { audio.keep = 0; }
};

const Registered ac97{{"ac97", run_device, {make_rig<LongAc97>}}};

} // namespace
} // namespace dm::fuzz
