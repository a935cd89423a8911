// A machine's network cards and the taps that they end in.
#include "tests/board/machine_rig.hpp"

namespace dm::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using MachineNet = MachineRig;

TEST_F(MachineNet, ATapThatFailsIsNamedWithItsBridge) {
    toolstack::NicOptions nic;
    nic.model = "rtl8139";
    nic.id = "nic0";
    nic.tap = "vif1.0-emu-with-too-long-a-name";
    nic.bridge = "xenbr7";
    options.nics.push_back(nic);
    const UniqueFd listener = listen();
    const auto made = Machine::create(loop, options);
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, AllOf(HasSubstr("nic0"), HasSubstr(nic.tap), HasSubstr("xenbr7")));
}

} // namespace
} // namespace dm::test
