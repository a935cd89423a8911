#include "dm/devices/sound/look.hpp"
#include "dm/devices/sound/pace.hpp"

#include <gtest/gtest.h>

namespace dm {
namespace {

constexpr u32 kAll = UINT32_MAX;

TEST(SamplePace, CountsWithoutDriftWhateverTheRateAndHoweverOftenAsked) {
    for (const u32 rate : {1U, 172U, 5512U, 11025U, 44100U, 48000U, 192000U}) {
        SamplePace pace;
        pace.restart(12345, rate);
        u64 now = 12345;
        u64 frames = 0;
        for (unsigned i = 0; i < 200'000; ++i) {
            now += 1'000'003 + i % 977;
            frames += pace.take(now, kAll);
        }
        EXPECT_EQ(frames, (now - 12345) / kSecond * rate + (now - 12345) % kSecond * rate / kSecond) << rate;
        EXPECT_LT(pace.frames, rate);
    }
}

TEST(SamplePace, KnowsWhenTheNextOnesAreDue) {
    SamplePace pace;
    pace.restart(1000, 44100);
    for (const u32 more : {1U, 2U, 441U, 44100U, 100'000U}) {
        SamplePace early = pace;
        const u64 at = pace.when(more);
        if (at - pace.when(0) > SamplePace::kMaxBacklogNs) continue;
        EXPECT_EQ(SamplePace(early).take(at - 1, kAll), more - 1) << more;
        EXPECT_EQ(early.take(at, kAll), more) << more;
    }
    EXPECT_EQ(pace.when(44100), 1000 + kSecond);
    EXPECT_EQ(pace.when(0), 1000U);
}

TEST(SamplePace, HandsOutInPortions) {
    SamplePace pace;
    pace.restart(0, 48000);
    EXPECT_EQ(pace.take(10 * kMillisecond, 100), 100U);
    EXPECT_EQ(pace.take(10 * kMillisecond, 100), 100U);
    EXPECT_EQ(pace.take(10 * kMillisecond, kAll), 280U);
    EXPECT_EQ(pace.take(10 * kMillisecond, kAll), 0U);
}

TEST(SamplePace, ForgetsWhatIsLate) {
    SamplePace pace;
    pace.restart(0, 48000);
    EXPECT_EQ(pace.take(200 * kMillisecond, kAll), 9600U);
    EXPECT_EQ(pace.take(3600 * kSecond, kAll), 9601U) << "the first of them is so late";
    EXPECT_EQ(pace.take(3600 * kSecond + kMillisecond, kAll), 48U);
    EXPECT_EQ(pace.take(0, kAll), 0U) << "time does not run backwards, and if it does";
}

TEST(SamplePace, TakesEveryLoadedState) {
    const u64 now = 5 * kSecond;
    for (const SamplePace damaged :
         {SamplePace{~u64{0}, 0, 48000, 0}, SamplePace{0, ~u64{0}, 48000, 0},
          SamplePace{now, 47999, 48000, 0}, SamplePace{0, 0, 0, 7}, SamplePace{now + 1, 3, UINT32_MAX, 0},
          SamplePace{0, 0, UINT32_MAX, 0}}) {
        SamplePace pace = damaged;
        pace.mend(now);
        EXPECT_LE(pace.when(0), now + kSecond);
        EXPECT_LE(pace.take(now + kSecond, kAll), u64{pace.rate} * 12 / 10);
    }
    SamplePace good;
    good.restart(kSecond, 44100);
    good.take(now - 7, kAll);
    SamplePace same = good;
    same.mend(now);
    EXPECT_EQ(same, good);
}

TEST(SoundLook, IsNotTooOftenAndNotTooRare) {
    EXPECT_EQ(look_at(kSecond, 0), kSecond + kSoonestLook);
    EXPECT_EQ(look_at(kSecond, kSecond + 3 * kMillisecond), kSecond + 3 * kMillisecond);
    EXPECT_EQ(look_at(kSecond, 2 * kSecond), kSecond + kLatestLook);
}

} // namespace
} // namespace dm
