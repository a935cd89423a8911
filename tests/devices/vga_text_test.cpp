// What is seen in text modes: cells, cursor, blinking, fonts, scrolling.
#include "tests/devices/vga_render.hpp"

namespace dm::test {
namespace {

using testing::IsEmpty;

struct VgaTextTest : VgaRenderTest {
    VgaTextTest() {
        mode(kMode03);
        vga.load_font(0, test_glyph);
        vga.crtc(0x0a, 0x20); // no cursor
        rig.clock.now = 0;    // cursor and blinking characters are on
    }
    void put(unsigned column, unsigned row, u8 character, u8 attribute) {
        rig.memory.write(0xb8000 + (row * 80 + column) * 2, 2, character | unsigned{attribute} << 8);
    }
    static bool dot(u8 character, unsigned x, unsigned scan) {
        return x < 8 && (test_glyph(character, scan) >> (7 - x) & 1) != 0;
    }
    u32 pixel(unsigned column, unsigned row, unsigned x, unsigned y) const {
        return screen.at(column * 9 + x, row * 16 + y);
    }
};

TEST_F(VgaTextTest, CellsAreGlyphsInTheColoursOfTheirAttribute) {
    for (unsigned i = 0; i < 2000; ++i)
        put(i % 80, i / 80, static_cast<u8>(i * 3), static_cast<u8>((i * 5) & 0x7f));
    rig.refresh(true);
    ASSERT_EQ(screen.width, 720U);
    ASSERT_EQ(screen.height, 400U);
    for (unsigned i = 0; i < 2000; ++i) {
        const u8 character = static_cast<u8>(i * 3);
        const u8 attribute = static_cast<u8>((i * 5) & 0x7f);
        for (unsigned y = 0; y < 16; ++y)
            for (unsigned x = 0; x < 9; ++x) {
                bool on = dot(character, x, y);
                if (x == 8 && character >= 0xc0 && character <= 0xdf) on = dot(character, 7, y);
                ASSERT_EQ(pixel(i % 80, i / 80, x, y), colour(kMode03, on ? attribute & 0xf : attribute >> 4))
                    << "cell " << i << " " << x << "," << y;
            }
    }
}

TEST_F(VgaTextTest, OnlyChangedCellsAreDrawnAndReported) {
    rig.refresh(true);
    rig.refresh();
    EXPECT_THAT(screen.changes, IsEmpty());
    put(10, 3, 'x', 0x1f);
    rig.refresh();
    ASSERT_EQ(screen.changes.size(), 1U);
    EXPECT_EQ(screen.changes[0].x, 90U);
    EXPECT_EQ(screen.changes[0].y, 48U);
    EXPECT_EQ(screen.changes[0].width, 9U);
    EXPECT_EQ(screen.changes[0].height, 16U);
    expect_same_as_drawn_afresh();
}

TEST_F(VgaTextTest, TheCursorCoversItsScanLinesAndBlinks) {
    vga.crtc(0x0a, 13);
    vga.crtc(0x0b, 14);
    vga.crtc(0x0f, 80 + 5); // row 1, column 5
    put(5, 1, 0, 0x07);
    rig.refresh(true);
    EXPECT_EQ(pixel(5, 1, 0, 12), colour(kMode03, dot(0, 0, 12) ? 7 : 0));
    for (unsigned x = 0; x < 9; ++x)
        EXPECT_EQ(pixel(5, 1, x, 13), colour(kMode03, 7));
    EXPECT_EQ(pixel(5, 1, 8, 15), colour(kMode03, 0));
    rig.clock.now += 140 * kMillisecond;
    rig.refresh();
    EXPECT_EQ(screen.changes.size(), 1U);
    EXPECT_EQ(pixel(5, 1, 8, 13), colour(kMode03, 0));
    rig.clock.now += 140 * kMillisecond;
    rig.refresh();
    EXPECT_EQ(pixel(5, 1, 8, 13), colour(kMode03, 7));
}

TEST_F(VgaTextTest, AMovedCursorIsRemovedFromItsOldPlace) {
    vga.crtc(0x0a, 13);
    vga.crtc(0x0b, 14);
    rig.refresh(true);
    vga.crtc(0x0f, 7);
    rig.refresh();
    expect_same_as_drawn_afresh();
    vga.crtc(0x0a, 1);
    rig.refresh();
    expect_same_as_drawn_afresh();
}

TEST_F(VgaTextTest, BlinkingCharactersVanishAndTheirBackgroundHasThreeBits) {
    put(0, 0, 'A', 0x9e);
    rig.refresh(true);
    EXPECT_EQ(pixel(0, 0, 8, 0), colour(kMode03, 1));
    const auto lit = [&] {
        unsigned n = 0;
        for (unsigned y = 0; y < 16; ++y)
            for (unsigned x = 0; x < 9; ++x)
                n += pixel(0, 0, x, y) == colour(kMode03, 14) ? 1 : 0;
        return n;
    };
    EXPECT_GT(lit(), 0U);
    rig.clock.now += 280 * kMillisecond;
    rig.refresh();
    EXPECT_EQ(lit(), 0U);
    vga.attr(0x10, 0x04); // bit 3 off: bright backgrounds instead
    rig.refresh();
    EXPECT_GT(lit(), 0U);
    EXPECT_EQ(pixel(0, 0, 8, 0), colour(kMode03, 9));
}

TEST_F(VgaTextTest, AttributeBit3PicksTheSecondCharacterMap) {
    vga.load_font(1, [](unsigned, unsigned) -> u8 { return 0xff; });
    vga.seq(SR_CHARACTER_MAP, 0x20); // map A: number 1 at 8 KiB; map B: 0
    put(0, 0, 'A', 0x0f);
    put(1, 0, 'A', 0x07);
    rig.refresh(true);
    for (unsigned x = 0; x < 8; ++x) {
        EXPECT_EQ(pixel(0, 0, x, 0), colour(kMode03, 15));
        EXPECT_EQ(pixel(1, 0, x, 0), colour(kMode03, dot('A', x, 0) ? 7 : 0));
    }
}

TEST_F(VgaTextTest, ANewFontChangesWhatIsSeen) {
    put(0, 0, 'A', 0x07);
    rig.refresh(true);
    vga.load_font(0, [](unsigned character, unsigned scan) -> u8 {
        return static_cast<u8>(~test_glyph(character, scan));
    });
    rig.refresh();
    EXPECT_EQ(pixel(0, 0, 0, 0), colour(kMode03, dot('A', 0, 0) ? 0 : 7));
    expect_same_as_drawn_afresh();
}

TEST_F(VgaTextTest, TheStartAddressScrollsAndALineCompareSplitsTheScreen) {
    for (unsigned i = 0; i < 4000; ++i)
        put(i % 80, i / 80, static_cast<u8>(i / 80 + i % 80), 0x07);
    rig.refresh(true);
    vga.crtc(0x0d, 80 * 2);
    vga.crtc(0x09, 0x0f); // line compare bit 9
    vga.crtc(0x07, 0x0f); // and bit 8
    vga.crtc(0x18, 0x9f); // after line 159
    rig.refresh();
    for (unsigned y = 0; y < 16; ++y) {
        EXPECT_EQ(pixel(4, 0, 0, y), colour(kMode03, dot(2 + 4, 0, y) ? 7 : 0));
        EXPECT_EQ(pixel(4, 9, 0, y), colour(kMode03, dot(11 + 4, 0, y) ? 7 : 0));
        EXPECT_EQ(pixel(4, 10, 0, y), colour(kMode03, dot(0 + 4, 0, y) ? 7 : 0));
    }
    expect_same_as_drawn_afresh();
}

TEST_F(VgaTextTest, TheStartAddressAloneScrolls) {
    put(3, 1, 'x', 0x1f);
    rig.refresh(true);
    vga.crtc(0x0d, 80);
    rig.refresh();
    EXPECT_THAT(screen.changes, Not(IsEmpty()));
    expect_same_as_drawn_afresh();
}

TEST_F(VgaTextTest, PanningShiftsDotsOutOnTheLeftAndPresetRowScanLinesOnTop) {
    for (unsigned i = 0; i < 2100; ++i)
        put(i % 80, i / 80, static_cast<u8>(i), 0x07);
    vga.attr(0x13, 2); // three dots in nine-dot modes
    vga.crtc(0x08, 5);
    rig.refresh(true);
    const auto expected = [](unsigned x, unsigned y) {
        const unsigned cell = (x + 3) / 9 + (y + 5) / 16 * 80;
        const unsigned in_cell = (x + 3) % 9;
        const u8 c = static_cast<u8>(cell);
        const bool repeats = c >= 0xc0 && c <= 0xdf;
        return dot(c, in_cell == 8 && repeats ? 7 : in_cell, (y + 5) % 16);
    };
    for (unsigned y = 0; y < 400; ++y)
        for (unsigned x = 0; x < 720; ++x)
            ASSERT_EQ(screen.at(x, y), colour(kMode03, expected(x, y) ? 7 : 0)) << x << "," << y;
    put(0, 1, 'z', 0x17);
    put(79, 1, 'y', 0x17);
    rig.refresh();
    expect_same_as_drawn_afresh();
}

TEST_F(VgaTextTest, EightDotCellsAndTheUnderline) {
    vga.seq(SR_CLOCKING_MODE, 0x01);
    vga.attr(0x13, 0);
    vga.crtc(0x14, 0x0c);
    put(0, 0, 'A', 0x01);
    rig.refresh(true);
    EXPECT_EQ(screen.width, 640U);
    for (unsigned x = 0; x < 8; ++x)
        EXPECT_EQ(screen.at(x, 12), colour(kMode03, 1));
}

TEST_F(VgaTextTest, FortyColumnsAreDoubled) {
    vga.seq(SR_CLOCKING_MODE, 0x08);
    vga.crtc(0x11, 0x00);
    vga.crtc(0x01, 39);
    vga.crtc(0x13, 20);
    put(0, 0, 'A', 0x07);
    rig.refresh(true);
    EXPECT_EQ(screen.width, 720U);
    for (unsigned x = 0; x < 16; ++x)
        EXPECT_EQ(screen.at(x, 3), colour(kMode03, dot('A', x / 2, 3) ? 7 : 0)) << x;
}

} // namespace
} // namespace dm::test
