// Flow control with made-up lines and viewers.
#include "dm/vnc/update_window.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <vector>

namespace dm::vnc {
namespace {

constexpr u64 kMs = 1'000'000;

TEST(UpdateWindow, OneUpdateMayAlwaysBeUnderWay) {
    UpdateWindow w;
    EXPECT_TRUE(w.open());
    const u32 first = w.sent(100 << 20, 0);
    EXPECT_FALSE(w.open());
    w.returned(first, kMs);
    EXPECT_TRUE(w.open());
}

TEST(UpdateWindow, SmallUpdatesFollowEachOtherUpToTheWindow) {
    UpdateWindow w;
    unsigned sent = 0;
    for (; w.open(); ++sent)
        w.sent(UpdateWindow::kFirst / 8, 0);
    EXPECT_EQ(sent, 8U);
}

TEST(UpdateWindow, TinyUpdatesAreBoundedByTheirNumber) {
    UpdateWindow w;
    unsigned sent = 0;
    for (; w.open(); ++sent)
        w.sent(1, 0);
    EXPECT_EQ(sent, UpdateWindow::kMostFences);
}

TEST(UpdateWindow, AFenceThatComesBackAnswersForThoseBeforeIt) {
    UpdateWindow w;
    u32 last = 0;
    for (unsigned i = 0; i < 5; ++i)
        last = w.sent(20000, 0);
    w.returned(last, kMs);
    EXPECT_TRUE(w.open());
    for (unsigned i = 0; i < UpdateWindow::kMostFences; ++i)
        w.sent(1, 0);
    EXPECT_FALSE(w.open());
}

TEST(UpdateWindow, NumbersThatAreNotUnderWayMeanNothing) {
    UpdateWindow w;
    const u32 one = w.sent(UpdateWindow::kFirst, 0);
    for (const u32 n : {one + 1, one - 1, one + 16, ~0U, 0x80000000U})
        w.returned(n, kMs);
    EXPECT_FALSE(w.open());
    w.returned(one, kMs);
    w.returned(one, kMs);
    EXPECT_TRUE(w.open());
}

TEST(UpdateWindow, UpdatesThatWereSentAllTheSameAreCounted) {
    UpdateWindow w;
    for (unsigned i = 0; i < 100; ++i)
        w.sent(1000, 0);
    EXPECT_FALSE(w.open());
    w.returned(99, kMs);
    EXPECT_TRUE(w.open());
    w.forget();
    EXPECT_TRUE(w.open());
}

/// A line that carries so many bytes in a millisecond, and a round trip that takes a while.
struct Line {
    u64 bytes_per_ms;
    u64 round_trip_ms;
    struct UnderWay {
        u32 number;
        u64 back_ms;
    };
    /// Sends an update as soon as the window allows one; the longest that a fence needed in the second half.
    u64 run(UpdateWindow& w, u64 update_bytes, u64 ms) {
        std::deque<UnderWay> under_way;
        u64 line_free = 0;
        u64 longest = 0;
        for (u64 now = 0; now < ms; ++now) {
            while (!under_way.empty() && under_way.front().back_ms <= now) {
                w.returned(under_way.front().number, now * kMs);
                under_way.pop_front();
            }
            if (!w.open() || now % 16 != 0) continue; // the server's pace
            line_free = std::max(line_free, now) + update_bytes / bytes_per_ms;
            under_way.push_back({w.sent(update_bytes, now * kMs), line_free + round_trip_ms});
            sent_bytes += update_bytes;
            if (now > ms / 2) longest = std::max(longest, under_way.back().back_ms - now);
        }
        return longest;
    }
    u64 sent_bytes = 0;
};

TEST(UpdateWindow, ASlowLineIsFilledButNotPiledUp) {
    UpdateWindow w;
    Line modem{.bytes_per_ms = 100, .round_trip_ms = 30}; // 800 kbit/s
    const u64 longest = modem.run(w, 4000, 20000);
    EXPECT_LT(longest, 400U);
    EXPECT_GT(modem.sent_bytes, 100U * 20000 * 8 / 10);
}

TEST(UpdateWindow, ALongFastLineIsNotHeldBack) {
    UpdateWindow w;
    Line far{.bytes_per_ms = 12500, .round_trip_ms = 150}; // 100 Mbit/s across an ocean
    far.run(w, 50000, 20000);
    EXPECT_GT(far.sent_bytes, 50000U * (20000 / 16) * 8 / 10);
}

} // namespace
} // namespace dm::vnc
