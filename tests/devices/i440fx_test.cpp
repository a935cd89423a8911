#include "tests/devices/i440fx_rig.hpp"
#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

TEST(I440fx, IsTheHostBridgeThatOvmfLooksFor) {
    I440fxRig r;
    EXPECT_EQ(r.get(pci::VENDOR_ID, 4), 0x12378086U);
    EXPECT_EQ(r.get(pci::REVISION_ID, 4), 0x06000002U);
    EXPECT_EQ(r.get(pci::HEADER_TYPE, 1), 0U);
    EXPECT_EQ(r.get(pci::SUBSYSTEM_VENDOR_ID, 4), 0x11001af4U);
    EXPECT_EQ(r.get(pci::INTERRUPT_PIN, 1), 0U);
}

TEST(I440fx, MemoryAndBusMasteringCannotBeSwitchedOff) {
    I440fxRig r;
    r.set(pci::COMMAND, 2, 0);
    EXPECT_EQ(r.get(pci::COMMAND, 2), 0x0006U);
    r.set(pci::COMMAND, 2, 0xffff);
    EXPECT_EQ(r.get(pci::COMMAND, 2), 0x0146U) << "PERRE and SERRE are all that can be written";
}

TEST(I440fx, HasNoBars) {
    I440fxRig r;
    for (unsigned reg = pci::BAR0; reg < 0x28; reg += 4) {
        r.set(reg, 4, 0xffffffff);
        EXPECT_EQ(r.get(reg, 4), 0U) << reg;
    }
}

TEST(I440fx, PamAndSmramReadBackEveryValue) {
    I440fxRig r;
    EXPECT_EQ(r.get(I440fx::SMRAM, 1), 0x02U);
    for (unsigned reg = I440fx::PAM0; reg < I440fx::PAM0 + 7U; ++reg)
        for (u32 value = 0; value < 256; ++value) {
            r.set(reg, 1, value);
            ASSERT_EQ(r.get(reg, 1), value);
        }
    for (u32 value = 0; value < 256; ++value) {
        r.set(I440fx::SMRAM, 1, value);
        ASSERT_EQ(r.get(I440fx::SMRAM, 1), value);
    }
}

TEST(I440fx, PamSurvivesSleepBecauseNobodyProgramsItAgain) {
    I440fxRig r;
    r.set(I440fx::PAM0, 1, 0x30);
    r.dev.wake_reset();
    EXPECT_EQ(r.get(I440fx::PAM0, 1), 0x30U);
    r.dev.reset();
    EXPECT_EQ(r.get(I440fx::PAM0, 1), 0x00U);
}

INSTANTIATE_TYPED_TEST_SUITE_P(I440fx, DeviceConformance, I440fxRig);

} // namespace
} // namespace dm::test
