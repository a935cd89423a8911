// What is drawn and reported when something changes, and when nobody looks.
#include "tests/devices/vga_render.hpp"

namespace dm::test {
namespace {

using testing::IsEmpty;

struct VgaRedrawTest : VgaRenderTest {};

TEST_F(VgaRedrawTest, AScreenThatIsOffIsBlackAndKeepsItsSize) {
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

TEST_F(VgaRedrawTest, ASnapshotShowsAllAndRefreshesDoNotNoticeIt) {
    vga.set_dispi(800, 600, 32);
    rig.refresh(true);
    rig.refresh();
    rig.guest_write(u64{20 * 800 + 30} * 4, std::vector<u8>{1, 2, 3, 4});
    Picture shot;
    rig.core.display().snapshot(shot);
    EXPECT_EQ(shot.at(30, 20), 0x030201U);
    rig.refresh();
    EXPECT_EQ(screen.changed_pixels(), 1U);
    expect_same_as_drawn_afresh();
}

TEST_F(VgaRedrawTest, ASnapshotWithNobodyWatchingTracksNothing) {
    vga.set_dispi(800, 600, 32);
    Picture shot;
    rig.core.display().snapshot(shot);
    EXPECT_EQ(shot.width, 800U);
    EXPECT_FALSE(rig.video.tracking);
    vga.dispi(VbeDispi::ENABLE, 0);
    mode(kMode03);
    rig.core.display().snapshot(shot);
    EXPECT_EQ(shot.width, 720U);
}

TEST_F(VgaRedrawTest, WritesByTheWindowRedrawTheirPixelsOnly) {
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

TEST_F(VgaRedrawTest, WritesByTheGuestRedrawTheirPixelsOnly) {
    vga.set_dispi(800, 600, 32);
    rig.refresh(true);
    rig.refresh();
    EXPECT_THAT(screen.changes, IsEmpty());
    rig.guest_write(u64{20 * 800 + 30} * 4, std::vector<u8>{1, 2, 3, 4});
    rig.refresh();
    EXPECT_EQ(screen.changed_pixels(), 1U);
    EXPECT_EQ(screen.at(30, 20), 0x030201U);
}

TEST_F(VgaRedrawTest, ANewPaletteRedraws) {
    mode(kMode13);
    rig.refresh(true);
    vga.dac(0, 63, 0, 0);
    rig.refresh();
    EXPECT_EQ(screen.at(0, 0), 0xff0000U);
    expect_same_as_drawn_afresh();
}

TEST_F(VgaRedrawTest, UnknownDirtinessRedrawsEverything) {
    vga.set_dispi(640, 400, 32);
    rig.refresh(true);
    rig.refresh();
    rig.video.memory[123] = 0x77;
    rig.video.all_dirty = true;
    rig.refresh();
    expect_same_as_drawn_afresh();
}

TEST_F(VgaRedrawTest, NothingIsDrawnOrTrackedWhileNobodyLooks) {
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

TEST_F(VgaRedrawTest, LegacyModesDoNotTrackGuestMemory) {
    vga.set_dispi(640, 400, 32);
    rig.refresh(true);
    vga.dispi(VbeDispi::ENABLE, 0);
    mode(kMode03);
    rig.refresh();
    EXPECT_FALSE(rig.video.tracking);
}

TEST_F(VgaRedrawTest, AfterALoadThePictureIsRightAtOnce) {
    vga.set_dispi(640, 400, 32);
    rig.refresh(true);
    const VgaCore::State state = rig.core.state();
    rig.video.memory[0] = 0x42; // migrated with the guest's memory, not marked as written
    rig.core.load(state);
    rig.refresh();
    EXPECT_EQ(screen.at(0, 0), 0x42U);
}

TEST_F(VgaRedrawTest, ASmallerDisplayShowsTheTopLeftPart) {
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

} // namespace
} // namespace dm::test
