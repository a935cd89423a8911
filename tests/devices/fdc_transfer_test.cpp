#include "tests/devices/fdc_82078_rig.hpp"

#include <cerrno>
#include <gtest/gtest.h>

namespace dm::test {
namespace {

using Bytes = FdcRig::Bytes;

struct FdcTransferTest : testing::Test {
    FdcRig r;

    static constexpr u8 kRead = 0x46;
    static constexpr u8 kReadBothSides = 0xc6;
    static constexpr u8 kWrite = 0x45;

    void start(u8 command, u8 cylinder, u8 head, u8 sector, u8 last, u8 last_parameter = 0xff) {
        r.send({command, static_cast<u8>(head << 2), cylinder, head, sector, 2, last, 0x1b, last_parameter});
    }
    Bytes dma(u8 command, u64 bytes, u8 cylinder, u8 head, u8 sector, u8 last, u8 last_parameter = 0xff) {
        const bool out = fdc::writes(fdc::code_of(command)) || fdc::scans(fdc::code_of(command));
        r.program(out ? FdcRig::kFromMemory : FdcRig::kToMemory, FdcRig::kBuffer, bytes);
        start(command, cylinder, head, sector, last, last_parameter);
        return r.result();
    }
    void fill(std::size_t bytes, u8 first) {
        for (std::size_t n = 0; n < bytes; ++n)
            r.ram[FdcRig::kBuffer + n] = static_cast<u8>(first + n / 512 + n % 100);
    }
};

TEST_F(FdcTransferTest, ReadsASectorByDma) {
    r.program(FdcRig::kToMemory, FdcRig::kBuffer, 512);
    start(kRead, 0, 1, 5, 18);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.msr(), 0xd0);
    EXPECT_EQ(r.result(), (Bytes{0x04, 0, 0, 0, 1, 6, 2}));
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.memory_at(FdcRig::kBuffer, 512), r.on_disk(18 + 4));
}

TEST_F(FdcTransferTest, ReadsATrackOfBothSidesInOneCommand) {
    const Bytes result = dma(kReadBothSides, 36 * 512, 3, 0, 1, 18);
    EXPECT_EQ(result, (Bytes{0x20, 0, 0, 4, 0, 1, 2})) << "it went to cylinder 3 by itself";
    EXPECT_EQ(r.memory_at(FdcRig::kBuffer, 36 * 512), r.on_disk(3 * 36, 36));
}

TEST_F(FdcTransferTest, GoesOnAtTheOtherSideWithMultiTrack) {
    EXPECT_EQ(dma(kReadBothSides, 3 * 512, 0, 0, 17, 18), (Bytes{0x04, 0, 0, 0, 1, 2, 2}));
    EXPECT_EQ(r.memory_at(FdcRig::kBuffer, 3 * 512), r.on_disk(16, 3));
}

TEST_F(FdcTransferTest, EndsWithAnErrorWhereTheTrackEndsBeforeTheHost) {
    EXPECT_EQ(dma(kRead, 3 * 512, 0, 0, 17, 18), (Bytes{0x40, 0x80, 0, 1, 0, 1, 2}));
    EXPECT_EQ(r.memory_at(FdcRig::kBuffer, 2 * 512), r.on_disk(16, 2));
}

TEST_F(FdcTransferTest, TheHostMayStopInTheMiddleOfASector) {
    r.ram[FdcRig::kBuffer + 700] = 0x5a;
    EXPECT_EQ(dma(kRead, 700, 0, 0, 1, 18), (Bytes{0x00, 0, 0, 0, 0, 3, 2}));
    Bytes second = r.on_disk(1);
    second.resize(188);
    EXPECT_EQ(r.memory_at(FdcRig::kBuffer + 512, 188), second);
    EXPECT_EQ(r.ram[FdcRig::kBuffer + 700], 0x5a);
}

TEST_F(FdcTransferTest, WritesByDmaAndFillsTheSectorThatTheHostLeavesUnfinished) {
    fill(1024, 0x30);
    const Bytes written = r.memory_at(FdcRig::kBuffer, 600);
    const Bytes after = r.on_disk(38 + 2);
    EXPECT_EQ(dma(kWrite, 600, 1, 0, 3, 18), (Bytes{0x20, 0, 0, 1, 0, 5, 2}));
    EXPECT_EQ(r.on_disk(38), Bytes(written.begin(), written.begin() + 512));
    Bytes second(written.begin() + 512, written.end());
    second.resize(512, 0);
    EXPECT_EQ(r.on_disk(39), second);
    EXPECT_EQ(r.on_disk(40), after);
}

TEST_F(FdcTransferTest, WaitsUntilTheChannelIsOpen) {
    r.program(FdcRig::kToMemory, FdcRig::kBuffer, 512);
    r.out(0x0a, 0x06); // masked
    start(kRead, 0, 0, 1, 18);
    EXPECT_EQ(r.msr(), 0x10);
    EXPECT_FALSE(r.irq());
    r.out(0x0a, 0x02);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.memory_at(FdcRig::kBuffer, 512), r.on_disk(0));
}

TEST_F(FdcTransferTest, AMediumThatTakesItsTimeIsWaitedFor) {
    r.disk.hold = true;
    r.program(FdcRig::kToMemory, FdcRig::kBuffer, 1024);
    start(kRead, 0, 0, 1, 18);
    EXPECT_EQ(r.msr(), 0x10);
    r.disk.complete();
    EXPECT_FALSE(r.irq());
    r.disk.complete();
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.result(), (Bytes{0x00, 0, 0, 0, 0, 3, 2}));
    EXPECT_EQ(r.memory_at(FdcRig::kBuffer, 1024), r.on_disk(0, 2));
}

TEST_F(FdcTransferTest, AResetWaitsForTheMediumAndForgetsTheCommand) {
    r.disk.hold = true;
    fill(512, 1);
    r.program(FdcRig::kFromMemory, FdcRig::kBuffer, 512);
    start(kWrite, 0, 0, 1, 18);
    r.leave_reset();
    EXPECT_TRUE(r.disk.held.empty());
    EXPECT_EQ(r.on_disk(0), r.memory_at(FdcRig::kBuffer, 512)) << "what was on its way arrives";
    EXPECT_EQ(r.ask({0x08}), (Bytes{0xc0, 0}));
}

// ------------------------------------------------------------------------------------------ through the FIFO

TEST_F(FdcTransferTest, ReadsThroughTheFifo) {
    r.send({0x03, 0xaf, 0x03}); // ND
    start(kRead, 0, 0, 2, 3);
    Bytes bytes;
    for (int n = 0; n < 1024; ++n) {
        EXPECT_EQ(r.msr(), 0xf0);
        EXPECT_TRUE(r.irq());
        bytes.push_back(static_cast<u8>(r.in(FdcRig::kFifo)));
    }
    EXPECT_EQ(bytes, r.on_disk(1, 2));
    EXPECT_EQ(r.msr(), 0xd0);
    EXPECT_EQ(r.result(), (Bytes{0x00, 0, 0, 1, 0, 1, 2}));
    EXPECT_FALSE(r.irq());
}

TEST_F(FdcTransferTest, WritesThroughTheFifoWhereDorShutsTheGate) {
    r.out(FdcRig::kDor, 0x14);
    start(kWrite, 0, 1, 18, 18);
    EXPECT_EQ(r.msr(), 0xb0);
    for (int n = 0; n < 512; ++n)
        r.out(FdcRig::kFifo, static_cast<u8>(n * 3));
    EXPECT_EQ(r.result(), (Bytes{0x04, 0, 0, 1, 1, 1, 2}));
    EXPECT_EQ(r.on_disk(35)[100], static_cast<u8>(300));
}

TEST_F(FdcTransferTest, TheFifoInterruptsAgainForEachSectorThatHadToBeWaitedFor) {
    r.send({0x03, 0xaf, 0x03});
    r.disk.hold = true;
    start(kRead, 0, 0, 1, 2);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.msr(), 0x30);
    r.disk.complete();
    EXPECT_TRUE(r.irq());
    for (int n = 0; n < 512; ++n)
        r.in(FdcRig::kFifo);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.msr(), 0x30);
    EXPECT_EQ(r.in(FdcRig::kFifo), 0U) << "nothing is there yet";
    r.disk.complete();
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.in(FdcRig::kFifo), r.on_disk(1)[0]);
}

// ---------------------------------------------------------------------------------------------- other
// commands

TEST_F(FdcTransferTest, VerifyReadsWithoutGivingAnything) {
    start(0x56, 0, 0, 1, 18);
    EXPECT_EQ(r.result(), (Bytes{0x00, 0, 0, 1, 0, 1, 2}));
    EXPECT_EQ(r.disk.submitted, 18U);
    r.send({0x56, 0x80, 0, 0, 1, 2, 18, 0x1b, 5}); // EC
    EXPECT_EQ(r.result(), (Bytes{0x00, 0, 0, 0, 0, 6, 2}));
    EXPECT_EQ(r.disk.submitted, 23U);
}

TEST_F(FdcTransferTest, ReadTrackBeginsWithTheFirstSector) {
    EXPECT_EQ(dma(0x42, 4 * 512, 0, 0, 9, 4)[0], 0x00);
    EXPECT_EQ(r.memory_at(FdcRig::kBuffer, 4 * 512), r.on_disk(0, 4));
}

TEST_F(FdcTransferTest, ReadDeletedDataTakesOneSectorAndSaysThatItIsNone) {
    EXPECT_EQ(dma(0x4c, 1024, 0, 0, 1, 18), (Bytes{0x00, 0, 0x40, 0, 0, 2, 2}));
    EXPECT_EQ(r.memory_at(FdcRig::kBuffer, 512), r.on_disk(0));
    EXPECT_EQ(dma(0x6c, 1024, 0, 0, 1, 18)[0], 0x40) << "all of them are skipped";
}

TEST_F(FdcTransferTest, WriteDeletedDataWrites) {
    fill(512, 9);
    EXPECT_EQ(dma(0x49, 512, 0, 0, 1, 18)[0], 0x00);
    EXPECT_EQ(r.on_disk(0), r.memory_at(FdcRig::kBuffer, 512));
}

TEST_F(FdcTransferTest, ScansEndAtTheSectorThatSatisfies) {
    const Bytes second = r.on_disk(1);
    for (std::size_t copy = 0; copy < 3; ++copy)
        std::copy(second.begin(), second.end(),
                  r.ram.begin() + FdcRig::kBuffer + static_cast<long>(copy * 512));
    r.ram[FdcRig::kBuffer + 512 + 3] = 0xff; // any byte
    EXPECT_EQ(dma(0x51, 3 * 512, 0, 0, 1, 3, 1), (Bytes{0x00, 0, 0x08, 0, 0, 2, 2}));
    EXPECT_EQ(dma(0x51, 512, 0, 0, 3, 3, 1)[2], 0x04) << "not satisfied";
    EXPECT_EQ(dma(0x59, 512, 0, 0, 1, 3, 1)[2], 0x00) << "the disk's byte is lower";
    EXPECT_EQ(dma(0x5d, 512, 0, 0, 1, 3, 1)[2], 0x04);
    EXPECT_EQ(dma(0x5d, 512, 0, 0, 3, 3, 1)[2], 0x00) << "higher";
}

TEST_F(FdcTransferTest, FormatsATrack) {
    r.seek(2);
    for (u8 n = 0; n < 18; ++n) {
        const u8 id[] = {2, 1, static_cast<u8>(n + 1), 2};
        std::copy(std::begin(id), std::end(id), r.ram.begin() + FdcRig::kBuffer + n * 4);
    }
    r.program(FdcRig::kFromMemory, FdcRig::kBuffer, 18 * 4);
    const Bytes before = r.on_disk(2 * 36, 18);
    r.send({0x4d, 0x04, 2, 18, 0x54, 0xf6});
    EXPECT_EQ(r.result()[0], 0x04);
    EXPECT_EQ(r.on_disk(2 * 36 + 18, 18), Bytes(18 * 512, 0xf6));
    EXPECT_EQ(r.on_disk(2 * 36, 18), before);
}

TEST_F(FdcTransferTest, AFormatLaysDownNoSectorThatTheImageHasNoPlaceFor) {
    const u8 ids[] = {0, 0, 19, 2, 1, 0, 1, 2, 0, 0, 0, 2, 0, 0, 1, 3, 0, 0, 2, 2};
    std::copy(std::begin(ids), std::end(ids), r.ram.begin() + FdcRig::kBuffer);
    r.program(FdcRig::kFromMemory, FdcRig::kBuffer, sizeof ids);
    r.send({0x4d, 0x00, 2, 5, 0x54, 0xf6});
    EXPECT_EQ(r.result()[0], 0x00);
    EXPECT_EQ(r.disk.submitted, 1U);
    EXPECT_EQ(r.on_disk(1), Bytes(512, 0xf6));
}

// ------------------------------------------------------------------------------------------------------
// errors

TEST_F(FdcTransferTest, WhatIsNotOnTheDiskIsNotFound) {
    EXPECT_EQ(dma(kRead, 512, 0, 0, 19, 19), (Bytes{0x40, 0x04, 0, 0, 0, 19, 2}));
    EXPECT_EQ(dma(kRead, 512, 0, 0, 0, 18)[1], 0x04);
    EXPECT_EQ(dma(kRead, 512, 80, 0, 1, 18)[1], 0x04);
    EXPECT_EQ(dma(kRead, 512, 0, 2, 1, 18)[1], 0x04);
    r.send({kRead, 0, 0, 0, 1, 3, 18, 0x1b, 0xff}); // sectors of 1024 bytes
    EXPECT_EQ(r.result()[1], 0x04);
    EXPECT_EQ(dma(kRead, 4 * 512, 0, 0, 17, 30), (Bytes{0x40, 0x04, 0, 0, 0, 19, 2})) << "past the last one";
}

TEST_F(FdcTransferTest, NothingIsReadAtAnotherRate) {
    r.out(FdcRig::kDir, 0x02);
    EXPECT_EQ(dma(kRead, 512, 0, 0, 1, 18)[1], 0x01);
    EXPECT_EQ(r.disk.submitted, 0U);
    r.out(FdcRig::kDsr, 0x00);
    EXPECT_EQ(dma(kRead, 512, 0, 0, 1, 18)[1], 0x00);
}

TEST_F(FdcTransferTest, AWriteProtectedDiskStaysAsItIs) {
    r.disk.readonly = true;
    EXPECT_EQ(dma(kWrite, 512, 0, 0, 1, 18), (Bytes{0x40, 0x02, 0, 0, 0, 1, 2}));
    r.send({0x4d, 0x00, 2, 18, 0x54, 0xf6});
    EXPECT_EQ(r.result()[1], 0x02);
    EXPECT_EQ(r.disk.submitted, 0U);
}

TEST_F(FdcTransferTest, WithoutADiskOrADriveACommandFailsAtOnce) {
    r.dev.insert(0, nullptr);
    EXPECT_EQ(dma(kRead, 512, 0, 0, 1, 18)[0], 0x40);
    r.send({kRead, 1, 0, 0, 1, 2, 18, 0x1b, 0xff});
    EXPECT_EQ(r.result()[0], 0x41);
}

TEST_F(FdcTransferTest, AnErrorOfTheHostIsOneOfTheData) {
    r.disk.next_error = EIO;
    EXPECT_EQ(dma(kRead, 512, 0, 0, 1, 18), (Bytes{0x40, 0x20, 0x20, 0, 0, 1, 2}));
    r.disk.next_error = ENOSPC;
    EXPECT_EQ(dma(kWrite, 512, 0, 0, 1, 18)[0], 0x40);
    ASSERT_EQ(r.events.failed.size(), 2U);
    EXPECT_EQ(r.events.failed[1].first, BlockIo::Op::Write);
    EXPECT_EQ(r.events.failed[1].second, ENOSPC);
}

TEST_F(FdcTransferTest, WhatAShortImageLacksIsEmptyAndCannotBeWritten) {
    FdcRig shorter{700, floppy::DriveType::F1440K};
    shorter.program(FdcRig::kToMemory, FdcRig::kBuffer, 3 * 512);
    shorter.send({kRead, 0, 0, 0, 1, 2, 18, 0x1b, 0xff});
    EXPECT_EQ(shorter.result()[0], 0x00);
    EXPECT_EQ(shorter.ram[FdcRig::kBuffer + 699], shorter.disk.data[699]);
    EXPECT_EQ(shorter.memory_at(FdcRig::kBuffer + 700, 836), Bytes(836, 0));
    shorter.program(FdcRig::kFromMemory, FdcRig::kBuffer, 512);
    shorter.send({kWrite, 0, 0, 0, 2, 2, 18, 0x1b, 0xff});
    EXPECT_EQ(shorter.result()[1], 0x04);
}

TEST_F(FdcTransferTest, ADiskThatIsTakenOutEndsATransfer) {
    r.disk.hold = true;
    r.program(FdcRig::kToMemory, FdcRig::kBuffer, 1024);
    start(kRead, 0, 0, 1, 18);
    FakeBlock other(FdcRig::k1440);
    r.dev.insert(0, &other);
    EXPECT_TRUE(r.disk.held.empty()) << "nobody waits for the old one any more";
    EXPECT_EQ(r.result()[0], 0x40);
    EXPECT_EQ(r.dir(), 0x80);
    r.dev.insert(0, &r.disk);
}

TEST_F(FdcTransferTest, AMachineRestoredWithAnotherDiskHearsOfIt) {
    r.seek(1);
    EXPECT_EQ(r.dir(), 0x00);
    r.program(FdcRig::kToMemory, FdcRig::kBuffer, 512);
    r.out(0x0a, 0x06);
    start(kRead, 1, 0, 1, 18);
    const std::vector<u8> image = snapshot(r);
    FdcRig other{FdcRig::k720, floppy::DriveType::F1440K};
    auto reader = StateReader::open(image);
    ASSERT_TRUE(other.device().load(*reader).ok());
    EXPECT_EQ(other.dir(), 0x80);
    EXPECT_EQ(other.result()[0], 0x40);
}

// -----------------------------------------------------------------------------------------------------
// hostile

TEST_F(FdcTransferTest, NoCommandTakesMoreBytesThanItHasRoomFor) {
    for (unsigned first = 0; first < 256; ++first) {
        FdcRig hostile{u64{160} * 1024};
        hostile.out(FdcRig::kFifo, first);
        for (int n = 0; n < 3000; ++n)
            hostile.out(FdcRig::kFifo, 0x00); // CVE-2015-3456
        hostile.advance(kSecond);
        for (int n = 0; n < 600; ++n)
            hostile.in(FdcRig::kFifo);
    }
}

TEST_F(FdcTransferTest, ATransferIsNoLongerThanACylinder) {
    r.program(0x56, FdcRig::kBuffer, 0x10000); // autoinitialise: TC does not close the channel
    start(kReadBothSides, 0, 0, 1, 255);
    EXPECT_LE(r.disk.submitted, 36U);
    EXPECT_EQ(r.result().size(), 7U);
    start(0xd6, 0, 0, 1, 255); // VERIFY
    EXPECT_LE(r.disk.submitted, 72U);
}

TEST_F(FdcTransferTest, TheChannelAndTheGateMayChangeInTheMiddle) {
    r.program(FdcRig::kToMemory, FdcRig::kBuffer, 512);
    r.out(0x0a, 0x06);
    start(kRead, 0, 0, 1, 1);
    r.out(FdcRig::kDor, 0x14); // through the FIFO now
    EXPECT_EQ(r.in(FdcRig::kFifo), r.on_disk(0)[0]);
    r.out(0x0a, 0x02);
    EXPECT_EQ(r.msr(), 0xf0) << "nobody asks for DMA";
    r.out(FdcRig::kDor, 0x1c);
    EXPECT_EQ(r.msr(), 0xd0);
    EXPECT_EQ(r.ram[FdcRig::kBuffer], r.on_disk(0)[1]);
}

} // namespace
} // namespace dm::test
