#include "dm/toolstack/json_framer.hpp"

#include <gmock/gmock.h>

namespace dm::toolstack {
namespace {

using testing::ElementsAre;

/// Everything the framer says about `input`: the objects, and "!" with a letter for each complaint.
std::vector<std::string> frames(std::string_view input, std::size_t piece = ~std::size_t{0}) {
    JsonFramer framer;
    std::vector<std::string> out;
    while (!input.empty()) {
        std::string_view part = input.substr(0, piece);
        input.remove_prefix(part.size());
        for (;;) {
            const JsonFramer::Event event = framer.next(part);
            if (event == JsonFramer::Event::NeedMore) break;
            if (event == JsonFramer::Event::Object) out.push_back(framer.take());
            if (event == JsonFramer::Event::Garbage) out.emplace_back("!garbage");
            if (event == JsonFramer::Event::TooDeep) out.emplace_back("!deep");
            if (event == JsonFramer::Event::TooLong) out.emplace_back("!long");
        }
        EXPECT_TRUE(part.empty());
    }
    return out;
}

TEST(JsonFramer, AnObjectEndsWithItsClosingBraceWithoutANewline) {
    EXPECT_THAT(frames(R"({ "execute": "query-status" })"), ElementsAre(R"({ "execute": "query-status" })"));
}

TEST(JsonFramer, ObjectsMayFollowEachOtherWithAnythingBlankBetween) {
    EXPECT_THAT(frames("{}{\"a\":1}\r\n \t{\"b\":[{}]}\n"), ElementsAre("{}", "{\"a\":1}", "{\"b\":[{}]}"));
}

TEST(JsonFramer, BracketsInStringsDoNotCount) {
    const std::string text = R"({"a":"}]{[\"}","b":"\\"})";
    EXPECT_THAT(frames(text), ElementsAre(text));
}

TEST(JsonFramer, EverySplitGivesTheSameObjects) {
    const std::string text =
        "{\"execute\":\"a\",\"id\":[1,{\"x\":\"\\\"}\"}]}\r\n{\"b\":\"\xc3\xa4\\ud83d\\ude00\"}{}";
    const auto whole = frames(text);
    ASSERT_EQ(whole.size(), 3U);
    for (std::size_t piece = 1; piece < text.size(); ++piece)
        EXPECT_EQ(frames(text, piece), whole) << "pieces of " << piece;
}

TEST(JsonFramer, AWrongBracketIsGarbageUpToTheNextLine) {
    EXPECT_THAT(frames("{]\n{\"a\":1}"), ElementsAre("!garbage", "{\"a\":1}"));
    EXPECT_THAT(frames("{\"a\":[}]}\n{}"), ElementsAre("!garbage", "{}"));
}

TEST(JsonFramer, AfterGarbageAnOpeningBraceStartsAnew) {
    EXPECT_THAT(frames("{\xff{\"a\":1}"), ElementsAre("!garbage", "{\"a\":1}"));
    EXPECT_THAT(frames("{\x01{}"), ElementsAre("!garbage", "{}"));
    EXPECT_THAT(frames("%p\n{}"), ElementsAre("!garbage", "{}"));
    EXPECT_THAT(frames("null\n[1,2]\n\"x\"\n{}"), ElementsAre("!garbage", "!garbage", "!garbage", "{}"));
}

TEST(JsonFramer, OneReportForOneRunOfGarbage) {
    EXPECT_THAT(frames(std::string(100000, 'x') + "\n{}"), ElementsAre("!garbage", "{}"));
    EXPECT_THAT(frames("{'execute':'quit'}\n{}"), ElementsAre("!garbage", "{}"));
}

TEST(JsonFramer, NulBytesAreGarbageNotTheEnd) {
    EXPECT_THAT(frames(std::string_view("\0\0\n{}", 5)), ElementsAre("!garbage", "{}"));
    EXPECT_THAT(frames(std::string_view("{\"a\0\":1}\n{}", 11)), ElementsAre("!garbage", "{}"));
}

TEST(JsonFramer, ControlCharactersAndImpossibleBytesEndAString) {
    EXPECT_THAT(frames("{\"id\":\"\n{}"), ElementsAre("!garbage", "{}"));
    EXPECT_THAT(frames("{\"bad \xff\n{}"), ElementsAre("!garbage", "{}"));
    EXPECT_THAT(frames("{\"bad \xc0\x80\"}\n{}"), ElementsAre("!garbage", "{}"));
}

TEST(JsonFramer, DepthIsBounded) {
    const auto nested = [](std::size_t depth) {
        return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
    };
    EXPECT_EQ(frames(nested(JsonFramer::kMaxDepth)).front(), nested(JsonFramer::kMaxDepth));
    EXPECT_THAT(frames(nested(JsonFramer::kMaxDepth + 1) + "{}"), ElementsAre("!deep", "{}"));
    EXPECT_THAT(frames(nested(1025) + "{}"), ElementsAre("!deep", "{}"));
}

TEST(JsonFramer, NothingInsideATooDeepObjectIsTakenForACommand) {
    std::string text = "{\"a\":" + std::string(JsonFramer::kMaxDepth + 5, '[') + "{\"execute\":\"quit\"}" +
                       "\"]}\"" + std::string(JsonFramer::kMaxDepth + 5, ']') + "}";
    EXPECT_THAT(frames(text + "{}"), ElementsAre("!deep", "{}"));
    EXPECT_THAT(frames(text + "{}", 1), ElementsAre("!deep", "{}"));
}

TEST(JsonFramer, LengthIsBoundedAndTheRestIsSkippedInStringsToo) {
    const std::string fits = "{\"a\":\"" + std::string(JsonFramer::kMaxLength - 8, 'x') + "\"}";
    ASSERT_EQ(fits.size(), JsonFramer::kMaxLength);
    EXPECT_EQ(frames(fits).front(), fits);
    const std::string longer =
        "{\"a\":\"" + std::string(JsonFramer::kMaxLength, 'x') + R"(\"}{"execute":"quit"}"})";
    EXPECT_THAT(frames(longer + "{}"), ElementsAre("!long", "{}"));
    EXPECT_THAT(frames(longer + "{}", 4096), ElementsAre("!long", "{}"));
}

TEST(JsonFramer, ALongTokenDoesNotGrowTheBuffer) {
    JsonFramer framer;
    const std::string piece(1 << 20, 'x');
    std::string_view start = "{\"a\":\"";
    framer.next(start);
    for (int i = 0; i < 64; ++i) {
        std::string_view part = piece;
        while (framer.next(part) != JsonFramer::Event::NeedMore) {
        }
        EXPECT_LE(framer.pending(), JsonFramer::kMaxLength);
    }
}

} // namespace
} // namespace dm::toolstack
