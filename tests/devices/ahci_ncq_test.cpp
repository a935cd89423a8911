// Queued commands of an AHCI port: many in flight, done in any order, and what becomes of errors.
#include "tests/devices/ahci_rig.hpp"

#include <bit>
#include <gtest/gtest.h>

namespace dm::test {
namespace {

using namespace ahci;
using enum dm::ahci::PortReg;

constexpr u8 kRead = 0x60;
constexpr u8 kWrite = 0x61;

struct AhciNcqTest : testing::Test {
    AhciNcqTest() {
        r.start(0);
        r.px(0, PxIS, 0xffffffff);
    }
    void put(u8 slot, u8 opcode, u64 lba, u16 count, u64 addr) {
        r.put(0, slot, AhciRig::queued_frame(opcode, slot, lba, count), {{addr, count * 512U}});
    }
    /// As a driver: stops the port, starts it, reads the log.
    std::vector<u8> recover() {
        r.stop(0);
        r.px(0, PxIS, 0xffffffff);
        r.px(0, PxCMD, FRE | ST);
        r.run(AhciRig::frame(0x2f, 0x10, 1), 512);
        EXPECT_EQ(r.px(0, PxTFD), u32{kReady});
        return r.memory_at(kData, 512);
    }
    AhciDiskRig r;
};

TEST_F(AhciNcqTest, AReadIsAcceptedAtOnceAndDoneWithASetDeviceBitsFrame) {
    r.disk.hold = true;
    put(7, kRead, 33, 4, kData);
    r.issue_queued(0, 1U << 7);
    EXPECT_EQ(r.px(0, PxCI), 0U) << "the device has it";
    EXPECT_EQ(r.px(0, PxSACT), 1U << 7);
    EXPECT_EQ(r.px(0, PxTFD), u32{kReady});
    EXPECT_EQ(r.px(0, PxIS), 0U);
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxSACT), 0U);
    EXPECT_EQ(r.px(0, PxIS), SDBS);
    EXPECT_EQ(r.memory_at(kData, 2048), r.sectors(33, 4));
    EXPECT_EQ(r.memory_at(AhciRig::received(0) + 0x58, 8),
              (std::vector<u8>{0xa1, 0x40, kReady, 0, 0x80, 0, 0, 0}));
}

TEST_F(AhciNcqTest, AWriteReachesTheMedium) {
    const std::vector<u8> data = r.fill(kData, 4096);
    put(0, kWrite, 100, 8, kData);
    r.issue_queued(0, 1);
    EXPECT_EQ(r.px(0, PxIS), SDBS);
    EXPECT_EQ(r.sectors(100, 8), data);
    EXPECT_EQ(r.disk.flushes, 0U);
}

TEST_F(AhciNcqTest, AllThirtyTwoAreInFlightAtOnceAndEndInAnyOrder) {
    r.disk.hold = true;
    for (u8 slot = 0; slot < kSlots; ++slot)
        put(slot, kRead, slot * 3U, 1, kData + slot * 512U);
    r.issue_queued(0, ~0U);
    EXPECT_EQ(r.disk.held.size(), 32U);
    EXPECT_EQ(r.px(0, PxCI), 0U);
    // The latest first.
    for (u32 left = ~0U; !r.disk.held.empty();) {
        std::swap(r.disk.held.front(), r.disk.held.back());
        r.disk.complete();
        EXPECT_EQ(std::popcount(r.px(0, PxSACT)), static_cast<int>(r.disk.held.size()));
        EXPECT_EQ(r.px(0, PxSACT) & ~left, 0U);
        left = r.px(0, PxSACT);
    }
    for (u64 slot = 0; slot < kSlots; ++slot)
        EXPECT_EQ(r.memory_at(kData + slot * 512, 512), r.sectors(slot * 3, 1)) << slot;
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(AhciNcqTest, ALongTransferIsDoneInPieces) {
    Prds prds;
    for (u64 i = 0; i < 50; ++i)
        prds.push_back({kData + i * 0x1000, 0xc00});
    r.put(0, 0, AhciRig::queued_frame(kRead, 0, 5, 300), prds);
    r.issue_queued(0, 1);
    EXPECT_EQ(r.px(0, PxIS), SDBS);
    for (u64 i = 0; i < 50; ++i)
        EXPECT_EQ(r.memory_at(kData + i * 0x1000, 0xc00), r.sectors(5 + 6 * i, 6)) << i;
}

TEST_F(AhciNcqTest, ForcedWritesAndAllOfThemWithoutAWriteCacheAreOnTheMediumWhenDone) {
    put(0, kWrite, 100, 1, kData);
    r.ram[AhciRig::table(0, 0) + 7] = 0xc0; // FUA
    r.disk.hold = true;
    r.issue_queued(0, 1);
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxSACT), 1U) << "the flush has to come first";
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxSACT), 0U);
    EXPECT_EQ(r.disk.flushes, 1U);
    r.disk.hold = false;
    r.run(AhciRig::frame(0xef, 0, 0, 0x82)); // write cache off, which flushes
    EXPECT_EQ(r.disk.flushes, 2U);
    put(3, kWrite, 101, 1, kData);
    r.issue_queued(0, 8);
    EXPECT_EQ(r.disk.flushes, 3U);
    put(3, kRead, 101, 1, kData);
    r.issue_queued(0, 8);
    EXPECT_EQ(r.disk.flushes, 3U);
}

TEST_F(AhciNcqTest, ACommandThatIsNotQueuedWaitsForTheQueue) {
    r.disk.hold = true;
    put(0, kWrite, 0, 1, kData);
    put(1, kWrite, 1, 1, kData);
    r.issue_queued(0, 3);
    r.put(0, 2, AhciRig::frame(0xea));
    r.issue(0, 2);
    EXPECT_EQ(r.disk.held.size(), 2U);
    EXPECT_EQ(r.px(0, PxCI), 4U);
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxCI), 4U);
    r.disk.complete();
    EXPECT_EQ(r.disk.held.size(), 1U) << "now it flushes";
    put(3, kRead, 0, 1, kData);
    r.issue_queued(0, 8);
    EXPECT_EQ(r.disk.held.size(), 1U) << "and the queue waits for that";
    EXPECT_EQ(r.px(0, PxCI), 0xcU);
    r.disk.complete();
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxCI), 0U);
    EXPECT_EQ(r.px(0, PxSACT), 0U);
}

TEST_F(AhciNcqTest, AReadErrorStopsThePortAndTheLogTellsWhichOneFailed) {
    r.disk.next_error = EIO;
    put(9, kRead, 77, 2, kData);
    r.issue_queued(0, 1U << 9);
    EXPECT_EQ(r.px(0, PxIS), SDBS | TFES);
    EXPECT_EQ(r.px(0, PxTFD), u32{UNC} << 8 | kReady | ERR);
    EXPECT_EQ(r.px(0, PxSACT), 1U << 9);
    put(2, kRead, 0, 1, kData);
    r.issue_queued(0, 4);
    EXPECT_EQ(r.px(0, PxCI), 4U) << "nothing is fetched before software has seen it";
    const std::vector<u8> log = recover();
    EXPECT_EQ(log[0], 9) << "the tag, of a queued command";
    EXPECT_EQ(log[2], kReady | ERR);
    EXPECT_EQ(log[3], UNC);
    EXPECT_EQ(log[4], 77);
    EXPECT_EQ(log[12], 2);
    u8 sum = 0;
    for (const u8 byte : log)
        sum = static_cast<u8>(sum + byte);
    EXPECT_EQ(sum, 0);
    r.issue_queued(0, 4);
    EXPECT_EQ(r.px(0, PxSACT), 0U) << "it works again";
}

TEST_F(AhciNcqTest, AfterAnErrorTheDeviceAbortsEverythingUntilItsLogIsRead) {
    r.disk.next_error = EIO;
    put(0, kRead, 77, 2, kData);
    r.issue_queued(0, 1);
    for (const u8 opcode : {u8{0xe5}, kRead}) {
        r.stop(0);
        r.px(0, PxIS, 0xffffffff);
        r.px(0, PxCMD, FRE | ST);
        r.put(0, 1, opcode == kRead ? AhciRig::queued_frame(kRead, 1, 0, 1) : AhciRig::frame(opcode),
              {{kData, 512}});
        r.issue_queued(0, 2);
        EXPECT_EQ(r.px(0, PxIS), DHRS | TFES);
        EXPECT_EQ(r.px(0, PxTFD) >> 8, u32{ABRT});
    }
    r.px(0, PxSCTL, 1);
    r.px(0, PxSCTL, 0);
    r.stop(0);
    r.px(0, PxCMD, FRE | ST);
    r.run(AhciRig::frame(0xe5));
    EXPECT_EQ(r.px(0, PxTFD), u32{kReady}) << "a reset does as well";
}

TEST_F(AhciNcqTest, AnErrorIsToldWhenTheOthersAreDone) {
    r.disk.hold = true;
    for (u8 slot = 0; slot < 3; ++slot)
        put(slot, kRead, slot, 1, kData + slot * 512U);
    r.issue_queued(0, 7);
    r.disk.next_error = EIO;
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxIS), 0U);
    put(4, kRead, 0, 1, kData);
    r.issue_queued(0, 0x10);
    EXPECT_EQ(r.px(0, PxCI), 0x10U) << "no new one begins";
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxSACT), 0x15U);
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxSACT), 0x11U);
    EXPECT_EQ(r.px(0, PxIS), SDBS | TFES);
    EXPECT_TRUE(r.disk.held.empty());
    r.disk.hold = false;
    EXPECT_EQ(recover()[0], 0);
}

TEST_F(AhciNcqTest, WhatCannotBeDoneFailsWithoutTouchingTheMedium) {
    const std::vector<u8> before = r.disk.data;
    const unsigned submitted = r.disk.submitted;
    const auto refused = [&](u8 error, u32 more) {
        r.px(0, PxIS, 0xffffffff);
        r.issue_queued(0, 1);
        EXPECT_EQ(r.px(0, PxIS), SDBS | TFES | more);
        EXPECT_EQ(r.px(0, PxTFD) >> 8, u32{error});
        EXPECT_EQ(r.px(0, PxSACT), 1U);
        recover();
    };
    put(0, kWrite, kDiskSize / 512, 1, kData);
    refused(IDNF | ABRT, 0);
    put(0, kWrite, 0xffff'ffff'ffff, 0, kData);
    refused(IDNF | ABRT, 0);
    put(0, kRead, 1, 0, kData); // 65536 sectors
    refused(IDNF | ABRT, 0);
    put(0, kWrite, 0, 2, kData);
    r.put_prds(AhciRig::table(0, 0) + 0x80, {{kData, 1022}});
    refused(ABRT, OFS);
    put(0, kWrite, 0, 1, kData);
    r.put32(AhciRig::list(0), 5); // no entries
    refused(ABRT, OFS);
    r.disk.readonly = true;
    put(0, kWrite, 0, 1, kData);
    refused(ABRT, 0);
    EXPECT_EQ(r.disk.data, before);
    EXPECT_EQ(r.disk.submitted, submitted);
}

TEST_F(AhciNcqTest, ATagThatIsInUseIsAnError) {
    r.disk.hold = true;
    put(0, kRead, 0, 1, kData);
    r.put(0, 1, AhciRig::queued_frame(kRead, 0, 5, 1), {{kData + 512, 512}});
    r.issue_queued(0, 3);
    EXPECT_EQ(r.disk.held.size(), 1U);
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxIS), SDBS | TFES);
    EXPECT_EQ(r.px(0, PxTFD) >> 8, u32{ABRT});
    EXPECT_EQ(r.memory_at(kData, 512), r.sectors(0, 1));
}

TEST_F(AhciNcqTest, StoppingThePortWaitsForTheMediumAndForgetsTheQueue) {
    r.disk.hold = true;
    for (u8 slot = 0; slot < 8; ++slot)
        put(slot, kRead, slot, 1, kData + slot * 512U);
    r.issue_queued(0, 0xff);
    r.stop(0);
    EXPECT_TRUE(r.disk.held.empty());
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_EQ(r.px(0, PxSACT), 0U);
    EXPECT_EQ(r.px(0, PxIS), 0U);
    r.disk.hold = false;
    r.px(0, PxCMD, FRE | ST);
    put(0, kRead, 1, 1, kData);
    r.issue_queued(0, 1);
    EXPECT_EQ(r.px(0, PxIS), SDBS);
}

TEST_F(AhciNcqTest, QuiescingFinishesTheQueue) {
    r.disk.hold = true;
    for (u8 slot = 0; slot < 8; ++slot)
        put(slot, kRead, slot, 1, kData + slot * 512U);
    r.put(0, 9, AhciRig::frame(0xea));
    r.issue_queued(0, 0xff);
    r.issue(0, 9);
    r.dev.quiesce();
    EXPECT_EQ(r.px(0, PxSACT), 0U);
    EXPECT_EQ(r.px(0, PxCI), 0U);
    EXPECT_EQ(r.px(0, PxIS), SDBS | DHRS);
    EXPECT_EQ(r.disk.flushes, 1U);
}

TEST_F(AhciNcqTest, WhatTheGuestDoesToTheListMeanwhileCountsFromTheNextPieceOn) {
    constexpr u64 kTable = kData + 0x8000;
    constexpr u64 kEntries = 2 * DmaList::kMostSegments; // two pieces of entries of the least size
    r.put(0, 0, AhciRig::queued_frame(kRead, 0, 0, 4));
    std::copy_n(r.ram.begin() + static_cast<std::ptrdiff_t>(AhciRig::table(0, 0)), 20,
                r.ram.begin() + static_cast<std::ptrdiff_t>(kTable));
    for (u64 i = 0; i < kEntries; ++i)
        r.put_prds(kTable + 0x80 + i * 16, {{kData + 2 * i, 2}});
    r.put32(AhciRig::list(0), static_cast<u32>(kEntries) << 16 | 5);
    r.put32(AhciRig::list(0) + 8, kTable);
    r.disk.hold = true;
    r.issue_queued(0, 1);
    ASSERT_EQ(r.disk.held.size(), 1U);
    r.put32(AhciRig::list(0), 5); // the header was copied: no difference
    r.put32(kTable, 0);           // and so was the frame
    for (u64 i = 0; i < kEntries; ++i)
        r.put_prds(kTable + 0x80 + i * 16, {{kRamSize, 2}});
    r.disk.complete();
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxSACT), 0U);
    EXPECT_EQ(r.memory_at(kData, 1024), r.sectors(0, 2));
    EXPECT_EQ(r.memory_at(kData + 1024, 1024), std::vector<u8>(1024)) << "where no RAM is";
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

} // namespace
} // namespace dm::test
