#include "dm/qtest/line_framer.hpp"

#include <gtest/gtest.h>

namespace dm::qtest {
namespace {

std::string next(LineFramer& framer) {
    const auto line = framer.next();
    if (!line) return "(none)";
    return line->too_long ? "(too long)" : std::string(line->text);
}

TEST(LineFramer, GivesLinesWhateverPiecesTheyComeIn) {
    LineFramer framer(100);
    framer.append("in");
    EXPECT_EQ(next(framer), "(none)");
    framer.append("b 1\noutb 2 3\n\nx");
    EXPECT_EQ(next(framer), "inb 1");
    EXPECT_EQ(next(framer), "outb 2 3");
    EXPECT_EQ(next(framer), "");
    EXPECT_EQ(next(framer), "(none)");
    framer.append("\n");
    EXPECT_EQ(next(framer), "x");
}

TEST(LineFramer, ALineOfTheLongestLengthIsNotTooLong) {
    LineFramer framer(4);
    framer.append("1234\n12345\n1\n");
    EXPECT_EQ(next(framer), "1234");
    EXPECT_EQ(next(framer), "(too long)");
    EXPECT_EQ(next(framer), "1");
}

TEST(LineFramer, ALineWithoutEndIsNotKept) {
    LineFramer framer(4);
    for (int i = 0; i < 1000; ++i) {
        framer.append("0123456789");
        EXPECT_EQ(next(framer), "(none)");
    }
    framer.append("\nok\n");
    EXPECT_EQ(next(framer), "(too long)");
    EXPECT_EQ(next(framer), "ok");
}

} // namespace
} // namespace dm::qtest
