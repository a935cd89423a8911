#include "tests/support/kbd_rig.hpp"

#include <gmock/gmock.h>
#include <map>

namespace dm::xen {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Events = std::vector<std::string>;

constexpr u8 kLeft = static_cast<u8>(PointerButton::Left);
constexpr u8 kRight = static_cast<u8>(PointerButton::Right);
constexpr u8 kMiddle = static_cast<u8>(PointerButton::Middle);
constexpr u8 kSide = static_cast<u8>(PointerButton::Side);
constexpr u8 kExtra = static_cast<u8>(PointerButton::Extra);
constexpr u8 kWheelUp = static_cast<u8>(PointerButton::WheelUp);
constexpr u8 kWheelDown = static_cast<u8>(PointerButton::WheelDown);

struct PointerQueueTest : testing::Test, test::KbdRig {
    void started(bool absolute = true, u32 width = kMost, u32 height = kMost) {
        start(absolute, width, height);
        take();
        notified = 0;
    }
    /// A place each, until nothing more fits.
    void fill() {
        for (unsigned x = 0; x < KbdRing::kEntries; ++x)
            point(x, 0);
        EXPECT_EQ(front.unread(), KbdRing::kEntries);
    }
    /// A screen as large as the coordinates.
    void point(unsigned x, unsigned y, u8 buttons = 0) { queue.pointer(x, y, 32768, 32768, buttons); }
};

TEST_F(PointerQueueTest, ADriverThatConnectsIsToldThatNoButtonIsDown) {
    start();
    EXPECT_THAT(front.take(), ElementsAre("-272", "-273", "-274", "-275", "-276"));
    EXPECT_EQ(notified, 1U);
}

TEST_F(PointerQueueTest, CornersAreTheEndsOfTheAxes) {
    started();
    queue.pointer(0, 0, 720, 400, 0);
    queue.pointer(719, 0, 720, 400, 0);
    queue.pointer(719, 399, 720, 400, 0);
    queue.pointer(0, 399, 720, 400, 0);
    EXPECT_THAT(take(), ElementsAre("at 0,0", "at 32767,0", "at 32767,32767", "at 0,32767"));
}

TEST_F(PointerQueueTest, EveryPixelIsFoundAgain) {
    for (const unsigned width : {640U, 720U, 1024U, 1366U, 2560U}) {
        started();
        for (unsigned x = 0; x < width; ++x) {
            queue.pointer(x, 1, width, 3, 0);
            const Events told = take();
            ASSERT_THAT(told, SizeIs(1));
            // as libinput does with the axis from 0 to 32767
            EXPECT_EQ(std::stoul(told[0].substr(3)) * width / 32768, x) << told[0];
        }
    }
}

TEST_F(PointerQueueTest, ThePlacesReachAsFarAsTheToolstackSays) {
    started(true, 1023, 767);
    queue.pointer(1023, 767, 1024, 768, 0);
    queue.pointer(17, 18, 1024, 768, 0);
    queue.pointer(1, 1, 1, 1, 0); // a screen without an extent, places beyond one
    queue.pointer(99, 99, 50, 50, 0);
    EXPECT_THAT(take(), ElementsAre("at 1023,767", "at 17,18", "at 0,0", "at 1023,767"));
}

TEST_F(PointerQueueTest, AButtonIsPressedWhereThePointerIs) {
    started();
    point(7, 8, kLeft);
    point(9, 8, kLeft);
    point(9, 8);
    EXPECT_THAT(take(), ElementsAre("at 7,8", "+272", "at 9,8", "-272"));
    EXPECT_EQ(notified, 3U) << "once for all events of one change";
}

TEST_F(PointerQueueTest, ButtonsAreNumberedAsLinuxNumbersThem) {
    started();
    point(0, 0);
    for (const u8 button : {kLeft, kRight, kMiddle, kSide, kExtra})
        point(0, 0, button);
    point(0, 0);
    EXPECT_THAT(take(), ElementsAre("at 0,0", "+272", "-272", "+273", "-273", "+274", "-274", "+275", "-275",
                                    "+276", "-276"));
}

TEST_F(PointerQueueTest, TheWheelTurnsOncePerPress) {
    started();
    point(5, 5, kWheelUp);
    point(5, 5, kWheelUp);
    point(5, 5);
    point(5, 5, kWheelDown);
    point(5, 6, kLeft);
    EXPECT_THAT(take(), ElementsAre("at 5,5 wheel -1", "at 5,5 wheel 1", "at 5,6", "+272"));
}

TEST_F(PointerQueueTest, NothingNewIsNoEvent) {
    started();
    point(5, 5, kRight);
    notified = 0;
    take();
    point(5, 5, kRight);
    EXPECT_THAT(take(), IsEmpty());
    EXPECT_EQ(notified, 0U);
}

TEST_F(PointerQueueTest, ATabletCannotBeMovedButItsButtonsAre) {
    started();
    queue.motion(5, 5, kLeft | kWheelUp); // nobody knows where it is: no place to turn the wheel at
    point(3, 4, kLeft);
    queue.motion(9, 9, kLeft | kWheelDown);
    queue.motion(9, 9, 0);
    EXPECT_THAT(take(), ElementsAre("+272", "at 3,4", "at 3,4 wheel 1", "-272"));
}

TEST_F(PointerQueueTest, ADriverThatRequestsNoPlacesGetsMovements) {
    started(false);
    queue.pointer(100, 100, 640, 480, 0); // taken to be where the guest's is
    queue.pointer(103, 98, 640, 480, kLeft);
    queue.pointer(103, 98, 640, 480, kLeft | kWheelUp);
    queue.pointer(10, 10, 800, 600, kLeft); // another screen
    queue.pointer(11, 11, 800, 600, 0);
    queue.motion(-5, 6, kRight);
    EXPECT_THAT(take(),
                ElementsAre("by 3,-2", "+272", "by 0,0 wheel -1", "by 1,1", "-272", "by -5,6", "+273"));
    queue.motion(0x7fffffff, -0x7fffffff - 1, kRight);
    EXPECT_THAT(take(), ElementsAre("by 65536,-65536"));
}

TEST_F(PointerQueueTest, WhoLeavesHoldsNothing) {
    started();
    point(1, 1, kLeft | kMiddle);
    take();
    queue.release_all();
    EXPECT_THAT(take(), ElementsAre("-272", "-274"));
    started(false);
    queue.pointer(100, 100, 640, 480, kLeft);
    queue.release_all();
    queue.pointer(102, 97, 640, 480, 0);
    queue.forget_place();
    queue.pointer(200, 200, 640, 480, 0); // a new beginning
    EXPECT_THAT(take(), ElementsAre("+272", "-272", "by 2,-3"));
}

TEST_F(PointerQueueTest, PlacesThatNobodyReadsMeltIntoTheLast) {
    started();
    fill();
    notified = 0;
    for (unsigned x = 1; x < 1000; ++x)
        point(x, x);
    EXPECT_EQ(notified, 0U);
    EXPECT_EQ(front.unread(), KbdRing::kEntries);
    const Events all = take();
    EXPECT_EQ(all.size(), KbdRing::kEntries + 1);
    EXPECT_EQ(all.back(), "at 999,999");
}

TEST_F(PointerQueueTest, MovementsThatNobodyReadsAddUp) {
    started(false);
    for (unsigned i = 0; i < 10'000; ++i)
        queue.motion(1, -2, 0);
    s64 x = 0;
    s64 y = 0;
    for (const std::string& event : take()) {
        std::size_t comma = event.find(',');
        x += std::stol(event.substr(3));
        y += std::stol(event.substr(comma + 1));
    }
    EXPECT_EQ(x, 10'000);
    EXPECT_EQ(y, -20'000);
}

TEST_F(PointerQueueTest, AClickStaysAtItsPlaceHoweverFullTheRingIs) {
    started();
    fill();
    for (unsigned x = 500; x < 600; ++x)
        point(x, 7);
    point(600, 7, kRight);
    point(600, 7);
    for (unsigned x = 601; x < 700; ++x)
        point(x, 7);
    Events all = take();
    ASSERT_GT(all.size(), 5U);
    all.erase(all.begin(), all.end() - 5);
    EXPECT_THAT(all, ElementsAre("at 599,7", "at 600,7", "+273", "-273", "at 699,7"));
}

TEST_F(PointerQueueTest, TheLastStateOfTheButtonsGetsThroughWhateverWasLost) {
    started();
    for (unsigned i = 0; i < 1000; ++i)
        point(i, 0, i % 2 == 0 ? kLeft : kRight);
    point(1000, 0, kMiddle);
    std::map<std::string, bool> down;
    const Events all = take();
    for (const std::string& event : all)
        if (event[0] != 'a') down[event.substr(1)] = event[0] == '+';
    EXPECT_FALSE(down["272"]);
    EXPECT_FALSE(down["273"]);
    EXPECT_TRUE(down["274"]);
    EXPECT_LT(all.size(), 200U) << "bounded";
}

TEST_F(PointerQueueTest, ADriverThatReadsWithoutAWordIsServedByTheClock) {
    started();
    fill();
    point(77, 78, kLeft);
    point(77, 78);
    front.take(); // and no event
    EXPECT_EQ(front.unread(), 0U);
    advance(20 * kMillisecond);
    Events rest;
    while (front.unread() != 0) {
        for (const std::string& event : front.take())
            rest.push_back(event);
        advance(20 * kMillisecond);
    }
    ASSERT_GT(rest.size(), 2U);
    EXPECT_EQ(rest.back(), "-272");
    EXPECT_FALSE(timers.next_deadline()) << "nobody is woken any more";
}

TEST_F(PointerQueueTest, ADriverThatHangsWakesUsSeldom) {
    started();
    fill();
    point(1, 1, kLeft);
    unsigned woken = 0;
    for (const u64 end = clock.now + 60 * kSecond; timers.next_deadline() && *timers.next_deadline() < end;) {
        clock.now = *timers.next_deadline();
        timers.run_due();
        ++woken;
    }
    EXPECT_LT(woken, 70U);
    EXPECT_GT(woken, 50U);
}

TEST_F(PointerQueueTest, AFullRingIsNoReasonToLookWhileNothingWaits) {
    started();
    fill();
    EXPECT_FALSE(timers.next_deadline());
}

TEST_F(PointerQueueTest, TheIndexMayGoRound) {
    front.indices().in_prod = front.indices().in_cons = 0xffffffe0; // no multiple of 51
    queue.attach(KbdRing(page));
    started();
    Events all;
    for (unsigned x = 1; x <= 40; ++x)
        point(x, 0);
    for (unsigned i = 0; i < 20; ++i) {
        for (const std::string& event : front.take(3))
            all.push_back(event);
        queue.kick();
    }
    // What came while the last entries before the turn were unread waited, and melted.
    EXPECT_EQ(all.front(), "at 1,0");
    EXPECT_EQ(all.back(), "at 40,0");
    EXPECT_TRUE(
        std::ranges::is_sorted(all, {}, [](const std::string& e) { return std::stoul(e.substr(3)); }));
    EXPECT_EQ(front.unread(), 0U);
    EXPECT_EQ(broken, "");
}

TEST_F(PointerQueueTest, ADriverThatReadWhatWasNeverWrittenLosesItsRing) {
    for (const u32 lie : {0x80000000U, 0xffffffffU - 51, 60U}) {
        test::KbdRig rig;
        rig.start();
        rig.take();
        rig.front.indices().in_cons += lie;
        const auto before = rig.page;
        rig.queue.pointer(1, 2, 10, 10, kLeft);
        EXPECT_NE(rig.broken, "") << lie;
        EXPECT_FALSE(rig.queue.attached());
        rig.queue.pointer(1, 2, 10, 10, 0);
        EXPECT_EQ(rig.page, before) << "nothing is written any more";
        EXPECT_FALSE(rig.timers.next_deadline());
    }
}

TEST_F(PointerQueueTest, OurIndexIsNeverTakenFromThePage) {
    started();
    front.indices().in_prod = 0xdeadbeef;
    point(1, 2);
    EXPECT_EQ(front.indices().in_prod, 6U) << "five buttons and this";
    EXPECT_THAT(take(), ElementsAre("at 1,2"));
}

TEST_F(PointerQueueTest, NothingOutsideTheRingIsWritten) {
    page.fill(0xee);
    front.indices() = {};
    queue.attach(KbdRing(page));
    start();
    for (unsigned i = 0; i < 500; ++i) {
        point(i, i, i % 3 == 0 ? kLeft : 0);
        take();
    }
    const std::size_t end = XENKBD_IN_RING_OFFS + XENKBD_IN_RING_LEN * XENKBD_IN_EVENT_SIZE;
    EXPECT_THAT(std::span(page).subspan(16, XENKBD_IN_RING_OFFS - 16), Each(0xee));
    EXPECT_THAT(std::span(page).subspan(end), Each(0xee));
}

TEST_F(PointerQueueTest, WhatTheDriverSendsIsThrownAwayAndTold) {
    started();
    EXPECT_FALSE(queue.kick());
    front.indices().out_prod = 0x12345678;
    EXPECT_TRUE(queue.kick());
    EXPECT_EQ(front.indices().out_cons, 0x12345678U);
    EXPECT_FALSE(queue.kick());
}

TEST_F(PointerQueueTest, ThePageIsLeftAloneWhileTheDriverDoesNotListenOrTheMachineStands) {
    front.indices().out_prod = 1;
    const auto untouched = page;
    point(1, 1, kLeft);
    queue.kick();
    EXPECT_EQ(page, untouched) << "before the driver is connected";
    queue.pause();
    start();
    point(2, 2, kLeft);
    queue.kick();
    EXPECT_EQ(page, untouched) << "stopped";
    queue.resume();
    EXPECT_THAT(take(), ElementsAre("-272", "-273", "-274", "-275", "-276", "at 2,2", "+272"));
    queue.stop();
    const auto stopped = page;
    point(3, 3);
    queue.release_all();
    queue.kick();
    EXPECT_EQ(page, stopped);
}

} // namespace
} // namespace dm::xen
