#include "tests/devices/piix4_pm_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr u16 kSlpEn = 0x2000;
constexpr u16 slp_typ(unsigned type) {
    return static_cast<u16>(type << 10);
}

struct Ranges final : RangeSink {
    void add_range(u64 first, u64 last) override { log.push_back(fmt::format("+{:x}-{:x}", first, last)); }
    void remove_range(u64 first, u64 last) override { log.push_back(fmt::format("-{:x}-{:x}", first, last)); }
    std::vector<std::string> log;
};

TEST(Piix4Pm, IsThePowerManagementFunctionThatHvmloaderInsistsOn) {
    Piix4PmRig r;
    EXPECT_EQ(r.get(pci::VENDOR_ID, 4), 0x71138086U);
    EXPECT_EQ(r.get(pci::REVISION_ID, 4), 0x06800003U);
    EXPECT_EQ(r.get(pci::INTERRUPT_PIN, 1), 1U);
    EXPECT_EQ(r.get(pci::STATUS, 2), 0x0280U);
}

TEST(Piix4Pm, TheBaseRegisterSaysIoAndTakesAddressBitsOnly) {
    Piix4PmRig r;
    r.set(Piix4Pm::PMBA, 4, 0xffffffff);
    EXPECT_EQ(r.get(Piix4Pm::PMBA, 4), 0x0000ffc1U);
    r.dev.reset();
    EXPECT_EQ(r.get(Piix4Pm::PMBA, 4), 1U);
}

TEST(Piix4Pm, PresenceBitsShowTheLegacyPorts) {
    Piix4PmRig r;
    EXPECT_EQ(r.get(0x5f, 1), 0x10U);
    EXPECT_EQ(r.get(0x63, 1), 0x60U);
    EXPECT_EQ(r.get(0x67, 1), 0x08U);
    Piix4Pm all{"pm", r.pci_wiring(2, 1), {}, {.com1 = true, .com2 = true, .lpt1 = true}};
    EXPECT_EQ(all.config_read(0x5f, 1), 0x90U);
    EXPECT_EQ(all.config_read(0x67, 1), 0x98U);
}

TEST(Piix4Pm, ThereIsNoSmbusHostToEnable) {
    Piix4PmRig r;
    r.set(0xd2, 1, 0xff);
    EXPECT_EQ(r.get(0xd2, 1) & 1, 0U);
}

TEST(Piix4Pm, TheBlockIsRoutedOnlyWhileEnabledAndWithoutWhatIsXens) {
    Piix4PmRig r;
    r.dev.reset();
    Ranges ranges;
    r.apm.unmap();
    r.ports.set_range_sink(&ranges);
    r.set(Piix4Pm::PMBA, 4, 0xb001);
    EXPECT_THAT(ranges.log, IsEmpty());
    r.set(Piix4Pm::PMREGMISC, 1, 1);
    EXPECT_THAT(ranges.log, ElementsAre("+b004-b007", "+b00c-b03f"));
    ranges.log.clear();
    r.set(Piix4Pm::PMREGMISC, 1, 0);
    EXPECT_THAT(ranges.log, ElementsAre("-b004-b007", "-b00c-b03f"));
    r.ports.set_range_sink(nullptr);
}

TEST(Piix4Pm, TheBlockMovesWithItsBase) {
    Piix4PmRig r;
    r.out(Piix4PmRig::kControl, 1, 2);
    r.set(Piix4Pm::PMBA, 4, 0x4000);
    EXPECT_EQ(r.in(Piix4PmRig::kControl, 2), 0xffffU);
    EXPECT_EQ(r.in(0x4004, 2), 1U);
    r.set(Piix4Pm::PMBA, 4, 0);
    EXPECT_EQ(r.in(0x4004, 2), 0xffffU);
    EXPECT_EQ(r.in(0x0004, 2), 0xffffU) << "base 0 is not decoded";
    r.set(Piix4Pm::PMBA, 4, 0xffff);
    EXPECT_EQ(r.in(0xffc4, 2), 1U);
}

TEST(Piix4Pm, HvmloaderEnablesTheSci) {
    Piix4PmRig r;
    EXPECT_EQ(r.in(Piix4PmRig::kControl)&1, 0U);
    r.out(0xb2, 0xf1);
    EXPECT_EQ(r.in(Piix4PmRig::kControl)&1, 1U);
    EXPECT_EQ(r.in(0xb2), 0xf1U);
    r.out(0xb2, 0xf0);
    EXPECT_EQ(r.in(Piix4PmRig::kControl)&1, 0U);
}

TEST(Piix4Pm, OtherApmCommandsAndTheStatusPortAreStorage) {
    Piix4PmRig r;
    r.out(0xb2, 0xf1);
    r.out(0xb2, 0x5a);
    r.out(0xb3, 0xa5);
    EXPECT_EQ(r.in(0xb2, 2), 0xa55aU);
    EXPECT_EQ(r.in(Piix4PmRig::kControl)&1, 1U);
}

TEST(Piix4Pm, SleepTypeZeroPowersOffBeforeTheWriteReturns) {
    Piix4PmRig r;
    r.out(Piix4PmRig::kControl, kSlpEn | slp_typ(0) | 1, 2);
    EXPECT_THAT(r.hypervisor.shutdowns, ElementsAre(ShutdownReason::PowerOff));
}

TEST(Piix4Pm, SleepTypeTwoSuspendsToDiskAndPowersOff) {
    Piix4PmRig r;
    r.out(Piix4PmRig::kControl, kSlpEn | slp_typ(2), 2);
    EXPECT_THAT(r.hypervisor.shutdowns, ElementsAre(ShutdownReason::PowerOff));
}

TEST(Piix4Pm, SleepTypeOneSuspendsToRam) {
    Piix4PmRig r;
    r.out(Piix4PmRig::kControl, kSlpEn | slp_typ(1), 2);
    EXPECT_EQ(r.hypervisor.sleep_state, 3U);
    EXPECT_THAT(r.hypervisor.shutdowns, IsEmpty());
}

TEST(Piix4Pm, AGuestThatCannotSleepStaysAwake) {
    Piix4PmRig r;
    r.hypervisor.can_sleep = false; // dm_restrict=1
    r.out(Piix4PmRig::kControl, kSlpEn | slp_typ(1), 2);
    EXPECT_FALSE(r.dev.asleep());
}

TEST(Piix4Pm, OtherSleepTypesDoNothing) {
    Piix4PmRig r;
    for (unsigned type = 3; type < 8; ++type)
        r.out(Piix4PmRig::kControl, kSlpEn | slp_typ(type), 2);
    EXPECT_EQ(r.hypervisor.sleep_state, 0U);
    EXPECT_THAT(r.hypervisor.shutdowns, IsEmpty());
}

TEST(Piix4Pm, WithoutTheEnableBitASleepTypeIsOnlyStored) {
    Piix4PmRig r;
    r.out(Piix4PmRig::kControl, slp_typ(5) | 1, 2);
    EXPECT_EQ(r.in(Piix4PmRig::kControl, 2), slp_typ(5) | 1U);
    EXPECT_THAT(r.hypervisor.shutdowns, IsEmpty());
}

TEST(Piix4Pm, TheEnableBitWorksInAByteWriteAndReadsAsZero) {
    Piix4PmRig r;
    r.out(Piix4PmRig::kControl + 1, byte_of(kSlpEn | slp_typ(1), 1), 1);
    EXPECT_EQ(r.hypervisor.sleep_state, 3U);
    EXPECT_EQ(r.in(Piix4PmRig::kControl, 2), slp_typ(1));
}

TEST(Piix4Pm, TheEnableBitIsThatOfPmcntrlOnly) {
    Piix4PmRig r;
    r.out(Piix4PmRig::kBase + Piix4Pm::GPSTS, 0xffffffff, 4);
    r.out(Piix4PmRig::kControl + 2, 0xffff, 2);
    EXPECT_THAT(r.hypervisor.shutdowns, IsEmpty());
    EXPECT_EQ(r.in(Piix4PmRig::kControl + 2, 2), 0U);
}

TEST(Piix4Pm, StatusRegistersOfTheBlockReadAsZero) {
    Piix4PmRig r;
    for (const int at : {0x0c, 0x18, 0x1c, 0x30}) {
        r.out(static_cast<Port>(Piix4PmRig::kBase + at), 0xffff, 2);
        EXPECT_EQ(r.in(static_cast<Port>(Piix4PmRig::kBase + at), 2), 0U) << at;
    }
}

TEST(Piix4Pm, WhatFirmwareSetUpSurvivesSleep) {
    Piix4PmRig r;
    r.out(0xb2, 0xf1);
    r.dev.wake_reset();
    EXPECT_EQ(r.in(Piix4PmRig::kControl)&1, 1U);
}

TEST(Piix4Pm, ALoadedFunctionAnswersWhereTheSavedOneDid) {
    Piix4PmRig r;
    r.out(0xb2, 0xf1);
    const std::vector<u8> image = snapshot(r);
    Piix4PmRig twin;
    twin.dev.reset();
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.dev.load(*reader).ok());
    EXPECT_EQ(twin.in(Piix4PmRig::kControl), 1U);
}

INSTANTIATE_TYPED_TEST_SUITE_P(Piix4Pm, DeviceConformance, Piix4PmRig);

} // namespace
} // namespace dm::test
