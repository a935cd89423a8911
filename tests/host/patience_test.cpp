#include "dm/host/patience.hpp"

#include <gtest/gtest.h>

namespace dm::host {
namespace {

constexpr u64 kMost = 200;
constexpr u64 kSoon = kMost * Patience::kSoon;

struct PatienceTest : testing::Test {
    PatienceTest() { patience.set_most(kMost); }

    /// Looks as the loop does after it was woken; whether that was a try. The guest does not come back.
    bool tries_in_vain(u64 gap) {
        patience.woken(gap);
        const bool tries = patience.window() != 0;
        if (tries) patience.missed();
        return tries;
    }

    Patience patience;
};

TEST_F(PatienceTest, AtFirstItSleepsAtOnce) {
    EXPECT_EQ(patience.window(), 0u);
}

TEST_F(PatienceTest, AWakeUpSoonAfterTheLastWorkIsWorthATry) {
    patience.woken(kSoon);
    EXPECT_EQ(patience.window(), kMost);
}

TEST_F(PatienceTest, AGuestAtRestIsNotLookedAt) {
    patience.woken(kSoon + 1);
    EXPECT_EQ(patience.window(), 0u);
}

TEST_F(PatienceTest, ATryThatPaidTeachesHowLongToLook) {
    patience.woken(kSoon);
    patience.found(20);
    EXPECT_EQ(patience.window(), 80u) << "four times the gap";
}

TEST_F(PatienceTest, ItNeverLooksLongerThanTheMost) {
    patience.woken(kSoon);
    patience.found(199);
    EXPECT_EQ(patience.window(), kMost);
}

TEST_F(PatienceTest, AWindowThatIsTooLongShrinksSlowly) {
    patience.woken(kSoon);
    patience.found(40);
    patience.found(1);
    EXPECT_EQ(patience.window(), 140u);
}

TEST_F(PatienceTest, TriesInVainBecomeRarer) {
    unsigned tries = 0;
    for (unsigned i = 0; i < 1000; ++i)
        tries += tries_in_vain(kSoon) ? 1 : 0;
    EXPECT_GE(tries, 1000 / (Patience::kMostSkips + 1)) << "a guest that has become busy is noticed";
    EXPECT_LE(tries, 8 + 1000 / Patience::kMostSkips);
}

TEST_F(PatienceTest, ATryThatPaysMakesTheNextOnesFrequentAgain) {
    while (tries_in_vain(kSoon)) {
    }
    while (patience.window() == 0)
        patience.woken(kSoon);
    patience.found(1);
    while (patience.window() != 0)
        patience.woken(kSoon + 1); // it forgets
    EXPECT_TRUE(tries_in_vain(kSoon));
}

TEST_F(PatienceTest, LongGapsMakeItForgetWhatItLearned) {
    patience.woken(kSoon);
    patience.found(50);
    for (unsigned i = 0; i < 8; ++i)
        patience.woken(kSoon + 1);
    EXPECT_EQ(patience.window(), 0u);
}

TEST_F(PatienceTest, ATryThatWasInterruptedIsNotLeftOver) {
    patience.woken(kSoon);
    patience.woken(kSoon + 1);
    EXPECT_EQ(patience.window(), 0u);
}

} // namespace
} // namespace dm::host
