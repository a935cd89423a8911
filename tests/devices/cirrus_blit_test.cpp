// What blits draw: raster operations, patterns, colour expansion, transparency, directions.
#include "tests/devices/cirrus_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using Bytes = std::vector<int>;

struct CirrusBlitTest : testing::Test {
    CirrusRig rig;
};

TEST_F(CirrusBlitTest, EveryRasterOperationIsItsTruthTable) {
    // Result for (source, destination) bits 00, 01, 10, 11.
    const std::map<u8, std::array<int, 4>> operations = {
        {0x00, {0, 0, 0, 0}}, {0x05, {0, 0, 0, 1}}, {0x06, {0, 1, 0, 1}}, {0x09, {0, 0, 1, 0}},
        {0x0b, {1, 0, 1, 0}}, {0x0d, {0, 0, 1, 1}}, {0x0e, {1, 1, 1, 1}}, {0x50, {0, 1, 0, 0}},
        {0x59, {0, 1, 1, 0}}, {0x6d, {0, 1, 1, 1}}, {0x90, {1, 1, 1, 0}}, {0x95, {1, 0, 0, 1}},
        {0xad, {1, 0, 1, 1}}, {0xd0, {1, 1, 0, 0}}, {0xd6, {1, 1, 0, 1}}, {0xda, {1, 0, 0, 0}},
    };
    for (const auto& [rop, table] : operations) {
        rig.put(0x100, {0x0f});
        rig.put(0x200, {0x33});
        rig.blit({.dst = 0x200, .src = 0x100, .rop = rop});
        int expected = 0;
        for (int bit = 0; bit < 8; ++bit)
            expected |= table[(0x0fU >> bit & 1) * 2 + (0x33U >> bit & 1)] << bit;
        EXPECT_EQ(rig.vram()[0x200], expected) << std::hex << +rop;
    }
}

TEST_F(CirrusBlitTest, ACodeThatIsNoneOfTheSixteenChangesNothing) {
    rig.put(0x100, {0x0f});
    rig.put(0x200, {0x33});
    rig.blit({.dst = 0x200, .src = 0x100, .rop = 0x77});
    EXPECT_EQ(rig.vram()[0x200], 0x33);
    EXPECT_FALSE(rig.busy());
}

TEST_F(CirrusBlitTest, CopiesARectangleWithTwoPitches) {
    rig.put(0x100, {1, 2, 3, 9, 4, 5, 6, 9});
    rig.blit({.width = 3, .height = 2, .dst_pitch = 5, .src_pitch = 4, .dst = 0x200, .src = 0x100});
    EXPECT_EQ(rig.get(0x200, 9), (Bytes{1, 2, 3, 0, 0, 4, 5, 6, 0}));
    EXPECT_EQ(rig.gfx(0x31), 0);
}

TEST_F(CirrusBlitTest, BackwardsMovesARectangleOverItself) {
    rig.put(0x100, {1, 2, 3, 4, 0, 0});
    rig.blit({.width = 4, .dst = 0x105, .src = 0x103, .mode = blt::BACKWARDS});
    EXPECT_EQ(rig.get(0x100, 6), (Bytes{1, 2, 1, 2, 3, 4}));
    rig.put(0x100, {1, 2, 0, 3, 4, 0, 0, 0, 0});
    rig.blit({.width = 2,
              .height = 2,
              .dst_pitch = 3,
              .src_pitch = 3,
              .dst = 0x107,
              .src = 0x104,
              .mode = blt::BACKWARDS});
    EXPECT_EQ(rig.get(0x100, 9), (Bytes{1, 2, 0, 1, 2, 0, 3, 4, 0}));
}

TEST_F(CirrusBlitTest, FillsWithTheForegroundAtEveryDepth) {
    const u8 mode = blt::PATTERN | blt::EXPAND;
    rig.blit({.width = 3, .dst = 0x100, .mode = mode, .extension = blt::SOLID, .foreground = 0x44332211});
    EXPECT_EQ(rig.get(0x100, 4), (Bytes{0x11, 0x11, 0x11, 0}));
    rig.blit({.width = 4,
              .height = 2,
              .dst_pitch = 8,
              .dst = 0x200,
              .mode = mode | blt::BITS16,
              .extension = blt::SOLID,
              .foreground = 0x44332211});
    EXPECT_EQ(rig.get(0x200, 13), (Bytes{0x11, 0x22, 0x11, 0x22, 0, 0, 0, 0, 0x11, 0x22, 0x11, 0x22, 0}));
    rig.blit({.width = 6,
              .dst = 0x301,
              .mode = mode | blt::BITS24,
              .extension = blt::SOLID,
              .foreground = 0x44332211});
    EXPECT_EQ(rig.get(0x300, 8), (Bytes{0, 0x11, 0x22, 0x33, 0x11, 0x22, 0x33, 0}));
    rig.blit({.width = 8,
              .dst = 0x400,
              .mode = mode | blt::BITS32,
              .extension = blt::SOLID,
              .foreground = 0x44332211});
    EXPECT_EQ(rig.get(0x400, 9), (Bytes{0x11, 0x22, 0x33, 0x44, 0x11, 0x22, 0x33, 0x44, 0}));
}

TEST_F(CirrusBlitTest, ExpandsBitsToTwoColours) {
    rig.put(0x100, {0xa0, 0xc0});
    rig.blit({.width = 4,
              .height = 2,
              .dst_pitch = 4,
              .dst = 0x200,
              .src = 0x100,
              .mode = blt::EXPAND,
              .foreground = 7,
              .background = 9});
    EXPECT_EQ(rig.get(0x200, 9), (Bytes{7, 9, 7, 9, 7, 7, 9, 9, 0}));
}

TEST_F(CirrusBlitTest, RowsOfBitsMayBeginAtDwords) {
    rig.put(0x100, {0x80, 0xff, 0xff, 0xff, 0x40});
    rig.blit({.width = 2,
              .height = 2,
              .dst_pitch = 2,
              .dst = 0x200,
              .src = 0x100,
              .mode = blt::EXPAND,
              .extension = blt::DWORDS,
              .foreground = 7,
              .background = 9});
    EXPECT_EQ(rig.get(0x200, 4), (Bytes{7, 9, 9, 7}));
}

TEST_F(CirrusBlitTest, TransparentExpansionLeavesZerosOut) {
    rig.put(0x100, {0xa0});
    rig.put(0x200, {1, 2, 3, 4});
    rig.blit(
        {.width = 4, .dst = 0x200, .src = 0x100, .mode = blt::EXPAND | blt::TRANSPARENT, .foreground = 7});
    EXPECT_EQ(rig.get(0x200, 4), (Bytes{7, 2, 7, 4}));
}

TEST_F(CirrusBlitTest, InvertedExpansionDrawsZerosInTheBackground) {
    rig.put(0x100, {0xa0});
    rig.put(0x200, {1, 2, 3, 4});
    rig.blit({.width = 4,
              .dst = 0x200,
              .src = 0x100,
              .mode = blt::EXPAND | blt::TRANSPARENT,
              .extension = blt::INVERT,
              .foreground = 7,
              .background = 9});
    EXPECT_EQ(rig.get(0x200, 4), (Bytes{1, 9, 3, 9}));
}

TEST_F(CirrusBlitTest, ExpandsAtEveryDepth) {
    for (const auto& [bits, bytes] :
         {std::pair{blt::BITS16, 2U}, std::pair{blt::BITS24, 3U}, std::pair{blt::BITS32, 4U}}) {
        rig.put(0x100, {0x40});
        rig.blit({.width = 2 * bytes,
                  .dst = 0x200,
                  .src = 0x100,
                  .mode = static_cast<u8>(blt::EXPAND | bits),
                  .foreground = 0x14131211,
                  .background = 0x24232221});
        Bytes expected;
        for (unsigned i = 0; i < bytes; ++i)
            expected.push_back(0x21 + static_cast<int>(i));
        for (unsigned i = 0; i < bytes; ++i)
            expected.push_back(0x11 + static_cast<int>(i));
        EXPECT_EQ(rig.get(0x200, 2 * bytes), expected);
    }
}

TEST_F(CirrusBlitTest, SkipsPixelsOnTheLeft) {
    rig.put(0x100, {0xff});
    rig.blit({.width = 5, .dst = 0x200, .src = 0x100, .mode = blt::EXPAND, .skip = 3, .foreground = 7});
    EXPECT_EQ(rig.get(0x200, 6), (Bytes{0, 0, 0, 7, 7, 0}));
    rig.put(0x100, {0x20});
    rig.blit({.width = 8,
              .dst = 0x300,
              .src = 0x100,
              .mode = blt::EXPAND | blt::BITS16,
              .skip = 2,
              .foreground = 0x0807,
              .background = 0x0a09});
    EXPECT_EQ(rig.get(0x300, 9), (Bytes{0, 0, 0, 0, 7, 8, 9, 10, 0}));
    rig.put(0x100, {0x40});
    rig.blit({.width = 9,
              .dst = 0x400,
              .src = 0x100,
              .mode = blt::EXPAND | blt::BITS24,
              .skip = 3, // bytes
              .foreground = 0x030201,
              .background = 0x060504});
    EXPECT_EQ(rig.get(0x400, 10), (Bytes{0, 0, 0, 1, 2, 3, 4, 5, 6, 0}));
}

TEST_F(CirrusBlitTest, RepeatsAPatternOfBits) {
    rig.put(0x108, {0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1});
    rig.blit({.width = 10,
              .height = 9,
              .dst_pitch = 10,
              .dst = 0x200,
              .src = 0x108,
              .mode = blt::PATTERN | blt::EXPAND,
              .foreground = 7,
              .background = 9});
    EXPECT_EQ(rig.get(0x200, 20), (Bytes{7, 9, 9, 9, 9, 9, 9, 9, 7, 9, 9, 7, 9, 9, 9, 9, 9, 9, 9, 7}));
    EXPECT_EQ(rig.get(0x200 + 80, 10), rig.get(0x200, 10));
}

TEST_F(CirrusBlitTest, PatternsBeginWithTheRowThatTheAddressNames) {
    rig.put(0x108, {0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1});
    rig.blit({.width = 8,
              .height = 2,
              .dst_pitch = 8,
              .dst = 0x200,
              .src = 0x10f,
              .mode = blt::PATTERN | blt::EXPAND,
              .foreground = 7,
              .background = 9});
    EXPECT_EQ(rig.get(0x200, 16), (Bytes{9, 9, 9, 9, 9, 9, 9, 7, 7, 9, 9, 9, 9, 9, 9, 9}));
}

TEST_F(CirrusBlitTest, TransparentPatternsLeaveZerosOut) {
    rig.put(0x100, {0xf0, 0, 0, 0, 0, 0, 0, 0});
    rig.put(0x200, {1, 2, 3, 4, 5});
    rig.blit({.width = 5,
              .dst = 0x200,
              .src = 0x100,
              .mode = blt::PATTERN | blt::EXPAND | blt::TRANSPARENT,
              .skip = 1,
              .foreground = 7});
    EXPECT_EQ(rig.get(0x200, 5), (Bytes{1, 7, 7, 7, 5}));
}

TEST_F(CirrusBlitTest, RepeatsAPatternOfPixels) {
    for (int i = 0; i < 64; ++i)
        rig.vram()[0x140U + static_cast<unsigned>(i)] = static_cast<u8>(i);
    rig.blit({.width = 9, .height = 9, .dst_pitch = 16, .dst = 0x200, .src = 0x140, .mode = blt::PATTERN});
    EXPECT_EQ(rig.get(0x200, 10), (Bytes{0, 1, 2, 3, 4, 5, 6, 7, 0, 0}));
    EXPECT_EQ(rig.get(0x270, 9), (Bytes{56, 57, 58, 59, 60, 61, 62, 63, 56}));
    EXPECT_EQ(rig.get(0x280, 9), rig.get(0x200, 9));
}

TEST_F(CirrusBlitTest, RowsOfAPatternOfThreeBytePixelsAre32BytesApart) {
    for (int i = 0; i < 256; ++i)
        rig.vram()[0x400U + static_cast<unsigned>(i)] = static_cast<u8>(i);
    rig.blit({.width = 6,
              .height = 2,
              .dst_pitch = 6,
              .dst = 0x200,
              .src = 0x400,
              .mode = blt::PATTERN | blt::BITS24});
    EXPECT_EQ(rig.get(0x200, 12), (Bytes{0, 1, 2, 3, 4, 5, 32, 33, 34, 35, 36, 37}));
}

TEST_F(CirrusBlitTest, TheKeysColourIsNotDrawn) {
    rig.put(0x100, {1, 5, 3});
    rig.put(0x200, {9, 9, 9});
    rig.blit({.width = 3, .dst = 0x200, .src = 0x100, .mode = blt::TRANSPARENT, .key = 5});
    EXPECT_EQ(rig.get(0x200, 3), (Bytes{1, 9, 3}));
    rig.put(0x200, {9, 9, 9});
    rig.blit({.width = 3, .dst = 0x202, .src = 0x102, .mode = blt::TRANSPARENT | blt::BACKWARDS, .key = 3});
    EXPECT_EQ(rig.get(0x200, 3), (Bytes{1, 5, 9}));
}

TEST_F(CirrusBlitTest, TheKeyOfTwoBytePixelsHasTwoBytes) {
    rig.put(0x100, {1, 2, 1, 3, 2, 2});
    rig.put(0x200, {9, 9, 9, 9, 9, 9});
    rig.blit({.width = 6, .dst = 0x200, .src = 0x100, .mode = blt::TRANSPARENT | blt::BITS16, .key = 0x0301});
    EXPECT_EQ(rig.get(0x200, 6), (Bytes{1, 2, 9, 9, 2, 2}));
    rig.put(0x200, {9, 9, 9, 9, 9, 9});
    rig.blit({.width = 6,
              .dst = 0x205,
              .src = 0x105,
              .mode = blt::TRANSPARENT | blt::BITS16 | blt::BACKWARDS,
              .key = 0x0201});
    EXPECT_EQ(rig.get(0x200, 6), (Bytes{9, 9, 1, 3, 2, 2}));
}

TEST_F(CirrusBlitTest, TheKeyIsComparedWithTheResult) {
    rig.put(0x100, {0xf0, 0x0f});
    rig.put(0x200, {0x0f, 0x0f});
    rig.blit({.width = 2, .dst = 0x200, .src = 0x100, .mode = blt::TRANSPARENT, .rop = 0x59, .key = 0x00});
    EXPECT_EQ(rig.get(0x200, 2), (Bytes{0xff, 0x0f}));
}

TEST_F(CirrusBlitTest, AWriteOfTheDestinationMayStart) {
    rig.put(0x100, {1, 2});
    rig.set_blit({.width = 2, .dst = 0, .src = 0x100});
    rig.drive.gfx(0x31, 0x80);
    rig.poke(CirrusRig::kBlt + 0x10, 0x200);
    EXPECT_EQ(rig.get(0x200, 2), (Bytes{1, 2}));
    EXPECT_EQ(rig.gfx(0x31), 0x80);
}

TEST_F(CirrusBlitTest, StartsByTheEdgeOfItsBit) {
    rig.set_blit({.dst = 0x200, .src = 0x100});
    rig.put(0x100, {1});
    rig.drive.gfx(0x31, 0x00);
    EXPECT_EQ(rig.vram()[0x200], 0);
    rig.drive.gfx(0x31, 0x02);
    EXPECT_EQ(rig.vram()[0x200], 1);
    EXPECT_EQ(rig.gfx(0x31), 0);
    rig.put(0x100, {2});
    rig.drive.gfx(0x31, 0x02); // the bit has cleared itself
    EXPECT_EQ(rig.vram()[0x200], 2);
}

TEST_F(CirrusBlitTest, WhatABlitDrewIsReported) {
    rig.video->reported_writes = 0;
    rig.blit({.width = 4, .dst = 0x200, .src = 0x100});
    EXPECT_EQ(rig.video->reported_writes, 1U);
}

TEST_F(CirrusBlitTest, ABlitSeesWhatTheGuestWrotePastTheDevice) {
    rig.video->by_guest = rig.vram();
    rig.video->by_guest[0x100] = 0x5a;
    rig.video->by_guest[0x200] = 0x0f;
    rig.blit({.dst = 0x200, .src = 0x100, .rop = 0x59});
    EXPECT_EQ(rig.vram()[0x200], 0x55);
}

} // namespace
} // namespace dm::test
