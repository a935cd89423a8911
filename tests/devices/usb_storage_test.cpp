#include "tests/devices/usb_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace usb_rig;
using testing::ElementsAre;
using testing::Optional;

struct UsbStorageTest : testing::Test, UsbDiskRig {
    UsbStorageTest() {
        EXPECT_TRUE(power_up());
        settle();
    }
    Bytes on_disk(u64 lba, u64 blocks) const {
        const auto begin = disk.data.begin() + static_cast<std::ptrdiff_t>(lba * 512);
        return {begin, begin + static_cast<std::ptrdiff_t>(blocks * 512)};
    }
    static constexpr u8 kPassed = 0, kFailed = 1, kPhaseError = 2;
};

TEST_F(UsbStorageTest, IsAScsiDiskBehindTheBulkOnlyTransport) {
    const auto all = control(kAddress, {0x80, 6, 0x0200, 0, 255});
    ASSERT_TRUE(all);
    EXPECT_THAT(std::span(*all).subspan(14, 3), ElementsAre(8, 6, 0x50));
    EXPECT_THAT(control(kAddress, {0xa1, 0xfe, 0, 0, 1}), Optional(ElementsAre(0)));
    EXPECT_EQ(run({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8), (Csw{7, 0, kPassed}));
    EXPECT_THAT(bytes_at(kBulkData, 8), ElementsAre(0, 0, 1, 0xff, 0, 0, 2, 0)); // 512 blocks of 512
}

TEST_F(UsbStorageTest, ReadsAndWritesManyPieces) {
    EXPECT_EQ(run(read_10(3, 40), 40 * 512), (Csw{7, 0, kPassed}));
    EXPECT_EQ(bytes_at(kBulkData, 40 * 512), on_disk(3, 40));
    const Bytes data = bytes_at(kBulkData, 40 * 512);
    EXPECT_EQ(run(read_10(200, 40, 0x2a), 40 * 512, false, 9), (Csw{9, 0, kPassed}));
    EXPECT_EQ(on_disk(200, 40), data);
}

TEST_F(UsbStorageTest, TheHostHearsNakWhileTheMediumWorks) {
    disk.hold = true;
    put_command(read_10(0, 1), 512, true, 1);
    u32 bytes = 0;
    bulk(OUT, kWrapper, 31, bytes);
    EXPECT_EQ(bulk(IN, kBulkData, 512, bytes) & (ACTIVE | NAK), ACTIVE | NAK);
    EXPECT_EQ(bytes, 0U);
    disk.complete();
    bulk(IN, kBulkData, 512, bytes);
    EXPECT_EQ(bytes, 512U);
    EXPECT_EQ(status(), (Csw{1, 0, kPassed}));
}

TEST_F(UsbStorageTest, AnErrorOfTheMediumIsToldByTheSenseKey) {
    disk.next_error = EIO;
    EXPECT_EQ(run(read_10(0, 2), 1024), (Csw{7, 1024, kFailed}));
    EXPECT_EQ(moved, 0U);
    run({3, 0, 0, 0, 18, 0}, 18);
    EXPECT_EQ(ram[kBulkData + 2] & 15, 3); // medium error
    EXPECT_EQ(run(read_10(511, 2), 1024).result, kFailed);
    run({3, 0, 0, 0, 18, 0}, 18);
    EXPECT_EQ(ram[kBulkData + 12], 0x21); // out of range
}

TEST_F(UsbStorageTest, LessDataThanExpectedEndsWithAShortPacketOrAStallAndAResidue) {
    EXPECT_EQ(run({0x12, 0, 0, 0, 36, 0}, 100), (Csw{7, 64, kPassed}));
    EXPECT_EQ(moved, 36U);
    EXPECT_EQ(run(read_10(0, 1), 1024), (Csw{7, 512, kPassed})); // 512 is a whole number of packets
    EXPECT_EQ(moved, 512U);
    EXPECT_EQ(run({0, 0, 0, 0, 0, 0}, 64), (Csw{7, 64, kPassed}));
}

TEST_F(UsbStorageTest, MoreDataThanExpectedAndTheWrongDirectionArePhaseErrors) {
    EXPECT_EQ(run(read_10(0, 2), 512).result, kPhaseError);
    EXPECT_EQ(run(read_10(0, 1), 0).result, kPhaseError);
    EXPECT_EQ(run(read_10(0, 1), 512, false).result, kPhaseError);
    const Bytes before = on_disk(0, 1);
    EXPECT_EQ(run(read_10(0, 1, 0x2a), 512, true).result, kPhaseError);
    EXPECT_EQ(run(read_10(0, 2, 0x2a), 512, false).result, kPhaseError);
    EXPECT_EQ(on_disk(0, 1), before);
    EXPECT_EQ(run({0x12, 0, 0, 0, 36, 0}, 8).result, kPhaseError);
}

TEST_F(UsbStorageTest, AWrapperThatIsNoneStallsBothPipesUntilAReset) {
    u32 bytes = 0;
    for (const u8 at : {u8{0}, u8{13}, u8{14}}) {
        put_command({0, 0, 0, 0, 0, 0}, 0, true, 1);
        ram[kWrapper + at] = 0x77;
        EXPECT_NE(bulk(OUT, kWrapper, 31, bytes) & STALLED, 0U);
        clear_halt(false);
        EXPECT_NE(bulk(IN, kBulkData, 13, bytes) & STALLED, 0U);
        clear_halt(true);
        put_command({0, 0, 0, 0, 0, 0}, 0, true, 1);
        EXPECT_NE(bulk(OUT, kWrapper, 31, bytes) & STALLED, 0U); // clearing is not enough
        EXPECT_TRUE(control(kAddress, {0x21, 0xff, 0, 0, 0}));
        clear_halt(true);
        clear_halt(false);
        EXPECT_EQ(run({0, 0, 0, 0, 0, 0}).result, kPassed);
    }
    put_command({0, 0, 0, 0, 0, 0}, 0, true, 1);
    EXPECT_NE(bulk(OUT, kWrapper, 30, bytes) & STALLED, 0U);
}

TEST_F(UsbStorageTest, MoreBytesThanAnnouncedAreNotStored) {
    put_command(read_10(0, 1, 0x2a), 512, false, 1);
    u32 bytes = 0;
    bulk(OUT, kWrapper, 31, bytes);
    const Bytes before = on_disk(1, 1);
    bulk(OUT, kBulkData, 1024, bytes);
    EXPECT_EQ(on_disk(1, 1), before);
    EXPECT_EQ(bytes, 512U);
}

TEST_F(UsbStorageTest, CacheAndVerifyWaitForTheMedium) {
    EXPECT_EQ(run({0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}).result, kPassed);
    EXPECT_EQ(disk.flushes, 1U);
    EXPECT_EQ(run(read_10(0, 500, 0x2f)).result, kPassed);
    disk.next_error = EIO;
    EXPECT_EQ(run(read_10(0, 500, 0x2f)).result, kFailed);
}

TEST_F(UsbStorageTest, AResetInTheMiddleForgetsTheCommandAndLeavesTheMediumAlone) {
    disk.hold = true;
    put_command(read_10(0, 8), 4096, true, 1);
    u32 bytes = 0;
    bulk(OUT, kWrapper, 31, bytes);
    EXPECT_EQ(disk.held.size(), 1U);
    reset_port(0);
    EXPECT_TRUE(disk.held.empty());
    disk.hold = false;
    EXPECT_TRUE(set_up(kAddress));
    settle();
    EXPECT_EQ(run(read_10(0, 1), 512).result, kPassed);
    disk.hold = true;
    bulk(OUT, kWrapper, 31, bytes);
    const auto gone = dev.detach(0);
    EXPECT_TRUE(gone != nullptr);
}

INSTANTIATE_TYPED_TEST_SUITE_P(UsbDisk, DeviceConformance, UsbDiskRig);

} // namespace
} // namespace dm::test
