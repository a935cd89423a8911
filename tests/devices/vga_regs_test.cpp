// The register file through the ports, by the IBM reference.
#include "tests/devices/vga_rig.hpp"

#include <gtest/gtest.h>

namespace dm::test {
namespace {

struct VgaRegsTest : testing::Test {
    VgaRig rig;
    VgaDriver& vga = rig.drive;
    u8 indexed(Port port, u8 index) {
        vga.out(port, index);
        return vga.in(port + 1);
    }
};

TEST_F(VgaRegsTest, RegistersKeepOnlyTheBitsThatExist) {
    const std::array<u8, 8> seq = {0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff};
    for (u8 i = 0; const u8 bits : seq) {
        vga.seq(i, 0xff);
        EXPECT_EQ(indexed(0x3c4, i), bits) << int{i};
        ++i;
    }
    const std::array<u8, 9> gfx = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
    for (u8 i = 0; const u8 bits : gfx) {
        vga.gfx(i, 0xff);
        EXPECT_EQ(indexed(0x3ce, i), bits) << int{i};
        ++i;
    }
    vga.out(0x3c2, 0xff);
    EXPECT_EQ(vga.in(0x3cc), 0xef);
}

TEST_F(VgaRegsTest, TheAttributePortAlternatesBetweenIndexAndDataAndStatusReadsResetIt) {
    vga.out(0x3c2, 0x01);
    vga.in(0x3da);
    vga.out(0x3c0, 0x05); // index
    vga.out(0x3c0, 0xff); // data
    vga.out(0x3c0, 0x06); // index again
    vga.in(0x3da);
    vga.out(0x3c0, 0x05); // and again an index
    EXPECT_EQ(vga.in(0x3c1), 0x3f);
    EXPECT_EQ(vga.in(0x3c0), 0x05);
}

TEST_F(VgaRegsTest, AttributeRegistersKeepOnlyTheBitsThatExist) {
    vga.out(0x3c2, 0x01);
    const std::array<std::pair<u8, u8>, 6> masks = {
        {{0x00, 0x3f}, {0x10, 0xef}, {0x11, 0xff}, {0x12, 0x3f}, {0x13, 0x0f}, {0x14, 0x0f}}};
    for (const auto& [index, mask] : masks) {
        vga.attr(index, 0xff);
        vga.in(0x3da);
        vga.out(0x3c0, index);
        EXPECT_EQ(vga.in(0x3c1), mask) << int{index};
    }
}

TEST_F(VgaRegsTest, MiscBit0MovesTheCrtcAndTheOtherAddressesReadAsOnes) {
    vga.out(0x3c2, 0x01);
    vga.crtc(0x0f, 0x5a);
    EXPECT_EQ(indexed(0x3d4, 0x0f), 0x5a);
    EXPECT_EQ(vga.in(0x3b5), 0xff);
    EXPECT_EQ(vga.in(0x3ba), 0xff);
    vga.out(0x3c2, 0x00);
    EXPECT_EQ(vga.in(0x3b5), 0x5a);
    EXPECT_EQ(vga.in(0x3d5), 0xff);
    vga.out(0x3d5, 0x11);
    EXPECT_EQ(vga.in(0x3b5), 0x5a);
}

TEST_F(VgaRegsTest, Cr11ProtectsCr0ToCr7ButForTheLineCompareBit) {
    vga.out(0x3c2, 0x01);
    vga.crtc(0x00, 0x12);
    vga.crtc(0x07, 0x00);
    vga.crtc(0x11, 0x80);
    vga.crtc(0x00, 0x34);
    vga.crtc(0x07, 0xff);
    vga.crtc(0x08, 0x11);
    EXPECT_EQ(indexed(0x3d4, 0x00), 0x12);
    EXPECT_EQ(indexed(0x3d4, 0x07), 0x10);
    EXPECT_EQ(indexed(0x3d4, 0x08), 0x11);
}

TEST_F(VgaRegsTest, CrtcRegistersThatDoNotExistReadAsZero) {
    vga.out(0x3c2, 0x01);
    vga.crtc(0x38, 0x48); // an S3 is not here
    EXPECT_EQ(indexed(0x3d4, 0x38), 0x00);
}

TEST_F(VgaRegsTest, ADacEntryChangesWithItsThirdByteAndTheIndexMovesOn) {
    vga.out(0x3c8, 7);
    vga.out(0x3c9, 1);
    vga.out(0x3c9, 2);
    EXPECT_EQ(rig.core.state().vga.dac[21], 0);
    vga.out(0x3c9, 3);
    vga.out(0x3c9, 4);
    vga.out(0x3c9, 5);
    vga.out(0x3c9, 6);
    vga.out(0x3c7, 7);
    EXPECT_EQ(vga.in(0x3c7), 3);
    for (u8 i = 1; i <= 6; ++i)
        EXPECT_EQ(vga.in(0x3c9), i);
    vga.out(0x3c8, 0);
    EXPECT_EQ(vga.in(0x3c7), 0);
}

TEST_F(VgaRegsTest, TheDacIsSixBitsWideUnlessDispiSaysEight) {
    vga.dac(0, 0xff, 0x80, 0x3f);
    vga.out(0x3c7, 0);
    EXPECT_EQ(vga.in(0x3c9), 0x3f);
    vga.set_dispi(640, 480, 8, VbeDispi::DAC_8BIT);
    vga.dac(0, 0xff, 0x80, 0x3f);
    vga.out(0x3c7, 0);
    EXPECT_EQ(vga.in(0x3c9), 0xff);
    EXPECT_EQ(vga.in(0x3c9), 0x80);
}

TEST_F(VgaRegsTest, ThePelMaskReadsBack) {
    EXPECT_EQ(vga.in(0x3c6), 0xff);
    vga.out(0x3c6, 0x5a);
    EXPECT_EQ(vga.in(0x3c6), 0x5a);
}

// Every wait for an edge ends soon, also in loops that read the port several times per turn.
TEST_F(VgaRegsTest, LoopsThatWaitForRetraceEnd) {
    vga.out(0x3c2, 0x01);
    for (unsigned stride = 1; stride <= 4; ++stride)
        for (const unsigned bit : {0x01U, 0x08U})
            for (const bool wanted : {true, false, true}) {
                unsigned turns = 0;
                u8 status = 0;
                do {
                    for (unsigned i = 0; i < stride; ++i)
                        status = vga.in(0x3da);
                    ++turns;
                } while (((status & bit) != 0) != wanted && turns < 100);
                EXPECT_LT(turns, 10U) << stride;
            }
}

TEST_F(VgaRegsTest, VerticalRetraceIsNeverWithinTheDisplay) {
    vga.out(0x3c2, 0x01);
    for (int i = 0; i < 50; ++i) {
        const u8 status = vga.in(0x3da);
        EXPECT_NE(status & 0x09, 0x08);
    }
}

TEST_F(VgaRegsTest, AWordWritesIndexAndData) {
    rig.ports.write(0x3c4, 2, 0x0a02);
    EXPECT_EQ(indexed(0x3c4, 2), 0x0a);
    EXPECT_EQ(rig.ports.read(0x3c4, 2), 0x0a02U);
}

TEST(VgaRegsLoad, ImpossibleStatesAreRefused) {
    const auto refused = [](auto change) {
        VgaRegs::State state;
        change(state);
        return !VgaRegs::valid(state).ok();
    };
    EXPECT_TRUE(VgaRegs::valid(VgaRegs::State{}).ok());
    EXPECT_TRUE(refused([](auto& s) { s.seq_index = 8; }));
    EXPECT_TRUE(refused([](auto& s) { s.gfx_index = 16; }));
    EXPECT_TRUE(refused([](auto& s) { s.attr_index = 0x40; }));
    EXPECT_TRUE(refused([](auto& s) { s.dac_component = 3; }));
    EXPECT_TRUE(refused([](auto& s) { s.retrace_phase = 7; }));
    EXPECT_TRUE(refused([](auto& s) { s.seq[SR_MAP_MASK] = 0x10; }));
    EXPECT_TRUE(refused([](auto& s) { s.gfx[GR_MODE] = 0x04; }));
    EXPECT_TRUE(refused([](auto& s) { s.attr[3] = 0x40; }));
    EXPECT_TRUE(refused([](auto& s) { s.misc = 0x10; }));
}

} // namespace
} // namespace dm::test
