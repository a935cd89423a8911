#include "tests/devices/piix3_isa_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Piix3Isa, IsAMultifunctionIsaBridge) {
    Piix3IsaRig r;
    EXPECT_EQ(r.get(pci::VENDOR_ID, 4), 0x70008086U);
    EXPECT_EQ(r.get(pci::REVISION_ID, 4), 0x06010000U);
    EXPECT_EQ(r.get(pci::HEADER_TYPE, 1), 0x80U);
    EXPECT_EQ(r.get(pci::COMMAND, 4), 0x02000007U);
}

TEST(Piix3Isa, ComesUpWithTheValuesOfTheDatasheet) {
    Piix3IsaRig r;
    const std::vector<std::pair<unsigned, u32>> bytes{
        {0x4c, 0x4d}, {0x4e, 0x03}, {0x4f, 0x00}, {0x60, 0x80}, {0x61, 0x80}, {0x62, 0x80}, {0x63, 0x80},
        {0x69, 0x02}, {0x70, 0x80}, {0x76, 0x0c}, {0x77, 0x0c}, {0x78, 0x02}, {0xa0, 0x08}, {0xa8, 0x0f}};
    for (const auto& [reg, value] : bytes)
        EXPECT_EQ(r.get(reg, 1), value) << std::hex << reg;
}

TEST(Piix3Isa, CommandBitsOfABridgeAreWired) {
    Piix3IsaRig r;
    r.set(pci::COMMAND, 2, 0);
    EXPECT_EQ(r.get(pci::COMMAND, 2), 0x0007U);
}

TEST(Piix3Isa, HvmloaderRoutesTheLinks) {
    Piix3IsaRig r;
    for (const auto& [reg, irq] : {std::pair{0x60U, 5U}, {0x61U, 10U}, {0x62U, 11U}, {0x63U, 5U}})
        r.set(reg, 1, irq);
    EXPECT_THAT(r.routes, ElementsAre(Pair(0, 5), Pair(1, 10), Pair(2, 11), Pair(3, 5)));
}

TEST(Piix3Isa, ADwordRoutesAllLinksAndARepetitionRoutesNone) {
    Piix3IsaRig r;
    r.set(0x60, 4, 0x090b0a80);
    r.set(0x60, 4, 0x090b0a80);
    EXPECT_THAT(r.routes, ElementsAre(Pair(1, 10), Pair(2, 11), Pair(3, 9)));
}

TEST(Piix3Isa, BitSevenDisconnectsALink) {
    Piix3IsaRig r;
    r.set(0x61, 1, 0x0a);
    r.set(0x61, 1, 0x8a);
    EXPECT_THAT(r.routes, ElementsAre(Pair(1, 10), Pair(1, 0)));
    EXPECT_EQ(r.get(0x61, 1), 0x8aU);
}

TEST(Piix3Isa, InterruptsOfTheBoardCannotBeRoutedTo) {
    Piix3IsaRig r;
    for (const u32 irq : {0U, 1U, 2U, 8U, 13U, 0x70U})
        r.set(0x60, 1, irq);
    EXPECT_THAT(r.routes, IsEmpty());
    r.set(0x60, 1, 0xf5);
    EXPECT_EQ(r.get(0x60, 1), 0x85U) << "bits 4-6 are reserved";
}

TEST(Piix3Isa, ResetDisconnectsTheLinks) {
    Piix3IsaRig r;
    r.set(0x62, 1, 11);
    r.dev.reset();
    EXPECT_THAT(r.routes, ElementsAre(Pair(2, 11), Pair(2, 0)));
    EXPECT_EQ(r.get(0x62, 1), 0x80U);
}

TEST(Piix3Isa, LinksStayRoutedOverSleep) {
    Piix3IsaRig r;
    r.set(0x62, 1, 11);
    r.dev.wake_reset();
    EXPECT_THAT(r.routes, ElementsAre(Pair(2, 11)));
    EXPECT_EQ(r.get(0x62, 1), 11U);
}

TEST(Piix3Isa, ALoadedBridgeRoutesItsLinks) {
    Piix3IsaRig r;
    r.set(0x60, 4, 0x05800a80);
    const std::vector<u8> image = snapshot(r);
    Piix3IsaRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.dev.load(*reader).ok());
    EXPECT_THAT(twin.routes, ElementsAre(Pair(1, 10), Pair(3, 5)));
}

TEST(Piix3Isa, BitTwoOfTheResetControlRegisterResets) {
    for (const u8 value : {u8{0x04}, u8{0x06}, u8{0x0e}}) {
        Piix3IsaRig r;
        r.out(0xcf9, 0x02);
        EXPECT_THAT(r.hypervisor.shutdowns, IsEmpty());
        r.out(0xcf9, value);
        EXPECT_THAT(r.hypervisor.shutdowns, ElementsAre(ShutdownReason::Reboot));
    }
}

TEST(Piix3Isa, OnlyTheResetTypeReadsBack) {
    Piix3IsaRig r;
    r.out(0xcf9, 0xfb);
    EXPECT_EQ(r.in(0xcf9), 0x02U);
    r.out(0xcf9, 0x00);
    EXPECT_EQ(r.in(0xcf9), 0x00U);
}

TEST(Piix3Isa, Port92KeepsA20AndResetsWhenInitRises) {
    Piix3IsaRig r;
    r.out(0x92, 0xfe);
    EXPECT_EQ(r.in(0x92), 0x02U);
    EXPECT_THAT(r.hypervisor.shutdowns, IsEmpty());
    r.out(0x92, 0x03);
    r.out(0x92, 0x03);
    EXPECT_THAT(r.hypervisor.shutdowns, ElementsAre(ShutdownReason::Reboot));
}

INSTANTIATE_TYPED_TEST_SUITE_P(Piix3Isa, DeviceConformance, Piix3IsaRig);

} // namespace
} // namespace dm::test
