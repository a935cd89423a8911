// The recorded guests of tests/replay/recordings, played.
#include "tests/replay/recorded_machine.hpp"

#include <gtest/gtest.h>

namespace dm {
namespace {

TEST(Recordings, EveryOnePlaysEqualToItsEnd) {
    Log::set_sink([](LogLevel, std::string_view) {});
    unsigned found = 0;
    for (const auto& entry : std::filesystem::directory_iterator("tests/replay/recordings")) {
        if (entry.path().extension() != ".rec") continue;
        ++found;
        const auto recording = replay::Recording::open(entry.path().string());
        ASSERT_TRUE(recording.ok()) << recording.error().message;
        const test::Played played = test::play(recording.value());
        EXPECT_TRUE(played.equal()) << entry.path() << ": " << played.error << played.difference;
        EXPECT_TRUE(played.ended_in_order) << entry.path();
        EXPECT_EQ(played.operations, recording.value().operations());
    }
    EXPECT_GE(found, 2U);
    Log::set_sink({});
}

/// At every boundary: `tools/replay FILE --restore 1`.
TEST(Recordings, AMachineThatIsSavedAndRestoredAgainAndAgainDoesTheSame) {
    Log::set_sink([](LogLevel, std::string_view) {});
    for (const auto& entry : std::filesystem::directory_iterator("tests/replay/recordings")) {
        if (entry.path().extension() != ".rec") continue;
        const auto recording = replay::Recording::open(entry.path().string());
        ASSERT_TRUE(recording.ok()) << recording.error().message;
        const u64 every = recording.value().operations() / 200 | 1;
        const test::Played played = test::play(recording.value(), every);
        EXPECT_TRUE(played.equal()) << entry.path() << ": " << played.error << played.difference;
        EXPECT_EQ(played.operations, recording.value().operations());
        EXPECT_GE(played.restored, 100U);
    }
    Log::set_sink({});
}

TEST(Recordings, FlippedBytesOfARealOneAreRefused) {
    const std::vector<u8> file = test::file_content("tests/replay/recordings/seabios-grub.rec");
    ASSERT_GT(file.size(), 10'000U);
    for (std::size_t at = 0; at < file.size(); at += 13) {
        std::vector<u8> damaged = file;
        damaged[at] = static_cast<u8>(damaged[at] ^ 1U << (at % 8));
        EXPECT_FALSE(replay::Recording::from(std::move(damaged)).ok()) << "byte " << at;
    }
}

} // namespace
} // namespace dm
