#include "dm/core/irq.hpp"
#include "tests/support/fakes.hpp"

#include <gtest/gtest.h>

namespace dm {
namespace {

using test::FakeIrqs;

TEST(IrqLine, CallsDownOnChangesOnly) {
    FakeIrqs sink;
    IrqLine line{sink, 4};
    line.set(false); // lines come up low: nothing to tell
    EXPECT_EQ(sink.changes[4], 0U);
    line.set(true);
    line.set(true);
    line.set(false);
    EXPECT_EQ(sink.changes[4], 2U);
    EXPECT_FALSE(sink.level(4));
}

TEST(IrqLine, ConnectedToNothingItStillKnowsItsLevel) {
    IrqLine line;
    line.set(true);
    EXPECT_TRUE(line.level());
}

TEST(IrqLine, KeepsItsLevelWhenItMoves) {
    FakeIrqs sink;
    IrqLine line{sink, 1};
    line.set(true);
    IrqLine moved = std::move(line);
    moved.set(true);
    EXPECT_EQ(sink.changes[1], 1U);
    moved.set(false);
    EXPECT_FALSE(sink.level(1));
}

struct IrqOrTest : testing::Test {
    FakeIrqs sink;
    IrqOr shared{IrqLine{sink, 9}};
    IrqLine a = shared.input();
    IrqLine b = shared.input();
};

TEST_F(IrqOrTest, IsHighWhileAnyDriverIs) {
    a.set(true);
    b.set(true);
    a.set(false);
    EXPECT_TRUE(sink.level(9));
    b.set(false);
    EXPECT_FALSE(sink.level(9));
}

TEST_F(IrqOrTest, ASecondDriverIsNoChange) {
    a.set(true);
    b.set(true);
    EXPECT_EQ(sink.changes[9], 1U);
}

TEST_F(IrqOrTest, ADriverThatComesLaterJoinsLow) {
    a.set(true);
    IrqLine late = shared.input();
    EXPECT_TRUE(sink.level(9));
    late.set(true);
    a.set(false);
    EXPECT_TRUE(sink.level(9));
    late.set(false);
    EXPECT_FALSE(sink.level(9));
}

} // namespace
} // namespace dm
