#include "tests/devices/ps2_keyboard_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using Kbd = Ps2Keyboard;

constexpr KeyCode kA = 0x1e; // 1C in sets 2 and 3
constexpr KeyCode kB = 0x30; // 32

struct Ps2KeyboardTest : testing::Test {
    KeyboardRig r;
    Kbd& kbd = r.dev;
    std::vector<u8> ask(std::initializer_list<u8> bytes) { return r.cable.ask(bytes); }
    std::vector<u8> sent() { return r.cable.drain(); }
};

TEST_F(Ps2KeyboardTest, ResetIsAcknowledgedAndFollowedByTheSelfTest) {
    EXPECT_THAT(ask({Kbd::RESET}), ElementsAre(0xfa, 0xaa));
}

TEST_F(Ps2KeyboardTest, ItsIdIsAb83) {
    EXPECT_THAT(ask({Kbd::READ_ID}), ElementsAre(0xfa, 0xab, 0x83));
}

TEST_F(Ps2KeyboardTest, EchoIsNotAcknowledgedButEchoed) {
    EXPECT_THAT(ask({Kbd::ECHO}), ElementsAre(0xee));
}

TEST_F(Ps2KeyboardTest, UnknownCommandsAreAskedForAgain) {
    EXPECT_THAT(ask({0x05}), ElementsAre(0xfe));
    EXPECT_THAT(ask({0xf1}), ElementsAre(0xfe));
    EXPECT_THAT(ask({0x00}), ElementsAre(0xfa));
}

TEST_F(Ps2KeyboardTest, ResendRepeatsTheLastByte) {
    ask({Kbd::READ_ID});
    EXPECT_THAT(ask({Kbd::RESEND}), ElementsAre(0x83));
}

TEST_F(Ps2KeyboardTest, EveryCommandByteGetsAnAnswer) {
    for (unsigned byte = 0; byte < 256; ++byte) {
        kbd.reset();
        EXPECT_FALSE(ask({static_cast<u8>(byte)}).empty()) << byte;
        EXPECT_FALSE(ask({static_cast<u8>(byte)}).empty()) << byte << " twice";
    }
}

TEST_F(Ps2KeyboardTest, LedsAreReportedWhenTheyChange) {
    EXPECT_THAT(ask({Kbd::SET_LEDS, 0x06, Kbd::SET_LEDS, 0x06}), ElementsAre(0xfa, 0xfa, 0xfa, 0xfa));
    EXPECT_THAT(r.leds, ElementsAre(0x06));
    ask({Kbd::RESET});
    EXPECT_THAT(r.leds, ElementsAre(0x06, 0x00));
}

TEST_F(Ps2KeyboardTest, ACommandInsteadOfAParameterReplacesTheCommandBefore) {
    EXPECT_THAT(ask({Kbd::SET_LEDS, Kbd::ECHO, 0x07}), ElementsAre(0xfa, 0xee, 0xfe));
    EXPECT_THAT(r.leds, IsEmpty());
}

TEST_F(Ps2KeyboardTest, KeysAreSentInSet2AfterPowerOn) {
    kbd.key(kA, true);
    kbd.key(kA, false);
    EXPECT_THAT(sent(), ElementsAre(0x1c, 0xf0, 0x1c));
    EXPECT_GE(r.cable.offers, 1U);
}

TEST_F(Ps2KeyboardTest, ScanSet1CanBeChosenAndAskedFor) {
    EXPECT_THAT(ask({Kbd::SET_SCAN_SET, 0x01, Kbd::SET_SCAN_SET, 0x00}),
                ElementsAre(0xfa, 0xfa, 0xfa, 0xfa, 0x01));
    kbd.key(kA, true);
    kbd.key(kA, false);
    EXPECT_THAT(sent(), ElementsAre(0x1e, 0x9e));
}

TEST_F(Ps2KeyboardTest, AScanSetThatDoesNotExistIsAskedForAgain) {
    EXPECT_THAT(ask({Kbd::SET_SCAN_SET, 0x04, 0x03}), ElementsAre(0xfa, 0xfe, 0xfa));
}

TEST_F(Ps2KeyboardTest, InSet3OrdinaryKeysSendNoBreakAfterPowerOnButShiftDoes) {
    ask({Kbd::SET_SCAN_SET, 0x03});
    kbd.key(kA, true);
    kbd.key(kA, false);
    kbd.key(kKeyLeftShift, true);
    kbd.key(kKeyLeftShift, false);
    EXPECT_THAT(sent(), ElementsAre(0x1c, 0x12, 0xf0, 0x12));
}

TEST_F(Ps2KeyboardTest, InSet3AllKeysSendBreaksWhenAskedTo) {
    ask({Kbd::SET_SCAN_SET, 0x03, Kbd::ALL_TYPEMATIC_MAKE_BREAK});
    kbd.key(kA, true);
    kbd.key(kA, false);
    EXPECT_THAT(sent(), ElementsAre(0x1c, 0xf0, 0x1c));
}

TEST_F(Ps2KeyboardTest, InSet3SingleKeysCanBeGivenAType) {
    ask({Kbd::SET_SCAN_SET, 0x03});
    EXPECT_THAT(ask({Kbd::KEY_MAKE_BREAK, 0x1c, 0x32, Kbd::ENABLE}), ElementsAre(0xfa, 0xfa, 0xfa, 0xfa));
    for (const KeyCode key : {kA, kB}) {
        kbd.key(key, true);
        kbd.key(key, false);
    }
    EXPECT_THAT(sent(), ElementsAre(0x1c, 0xf0, 0x1c, 0x32, 0xf0, 0x32));
}

TEST_F(Ps2KeyboardTest, AKeyWithoutACodeInSet3IsSilent) {
    ask({Kbd::SET_SCAN_SET, 0x03});
    kbd.key(0xa0, true); // mute
    EXPECT_EQ(kbd.ps2_pending(), Ps2Pending::Nothing);
    kbd.key(kA, true);
    EXPECT_THAT(sent(), ElementsAre(0x1c));
}

TEST_F(Ps2KeyboardTest, RepliesOvertakeKeysThatWait) {
    kbd.key(kA, true);
    kbd.key(kB, true);
    EXPECT_EQ(kbd.ps2_take(), 0x1c);
    kbd.ps2_write(Kbd::SET_LEDS);
    EXPECT_EQ(kbd.ps2_pending(), Ps2Pending::Reply);
    EXPECT_THAT(sent(), ElementsAre(0xfa, 0x32));
}

TEST_F(Ps2KeyboardTest, ADisabledKeyboardIsSilentAndAnEnabledOneStartsAfresh) {
    kbd.key(kA, true);
    ask({Kbd::DEFAULT_DISABLE});
    kbd.key(kB, true);
    kbd.key(kB, false);
    EXPECT_THAT(sent(), IsEmpty());
    ask({Kbd::ENABLE});
    EXPECT_THAT(sent(), IsEmpty());
    kbd.key(kB, true);
    EXPECT_THAT(sent(), ElementsAre(0x32));
}

TEST_F(Ps2KeyboardTest, AHeldKeyRepeatsAfterHalfASecondAndThenElevenTimesASecond) {
    kbd.key(kA, true);
    EXPECT_THAT(sent(), ElementsAre(0x1c));
    r.advance(499 * kMillisecond);
    EXPECT_THAT(sent(), IsEmpty());
    r.advance(1 * kMillisecond);
    EXPECT_THAT(sent(), ElementsAre(0x1c));
    r.advance(91 * kMillisecond);
    EXPECT_THAT(sent(), IsEmpty());
    r.advance(1 * kMillisecond);
    EXPECT_THAT(sent(), ElementsAre(0x1c));
    kbd.key(kA, false);
    sent();
    r.advance(kSecond);
    EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(Ps2KeyboardTest, TheGuestChoosesDelayAndRate) {
    ask({Kbd::SET_TYPEMATIC, 0x00}); // 250 ms, 30 a second
    kbd.key(kA, true);
    sent();
    r.advance(250 * kMillisecond);
    EXPECT_THAT(sent(), ElementsAre(0x1c));
    r.advance(34 * kMillisecond);
    EXPECT_THAT(sent(), ElementsAre(0x1c));
}

TEST_F(Ps2KeyboardTest, AViewersOwnRepeatsDoNotDouble) {
    kbd.key(kA, true);
    kbd.key(kA, true);
    kbd.key(kA, true);
    EXPECT_THAT(sent(), ElementsAre(0x1c));
}

TEST_F(Ps2KeyboardTest, OnlyTheLastKeyRepeats) {
    kbd.key(kA, true);
    kbd.key(kB, true);
    sent();
    r.advance(600 * kMillisecond);
    EXPECT_THAT(sent(), ElementsAre(0x32));
    kbd.key(kA, false); // releasing another key does not stop it
    sent();
    r.advance(200 * kMillisecond);
    EXPECT_THAT(sent(), ElementsAre(0x32));
}

TEST_F(Ps2KeyboardTest, RepeatsDoNotPileUpBehindASlowGuest) {
    kbd.key(kA, true);
    for (int i = 0; i < 100; ++i)
        r.advance(100 * kMillisecond);
    EXPECT_THAT(sent(), ElementsAre(0x1c));
}

TEST_F(Ps2KeyboardTest, PauseAndMakeOnlyKeysDoNotRepeat) {
    kbd.key(kKeyPause, true);
    sent();
    r.advance(2 * kSecond);
    EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(Ps2KeyboardTest, PrintScreenIsReleasedAsItWasPressed) {
    kbd.key(kKeyLeftAlt, true);
    kbd.key(kKeyPrintScreen, true);
    kbd.key(kKeyLeftAlt, false);
    kbd.key(kKeyPrintScreen, false);
    EXPECT_THAT(sent(), ElementsAre(0x11, 0x84, 0xf0, 0x11, 0xf0, 0x84));
}

TEST_F(Ps2KeyboardTest, ReleaseAllSendsTheBreaksOfAllKeysThatAreDown) {
    kbd.key(kA, true);
    kbd.key(kKeyRightCtrl, true);
    sent();
    kbd.release_all();
    EXPECT_THAT(sent(), ElementsAre(0xf0, 0x1c, 0xe0, 0xf0, 0x14));
    kbd.release_all();
    EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(Ps2KeyboardTest, WhateverIsTypedAtAGuestThatIsAwayNoKeyStaysDown) {
    Rng rng(42);
    for (int i = 0; i < 100'000; ++i)
        kbd.key(static_cast<KeyCode>(rng.below(256)), rng.one_in(2));
    kbd.release_all();
    // A guest that comes back sees each key end up released.
    std::array<bool, 512> held{};
    bool extended = false;
    bool is_break = false;
    for (const u8 byte : sent()) {
        if (byte == 0xe0) {
            extended = true;
        } else if (byte == 0xf0) {
            is_break = true;
        } else if (byte != 0xe1) { // Pause, which follows with all of its breaks
            held[(extended ? 256U : 0U) + byte] = !is_break;
            extended = is_break = false;
        }
    }
    EXPECT_THAT(held, testing::Not(Contains(true)));
}

TEST_F(Ps2KeyboardTest, AThousandKeysWaitForASlowGuest) {
    for (int i = 0; i < 1000; ++i) {
        kbd.key(kA, true);
        kbd.key(kA, false);
    }
    EXPECT_EQ(sent().size(), 3000U);
}

TEST_F(Ps2KeyboardTest, TellsInTimeThatItHasNoRoom) {
    std::size_t taps = 0;
    for (; kbd.key_room(); ++taps) {
        kbd.key(kA, true);
        kbd.key(kA, false);
    }
    EXPECT_GT(taps, 900U);
    for (int i = 0; i < 10; ++i) { // of somebody who cannot wait
        kbd.key(kB, true);
        kbd.key(kB, false);
    }
    sent();
    EXPECT_TRUE(kbd.key_room());
    EXPECT_THAT(sent(), IsEmpty());
    kbd.key(kB, true);
    EXPECT_THAT(sent(), ElementsAre(0x32));
}

TEST_F(Ps2KeyboardTest, ASilentOneHoldsNobody) {
    while (kbd.key_room()) {
        kbd.key(kA, true);
        kbd.key(kA, false);
    }
    ask({Kbd::DEFAULT_DISABLE});
    EXPECT_TRUE(kbd.key_room());
}

TEST_F(Ps2KeyboardTest, AFullQueueDropsNewKeysWholly) {
    for (std::size_t i = 0; i < Kbd::kEvents; ++i) {
        kbd.key(kA, true);
        kbd.key(kA, false);
    }
    const auto bytes = sent();
    EXPECT_LE(bytes.size(), Kbd::kEvents * 3);
    EXPECT_EQ(bytes.size() % 3, 0U) << "makes and breaks in pairs";
}

INSTANTIATE_TYPED_TEST_SUITE_P(Ps2Keyboard, DeviceConformance, KeyboardRig);

} // namespace
} // namespace dm::test
