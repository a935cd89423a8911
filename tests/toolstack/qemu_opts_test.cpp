#include "dm/toolstack/qemu_opts.hpp"

#include <gmock/gmock.h>

namespace dm::toolstack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

QemuOpts parsed(std::string_view text, std::string_view implied = "first") {
    auto opts = QemuOpts::parse(text, implied);
    EXPECT_TRUE(opts.ok()) << text;
    return opts.ok() ? std::move(*opts) : QemuOpts();
}

TEST(QemuOpts, KeysAndValuesKeepTheirOrder) {
    EXPECT_THAT(parsed("a=1,b=x y,c=").pairs(), ElementsAre(Pair("a", "1"), Pair("b", "x y"), Pair("c", "")));
}

TEST(QemuOpts, ABareFirstElementIsTheImpliedKey) {
    EXPECT_THAT(parsed("e1000,id=nic0", "driver").pairs(),
                ElementsAre(Pair("driver", "e1000"), Pair("id", "nic0")));
}

TEST(QemuOpts, WithoutAnImpliedKeyABareFirstElementIsATruthValue) {
    auto opts = parsed("readonly,id=a", "");
    EXPECT_TRUE(opts.take_bool("readonly", false).value());
}

TEST(QemuOpts, TwoCommasAreOneCommaInsideAValue) {
    EXPECT_THAT(parsed("file=/a,,b,,,x=1", "").pairs(), ElementsAre(Pair("file", "/a,b,"), Pair("x", "1")));
    EXPECT_THAT(parsed("a,,b,to=9").pairs(), ElementsAre(Pair("first", "a,b"), Pair("to", "9")));
}

TEST(QemuOpts, AnEqualsSignInsideAValueIsPartOfIt) {
    EXPECT_THAT(parsed("append=root=/dev/xvda", "").pairs(), ElementsAre(Pair("append", "root=/dev/xvda")));
}

TEST(QemuOpts, ABareWordIsOnAndWithNoInFrontItIsOff) {
    auto opts = parsed("x,server,nowait");
    EXPECT_TRUE(opts.take_bool("server", false).value());
    EXPECT_FALSE(opts.take_bool("wait", true).value());
    opts.ignore({"first"});
    EXPECT_TRUE(opts.finish().ok());
}

TEST(QemuOpts, ABareWordEndsAtTheFirstCommaEvenIfThatIsDoubled) {
    EXPECT_THAT(parsed("x=1,server,,b,c=2").pairs(),
                ElementsAre(Pair("x", "1"), Pair("server", "on"), Pair("b", "on"), Pair("c", "2")));
}

TEST(QemuOpts, AKeyThatComesTwiceHasTheLastValue) {
    EXPECT_EQ(parsed("a=1,a=2").take("a"), "2");
}

TEST(QemuOpts, AMissingKeyHasItsFallback) {
    auto opts = parsed("a=1");
    EXPECT_FALSE(opts.take("b").has_value());
    EXPECT_EQ(opts.take_or("b", "c"), "c");
    EXPECT_TRUE(opts.take_bool("b", true).value());
    EXPECT_FALSE(opts.take_number("b").value().has_value());
}

TEST(QemuOpts, WhatNobodyTookIsNamed) {
    auto opts = parsed("a=1,typo=2");
    opts.ignore({"a"});
    EXPECT_THAT(opts.rest(), ElementsAre("typo"));
    EXPECT_THAT(opts.finish().error().message, HasSubstr("'typo'"));
}

TEST(QemuOpts, AValueWithoutANameIsRefused) {
    EXPECT_FALSE(QemuOpts::parse("=5", "first").ok());
    EXPECT_FALSE(QemuOpts::parse("a=1,=5", "first").ok());
}

TEST(QemuOpts, EmptyTextAndStrayCommasHoldNothing) {
    EXPECT_THAT(parsed("").pairs(), ElementsAre());
    EXPECT_THAT(parsed(",,", "").pairs(), ElementsAre());
    EXPECT_THAT(parsed("a=1,", "").pairs(), ElementsAre(Pair("a", "1")));
}

TEST(QemuOpts, HelpIsSeenInFrontAndAsAWord) {
    EXPECT_TRUE(parsed("help").wants_help());
    EXPECT_TRUE(parsed("?").wants_help());
    EXPECT_TRUE(parsed("VGA,help").wants_help());
    EXPECT_FALSE(parsed("VGA,id=help").wants_help());
}

TEST(ParseBool, HasTheWordsOfQemu) {
    for (const char* yes : {"on", "yes", "true", "y"})
        EXPECT_TRUE(parse_bool(yes).value()) << yes;
    for (const char* no : {"off", "no", "false", "n"})
        EXPECT_FALSE(parse_bool(no).value()) << no;
    for (const char* bad : {"", "1", "ON", "maybe"})
        EXPECT_FALSE(parse_bool(bad).ok()) << bad;
}

TEST(ParseNumber, TakesDecimalAndHexadecimalAndNothingElse) {
    EXPECT_EQ(parse_number("0").value(), 0U);
    EXPECT_EQ(parse_number("18446744073709551615").value(), ~u64{0});
    EXPECT_EQ(parse_number("0xF0000000").value(), 0xf0000000U);
    for (const char* bad : {"", "x", "0x", "-1", "+1", " 1", "1 ", "1k", "18446744073709551616"})
        EXPECT_FALSE(parse_number(bad).ok()) << bad;
    EXPECT_FALSE(parse_number("5", 4).ok());
}

TEST(ParseSize, CountsInUnitsUnlessASuffixSaysOtherwise) {
    EXPECT_EQ(parse_size("248", 1 << 20).value(), u64{248} << 20);
    EXPECT_EQ(parse_size("2G", 1 << 20).value(), u64{2} << 30);
    EXPECT_EQ(parse_size("512k").value(), u64{512} << 10);
    EXPECT_EQ(parse_size("1.5G").value(), (u64{3} << 30) / 2);
    EXPECT_EQ(parse_size("7B", 1024).value(), 7U);
    EXPECT_EQ(parse_size("4026531840").value(), 0xf0000000U);
    EXPECT_EQ(parse_size("15.9E").value() >> 60, 15U);
}

TEST(ParseSize, RefusesWhatIsNoSizeOrDoesNotFit) {
    for (const char* bad :
         {"", "M", "64X", "-1", "1.", ".5", "1.5.5", "1e3", "16E", "99999999999999999999", "0x1k"})
        EXPECT_FALSE(parse_size(bad).ok()) << bad;
}

TEST(WithoutSecrets, PasswordsAreNotForTheLog) {
    EXPECT_EQ(without_secrets("port=1,password=a,,b c -m,tls-port=2,password=x"),
              "port=1,password=***,tls-port=2,password=***");
    EXPECT_EQ(without_secrets("password=a,,b,port=1"), "password=***,port=1");
    EXPECT_EQ(without_secrets(":1,password=on,to=99"), ":1,password=on,to=99");
    EXPECT_EQ(without_secrets(":1,password"), ":1,password");
    EXPECT_EQ(without_secrets("password="), "password=***");
}

} // namespace
} // namespace dm::toolstack
