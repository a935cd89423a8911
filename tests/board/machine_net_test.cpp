// A machine's network cards and the taps that they end in.
#include "dm/toolstack/support.hpp"
#include "tests/board/machine_rig.hpp"

#include <set>

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

/// What the option table calls implemented, the machine builds.
TEST_F(MachineNet, EveryModelOfTheTableIsThere) {
    std::vector<std::string> models;
    for (const toolstack::DeviceRow& row : toolstack::device_rows())
        if (row.kind == toolstack::DeviceKind::Nic && row.support == toolstack::Support::Implemented)
            models.emplace_back(row.driver);
    ASSERT_THAT(models, testing::IsSupersetOf({"rtl8139", "e1000"}));
    unsigned slot = 4;
    for (const std::string& model : models) {
        toolstack::NicOptions nic;
        nic.model = model;
        nic.id = model;
        nic.pci_slot = slot++;
        options.nics.push_back(nic);
    }
    start();
    if (HasFatalFailure()) return;
    std::set<std::string> found;
    for (unsigned i = 4; i < slot; ++i) {
        guest->send(fmt::format("outl 0xcf8 {:#x}\n", 0x80000000 | i << 11));
        EXPECT_EQ(guest->line(), "OK");
        guest->send("inl 0xcfc\n");
        found.insert(guest->line());
    }
    EXPECT_THAT(found, testing::SizeIs(models.size())) << "each is a device of its own";
    EXPECT_THAT(found, testing::Not(testing::Contains(HasSubstr("ffffffff"))));
}

} // namespace
} // namespace dm::test
