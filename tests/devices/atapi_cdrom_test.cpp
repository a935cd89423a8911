#include "tests/devices/atapi_fixture.hpp"

namespace dm::test {
namespace {

using namespace ide;
using testing::Each;
using testing::ElementsAre;

struct AtapiCdromTest : AtapiFixture {};

TEST_F(AtapiCdromTest, AtaCommandsAreRefusedWithThePacketSignature) {
    for (const u8 opcode : Bytes{0xec, 0x20}) {
        r.set(MID, 0);
        r.set(STATUS, opcode);
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.reg(STATUS), kReady | ERR);
        EXPECT_EQ(r.reg(ERROR), ABRT);
        EXPECT_EQ(r.reg(COUNT), 1);
        EXPECT_EQ(r.reg(LOW), 1);
        EXPECT_EQ(r.reg(MID), 0x14);
        EXPECT_EQ(r.reg(HIGH), 0xeb);
    }
    for (const u8 opcode :
         Bytes{0x00, 0xf8, 0x27, 0xc8, 0x30, 0xe7, 0xca, 0xb0}) { // CVE-2015-6855 among them
        r.set(STATUS, opcode);
        EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    }
}

TEST_F(AtapiCdromTest, IdentifyPacketDeviceIsOneBlockWithOneInterrupt) {
    r.set(STATUS, 0xa1);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(STATUS), kReady | DRQ);
    const std::vector<u8> id = r.pull(512);
    EXPECT_EQ(id[0] | id[1] << 8, 0x85c0);
    EXPECT_EQ(id[54], 'V');
    EXPECT_EQ(id[55], 'H');
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(AtapiCdromTest, DeviceResetLeavesTheSignatureAndNoInterrupt) {
    r.packet(read10(0, 4));
    r.reg(STATUS);
    r.set(STATUS, 0x08);
    EXPECT_EQ(r.reg(STATUS), 0);
    EXPECT_EQ(r.reg(MID), 0x14);
    EXPECT_FALSE(r.irq());
    EXPECT_THAT(r.pull(16), Each(0));
}

TEST_F(AtapiCdromTest, PacketPhasesFollowTheInterruptReason) {
    r.set(DEVICE, 0);
    r.set(ERROR, 0);
    r.set(MID, 0x00);
    r.set(HIGH, 0x08);
    r.set(STATUS, 0xa0);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.alt_status(), kReady | DRQ);
    EXPECT_EQ(r.reg(COUNT) & 3, 1);
    std::vector<u8> cdb = read10(5, 1);
    cdb.resize(12);
    r.push(cdb);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(COUNT) & 3, 2);
    EXPECT_EQ(r.byte_count(), 2048);
    EXPECT_EQ(r.reg(STATUS), kReady | DRQ);
    EXPECT_EQ(r.pull(2048), disc(5, 1));
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(COUNT) & 3, 3);
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(AtapiCdromTest, PioReadsComeInBlocksOfTheHostsLimit) { // ide-test: cdrom_pio_large
    for (const u16 limit : Limits{5120, 2048, 512, 2, 4095, 0xfffe, 0xffff}) {
        r.packet(read10(3, 9), limit);
        std::vector<u8> all;
        while (all.size() < 9 * 2048) {
            ASSERT_TRUE(r.irq());
            ASSERT_EQ(r.reg(STATUS), kReady | DRQ);
            const u16 size = r.byte_count();
            const std::size_t left = 9 * 2048 - all.size();
            ASSERT_LE(size, limit);
            if (limit <= 5120) {
                ASSERT_EQ(size, std::min<std::size_t>(left, limit & ~1)) << limit;
            }
            const std::vector<u8> block = r.pull(size);
            all.insert(all.end(), block.begin(), block.end());
        }
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.reg(STATUS), kReady);
        EXPECT_EQ(all, disc(3, 9)) << limit;
    }
}

TEST_F(AtapiCdromTest, AStringAcrossBlocksEqualsSingleWords) {
    CdRig other;
    r.packet(read10(0, 7), 3000);
    other.packet(read10(0, 7), 3000);
    EXPECT_EQ(r.pull(7 * 2048 + 100), other.pull_by_words(7 * 2048 + 100));
    EXPECT_EQ(snapshot(r), snapshot(other));
}

TEST_F(AtapiCdromTest, NoByteCountLimitLeavesNoWayToSendData) {
    for (const u16 limit : Limits{0, 1}) {
        r.packet(read10(0, 1), limit);
        EXPECT_EQ(r.reg(STATUS), kReady | ERR);
        EXPECT_EQ(r.reg(ERROR), ABRT);
    }
    r.packet({0x00}, 0); // TEST UNIT READY has no data
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(AtapiCdromTest, AnAnswerOfOddLengthIsPaddedToAWord) {
    r.packet({0x03, 0, 0, 0, 3});
    EXPECT_EQ(r.byte_count(), 3);
    r.pull(4);
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(AtapiCdromTest, DmaReadsGoStraightToGuestMemory) {
    expect_good_dma(read10(8, 12), 12 * 2048);
    EXPECT_EQ(r.bm_status(), INTR);
    EXPECT_EQ(r.memory_at(kData, 12 * 2048), disc(8, 12));
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(AtapiCdromTest, AShortAnswerByDmaLeavesTheEngineActive) {
    expect_good_dma({0x12, 0, 0, 0, 255}, 256);
    EXPECT_EQ(r.bm_status(), INTR | ACTIVE);
    EXPECT_EQ(r.memory_at(kData, 2), (std::vector<u8>{0x05, 0x80}));
    expect_good_dma({0x03, 0, 0, 0, 5}, 256);
    EXPECT_EQ(r.bm_status(), INTR | ACTIVE);
}

TEST_F(AtapiCdromTest, AShortPrdTableEndsThePacketWithoutInterrupt) {
    r.set_prds({{kData, 512 | EOT}});
    r.packet(read10(0, 1), 0, 1);
    r.start(true);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.bm_status(), 0);
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(AtapiCdromTest, ReadCdGivesUserDataOrWholeRawSectors) {
    EXPECT_EQ(r.fetch(read_cd(4, 2, 0x10)), disc(4, 2));
    EXPECT_TRUE(r.fetch(read_cd(4, 2, 0x00)).empty());
    const auto check_raw = [&](const std::vector<u8>& raw, u32 count) {
        ASSERT_EQ(raw.size(), count * 2352U);
        for (u32 i = 0; i < count; ++i) {
            const u8* s = &raw[i * 2352];
            EXPECT_THAT(std::vector<u8>(s, s + 12),
                        ElementsAre(0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0));
            const u32 frame = 70 + i + 150;
            EXPECT_EQ(s[13], (frame / 75 % 60) / 10 * 16 + (frame / 75 % 60) % 10);
            EXPECT_EQ(s[15], 1);
            EXPECT_EQ(std::vector<u8>(s + 16, s + 16 + 2048), disc(70 + i, 1));
        }
    };
    for (const u16 limit : Limits{0xfffe, 2352, 1000})
        check_raw(r.fetch(read_cd(70, 9, 0xf8), limit), 9);
    expect_good_dma(read_cd(70, 9, 0xf8), 9 * 2352);
    check_raw(r.memory_at(kData, 9 * 2352), 9);
    expect_check(read_cd(0, 1, 0x50), 5, 0x24);
}

TEST_F(AtapiCdromTest, ReadsPastTheEndAreRefusedHoweverTheNumbersLook) { // CVE-2020-29443
    EXPECT_EQ(r.fetch(read10(kSectors - 1, 1)), disc(kSectors - 1, 1));
    expect_check(read10(kSectors, 1), 5, 0x21);
    expect_check(read10(kSectors - 1, 2), 5, 0x21);
    expect_check(read10(0xffff'ffff, 1), 5, 0x21);
    expect_check(read12(0xffff'ffff, 0xffff'ffff), 5, 0x21);
    expect_check(read12(1, 0xffff'ffff), 5, 0x21);
    expect_check(read_cd(0xffff'ffff, 0xff'ffff, 0xf8), 5, 0x21);
    expect_check({0x2b, 0, 0xff, 0xff, 0xff, 0xff}, 5, 0x21);
    expect_good(read10(0xffff'ffff, 0));
    expect_good(read12(0, 0));
    expect_good({0x2b, 0, 0, 0, 0, 1});
}

TEST_F(AtapiCdromTest, CapacityAndTableOfContentsDescribeOneDataTrack) {
    EXPECT_THAT(r.fetch({0x25}), ElementsAre(0, 0, 0, kSectors - 1, 0, 0, 8, 0));
    EXPECT_THAT(r.fetch({0x43, 0, 0, 0, 0, 0, 0, 0, 255}),
                ElementsAre(0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 1, 0));
    const u32 frames = kSectors + 150;
    EXPECT_THAT(r.fetch({0x43, 2, 0, 0, 0, 0, 0xaa, 0, 255}),
                ElementsAre(0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 0, frames / 75, frames % 75));
    EXPECT_THAT(r.fetch({0x43, 0, 1, 0, 0, 0, 0, 0, 255}),
                ElementsAre(0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0));
    EXPECT_EQ(r.fetch({0x43, 2, 2, 0, 0, 0, 0, 1, 0}).size(), 4 + 4 * 11U);
    expect_check({0x43, 0, 0, 0, 0, 0, 7, 0, 255}, 5, 0x24);
    expect_check({0x43, 0, 5, 0, 0, 0, 0, 0, 255}, 5, 0x24);
}

TEST_F(AtapiCdromTest, AnswersAreCutToTheAllocationLength) {
    for (const u8 length : Bytes{1, 2, 3, 20}) {
        EXPECT_EQ(r.fetch({0x43, 0, 0, 0, 0, 0, 0, 0, length}).size(), std::min<std::size_t>(length, 20));
        EXPECT_EQ(r.fetch({0x5a, 0, 0x2a, 0, 0, 0, 0, 0, length}).size(), length);
        EXPECT_EQ(r.fetch({0x51, 0, 0, 0, 0, 0, 0, 0, length}).size(), length);
        EXPECT_EQ(r.fetch({0x46, 0, 0, 0, 0, 0, 0, 0, length}).size(), length);
        EXPECT_EQ(r.fetch({0x4a, 1, 0, 0, 0x10, 0, 0, 0, length}).size(), std::min<std::size_t>(length, 8));
    }
    for (const u8 opcode : Bytes{0x43, 0x51, 0x46}) {
        expect_good({opcode});
        EXPECT_GT(r.fetch({opcode, 0, 0, 0, 0, 0, 0, 0xff, 0xff}).size(), 8U);
    }
}

TEST_F(AtapiCdromTest, InquiryNamesTheDrive) {
    const std::vector<u8> data = r.fetch({0x12, 0, 0, 0, 96});
    ASSERT_EQ(data.size(), 36U);
    EXPECT_EQ(data[0], 0x05);
    EXPECT_EQ(data[1], 0x80);
    EXPECT_EQ(std::string(data.begin() + 16, data.begin() + 28), "HVMDM DVD-RO");
    EXPECT_THAT(r.fetch({0x12, 1, 0, 0, 96}), ElementsAre(5, 0, 0, 3, 0, 0x80, 0x83));
    EXPECT_EQ(r.fetch({0x12, 1, 0x83, 0, 96}).size(), 28U);
    EXPECT_EQ(r.fetch({0x12, 1, 0x80, 0, 96}).size(), 24U);
    expect_check({0x12, 1, 0xb0, 0, 96}, 5, 0x24);
}

TEST_F(AtapiCdromTest, ModePagesExistForCurrentAndDefaultValuesAndCannotBeSaved) {
    for (const u8 page : Bytes{0x01, 0x0e, 0x2a}) {
        const std::vector<u8> data = r.fetch({0x5a, 0, page, 0, 0, 0, 0, 0, 255});
        ASSERT_GT(data.size(), 10U);
        EXPECT_EQ(data[1], data.size() - 2);
        EXPECT_EQ(data[8], page);
        EXPECT_EQ(data[9], data.size() - 10);
    }
    expect_check({0x5a, 0, 0xc0 | 0x2a, 0, 0, 0, 0, 0, 255}, 5, 0x39);
    expect_check({0x5a, 0, 0x05, 0, 0, 0, 0, 0, 255}, 5, 0x24);
}

TEST_F(AtapiCdromTest, ReadCdRefusesWhatADataTrackDoesNotHave) {
    std::vector<u8> cdb = read_cd(4, 1, 0x10);
    cdb[1] = 2 << 2; // mode 1: what it is
    EXPECT_EQ(r.fetch(cdb), disc(4, 1));
    cdb[1] = 1 << 2; // audio
    expect_check(cdb, 5, 0x64);
    cdb[1] = 4 << 2; // mode 2
    expect_check(cdb, 5, 0x64);
    expect_check(read_cd(4, 1, 0xf8 | 0x02), 5, 0x24); // with error flags
    cdb = read_cd(4, 1, 0xf8);
    cdb.push_back(0x01); // with sub-channels
    expect_check(cdb, 5, 0x24);
}

TEST_F(AtapiCdromTest, ReadCdMsfCountsInMinutesSecondsAndFrames) {
    const auto msf = [](std::vector<u8> first, std::vector<u8> end) {
        return std::vector<u8>{0xb9, 0, 0, first[0], first[1], first[2], end[0], end[1], end[2], 0x10};
    };
    EXPECT_EQ(r.fetch(msf({0, 2, 4}, {0, 2, 6})), disc(4, 2));
    EXPECT_TRUE(r.fetch(msf({0, 2, 4}, {0, 2, 4})).empty());
    expect_check(msf({0, 2, 6}, {0, 2, 4}), 5, 0x21);
    expect_check(msf({0, 0, 0}, {0, 2, 1}), 5, 0x21); // before the first sector
    expect_check(msf({0, 2, 0}, {9, 0, 0}), 5, 0x21);
    expect_check(msf({0, 60, 0}, {1, 0, 0}), 5, 0x24);
    expect_check(msf({0, 2, 75}, {1, 0, 0}), 5, 0x24);
}

TEST_F(AtapiCdromTest, TrackInformationDescribesTheOneTrack) { // Linux asks for the last written sector so
    for (const auto& by : {std::vector<u8>{0, 0}, {0, kSectors - 1}, {1, 1}, {2, 1}}) {
        const std::vector<u8> data = r.fetch({0x52, by[0], 0, 0, 0, by[1], 0, 0, 255});
        ASSERT_EQ(data.size(), 36U);
        EXPECT_EQ(data[1], 34);
        EXPECT_EQ(data[2], 1);
        EXPECT_EQ(data[3], 1);
        EXPECT_EQ(data[5], 4);
        EXPECT_EQ(data[26] << 8 | data[27], kSectors);
    }
    expect_check({0x52, 0, 0, 0, 1, 0, 0, 0, 255}, 5, 0x21);
    expect_check({0x52, 1, 0, 0, 0, 0, 0, 0, 255}, 5, 0x24);
    expect_check({0x52, 1, 0, 0, 0, 2, 0, 0, 255}, 5, 0x24);
    expect_check({0x52, 3, 0, 0, 0, 1, 0, 0, 255}, 5, 0x24);
    EXPECT_EQ(r.fetch({0x51, 0, 0, 0, 0, 0, 0, 0, 255}).size(), 34U);
    expect_check({0x51, 1, 0, 0, 0, 0, 0, 0, 255}, 5, 0x24);
}

TEST_F(AtapiCdromTest, ThereIsNoAudio) {
    EXPECT_THAT(r.fetch({0x42, 2, 0, 0, 0, 0, 0, 0, 255}), ElementsAre(0, 0x15, 0, 0));
    EXPECT_THAT(r.fetch({0x42, 2, 0x40, 1, 0, 0, 0, 0, 255}),
                ElementsAre(0, 0x15, 0, 12, 1, 0x14, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0));
    for (const u8 format : Bytes{2, 3})
        EXPECT_EQ(r.fetch({0x42, 0, 0x40, format, 0, 0, 1, 0, 255}).size(), 24U);
    expect_check({0x42, 0, 0x40, 0, 0, 0, 0, 0, 255}, 5, 0x24);
    expect_check({0x45, 0, 0, 0, 0, 0, 0, 0, 5}, 5, 0x64);
    expect_check({0x47, 0, 0, 0, 2, 0, 0, 3, 0}, 5, 0x64);
    expect_check({0x4b, 0, 0, 0, 0, 0, 0, 0, 1}, 5, 0x2c);
    expect_good({0x4e});
}

TEST_F(AtapiCdromTest, PerformanceIsTheSameEverywhere) {
    EXPECT_THAT(r.fetch({0xac, 0x10, 0, 0, 0, 0, 0, 0, 0, 9, 0}),
                ElementsAre(0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xc0, 0, 0, 0, kSectors - 1, 0, 0,
                            2, 0xc0));
    EXPECT_EQ(r.fetch({0xac, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0}).size(), 8U);
    EXPECT_THAT(r.fetch({0xac, 0x11, 0, 0, 0, 0, 0, 0, 0, 1, 0}), ElementsAre(0, 0, 0, 4, 1, 0, 0, 0));
    expect_check({0xac, 0x14, 0, 0, 0, 0, 0, 0, 0, 1, 0}, 5, 0x24);
    expect_check({0xac, 0x10, 0, 0, 0, 0, 0, 0, 0, 1, 3}, 5, 0x24);
}

TEST_F(AtapiCdromTest, TimesBeyondTheFormOfADvdStopAtItsEnd) {
    HugeDisc dvd;
    dvd.sectors = 2'298'496; // 4.7 GB
    drive().insert(&dvd);
    expect_check({0x00}, 2, 0x3a, 2);
    expect_check({0x00}, 6, 0x28);
    const std::vector<u8> toc = r.fetch({0x43, 2, 0, 0, 0, 0, 0xaa, 0, 255});
    EXPECT_THAT(std::vector<u8>(toc.end() - 4, toc.end()), ElementsAre(0, 255, 59, 74));
    drive().insert(nullptr);
}

TEST_F(AtapiCdromTest, ConfigurationFollowsTheMedium) {
    std::vector<u8> data = r.fetch({0x46, 0, 0, 0, 0, 0, 0, 1, 0});
    EXPECT_EQ(data[7], 0x08);
    EXPECT_EQ(data[3], data.size() - 4);
    EXPECT_EQ(r.fetch({0x46, 2, 0, 3, 0, 0, 0, 1, 0}).size(), 16U) << "just the removable medium feature";
    EXPECT_EQ(r.fetch({0x46, 2, 0, 0x28, 0, 0, 0, 1, 0}).size(), 8U) << "Mount Rainier, which Linux asks for";
    const std::vector<u8> serial = r.fetch({0x46, 2, 1, 8, 0, 0, 0, 1, 0});
    ASSERT_EQ(serial.size(), 32U);
    EXPECT_EQ(std::string(serial.begin() + 12, serial.begin() + 19), "HM00001");
    HugeDisc dvd;
    drive().insert(&dvd);
    data = r.fetch({0x46, 0, 0, 0, 0, 0, 0, 1, 0});
    EXPECT_EQ(data[7], 0x10);
    drive().insert(nullptr);
    EXPECT_EQ(r.fetch({0x46, 0, 0, 0, 0, 0, 0, 1, 0})[7], 0);
}

TEST_F(AtapiCdromTest, DvdStructuresExistOnDvdsOnly) {
    expect_check({0xad, 0, 0, 0, 0, 0, 0, 0, 8, 4}, 5, 0x30, 2);
    HugeDisc dvd;
    drive().insert(&dvd);
    expect_check({0x00}, 2, 0x3a, 2);
    expect_check({0x00}, 6, 0x28);
    EXPECT_EQ(r.fetch({0xad, 0, 0, 0, 0, 0, 0, 0, 8, 4}).size(), 2052U);
    EXPECT_EQ(r.fetch({0xad, 0, 0, 0, 0, 0, 0, 1, 8, 4}).size(), 8U);
    expect_check({0xad, 0, 0, 0, 0, 0, 0, 3, 8, 4}, 5, 0x24);
    EXPECT_TRUE(drive().eject(true).ok());
}

TEST_F(AtapiCdromTest, UnknownPacketsAndWritesAreInvalid) { // LP1915535
    expect_check({0x2a, 0, 0, 0, 0, 0, 0, 0, 1}, 5, 0x20);
    expect_check({0xff}, 5, 0x20);
}

TEST_F(AtapiCdromTest, AnEmptyDriveExistsAndIsNotReady) {
    drive().insert(nullptr);
    for (const auto& cdb :
         {std::vector<u8>{0x00}, {0x25}, read10(0, 1), read12(0, 1), {0x43, 0, 0, 0, 0, 0, 0, 0, 9}})
        expect_check(cdb, 2, 0x3a, 1);
    EXPECT_EQ(r.fetch({0x12, 0, 0, 0, 36}).size(), 36U);
    EXPECT_THAT(r.fetch({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}), ElementsAre(0, 6, 4, 0x10, 3, 0, 0, 0));
}

TEST_F(AtapiCdromTest, ANewMediumIsFirstNoMediumThenChangedThenGood) { // Windows and Linux need the steps
    FakeBlock other(u64{2048} * 10);
    drive().insert(&other);
    EXPECT_EQ(r.fetch({0x12, 0, 0, 0, 36}).size(), 36U) << "INQUIRY does not take the report";
    EXPECT_THAT(r.fetch({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}), ElementsAre(0, 6, 4, 0x10, 2, 2, 0, 0));
    EXPECT_THAT(r.fetch({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}), ElementsAre(0, 6, 4, 0x10, 0, 2, 0, 0));
    expect_check({0x00}, 2, 0x3a, 2);
    expect_check({0x00}, 6, 0x28);
    expect_good({0x00});
    EXPECT_EQ(r.fetch({0x25})[3], 9);
    drive().insert(nullptr);
}

TEST_F(AtapiCdromTest, TheGuestOpensAndClosesTheTray) {
    expect_good({0x1b, 0, 0, 0, 2});
    EXPECT_TRUE(drive().tray_open());
    expect_check({0x00}, 2, 0x3a, 2);
    EXPECT_THAT(r.fetch({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}), ElementsAre(0, 6, 4, 0x10, 3, 1, 0, 0));
    expect_good({0x1b, 0, 0, 0, 3});
    expect_check({0x00}, 2, 0x3a, 2);
    expect_check({0x00}, 6, 0x28);
    EXPECT_EQ(r.fetch(read10(0, 1)), disc(0, 1));
}

TEST_F(AtapiCdromTest, ALockedTrayStaysShutUnlessForced) {
    expect_good({0x1e, 0, 0, 0, 1});
    expect_check({0x1b, 0, 0, 0, 2}, 5, 0x53, 2);
    EXPECT_FALSE(drive().eject(false).ok());
    EXPECT_FALSE(drive().tray_open());
    EXPECT_EQ(r.fetch({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8})[4], 1) << "the guest hears of the wish";
    EXPECT_TRUE(drive().eject(true).ok());
    EXPECT_TRUE(drive().tray_open());
    expect_check({0x00}, 2, 0x3a, 2);
}

TEST_F(AtapiCdromTest, EjectInTheMiddleOfAReadLetsGoOfTheMediumAtOnce) {
    r.disc.hold = true;
    r.set_prds({{kData, 4096 | EOT}});
    r.packet(read10(0, 2), 0, 1);
    r.start(true);
    ASSERT_EQ(r.disc.held.size(), 1U);
    EXPECT_TRUE(drive().eject(false).ok());
    EXPECT_TRUE(r.disc.held.empty());
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    EXPECT_THAT(r.sense(), ElementsAre(2, 0x3a, 2));
}

TEST_F(AtapiCdromTest, InsertInTheMiddleOfAPioReadEndsItWithAnError) {
    FakeBlock other(u64{2048} * 10);
    r.packet(read10(0, 9), 2048);
    r.pull(2048);
    drive().insert(&other);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    EXPECT_THAT(r.pull(4), Each(0));
    drive().insert(nullptr);
}

TEST_F(AtapiCdromTest, AMediumErrorIsReported) {
    r.disc.next_error = EIO;
    expect_check(read10(0, 1), 3, 0x11);
    r.set_prds({{kData, 2048 | EOT}});
    r.disc.hold = true;
    r.packet(read10(0, 1), 0, 1);
    r.start(true);
    r.disc.next_error = EIO;
    r.disc.complete();
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    EXPECT_EQ(r.bm_status(), INTR);
}

TEST_F(AtapiCdromTest, OverlappedPacketsAreRefused) {
    r.set(ERROR, 2);
    r.set(STATUS, 0xa0);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
}

TEST_F(AtapiCdromTest, EventsMustBePolled) {
    expect_check({0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8}, 5, 0x24);
    EXPECT_THAT(r.fetch({0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8}), ElementsAre(0, 2, 0x80, 0x10));
}

TEST_F(AtapiCdromTest, AMediumExchangedDuringMigrationIsNoticed) {
    const std::vector<u8> image = snapshot(r);
    CdRig twin;
    FakeBlock other(u64{2048} * 10);
    twin.dev.cdrom(0)->insert(&other);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_THAT(twin.fetch({0x00}), testing::IsEmpty());
    EXPECT_THAT(twin.sense(), ElementsAre(2, 0x3a, 2));
    EXPECT_THAT(twin.fetch({0x00}), testing::IsEmpty());
    EXPECT_THAT(twin.sense(), ElementsAre(6, 0x28, 0));
    twin.dev.cdrom(0)->insert(nullptr);
}

TEST_F(AtapiCdromTest, AHalfReadBlockContinuesAfterLoading) {
    r.packet(read10(6, 5), 3000);
    std::vector<u8> all = r.pull(1000);
    const std::vector<u8> image = snapshot(r);
    CdRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    const std::vector<u8> rest = twin.pull(5 * 2048 - 1000);
    all.insert(all.end(), rest.begin(), rest.end());
    EXPECT_EQ(all, disc(6, 5));
}

} // namespace
} // namespace dm::test
