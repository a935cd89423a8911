// The EDID block, read as a driver reads it.
#include "dm/devices/vga/vga_edid.hpp"

#include <gmock/gmock.h>
#include <numeric>
#include <set>

namespace dm {
namespace {

constexpr u64 kMemory = 16 << 20;

unsigned sum(const EdidBlock& block) {
    return std::accumulate(block.begin(), block.end(), 0U);
}

/// Width and height of the detailed timing at `at`.
ScreenMode detailed(const EdidBlock& block, unsigned at) {
    return {block[at + 2] | (block[at + 4] & 0xf0U) << 4, block[at + 5] | (block[at + 7] & 0xf0U) << 4};
}

/// Frames a second of the detailed timing at `at`.
double refresh_rate(const EdidBlock& block, unsigned at) {
    const ScreenMode mode = detailed(block, at);
    const unsigned h_blank = block[at + 3] | (block[at + 4] & 0xfU) << 8;
    const unsigned v_blank = block[at + 6] | (block[at + 7] & 0xfU) << 8;
    const double clock = (block[at] | block[at + 1] << 8) * 10'000.0;
    return clock / (mode.width + h_blank) / (mode.height + v_blank);
}

std::set<std::pair<unsigned, unsigned>> standard_timings(const EdidBlock& block) {
    std::set<std::pair<unsigned, unsigned>> modes;
    for (unsigned at = 38; at < 54; at += 2) {
        if (block[at] == 1 && block[at + 1] == 1) continue;
        const unsigned width = (block[at] + 31U) * 8;
        const unsigned heights[] = {width * 10 / 16, width * 3 / 4, width * 4 / 5, width * 9 / 16};
        modes.insert({width, heights[block[at + 1] >> 6]});
    }
    return modes;
}

TEST(VgaEdid, TheBlockHasItsHeaderVersionAndChecksum) {
    const EdidBlock block = make_edid({1280, 800}, kMemory);
    EXPECT_THAT(std::vector<u8>(block.begin(), block.begin() + 8),
                testing::ElementsAre(0, 255, 255, 255, 255, 255, 255, 0));
    EXPECT_EQ(block[18], 1);
    EXPECT_EQ(block[19], 4);
    EXPECT_EQ(block[126], 0); // no extensions
    EXPECT_EQ(sum(block) % 256, 0U);
}

TEST(VgaEdid, ThePreferredModeIsTheFirstDetailedTimingAndItsRateIsSixtyHertz) {
    for (const ScreenMode mode :
         {ScreenMode{640, 480}, {1024, 768}, {1280, 800}, {1920, 1080}, {2560, 1600}}) {
        const EdidBlock block = make_edid(mode, kMemory);
        EXPECT_EQ(detailed(block, 54), mode);
        EXPECT_NEAR(refresh_rate(block, 54), 60.0, 0.1) << mode.width;
        EXPECT_EQ(sum(block) % 256, 0U);
    }
}

TEST(VgaEdid, TheLargestModeOfOurViewersIsListed) {
    EXPECT_EQ(detailed(make_edid({1280, 800}, kMemory), 72), (ScreenMode{2560, 1600}));
}

TEST(VgaEdid, StandardTimingsAreThoseThatTheMemoryHolds) {
    EXPECT_EQ(standard_timings(make_edid({1280, 800}, kMemory)),
              (std::set<std::pair<unsigned, unsigned>>{{1920, 1080},
                                                       {1920, 1200},
                                                       {1680, 1050},
                                                       {1600, 1200},
                                                       {1440, 900},
                                                       {1280, 1024},
                                                       {1280, 800},
                                                       {1280, 720}}));
    EXPECT_EQ(standard_timings(make_edid({1024, 768}, 4 << 20)),
              (std::set<std::pair<unsigned, unsigned>>{{1280, 800}, {1280, 720}}));
}

TEST(VgaEdid, TheNameEndsWithANewline) {
    const EdidBlock block = make_edid({1280, 800}, kMemory);
    EXPECT_EQ(std::string(block.begin() + 108, block.begin() + 126),
              std::string("\0\0\0\xfc\0hvmdm\n       ", 18));
}

TEST(VgaEdid, AnySizeThatIsAskedForIsMadePossible) {
    EXPECT_EQ(possible_mode({1366, 768}, kMemory), (ScreenMode{1360, 768}));
    EXPECT_EQ(possible_mode({0, 0}, kMemory), (ScreenMode{320, 200}));
    EXPECT_EQ(possible_mode({~0U, 100}, kMemory), (ScreenMode{4088, 200}));
    for (const u64 memory : {u64{1} << 20, u64{2} << 20, kMemory})
        for (unsigned size = 0; size < 5000; size += 7) {
            const ScreenMode mode = possible_mode({size, 5000 - size}, memory);
            EXPECT_LE(u64{mode.width} * mode.height * 4, memory);
            EXPECT_EQ(detailed(make_edid(mode, memory), 54), mode);
        }
}

} // namespace
} // namespace dm
