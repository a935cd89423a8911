#include "dm/board/key_presses.hpp"

#include "tests/support/fakes.hpp"

#include <gmock/gmock.h>

namespace dm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr u64 kMs = kSecond / 1000;

struct Keyboard final : InputSink {
    void key(KeyCode code, bool down) override { keys.emplace_back(code, down); }
    void pointer(unsigned, unsigned, unsigned, unsigned, u8) override {}
    std::vector<std::pair<unsigned, bool>> keys;
};

struct KeyPressesTest : testing::Test {
    void pass(u64 ns) {
        clock.now += ns;
        timers.run_due();
    }
    test::FakeClock clock;
    TimerQueue timers{clock};
    Keyboard keyboard;
    KeyPresses presses{keyboard, timers};
};

TEST_F(KeyPressesTest, ReleasesTheLastFirst) {
    ASSERT_TRUE(presses.press({0x1d, 0x38, 0xd3}, 100).ok());
    EXPECT_THAT(keyboard.keys, ElementsAre(Pair(0x1d, true), Pair(0x38, true), Pair(0xd3, true)));
    keyboard.keys.clear();
    pass(99 * kMs);
    EXPECT_THAT(keyboard.keys, IsEmpty());
    pass(1 * kMs);
    EXPECT_THAT(keyboard.keys, ElementsAre(Pair(0xd3, false), Pair(0x38, false), Pair(0x1d, false)));
}

TEST_F(KeyPressesTest, OneChordAfterTheOther) {
    ASSERT_TRUE(presses.press({1}, 10).ok());
    ASSERT_TRUE(presses.press({2}, 20).ok());
    pass(10 * kMs);
    EXPECT_THAT(keyboard.keys, ElementsAre(Pair(1, true), Pair(1, false), Pair(2, true)));
    pass(20 * kMs);
    EXPECT_THAT(keyboard.keys.back(), Pair(2, false));
    ASSERT_TRUE(presses.press({3}, 0).ok());
    EXPECT_THAT(keyboard.keys.back(), Pair(3, true));
}

TEST_F(KeyPressesTest, TooManyAreRefused) {
    for (std::size_t i = 0; i < KeyPresses::kMostWaiting; ++i)
        ASSERT_TRUE(presses.press({1}, 10).ok());
    EXPECT_FALSE(presses.press({2}, 10).ok());
    pass(10 * kMs);
    EXPECT_TRUE(presses.press({2}, 10).ok());
}

} // namespace
} // namespace dm
