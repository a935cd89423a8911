// The window at A0000 in extended modes, and the graphics controller's mode extensions.
#include "tests/devices/cirrus_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

constexpr u32 kSize = CirrusRig::kSize;

struct CirrusMemoryTest : testing::Test {
    CirrusRig rig;
    VgaDriver& vga = rig.drive;

    CirrusMemoryTest() {
        rig.extended();
        for (u32 i = 0; i < kSize; ++i)
            rig.vram()[i] = pattern(i);
    }
    static u8 pattern(u32 at) { return static_cast<u8>(at ^ at >> 8 ^ at >> 15); }
    enum Grb : u8 {
        DUAL = 0x01,
        BY8 = 0x02,
        WRITE_MODES = 0x04,
        LATCHES = 0x08,
        BY16 = 0x14,
        BANKS16K = 0x20
    };
};

TEST_F(CirrusMemoryTest, WithoutExtensionsTheWindowIsTheVgas) {
    vga.seq(7, 0);
    vga.set(kMode12);
    vga.seq(2, 0x04);
    vga.poke(0xa0010, 0x77);
    EXPECT_EQ(rig.vram()[0x10 * 4 + 2], 0x77);
}

TEST_F(CirrusMemoryTest, OneBankShows64KiBInStepsOf4) {
    vga.gfx(9, 3);
    EXPECT_EQ(vga.peek(0xa0010), pattern(0x3010));
    EXPECT_EQ(vga.peek(0xa8010), pattern(0xb010));
    vga.poke(0xaffff, 0x5a);
    EXPECT_EQ(rig.vram()[0x12fff], 0x5a);
}

TEST_F(CirrusMemoryTest, BanksMayBeStepsOf16KiB) {
    vga.gfx(0x0b, BANKS16K);
    vga.gfx(9, 3);
    EXPECT_EQ(vga.peek(0xa0010), pattern(0xc010));
}

TEST_F(CirrusMemoryTest, TwoBanksShow32KiBEach) {
    vga.gfx(0x0b, DUAL);
    vga.gfx(9, 1);
    vga.gfx(0x0a, 0x20);
    EXPECT_EQ(vga.peek(0xa0010), pattern(0x1010));
    EXPECT_EQ(vga.peek(0xa8010), pattern(0x20010));
}

TEST_F(CirrusMemoryTest, BeyondTheMemoryThereIsNothing) {
    vga.gfx(9, 0xff); // the last 4 KiB
    EXPECT_EQ(vga.peek(0xa0fff), pattern(kSize - 1));
    EXPECT_EQ(vga.peek(0xa1000), 0xff);
    EXPECT_EQ(vga.peek(0xa8000), 0xff);
    vga.gfx(0x0b, BANKS16K);
    vga.gfx(9, 0xff);
    vga.poke(0xa0000, 1);
    EXPECT_EQ(vga.peek(0xa0000), 0xff);
    EXPECT_EQ(vga.peek(0xb0000), 0xff); // nor behind the window
}

TEST_F(CirrusMemoryTest, ASpanMeansTheSameAsItsBytes) {
    vga.gfx(0x0b, DUAL);
    vga.gfx(9, 0xfc);
    vga.gfx(0x0a, 0x05);
    std::vector<u8> bytes(0xff00);
    rig.memory.read_span(0xa0080, 4, bytes);
    for (u32 i = 0; i < bytes.size(); i += 13)
        ASSERT_EQ(bytes[i], vga.peek(0xa0080 + i)) << i;
    std::vector<u8> written(0x9000);
    for (u32 i = 0; i < written.size(); ++i)
        written[i] = static_cast<u8>(i * 5);
    rig.memory.write_span(0xa1000, 4, written);
    for (u32 i = 0; i < 0x3000; ++i)
        ASSERT_EQ(rig.vram()[0xfd000 + i], written[i]) << i;
    for (u32 i = 0x7000; i < 0x9000; ++i)
        ASSERT_EQ(rig.vram()[0x5000 + i - 0x7000], written[i]) << i;
}

TEST_F(CirrusMemoryTest, By8AddressingReachesEachEighthByte) {
    vga.gfx(0x0b, BY8);
    EXPECT_EQ(vga.peek(0xa0011), pattern(0x88));
    vga.poke(0xa0012, 0x77);
    EXPECT_EQ(rig.vram()[0x90], 0x77);
    EXPECT_EQ(rig.peek(CirrusRig::kVram + 0x12, 1), 0x77U); // the linear memory as well
}

TEST_F(CirrusMemoryTest, WriteMode4DrawsOnesInTheForeground) {
    vga.gfx(0x0b, BY8 | WRITE_MODES);
    vga.gfx(5, 4);
    vga.gfx(1, 0xaa);
    rig.put(0x80, {0, 1, 2, 3, 4, 5, 6, 7});
    vga.poke(0xa0010, 0x91);
    EXPECT_EQ(rig.get(0x80, 8), (std::vector<int>{0xaa, 1, 2, 0xaa, 4, 5, 6, 0xaa}));
}

TEST_F(CirrusMemoryTest, WriteMode5DrawsZerosInTheBackground) {
    vga.gfx(0x0b, BY8 | WRITE_MODES);
    vga.gfx(5, 5);
    vga.gfx(0, 0xbb);
    vga.gfx(1, 0xaa);
    vga.poke(0xa0010, 0x0f);
    EXPECT_EQ(rig.get(0x80, 8), (std::vector<int>{0xbb, 0xbb, 0xbb, 0xbb, 0xaa, 0xaa, 0xaa, 0xaa}));
}

TEST_F(CirrusMemoryTest, By16AddressingDrawsPixelsOfTwoBytes) {
    vga.gfx(0x0b, BY16);
    vga.gfx(5, 5);
    vga.gfx(0, 0x01);
    vga.gfx(0x10, 0x02);
    vga.gfx(1, 0x03);
    vga.gfx(0x11, 0x04);
    vga.poke(0xa0010, 0x41);
    EXPECT_EQ(rig.get(0x100, 16), (std::vector<int>{1, 2, 3, 4, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 3, 4}));
}

TEST_F(CirrusMemoryTest, WithoutItsBitWriteMode5IsNone) {
    vga.gfx(5, 5);
    vga.gfx(1, 0xaa);
    vga.poke(0xa0010, 0xff);
    EXPECT_EQ(rig.get(0x10, 2), (std::vector<int>{0xff, pattern(0x11)}));
}

TEST_F(CirrusMemoryTest, EightLatchesMoveEightPixels) {
    vga.gfx(0x0b, BY8 | LATCHES);
    vga.gfx(5, 1);
    vga.peek(0xa0010);
    vga.poke(0xa0020, 0x00);
    EXPECT_EQ(rig.get(0x100, 8), rig.get(0x80, 8));
}

TEST_F(CirrusMemoryTest, LatchesSurviveALoad) {
    vga.gfx(0x0b, BY8 | LATCHES);
    vga.gfx(5, 1);
    vga.peek(0xa0010);
    const std::vector<u8> image = snapshot(rig);
    CirrusRig twin;
    twin.copy_surroundings(rig);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev->load(*reader).ok());
    twin.drive.poke(0xa0020, 0x00);
    EXPECT_EQ(twin.get(0x100, 8), rig.get(0x80, 8));
}

// CVE-2017-15289: write modes 4 and 5 at the end of the memory.
TEST_F(CirrusMemoryTest, ExpandedPixelsWrapAtTheEndOfTheMemory) {
    vga.gfx(0x0b, WRITE_MODES);
    vga.gfx(5, 4);
    vga.gfx(1, 0xaa);
    rig.poke(CirrusRig::kVram + kSize - 2, 0xff, 1);
    EXPECT_EQ(rig.get(kSize - 2, 2), (std::vector<int>{0xaa, 0xaa}));
    EXPECT_EQ(rig.get(0, 7), (std::vector<int>{0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 6}));
    vga.gfx(0x0b, BY16);
    rig.poke(CirrusRig::kVram + kSize - 1, 0xff, 1);
    EXPECT_EQ(rig.vram()[kSize - 16], 0xaa);
}

TEST_F(CirrusMemoryTest, EveryExtensionAtEveryBankStaysInside) {
    Rng rng(5);
    for (int i = 0; i < 4000; ++i) {
        vga.gfx(0x0b, static_cast<u8>(rng.next()));
        vga.gfx(9, static_cast<u8>(rng.next()));
        vga.gfx(0x0a, static_cast<u8>(rng.next()));
        vga.gfx(5, static_cast<u8>(rng.next()));
        std::vector<u8> bytes(1 + rng.below(40), static_cast<u8>(rng.next()));
        const u64 at =
            rng.one_in(2) ? 0xa0000 + rng.below(0x20000 - 40) : CirrusRig::kVram + kSize - 40 + rng.below(40);
        rig.memory.write_span(at, 1, bytes);
        rig.memory.read_span(at, 1, bytes);
    }
}

} // namespace
} // namespace dm::test
