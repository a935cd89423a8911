// The pace at which the screen is looked at, on a clock of our own.
#include "dm/vnc/vnc_screen.hpp"

#include "tests/support/fakes.hpp"
#include "tests/support/rng.hpp"

#include <gmock/gmock.h>

namespace dm::vnc {
namespace {

class FakeLoop final : public EventLoop {
public:
    explicit FakeLoop(test::FakeClock& c) : clock(c) {}
    void watch(int, FdEvents, FdHandler) override {}
    void change(int, FdEvents) override {}
    void unwatch(int) override {}
    void post(std::function<void()> task) override { task(); }
    TimerQueue& machine_timers() override { return timers; }
    TimerQueue& host_timers() override { return timers; }
    void quit(int) override {}
    test::FakeClock& clock;
    TimerQueue timers{clock};
};

struct PaceTest : testing::Test, DisplaySource, VncAudience {
    void refresh(Display& display, bool full) override {
        ++refreshes;
        display.resize(640, 480);
        if (dirty || full) display.changed({0, 0, 1, 1});
        dirty = false;
    }
    void unwatched() override {}
    void show(const ScreenSize&, std::span<const Rect> changed) override {
        if (!changed.empty()) shown_ns = clock.now;
    }
    bool draws_cursor() override { return false; }
    void show(const CursorPtr&) override { ++cursors; }

    void pass(u64 ns) {
        const u64 end = clock.now + ns;
        while (const auto next = loop.timers.next_deadline()) {
            if (*next > end) break;
            clock.now = std::max(clock.now, *next);
            loop.timers.run_due();
        }
        clock.now = end;
    }
    /// The guest draws now: how long until viewers are told.
    u64 delay() {
        dirty = true;
        const u64 since = clock.now;
        pass(100 * kMillisecond);
        EXPECT_GE(shown_ns, since);
        return shown_ns - since;
    }

    test::FakeClock clock;
    FakeLoop loop{clock};
    std::vector<u32> pixels = std::vector<u32>(4);
    VncScreen screen{loop, this, pixels.data(), *this};
    bool dirty = false;
    unsigned refreshes = 0;
    unsigned cursors = 0;
    u64 shown_ns = 0;
};

TEST_F(PaceTest, AChangeAfterAnyQuietTimeIsShownWithin32Ms) {
    screen.watch(true);
    test::Rng rng(1);
    for (unsigned i = 0; i < 2000; ++i) {
        pass(rng.below(i % 10 == 0 ? 100 * kSecond : 200 * kMillisecond));
        EXPECT_LE(delay(), 32 * kMillisecond);
    }
}

TEST_F(PaceTest, ChangesThatFollowEachOtherAreShownEvery16Ms) {
    screen.watch(true);
    delay();
    for (unsigned i = 0; i < 50; ++i) {
        dirty = true;
        const u64 before = clock.now;
        pass(16 * kMillisecond);
        EXPECT_GE(shown_ns, before);
    }
}

TEST_F(PaceTest, WhatFollowsAKeyIsShownWithin8Ms) {
    screen.watch(true);
    for (unsigned i = 0; i < 100; ++i) {
        pass(10 * kSecond + i * 777'777);
        screen.hasten();
        EXPECT_LE(delay(), 8 * kMillisecond);
    }
}

TEST_F(PaceTest, AQuietScreenIsLookedAt32TimesASecondAndAnUnwatchedOneNever) {
    screen.watch(true);
    pass(10 * kSecond);
    refreshes = 0;
    pass(10 * kSecond);
    EXPECT_LE(refreshes, 320U);
    screen.watch(false);
    refreshes = 0;
    pass(10 * kSecond);
    EXPECT_EQ(refreshes, 0U);
    EXPECT_EQ(cursors, 0U);
}

} // namespace
} // namespace dm::vnc
