// The window at A0000: read and write modes, and that spans mean what single accesses mean.
#include "tests/devices/vga_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::ElementsAre;

struct VgaMemoryTest : testing::Test {
    VgaRig rig;
    VgaDriver& vga = rig.drive;
    std::vector<u8>& vram = rig.video.memory;

    /// The planes of address `a`.
    std::array<u8, 4> planes(u32 a) const {
        const std::size_t at = std::size_t{a} * 4;
        return {vram[at], vram[at + 1], vram[at + 2], vram[at + 3]};
    }
    void fill(u32 a, std::array<u8, 4> bytes) {
        std::copy(bytes.begin(), bytes.end(), vram.begin() + std::ptrdiff_t{a} * 4);
    }
    void planar() { vga.set(kMode12); }
};

TEST_F(VgaMemoryTest, Chain4IsLinearAndGatedByTheMapMask) {
    vga.set(kMode13);
    for (u8 i = 0; i < 8; ++i)
        vga.poke(0xa0100 + i, static_cast<u8>(i + 1));
    EXPECT_EQ(vram[0x104], 5);
    vga.seq(SR_MAP_MASK, 0x02);
    for (u8 i = 0; i < 4; ++i)
        vga.poke(0xa0100 + i, 0xee);
    EXPECT_THAT(planes(0x40), ElementsAre(1, 0xee, 3, 4));
    EXPECT_EQ(vga.peek(0xa0101), 0xee);
}

TEST_F(VgaMemoryTest, OddEvenPutsCharactersInPlane0AndAttributesInPlane1) {
    vga.set(kMode03);
    rig.memory.write(0xb8000 + 2 * 5, 2, 0x1f41);
    EXPECT_THAT(planes(5), ElementsAre(0x41, 0x1f, 0, 0));
    EXPECT_EQ(rig.memory.read(0xb800a, 2), 0x1f41U);
}

TEST_F(VgaMemoryTest, MapSelectPicksTheWindow) {
    vga.set(kMode13);
    const auto reaches = [&](u64 addr) {
        vga.poke(addr, 0x5a);
        return vga.peek(addr) == 0x5a;
    };
    for (u8 map = 0; map < 4; ++map) {
        vga.gfx(GR_MISCELLANEOUS, static_cast<u8>(map << 2 | 1));
        EXPECT_EQ(reaches(0xa0000), map <= 1) << int{map};
        EXPECT_EQ(reaches(0xaffff), map <= 1) << int{map};
        EXPECT_EQ(reaches(0xb0000), map == 0 || map == 2) << int{map};
        EXPECT_EQ(reaches(0xb7fff), map == 0 || map == 2) << int{map};
        EXPECT_EQ(reaches(0xb8000), map == 0 || map == 3) << int{map};
        EXPECT_EQ(reaches(0xbffff), map == 0 || map == 3) << int{map};
    }
}

TEST_F(VgaMemoryTest, OutsideTheSelectedWindowReadsAreOnesAndAnAccessAcrossItsEdgeIsHalfThere) {
    vga.set(kMode13);
    EXPECT_EQ(rig.memory.read(0xb8000, 4), 0xffffffffU);
    rig.memory.write(0xafffe, 4, 0x44332211);
    EXPECT_EQ(vram[0xffff], 0x22);
    EXPECT_EQ(rig.memory.read(0xafffe, 4), 0xffff2211U);
    vga.gfx(GR_MISCELLANEOUS, 0x0d); // B8000
    rig.memory.write(0xb7ffe, 4, 0x88776655);
    EXPECT_EQ(vram[0], 0x77);
    EXPECT_EQ(rig.memory.read(0xb7ffe, 4), 0x8877ffffU);
}

TEST_F(VgaMemoryTest, ReadMode0ReturnsTheSelectedPlane) {
    planar();
    fill(3, {0x11, 0x22, 0x33, 0x44});
    for (u8 plane = 0; plane < 4; ++plane) {
        vga.gfx(GR_READ_MAP_SELECT, plane);
        EXPECT_EQ(vga.peek(0xa0003), 0x11 * (plane + 1));
    }
}

TEST_F(VgaMemoryTest, ReadMode1MarksPixelsOfTheComparedColour) {
    planar();
    fill(0, {0xf0, 0xcc, 0xaa, 0x00}); // colours 7 3 5 1 6 2 4 0 from the left
    vga.gfx(GR_MODE, 0x08);
    vga.gfx(GR_COLOR_DONT_CARE, 0x0f);
    vga.gfx(GR_COLOR_COMPARE, 0x05);
    EXPECT_EQ(vga.peek(0xa0000), 0x20);
    vga.gfx(GR_COLOR_DONT_CARE, 0x01);
    EXPECT_EQ(vga.peek(0xa0000), 0xf0);
    vga.gfx(GR_COLOR_DONT_CARE, 0x00);
    EXPECT_EQ(vga.peek(0xa0000), 0xff);
}

TEST_F(VgaMemoryTest, WriteMode0RotatesAndSetsOrResetsPlanes) {
    planar();
    vga.gfx(GR_DATA_ROTATE, 0x01);
    vga.gfx(GR_ENABLE_SET_RESET, 0x0c);
    vga.gfx(GR_SET_RESET, 0x04);
    vga.poke(0xa0000, 0x03);
    EXPECT_THAT(planes(0), ElementsAre(0x81, 0x81, 0xff, 0x00));
}

TEST_F(VgaMemoryTest, TheBitMaskTakesOtherBitsFromTheLatches) {
    planar();
    fill(0, {0x00, 0xff, 0x55, 0xaa});
    vga.peek(0xa0000);
    vga.gfx(GR_BIT_MASK, 0x0f);
    vga.poke(0xa0001, 0x33);
    EXPECT_THAT(planes(1), ElementsAre(0x03, 0xf3, 0x53, 0xa3));
}

TEST_F(VgaMemoryTest, LogicalFunctionsCombineWithTheLatches) {
    planar();
    fill(0, {0x0f, 0x33, 0x55, 0xff});
    vga.peek(0xa0000);
    vga.gfx(GR_DATA_ROTATE, 0x08);
    vga.poke(0xa0001, 0x3c);
    EXPECT_THAT(planes(1), ElementsAre(0x0c, 0x30, 0x14, 0x3c));
    vga.gfx(GR_DATA_ROTATE, 0x10);
    vga.poke(0xa0001, 0x3c);
    EXPECT_THAT(planes(1), ElementsAre(0x3f, 0x3f, 0x7d, 0xff));
    vga.gfx(GR_DATA_ROTATE, 0x18);
    vga.poke(0xa0001, 0x3c);
    EXPECT_THAT(planes(1), ElementsAre(0x33, 0x0f, 0x69, 0xc3));
}

TEST_F(VgaMemoryTest, WriteMode1CopiesTheLatches) {
    planar();
    fill(0, {1, 2, 3, 4});
    vga.peek(0xa0000);
    vga.gfx(GR_MODE, 0x01);
    vga.gfx(GR_BIT_MASK, 0x00);
    vga.poke(0xa0009, 0xff);
    EXPECT_THAT(planes(9), ElementsAre(1, 2, 3, 4));
}

TEST_F(VgaMemoryTest, WriteMode2WritesAColour) {
    planar();
    vga.gfx(GR_MODE, 0x02);
    vga.gfx(GR_BIT_MASK, 0x80);
    vga.peek(0xa0000);
    vga.poke(0xa0000, 0x0a);
    EXPECT_THAT(planes(0), ElementsAre(0x00, 0x80, 0x00, 0x80));
}

TEST_F(VgaMemoryTest, WriteMode3UsesTheByteAsBitMask) {
    planar();
    fill(0, {0xff, 0xff, 0x00, 0x00});
    vga.peek(0xa0000);
    vga.gfx(GR_MODE, 0x03);
    vga.gfx(GR_SET_RESET, 0x05);
    vga.gfx(GR_BIT_MASK, 0x7e);
    vga.poke(0xa0000, 0xf0);
    EXPECT_THAT(planes(0), ElementsAre(0xff, 0x8f, 0x70, 0x00));
}

TEST_F(VgaMemoryTest, TheMapMaskProtectsPlanes) {
    planar();
    fill(0, {1, 2, 3, 4});
    vga.seq(SR_MAP_MASK, 0x06);
    vga.poke(0xa0000, 0x99);
    EXPECT_THAT(planes(0), ElementsAre(1, 0x99, 0x99, 4));
}

TEST_F(VgaMemoryTest, WritesAreReportedForMigration) {
    vga.set(kMode03);
    rig.video.reported_writes = 0;
    vga.poke(0xb8000, 1);
    EXPECT_EQ(rig.video.reported_writes, 1U);
}

/// Random registers that decide about accesses, the same in both rigs.
void scramble(VgaRig& a, VgaRig& b, Rng& rng) {
    const auto both = [&](auto what) {
        what(a.drive);
        what(b.drive);
    };
    for (u8 i = 0; i < 9; ++i) {
        const u8 value = static_cast<u8>(rng.next());
        both([&](VgaDriver& d) { d.gfx(i, value); });
    }
    for (u8 i = 2; i < 5; ++i) {
        const u8 value = static_cast<u8>(rng.next());
        both([&](VgaDriver& d) { d.seq(i, value); });
    }
    if (rng.one_in(3)) {
        const u16 bpp = std::array<u16, 3>{4, 8, 32}[rng.below(3)];
        const u16 bank = static_cast<u16>(rng.next());
        both([&](VgaDriver& d) {
            d.set_dispi(320, 200, bpp, VbeDispi::NOCLEARMEM);
            d.dispi(VbeDispi::BANK, bank);
        });
    } else
        both([](VgaDriver& d) { d.dispi(VbeDispi::ENABLE, 0); });
    const u8 mode = static_cast<u8>(rng.next());
    both([&](VgaDriver& d) { d.gfx(GR_MODE, mode); });
}

TEST(VgaMemorySpans, ASpanAndItsBytesOneByOneMeanTheSame) {
    Rng rng(11);
    VgaRig bulk;
    VgaRig single;
    for (int i = 0; i < 3000; ++i) {
        if (i % 8 == 0) scramble(bulk, single, rng);
        const u64 offset = 0xa0000 + rng.below(0x20000);
        const unsigned size = 1U << rng.below(4);
        const u64 room = (0xc0000 - offset) / size;
        const std::size_t count = std::min<u64>(rng.below(rng.one_in(10) ? 4000 : 40), room);
        std::vector<u8> bytes(count * size);
        if (rng.one_in(3)) {
            std::vector<u8> one_by_one(bytes.size());
            bulk.memory.read_span(offset, size, bytes);
            for (std::size_t n = 0; n < one_by_one.size(); ++n)
                one_by_one[n] = single.drive.peek(offset + n);
            ASSERT_EQ(bytes, one_by_one) << i;
        } else {
            for (u8& byte : bytes)
                byte = static_cast<u8>(rng.next());
            bulk.memory.write_span(offset, size, bytes);
            for (std::size_t n = 0; n < bytes.size(); ++n)
                single.drive.poke(offset + n, bytes[n]);
        }
        ASSERT_EQ(bulk.core.state().vga.latch, single.core.state().vga.latch) << i;
        if (i % 16 == 0) {
            ASSERT_EQ(bulk.video.memory, single.video.memory) << i;
        }
    }
    EXPECT_EQ(bulk.video.memory, single.video.memory);
}

// Wide accesses are bytes, lowest first.
TEST(VgaMemorySpans, AWideAccessAndItsBytesMeanTheSame) {
    Rng rng(12);
    VgaRig wide;
    VgaRig narrow;
    for (int i = 0; i < 2000; ++i) {
        if (i % 8 == 0) scramble(wide, narrow, rng);
        const u64 offset = 0xa0000 + rng.below(0x20000 - 8);
        const unsigned size = 1U << rng.below(4);
        const u64 value = rng.next();
        wide.memory.write(offset, size, value);
        for (unsigned n = 0; n < size; ++n)
            narrow.drive.poke(offset + n, static_cast<u8>(value >> (8 * n)));
        u64 read = 0;
        for (unsigned n = 0; n < size; ++n)
            read |= u64{narrow.drive.peek(offset + n)} << (8 * n);
        ASSERT_EQ(wide.memory.read(offset, size), read) << i;
    }
    EXPECT_EQ(wide.video.memory, narrow.video.memory);
}

/// What the guest wrote past the device is brought up only where a read is announced: whoever forgets to
/// announce one reads zeros here and the guest's bytes in the twin.
TEST_F(VgaMemoryTest, EveryReadOfTheVideoMemoryIsAnnounced) {
    Rng rng(1);
    for (unsigned round = 0; round < 200; ++round) {
        VgaRig ours(1 << 18);
        VgaRig twin(1 << 18);
        for (u8& byte : twin.video.memory)
            byte = static_cast<u8>(rng.next());
        ours.video.by_guest = twin.video.memory;
        const std::array modes{&kMode03, &kMode12, &kMode13};
        const auto& mode = *modes[rng.below(modes.size())];
        const u8 map_mask = static_cast<u8>(rng.below(16));
        const u8 read_map = static_cast<u8>(rng.below(4));
        const u8 read_mode = static_cast<u8>(rng.below(2) << 3);
        const u64 addr = (&mode == &kMode03 ? 0xb8000 : 0xa0000) + rng.below(0x1000);
        std::vector<u8> bytes(1 + rng.below(40), static_cast<u8>(rng.next()));
        const bool write = rng.one_in(2);
        std::vector<std::vector<u8>> seen;
        for (VgaRig* each : {&ours, &twin}) {
            each->drive.set(mode);
            each->drive.seq(SR_MAP_MASK, map_mask);
            each->drive.gfx(GR_READ_MAP_SELECT, read_map);
            if (&mode == &kMode12) each->drive.gfx(GR_MODE, read_mode);
            if (write) each->memory.write_span(addr, 1, bytes);
            std::vector<u8> back(bytes.size());
            each->memory.read_span(addr, 1, back);
            each->memory.write_span(addr + 100, 1, bytes); // mode 1 would store the latch
            seen.push_back(back);
        }
        EXPECT_EQ(seen[0], seen[1]) << "round " << round;
    }
}

} // namespace
} // namespace dm::test
