// Blits that broke other machines, and all the others: nothing outside of the rectangle changes, nothing
// outside of the memory is touched (the sanitizers look), and no blit takes long.
#include "tests/devices/cirrus_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using List = std::initializer_list<u8>;

constexpr u32 kSize = CirrusRig::kSize;

struct CirrusHostileTest : testing::Test {
    CirrusRig rig;
    CirrusHostileTest() {
        for (u32 i = 0; i < kSize; ++i)
            rig.vram()[i] = static_cast<u8>(i * 7 + (i >> 8));
    }
    void expect_ignored(const CirrusBlitArgs& args) {
        const std::vector<u8> before = rig.vram();
        rig.blit(args);
        EXPECT_TRUE(rig.vram() == before);
        EXPECT_FALSE(rig.busy());
    }
};

TEST_F(CirrusHostileTest, ABlitThatLeavesTheMemoryIsIgnored) { // CVE-2007-1320, CVE-2008-4539
    expect_ignored({.width = 2, .dst = kSize - 1, .src = 0});
    expect_ignored({.width = 2, .dst = 0x100, .src = kSize - 1});
    expect_ignored({.width = 16, .height = 3, .dst_pitch = 0x1000, .src_pitch = 16, .dst = kSize - 0x2008});
    expect_ignored({.width = 8192, .height = 8192, .dst_pitch = 8191, .src_pitch = 0});
}

TEST_F(CirrusHostileTest, TheLastByteIsStillInside) {
    rig.blit({.width = 2, .dst = kSize - 2, .src = 0});
    EXPECT_EQ(rig.vram()[kSize - 1], rig.vram()[1]);
}

TEST_F(CirrusHostileTest, SoIsOneThatLeavesItBackwards) { // CVE-2014-8106, CVE-2017-2615
    expect_ignored({.width = 3, .dst = 1, .src = 0x100, .mode = blt::BACKWARDS});
    expect_ignored({.width = 3, .dst = 0x100, .src = 1, .mode = blt::BACKWARDS});
    expect_ignored({.width = 4,
                    .height = 3,
                    .dst_pitch = 0x100,
                    .src_pitch = 4,
                    .dst = 0x202,
                    .src = 0x1000,
                    .mode = blt::BACKWARDS});
    rig.blit({.width = 3, .dst = 2, .src = 0x102, .mode = blt::BACKWARDS}); // but just not this one
    EXPECT_EQ(rig.get(0, 3), rig.get(0x100, 3));
}

TEST_F(CirrusHostileTest, DataFromTheCpuIsNotAwaitedForABlitOutside) { // CVE-2017-2620
    expect_ignored({.width = 0x200,
                    .height = 0x100,
                    .dst_pitch = 0x1fff,
                    .dst = kSize - 0x200,
                    .mode = blt::FROM_SYSTEM});
    expect_ignored({.width = 8, .dst = kSize - 4, .mode = blt::FROM_SYSTEM | blt::EXPAND});
    expect_ignored({.width = 8,
                    .height = 2,
                    .dst_pitch = 8,
                    .dst = kSize - 12,
                    .mode = blt::FROM_SYSTEM | blt::PATTERN});
    rig.poke(CirrusRig::kBlitData, 0x55555555);
}

TEST_F(CirrusHostileTest, APitchOfZeroDrawsRowsOverEachOther) { // CVE-2016-9921: divided by it
    rig.put(0x100, {1, 2});
    rig.blit({.width = 2, .height = 3, .dst = 0x200, .src = 0x100});
    EXPECT_EQ(rig.get(0x200, 2), rig.get(0x100, 2));
    rig.blit({.width = 4, .height = 3, .dst = 0x200, .src = 0x100, .mode = blt::BACKWARDS});
    EXPECT_FALSE(rig.busy());
}

TEST_F(CirrusHostileTest, NotEvenOnePixelIsNoBlit) { // CVE-2016-9922: a depth of zero
    expect_ignored({.width = 3, .dst = 0x200, .mode = blt::FROM_SYSTEM | blt::EXPAND | blt::BITS32});
}

TEST_F(CirrusHostileTest, SourcesThatEndOutsideAreNotRead) { // CVE-2017-7718
    expect_ignored({.width = 64,
                    .height = 2,
                    .dst_pitch = 64,
                    .dst = 0x200,
                    .src = kSize - 8,
                    .mode = blt::EXPAND,
                    .foreground = 7});
    rig.blit({.width = 64, .dst = 0x200, .src = kSize - 8, .mode = blt::EXPAND, .foreground = 7});
    EXPECT_FALSE(rig.busy());
}

TEST_F(CirrusHostileTest, PatternsLieAtMultiplesOfTheirSize) { // CVE-2017-7980
    rig.blit({.width = 16,
              .height = 16,
              .dst_pitch = 16,
              .dst = 0x200,
              .src = kSize - 1,
              .mode = blt::PATTERN | blt::BITS32});
    EXPECT_EQ(rig.get(0x200, 4), rig.get(kSize - 256 + 7 * 32, 4)); // with its last row first
}

TEST_F(CirrusHostileTest, ThereIsNoWayBackToTheCpu) {
    expect_ignored({.width = 4, .dst = 0x200, .src = 0x100, .mode = blt::TO_SYSTEM});
    expect_ignored({.width = 4, .dst = 0x200, .src = 0x100, .mode = blt::TO_SYSTEM | blt::FROM_SYSTEM});
}

TEST_F(CirrusHostileTest, KeysOfThreeAndFourBytesDoNotExist) {
    expect_ignored({.width = 12, .dst = 0x200, .src = 0x100, .mode = blt::TRANSPARENT | blt::BITS24});
    expect_ignored({.width = 12, .dst = 0x200, .src = 0x100, .mode = blt::TRANSPARENT | blt::BITS32});
}

TEST_F(CirrusHostileTest, EverySkipAtEveryDepth) { // a shift by a negative number, launchpad 1729501
    for (unsigned skip = 0; skip < 256; ++skip)
        for (const u8 bits : List{u8{0}, blt::BITS16, blt::BITS24, blt::BITS32})
            for (const unsigned kind : {0x40U, 0x80U, 0x88U, 0xc0U, 0xc8U})
                for (const u32 width : {1U, 7U, 24U, 33U}) {
                    rig.blit({.width = width,
                              .height = 2,
                              .dst_pitch = 64,
                              .dst = kSize - 128,
                              .src = 0x100,
                              .mode = static_cast<u8>(kind | bits),
                              .skip = static_cast<u8>(skip)});
                    EXPECT_FALSE(rig.busy());
                }
}

TEST_F(CirrusHostileTest, RegistersThatChangeWhileDataIsAwaitedChangeTheNextBlit) {
    rig.blit({.width = 4, .height = 2, .dst_pitch = 4, .dst = 0x200, .mode = blt::FROM_SYSTEM});
    rig.poke(CirrusRig::kBlitData, 0x04030201);
    rig.set_blit({.width = 8192, .height = 8192, .dst_pitch = 8191, .dst = kSize - 1, .mode = 0xff});
    const std::vector<u8> before = rig.vram();
    rig.poke(CirrusRig::kBlitData, 0x04030201);
    EXPECT_EQ(rig.get(0x204, 4), (std::vector<int>{1, 2, 3, 4}));
    std::copy_n(before.begin() + 0x204, 4, rig.vram().begin() + 0x204);
    EXPECT_TRUE(rig.vram() == before) << "the rest is as it was";
}

// What launchpad 1880189 did: the display is drawn while addresses are at the end of everything.
TEST_F(CirrusHostileTest, EveryModeIsDrawnWithEveryStartAndPitch) {
    rig.screen.most_width = 128;
    rig.screen.most_height = 64;
    for (const unsigned bits : {8U, 15U, 16U, 24U, 32U}) {
        rig.packed_mode(1024, 768, bits);
        for (const unsigned bits_set : {0x00U, 0x01U, 0x3fU, 0x7fU, 0x80U, 0xffU})
            for (const u8 index :
                 List{0x01, 0x07, 0x08, 0x09, 0x0c, 0x0d, 0x12, 0x13, 0x17, 0x18, 0x1a, 0x1b, 0x1d}) {
                const auto value = static_cast<u8>(bits_set);
                rig.drive.crtc(index, value);
                rig.drive.seq(0x12, value | 1);
                rig.drive.seq(0x13, value);
                rig.drive.seq(static_cast<u8>(0x10 | (value & 0xe0)), value);
                rig.drive.seq(static_cast<u8>(0x11 | (value & 0xe0)), value);
                rig.refresh();
            }
    }
}

TEST_F(CirrusHostileTest, RandomBlitsDrawInsideTheirRectangle) {
    Rng rng(11);
    unsigned ran = 0;
    for (int i = 0; i < 3000; ++i) {
        CirrusBlitArgs args = CirrusRig::random_blit(rng);
        const std::vector<u8> before = rig.vram();
        rig.blit(args);
        const bool awaited = rig.busy();
        std::vector<u8> data(8192, static_cast<u8>(rng.next()));
        for (int n = 0; n < 20 && rig.busy(); ++n)
            rig.memory.write_span(CirrusRig::kBlitData, 4, data);
        if (awaited || rig.vram() != before) ++ran;
        // Whole pixels, to either side of the start.
        const u64 reach = u64{args.height - 1} * args.dst_pitch + args.width + 40;
        const bool back = (args.mode & blt::BACKWARDS) != 0;
        const u64 start = args.dst & (kSize - 1);
        const u64 first = back ? (start > reach ? start - reach : 0) : (start > 3 ? start - 3 : 0);
        const u64 end = std::min<u64>(kSize, start + reach);
        ASSERT_TRUE(std::equal(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(first),
                               rig.vram().begin()));
        ASSERT_TRUE(std::equal(before.begin() + static_cast<std::ptrdiff_t>(end), before.end(),
                               rig.vram().begin() + static_cast<std::ptrdiff_t>(end)));
    }
    EXPECT_GT(ran, 1000U);
}

} // namespace
} // namespace dm::test
