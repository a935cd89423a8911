// DATA SET MANAGEMENT with TRIM (ATA8-ACS2, 7.10).
#include "tests/devices/ide_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ide;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr u64 kSectors = kDiskSize / 512;

struct TrimTest : testing::Test {
    TrimTest() { r.disk.granularity = 512; }
    void entry(unsigned index, u64 lba, u64 count) {
        for (unsigned i = 0; i < 8; ++i)
            r.ram[kData + index * 8 + i] = byte_of(lba | count << 48, i);
    }
    void trim(u32 blocks, u8 features = 1) {
        r.clear_bm();
        r.set_prds({{kData, blocks * 512 | EOT}});
        r.set(ERROR, features);
        r.lba28(0x06, 0, blocks);
        r.start(false);
    }
    void expect_good() {
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.bm_status(), INTR);
        EXPECT_EQ(r.reg(STATUS), kReady);
    }
    void expect_error(u8 error) {
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.reg(STATUS), kReady | ERR);
        EXPECT_EQ(r.reg(ERROR), error);
    }
    u32 identify_word(unsigned n) {
        r.set(DEVICE, 0);
        r.set(STATUS, 0xec);
        const std::vector<u8> id = r.pull(512);
        r.reg(STATUS);
        return id[2 * std::size_t{n}] | u32{id[2 * std::size_t{n} + 1]} << 8;
    }
    DiskRig r;
};

TEST_F(TrimTest, IsOfferedWhenTheMediumCanDiscard) {
    EXPECT_EQ(identify_word(169), 1U);
    EXPECT_EQ(identify_word(69), 0x4000U);
    EXPECT_EQ(identify_word(105), 8U);
    r.disk.granularity = 0;
    EXPECT_EQ(identify_word(169), 0U);
    EXPECT_EQ(identify_word(105), 0U);
    trim(1);
    expect_error(ABRT);
}

TEST_F(TrimTest, DiscardsWhatTheListNames) { // ide-test: /ide/bmdma/trim
    entry(0, 0, 2);
    entry(1, 6, 8);
    entry(2, 1000, 0); // padding
    entry(3, kSectors - 1, 1);
    trim(1);
    expect_good();
    EXPECT_THAT(r.disk.discards,
                ElementsAre(Pair(0, 1024), Pair(6 * 512, 8 * 512), Pair((kSectors - 1) * 512, 512)));
    EXPECT_THAT(IdeRig::part(r.disk, 6 * 512, 8 * 512), Each(0));
    EXPECT_NE(r.disk.data[u64{5} * 512 + 1], 0);
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(TrimTest, NeighboursBecomeOneRequest) { // Linux cuts a large discard into ranges of 65535 sectors
    for (unsigned i = 0; i < 64; ++i)
        entry(i, u64{i} * 10, 10);
    trim(1);
    expect_good();
    EXPECT_THAT(r.disk.discards, ElementsAre(Pair(0, u64{640} * 512)));
}

TEST_F(TrimTest, ARangePastTheEndIsRefusedAndNothingIsDiscarded) {
    const std::pair<u64, u64> bad[] = {
        {kSectors - 1, 2}, {kSectors, 1}, {0xffff'ffff'ffff, 0xffff}, {0xffff'ffff'ffff, 1}, {0, 0xffff}};
    for (const auto& [lba, count] : bad) {
        entry(0, 10, 1);
        entry(1, lba, count);
        trim(1);
        expect_error(ABRT | IDNF);
        EXPECT_THAT(r.disk.discards, IsEmpty()) << lba << " " << count;
    }
}

TEST_F(TrimTest, OtherFunctionsAndImpossibleLengthsAreRefused) {
    for (const u8 features : Bytes{0, 2, 3, 0x81}) {
        trim(1, features);
        expect_error(ABRT);
    }
    for (const u32 blocks : {0U, 9U, 255U, 512U}) { // no more than IDENTIFY promises
        r.set(ERROR, 1);
        r.lba48(0x06, 0, blocks);
        expect_error(ABRT);
    }
    for (unsigned i = 0; i < 512; ++i)
        entry(i, u64{i} * 2, 1);
    trim(8);
    expect_good();
    EXPECT_EQ(r.disk.discards.size(), 512U);
}

TEST_F(TrimTest, AListThatIsNotInMemoryNamesNothingOnTheDisk) {
    r.set_prds({{0xf000'0000, 512 | EOT}});
    r.set(ERROR, 1);
    r.lba28(0x06, 0, 1);
    r.start(false);
    expect_error(ABRT | IDNF);
    EXPECT_THAT(r.disk.discards, IsEmpty());
}

TEST_F(TrimTest, TheListIsCopiedOnce) { // a guest that changes it meanwhile changes nothing
    entry(0, 10, 1);
    entry(1, 20, 1);
    r.disk.hold = true;
    trim(1);
    ASSERT_EQ(r.disk.held.size(), 1U);
    entry(1, kSectors + 5, 0xffff);
    r.disk.drain();
    expect_good();
    EXPECT_THAT(r.disk.discards, ElementsAre(Pair(10 * 512, 512), Pair(20 * 512, 512)));
}

TEST_F(TrimTest, ResetInTheMiddleLeavesTheRestAlone) {
    entry(0, 10, 1);
    entry(1, 20, 1);
    r.disk.hold = true;
    trim(1);
    r.control(4);
    r.control(0);
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_THAT(r.disk.discards, ElementsAre(Pair(10 * 512, 512)));
    EXPECT_FALSE(r.irq());
}

TEST_F(TrimTest, AFailedDiscardAborts) {
    entry(0, 10, 1);
    r.disk.next_error = EIO;
    trim(1);
    expect_error(ABRT);
    EXPECT_THAT(r.heard.failures, ElementsAre(DriveLog::Failure{BlockIo::Op::Discard, EIO, OnError::Report}));
}

TEST_F(TrimTest, WithoutSpaceItWaitsAndIsRepeatedAsAWhole) {
    entry(0, 10, 1);
    entry(1, 20, 1);
    r.disk.hold = true;
    trim(1);
    r.disk.complete();
    r.disk.next_error = ENOSPC;
    r.disk.complete();
    EXPECT_EQ(r.alt_status() & BSY, BSY);
    r.disk.hold = false;
    r.dev.retry();
    expect_good();
    EXPECT_THAT(r.disk.discards, ElementsAre(Pair(10 * 512, 512), Pair(10 * 512, 512), Pair(20 * 512, 512)));
}

} // namespace
} // namespace dm::test
