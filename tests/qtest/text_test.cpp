#include "dm/qtest/text.hpp"

#include <gmock/gmock.h>

namespace dm::qtest {
namespace {

using testing::Eq;

TEST(Words, AreSeparatedByExactlyOneSpace) {
    const Words words("outb  0x70 1");
    ASSERT_EQ(words.count(), 4U);
    EXPECT_EQ(words[0], "outb");
    EXPECT_EQ(words[1], "");
    EXPECT_EQ(words[3], "1");
}

TEST(Words, AnEmptyLineIsOneEmptyWord) {
    EXPECT_EQ(Words("").count(), 1U);
}

TEST(Words, WhatIsTooMuchStaysInTheLastOne) {
    const Words words("a b c d e f g h");
    ASSERT_EQ(words.count(), 6U);
    EXPECT_EQ(words[5], "f g h");
}

TEST(Numbers, AreInCsNotation) {
    EXPECT_THAT(parse_number("0"), Eq(0U));
    EXPECT_THAT(parse_number("12"), Eq(12U));
    EXPECT_THAT(parse_number("0x1F"), Eq(31U));
    EXPECT_THAT(parse_number("017"), Eq(15U));
    EXPECT_THAT(parse_number("0xffffffffffffffff"), Eq(~u64{0}));
    EXPECT_THAT(parse_signed("-5"), Eq(-5));
    EXPECT_THAT(parse_signed("9223372036854775807"), Eq(INT64_MAX));
}

TEST(Numbers, WhatIsNoneIsNone) {
    for (const std::string_view word :
         {"", "x", "0x", "0x1g", "08", "-1", "+1", " 1", "1 ", "1.5", "0x10000000000000000"})
        EXPECT_FALSE(parse_number(word)) << word;
    for (const std::string_view word : {"", "-", "--1", "9223372036854775808"})
        EXPECT_FALSE(parse_signed(word)) << word;
}

TEST(Hex, IsLowerCaseBecauseLibqtestDecodesNothingElse) {
    std::string out;
    append_hex(out, std::vector<u8>{0x00, 0xab, 0xff});
    EXPECT_EQ(out, "00abff");
}

TEST(Hex, MissingBytesAreZero) {
    std::vector<u8> out(4, 0x55);
    EXPECT_TRUE(parse_hex("0x12Ab", out));
    EXPECT_EQ(out, (std::vector<u8>{0x12, 0xab, 0, 0}));
}

TEST(Hex, RefusesWhatIsNoneAndWhatIsTooMuch) {
    std::vector<u8> out(2);
    for (const std::string_view word : {"", "12", "0x1", "0x1g", "0x123456", "0x12 4"})
        EXPECT_FALSE(parse_hex(word, out)) << word;
}

TEST(Base64, GoesThereAndBackAtEveryLength) {
    for (std::size_t length = 0; length < 8; ++length) {
        std::vector<u8> bytes;
        for (std::size_t i = 0; i < length; ++i)
            bytes.push_back(static_cast<u8>(0xf1 * i + 0x7b));
        std::string text;
        append_base64(text, bytes);
        EXPECT_EQ(text.size(), (length + 2) / 3 * 4);
        std::vector<u8> back(length, 0x55);
        EXPECT_TRUE(parse_base64(text, back));
        EXPECT_EQ(back, bytes);
    }
}

TEST(Base64, KnowsTheVectorsOfRfc4648) {
    std::string text;
    append_base64(text, std::vector<u8>{'f', 'o', 'o', 'b'});
    EXPECT_EQ(text, "Zm9vYg==");
}

TEST(Base64, RefusesWhatIsNoneAndWhatIsTooMuch) {
    std::vector<u8> out(3);
    for (const std::string_view word : {"Zg=", "Zg=a", "Z$==", "====", "Zm9vYg=="})
        EXPECT_FALSE(parse_base64(word, out)) << word;
}

} // namespace
} // namespace dm::qtest
