// The whole machine: devices beside and on top of each other.
#include "tests/board/board_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered board{{"board", run_device, {make_rig<test::BoardRig>}}};

} // namespace
} // namespace dm::fuzz
