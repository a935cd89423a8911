#include "tests/devices/ide_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ide;
using testing::Each;

std::string identify_text(const std::vector<u8>& data, unsigned word, unsigned words) {
    std::string text;
    for (unsigned i = 0; i < words * 2; ++i)
        text += static_cast<char>(data[(word * 2 + i) ^ 1U]);
    return text.substr(0, text.find_last_not_of(' ') + 1);
}
u32 word(const std::vector<u8>& data, unsigned n) {
    return data[2 * n] | u32{data[2 * n + 1]} << 8;
}

struct AtaDiskTest : testing::Test {
    std::vector<u8> identify() {
        r.set(DEVICE, 0);
        r.set(STATUS, 0xec);
        return r.pull(512);
    }
    std::vector<u8> sectors(u64 lba, u64 count) { return IdeRig::part(r.disk, lba * 512, count * 512); }
    std::vector<u8> noise(std::size_t size) {
        Rng rng(size);
        std::vector<u8> bytes(size);
        for (u8& b : bytes)
            b = static_cast<u8>(rng.next());
        return bytes;
    }
    void expect_error(u8 error) {
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.reg(STATUS), kReady | ERR);
        EXPECT_EQ(r.reg(ERROR), error);
    }
    void expect_good() {
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.reg(STATUS), kReady);
        EXPECT_EQ(r.reg(ERROR), 0);
    }
    DiskRig r;
};

TEST_F(AtaDiskTest, IdentifyTellsSizeNamesAndAbilities) {
    const std::vector<u8> id = identify();
    EXPECT_EQ(word(id, 0), 0x0040U);
    EXPECT_EQ(identify_text(id, 10, 10), "HM00001");
    EXPECT_EQ(identify_text(id, 23, 4), "1.0");
    EXPECT_EQ(identify_text(id, 27, 20), "HVMDM HARDDISK");
    EXPECT_EQ(word(id, 47), 0x8010U);
    EXPECT_EQ(word(id, 49), 0x0b00U);
    EXPECT_EQ(word(id, 60) | word(id, 61) << 16, kDiskSize / 512);
    EXPECT_EQ(word(id, 100) | word(id, 101) << 16, kDiskSize / 512);
    EXPECT_EQ(word(id, 88), 0x203fU);
    EXPECT_EQ(word(id, 69) & 0x4000U, 0U) << "TRIM is not there, so it must not be offered";
    EXPECT_EQ(word(id, 83) & 0xc000U, 0x4000U);
}

TEST_F(AtaDiskTest, IdentifyIsOneBlockWithOneInterrupt) {
    r.set(STATUS, 0xec);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(STATUS), kReady | DRQ);
    r.pull(512);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(AtaDiskTest, ReadSectorsInterruptsOncePerSectorAndNotAtTheEnd) {
    r.lba28(0x20, 9, 3);
    for (u64 i = 0; i < 3; ++i) {
        EXPECT_TRUE(r.irq()) << i;
        EXPECT_EQ(r.reg(STATUS), kReady | DRQ);
        EXPECT_FALSE(r.irq());
        EXPECT_EQ(r.pull(512), sectors(9 + i, 1));
    }
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(AtaDiskTest, WriteSectorsInterruptsAfterEachSectorAndNotBeforeTheFirst) {
    const std::vector<u8> data = noise(3 * 512);
    r.lba28(0x30, 20, 3);
    EXPECT_FALSE(r.irq());
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(r.reg(STATUS), kReady | DRQ);
        r.push(std::span(data).subspan(i * 512, 512));
        EXPECT_TRUE(r.irq()) << i;
    }
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(sectors(20, 3), data);
}

TEST_F(AtaDiskTest, MultipleMovesSeveralSectorsPerInterrupt) {
    r.set(COUNT, 4);
    r.set(STATUS, 0xc6);
    expect_good();
    EXPECT_EQ(word(identify(), 59), 0x0104U);
    r.reg(STATUS);
    r.lba28(0xc4, 0, 6);
    EXPECT_TRUE(r.irq());
    r.reg(STATUS);
    EXPECT_EQ(r.pull(2048), sectors(0, 4));
    EXPECT_TRUE(r.irq());
    r.reg(STATUS);
    EXPECT_EQ(r.pull(1024), sectors(4, 2)) << "the last block is shorter";
    EXPECT_FALSE(r.irq());
    const std::vector<u8> data = noise(6 * 512);
    r.lba28(0xc5, 40, 6);
    r.push(std::span(data).first(2048));
    EXPECT_TRUE(r.irq());
    r.push(std::span(data).subspan(2048));
    EXPECT_EQ(sectors(40, 6), data);
    expect_good();
}

TEST_F(AtaDiskTest, SetMultipleTakesPowersOfTwoUpToSixteen) {
    for (const u8 bad : Bytes{3, 17, 32, 255}) {
        r.set(COUNT, bad);
        r.set(STATUS, 0xc6);
        expect_error(ABRT);
    }
    r.set(COUNT, 0);
    r.set(STATUS, 0xc6);
    expect_good();
    r.lba28(0xc4, 0, 1);
    expect_error(ABRT);
}

TEST_F(AtaDiskTest, ATransferLongerThanTheBufferKeepsItsPlace) {
    r.lba28(0x20, 100, 45);
    EXPECT_EQ(r.pull(45 * 512), sectors(100, 45));
    const std::vector<u8> data = noise(45 * 512);
    r.lba28(0x30, 200, 45);
    r.push(data);
    EXPECT_EQ(sectors(200, 45), data);
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(AtaDiskTest, StringsAndSingleWordsDoTheSame) {
    DiskRig other;
    for (const u8 opcode : Bytes{0x20, 0xc4}) {
        r.lba28(opcode, 3, 20);
        other.lba28(opcode, 3, 20);
        // A string of odd length that ends in the middle of blocks, and more than there is.
        std::vector<u8> ours = r.pull(1500);
        const std::vector<u8> rest = r.pull(20 * 512);
        ours.insert(ours.end(), rest.begin(), rest.end());
        EXPECT_EQ(ours, other.pull_by_words(1500 + 20 * 512));
        EXPECT_EQ(snapshot(r), snapshot(other));
        EXPECT_EQ(r.isa.changes[14], other.isa.changes[14]);
    }
    const std::vector<u8> data = noise(21 * 512);
    r.lba28(0x30, 3, 20);
    other.lba28(0x30, 3, 20);
    r.push(data);
    for (std::size_t i = 0; i < data.size(); i += 2)
        other.out(kPrimary, data[i] | u64{data[i + 1]} << 8, 2);
    EXPECT_EQ(r.disk.data, other.disk.data);
    EXPECT_EQ(snapshot(r), snapshot(other));
}

TEST_F(AtaDiskTest, TheDataPortIs16And32BitsWideAndAByteTakesAWord) { // Solaris boot loader
    r.lba28(0x20, 0, 1);
    const std::vector<u8> d = sectors(0, 1);
    EXPECT_EQ(r.in(kPrimary, 2), d[0] | u64{d[1]} << 8);
    EXPECT_EQ(r.in(kPrimary, 4), d[2] | u64{d[3]} << 8 | u64{d[4]} << 16 | u64{d[5]} << 24);
    EXPECT_EQ(r.in(kPrimary, 1), d[6]);
    EXPECT_EQ(r.in(kPrimary, 1), d[8]);
}

TEST_F(AtaDiskTest, WithoutDrqTheDataPortReadsZeroAndSwallowsWrites) {
    const std::vector<u8> before = r.disk.data;
    r.push(noise(4096));
    EXPECT_THAT(r.pull(4096), Each(0));
    r.lba28(0x30, 0, 1);
    EXPECT_THAT(r.pull(512), Each(0)) << "reading in a write";
    r.control(4);
    r.control(0);
    EXPECT_EQ(r.disk.data, before);
}

TEST_F(AtaDiskTest, Lba48CountsTo65536AndReadsTheHob) {
    r.lba48(0x24, 2047, 1);
    EXPECT_EQ(r.pull(512), sectors(2047, 1));
    EXPECT_EQ(r.reg(STATUS), kReady);
    r.lba48(0x24, 0, 0); // 65536 sectors: more than this disk has
    expect_error(IDNF | ABRT);
    r.lba48(0x24, u64{1} << 40, 1);
    expect_error(IDNF | ABRT);
    const std::vector<u8> data = noise(512);
    r.lba48(0x34, 1000, 1);
    r.push(data);
    EXPECT_EQ(sectors(1000, 1), data);
}

TEST_F(AtaDiskTest, ACountOfZeroIs256) {
    r.lba28(0x20, 10, 0);
    EXPECT_EQ(r.pull(256 * 512), sectors(10, 256));
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(r.reg(COUNT), 0);
}

TEST_F(AtaDiskTest, TheLastSectorIsReachedAndTheOneAfterItIsNot) {
    r.lba28(0x20, 2047, 1);
    EXPECT_EQ(r.pull(512), sectors(2047, 1));
    r.lba28(0x20, 2048, 1);
    expect_error(IDNF | ABRT);
    r.lba28(0x20, 2047, 2);
    expect_error(IDNF | ABRT);
    r.lba28(0xca, 2047, 2);
    expect_error(IDNF | ABRT);
    r.lba28(0x40, 2048, 1);
    expect_error(IDNF | ABRT);
}

TEST_F(AtaDiskTest, ChsUsesTheTranslationThatTheHostSet) {
    r.set(COUNT, 9);
    r.set(DEVICE, 0xa3); // 4 heads
    r.set(STATUS, 0x91);
    expect_good();
    const std::vector<u8> id = identify();
    EXPECT_EQ(word(id, 55), 4U);
    EXPECT_EQ(word(id, 56), 9U);
    r.set(DEVICE, 0xa2); // head 2
    r.set(COUNT, 1);
    r.set(LOW, 5);
    r.set(MID, 7);
    r.set(HIGH, 0);
    r.set(STATUS, 0x20);
    EXPECT_EQ(r.pull(512), sectors((7 * 4 + 2) * 9 + 4, 1));
    for (const auto& [head, sector] : {std::pair{4U, 1U}, std::pair{0U, 10U}, std::pair{0U, 0U}}) {
        r.set(DEVICE, 0xa0U | head);
        r.set(COUNT, 1);
        r.set(LOW, sector);
        r.set(STATUS, 0x20);
        expect_error(IDNF | ABRT);
    }
}

TEST_F(AtaDiskTest, AGeometryWithoutSectorsIsRefused) { // GL1243, GL2399: divided by it later
    r.set(COUNT, 0);
    r.set(STATUS, 0x91);
    expect_error(ABRT);
    for (u8 head = 0; head < 16; ++head) {
        r.set(DEVICE, 0xa0U | head);
        r.set(COUNT, 1);
        r.set(STATUS, 0x91);
        r.set(LOW, 1);
        r.set(MID, 0xff);
        r.set(HIGH, 0xff);
        r.set(STATUS, 0x20);
        r.pull(1024);
    }
}

TEST_F(AtaDiskTest, FlushEndsOnlyWhenTheMediumSaysSo) {
    r.disk.hold = true;
    r.set(STATUS, 0xe7);
    EXPECT_EQ(r.alt_status() & BSY, BSY);
    EXPECT_FALSE(r.irq());
    r.disk.complete();
    EXPECT_EQ(r.disk.flushes, 1U);
    expect_good();
    r.disk.next_error = EIO;
    r.set(STATUS, 0xea);
    r.disk.complete();
    expect_error(ABRT);
}

TEST_F(AtaDiskTest, WithTheWriteCacheOffEveryWriteEndsWithAFlush) {
    r.set(ERROR, 0x82);
    r.set(STATUS, 0xef);
    expect_good();
    EXPECT_EQ(word(identify(), 85) & 0x20U, 0U);
    const unsigned before = r.disk.flushes;
    r.lba28(0x30, 0, 1);
    r.disk.hold = true;
    r.push(noise(512));
    r.disk.complete();
    EXPECT_EQ(r.alt_status() & BSY, BSY) << "written, not stable";
    r.disk.complete();
    EXPECT_EQ(r.disk.flushes, before + 1);
    expect_good();
    r.disk.hold = false;
    r.set(ERROR, 0x02);
    r.set(STATUS, 0xef);
    r.lba28(0x30, 0, 1);
    r.push(noise(512));
    EXPECT_EQ(r.disk.flushes, before + 1);
}

TEST_F(AtaDiskTest, AReadErrorNamesTheSector) {
    r.disk.hold = true;
    r.lba28(0x20, 300, 20); // 16 sectors are read ahead
    r.disk.complete();
    r.disk.next_error = EIO;
    r.pull(std::size_t{16} * 512);
    r.disk.complete();
    EXPECT_EQ(r.reg(LOW), (300 + 16) & 0xff);
    EXPECT_EQ(r.reg(MID), (300 + 16) >> 8);
    expect_error(UNC);
    r.disk.next_error = EIO;
    r.disk.hold = false;
    r.lba48(0x24, 5, 1);
    EXPECT_EQ(r.reg(LOW), 5);
    expect_error(UNC);
}

TEST_F(AtaDiskTest, AWriteErrorAborts) {
    r.lba28(0x30, 7, 1);
    r.disk.next_error = EIO;
    r.push(noise(512));
    EXPECT_EQ(r.reg(LOW), 7);
    expect_error(ABRT);
}

TEST_F(AtaDiskTest, AReadOnlyMediumRefusesWritesAtOnce) {
    r.disk.readonly = true;
    for (const u8 opcode : Bytes{0x30, 0xc5, 0xca}) {
        r.lba28(opcode, 0, 1);
        expect_error(ABRT);
    }
    r.lba28(0x20, 0, 1);
    EXPECT_EQ(r.pull(512), sectors(0, 1));
}

TEST_F(AtaDiskTest, VerifyReadsTheMediumWithoutMovingData) {
    const unsigned before = r.disk.submitted;
    r.lba28(0x40, 0, 40);
    expect_good();
    EXPECT_GT(r.disk.submitted, before);
    r.disk.next_error = EIO;
    r.lba28(0x40, 0, 1);
    expect_error(UNC);
}

TEST_F(AtaDiskTest, PowerCommandsSucceedAndThePowerModeIsActive) {
    for (const u8 opcode : Bytes{0xe0, 0xe1, 0xe2, 0xe3, 0xe6, 0x94, 0x95, 0x96, 0x97, 0x99}) {
        r.set(STATUS, opcode);
        expect_good();
    }
    EXPECT_EQ(r.disk.flushes, 6U) << "a disk that stands still has nothing in its cache";
    for (const u8 opcode : Bytes{0xe5, 0x98}) {
        r.set(COUNT, 0);
        r.set(STATUS, opcode);
        EXPECT_EQ(r.reg(COUNT), 0xff);
        expect_good();
    }
}

TEST_F(AtaDiskTest, NativeMaxIsTheLastSector) {
    r.set(DEVICE, 0x40);
    r.set(STATUS, 0xf8);
    EXPECT_EQ(r.reg(LOW) | r.reg(MID) << 8, 2047);
    expect_good();
    r.set(STATUS, 0x27);
    EXPECT_EQ(r.reg(LOW) | r.reg(MID) << 8, 2047);
    r.control(0x80);
    EXPECT_EQ(r.reg(LOW), 0);
}

TEST_F(AtaDiskTest, SeekAndRecalibrateSucceedWithinTheDisk) {
    r.set(STATUS, 0x10);
    expect_good();
    r.lba28(0x70, 2047, 0);
    expect_good();
    r.lba28(0x70, 2048, 0);
    expect_error(IDNF | ABRT);
}

TEST_F(AtaDiskTest, TransferModesShowInIdentify) {
    const auto select = [&](u8 mode) {
        r.set(ERROR, 3);
        r.set(COUNT, mode);
        r.set(STATUS, 0xef);
    };
    select(0x22);
    expect_good();
    EXPECT_EQ(word(identify(), 63), 0x0407U);
    EXPECT_EQ(word(identify(), 88), 0x003fU);
    select(0x0c);
    EXPECT_EQ(word(identify(), 63), 0x0007U);
    r.reg(STATUS);
    select(0x46);
    expect_error(ABRT);
    select(0x80);
    expect_error(ABRT);
    r.set(ERROR, 0x99);
    r.set(STATUS, 0xef);
    expect_error(ABRT);
}

TEST_F(AtaDiskTest, SmartNeedsItsKeyAndAnswersGood) {
    const auto smart = [&](u8 feature, u8 low = 0) {
        r.set(ERROR, feature);
        r.set(LOW, low);
        r.set(MID, 0x4f);
        r.set(HIGH, 0xc2);
        r.set(STATUS, 0xb0);
    };
    smart(0xda);
    EXPECT_EQ(r.reg(MID), 0x4f);
    EXPECT_EQ(r.reg(HIGH), 0xc2);
    expect_good();
    for (const u8 feature : Bytes{0xd0, 0xd1}) {
        smart(feature);
        u8 sum = 0;
        for (const u8 b : r.pull(512))
            sum = static_cast<u8>(sum + b);
        EXPECT_EQ(sum, 0);
    }
    for (const u8 log : Bytes{0x00, 0x01, 0x06}) {
        smart(0xd5, log);
        EXPECT_EQ(r.pull(512).at(0), 1) << "the structure's version";
        r.reg(STATUS);
    }
    smart(0xd9);
    expect_good();
    smart(0xd0);
    expect_error(ABRT);
    smart(0xd8);
    expect_good();
    r.set(MID, 0);
    r.set(STATUS, 0xb0);
    expect_error(ABRT);
}

TEST_F(AtaDiskTest, WhatIsNotOfferedIsAborted) {
    for (const u8 opcode : Bytes{0x00, 0x06, 0x08, 0x37, 0x92, 0xb1, 0xa0, 0xa1, 0xf1, 0xf2, 0xf3, 0xf4, 0xf6,
                                 0x60, 0x61, 0x3d, 0xf9}) {
        r.set(STATUS, opcode);
        expect_error(ABRT);
    }
}

TEST_F(AtaDiskTest, DataPortBeyondTheEndNeverMovesTheDisk) { // CVE-2015-5154
    r.set(STATUS, 0xec);
    const std::vector<u8> all = r.pull(512 + 65537 * 2);
    EXPECT_THAT(std::vector<u8>(all.begin() + 512, all.end()), Each(0));
    r.lba28(0x30, 2046, 2);
    const std::vector<u8> before = sectors(0, 2046);
    r.push(noise(100'000));
    EXPECT_EQ(sectors(0, 2046), before);
}

TEST_F(AtaDiskTest, ADiskThatTheHostResizedHasTheNewSizeAtTheNextIdentify) {
    r.disk.resize(kDiskSize + u64{512} * 1024);
    const std::vector<u8> id = identify();
    EXPECT_EQ(word(id, 60) | word(id, 61) << 16, kDiskSize / 512 + 1024);
    EXPECT_EQ(word(id, 100) | word(id, 101) << 16, kDiskSize / 512 + 1024);
    r.lba28(0x20, kDiskSize / 512 + 1023, 1);
    EXPECT_EQ(r.pull(512), sectors(kDiskSize / 512 + 1023, 1));
    r.set(DEVICE, 0x40);
    r.set(STATUS, 0xf8);
    EXPECT_EQ(r.reg(LOW) | r.reg(MID) << 8, kDiskSize / 512 + 1023);
    r.disk.resize(kDiskSize);
    r.reg(STATUS);
    r.lba28(0x20, kDiskSize / 512, 1);
    expect_error(IDNF | ABRT);
}

TEST(AtaGeometry, IsWhatBiosesExpectOfThatSize) {
    EXPECT_EQ(ata::default_geometry(0), (ata::Geometry{1, 16, 63}));
    EXPECT_EQ(ata::default_geometry(u64{1} << 40), (ata::Geometry{16383, 16, 63}));
    EXPECT_EQ(ata::bios_translation(ata::default_geometry(1'000'000)), ata::BiosTranslation::None);
    EXPECT_EQ(ata::bios_translation(ata::default_geometry(4'000'000)), ata::BiosTranslation::Large);
    EXPECT_EQ(ata::bios_translation(ata::default_geometry(40'000'000)), ata::BiosTranslation::Lba);
}

} // namespace
} // namespace dm::test
