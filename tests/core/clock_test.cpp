#include "dm/core/clock.hpp"
#include "tests/support/fakes.hpp"

#include <gmock/gmock.h>
#include <memory>

namespace dm {
namespace {

using testing::ElementsAre;

struct TimerTest : testing::Test {
    test::FakeClock clock;
    TimerQueue queue{clock};
    std::vector<char> fired;
    std::function<void()> note(char name) {
        return [this, name] { fired.push_back(name); };
    }
    void at(u64 now) {
        clock.now = now;
        queue.run_due();
    }
};

TEST_F(TimerTest, FiresOnceAtItsDeadlineAndNotBefore) {
    Timer t{queue, note('t')};
    t.arm(100);
    at(99);
    EXPECT_TRUE(fired.empty());
    at(100);
    at(200);
    EXPECT_THAT(fired, ElementsAre('t'));
    EXPECT_FALSE(t.deadline().has_value());
}

TEST_F(TimerTest, TheEarliestFiresFirst) {
    Timer a{queue, note('a')};
    Timer b{queue, note('b')};
    a.arm(20);
    b.arm(10);
    EXPECT_EQ(queue.next_deadline(), 10U);
    at(50);
    EXPECT_THAT(fired, ElementsAre('b', 'a'));
}

TEST_F(TimerTest, DisarmedItNeverFires) {
    Timer t{queue, note('t')};
    t.arm(10);
    t.disarm();
    EXPECT_FALSE(queue.next_deadline().has_value());
    at(100);
    EXPECT_TRUE(fired.empty());
}

TEST_F(TimerTest, RearmingMovesTheDeadlineOfTheQueue) {
    Timer t{queue, note('t')};
    t.arm(10);
    t.arm(30);
    EXPECT_EQ(queue.next_deadline(), 30U);
    at(29);
    EXPECT_TRUE(fired.empty());
}

TEST_F(TimerTest, OneThatRearmsIntoThePastFiresOnceARoundAndStarvesNobody) {
    Timer* self = nullptr;
    Timer greedy{queue, [&] {
                     fired.push_back('g');
                     self->arm(0);
                 }};
    self = &greedy;
    Timer modest{queue, note('m')};
    greedy.arm(1);
    modest.arm(5);
    at(10);
    EXPECT_THAT(fired, ElementsAre('g', 'm'));
    EXPECT_EQ(queue.next_deadline(), 0U) << "it is still due: the loop comes back at once";
    queue.run_due();
    EXPECT_THAT(fired, ElementsAre('g', 'm', 'g'));
}

TEST_F(TimerTest, APeriodicTimerTicksAgainInALaterRound) {
    Timer* self = nullptr;
    u64 deadline = 10;
    Timer tick{queue, [&] {
                   fired.push_back('t');
                   self->arm(deadline += 10);
               }};
    self = &tick;
    tick.arm(deadline);
    for (u64 now = 1; now <= 35; ++now)
        at(now);
    EXPECT_THAT(fired, ElementsAre('t', 't', 't'));
}

TEST_F(TimerTest, AHandlerMayDisarmAnotherThatIsDue) {
    Timer victim{queue, note('v')};
    Timer killer{queue, [&] { victim.disarm(); }};
    killer.arm(1);
    victim.arm(2);
    at(10);
    EXPECT_TRUE(fired.empty());
}

TEST_F(TimerTest, AHandlerMayDestroyAnotherThatIsDue) {
    auto victim = std::make_unique<Timer>(queue, note('v'));
    Timer killer{queue, [&] { victim.reset(); }};
    killer.arm(1);
    victim->arm(2);
    at(10);
    EXPECT_TRUE(fired.empty());
    EXPECT_FALSE(queue.next_deadline().has_value());
}

TEST_F(TimerTest, ADestroyedTimerLeavesTheQueue) {
    {
        Timer t{queue, note('t')};
        t.arm(10);
    }
    EXPECT_FALSE(queue.next_deadline().has_value());
    at(100);
    EXPECT_TRUE(fired.empty());
}

} // namespace
} // namespace dm
