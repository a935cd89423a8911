#include "tests/devices/ps2_mouse_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using M = Ps2Mouse;

constexpr u8 kLeft = 1; // PointerButton
constexpr u8 kMiddle = 2;
constexpr u8 kRight = 4;
constexpr u8 kWheelUp = 8;
constexpr u8 kWheelDown = 16;
constexpr u8 kSide = 32;
constexpr u8 kExtra = 64;

struct Ps2MouseTest : testing::Test {
    MouseRig r;
    M& mouse = r.dev;
    std::vector<u8> ask(std::initializer_list<u8> bytes) { return r.cable.ask(bytes); }
    std::vector<u8> sent() { return r.cable.drain(); }
    void at(unsigned x, unsigned y, u8 buttons = 0) { mouse.pointer(x, y, 800, 600, buttons); }
    void enable_at(unsigned x, unsigned y) {
        ask({M::ENABLE});
        at(x, y);
        sent();
    }
    void knock(u8 a, u8 b, u8 c) { ask({M::SET_RATE, a, M::SET_RATE, b, M::SET_RATE, c}); }
};

TEST_F(Ps2MouseTest, ResetIsAcknowledgedAndFollowedByTheSelfTestAndTheId) {
    EXPECT_THAT(ask({M::RESET}), ElementsAre(0xfa, 0xaa, 0x00));
}

TEST_F(Ps2MouseTest, EveryCommandByteGetsAnAnswer) {
    for (unsigned byte = 0; byte < 256; ++byte) {
        mouse.reset();
        EXPECT_FALSE(ask({static_cast<u8>(byte)}).empty()) << byte;
        EXPECT_FALSE(ask({static_cast<u8>(byte)}).empty()) << byte << " twice";
    }
}

TEST_F(Ps2MouseTest, StatusTellsModeButtonsResolutionAndRate) {
    ask({M::ENABLE, M::SET_SCALING_2_1, M::SET_RESOLUTION, 3, M::SET_RATE, 40});
    at(0, 0, kLeft | kRight);
    sent();
    EXPECT_THAT(ask({M::STATUS_REQUEST}), ElementsAre(0xfa, 0x35, 3, 40));
}

TEST_F(Ps2MouseTest, AResolutionAboveThreeIsAskedForAgain) {
    EXPECT_THAT(ask({M::SET_RESOLUTION, 4, 1}), ElementsAre(0xfa, 0xfe, 0xfa));
}

TEST_F(Ps2MouseTest, AMouseReportsNothingUntilItIsEnabled) {
    at(0, 0);
    at(10, 10, kLeft);
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_THAT(ask({M::ENABLE}), ElementsAre(0xfa));
    EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(Ps2MouseTest, AMovementIsReportedWithUpPositive) {
    enable_at(100, 100);
    at(103, 105);
    EXPECT_THAT(sent(), ElementsAre(0x28, 0x03, 0xfb)); // Y sign
    at(100, 100);
    EXPECT_THAT(sent(), ElementsAre(0x18, 0xfd, 0x05)); // X sign
}

TEST_F(Ps2MouseTest, ButtonsAreReportedInTheFirstByte) {
    enable_at(0, 0);
    at(0, 0, kLeft);
    at(0, 0, kRight);
    at(0, 0, kMiddle);
    at(0, 0, 0);
    EXPECT_THAT(sent(), ElementsAre(0x09, 0, 0, 0x0a, 0, 0, 0x0c, 0, 0, 0x08, 0, 0));
}

TEST_F(Ps2MouseTest, TheFirstPlaceIsNoMovement) {
    ask({M::ENABLE});
    at(500, 500);
    EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(Ps2MouseTest, AMovementNeedsNoPlace) {
    ask({M::ENABLE});
    mouse.motion(5, 3, kLeft);
    EXPECT_THAT(sent(), ElementsAre(0x29, 5, 0xfd)); // down is negative
    mouse.motion(-2147483647 - 1, 2147483647, 0);
    EXPECT_FALSE(sent().empty());
    at(10, 10);
    EXPECT_TRUE(sent().empty()); // and is none
}

TEST_F(Ps2MouseTest, APlaceOnAScreenOfAnotherSizeIsNoMovement) {
    enable_at(100, 100);
    mouse.pointer(700, 500, 1024, 768, 0);
    EXPECT_THAT(sent(), IsEmpty());
    mouse.pointer(701, 500, 1024, 768, 0);
    EXPECT_THAT(sent(), ElementsAre(0x08, 1, 0));
}

TEST_F(Ps2MouseTest, ALongMovementIsSplitAndNothingOfItIsLost) {
    enable_at(0, 0);
    at(300, 0);
    EXPECT_THAT(sent(), ElementsAre(0x08, 127, 0, 0x08, 127, 0, 0x08, 46, 0));
}

TEST_F(Ps2MouseTest, MovementsOfASlowGuestAddUp) {
    enable_at(0, 0);
    for (unsigned x = 1; x <= 50; ++x)
        at(x, 0);
    EXPECT_THAT(sent(), ElementsAre(0x08, 1, 0, 0x08, 49, 0));
}

TEST_F(Ps2MouseTest, ClicksOfASlowGuestStayClicks) {
    enable_at(0, 0);
    at(0, 0, kLeft);
    at(5, 0, kLeft);
    at(5, 0, 0);
    at(5, 0, kLeft);
    at(5, 0, 0);
    EXPECT_THAT(sent(), ElementsAre(0x09, 0, 0, 0x09, 5, 0, 0x08, 0, 0, 0x09, 0, 0, 0x08, 0, 0));
}

TEST_F(Ps2MouseTest, AfterAnyNumberOfClicksTheLastStateOfTheButtonsIsReported) {
    enable_at(0, 0);
    for (unsigned i = 0; i < 10'000; ++i)
        at(i % 800, 0, i % 2 == 0 ? kLeft : kRight);
    at(0, 0, 0);
    const auto bytes = sent();
    ASSERT_GE(bytes.size(), 3U);
    ASSERT_EQ(bytes.size() % 3, 0U);
    EXPECT_EQ(bytes[bytes.size() - 3] & 0x07, 0);
}

TEST_F(Ps2MouseTest, ReleaseAllReleasesTheButtonsAndThePlaceIsKnownUntilItIsForgotten) {
    enable_at(100, 100);
    at(100, 100, kLeft);
    sent();
    mouse.release_all();
    EXPECT_THAT(sent(), ElementsAre(0x08, 0, 0));
    at(110, 95);
    EXPECT_THAT(sent(), ElementsAre(0x08, 10, 5));
    mouse.forget_place();
    at(500, 500);
    EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(Ps2MouseTest, ThreeRatesMakeItAnIntelliMouseWithAWheel) {
    knock(200, 100, 80);
    EXPECT_THAT(ask({M::READ_ID}), ElementsAre(0xfa, 3));
    enable_at(0, 0);
    at(0, 0, kWheelUp);
    at(0, 0, 0);
    at(0, 0, kWheelDown);
    EXPECT_THAT(sent(), ElementsAre(0x08, 0, 0, 0xff, 0x08, 0, 0, 0x01));
}

TEST_F(Ps2MouseTest, AnotherThreeRatesMakeItAnExplorerWithFiveButtons) {
    knock(200, 100, 80);
    knock(200, 200, 80);
    EXPECT_THAT(ask({M::READ_ID}), ElementsAre(0xfa, 4));
    enable_at(0, 0);
    at(0, 0, kSide);
    at(0, 0, kExtra | kWheelUp);
    EXPECT_THAT(sent(), ElementsAre(0x08, 0, 0, 0x10, 0x08, 0, 0, 0x2f));
}

TEST_F(Ps2MouseTest, OtherRatesDoNotChangeTheId) {
    knock(100, 200, 80);
    knock(200, 100, 60);
    EXPECT_THAT(ask({M::READ_ID}), ElementsAre(0xfa, 0));
}

TEST_F(Ps2MouseTest, ResetMakesItAPlainMouseAgain) {
    knock(200, 100, 80);
    EXPECT_THAT(ask({M::RESET, M::READ_ID}), ElementsAre(0xfa, 0xaa, 0x00, 0xfa, 0));
}

TEST_F(Ps2MouseTest, AWheelNobodyAskedForIsSilent) {
    enable_at(0, 0);
    at(0, 0, kWheelUp);
    at(0, 0, 0);
    EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(Ps2MouseTest, InRemoteModeReportsAreFetched) {
    ask({M::SET_REMOTE});
    at(0, 0);
    at(7, 0, kLeft);
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_THAT(ask({M::READ_DATA}), ElementsAre(0xfa, 0x09, 7, 0));
    EXPECT_THAT(ask({M::READ_DATA}), ElementsAre(0xfa, 0x09, 0, 0));
    at(17, 0, kLeft);
    ask({M::ENABLE, M::SET_STREAM});
    EXPECT_THAT(sent(), ElementsAre(0x09, 10, 0));
}

TEST_F(Ps2MouseTest, InWrapModeEverythingIsEchoedButTheWayOut) {
    enable_at(0, 0);
    ask({M::SET_WRAP});
    EXPECT_THAT(ask({M::READ_ID, 0x12}), ElementsAre(0xf2, 0x12));
    at(1, 0);
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_THAT(ask({M::RESET_WRAP}), ElementsAre(0xfa));
    EXPECT_THAT(sent(), ElementsAre(0x08, 1, 0));
    ask({M::SET_WRAP});
    EXPECT_THAT(ask({M::RESET}), ElementsAre(0xfa, 0xaa, 0x00));
}

TEST_F(Ps2MouseTest, ScalingTwoToOneFollowsTheTableOfTheReference) {
    enable_at(0, 0);
    ask({M::SET_SCALING_2_1});
    const std::vector<std::pair<unsigned, u8>> table{{1, 1}, {2, 1}, {3, 3}, {4, 6}, {5, 9}, {6, 12}};
    unsigned x = 0;
    for (const auto& [counts, reported] : table) {
        at(x += counts, 0);
        EXPECT_THAT(sent(), ElementsAreArray({u8{0x08}, reported, u8{0}})) << counts;
    }
}

TEST_F(Ps2MouseTest, ACommandEndsTheReportThatIsOnItsWayAndItsButtonsAreReportedAgain) {
    enable_at(0, 0);
    at(0, 0, kLeft);
    EXPECT_EQ(mouse.ps2_take(), 0x09);
    EXPECT_THAT(ask({M::READ_ID}), ElementsAre(0xfa, 0));
    EXPECT_THAT(sent(), ElementsAre(0x09, 0, 0));
}

INSTANTIATE_TYPED_TEST_SUITE_P(Ps2Mouse, DeviceConformance, MouseRig);

} // namespace
} // namespace dm::test
