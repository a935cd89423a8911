#include "tests/devices/i8042_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::ElementsAre;

constexpr Port kData = I8042Rig::kData;
constexpr Port kStatus = I8042Rig::kStatus;
constexpr u8 kObf = I8042Rig::kObf;
constexpr u8 kAux = 0x20;
constexpr KeyCode kA = 0x1e;

struct I8042Test : testing::Test {
    I8042Rig r;
};

constexpr u8 kTranslate = 0x40;

TEST_F(I8042Test, StatusAfterResetIsUnlockedAndEmpty) {
    EXPECT_EQ(r.in(kStatus), 0x18U);
}

TEST_F(I8042Test, StatusTellsWhichPortWasWrittenLast) {
    r.out(kData, 0xee);
    EXPECT_EQ(r.in(kStatus)&0x08, 0x00U);
    r.command(0xae);
    EXPECT_EQ(r.in(kStatus)&0x08, 0x08U);
}

TEST_F(I8042Test, SelfTestAnswers55AndSetsTheSystemFlag) {
    r.command(0xaa);
    EXPECT_THAT(r.drain(), ElementsAre(0x55));
    EXPECT_EQ(r.in(kStatus)&0x04, 0x04U);
}

TEST_F(I8042Test, PortTestsAnswerZero) {
    r.command(0xab);
    EXPECT_THAT(r.drain(), ElementsAre(0x00));
    r.command(0xa9);
    EXPECT_THAT(r.drain(), ElementsAre(0x00));
}

TEST_F(I8042Test, TheModeByteReadsBackAsWritten) {
    r.command(0x20);
    EXPECT_THAT(r.drain(), ElementsAre(0x03));
    r.command(0x60, 0x65);
    r.command(0x20);
    EXPECT_THAT(r.drain(), ElementsAre(0x65));
}

TEST_F(I8042Test, DisablingThePortsShowsInTheModeByte) {
    r.command(0xa7);
    r.command(0xad);
    r.command(0x20);
    EXPECT_THAT(r.drain(), ElementsAre(0x33));
    r.command(0xa8);
    r.command(0xae);
    r.command(0x20);
    EXPECT_THAT(r.drain(), ElementsAre(0x03));
}

TEST_F(I8042Test, InternalRamReadsBackAsWritten) {
    r.command(0x65, 0xab);
    r.command(0x25);
    EXPECT_THAT(r.drain(), ElementsAre(0xab));
}

TEST_F(I8042Test, InputPortSaysUnlockedAndPasswordSaysNone) {
    r.command(0xc0);
    EXPECT_THAT(r.drain(), ElementsAre(0x80));
    r.command(0xa4);
    EXPECT_THAT(r.drain(), ElementsAre(0xf1));
}

TEST_F(I8042Test, SeaBiosSetsTheKeyboardUp) {
    r.command(0xad);
    r.command(0xa7);
    r.command(0xaa);
    EXPECT_THAT(r.drain(), ElementsAre(0x55));
    r.command(0xab);
    EXPECT_THAT(r.drain(), ElementsAre(0x00));
    r.out(kData, 0xff);
    EXPECT_THAT(r.drain(), ElementsAre(0xfa, 0xaa));
    r.out(kData, 0xf5);
    EXPECT_THAT(r.drain(), ElementsAre(0xfa));
    r.out(kData, 0xf0);
    EXPECT_THAT(r.drain(), ElementsAre(0xfa));
    r.out(kData, 0x02);
    EXPECT_THAT(r.drain(), ElementsAre(0xfa));
    r.command(0x60, 0x61);
    r.out(kData, 0xf4);
    EXPECT_THAT(r.drain(), ElementsAre(0xfa));
    r.input.key(kA, true);
    EXPECT_THAT(r.drain(), ElementsAre(0x1e));
}

TEST_F(I8042Test, LinuxFindsTheAuxPort) {
    r.command(0xd3, 0x5a); // loopback
    EXPECT_EQ(r.in(kStatus) & (kObf | kAux), kObf | kAux);
    EXPECT_EQ(r.get(), 0x5a);
    r.command(0xa7);
    r.command(0x20);
    EXPECT_EQ(r.get() & 0x20, 0x20);
    r.command(0xa8);
    r.command(0x60, 0x02);
    r.command(0xd3, 0xa5);
    EXPECT_TRUE(r.isa.level(12));
    EXPECT_EQ(r.get(), 0xa5);
}

TEST_F(I8042Test, AByteWrittenToTheKeyboardsBufferReadsAsTheKeyboards) {
    r.command(0xd2, 0x77);
    EXPECT_TRUE(r.isa.level(1));
    EXPECT_EQ(r.in(kStatus) & (kObf | kAux), kObf);
    EXPECT_EQ(r.get(), 0x77);
}

// ----------------------------------------------------------------------------------------- bytes and
// interrupts

TEST_F(I8042Test, AKeyRaisesIrq1UntilItIsRead) {
    r.input.key(kA, true);
    EXPECT_TRUE(r.isa.level(1));
    EXPECT_EQ(r.get(), 0x1c);
    EXPECT_FALSE(r.isa.level(1));
}

TEST_F(I8042Test, MouseBytesCarryTheAuxFlagAndRaiseIrq12) {
    r.command(0xd4, 0xf4);
    EXPECT_TRUE(r.isa.level(12));
    EXPECT_FALSE(r.isa.level(1));
    EXPECT_EQ(r.in(kStatus)&kAux, kAux);
    EXPECT_EQ(r.get(), 0xfa);
    EXPECT_EQ(r.in(kStatus) & (kObf | kAux), 0U);
}

TEST_F(I8042Test, EveryByteMakesAnEdgeOfItsOwn) {
    r.command(0xd4, 0xff);
    const unsigned before = r.isa.raised;
    EXPECT_EQ(r.get(), 0xfa);
    EXPECT_TRUE(r.isa.level(12));
    EXPECT_EQ(r.get(), 0xaa);
    EXPECT_EQ(r.get(), 0x00);
    EXPECT_EQ(r.isa.raised, before + 2);
}

TEST_F(I8042Test, InterruptsThatAreOffInTheModeByteStayLow) {
    r.command(0x60, 0x00);
    r.input.key(kA, true);
    EXPECT_TRUE(r.full());
    EXPECT_FALSE(r.isa.level(1));
    r.command(0x60, 0x01);
    EXPECT_TRUE(r.isa.level(1)) << "the byte is still there";
}

TEST_F(I8042Test, TheKeyboardGoesBeforeTheMouse) {
    r.command(0xd4, 0xf4);
    r.get();
    r.input.key(kA, true); // fills the output buffer
    r.input.key(kA, false);
    r.input.pointer(0, 0, 800, 600, 0);
    r.input.pointer(1, 0, 800, 600, 0);
    EXPECT_EQ(r.get(), 0x1c);
    EXPECT_EQ(r.get(), 0x08) << "the mouse may use the pause between two keys";
    r.advance(kMillisecond);
    EXPECT_EQ(r.get(), 1);
    EXPECT_EQ(r.get(), 0xf0);
    EXPECT_EQ(r.get(), 0) << "the rest of the report";
}

TEST_F(I8042Test, KeyboardEventsKeepAQuarterOfAMillisecondBetweenThem) {
    r.input.key(kA, true);
    r.input.key(kA, false);
    EXPECT_EQ(r.get(), 0x1c);
    r.advance(249 * kMicrosecond);
    EXPECT_FALSE(r.full());
    r.advance(1 * kMicrosecond);
    EXPECT_TRUE(r.isa.level(1));
    EXPECT_EQ(r.get(), 0xf0);
}

TEST_F(I8042Test, ItIsAMillisecondWhereABiosReadsThem) {
    r.input.key(kA, true);
    r.input.key(kA, false);
    EXPECT_EQ(r.get(), 0x1c);
    r.command(0xae); // as interrupt 9 ends
    r.advance(999 * kMicrosecond);
    EXPECT_FALSE(r.full());
    r.advance(1 * kMicrosecond);
    EXPECT_EQ(r.get(), 0xf0);
    r.advance(999 * kMicrosecond);
    EXPECT_FALSE(r.full()) << "from now on each of them";
    r.advance(1 * kMicrosecond);
    EXPECT_EQ(r.get(), 0x1c);
    r.command(0x60, 0x03); // a system's own driver
    r.input.key(kA, true);
    r.input.key(kA, false);
    r.advance(kMillisecond);
    EXPECT_EQ(r.get(), 0x1c);
    r.advance(250 * kMicrosecond);
    EXPECT_EQ(r.get(), 0xf0);
}

TEST_F(I8042Test, KeyboardEventsKeepAMillisecondBetweenThemWhereHandlersAreChained) {
    r.input.key(kA, true);
    r.input.key(kA, false);
    EXPECT_EQ(r.get(), 0x1c);
    EXPECT_FALSE(r.full());
    EXPECT_EQ(r.get(), 0x1c) << "a chained interrupt handler reads the same byte again";
    r.advance(999 * kMicrosecond);
    EXPECT_FALSE(r.full());
    r.advance(1 * kMicrosecond);
    EXPECT_TRUE(r.isa.level(1));
    EXPECT_EQ(r.get(), 0xf0);
}

TEST_F(I8042Test, AKeyWhoseTurnComesWhileTheControllerLooksIsNotForgotten) {
    r.input.key(kA, true);
    r.input.key(kA, false);
    r.clock.per_look = 100 * kMicrosecond;
    EXPECT_EQ(r.get(), 0x1c);
    r.clock.per_look = 0;
    r.advance(kMillisecond);
    EXPECT_EQ(r.get(), 0xf0);
}

TEST_F(I8042Test, RepliesDoNotWait) {
    r.input.key(kA, true);
    EXPECT_EQ(r.get(), 0x1c);
    r.out(kData, 0xf2);
    EXPECT_EQ(r.get(), 0xfa);
    EXPECT_EQ(r.get(), 0xab);
    EXPECT_EQ(r.get(), 0x83);
}

TEST_F(I8042Test, WithoutAKeyThatWaitsNoTimerRuns) {
    r.input.key(kA, true);
    r.get();
    EXPECT_FALSE(r.keyboard_waits());
    r.input.key(kA, false);
    EXPECT_TRUE(r.keyboard_waits());
    r.advance(kMillisecond);
    r.drain();
    ASSERT_FALSE(r.full());
    EXPECT_FALSE(r.keyboard_waits());
}

TEST_F(I8042Test, TranslationTurnsSet2IntoSet1) {
    r.command(0x60, 0x03 | kTranslate);
    r.input.key(kA, true);
    r.input.key(kA, false);
    r.input.key(0xc8, true); // cursor up
    r.input.key(0xc8, false);
    EXPECT_THAT(r.drain(), ElementsAre(0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8));
}

TEST_F(I8042Test, TranslationAlsoMeetsTheKeyboardsIdAsDriversExpect) {
    r.command(0x60, 0x03 | kTranslate);
    r.out(kData, 0xf2);
    EXPECT_THAT(r.drain(), ElementsAre(0xfa, 0xab, 0x41));
    r.command(0x60, 0x03);
    r.out(kData, 0xf2);
    EXPECT_THAT(r.drain(), ElementsAre(0xfa, 0xab, 0x83));
}

TEST_F(I8042Test, PauseArrivesAsDosKnowsIt) {
    r.command(0x60, 0x03 | kTranslate);
    r.input.key(kKeyPause, true);
    EXPECT_THAT(r.drain(), ElementsAre(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5));
}

TEST_F(I8042Test, ADisabledKeyboardKeepsItsKeysUntilItIsEnabled) {
    r.command(0xad);
    r.input.key(kA, true);
    EXPECT_FALSE(r.full());
    r.command(0xae);
    EXPECT_THAT(r.drain(), ElementsAre(0x1c));
}

TEST_F(I8042Test, SpeakingToADeviceEnablesIt) {
    r.command(0xad);
    r.command(0xa7);
    r.out(kData, 0xee);
    EXPECT_THAT(r.drain(), ElementsAre(0xee));
    r.command(0xd4, 0xf2);
    EXPECT_THAT(r.drain(), ElementsAre(0xfa, 0x00));
    r.command(0x20);
    EXPECT_THAT(r.drain(), ElementsAre(0x03));
}

TEST_F(I8042Test, AControllersAnswerWaitsForTheByteThatIsThere) {
    r.input.key(kA, true);
    r.command(0x20);
    EXPECT_EQ(r.get(), 0x1c);
    EXPECT_EQ(r.get(), 0x03);
}

TEST_F(I8042Test, AReplyThatOvertakesABreakCodeLeavesItWhole) {
    r.command(0x60, 0x03 | kTranslate);
    r.input.key(kA, true);
    r.input.key(kA, false); // F0 waits in the keyboard
    r.out(kData, 0xee);
    EXPECT_THAT(r.drain(), ElementsAre(0x1e, 0xee, 0x9e));
}

// --------------------------------------------------------------------------------------------- reset and A20

TEST_F(I8042Test, AKeyThatWaitsForItsTurnArrivesInARestoredMachine) {
    r.input.key(kA, true);
    r.get();
    r.input.key(kA, false);
    ASSERT_FALSE(r.full());
    ASSERT_TRUE(r.keyboard_waits());
    const std::vector<u8> image = snapshot(r);

    I8042Rig twin;
    twin.copy_surroundings(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.device().load(*reader).ok());
    ASSERT_FALSE(twin.full());
    twin.advance(2 * kMillisecond);
    EXPECT_TRUE(twin.full());
}

TEST_F(I8042Test, PulsingTheResetLineResetsTheMachine) {
    r.command(0xfe);
    EXPECT_EQ(r.resets, 1U);
    r.command(0xff);
    r.command(0xf1);
    EXPECT_EQ(r.resets, 1U) << "bit 0 is set: the line is not pulsed";
    r.command(0xf0);
    EXPECT_EQ(r.resets, 2U);
}

TEST_F(I8042Test, TheOutputPortResetsTheMachineWhenBit0IsClear) {
    r.command(0xd1, 0xdf);
    EXPECT_EQ(r.resets, 0U);
    r.command(0xd1, 0xde);
    EXPECT_EQ(r.resets, 1U);
}

TEST_F(I8042Test, A20FollowsTheOutputPortAndItsCommands) {
    r.command(0xd1, 0xcd);
    r.command(0xd1, 0xcf);
    r.command(0xdd);
    r.command(0xdd);
    r.command(0xdf);
    EXPECT_THAT(r.a20, ElementsAre(false, true, false, true));
    r.command(0xdd);
    r.dev.reset();
    EXPECT_TRUE(r.a20.back());
}

TEST_F(I8042Test, TheOutputPortShowsWhoseByteIsInTheBuffer) {
    r.command(0xd0);
    EXPECT_THAT(r.drain(), ElementsAre(0xcf));
    r.input.key(kA, true);
    r.command(0xd0);
    EXPECT_THAT(r.drain(), ElementsAre(0x1c, 0xdf));
}

TEST_F(I8042Test, AMachineResetInsideTheWriteIsSafe) {
    I8042* self = nullptr;
    Ps2Keyboard keyboard{"k", r.timers};
    Ps2Mouse mouse{"m"};
    I8042 dev{"c", r.timers,
              I8042::Wiring{.keyboard_irq = {},
                            .aux_irq = {},
                            .keyboard = keyboard,
                            .aux = mouse,
                            .reset_machine = [&] { self->reset(); },
                            .set_a20 = {}}};
    self = &dev;
    dev.write(I8042::STATUS_COMMAND, 1, 0xd1);
    dev.write(I8042::DATA, 1, 0x00);
    EXPECT_EQ(dev.read(I8042::STATUS_COMMAND, 1), 0x18U);
}

TEST_F(I8042Test, AllCommandsWithAndWithoutAParameterLeaveAWorkingController) {
    for (unsigned byte = 0; byte < 256; ++byte) {
        r.trio.reset();
        r.command(static_cast<u8>(byte));
        if (byte % 2 == 0) r.out(kData, 0x00);
        r.drain();
        r.command(0xaa);
        EXPECT_THAT(r.drain(), ElementsAre(0x55)) << byte;
    }
}

TEST_F(I8042Test, AMillionHostEventsWithoutAGuestAreBounded) {
    r.command(0xd4, 0xf4);
    r.drain();
    Rng rng(1);
    for (int i = 0; i < 200'000; ++i) {
        r.input.key(static_cast<KeyCode>(rng.below(128)), rng.one_in(2));
        r.input.pointer(static_cast<unsigned>(rng.below(800)), 0, 800, 600, static_cast<u8>(rng.below(8)));
    }
    r.keyboard_input.release_all();
    r.mouse_input.release_all();
    EXPECT_LT(r.drain().size(), 4 * Ps2Keyboard::kEvents);
}

INSTANTIATE_TYPED_TEST_SUITE_P(I8042, DeviceConformance, I8042Rig);

} // namespace
} // namespace dm::test
