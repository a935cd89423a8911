// The dispi registers through ports 1ce-1d0.
#include "tests/devices/vga_rig.hpp"

#include <gtest/gtest.h>

namespace dm::test {
namespace {

using D = VbeDispi;

struct VbeDispiTest : testing::Test {
    VgaRig rig{1 << 20};
    VgaDriver& vga = rig.drive;
};

TEST_F(VbeDispiTest, TheIdIsTheNewestAndOlderOnesCanBeAskedFor) {
    EXPECT_EQ(vga.dispi(D::ID), 0xb0c5);
    vga.dispi(D::ID, 0xb0c2);
    EXPECT_EQ(vga.dispi(D::ID), 0xb0c2);
    vga.dispi(D::ID, 0xb0c6);
    vga.dispi(D::ID, 0x1234);
    EXPECT_EQ(vga.dispi(D::ID), 0xb0c2);
}

TEST_F(VbeDispiTest, DataIsAt1cfAnd1d0AndOnlyAsWords) {
    rig.ports.write(0x1ce, 2, D::XRES);
    rig.ports.write(0x1d0, 2, 0x0320);
    EXPECT_EQ(rig.ports.read(0x1cf, 2), 0x0320U);
    EXPECT_EQ(rig.ports.read(0x1d0, 2), 0x0320U);
    rig.ports.write(0x1cf, 1, 0x11);
    EXPECT_EQ(rig.ports.read(0x1cf, 1), 0xffU);
    EXPECT_EQ(rig.ports.read(0x1d0, 2), 0x0320U);
}

TEST_F(VbeDispiTest, GetcapsShowsTheLargestMode) {
    vga.dispi(D::ENABLE, D::GETCAPS);
    EXPECT_EQ(vga.dispi(D::XRES), 16000);
    EXPECT_EQ(vga.dispi(D::YRES), 12000);
    EXPECT_EQ(vga.dispi(D::BPP), 32);
    EXPECT_EQ(vga.dispi(D::VIDEO_MEMORY_64K), 16);
}

TEST_F(VbeDispiTest, EnablingComputesTheVirtualSizeAndClearsTheScreen) {
    std::fill(rig.video.memory.begin(), rig.video.memory.end(), u8{0x55});
    vga.dispi(D::X_OFFSET, 77);
    vga.set_dispi(320, 200, 32);
    EXPECT_EQ(vga.dispi(D::VIRT_WIDTH), 320);
    EXPECT_EQ(vga.dispi(D::VIRT_HEIGHT), (1 << 20) / 1280);
    EXPECT_EQ(vga.dispi(D::X_OFFSET), 0);
    EXPECT_EQ(rig.video.memory[320 * 200 * 4 - 1], 0);
    EXPECT_EQ(rig.video.memory[320 * 200 * 4], 0x55);
    EXPECT_GT(rig.video.reported_writes, 0U);
}

TEST_F(VbeDispiTest, NoclearmemKeepsWhatIsThere) {
    std::fill(rig.video.memory.begin(), rig.video.memory.end(), u8{0x55});
    vga.set_dispi(320, 200, 32, D::NOCLEARMEM);
    EXPECT_EQ(rig.video.memory[0], 0x55);
}

TEST_F(VbeDispiTest, OddValuesAreMadeUsable) {
    vga.set_dispi(1027, 0, 17);
    EXPECT_EQ(vga.dispi(D::XRES), 1024);
    EXPECT_EQ(vga.dispi(D::YRES), 1);
    EXPECT_EQ(vga.dispi(D::BPP), 8);
    vga.dispi(D::XRES, 0);
    EXPECT_EQ(vga.dispi(D::XRES), 8);
    vga.dispi(D::VIRT_WIDTH, 0xffff);
    EXPECT_EQ(vga.dispi(D::VIRT_WIDTH), 16000);
    vga.dispi(D::YRES, 0xffff);
    EXPECT_EQ(vga.dispi(D::YRES), (1 << 20) / 16000);
}

TEST_F(VbeDispiTest, AWindowThatLeavesTheMemoryGoesBackToItsStart) {
    vga.set_dispi(512, 512, 32); // all of the memory
    vga.dispi(D::Y_OFFSET, 1);
    EXPECT_EQ(vga.dispi(D::Y_OFFSET), 0);
    vga.dispi(D::YRES, 256);
    vga.dispi(D::Y_OFFSET, 256);
    EXPECT_EQ(vga.dispi(D::Y_OFFSET), 256);
    vga.dispi(D::X_OFFSET, 1);
    EXPECT_EQ(vga.dispi(D::Y_OFFSET), 0);
    EXPECT_EQ(vga.dispi(D::X_OFFSET), 1);
}

TEST_F(VbeDispiTest, WhileDisabledValuesAreKeptAsTheyAre) {
    vga.dispi(D::XRES, 1027);
    vga.dispi(D::BPP, 17);
    EXPECT_EQ(vga.dispi(D::XRES), 1027);
    EXPECT_EQ(vga.dispi(D::BPP), 17);
}

TEST_F(VbeDispiTest, TheBankMovesTheWindowAtA0000AndStaysInsideTheMemory) {
    vga.set_dispi(512, 256, 32);
    vga.dispi(D::BANK, 3);
    vga.poke(0xa0010, 0xab);
    EXPECT_EQ(rig.video.memory[0x30010], 0xab);
    vga.dispi(D::BANK, 0xffff);
    EXPECT_EQ(vga.dispi(D::BANK), 15);
    vga.poke(0xaffff, 0xcd);
    EXPECT_EQ(rig.video.memory[0xfffff], 0xcd);
    vga.dispi(D::ENABLE, 0);
    EXPECT_EQ(vga.dispi(D::BANK), 0);
}

TEST_F(VbeDispiTest, PackedModesIgnoreTheMapMaskAndPlanarOnesDoNot) {
    vga.seq(SR_MAP_MASK, 0x01);
    vga.set_dispi(640, 480, 8);
    vga.poke(0xa0001, 0x77);
    EXPECT_EQ(rig.video.memory[1], 0x77);
    vga.set_dispi(640, 480, 4);
    vga.gfx(GR_BIT_MASK, 0xff);
    vga.seq(SR_MEMORY_MODE, 0x06);
    vga.gfx(GR_MODE, 0x00);
    vga.poke(0xa0000, 0xff);
    EXPECT_EQ(rig.video.memory[0], 0xff);
    EXPECT_EQ(rig.video.memory[1], 0x00);
}

TEST_F(VbeDispiTest, EnablingSetsTheVgaRegistersToAGraphicsModeOfThatSize) {
    vga.out(0x3c2, 1);
    vga.set_dispi(800, 600, 8);
    const auto& regs = rig.core.state().vga;
    EXPECT_EQ(regs.crtc[CR_HORIZONTAL_DISPLAY_END], 99);
    EXPECT_EQ(regs.crtc[CR_VERTICAL_DISPLAY_END], 599 & 0xff);
    EXPECT_EQ(regs.crtc[CR_OVERFLOW] & 0x52, 0x10 | 0x40);
    EXPECT_EQ(regs.crtc[CR_OFFSET], 100);
    EXPECT_EQ(regs.gfx[GR_MISCELLANEOUS] & 0x0f, 0x05);
    EXPECT_EQ(regs.gfx[GR_MODE] & 0x60, 0x40);
}

TEST_F(VbeDispiTest, ImpossibleStatesAreRefused) {
    D::State scratch;
    const D dispi(scratch, 1 << 20);
    const auto refused = [&](auto change) {
        vga.set_dispi(640, 400, 32);
        D::State state = rig.core.state().dispi;
        EXPECT_TRUE(dispi.valid(state).ok());
        change(state.regs);
        return !dispi.valid(state).ok();
    };
    EXPECT_TRUE(refused([](auto& r) { r[D::XRES] = 16008; }));
    EXPECT_TRUE(refused([](auto& r) { r[D::YRES] = 12000; }));
    EXPECT_TRUE(refused([](auto& r) { r[D::BPP] = 12; }));
    EXPECT_TRUE(refused([](auto& r) { r[D::VIRT_WIDTH] = 8; }));
    EXPECT_TRUE(refused([](auto& r) { r[D::Y_OFFSET] = 0xffff; }));
    EXPECT_TRUE(refused([](auto& r) { r[D::BANK] = 16; }));
    EXPECT_TRUE(refused([](auto& r) { r[D::ID] = 0; }));
    EXPECT_TRUE(refused([](auto& r) { r[D::ENABLE] |= 0x8000; }));
}

// Whatever is written, the visible window lies inside the memory.
TEST_F(VbeDispiTest, NoSequenceOfWritesLeavesTheMemory) {
    Rng rng(5);
    const std::array<u16, 12> values = {0, 1, 4, 8, 15, 16, 24, 32, 640, 0x7fff, 0x8000, 0xffff};
    D::State scratch;
    D dispi(scratch, 1 << 20);
    for (int i = 0; i < 20000; ++i) {
        const u16 value = rng.one_in(2) ? values[rng.below(values.size())] : static_cast<u16>(rng.next());
        dispi.write(static_cast<unsigned>(rng.below(12)), value);
        if (!dispi.enabled()) continue;
        ASSERT_TRUE(dispi.valid(scratch).ok()) << i;
        ASSERT_LE(u64{dispi.start_byte()} + u64{dispi.line_bytes()} * dispi.height(), 1U << 20) << i;
        ASSERT_GE(dispi.line_bytes() * 8, dispi.width() * (dispi.bpp() == 15 ? 16 : dispi.bpp())) << i;
    }
}

} // namespace
} // namespace dm::test
