// Registers, EEPROM, PHY, link and interrupts; see also the other e1000_*_test.cpp.
#include "tests/devices/e1000_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gtest/gtest.h>

namespace dm::test {
namespace {

using namespace e1000;

TEST(E1000, IsA82540EM) {
    E1000Rig r;
    EXPECT_EQ(r.pci.config_read(kBdf, 0x00, 4), 0x100e8086U);
    EXPECT_EQ(r.pci.config_read(kBdf, 0x08, 4), 0x02000003U);
    EXPECT_EQ(r.dev.bar_size(0), 0x20000U);
    EXPECT_EQ(r.dev.bar_size(1), 64U);
    EXPECT_EQ(r.pci.config_read(kBdf, 0x3d, 1), 1U);
    EXPECT_EQ(r.pci.config_read(kBdf, 0x30, 4), 0U);
}

TEST(E1000, SiblingsDifferInDeviceAndPhy) {
    using dm::e1000::Chip;
    struct {
        Chip chip;
        u32 id, phy;
    } const chips[]{{dm::e1000::k82544gc, 0x100c8086, 0x0c30}, {dm::e1000::k82545em, 0x100f8086, 0x0c20}};
    for (const auto& [chip, id, phy] : chips) {
        E1000Rig r({}, chip);
        EXPECT_EQ(r.pci.config_read(kBdf, 0x00, 4), id);
        r.reg(MDIC, 0x08230000); // read EPHYID of PHY 1
        EXPECT_EQ(r.reg(MDIC) & 0xffff, phy);
        r.reg(EERD, 0x0d01);
        EXPECT_EQ(r.reg(EERD) >> 16, id >> 16);
    }
}

TEST(E1000, ShowsTheOptionRomInItsBar) {
    E1000Rig r(std::vector<u8>(3000, 0x55));
    r.pci.config_write(kBdf, 0x30, 4, 0xffffffff);
    EXPECT_EQ(r.pci.config_read(kBdf, 0x30, 4), 0xfffff001U);
    r.pci.config_write(kBdf, 0x30, 4, 0xf4000001);
    EXPECT_EQ(r.peek(0xf4000000), 0x55555555U);
}

TEST(E1000, RegistersHaveTheirValuesOfReset) {
    E1000Rig r;
    EXPECT_EQ(r.reg(CTRL), 0x00140240U);
    EXPECT_EQ(r.reg(STATUS), 0x80080783U);
    EXPECT_EQ(r.reg(0x1000), 0x00100030U); // PBA
    EXPECT_EQ(r.reg(VET), 0x8100U);
    EXPECT_EQ(r.reg(RCTL), 0U);
    EXPECT_EQ(r.reg(RA), 0x003e1600U);
    EXPECT_EQ(r.reg(RA + 4), 0x80000300U);
}

/// The patterns of Linux's "ethtool -t".
TEST(E1000, RegistersHoldWhatLinuxsSelfTestWrites) {
    E1000Rig r;
    struct {
        u32 reg, mask;
    } const tests[]{
        {0x28, 0xffffffff},  {0x2c, 0xffff},      {0x30, 0xffff},        {VET, 0xffff},
        {RDTR, 0xffff},      {RDBAH, 0xffffffff}, {RDLEN, 0xfff80},      {RDH, 0xffff},
        {RDT, 0xffff},       {0x2168, 0xfff8},    {0x170, 0xffff},       {0x410, 0x3fffffff},
        {TDBAH, 0xffffffff}, {TDLEN, 0xfff80},    {RDBAL, 0xfffffff0},   {0x178, 0xc000ffff},
        {TDBAL, 0xfffffff0}, {TIDV, 0xffff},      {RA + 12, 0x8003ffff}, {MTA + 0x40, 0xffffffff}};
    for (const auto& test : tests)
        for (const u32 pattern : {0x5a5a5a5aU, 0xa5a5a5a5U, 0x00000000U, 0xffffffffU}) {
            // Its upper half flushes the delay timers of these two.
            const u32 value = test.reg == RDTR || test.reg == TIDV ? pattern & 0xffff : pattern;
            r.reg(test.reg, value);
            EXPECT_EQ(r.reg(test.reg), value & test.mask) << std::hex << test.reg;
        }
    r.reg(RCTL, 0xffffffff & 0x06dfb3fe);
    EXPECT_EQ(r.reg(RCTL), 0x06dfb3feU);
    r.reg(TCTL, 0xffffffff);
    r.reg(TCTL, 0);
    EXPECT_EQ(r.reg(TCTL), 0U);
    r.reg(STATUS, 0);
    EXPECT_EQ(r.reg(STATUS), 0x80080783U);
}

TEST(E1000, NarrowAccessesReadTheirPartAndWriteTheRestAsZero) {
    E1000Rig r;
    EXPECT_EQ(r.peek(kBar + CTRL + 2, 2), 0x0014U);
    EXPECT_EQ(r.peek(kBar + CTRL, 1), 0x40U);
    r.reg(RDTR, 0x1234);
    r.poke(kBar + RDTR + 1, 0x56, 1);
    EXPECT_EQ(r.reg(RDTR), 0x5600U);
    EXPECT_EQ(r.peek(kBar + RDBAL, 8), 0U);
    r.poke(kBar + RDBAL, 0x1122334455667780, 8);
    EXPECT_EQ(r.reg(RDBAH), 0x11223344U);
    EXPECT_EQ(r.reg(RDBAL), 0x55667780U);
}

TEST(E1000, WhatIsNoRegisterReadsAsZero) {
    E1000Rig r;
    for (const u32 offset : {0x0cU, 0x7cU, 0x1004U, 0x5a00U, 0x10000U, 0x1fffcU}) {
        r.reg(offset, 0xffffffff);
        EXPECT_EQ(r.reg(offset), 0U) << std::hex << offset;
    }
}

TEST(E1000, ThePortsReachAllRegistersAndNothingElse) {
    E1000Rig r;
    r.out(kPorts, VFTA + 4, 4);
    r.out(kPorts + 4, 0xcafe, 4);
    EXPECT_EQ(r.in(kPorts, 4), VFTA + 4);
    EXPECT_EQ(r.in(kPorts + 4, 4), 0xcafeU);
    EXPECT_EQ(r.reg(VFTA + 4), 0xcafeU);
    for (const u32 beyond : {0x20000U, 0x80000U, 0xfffffffcU}) {
        r.out(kPorts, beyond, 4);
        r.out(kPorts + 4, 1, 4);
        EXPECT_EQ(r.in(kPorts + 4, 4), 0U);
    }
    EXPECT_EQ(r.in(kPorts + 8, 4), 0U);
}

TEST(E1000, EerdReadsTheEepromWhoseSumIsRight) {
    E1000Rig r;
    u16 sum = 0;
    std::array<u16, 64> words{};
    for (u32 i = 0; i < words.size(); ++i) {
        r.reg(EERD, i << 8 | 1);
        const u32 answer = r.reg(EERD);
        EXPECT_EQ(answer & 0xffff, i << 8 | 0x10U);
        words[i] = static_cast<u16>(answer >> 16);
        sum = static_cast<u16>(sum + words[i]);
    }
    EXPECT_EQ(sum, 0xbaba);
    EXPECT_EQ(words[0], 0x1600);
    EXPECT_EQ(words[1], 0x003e);
    EXPECT_EQ(words[2], 0x0300);
    EXPECT_EQ(words[0x0d], 0x100e);
    EXPECT_EQ(words[0x0e], 0x8086);
    r.reg(EERD, 0xff01); // no such word
    EXPECT_EQ(r.reg(EERD), 0xff10U);
}

/// One word as Linux reads it from a Microwire chip.
u16 shift_word(E1000Rig& r, u32 address) {
    constexpr u32 SK = 1, CS = 2, DI = 4, DO = 8, REQ = 0x40;
    r.reg(EECD, REQ);
    EXPECT_NE(r.reg(EECD) & 0x80, 0U) << "not granted";
    r.reg(EECD, REQ | SK);
    r.reg(EECD, REQ | CS | SK);
    r.reg(EECD, REQ | CS);
    const u32 command = 6 << 6 | address;
    for (unsigned bit = 9; bit-- > 0;) {
        const u32 in = (command >> bit & 1) != 0 ? DI : 0;
        r.reg(EECD, REQ | CS | in);
        r.reg(EECD, REQ | CS | in | SK);
        r.reg(EECD, REQ | CS | in);
    }
    u16 word = 0;
    for (unsigned bit = 0; bit < 16; ++bit) {
        r.reg(EECD, REQ | CS | SK);
        word = static_cast<u16>(word << 1 | ((r.reg(EECD) & DO) != 0 ? 1 : 0));
        r.reg(EECD, REQ | CS);
    }
    r.reg(EECD, REQ);
    return word;
}

TEST(E1000, TheEepromIsReadBitByBit) {
    E1000Rig r;
    EXPECT_EQ(r.reg(EECD), 0x118U); // present, DO pulled up
    for (u32 i = 0; i < 64; ++i) {
        r.reg(EERD, i << 8 | 1);
        EXPECT_EQ(shift_word(r, i), r.reg(EERD) >> 16);
    }
}

TEST(E1000, ThePhyIsA88E1011AtAddressOne) {
    E1000Rig r;
    EXPECT_EQ(r.phy(2), 0x0141);
    EXPECT_EQ(r.phy(3), 0x0c20);
    EXPECT_EQ(r.phy(0), 0x1140);
    EXPECT_EQ(r.phy(1), 0x796d);
    EXPECT_EQ(r.phy(10), 0x3c00);
    r.phy(4, 0x0de0);
    EXPECT_EQ(r.phy(4), 0x0de0);
    r.reg(MDIC, 2U << 26 | 2U << 21 | 2U << 16);
    EXPECT_EQ(r.reg(MDIC) & 0x50000000, 0x50000000U); // ready, error
}

TEST(E1000, MdicInterruptsWhenAskedTo) {
    E1000Rig r;
    r.phy(1);
    EXPECT_EQ(r.reg(ICR), 0U);
    r.reg(MDIC, 1U << 29 | 2U << 26 | 1U << 21);
    EXPECT_EQ(r.reg(ICR), MDAC);
}

TEST(E1000, NegotiationTakesHalfASecondAndChangesTheLink) {
    E1000Rig r;
    r.reg(IMS, LSC);
    r.phy(0, 0x1340);
    EXPECT_EQ(r.reg(STATUS) & 2, 0U);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(ICR), LSC);
    EXPECT_EQ(r.phy(1) & 0x24, 0);
    r.advance(499 * kMillisecond);
    EXPECT_EQ(r.reg(STATUS) & 2, 0U);
    r.advance(2 * kMillisecond);
    EXPECT_EQ(r.reg(STATUS) & 2, 2U);
    EXPECT_EQ(r.reg(ICR), LSC);
    EXPECT_EQ(r.phy(1) & 0x24, 0x24);
    EXPECT_EQ(r.phy(0), 0x1140) << "restarting is done";
}

TEST(E1000, AForcedSpeedNeedsNoNegotiation) {
    E1000Rig r;
    r.phy(0, 0x0140);
    EXPECT_EQ(r.reg(STATUS) & 2, 2U);
    EXPECT_EQ(r.phy(1) & 0x24, 0x04);
}

TEST(E1000, APulledCableTakesTheLinkAway) {
    E1000Rig r;
    r.reg(IMS, LSC);
    r.net.set_link(false);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(STATUS) & 2, 0U);
    EXPECT_EQ(r.phy(1) & 0x24, 0);
    EXPECT_EQ(r.reg(ICR), LSC);
    r.net.set_link(true);
    EXPECT_EQ(r.reg(ICR), LSC);
    EXPECT_EQ(r.reg(STATUS) & 2, 2U);
}

TEST(E1000, APhyThatIsPoweredDownHasNoLink) {
    E1000Rig r;
    r.phy(0, 0x1940);
    EXPECT_EQ(r.reg(STATUS) & 2, 0U);
    r.phy(0, 0x1140);
    EXPECT_EQ(r.reg(STATUS) & 2, 2U);
}

TEST(E1000, CausesInterruptThroughTheMaskUntilTheyAreRead) {
    E1000Rig r;
    r.reg(ICS, TXDW | RXT0);
    EXPECT_FALSE(r.irq());
    r.reg(IMS, RXT0);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(IMS), RXT0);
    EXPECT_EQ(r.reg(ICS), TXDW | RXT0) << "reading it clears nothing";
    r.reg(IMC, RXT0);
    EXPECT_FALSE(r.irq());
    r.reg(IMS, TXDW);
    EXPECT_TRUE(r.irq());
    r.reg(ICR, TXDW);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.reg(ICR), RXT0);
    EXPECT_EQ(r.reg(ICR), 0U);
    r.reg(ICS, 0xffffffff);
    EXPECT_EQ(r.reg(ICR), 0x1f7ffU) << "only causes that there are";
}

/// The interrupt part of Linux' "ethtool -t eth0 offline": each of the bits 0 to 9 alone, masked, asked for,
/// and among all others that are masked.
TEST(E1000, EachCauseInterruptsAloneAsLinuxsSelfTestWants) {
    E1000Rig r;
    constexpr u32 kTested = 0x7fff;
    const auto told = [&r](u32 causes) { // by the interrupt handler
        r.reg(ICS, causes);
        return r.irq() ? r.reg(ICR) : 0U;
    };
    r.reg(IMC, ~0U);
    for (u32 bit = 0; bit < 10; ++bit) {
        const u32 cause = 1U << bit;
        r.reg(IMC, cause);
        EXPECT_EQ(told(cause), 0U) << "masked: " << bit;
        r.reg(IMS, cause);
        EXPECT_EQ(told(cause) & cause, cause) << bit;
        r.reg(IMC, ~cause & kTested);
        EXPECT_EQ(told(~cause & kTested), 0U) << "all but " << bit;
        r.reg(IMC, ~0U);
        r.reg(ICR);
    }
}

TEST(E1000, TheInterruptIsThrottled) {
    E1000Rig r;
    r.reg(IMS, 0xffffffff);
    r.reg(ITR, 1000); // 256 us
    r.reg(ICS, RXT0);
    EXPECT_TRUE(r.irq()) << "the first one comes at once";
    r.reg(ICR);
    EXPECT_FALSE(r.irq());
    r.reg(ICS, RXT0);
    EXPECT_FALSE(r.irq());
    r.advance(255 * kMicrosecond);
    EXPECT_FALSE(r.irq());
    r.advance(2 * kMicrosecond);
    EXPECT_TRUE(r.irq());
    r.reg(ICR);
    r.advance(kSecond);
    r.reg(ICS, RXT0);
    EXPECT_TRUE(r.irq()) << "the interval has passed long ago";
    r.reg(ITR, 0);
    r.reg(ICR);
    r.advance(kSecond);
    r.reg(ICS, RXT0);
    r.reg(ICR);
    r.reg(ICS, RXT0);
    EXPECT_TRUE(r.irq()) << "not throttled any more";
}

/// A driver that looks at the causes 10 us after an interrupt, and a card at rest since.
struct E1000AnsweredRig : E1000Rig {
    static constexpr u64 kResponse = 10 * kMicrosecond;
    E1000AnsweredRig() {
        reg(IMS, TXDW | RXT0 | LSC);
        start();
        start_sending();
        reg(ICS, LSC);
        answer();
        advance(kSecond);
    }
    u32 answer() {
        advance(kResponse);
        return reg(ICR);
    }
};

TEST(E1000Mitigation, AReportOfASentFrameWaitsForAResponse) {
    E1000AnsweredRig r;
    r.send(make_frame(100));
    EXPECT_EQ(r.reg(ICS), TXDW | TXQE) << "whoever looks sees it";
    EXPECT_FALSE(r.irq());
    r.advance(r.kResponse - 1);
    EXPECT_FALSE(r.irq());
    r.advance(1);
    EXPECT_TRUE(r.irq());
}

TEST(E1000Mitigation, AReceivedFrameTakesItAlong) {
    E1000AnsweredRig r;
    r.send(make_frame(100));
    r.net.offer(make_frame(100));
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.answer(), TXDW | TXQE | RXT0);
    r.advance(kSecond);
    EXPECT_FALSE(r.irq());
}

TEST(E1000Mitigation, ReceivedFramesWaitOnlyWhereABusyDriverWasReadyJustNow) {
    E1000AnsweredRig r;
    for (int i = 0; i < 3; ++i) {
        r.net.offer(make_frame(100));
        EXPECT_TRUE(r.irq()) << "one at a time";
        r.answer();
    }
    for (unsigned i = 0; i < InterruptMitigation::kBusy; ++i)
        r.net.offer(make_frame(100));
    r.answer();
    r.advance(kSecond);
    r.net.offer(make_frame(100));
    EXPECT_TRUE(r.irq()) << "it has been ready for long";
    r.answer();
    r.net.offer(make_frame(100));
    EXPECT_FALSE(r.irq());
    r.advance(r.kResponse);
    EXPECT_TRUE(r.irq());
}

TEST(E1000Mitigation, AnythingElseIsReportedAtOnceAndManyFramesAre) {
    E1000AnsweredRig r;
    r.send(make_frame(100));
    r.reg(ICS, LSC);
    EXPECT_TRUE(r.irq());
    r.answer();
    for (unsigned i = 0; i < E1000::kLateFrames; ++i) {
        EXPECT_FALSE(r.irq()) << i;
        r.send(make_frame(100));
    }
    EXPECT_TRUE(r.irq());
}

TEST(E1000Mitigation, TheGuestsOwnThrottleHolds) {
    E1000AnsweredRig r;
    r.reg(ITR, 1000); // 256 us
    r.reg(ICS, LSC);
    r.answer();
    r.send(make_frame(100));
    r.advance(200 * kMicrosecond);
    EXPECT_FALSE(r.irq());
    r.advance(56 * kMicrosecond);
    EXPECT_TRUE(r.irq());
}

TEST(E1000, SoftwareResetKeepsThePhyAndTheBus) {
    E1000Rig r;
    r.phy(4, 0x0123);
    r.reg(MTA, 5);
    r.reg(RA, 0x11111111);
    r.reg(IMS, LSC);
    r.start();
    r.reg(CTRL, RST);
    EXPECT_EQ(r.reg(CTRL), 0x00140240U) << "clears itself";
    EXPECT_EQ(r.reg(MTA), 0U);
    EXPECT_EQ(r.reg(RCTL), 0U);
    EXPECT_EQ(r.reg(IMS), 0U);
    EXPECT_EQ(r.reg(RA), 0x003e1600U);
    EXPECT_EQ(r.phy(4), 0x0123);
    EXPECT_EQ(r.reg(STATUS) & 2, 2U);
    EXPECT_EQ(r.reg(ICR), 0U);
}

TEST(E1000, ResettingThePhyNegotiatesAnew) {
    E1000Rig r;
    r.phy(4, 0x0123);
    r.reg(CTRL, 0x00140240 | PHY_RST);
    EXPECT_EQ(r.reg(CTRL), 0x00140240U);
    EXPECT_EQ(r.phy(4), 0x0de1);
    EXPECT_EQ(r.reg(STATUS) & 2, 0U);
    r.advance(kSecond);
    EXPECT_EQ(r.reg(STATUS) & 2, 2U);
}

TEST(E1000, StatisticsAreClearedByReading) {
    E1000Rig r;
    for (int i = 0; i < 3; ++i)
        r.send(make_frame(200));
    EXPECT_EQ(r.reg(GPTC), 3U);
    EXPECT_EQ(r.reg(GPTC), 0U);
    EXPECT_EQ(r.reg(GOTCL), 3U * 258);
    EXPECT_EQ(r.reg(0x40e0), 0U);
    EXPECT_EQ(r.reg(0x40e4), 3U) << "256 to 511 bytes";
    r.reg(TPT, 77);
    EXPECT_EQ(r.reg(TPT), 3U) << "nobody writes them";
}

TEST(E1000, AnUnpluggedCardIsSilentForEver) {
    E1000Rig r;
    r.start();
    r.dev.unplug();
    EXPECT_TRUE(r.dev.unplugged());
    EXPECT_EQ(r.net.frontend, nullptr);
    EXPECT_EQ(r.dev.bar_address(0), std::nullopt) << "nothing answers where it was";
    EXPECT_EQ(r.reg(STATUS), 0xffffffffU);
    r.dev.reset();
    EXPECT_TRUE(r.dev.unplugged());
    r.enable();
    EXPECT_EQ(r.dev.bar_address(0), std::nullopt) << "not even when it is asked to";
    r.send(make_frame(100));
    EXPECT_TRUE(r.net.sent.empty());
}

TEST(E1000, AStateOfAnUnpluggedCardUnplugsTheNewOne) {
    E1000Rig r;
    r.dev.unplug();
    const std::vector<u8> image = snapshot(r);
    E1000Rig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_EQ(twin.net.frontend, nullptr);
    EXPECT_EQ(twin.dev.bar_address(0), std::nullopt);
    const std::vector<u8> fresh = snapshot(*std::make_unique<E1000Rig>());
    auto other = StateReader::open(fresh);
    ASSERT_TRUE(other.ok());
    EXPECT_FALSE(twin.dev.load(*other).ok()) << "it does not come back";
}

TEST(E1000, ALoadedCardTellsOfALinkThatIsAnother) {
    E1000Rig r;
    r.reg(IMS, LSC);
    const std::vector<u8> image = snapshot(r);
    E1000Rig twin;
    twin.net.link = false;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_TRUE(twin.irq());
    EXPECT_EQ(twin.reg(STATUS) & 2, 0U);
}

INSTANTIATE_TYPED_TEST_SUITE_P(E1000, DeviceConformance, E1000Rig);

} // namespace
} // namespace dm::test
