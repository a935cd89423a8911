#include "dm/core/log.hpp"

#include <gmock/gmock.h>
#include <vector>

namespace dm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct LogTest : testing::Test {
    LogTest() {
        Log::set_sink([this](LogLevel level, std::string_view line) {
            levels.push_back(level);
            lines.emplace_back(line);
        });
    }
    ~LogTest() override {
        Log::set_sink({});
        Log::enable_debug(false);
    }
    std::vector<LogLevel> levels;
    std::vector<std::string> lines;
    Log log{"chip"};
};

TEST_F(LogTest, LinesNameTheProgramTheLevelAndTheTag) {
    log.error("a {}", 1);
    log.warning("b");
    log.info("c");
    Log{""}.info("d");
    EXPECT_THAT(lines, ElementsAre("hvmdm: error: chip: a 1", "hvmdm: warning: chip: b", "hvmdm: chip: c",
                                   "hvmdm: d"));
}

TEST_F(LogTest, DebugIsSilentUntilAskedFor) {
    log.debug("x");
    EXPECT_TRUE(lines.empty());
    Log::enable_debug(true);
    log.debug("y");
    EXPECT_THAT(lines, ElementsAre("hvmdm: debug: chip: y"));
}

TEST_F(LogTest, AMessageStaysOneLine) {
    log.info("one\ntwo\r\x1b[2J\tthree\x7f");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0], "hvmdm: chip: one?two??[2J?three?");
}

TEST_F(LogTest, AGuestCannotForgeALineOfOurs) {
    log.guest("{}", "hello\nhvmdm: error: disk: gone");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0], AllOf(StartsWith("hvmdm: chip: guest: hello?"), Not(HasSubstr("\n"))));
}

TEST_F(LogTest, AMessageHasABoundedLength) {
    log.info("{}", std::string(100'000, 'x'));
    EXPECT_LT(lines[0].size(), 4200U);
}

TEST_F(LogTest, AGuestGetsABurstAndAllMessagesAreCounted) {
    for (int i = 0; i < 100'000; ++i)
        log.guest("again");
    // A line is earned every 10 s: the loop above may run across one such moment.
    EXPECT_THAT(lines.size(), testing::AllOf(testing::Ge(8U), testing::Le(9U)));
    EXPECT_EQ(log.guest_count(), 100'000U);
}

TEST_F(LogTest, UnimplementedSharesTheBurstOfItsDevice) {
    for (int i = 0; i < 8; ++i)
        log.guest("g");
    log.unimplemented("timer mode {}", 5);
    EXPECT_THAT(lines.size(), testing::AllOf(testing::Ge(8U), testing::Le(9U)));
    EXPECT_EQ(log.guest_count(), 9U);
}

TEST_F(LogTest, OneChattyDeviceLeavesOthersTheirVoice) {
    for (int i = 0; i < 1000; ++i)
        log.guest("noise");
    lines.clear();
    Log other{"other"};
    other.unimplemented("x");
    EXPECT_THAT(lines, ElementsAre("hvmdm: other: guest: not implemented: x"));
}

TEST_F(LogTest, WarningsAreNotLimitedByWhatTheGuestSays) {
    for (int i = 0; i < 1000; ++i)
        log.guest("noise");
    lines.clear();
    log.warning("disk full");
    EXPECT_EQ(lines.size(), 1U);
}

TEST_F(LogTest, AllDevicesTogetherStayBelowABudgetOfBytes) {
    std::size_t bytes = 0;
    for (int i = 0; i < 100; ++i) {
        Log chip{"c"};
        for (int j = 0; j < 8; ++j)
            chip.guest("{}", std::string(2000, 'x'));
    }
    for (const std::string& line : lines)
        bytes += line.size();
    // 64 KiB a minute and the heads of the lines; twice that if the minute changes meanwhile.
    EXPECT_LT(bytes, 2U * 66 * 1024);
    EXPECT_GT(bytes, 0U);
}

} // namespace
} // namespace dm
