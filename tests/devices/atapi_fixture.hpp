// What the tests of the CD-ROM drive share.
#pragma once

#include "tests/devices/ide_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {

namespace ide {
inline constexpr u32 kSectors = kDiscSize / 2048;
} // namespace ide

/// A disc of any size whose bytes are never asked for.
struct HugeDisc final : BlockBackend {
    u64 size_bytes() const override { return sectors * 2048; }
    bool read_only() const override { return true; }
    void submit(BlockIo& io) override { io.done(io, EIO); }
    void drain() override {}
    u64 sectors = 360'001; ///< the first number that is no CD's any more
};

/// A CD-ROM drive with a disc, and what is usually expected of a packet.
struct AtapiFixture : testing::Test {
    std::vector<u8> disc(u64 lba, u64 count) { return IdeRig::part(r.disc, lba * 2048, count * 2048); }
    static std::vector<u8> read10(u32 lba, u32 count) {
        return {0x28,
                0,
                byte_of(lba, 3),
                byte_of(lba, 2),
                byte_of(lba, 1),
                byte_of(lba, 0),
                0,
                byte_of(count, 1),
                byte_of(count, 0)};
    }
    static std::vector<u8> read12(u32 lba, u32 count) {
        return {0xa8,
                0,
                byte_of(lba, 3),
                byte_of(lba, 2),
                byte_of(lba, 1),
                byte_of(lba, 0),
                byte_of(count, 3),
                byte_of(count, 2),
                byte_of(count, 1),
                byte_of(count, 0)};
    }
    static std::vector<u8> read_cd(u32 lba, u32 count, u8 parts) {
        return {0xbe,
                0,
                byte_of(lba, 3),
                byte_of(lba, 2),
                byte_of(lba, 1),
                byte_of(lba, 0),
                byte_of(count, 2),
                byte_of(count, 1),
                byte_of(count, 0),
                parts};
    }
    /// The packet fails with this sense.
    void expect_check(const std::vector<u8>& cdb, u8 key, u8 asc, u8 ascq = 0) {
        using namespace ide;
        r.packet(cdb);
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.reg(ERROR), key << 4 | ABRT);
        EXPECT_EQ(r.reg(COUNT) & 3, 3);
        EXPECT_EQ(r.reg(STATUS), kReady | ERR);
        EXPECT_THAT(r.sense(), testing::ElementsAre(key, asc, ascq));
    }
    void expect_good(const std::vector<u8>& cdb) {
        using namespace ide;
        r.packet(cdb);
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.reg(COUNT) & 3, 3);
        EXPECT_EQ(r.reg(STATUS), kReady);
    }
    void expect_good_dma(const std::vector<u8>& cdb, u32 bytes) {
        using namespace ide;
        r.clear_bm();
        r.set_prds({{kData, bytes | EOT}});
        r.packet(cdb, 0, 1);
        EXPECT_FALSE(r.irq());
        r.start(true);
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.reg(STATUS), kReady);
        EXPECT_EQ(r.reg(COUNT) & 3, 3);
    }
    AtapiCdrom& drive() { return *r.dev.cdrom(0); }
    CdRig r;
};

} // namespace dm::test
