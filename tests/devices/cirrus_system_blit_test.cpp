// Blits whose source the CPU sends.
#include "tests/devices/cirrus_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using Bytes = std::vector<int>;

struct CirrusSystemBlitTest : testing::Test {
    CirrusRig rig;
    void send(u64 at, std::initializer_list<u32> dwords) {
        for (const u32 dword : dwords)
            rig.poke(at, dword);
    }
};

TEST_F(CirrusSystemBlitTest, RowsArePaddedToDwords) {
    rig.blit({.width = 3, .height = 2, .dst_pitch = 4, .dst = 0x200, .mode = blt::FROM_SYSTEM});
    EXPECT_TRUE(rig.busy());
    send(CirrusRig::kBlitData, {0xee030201});
    EXPECT_EQ(rig.get(0x200, 8), (Bytes{1, 2, 3, 0, 0, 0, 0, 0}));
    EXPECT_TRUE(rig.busy());
    send(CirrusRig::kBlitData + 0x1230, {0xee060504}); // at any address
    EXPECT_EQ(rig.get(0x200, 8), (Bytes{1, 2, 3, 0, 4, 5, 6, 0}));
    EXPECT_FALSE(rig.busy());
    EXPECT_EQ(rig.gfx(0x31), 0);
}

TEST_F(CirrusSystemBlitTest, TheLinearMemoryAndTheWindowTakeDataToo) {
    rig.extended();
    for (const u64 at : {CirrusRig::kVram + 0x500, u64{0xa0000}}) {
        rig.put(0x200, {0, 0, 0, 0});
        rig.blit({.width = 4, .dst = 0x200, .mode = blt::FROM_SYSTEM});
        send(at, {0x04030201});
        EXPECT_EQ(rig.get(0x200, 4), (Bytes{1, 2, 3, 4}));
        send(at, {0x55555555}); // memory again
    }
    EXPECT_EQ(rig.get(0x500, 1), (Bytes{0x55}));
    EXPECT_EQ(rig.get(0, 1), (Bytes{0x55}));
}

TEST_F(CirrusSystemBlitTest, WhatIsLeftOfTheLastAccessIsPadding) {
    rig.blit({.width = 8,
              .height = 3,
              .dst_pitch = 8,
              .dst = 0x200,
              .mode = blt::FROM_SYSTEM | blt::EXPAND,
              .foreground = 7,
              .background = 9});
    rig.put(0x500, {1, 2, 3, 4});
    send(CirrusRig::kVram + 0x500, {0xff8001f0});
    EXPECT_EQ(rig.get(0x200, 24),
              (Bytes{7, 7, 7, 7, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 7, 7, 9, 9, 9, 9, 9, 9, 9}));
    EXPECT_EQ(rig.get(0x500, 4), (Bytes{1, 2, 3, 4}));
}

TEST_F(CirrusSystemBlitTest, ASpanGoesOnIntoMemoryWhenTheBlitEnds) {
    rig.blit({.width = 4, .height = 2, .dst_pitch = 4, .dst = 0x200, .mode = blt::FROM_SYSTEM});
    const std::vector<u8> bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    rig.memory.write_span(CirrusRig::kVram + 0x500, 4, bytes);
    EXPECT_EQ(rig.get(0x200, 8), (Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(rig.get(0x500, 12), (Bytes{0, 0, 0, 0, 0, 0, 0, 0, 9, 10, 11, 12}));
}

TEST_F(CirrusSystemBlitTest, BitsOfARowMayBePaddedToDwords) {
    rig.blit({.width = 2,
              .height = 2,
              .dst_pitch = 2,
              .dst = 0x200,
              .mode = blt::FROM_SYSTEM | blt::EXPAND,
              .extension = blt::DWORDS,
              .foreground = 7,
              .background = 9});
    send(CirrusRig::kBlitData, {0xffffff80, 0xffffff40});
    EXPECT_EQ(rig.get(0x200, 5), (Bytes{7, 9, 9, 7, 0}));
    EXPECT_FALSE(rig.busy());
}

TEST_F(CirrusSystemBlitTest, PatternsAreSentOnce) {
    rig.blit({.width = 8,
              .height = 10,
              .dst_pitch = 8,
              .dst = 0x200,
              .src = 1,
              .mode = blt::FROM_SYSTEM | blt::PATTERN | blt::EXPAND,
              .foreground = 7,
              .background = 9});
    send(CirrusRig::kBlitData, {0x00000180});
    EXPECT_TRUE(rig.busy());
    send(CirrusRig::kBlitData, {0});
    EXPECT_FALSE(rig.busy());
    EXPECT_EQ(rig.get(0x200, 8), (Bytes{9, 9, 9, 9, 9, 9, 9, 7})); // the row that the address names
    EXPECT_EQ(rig.get(0x200 + 56, 8), (Bytes{7, 9, 9, 9, 9, 9, 9, 9}));
}

TEST_F(CirrusSystemBlitTest, PatternsOfPixelsAsWell) {
    rig.blit({.width = 16,
              .height = 8,
              .dst_pitch = 16,
              .dst = 0x200,
              .mode = blt::FROM_SYSTEM | blt::PATTERN | blt::BITS16});
    for (u32 i = 0; i < 32; ++i)
        send(CirrusRig::kBlitData, {(2 * i) | (2 * i + 1) << 16});
    EXPECT_FALSE(rig.busy());
    EXPECT_EQ(rig.get(0x200 + 7 * 16 + 14, 2), (Bytes{63, 0}));
}

TEST_F(CirrusSystemBlitTest, KeyedPixelsAreLeftOut) {
    rig.put(0x200, {9, 9, 9, 9});
    rig.blit({.width = 4, .dst = 0x200, .mode = blt::FROM_SYSTEM | blt::TRANSPARENT, .key = 2});
    send(CirrusRig::kBlitData, {0x04030201});
    EXPECT_EQ(rig.get(0x200, 4), (Bytes{1, 9, 3, 4}));
}

TEST_F(CirrusSystemBlitTest, AResetEndsIt) {
    rig.blit({.width = 4, .height = 2, .dst_pitch = 4, .dst = 0x200, .mode = blt::FROM_SYSTEM});
    send(CirrusRig::kBlitData, {0x04030201});
    rig.drive.gfx(0x31, 0x04);
    EXPECT_TRUE(rig.busy());
    rig.drive.gfx(0x31, 0x00);
    EXPECT_FALSE(rig.busy());
    send(CirrusRig::kBlitData, {0x04030201});
    EXPECT_EQ(rig.get(0x204, 4), (Bytes{0, 0, 0, 0}));
}

TEST_F(CirrusSystemBlitTest, AnotherStartTakesOver) {
    rig.blit({.width = 4, .height = 2, .dst_pitch = 4, .dst = 0x200, .mode = blt::FROM_SYSTEM});
    send(CirrusRig::kBlitData, {0x04030201});
    rig.put(0x100, {5});
    rig.blit({.dst = 0x300, .src = 0x100});
    EXPECT_EQ(rig.vram()[0x300], 5);
    EXPECT_FALSE(rig.busy());
}

TEST_F(CirrusSystemBlitTest, ItGoesOnAfterALoad) {
    rig.blit({.width = 8, .height = 2, .dst_pitch = 8, .dst = 0x200, .mode = blt::FROM_SYSTEM});
    send(CirrusRig::kBlitData, {0x04030201, 0x08070605, 0x0c0b0a09});
    const std::vector<u8> image = snapshot(rig);
    CirrusRig twin;
    twin.copy_surroundings(rig);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev->load(*reader).ok());
    EXPECT_TRUE(twin.busy());
    twin.poke(CirrusRig::kBlitData, 0x100f0e0d);
    EXPECT_EQ(twin.get(0x208, 8), (Bytes{9, 10, 11, 12, 13, 14, 15, 16}));
    EXPECT_FALSE(twin.busy());
}

// While data is awaited the guest must not reach the memory past the device; afterwards it may again.
TEST_F(CirrusSystemBlitTest, TheLinearMemoryIsHiddenWhileItTakesData) {
    EXPECT_EQ(rig.video->placed, CirrusRig::kVram);
    rig.blit({.width = 4, .dst = 0x200, .mode = blt::FROM_SYSTEM});
    EXPECT_EQ(rig.video->placed, std::nullopt);
    send(CirrusRig::kVram, {0x04030201});
    EXPECT_EQ(rig.video->placed, std::nullopt) << "the next blit may follow at once";
    EXPECT_EQ(rig.peek(CirrusRig::kVram + 0x200), 0x04030201U);
    EXPECT_EQ(rig.video->placed, CirrusRig::kVram);
}

} // namespace
} // namespace dm::test
