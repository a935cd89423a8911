// Bus-master transfers of disks; the PRD cases are those of QEMU's ide-test and of the hostile list.
#include "tests/devices/ide_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ide;
using testing::Each;

struct BusMasterTest : testing::Test {
    /// READ DMA of `count` sectors from LBA 0 with the given table; the bus-master status afterwards.
    u8 read(const std::vector<Prd>& prds, u32 count, bool stop_at_once = false) {
        r.clear_bm();
        r.set_prds(prds);
        r.lba28(0xc8, 0, count);
        r.start(true);
        if (stop_at_once) r.stop();
        const u8 status = r.bm_status();
        EXPECT_EQ(r.irq(), (status & INTR) != 0);
        EXPECT_EQ(r.reg(STATUS), kReady);
        EXPECT_EQ(r.hypervisor.ram.pins, 0);
        r.stop();
        return status;
    }
    std::vector<u8> disk(u64 at, u64 length) { return IdeRig::part(r.disk, at, length); }
    DiskRig r;
};

TEST_F(BusMasterTest, AnExactTableEndsInactiveWithInterrupt) {
    EXPECT_EQ(read({{kData, 512 | EOT}}, 1), INTR);
    EXPECT_EQ(r.memory_at(kData, 512), disk(0, 512));
    EXPECT_EQ(r.memory_at(kData + 512, 16), std::vector<u8>(16));
}

TEST_F(BusMasterTest, ALongTableStaysActive) {
    EXPECT_EQ(read({{kData, 0x1000 | EOT}}, 1), INTR | ACTIVE);
    EXPECT_EQ(read({{kData, 0x1000 | EOT}}, 1, true), INTR);
    EXPECT_EQ(read({{kData, 512}, {kData, 2 | EOT}}, 1), INTR | ACTIVE);
}

TEST_F(BusMasterTest, AShortTableMovesNothingAndRaisesNoInterrupt) {
    EXPECT_EQ(read({{kData, 512 | EOT}}, 2), 0);
    EXPECT_EQ(read({{kData, 0x10 | EOT}}, 1), 0);
    EXPECT_EQ(read({{kData, 0x10 | EOT}}, 1, true), 0);
    EXPECT_THAT(r.memory_at(kData, 512), Each(0));
}

TEST_F(BusMasterTest, EverySizeGivesTheStatusThatDriversExpect) { // ide-test: various_prdts
    for (u32 sectors = 1; sectors <= 256; sectors *= 4)
        for (u32 size = 0; size < 65536; size += 1280) {
            const u32 prd = size == 0 ? 65536 : size;
            const u32 request = sectors * 512;
            const u8 expected = prd < request ? 0 : prd == request ? INTR : INTR | ACTIVE;
            ASSERT_EQ(read({{0, size | EOT}}, sectors), expected) << sectors << ' ' << size;
            ASSERT_EQ(read({{0, size | EOT}}, sectors, true), expected & INTR) << sectors << ' ' << size;
        }
}

TEST_F(BusMasterTest, ATableWithoutBusMasteringMovesNothingButEnds) { // ide-test: no_busmaster
    std::fill_n(r.ram.begin() + kData, 512, u8{0x11});
    r.pci.config_write(kBdf, pci::COMMAND, 2, 1);
    EXPECT_EQ(read({{kData, 512 | EOT}}, 0), INTR | ACTIVE);
    EXPECT_THAT(r.memory_at(kData, 512), Each(0x11));
    EXPECT_THAT(r.memory_at(0, 512), Each(0));
}

TEST_F(BusMasterTest, TheEngineMayBeStartedBeforeTheCommand) {
    r.set_prds({{kData, 1024 | EOT}});
    r.start(true);
    EXPECT_EQ(r.bm_status(), ACTIVE);
    r.lba28(0xc8, 4, 2);
    EXPECT_EQ(r.bm_status(), INTR);
    EXPECT_EQ(r.memory_at(kData, 1024), disk(4 * 512, 1024));
}

TEST_F(BusMasterTest, StartingTwiceDoesNothingTwice) {
    r.set_prds({{kData, 512 | EOT}});
    r.lba28(0xc8, 0, 1);
    r.start(true);
    const unsigned before = r.disk.submitted;
    r.start(true);
    EXPECT_EQ(r.disk.submitted, before);
    EXPECT_EQ(r.bm_status(), INTR);
}

TEST_F(BusMasterTest, ScatteredRegionsAreFilledInOrder) {
    EXPECT_EQ(read({{kData + 0x3000, 0x600}, {kData, 0x200}, {kData + 0x8001, 0x800 | EOT}}, 8), INTR);
    EXPECT_EQ(r.memory_at(kData + 0x3000, 0x600), disk(0, 0x600));
    EXPECT_EQ(r.memory_at(kData, 0x200), disk(0x600, 0x200));
    EXPECT_EQ(r.memory_at(kData + 0x8001, 0x800), disk(0x800, 0x800));
}

TEST_F(BusMasterTest, WritesGatherAndTheMigrationLogHearsOfReadsOnly) {
    for (unsigned i = 0; i < 2048; ++i)
        r.ram[kData + i] = static_cast<u8>(i * 3);
    r.hypervisor.ram.dirty.clear();
    r.set_prds({{kData + 1024, 1024}, {kData, 1024 | EOT}});
    r.lba28(0xca, 50, 4);
    r.start(false);
    EXPECT_EQ(disk(50 * 512, 1024), r.memory_at(kData + 1024, 1024));
    EXPECT_EQ(disk(52 * 512, 1024), r.memory_at(kData, 1024));
    EXPECT_TRUE(r.hypervisor.ram.dirty.empty());
    read({{kData, 512 | EOT}}, 1);
    ASSERT_EQ(r.hypervisor.ram.dirty.size(), 1U);
    EXPECT_EQ(r.hypervisor.ram.dirty[0], (std::pair<GuestPhys, u64>{kData, 512}));
}

TEST_F(BusMasterTest, WhereNoRamIsReadsGoNowhereAndWritesFetchOnes) {
    const u32 edge = kRamSize - 256;
    EXPECT_EQ(read({{edge, 0x2000 | EOT}}, 16), INTR);
    EXPECT_EQ(r.memory_at(edge, 256), disk(0, 256));
    std::fill_n(r.ram.begin() + edge, 256, u8{0x22});
    r.set_prds({{edge, 0x2000 | EOT}});
    r.lba28(0xca, 0, 16);
    r.start(false);
    EXPECT_THAT(disk(0, 256), Each(0x22));
    EXPECT_THAT(disk(256, 0x2000 - 256), Each(0xff));
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(BusMasterTest, AddressesWrapAtFourGigabytes) {
    EXPECT_EQ(read({{0xffff'ff00, 512 | EOT}}, 1), INTR);
    EXPECT_EQ(r.memory_at(0, 256), disk(256, 256));
}

TEST_F(BusMasterTest, ATableAtTheEndOfTheAddressSpaceOrInAHoleHarmsNobody) {
    for (const u32 table : {0xffff'fff8U, 0xffff'fffcU, 0x000c'0000U, 0xfee0'0000U}) {
        r.clear_bm();
        r.out(kBusMaster + 4, table, 4);
        r.lba28(0xc8, 0, 200);
        r.start(true);
        EXPECT_EQ(r.alt_status() & BSY, 0) << table;
    }
}

TEST_F(BusMasterTest, ATableThatTheTransferOverwritesIsReadOnceOnly) {
    EXPECT_EQ(read({{kPrdTable, 512}, {kData, 512 | EOT}}, 2), INTR);
    EXPECT_EQ(r.memory_at(kData, 512), disk(512, 512));
}

TEST_F(BusMasterTest, AnEndlessTableIsBounded) { // CVE-2014-9718
    // 2 bytes per entry, no end: the table runs out before the command is satisfied.
    std::vector<Prd> prds(4096, {kData, 2});
    r.clear_bm();
    r.set_prds(prds, kBusMaster, 0x8000); // followed by zeros: regions of 64 KiB without end
    r.lba28(0xc8, 0, 0);
    r.start(true);
    EXPECT_EQ(r.bm_status(), INTR | ACTIVE);
    std::fill_n(r.ram.begin(), 0x20000, u8{0}); // every entry: 64 KiB at 0
    for (u64 i = 0; i < 0x20000; i += 8)
        r.ram[i + 4] = 2;
    r.clear_bm();
    r.out(kBusMaster + 4, 0, 4);
    r.lba28(0xc8, 0, 0); // 128 KiB, but 8192 entries of 2 bytes are 16 KiB
    r.start(true);
    EXPECT_EQ(r.bm_status(), 0);
}

TEST_F(BusMasterTest, ManyTinyRegionsGoInBoundedPieces) {
    std::vector<Prd> prds;
    for (u32 i = 0; i < 4096; ++i)
        prds.push_back({static_cast<u32>(kData + 2 * i), 2});
    prds.back().size |= EOT;
    const unsigned before = r.disk.submitted;
    EXPECT_EQ(read(prds, 16), INTR);
    EXPECT_EQ(r.memory_at(kData, 8192), disk(0, 8192));
    EXPECT_EQ(r.disk.submitted - before, 4096 / DmaList::kMostSegments);
}

TEST_F(BusMasterTest, GuestPagesStayPinnedWhileTheMediumWorks) {
    r.disk.hold = true;
    r.set_prds({{kData, 1024 | EOT}});
    r.lba28(0xc8, 0, 2);
    r.start(true);
    EXPECT_GT(r.hypervisor.ram.pins, 0);
    EXPECT_EQ(r.bm_status(), ACTIVE);
    EXPECT_EQ(r.alt_status() & BSY, BSY);
    r.disk.complete();
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_EQ(r.bm_status(), INTR);
}

TEST_F(BusMasterTest, StoppingInTheMiddleFinishesTheTransferFirst) {
    r.disk.hold = true;
    r.set_prds({{kData, 1024 | EOT}});
    r.lba28(0xc8, 0, 2);
    r.start(true);
    r.stop();
    EXPECT_TRUE(r.disk.held.empty());
    EXPECT_EQ(r.bm_status(), INTR);
    EXPECT_EQ(r.memory_at(kData, 1024), disk(0, 1024));
}

TEST_F(BusMasterTest, StartAndStopWithoutACommandMoveNothing) { // LP1887303
    r.start(true);
    r.set(DEVICE, 0x10);
    r.stop();
    r.start(false);
    r.set(DEVICE, 0);
    EXPECT_EQ(r.bm_status(), ACTIVE);
    r.stop();
    EXPECT_EQ(r.bm_status(), 0);
    r.start(true);
    r.lba28(0x20, 0, 1); // PIO: the engine does not care
    EXPECT_EQ(r.pull(512), disk(0, 512));
    EXPECT_EQ(r.disk.submitted, 1U);
}

TEST_F(BusMasterTest, TheDirectionBitDoesNotTurnAReadIntoAWrite) {
    const std::vector<u8> before = r.disk.data;
    r.set_prds({{kData, 512 | EOT}});
    r.lba28(0xc8, 3, 1);
    r.start(false);
    EXPECT_EQ(r.disk.data, before);
    EXPECT_EQ(r.memory_at(kData, 512), disk(3 * 512, 512));
}

TEST_F(BusMasterTest, SrstDropsACommandThatWaitsForTheEngine) {
    r.set_prds({{kData, 512 | EOT}});
    r.lba28(0xca, 0, 1);
    r.control(4);
    r.control(0);
    const unsigned before = r.disk.submitted;
    r.start(false);
    EXPECT_EQ(r.disk.submitted, before);
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(BusMasterTest, SrstWaitsForTheMediumAndKeepsLaterPiecesBack) {
    std::vector<Prd> prds(DmaList::kMostSegments * 2, {kData, 64});
    prds.back().size |= EOT;
    r.disk.hold = true;
    r.set_prds(prds);
    r.lba28(0xca, 0, 128);
    r.start(false);
    ASSERT_EQ(r.disk.held.size(), 1U);
    const unsigned before = r.disk.submitted;
    r.control(4);
    EXPECT_TRUE(r.disk.held.empty());
    EXPECT_EQ(r.disk.submitted, before);
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    r.control(0);
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_FALSE(r.irq());
}

TEST_F(BusMasterTest, AnErrorEndsTheTransferInactiveAtTheFirstBadPiece) {
    std::vector<Prd> prds(DmaList::kMostSegments * 2, {kData, 64});
    prds.back().size |= EOT;
    r.disk.hold = true;
    r.set_prds(prds);
    r.lba28(0xc8, 256, 128);
    r.start(true);
    r.disk.complete();
    r.disk.next_error = EIO;
    r.disk.complete();
    EXPECT_EQ(r.bm_status(), INTR);
    EXPECT_EQ(r.reg(LOW) | r.reg(MID) << 8, 256 + 64);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    EXPECT_EQ(r.reg(ERROR), UNC);
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(BusMasterTest, WritingTheStatusWhileActiveClearsOnlyWhatItMay) {
    r.disk.hold = true;
    r.set_prds({{kData, 512 | EOT}});
    r.lba28(0xc8, 0, 1);
    r.start(true);
    r.out(kBusMaster + 2, 0x67);
    EXPECT_EQ(r.bm_status(), ACTIVE | 0x60);
    r.disk.complete();
    EXPECT_EQ(r.bm_status(), INTR | 0x60);
}

TEST_F(BusMasterTest, BusMasteringSwitchedOffMidWayDoesNotPullPagesAway) {
    r.disk.hold = true;
    r.set_prds({{kData, 512 | EOT}});
    r.lba28(0xc8, 0, 1);
    r.start(true);
    r.pci.config_write(kBdf, pci::COMMAND, 2, 0);
    r.disk.complete();
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.memory_at(kData, 512), disk(0, 512));
}

TEST_F(BusMasterTest, Lba48MovesMoreThanOnePiece) {
    EXPECT_EQ(read({{0, 512 | EOT}}, 1), INTR);
    r.clear_bm();
    std::vector<Prd> prds(16, {kData, 0}); // 16 times 64 KiB onto the same place
    prds.back().size |= EOT;
    r.set_prds(prds);
    r.lba48(0x25, 0, 2048);
    r.start(true);
    EXPECT_EQ(r.bm_status(), INTR);
    EXPECT_EQ(r.memory_at(kData, 65536), disk(kDiskSize - 65536, 65536));
}

TEST_F(BusMasterTest, WithTheWriteCacheOffTheInterruptFollowsTheFlush) {
    r.set(ERROR, 0x82);
    r.set(STATUS, 0xef);
    r.reg(STATUS);
    r.clear_bm();
    r.set_prds({{kData, 512 | EOT}});
    r.lba28(0xca, 0, 1);
    r.disk.hold = true;
    r.start(false);
    r.disk.complete();
    EXPECT_EQ(r.bm_status(), ACTIVE);
    const unsigned before = r.disk.flushes;
    r.disk.complete();
    EXPECT_EQ(r.disk.flushes, before + 1);
    EXPECT_EQ(r.bm_status(), INTR);
}

} // namespace
} // namespace dm::test
