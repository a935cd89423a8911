#include "dm/qtest/virtual_time.hpp"

#include <gmock/gmock.h>

namespace dm::qtest {
namespace {

using testing::ElementsAre;

TEST(VirtualTime, StopsAtEachDeadlineOnTheWay) {
    VirtualTime time;
    std::vector<u64> fired;
    Timer late(time.timers(), [&] { fired.push_back(time.now_ns()); });
    Timer early(time.timers(), [&] {
        fired.push_back(time.now_ns());
        late.arm(time.now_ns() + 5);
    });
    early.arm(10);
    time.advance_to(100);
    EXPECT_THAT(fired, ElementsAre(10U, 15U));
    EXPECT_EQ(time.now_ns(), 100U);
}

TEST(VirtualTime, NeverGoesBack) {
    VirtualTime time;
    time.advance_to(50);
    time.advance_to(20);
    EXPECT_EQ(time.now_ns(), 50U);
}

TEST(VirtualTime, WithoutADeadlineThereIsNoNextOne) {
    VirtualTime time;
    time.advance_to_next();
    EXPECT_EQ(time.now_ns(), 0U);
    Timer timer(time.timers(), [] {});
    timer.arm(7);
    time.advance_to_next();
    EXPECT_EQ(time.now_ns(), 7U);
}

TEST(VirtualTime, ALeapOverCountlessTicksEnds) {
    VirtualTime time;
    u64 ticks = 0;
    Timer timer(time.timers(), [&] {
        ++ticks;
        timer.arm(time.now_ns() + 1);
    });
    timer.arm(1);
    time.advance_to(u64{1} << 62);
    EXPECT_EQ(time.now_ns(), u64{1} << 62);
    EXPECT_LE(ticks, 1'000'001U);
}

TEST(VirtualTime, ATimerThatArmsItselfIntoThePastDoesNotStopTime) {
    VirtualTime time;
    Timer timer(time.timers(), [&] { timer.arm(0); });
    timer.arm(1);
    time.advance_to(10);
    EXPECT_EQ(time.now_ns(), 10U);
}

} // namespace
} // namespace dm::qtest
