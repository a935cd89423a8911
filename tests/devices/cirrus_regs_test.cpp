// The extension registers: which there are, what they hold at power-on, and the ways to them.
#include "tests/devices/cirrus_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using List = std::initializer_list<u8>;

struct CirrusRegsTest : testing::Test {
    CirrusRig rig;
    VgaDriver& vga = rig.drive;
};

TEST_F(CirrusRegsTest, TellsItsPartAndItsMemory) {
    EXPECT_EQ(rig.crtc(0x27), 0xb8);
    EXPECT_EQ(rig.seq(0x0f), 0x98);
    EXPECT_EQ(rig.seq(0x15), 0x04);
    EXPECT_EQ(rig.seq(0x17), 0x20);
    EXPECT_EQ(rig.seq(0x1f), 0x2d);
    EXPECT_EQ(rig.gfx(0x18), 0x0f);
}

TEST_F(CirrusRegsTest, TheUnlockRegisterTellsWhetherItIsUnlocked) {
    EXPECT_EQ(rig.seq(6), 0x0f);
    vga.seq(6, 0x12);
    EXPECT_EQ(rig.seq(6), 0x12);
    vga.seq(6, 0x92); // bits 3 and 7:5 do not count
    EXPECT_EQ(rig.seq(6), 0x12);
    vga.seq(6, 0x13);
    EXPECT_EQ(rig.seq(6), 0x0f);
}

TEST_F(CirrusRegsTest, ExtensionsAreStorage) {
    for (const u8 index :
         List{0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0e, 0x0f, 0x12, 0x13, 0x14, 0x16, 0x1b, 0x1f}) {
        vga.seq(index, 0xa5);
        EXPECT_EQ(rig.seq(index), 0xa5) << +index;
    }
    for (const u8 index : List{0x09, 0x0a, 0x0b, 0x10, 0x15, 0x20, 0x24, 0x2f, 0x30, 0x34, 0x39}) {
        vga.gfx(index, 0xa5);
        EXPECT_EQ(rig.gfx(index), 0xa5) << +index;
    }
    for (const u8 index : List{0x19, 0x1a, 0x1b, 0x1c, 0x1d}) {
        vga.crtc(index, 0xa5);
        EXPECT_EQ(rig.crtc(index), 0xa5) << +index;
    }
}

TEST_F(CirrusRegsTest, RegistersThatAreNotThereReadAsOnes) {
    for (const u8 index : List{0x20, 0x2f, 0x88})
        EXPECT_EQ(rig.seq(index), 0xff) << +index;
    for (const u8 index : List{0x3a, 0x80})
        EXPECT_EQ(rig.gfx(index), 0xff) << +index;
    for (const u8 index : List{0x1e, 0x23, 0x28, 0xff})
        EXPECT_EQ(rig.crtc(index), 0xff) << +index;
}

TEST_F(CirrusRegsTest, UpperBlitterBytesHaveTheBitsTheyNeed) {
    for (const u8 index : List{0x21, 0x23, 0x25, 0x27}) {
        vga.gfx(index, 0xff);
        EXPECT_EQ(rig.gfx(index), 0x1f);
    }
    for (const u8 index : List{0x2a, 0x2e}) {
        vga.gfx(index, 0xff);
        EXPECT_EQ(rig.gfx(index), 0x3f);
    }
}

TEST_F(CirrusRegsTest, TheBusTypeIsWired) {
    vga.seq(0x17, 0xff);
    EXPECT_EQ(rig.seq(0x17), 0xe7);
    vga.seq(0x17, 0);
    EXPECT_EQ(rig.seq(0x17), 0x20);
}

TEST_F(CirrusRegsTest, TheCursorsPlaceHasItsLowBitsInTheIndex) {
    vga.seq(0xb0, 0x21);
    EXPECT_EQ(rig.seq(0x10), 0x21);
    EXPECT_EQ(rig.seq(0x70), 0x21); // one register at eight places
    EXPECT_EQ(rig.in(0x3c4), 0x70U);
}

TEST_F(CirrusRegsTest, ColoursHaveEightBitsOfWhichTheVgaUsesFour) {
    vga.gfx(0, 0xa5);
    vga.gfx(1, 0x5a);
    EXPECT_EQ(rig.gfx(0), 0xa5);
    EXPECT_EQ(rig.gfx(1), 0x5a);
    vga.gfx(5, 0xff);
    EXPECT_EQ(rig.gfx(5), 0x7f);
}

TEST_F(CirrusRegsTest, FourReadsOfThePixelMaskOpenTheHiddenRegister) {
    vga.out(0x3c6, 0x3f);
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(vga.in(0x3c6), 0x3f);
    vga.out(0x3c6, 0xc1);
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(vga.in(0x3c6), 0x3f) << "the mask was overwritten";
    EXPECT_EQ(vga.in(0x3c6), 0xc1);
    EXPECT_EQ(vga.in(0x3c6), 0x3f);
}

TEST_F(CirrusRegsTest, OtherAccessesToTheDacStartTheCountAnew) {
    for (const Port port : {Port{0x3c7}, Port{0x3c8}, Port{0x3c9}}) {
        for (int i = 0; i < 3; ++i)
            vga.in(0x3c6);
        vga.in(port);
        vga.in(0x3c6);
        vga.out(0x3c6, static_cast<u8>(port));
        EXPECT_EQ(vga.in(0x3c6), static_cast<u8>(port)) << "went to the hidden register";
        vga.out(0x3c6, 0xff);
    }
}

TEST_F(CirrusRegsTest, TheCursorHasAPaletteBesideTheDacs) {
    vga.dac(0, 1, 2, 3);
    vga.dac(15, 4, 5, 6);
    vga.seq(0x12, 0x02);
    vga.dac(0, 11, 12, 13);
    vga.dac(0x1f, 14, 15, 0xff); // sixteen entries
    vga.out(0x3c7, 15);
    EXPECT_THAT((std::array{vga.in(0x3c9), vga.in(0x3c9), vga.in(0x3c9)}),
                testing::ElementsAre(14, 15, 0x3f));
    vga.seq(0x12, 0);
    vga.out(0x3c7, 0);
    EXPECT_THAT((std::array{vga.in(0x3c9), vga.in(0x3c9), vga.in(0x3c9)}), testing::ElementsAre(1, 2, 3));
    vga.out(0x3c7, 15);
    EXPECT_EQ(vga.in(0x3c9), 4);
}

TEST_F(CirrusRegsTest, TheCrtcReadsBackWhatTheAttributeControllerHides) {
    vga.in(0x3da);
    EXPECT_EQ(rig.crtc(0x24), 0);
    vga.out(0x3c0, 0x33);
    EXPECT_EQ(rig.crtc(0x24), 0x80);
    EXPECT_EQ(rig.crtc(0x26), 0x33);
    vga.out(0x3c0, 0);
    EXPECT_EQ(rig.crtc(0x24), 0);
}

TEST_F(CirrusRegsTest, TheCrtcReadsBackTheSelectedLatch) {
    vga.set(kMode12);
    rig.put(0, {0x11, 0x22, 0x33, 0x44});
    vga.peek(0xa0000);
    for (const u8 plane : List{0, 1, 2, 3}) {
        vga.gfx(4, plane);
        EXPECT_EQ(rig.crtc(0x22), 0x11 * (plane + 1));
    }
}

TEST_F(CirrusRegsTest, ExtensionsOfTheOtherCrtcBlockAreSilent) {
    EXPECT_EQ(rig.indexed(0x3b4, 0x27), 0xff);
    rig.out(0x3c2, 0x62);
    EXPECT_EQ(rig.indexed(0x3b4, 0x27), 0xb8);
    EXPECT_EQ(rig.crtc(0x27), 0xff);
}

TEST_F(CirrusRegsTest, Bar1HoldsTheVgaPorts) {
    rig.poke(CirrusRig::kMmio + 0x04, 0xa509, 2);
    EXPECT_EQ(rig.seq(9), 0xa5);
    EXPECT_EQ(rig.peek(CirrusRig::kMmio + 0x05, 1), 0xa5U);
    EXPECT_EQ(rig.peek(CirrusRig::kMmio + 0x20, 4), 0xffffffffU);
}

TEST_F(CirrusRegsTest, Bar1HoldsTheBlittersRegisters) {
    rig.poke(CirrusRig::kBlt + 0x00, 0x44332211);
    EXPECT_EQ(rig.gfx(0x00), 0x11);
    EXPECT_EQ(rig.gfx(0x10), 0x22);
    EXPECT_EQ(rig.gfx(0x12), 0x33);
    EXPECT_EQ(rig.gfx(0x14), 0x44);
    vga.gfx(0x2f, 0x05);
    vga.gfx(0x2c, 0x01);
    EXPECT_EQ(rig.peek(CirrusRig::kBlt + 0x14), 0x05000001U);
    EXPECT_EQ(rig.peek(CirrusRig::kBlt + 0x19, 1), 0xffU);
    EXPECT_EQ(rig.peek(CirrusRig::kBlt + 0x41, 1), 0xffU);
    EXPECT_EQ(rig.peek(CirrusRig::kMmio + 0xffc), 0xffffffffU);
}

TEST_F(CirrusRegsTest, TheBlittersRegistersAlsoAppearAtB8000) {
    rig.extended();
    EXPECT_EQ(vga.peek(0xb8018), 0xff);
    vga.seq(0x17, 0x04);
    vga.poke(0xb8018, 0x91);
    EXPECT_EQ(rig.gfx(0x30), 0x91);
    EXPECT_EQ(vga.peek(0xb8018), 0x91);
    EXPECT_EQ(vga.peek(0xb8100), 0xff);
}

TEST_F(CirrusRegsTest, OrAtTheEndOfTheLinearMemory) {
    vga.seq(0x17, 0x44);
    const u64 registers = CirrusRig::kVram + CirrusRig::kSize - 0x100;
    rig.poke(registers + 0x18, 0x91, 1);
    EXPECT_EQ(rig.gfx(0x30), 0x91);
    EXPECT_EQ(rig.peek(registers + 0x18, 1), 0x91U);
    rig.poke(registers - 4, 0x12345678);
    EXPECT_EQ(rig.get(CirrusRig::kSize - 0x104, 4), (std::vector<int>{0x78, 0x56, 0x34, 0x12}));
    EXPECT_EQ(rig.peek(registers - 4), 0x12345678U);
}

} // namespace
} // namespace dm::test
