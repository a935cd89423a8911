#include "dm/core/fifo.hpp"

#include <gtest/gtest.h>

namespace dm {
namespace {

using Small = Fifo<u8, 3>;
static_assert(std::is_trivially_copyable_v<Small>);

TEST(Fifo, GivesBackInOrder) {
    Small f;
    EXPECT_TRUE(f.push(1));
    EXPECT_TRUE(f.push(2));
    EXPECT_EQ(f.front(), 1);
    EXPECT_EQ(f.pop(), 1);
    EXPECT_EQ(f.pop(), 2);
    EXPECT_TRUE(f.empty());
}

TEST(Fifo, WhenFullItTakesNothingAndLosesNothing) {
    Small f;
    for (const u8 v : {u8{1}, u8{2}, u8{3}})
        EXPECT_TRUE(f.push(v));
    EXPECT_TRUE(f.full());
    EXPECT_FALSE(f.push(4));
    EXPECT_FALSE(f.push_front(4));
    EXPECT_EQ(f.size(), 3U);
    EXPECT_EQ(f.pop(), 1);
}

TEST(Fifo, WhenEmptyItGivesZeroes) {
    Small f;
    EXPECT_EQ(f.pop(), 0);
    EXPECT_EQ(f.front(), 0);
    EXPECT_EQ(f.at(2), 0);
    EXPECT_TRUE(f.empty());
}

TEST(Fifo, ReadingPastTheEndGivesZero) {
    Small f;
    f.push(9);
    EXPECT_EQ(f.at(0), 9);
    EXPECT_EQ(f.at(1), 0);
    EXPECT_EQ(f.at(~std::size_t{0}), 0);
}

TEST(Fifo, PushFrontJumpsTheQueueAlsoAcrossTheEndOfTheArray) {
    Small f;
    f.push(2);
    EXPECT_TRUE(f.push_front(1));
    EXPECT_EQ(f.at(0), 1);
    EXPECT_EQ(f.at(1), 2);
    EXPECT_EQ(f.back(), 2);
}

TEST(Fifo, GoesRoundTheArrayManyTimes) {
    Small f;
    f.push(0);
    for (u8 i = 1; i < 100; ++i) {
        f.push(i);
        EXPECT_EQ(f.back(), i);
        EXPECT_EQ(f.pop(), i - 1);
    }
    EXPECT_EQ(f.size(), 1U);
}

TEST(Fifo, EqualContentsAreEqualWhereverTheyLieInTheArray) {
    Small a;
    Small b;
    a.push(0);
    a.pop();
    for (const u8 v : {u8{5}, u8{6}, u8{7}}) {
        a.push(v);
        b.push(v);
    }
    EXPECT_EQ(a, b);
    b.pop();
    EXPECT_FALSE(a == b);
}

TEST(Fifo, ClearEmptiesIt) {
    Small f;
    f.push(1);
    f.clear();
    EXPECT_TRUE(f.empty());
    EXPECT_EQ(f, Small{});
}

} // namespace
} // namespace dm
