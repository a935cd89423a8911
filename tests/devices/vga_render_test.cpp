// What is seen: golden pictures computed here from the definition of each mode, and what is reported when
// something changes.
#include "tests/devices/vga_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::IsEmpty;

struct VgaRenderTest : testing::Test {
    VgaRig rig{4 << 20};
    VgaDriver& vga = rig.drive;
    Picture& screen = rig.screen;

    void mode(const VgaMode& m) {
        vga.set(m);
        vga.distinct_dac();
    }
    /// Colour of one of the sixteen through the palette registers.
    static u32 colour(const VgaMode& m, unsigned i) { return VgaDriver::distinct_colour(m.attr[i]); }
    void expect_same_as_drawn_afresh() { EXPECT_EQ(screen.visible(), rig.drawn_afresh()); }
};

// ---- text

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

// ---- graphics

TEST_F(VgaRenderTest, Mode12hHasFourPlanes) {
    mode(kMode12);
    Rng rng(1);
    for (unsigned i = 0; i < 640 * 480 / 2; ++i)
        rig.video.memory[i] = static_cast<u8>(rng.next());
    rig.refresh(true);
    ASSERT_EQ(screen.width, 640U);
    ASSERT_EQ(screen.height, 480U);
    for (unsigned y = 0; y < 480; ++y)
        for (unsigned x = 0; x < 640; ++x) {
            unsigned number = 0;
            for (unsigned p = 0; p < 4; ++p)
                number |= (rig.video.memory[(y * 80 + x / 8) * 4 + p] >> (7 - x % 8) & 1U) << p;
            ASSERT_EQ(screen.at(x, y), colour(kMode12, number)) << x << "," << y;
        }
}

TEST_F(VgaRenderTest, TheColourPlaneEnableRegisterHidesPlanes) {
    mode(kMode12);
    vga.attr(0x12, 0x01);
    vga.poke(0xa0000, 0xff); // all planes
    rig.refresh(true);
    EXPECT_EQ(screen.at(0, 0), colour(kMode12, 1));
}

TEST_F(VgaRenderTest, Mode13hDoublesPixelsAndLines) {
    mode(kMode13);
    for (unsigned i = 0; i < 64000; ++i)
        vga.poke(0xa0000 + i, static_cast<u8>(i * 7 + i / 320));
    rig.refresh(true);
    ASSERT_EQ(screen.width, 640U);
    ASSERT_EQ(screen.height, 400U);
    for (unsigned y = 0; y < 400; ++y)
        for (unsigned x = 0; x < 640; ++x) {
            const unsigned i = y / 2 * 320 + x / 2;
            ASSERT_EQ(screen.at(x, y), VgaDriver::distinct_colour((i * 7 + i / 320) & 0xff)) << x << "," << y;
        }
}

TEST_F(VgaRenderTest, ThePelMaskAppliesToEveryPixel) {
    mode(kMode13);
    vga.poke(0xa0000, 0xf5);
    vga.out(0x3c6, 0x0f);
    rig.refresh(true);
    EXPECT_EQ(screen.at(0, 0), VgaDriver::distinct_colour(5));
}

TEST_F(VgaRenderTest, Mode4InterleavesLinesAndHasTwoBitsPerPixel) {
    mode(kMode04);
    for (unsigned i = 0; i < 0x4000; ++i)
        vga.poke(0xb8000 + i, static_cast<u8>(i * 5 + (i >> 8)));
    rig.refresh(true);
    ASSERT_EQ(screen.width, 640U);
    ASSERT_EQ(screen.height, 400U);
    for (unsigned y = 0; y < 200; ++y)
        for (unsigned x = 0; x < 320; ++x) {
            const unsigned i = (y & 1) * 0x2000 + y / 2 * 80 + x / 4;
            const unsigned number = static_cast<u8>(i * 5 + (i >> 8)) >> (6 - x % 4 * 2) & 3;
            ASSERT_EQ(screen.at(x * 2, y * 2), colour(kMode04, number)) << x << "," << y;
            ASSERT_EQ(screen.at(x * 2 + 1, y * 2 + 1), colour(kMode04, number)) << x << "," << y;
        }
}

TEST_F(VgaRenderTest, Mode6InterleavesLinesAndHasOneBitPerPixel) {
    mode(kMode06);
    for (unsigned i = 0; i < 0x4000; ++i)
        vga.poke(0xb8000 + i, static_cast<u8>(i * 5 + (i >> 8)));
    rig.refresh(true);
    for (unsigned y = 0; y < 200; ++y)
        for (unsigned x = 0; x < 640; ++x) {
            const unsigned i = (y & 1) * 0x2000 + y / 2 * 80 + x / 8;
            const unsigned number = static_cast<u8>(i * 5 + (i >> 8)) >> (7 - x % 8) & 1;
            ASSERT_EQ(screen.at(x, y * 2), colour(kMode06, number)) << x << "," << y;
        }
}

TEST_F(VgaRenderTest, Mode0dhDoublesDotsAndPansByPixels) {
    mode(kMode0d);
    for (unsigned i = 0; i < 8000; ++i)
        vga.poke(0xa0000 + i, static_cast<u8>(i * 3 + 1));
    vga.attr(0x13, 3);
    rig.refresh(true);
    for (unsigned y = 0; y < 200; ++y)
        for (unsigned x = 0; x < 317; ++x) {
            const unsigned i = y * 40 + (x + 3) / 8;
            const bool on = (static_cast<u8>(i * 3 + 1) >> (7 - (x + 3) % 8) & 1) != 0;
            ASSERT_EQ(screen.at(x * 2, y * 2), colour(kMode0d, on ? 15 : 0)) << x << "," << y;
        }
}

// Scrolling games let the start address run over the end of the 64 KiB of each plane.
TEST_F(VgaRenderTest, AddressesWrapWithinThePlanes) {
    mode(kMode12);
    vga.poke(0xa0000, 0xff);
    vga.crtc(0x0c, 0xff);
    vga.crtc(0x0d, 0xff);
    rig.refresh(true);
    EXPECT_EQ(screen.at(7, 0), colour(kMode12, 0));
    EXPECT_EQ(screen.at(8, 0), colour(kMode12, 15));
    vga.poke(0xa0000, 0x00);
    rig.refresh();
    expect_same_as_drawn_afresh();
}

TEST_F(VgaRenderTest, LinearModesOfAllDepths) {
    struct Depth {
        u16 bpp;
        unsigned bytes;
        u32 (*colour)(u32);
    };
    const std::array<Depth, 5> depths = {{
        {8, 1, [](u32 v) { return VgaDriver::distinct_colour(v & 0xff); }},
        {15, 2,
         [](u32 v) {
             const auto up = [](u32 x) { return (x & 31) << 3 | (x & 31) >> 2; };
             return up(v >> 10) << 16 | up(v >> 5) << 8 | up(v);
         }},
        {16, 2,
         [](u32 v) {
             const auto up = [](u32 x) { return (x & 31) << 3 | (x & 31) >> 2; };
             const u32 g = v >> 5 & 63;
             return up(v >> 11) << 16 | (g << 2 | g >> 4) << 8 | up(v);
         }},
        {24, 3, [](u32 v) { return v & 0xffffff; }},
        {32, 4, [](u32 v) { return v & 0xffffff; }},
    }};
    vga.distinct_dac();
    for (const Depth& depth : depths) {
        vga.set_dispi(640, 400, depth.bpp);
        Rng rng(depth.bpp);
        for (u8& byte : rig.video.memory)
            byte = static_cast<u8>(rng.next());
        rig.refresh(true);
        ASSERT_EQ(screen.width, 640U);
        ASSERT_EQ(screen.height, 400U);
        for (unsigned i = 0; i < 640 * 400; ++i) {
            u32 raw = 0;
            for (unsigned b = 0; b < depth.bytes; ++b)
                raw |= u32{rig.video.memory[i * depth.bytes + b]} << (8 * b);
            ASSERT_EQ(screen.at(i % 640, i / 640), depth.colour(raw)) << depth.bpp << " pixel " << i;
        }
    }
}

TEST_F(VgaRenderTest, ALinearModeOfFourBitsIsPlanarAndPans) {
    vga.set(kMode12);
    vga.distinct_dac();
    vga.set_dispi(640, 400, 4);
    vga.dispi(VbeDispi::VIRT_WIDTH, 800);
    vga.dispi(VbeDispi::X_OFFSET, 11);
    vga.dispi(VbeDispi::Y_OFFSET, 3);
    for (unsigned i = 0; i < 100 * 410 * 4; ++i)
        rig.video.memory[i] = static_cast<u8>(i * 11);
    rig.refresh(true);
    for (unsigned y = 0; y < 400; ++y)
        for (unsigned x = 0; x < 640; ++x) {
            const unsigned px = x + 11;
            unsigned number = 0;
            for (unsigned p = 0; p < 4; ++p)
                number |= (rig.video.memory[((y + 3) * 100 + px / 8) * 4 + p] >> (7 - px % 8) & 1U) << p;
            ASSERT_EQ(screen.at(x, y), VgaDriver::distinct_colour(rig.core.state().vga.attr[number]))
                << x << "," << y;
        }
}

TEST_F(VgaRenderTest, OffsetsPanALinearMode) {
    vga.set_dispi(640, 400, 32);
    vga.dispi(VbeDispi::VIRT_WIDTH, 800);
    vga.dispi(VbeDispi::X_OFFSET, 13);
    vga.dispi(VbeDispi::Y_OFFSET, 7);
    const u32 at = (7 * 800 + 13) * 4;
    rig.video.memory[at] = 0x12;
    rig.refresh(true);
    EXPECT_EQ(screen.at(0, 0), 0x12U);
}

TEST_F(VgaRenderTest, BigEndianPixels) {
    vga.set_dispi(640, 400, 32);
    rig.core.set_big_endian(true);
    rig.video.memory[1] = 0xaa;
    rig.refresh(true);
    EXPECT_EQ(screen.at(0, 0), 0xaa0000U);
}

// ---- what is drawn when

TEST_F(VgaRenderTest, AScreenThatIsOffIsBlackAndKeepsItsSize) {
    rig.refresh(true);
    EXPECT_EQ(screen.width, 720U);
    EXPECT_EQ(screen.at(0, 0), 0U);
    mode(kMode12);
    vga.poke(0xa0000, 0xff);
    rig.refresh();
    vga.in(0x3da);
    vga.out(0x3c0, 0x00);
    rig.refresh();
    EXPECT_EQ(screen.width, 640U);
    EXPECT_EQ(screen.at(0, 0), 0U);
    vga.in(0x3da);
    vga.out(0x3c0, 0x20);
    rig.refresh();
    EXPECT_EQ(screen.at(0, 0), colour(kMode12, 15));
    vga.seq(SR_CLOCKING_MODE, 0x21);
    rig.refresh();
    EXPECT_EQ(screen.at(0, 0), 0U);
}

TEST_F(VgaRenderTest, WritesByTheWindowRedrawTheirPixelsOnly) {
    mode(kMode12);
    rig.refresh(true);
    vga.poke(0xa0000 + 100 * 80 + 7, 0xff);
    rig.refresh();
    ASSERT_EQ(screen.changes.size(), 1U);
    EXPECT_EQ(screen.changed_pixels(), 8U);
    EXPECT_EQ(screen.changes[0].x, 56U);
    EXPECT_EQ(screen.changes[0].y, 100U);
    rig.refresh();
    EXPECT_THAT(screen.changes, IsEmpty());
}

TEST_F(VgaRenderTest, WritesByTheGuestRedrawTheirPixelsOnly) {
    vga.set_dispi(800, 600, 32);
    rig.refresh(true);
    rig.refresh();
    EXPECT_THAT(screen.changes, IsEmpty());
    rig.guest_write(u64{20 * 800 + 30} * 4, std::vector<u8>{1, 2, 3, 4});
    rig.refresh();
    EXPECT_EQ(screen.changed_pixels(), 1U);
    EXPECT_EQ(screen.at(30, 20), 0x030201U);
}

TEST_F(VgaRenderTest, ANewPaletteRedraws) {
    mode(kMode13);
    rig.refresh(true);
    vga.dac(0, 63, 0, 0);
    rig.refresh();
    EXPECT_EQ(screen.at(0, 0), 0xff0000U);
    expect_same_as_drawn_afresh();
}

TEST_F(VgaRenderTest, UnknownDirtinessRedrawsEverything) {
    vga.set_dispi(640, 400, 32);
    rig.refresh(true);
    rig.refresh();
    rig.video.memory[123] = 0x77;
    rig.video.all_dirty = true;
    rig.refresh();
    expect_same_as_drawn_afresh();
}

TEST_F(VgaRenderTest, NothingIsDrawnOrTrackedWhileNobodyLooks) {
    vga.set_dispi(640, 400, 32);
    rig.refresh(true);
    EXPECT_TRUE(rig.video.tracking);
    screen.looking = false;
    rig.refresh();
    EXPECT_FALSE(rig.video.tracking);
    EXPECT_THAT(screen.changes, IsEmpty());
    rig.video.memory[0] = 0x55; // unnoticed
    screen.looking = true;
    rig.refresh();
    expect_same_as_drawn_afresh();
    rig.core.display().unwatched();
    EXPECT_FALSE(rig.video.tracking);
}

TEST_F(VgaRenderTest, LegacyModesDoNotTrackGuestMemory) {
    vga.set_dispi(640, 400, 32);
    rig.refresh(true);
    vga.dispi(VbeDispi::ENABLE, 0);
    mode(kMode03);
    rig.refresh();
    EXPECT_FALSE(rig.video.tracking);
}

TEST_F(VgaRenderTest, AfterALoadThePictureIsRightAtOnce) {
    vga.set_dispi(640, 400, 32);
    rig.refresh(true);
    const VgaCore::State state = rig.core.state();
    rig.video.memory[0] = 0x42; // migrated with the guest's memory, not marked as written
    rig.core.load(state);
    rig.refresh();
    EXPECT_EQ(screen.at(0, 0), 0x42U);
}

TEST_F(VgaRenderTest, ASmallerDisplayShowsTheTopLeftPart) {
    screen.most_width = 100;
    screen.most_height = 50;
    mode(kMode03);
    vga.load_font(0, test_glyph);
    rig.memory.write(0xb8000 + 22, 2, 0x1741);
    rig.refresh(true);
    EXPECT_EQ(screen.width, 100U);
    expect_same_as_drawn_afresh();
    vga.set_dispi(800, 600, 32);
    rig.refresh();
    expect_same_as_drawn_afresh();
    vga.dispi(VbeDispi::ENABLE, 0);
    mode(kMode12);
    rig.refresh();
    expect_same_as_drawn_afresh();
}

// ---- whatever the registers say

void expect_consistent(const VgaRig& rig, const std::string& what) {
    const std::vector<u32> seen = rig.screen.visible();
    if ((rig.core.state().vga.attr_index & 0x20) == 0 || (rig.core.state().vga.seq[1] & 0x20) != 0) return;
    ASSERT_EQ(seen, rig.drawn_afresh()) << what;
}

TEST(VgaHostile, EveryValueOfEveryRegisterWithARefreshBetween) {
    for (const VgaMode* mode : {&kMode03, &kMode12, &kMode13, &kMode04}) {
        VgaRig rig(256 << 10);
        rig.screen.most_width = 160;
        rig.screen.most_height = 100;
        rig.drive.set(*mode);
        rig.drive.crtc(0x11, 0);
        Rng rng(3);
        for (u8& byte : rig.video.memory)
            byte = static_cast<u8>(rng.next());
        for (unsigned value = 0; value < 256; value += 5) {
            for (u8 i = 0; i < 5; ++i) {
                rig.drive.seq(i, static_cast<u8>(value));
                rig.refresh();
            }
            rig.drive.seq(1, 1);
            for (u8 i = 0; i < 9; ++i) {
                rig.drive.gfx(i, static_cast<u8>(value));
                rig.refresh();
            }
            for (u8 i = 0; i < 25; ++i) {
                rig.drive.crtc(i, static_cast<u8>(value));
                rig.drive.crtc(0x11, 0);
                rig.refresh();
            }
            for (u8 i = 0; i < 21; ++i) {
                rig.drive.attr(i, static_cast<u8>(value));
                rig.refresh();
            }
            expect_consistent(rig, "value " + std::to_string(value));
            if (testing::Test::HasFatalFailure()) return;
        }
    }
}

TEST(VgaHostile, RandomRegistersAndWritesKeepThePictureRight) {
    for (u64 seed = 0; seed < 40; ++seed) {
        Rng rng(seed);
        VgaRig rig(512 << 10);
        rig.screen.most_width = 200;
        rig.screen.most_height = 120;
        rig.drive.set(std::array{kMode03, kMode12, kMode13, kMode06}[rng.below(4)]);
        rig.drive.crtc(0x11, 0);
        for (int step = 0; step < 150; ++step) {
            const u8 value = static_cast<u8>(rng.one_in(2) ? rng.next() : u64{1} << rng.below(8));
            switch (rng.below(9)) {
            case 0: rig.drive.seq(static_cast<u8>(rng.below(5)), value & 0xdf); break;
            case 1: rig.drive.gfx(static_cast<u8>(rng.below(9)), value); break;
            case 2: rig.drive.crtc(static_cast<u8>(rng.below(25)), value); break;
            case 3: rig.drive.attr(static_cast<u8>(rng.below(21)), value); break;
            case 4: rig.drive.dac(value, static_cast<u8>(rng.next()), 1, 2); break;
            case 5: rig.drive.dispi(static_cast<u16>(rng.below(11)), static_cast<u16>(rng.next())); break;
            case 6: rig.drive.dispi(VbeDispi::ENABLE, static_cast<u16>(rng.below(256))); break;
            case 7: {
                std::vector<u8> bytes(rng.below(600), value);
                rig.memory.write_span(0xa0000 + rng.below(0x20000 - bytes.size()), 1, bytes);
                break;
            }
            case 8: {
                const std::vector<u8> bytes(1 + rng.below(600), value);
                const bool tracked = rig.video.tracking;
                if (tracked) rig.guest_write(rng.below((512 << 10) - bytes.size()), bytes);
                break;
            }
            }
            if (rng.one_in(3)) rig.refresh(rng.one_in(20));
        }
        rig.refresh();
        expect_consistent(rig, "seed " + std::to_string(seed));
        if (testing::Test::HasFatalFailure()) return;
    }
}

TEST(VgaHostile, DispiExtremesWithARefreshBetween) {
    VgaRig rig(1 << 20);
    rig.screen.most_width = 64;
    rig.screen.most_height = 64;
    rig.drive.out(0x3c2, 0x01);
    rig.drive.attr(0x10, 0x41);
    const std::array<u16, 9> values = {0, 1, 7, 8, 1023, 1024, 16000, 0x7fff, 0xffff};
    for (const u16 bpp : std::array<u16, 8>{0, 4, 8, 15, 16, 24, 32, 0xffff})
        for (const u16 a : values)
            for (const u16 b : values)
                for (const u16 reg : {VbeDispi::VIRT_WIDTH, VbeDispi::X_OFFSET, VbeDispi::Y_OFFSET}) {
                    rig.drive.dispi(VbeDispi::ENABLE, 0);
                    rig.drive.dispi(VbeDispi::BPP, bpp);
                    rig.drive.dispi(VbeDispi::XRES, a);
                    rig.drive.dispi(VbeDispi::YRES, b);
                    rig.drive.dispi(VbeDispi::ENABLE, 0xc1);
                    rig.drive.dispi(reg, b);
                    rig.refresh();
                }
    expect_consistent(rig, "at the end");
}

} // namespace
} // namespace dm::test
