// High Definition Audio controller: configuration space, registers, command rings, interrupts, state (HDA
// specification 1.0a, chapters 3 and 4).
#include "tests/devices/hda_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace hda;
using namespace hda_rig;

struct HdaTest : testing::Test, HdaRig {};

// ----------------------------------------------------------------------------------------------- registers

TEST_F(HdaTest, IsTheFunctionThatDriversLookFor) {
    const auto config = [&](unsigned r, unsigned size) { return pci.config_read(kBdf, r, size); };
    EXPECT_EQ(config(0, 4), 0x26688086U);
    EXPECT_EQ(config(8, 4), 0x04030001U);
    EXPECT_EQ(config(0x3d, 1), 1U);
    EXPECT_EQ(config(0x34, 1), 0U); // no capabilities
    EXPECT_EQ(config(0x40, 1), 1U);
    pci.config_write(kBdf, 0x40, 1, 0);
    EXPECT_EQ(config(0x40, 1), 1U);
    pci.config_write(kBdf, 0x44, 1, 0xff);
    EXPECT_EQ(config(0x44, 1), 7U);
    pci.config_write(kBdf, 0x10, 4, 0xffffffff);
    EXPECT_EQ(config(0x10, 4), 0xffffc000U);
    HdaTwoCodecsRig other;
    EXPECT_EQ(other.pci.config_read(kBdf, 0, 4), 0x293e8086U);
    EXPECT_EQ(other.pci.config_read(kBdf, 8, 4), 0x04030003U);
}

TEST_F(HdaTest, SaysWhatItHas) {
    EXPECT_EQ(reg(GCAP, 2), 0x4401U);
    EXPECT_EQ(reg(GCAP + 2, 1), 0U);
    EXPECT_EQ(reg(GCAP + 3, 1), 1U);
    EXPECT_EQ(reg(OUTPAY, 2), 0x3cU);
    EXPECT_EQ(reg(OUTPAY + 2, 2), 0x1dU);
    EXPECT_EQ(reg(CORBCTL + 2, 1), 0x42U);
    EXPECT_EQ(reg(RIRBCTL + 2, 1), 0x42U);
    EXPECT_EQ(reg(sd(0, SDFIFOS), 2), 0x77U);
    EXPECT_EQ(reg(sd(4, SDFIFOS), 2), 0xbfU);
    EXPECT_EQ(reg(sd(8, 0)), 0U); // there is no ninth
}

TEST_F(HdaTest, TheLinkLeavesItsResetAndCodecsSaySo) {
    EXPECT_EQ(reg(GCTL), 0U);
    EXPECT_EQ(reg(WAKEEN + 2, 2), 0U);
    link_up();
    EXPECT_EQ(reg(GCTL), CRST);
    EXPECT_EQ(reg(WAKEEN + 2, 2), 1U);
    set(GCTL, UNSOL | CRST);
    EXPECT_EQ(reg(GCTL), UNSOL | CRST);
    EXPECT_EQ(reg(WAKEEN + 2, 2), 1U);
    set(WAKEEN + 2, 1, 1);
    EXPECT_EQ(reg(WAKEEN + 2, 2), 0U);
    HdaTwoCodecsRig other;
    other.link_up();
    EXPECT_EQ(other.reg(WAKEEN + 2, 2), 9U);
}

TEST_F(HdaTest, InResetOnlyWhatWakesTheLinkIsHeard) {
    set(INTCTL, 0xffffffff);
    set(CORBLBASE, kCorb);
    set(sd(4, SDCBL), 100);
    set(sd(4, SDCTL), 2, 1);
    EXPECT_EQ(reg(INTCTL), 0U);
    EXPECT_EQ(reg(CORBLBASE), 0U);
    EXPECT_EQ(reg(sd(4, SDCBL)), 0U);
    EXPECT_EQ(reg(sd(4, SDCTL)), 0U);
    set(WAKEEN, 5, 2);
    EXPECT_EQ(reg(WAKEEN, 2), 5U);
}

TEST_F(HdaTest, AResetOfTheLinkForgetsAllButWhoWokeIt) {
    start();
    set(WAKEEN, 1, 2);
    prepare(4, k48Stereo, 2, 1920);
    ask(kDac, 0x70650);
    set(GCTL, 0);
    EXPECT_EQ(reg(GCTL), 0U);
    EXPECT_EQ(reg(CORBLBASE), 0U);
    EXPECT_EQ(reg(CORBWP), 0U);
    EXPECT_EQ(reg(INTCTL), 0U);
    EXPECT_EQ(reg(sd(4, SDCBL)), 0U);
    EXPECT_EQ(reg(WAKEEN), 0x00010001U);
    start();
    EXPECT_EQ(ask(kDac, 0xf0600), 0U);
}

TEST_F(HdaTest, AWakingCodecInterruptsWhereThatIsWanted) {
    set(WAKEEN, 1, 2);
    link_up();
    EXPECT_EQ(reg(INTSTS), CIE);
    set(INTCTL, GIE | CIE);
    EXPECT_EQ(reg(INTSTS), GIE | CIE);
    EXPECT_TRUE(irq());
    set(WAKEEN + 2, 0x7fff, 2);
    EXPECT_FALSE(irq());
}

TEST_F(HdaTest, TheWallClockRunsAt24MHz) {
    EXPECT_EQ(reg(WALCLK), 0U);
    advance(kSecond);
    EXPECT_EQ(reg(WALCLK), 0U); // in reset
    link_up();
    advance(10 * kMicrosecond);
    EXPECT_EQ(reg(WALCLK), 240U);
    EXPECT_EQ(reg(kAlias + WALCLK), 240U);
    advance(1000 * kSecond);
    EXPECT_EQ(reg(WALCLK), static_cast<u32>(u64{24'000'000} * 1000 + 240));
    set(WALCLK, 0);
    EXPECT_NE(reg(WALCLK), 0U);
}

TEST_F(HdaTest, AFlushIsDoneAtOnce) {
    link_up();
    set(GCTL, CRST | FCNTRL);
    EXPECT_EQ(reg(GCTL), CRST);
    EXPECT_EQ(reg(GSTS, 2), FSTS);
    set(GSTS, FSTS, 2);
    EXPECT_EQ(reg(GSTS, 2), 0U);
}

TEST_F(HdaTest, RegistersAreWrittenInWholeOrInPart) {
    link_up();
    for (unsigned i = 0; i < 4; ++i)
        set(CORBLBASE + i, 0x9f + i, 1);
    EXPECT_EQ(reg(CORBLBASE), 0xa2a1a080U);
    set(CORBLBASE + 3, 0x1234, 2); // over the end of a register
    EXPECT_EQ(reg(CORBLBASE), 0x34a1a080U);
    EXPECT_EQ(reg(CORBUBASE), 0x12U);
    EXPECT_EQ(reg(CORBLBASE + 3, 2), 0x1234U);
    EXPECT_EQ(reg(CORBLBASE + 1, 4), 0x1234a1a0U);
    memory.write(kBase + RIRBLBASE, 8, 0x00000001'23456789);
    EXPECT_EQ(memory.read(kBase + RIRBLBASE, 8), 0x00000001'23456780U);
    set(RIRBWP + 2, 0x1ff, 2);
    EXPECT_EQ(reg(RIRBWP + 2, 2), 0xffU);
    set(DPLBASE, 0xffffffff);
    EXPECT_EQ(reg(DPLBASE), 0xffffff81U);
    set(INTCTL, 0xffffffff);
    EXPECT_EQ(reg(INTCTL), 0xc00000ffU);
}

TEST_F(HdaTest, SsyncIsWhereTheChipAndWhereTheSpecificationHasIt) {
    link_up();
    set(ICH_SSYNC, 0x35);
    EXPECT_EQ(reg(SSYNC), 0x35U);
    set(SSYNC, 0xfff);
    EXPECT_EQ(reg(ICH_SSYNC), 0xffU);
}

// ------------------------------------------------------------------------------------------- command rings

TEST_F(HdaTest, TheReadPointerIsResetByAHandshake) {
    start();
    command(verb(0, 0, 0xf0000));
    EXPECT_EQ(reg(CORBWP + 2, 2), 1U);
    set(CORBCTL, 0, 1);
    set(CORBWP + 2, 0x8000, 2);
    EXPECT_EQ(reg(CORBWP + 2, 2), 0x8000U);
    set(CORBWP + 2, 0, 2);
    EXPECT_EQ(reg(CORBWP + 2, 2), 0U);
    set(CORBWP + 2, 5, 2); // the pointer itself is the controller's
    EXPECT_EQ(reg(CORBWP + 2, 2), 0U);
}

TEST_F(HdaTest, AnswersCommandsInTheRing) {
    start();
    EXPECT_EQ(command(verb(0, 0, 0xf0000)), 0x1af40022U);
    EXPECT_EQ(reg(CORBWP + 2, 2), 1U);
    EXPECT_EQ(reg(RIRBWP, 2), 1U);
    queue(verb(0, 0, 0xf0002));
    queue(verb(0, 1, 0xf0004));
    EXPECT_FALSE(response()); // not told of them yet
    send();
    EXPECT_EQ(response(), 0x00100101U);
    EXPECT_EQ(response(), 0x00020004U);
    EXPECT_FALSE(response());
    HdaTwoCodecsRig other;
    other.start();
    EXPECT_EQ(other.command(verb(3, 0, 0xf0000)), 0x3'1af40032U); // with the codec's address
}

TEST_F(HdaTest, RingsGoRound) {
    start();
    for (u32 i = 0; i < 600; ++i) {
        ask(kDac, 0x70600 | (i & 0xff));
        ASSERT_EQ(ask(kDac, 0xf0600), i & 0xff);
    }
    for (unsigned i = 0; i < 255; ++i) // as many as it holds
        queue(verb(0, 0, 0xf0000));
    send();
    for (unsigned i = 0; i < 255; ++i)
        ASSERT_EQ(response(), 0x1af40022U);
    EXPECT_FALSE(response());
}

TEST_F(HdaTest, NobodyAnswersForACodecThatIsNotThere) {
    start();
    for (u32 address = 1; address < 16; ++address)
        EXPECT_FALSE(command(verb(address, 0, 0xf0000)));
    EXPECT_EQ(reg(RIRBCTL + 1, 1), 0U);
    EXPECT_EQ(command(verb(0, 0, 0xf0000) | 0x08000000), 0U); // indirect
}

TEST_F(HdaTest, ResponsesInterrupt) {
    start();
    command(verb(0, 0, 0xf0000));
    EXPECT_EQ(reg(RIRBCTL + 1, 1), RINTFL);
    EXPECT_EQ(reg(INTSTS), GIE | CIE);
    EXPECT_TRUE(irq());
    set(RIRBCTL + 1, RINTFL | ROIS, 1);
    EXPECT_FALSE(irq());
    EXPECT_EQ(reg(INTSTS), 0U);
    set(INTCTL, CIE);
    command(verb(0, 0, 0xf0000));
    EXPECT_FALSE(irq()); // not in general
    set(INTCTL, GIE);
    EXPECT_EQ(reg(INTSTS), CIE);
    EXPECT_FALSE(irq()); // nor of the controller
    set(INTCTL, GIE | CIE);
    EXPECT_TRUE(irq());
    pci.config_write(kBdf, pci::COMMAND, 2, 0x406);
    EXPECT_FALSE(irq());
    pci.config_write(kBdf, pci::COMMAND, 2, 0x6);
    set(RIRBCTL, RIRB_DMA, 1);
    EXPECT_FALSE(irq()); // nor of responses
    EXPECT_EQ(reg(RIRBCTL + 1, 1), RINTFL);
}

TEST_F(HdaTest, ARingOutsideOfRamIsAMemoryError) {
    start();
    set(CORBCTL, CORB_RUN | CMEIE, 1);
    set(CORBUBASE, 1);
    queue(verb(0, 0, 0xf0000));
    send();
    EXPECT_EQ(reg(CORBCTL, 2), CMEI << 8 | CMEIE);
    EXPECT_TRUE(irq());
    set(CORBCTL + 1, CMEI, 1);
    EXPECT_FALSE(irq());
    set(CORBUBASE, 0);
    set(CORBCTL, CORB_RUN, 1);
    EXPECT_EQ(reg(CORBCTL, 1), 0U); // until the link is reset
    start();
    EXPECT_EQ(command(verb(0, 0, 0xf0000)), 0x1af40022U);
}

TEST_F(HdaTest, ResponsesThatHaveNowhereToGoAreAnOverrun) {
    start();
    set(RIRBCTL, ROIC, 1);
    EXPECT_FALSE(command(verb(0, 0, 0xf0000)));
    EXPECT_EQ(reg(RIRBCTL + 1, 1) & ROIS, ROIS);
    EXPECT_TRUE(irq());
    set(RIRBCTL + 1, ROIS, 1);
    EXPECT_FALSE(irq());
    set(RIRBCTL, RIRB_DMA, 1);
    set(RIRBUBASE, 1);
    EXPECT_FALSE(command(verb(0, 0, 0xf0000)));
    EXPECT_EQ(reg(RIRBCTL + 1, 1) & ROIS, ROIS);
}

TEST_F(HdaTest, WithoutBusMasteringCommandsWait) {
    start();
    pci.config_write(kBdf, pci::COMMAND, 2, 2);
    EXPECT_FALSE(command(verb(0, 0, 0xf0000)));
    pci.config_write(kBdf, pci::COMMAND, 2, 6);
    EXPECT_EQ(response(), 0x1af40022U);
}

TEST_F(HdaTest, ImmediateCommandsNeedNoRings) {
    link_up();
    const auto single = [&](u32 word) {
        EXPECT_EQ(reg(ICIS, 2) & ICB, 0U);
        set(ICIS, reg(ICIS, 2) | IRV, 2);
        EXPECT_EQ(reg(ICIS, 2) & IRV, 0U);
        set(ICOI, word);
        set(ICIS, reg(ICIS, 2) | ICB, 2);
        return (reg(ICIS, 2) & (IRV | ICB)) == IRV;
    };
    EXPECT_TRUE(single(verb(0, 0, 0xf0000)));
    EXPECT_EQ(reg(ICII), 0x1af40022U);
    EXPECT_FALSE(single(verb(1, 0, 0xf0000)));
    EXPECT_TRUE(single(verb(0, 1, 0xf0004)));
    EXPECT_EQ(reg(ICII), 0x00020004U);
    set(ICII, 0);
    EXPECT_EQ(reg(ICII), 0x00020004U);
}

// --------------------------------------------------------------------------------------------------- state

TEST_F(HdaTest, CodecsAreSavedWithTheController) {
    start();
    ask(kDac, 0x70650);
    HdaRig twin;
    twin.copy_surroundings(*this);
    const std::vector<u8> image = snapshot(*this);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    ASSERT_TRUE(reader->finish().ok());
    EXPECT_EQ(twin.ask(kDac, 0xf0600), 0x50U);
    HdaTwoCodecsRig other; // has other codecs
    auto again = StateReader::open(image);
    EXPECT_FALSE(other.dev.load(*again).ok());
}

TEST_F(HdaTest, AResetOfTheMachineResetsCodecsToo) {
    start();
    ask(kOut, 0x71c99);
    dev.reset();
    enable();
    start();
    EXPECT_EQ(ask(kOut, 0xf1c00), 0x00004010U);
}

TEST_F(HdaTest, AfterSleepTheHeaderIsThere) {
    start();
    dev.wake_reset();
    EXPECT_EQ(reg(GCAP), kGcap);
    EXPECT_EQ(reg(GCTL), 0U);
    start();
    EXPECT_EQ(ask(0, 0xf0000), 0x1af40022U);
}

INSTANTIATE_TYPED_TEST_SUITE_P(IntelHda, DeviceConformance, HdaRig);
INSTANTIATE_TYPED_TEST_SUITE_P(IntelHdaTwoCodecs, DeviceConformance, HdaTwoCodecsRig);

} // namespace
} // namespace dm::test
