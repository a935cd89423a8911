#include "tests/devices/sb16_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

struct LongSb16 final : test::Sb16Rig {
    LongSb16() { audio.keep = 0; }
};

const Registered sb16{{"sb16", run_device, {make_rig<LongSb16>}}};

} // namespace
} // namespace dm::fuzz
