// Whatever the registers say, the picture is the one that is drawn afresh.
#include "tests/devices/vga_rig.hpp"

namespace dm::test {
namespace {

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
