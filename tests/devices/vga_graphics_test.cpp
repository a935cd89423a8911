// What is seen in graphics modes: golden pictures computed here from the definition of each mode.
#include "tests/devices/vga_render.hpp"

namespace dm::test {
namespace {

struct VgaGraphicsTest : VgaRenderTest {};

TEST_F(VgaGraphicsTest, Mode12hHasFourPlanes) {
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

TEST_F(VgaGraphicsTest, TheColourPlaneEnableRegisterHidesPlanes) {
    mode(kMode12);
    vga.attr(0x12, 0x01);
    vga.poke(0xa0000, 0xff); // all planes
    rig.refresh(true);
    EXPECT_EQ(screen.at(0, 0), colour(kMode12, 1));
}

TEST_F(VgaGraphicsTest, Mode13hDoublesPixelsAndLines) {
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

TEST_F(VgaGraphicsTest, ThePelMaskAppliesToEveryPixel) {
    mode(kMode13);
    vga.poke(0xa0000, 0xf5);
    vga.out(0x3c6, 0x0f);
    rig.refresh(true);
    EXPECT_EQ(screen.at(0, 0), VgaDriver::distinct_colour(5));
}

TEST_F(VgaGraphicsTest, Mode4InterleavesLinesAndHasTwoBitsPerPixel) {
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

TEST_F(VgaGraphicsTest, Mode6InterleavesLinesAndHasOneBitPerPixel) {
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

TEST_F(VgaGraphicsTest, Mode0dhDoublesDotsAndPansByPixels) {
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
TEST_F(VgaGraphicsTest, AddressesWrapWithinThePlanes) {
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

TEST_F(VgaGraphicsTest, LinearModesOfAllDepths) {
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

TEST_F(VgaGraphicsTest, ALinearModeOfFourBitsIsPlanarAndPans) {
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

TEST_F(VgaGraphicsTest, OffsetsPanALinearMode) {
    vga.set_dispi(640, 400, 32);
    vga.dispi(VbeDispi::VIRT_WIDTH, 800);
    vga.dispi(VbeDispi::X_OFFSET, 13);
    vga.dispi(VbeDispi::Y_OFFSET, 7);
    const u32 at = (7 * 800 + 13) * 4;
    rig.video.memory[at] = 0x12;
    rig.refresh(true);
    EXPECT_EQ(screen.at(0, 0), 0x12U);
}

TEST_F(VgaGraphicsTest, BigEndianPixels) {
    vga.set_dispi(640, 400, 32);
    rig.core.set_big_endian(true);
    rig.video.memory[1] = 0xaa;
    rig.refresh(true);
    EXPECT_EQ(screen.at(0, 0), 0xaa0000U);
}

} // namespace
} // namespace dm::test
