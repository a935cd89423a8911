// The picture: packed modes, where they start, and the hardware cursor.
#include "tests/devices/cirrus_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

constexpr u32 kSize = CirrusRig::kSize;
constexpr u32 kCursorArea = kSize - 0x4000;

struct CirrusScreenTest : testing::Test {
    CirrusRig rig;
    Picture& screen = rig.screen;

    /// The guest writes through the linear frame buffer.
    void guest_write(u32 at, std::initializer_list<int> bytes) {
        rig.put(at, bytes);
        rig.video->dirty_pages.push_back(at >> kPageShift);
    }
    std::vector<u32> drawn_afresh() {
        CirrusRig twin;
        twin.copy_surroundings(rig);
        const std::vector<u8> image = snapshot(rig);
        auto reader = StateReader::open(image);
        EXPECT_TRUE(twin.dev->load(*reader).ok());
        twin.refresh(true);
        return twin.screen.visible();
    }
    void cursor_colours(u32 background, u32 foreground) {
        rig.drive.seq(0x12, 0x02);
        for (const auto& [entry, rgb] : {std::pair{u8{0}, background}, std::pair{u8{15}, foreground}})
            rig.drive.dac(entry, static_cast<u8>(rgb >> 18 & 63), static_cast<u8>(rgb >> 10 & 63),
                          static_cast<u8>(rgb >> 2 & 63));
    }
    void cursor_at(unsigned x, unsigned y, u8 attributes = 0x01) {
        rig.drive.seq(static_cast<u8>(0x10 | (x & 7) << 5), static_cast<u8>(x >> 3));
        rig.drive.seq(static_cast<u8>(0x11 | (y & 7) << 5), static_cast<u8>(y >> 3));
        rig.drive.seq(0x12, attributes);
    }
};

TEST_F(CirrusScreenTest, EightBitPixelsGoThroughTheDac) {
    rig.packed_mode(320, 100, 8);
    rig.drive.distinct_dac();
    rig.put(321, {0x12});
    rig.refresh();
    EXPECT_EQ(screen.width, 320U);
    EXPECT_EQ(screen.height, 100U);
    EXPECT_EQ(screen.at(1, 1), VgaDriver::distinct_colour(0x12));
}

TEST_F(CirrusScreenTest, DeeperPixelsAreColours) {
    rig.packed_mode(320, 100, 15);
    rig.put(642, {0x1f, 0x7c}); // red and blue
    rig.refresh();
    EXPECT_EQ(screen.at(1, 1), 0xff00ffU);
    rig.packed_mode(320, 100, 16);
    rig.put(642, {0xe0, 0x07});
    rig.refresh();
    EXPECT_EQ(screen.at(1, 1), 0x00ff00U);
    rig.packed_mode(320, 100, 24);
    rig.put(963, {1, 2, 3});
    rig.refresh();
    EXPECT_EQ(screen.at(1, 1), 0x030201U);
    rig.packed_mode(320, 100, 32);
    rig.put(1284, {4, 5, 6, 7});
    rig.refresh();
    EXPECT_EQ(screen.at(1, 1), 0x060504U);
}

TEST_F(CirrusScreenTest, StartAndPitchHaveMoreBitsThanTheVgas) {
    rig.packed_mode(640, 100, 32);
    rig.drive.crtc(0x13, 0x41); // 141: 2568 bytes
    rig.drive.crtc(0x1b, 0x33); // pitch bit 8, start bit 16
    rig.drive.crtc(0x0d, 0x02);
    rig.put(0x40008 + 2568 + 4, {1, 2, 3});
    rig.refresh();
    EXPECT_EQ(screen.at(1, 1), 0x030201U);
}

TEST_F(CirrusScreenTest, BehindTheEndOfTheMemoryComesItsStart) {
    rig.packed_mode(640, 100, 32);
    rig.drive.crtc(0x1b, 0x36 & ~0x10); // start bit 17: 0x80000
    rig.drive.crtc(0x1b, 0x22 | 0x05);  // bits 17 and 16
    rig.drive.crtc(0x0c, 0xff);
    rig.drive.crtc(0x0d, 0xfe); // 8 bytes before 1 MiB, in cells: 3fffe
    rig.put(kSize - 4, {9, 8, 7});
    rig.put(0, {1, 2, 3});
    rig.refresh();
    EXPECT_EQ(screen.at(1, 0), 0x070809U);
    EXPECT_EQ(screen.at(2, 0), 0x030201U);
    EXPECT_EQ(screen.visible(), drawn_afresh());
}

TEST_F(CirrusScreenTest, DoubleScanAndInterlaceChangeTheHeight) {
    rig.packed_mode(320, 100, 8);
    rig.drive.distinct_dac();
    rig.drive.crtc(0x09, 0xc0);
    rig.put(320, {5});
    rig.refresh();
    EXPECT_EQ(screen.at(0, 1), screen.at(1, 0));
    EXPECT_EQ(screen.at(0, 2), VgaDriver::distinct_colour(5));
    EXPECT_EQ(screen.at(0, 3), VgaDriver::distinct_colour(5));
    rig.drive.crtc(0x1a, 1);
    rig.refresh();
    EXPECT_EQ(screen.height, 200U);
}

TEST_F(CirrusScreenTest, LegacyModesAreTheVgas) {
    rig.drive.set(kMode13);
    rig.drive.distinct_dac();
    rig.drive.poke(0xa0001, 0x33);
    rig.refresh();
    EXPECT_EQ(screen.width, 640U);
    EXPECT_EQ(screen.at(2, 0), VgaDriver::distinct_colour(0x33));
    rig.drive.set(kMode03);
    rig.refresh();
    EXPECT_EQ(screen.width, 720U);
}

TEST_F(CirrusScreenTest, PackedModesAreShownAlthoughTheBiosTurnsTheScreenOff) {
    rig.packed_mode(320, 100, 8);
    rig.drive.distinct_dac();
    rig.drive.seq(1, 0x21);
    rig.put(0, {0x12});
    rig.refresh();
    EXPECT_EQ(screen.width, 320U);
    EXPECT_EQ(screen.at(0, 0), VgaDriver::distinct_colour(0x12));
    rig.drive.in(0x3da);
    rig.drive.out(0x3c0, 0x00); // the palette is the CPU's
    rig.refresh();
    EXPECT_EQ(screen.at(0, 0), 0U);
    rig.drive.set(kMode13);
    rig.drive.seq(7, 0); // no packed pixels
    rig.drive.seq(1, 0x21);
    rig.drive.poke(0xa0000, 0x12);
    rig.refresh();
    EXPECT_EQ(screen.at(0, 0), 0U);
}

TEST_F(CirrusScreenTest, OnlyWhatChangedIsReported) {
    rig.packed_mode(320, 100, 8);
    rig.drive.distinct_dac();
    rig.refresh();
    rig.refresh();
    EXPECT_TRUE(screen.changes.empty());
    guest_write(320 * 20 + 3, {1, 2});
    rig.refresh();
    EXPECT_EQ(screen.changed_pixels(), 2U);
    rig.blit({.width = 4,
              .height = 2,
              .dst_pitch = 320,
              .dst = 320 * 50,
              .mode = blt::PATTERN | blt::EXPAND,
              .extension = blt::SOLID,
              .foreground = 3});
    rig.refresh();
    EXPECT_EQ(screen.changed_pixels(), 8U);
    EXPECT_EQ(screen.at(3, 51), VgaDriver::distinct_colour(3));
}

TEST_F(CirrusScreenTest, TheSmallCursorHasTwoPlanesOneBehindTheOther) {
    rig.packed_mode(320, 100, 32);
    cursor_colours(0xff0000, 0x00ff00);
    rig.put(kCursorArea + 0x300, {0x50});       // plane 0, row 0
    rig.put(kCursorArea + 0x300 + 128, {0x30}); // plane 1
    rig.put(kCursorArea + 0x300 + 124, {0, 0, 0, 1});
    rig.drive.seq(0x13, 3);
    rig.put(0, {1, 2, 3, 0, 1, 2, 3, 0});
    cursor_at(0, 0);
    rig.refresh();
    EXPECT_EQ(screen.at(0, 0), 0x030201U);
    EXPECT_EQ(screen.at(1, 0), 0xfcfdfeU); // inverted
    EXPECT_EQ(screen.at(2, 0), 0xff0000U);
    EXPECT_EQ(screen.at(3, 0), 0x00ff00U);
    EXPECT_EQ(screen.at(31, 31), 0xffffffU);
    EXPECT_EQ(screen.at(32, 31), 0U);
}

TEST_F(CirrusScreenTest, TheLargeCursorHasItsPlanesSideBySide) {
    rig.packed_mode(320, 100, 32);
    cursor_colours(0xff0000, 0x00ff00);
    rig.put(kCursorArea + 0x400 + 63 * 16, {0, 0, 0, 0, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 1});
    rig.drive.seq(0x13, 0x07); // multiples of four
    cursor_at(9, 5, 0x05);
    rig.refresh();
    EXPECT_EQ(screen.at(9, 68), 0xff0000U);
    EXPECT_EQ(screen.at(72, 68), 0x00ff00U);
    EXPECT_EQ(screen.at(73, 68), 0U);
}

TEST_F(CirrusScreenTest, TheCursorIsCutOffAtTheEdge) {
    rig.packed_mode(320, 100, 32);
    for (u32 i = 0; i < 128; ++i)
        rig.vram()[kCursorArea + i] = 0xff;
    for (const auto& [x, y] :
         {std::pair{310U, 90U}, std::pair{319U, 99U}, std::pair{320U, 0U}, std::pair{2047U, 2047U}}) {
        cursor_at(x, y);
        rig.refresh();
        EXPECT_EQ(screen.visible(), drawn_afresh());
        EXPECT_EQ(screen.at(319, 99), x < 320 ? 0xffffffU : 0U);
    }
}

TEST_F(CirrusScreenTest, MovingTheCursorRestoresWhatWasUnderIt) {
    rig.packed_mode(320, 100, 32);
    rig.put(kCursorArea, {0xf0});
    cursor_at(10, 10);
    rig.refresh();
    EXPECT_EQ(screen.at(10, 10), 0xffffffU);
    cursor_at(20, 60);
    rig.refresh();
    EXPECT_EQ(screen.at(10, 10), 0U);
    EXPECT_EQ(screen.at(20, 60), 0xffffffU);
    EXPECT_EQ(screen.changed_pixels(), 8U);
    rig.put(kCursorArea, {0x80}); // another shape at the same place
    rig.refresh();
    EXPECT_EQ(screen.changed_pixels(), 3U);
    cursor_at(20, 60, 0);
    rig.refresh();
    EXPECT_EQ(screen.at(20, 60), 0U);
    EXPECT_EQ(screen.visible(), drawn_afresh());
}

TEST_F(CirrusScreenTest, WhatIsDrawnUnderTheCursorStaysUnderIt) {
    rig.packed_mode(320, 100, 32);
    rig.put(kCursorArea + 128, {0x80}); // the background's colour: black
    cursor_at(10, 10);
    rig.refresh();
    guest_write((320 * 10 + 10) * 4, {1, 2, 3, 0, 4, 5, 6});
    rig.refresh();
    EXPECT_EQ(screen.at(10, 10), 0U);
    EXPECT_EQ(screen.at(11, 10), 0x060504U);
}

TEST_F(CirrusScreenTest, TextHasNoCursorOfPixels) {
    rig.drive.set(kMode03);
    for (u32 i = 0; i < 128; ++i)
        rig.vram()[kCursorArea + i] = 0xff;
    rig.refresh();
    const std::vector<u32> before = screen.visible();
    cursor_at(10, 10);
    rig.refresh();
    EXPECT_EQ(screen.visible(), before);
}

TEST_F(CirrusScreenTest, RandomTrafficKeepsThePictureRight) {
    for (u64 seed = 0; seed < 12; ++seed) {
        Rng rng(seed);
        CirrusRig random;
        random.screen.most_width = 200;
        random.screen.most_height = 120;
        random.packed_mode(320, 120, std::array{8U, 15U, 16U, 24U, 32U}[rng.below(5)]);
        random.drive.distinct_dac();
        for (int step = 0; step < 150; ++step) {
            const auto value = static_cast<u8>(rng.next());
            switch (rng.below(6)) {
            case 0: random.blit(CirrusRig::random_blit(rng)); break;
            case 1:
                random.drive.seq(static_cast<u8>(0x10 + (value & 0xe0) + rng.below(4)), value & 0x0f);
                break;
            case 2: random.drive.crtc(static_cast<u8>(0x0c + rng.below(2)), value); break;
            case 3:
                random.memory.write_span(0xa0000 + rng.below(0xf000), 1, std::vector<u8>(600, value));
                break;
            case 4: random.drive.seq(0x12, value & 5); break;
            case 5: random.drive.gfx(9, value); break;
            }
            if (rng.one_in(3)) random.refresh(rng.one_in(20));
        }
        random.refresh();
        CirrusRig twin;
        twin.copy_surroundings(random);
        const std::vector<u8> image = snapshot(random);
        auto reader = StateReader::open(image);
        ASSERT_TRUE(twin.dev->load(*reader).ok());
        twin.screen.most_width = 200;
        twin.screen.most_height = 120;
        twin.refresh(true);
        ASSERT_EQ(random.screen.visible(), twin.screen.visible()) << "seed " << seed;
    }
}

} // namespace
} // namespace dm::test
