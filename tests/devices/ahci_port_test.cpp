// Commands of an AHCI port that are not queued: from the command list to the last frame.
#include "tests/devices/ahci_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ahci;
using enum dm::ahci::PortReg;
using testing::Each;

TEST(AhciPort, AFullListForAMediumThatAnswersAtOnceIsServedInTurns) {
    AhciDiskRig r;
    r.start(0);
    constexpr u16 kSectors = 2048; // the whole disk, by PIO, into a hole
    for (u8 slot = 0; slot < kSlots; ++slot)
        r.put(0, slot, AhciRig::frame(0x24, 0, kSectors), {{kRamSize, kSectors * 512}});
    r.px(0, PxCI, 0xffffffff);
    EXPECT_NE(r.px(0, PxCI), 0U) << "others have their turn";
    unsigned turns = 1;
    for (; r.px(0, PxCI) != 0 && turns < 100; ++turns)
        r.advance(1);
    EXPECT_GT(turns, kSlots * kSectors / dm::AhciPort::kMostSteps);
    EXPECT_LT(turns, 2 * kSlots * kSectors / dm::AhciPort::kMostSteps);

    r.px(0, PxCI, 0xffffffff);
    EXPECT_NE(r.px(0, PxCI), 0U);
    r.dev.quiesce();
    EXPECT_EQ(r.px(0, PxCI), 0U) << "a machine that stops finishes what was begun";
}

struct AhciPortTest : testing::Test {
    AhciPortTest() {
        r.start(0);
        r.px(0, PxIS, 0xffffffff);
    }
    void expect_good(u32 interrupts = DHRS) {
        EXPECT_EQ(r.px(0, PxIS), interrupts);
        EXPECT_EQ(r.px(0, PxTFD), u32{kReady});
        EXPECT_EQ(r.px(0, PxCI), 0U);
    }
    void expect_error(u8 error, u32 more = 0) {
        EXPECT_EQ(r.px(0, PxIS), DHRS | TFES | more);
        EXPECT_EQ(r.px(0, PxTFD), u32{error} << 8 | kReady | ERR);
        EXPECT_EQ(r.px(0, PxCI), 1U) << "the slot of the failed command stays issued";
    }
    AhciDiskRig r;
};

TEST_F(AhciPortTest, IdentifyGoesThroughTheScatterListWithAPioSetupFrame) {
    r.run(AhciRig::frame(0xec), 512);
    expect_good(DHRS | PSS);
    EXPECT_EQ(r.get32(kData), 0x00000040U | u32{r.ram[kData + 2]} << 16 | u32{r.ram[kData + 3]} << 24);
    EXPECT_EQ(r.byte_count(), 512U);
    const std::vector<u8> frame = r.memory_at(AhciRig::received(0) + 0x20, 20);
    EXPECT_EQ(frame[0], 0x5f);
    EXPECT_EQ(frame[1], 0x60) << "interrupt, to the host";
    EXPECT_EQ(frame[2], kReady | DRQ);
    EXPECT_EQ(frame[15], kReady) << "status after the block";
    EXPECT_EQ(frame[16] | frame[17] << 8, 512);
}

TEST_F(AhciPortTest, IdentifyTellsOfSerialAtaAndItsQueue) {
    r.run(AhciRig::frame(0xec), 512);
    const auto word = [&](unsigned n) { return r.ram[kData + 2 * n] | r.ram[kData + 2 * n + 1] << 8; };
    EXPECT_EQ(word(75), 31);
    EXPECT_EQ(word(76) & 0x0100, 0x0100) << "native command queuing";
    EXPECT_EQ(word(76) & 0x0001, 0);
    EXPECT_EQ(word(93), 0) << "no cable to have 80 wires";
    EXPECT_EQ(word(84) & 0x0020, 0x0020) << "logs can be read";
    EXPECT_EQ(word(87) & 0x0020, 0x0020);
    EXPECT_EQ(word(100) | word(101) << 16, static_cast<int>(kDiskSize / 512));
}

TEST_F(AhciPortTest, DmaReadMovesSectorsToAllPiecesOfTheList) {
    const Prds prds{{kData, 2}, {kData + 0x2000, 1022}, {kData + 0x10001, 512}, {kData + 0x20000, 8192}};
    r.put(0, 0, AhciRig::frame(0x25, 77, 5), prds);
    r.issue(0, 0);
    expect_good();
    EXPECT_EQ(r.byte_count(), 5U * 512);
    std::vector<u8> got = r.memory_at(kData, 2);
    for (const Prd& prd : {prds[1], Prd{kData + 0x10000, 512}, Prd{kData + 0x20000, 1024}}) {
        const std::vector<u8> part = r.memory_at(prd.addr, prd.bytes);
        got.insert(got.end(), part.begin(), part.end());
    }
    EXPECT_EQ(got, r.sectors(77, 5)) << "an odd address is an even one";
    EXPECT_EQ(r.memory_at(kData + 0x20400, 4), std::vector<u8>(4))
        << "room that is left over stays as it was";
}

TEST_F(AhciPortTest, DmaWriteReachesTheMedium) {
    for (const u8 opcode : {u8{0x35}, u8{0xca}}) {
        const std::vector<u8> data = r.fill(kData, 4096, opcode);
        r.px(0, PxIS, 0xffffffff);
        r.put(0, 0, AhciRig::frame(opcode, 100, 8), {{kData, 4096}});
        r.issue(0, 0);
        expect_good();
        EXPECT_EQ(r.sectors(100, 8), data);
    }
}

TEST_F(AhciPortTest, PioReadHasAFrameAndAnInterruptForEachBlock) {
    r.run(AhciRig::frame(0x24, 10, 3), 3 * 512);
    expect_good(DHRS | PSS);
    EXPECT_EQ(r.memory_at(kData, 3 * 512), r.sectors(10, 3));
    EXPECT_EQ(r.byte_count(), 3U * 512);
}

TEST_F(AhciPortTest, PioWriteInterruptsFromTheSecondBlockOn) {
    const std::vector<u8> data = r.fill(kData, 512);
    r.run(AhciRig::frame(0x34, 10, 1), 512);
    expect_good(DHRS);
    EXPECT_EQ(r.sectors(10, 1), data);
    r.px(0, PxIS, 0xffffffff);
    const std::vector<u8> more = r.fill(kData, 40 * 512, 2);
    r.run(AhciRig::frame(0x34, 20, 40), 40 * 512);
    expect_good(DHRS | PSS);
    EXPECT_EQ(r.sectors(20, 40), more);
}

TEST_F(AhciPortTest, FlushIsBusyUntilTheMediumHasFlushed) {
    r.disk.hold = true;
    r.run(AhciRig::frame(0xea));
    EXPECT_EQ(r.px(0, PxTFD) & BSY, BSY);
    EXPECT_EQ(r.px(0, PxCI), 1U);
    EXPECT_EQ(r.px(0, PxIS), 0U);
    r.disk.complete();
    EXPECT_EQ(r.disk.flushes, 1U);
    expect_good();
}

TEST_F(AhciPortTest, CommandsRunOneAfterTheOtherAndCcsNamesTheLast) {
    r.disk.hold = true;
    for (u8 slot = 0; slot < 4; ++slot)
        r.put(0, slot, AhciRig::frame(0x25, slot, 1), {{kData + slot * 512U, 512}});
    r.px(0, PxCI, 0xf);
    for (u32 left = 4; left > 0; --left) {
        EXPECT_EQ(r.disk.held.size(), 1U);
        EXPECT_EQ(r.px(0, PxCMD) >> 8 & 0x1f, 4 - left);
        r.disk.complete();
    }
    expect_good();
    EXPECT_EQ(r.memory_at(kData, 4 * 512), r.sectors(0, 4));
}

TEST_F(AhciPortTest, SlotsAreTakenInTurn) {
    r.disk.hold = true;
    for (const u8 slot : {u8{0}, u8{3}, u8{31}})
        r.put(0, slot, AhciRig::frame(0x25, slot, 1), {{kData, 512}});
    r.px(0, PxCI, 1U << 3 | 1U << 31);
    EXPECT_EQ(r.px(0, PxCMD) >> 8 & 0x1f, 3U);
    r.px(0, PxCI, 1);
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxCMD) >> 8 & 0x1f, 31U) << "not slot 0, which is before";
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxCMD) >> 8 & 0x1f, 0U);
}

TEST_F(AhciPortTest, AnUnknownCommandIsAbortedAndStopsThePort) {
    r.put(0, 1, AhciRig::frame(0xe5));
    r.put(0, 0, AhciRig::frame(0xfe));
    r.px(0, PxCI, 3);
    EXPECT_EQ(r.px(0, PxCI), 3U);
    EXPECT_EQ(r.px(0, PxIS), DHRS | TFES);
    EXPECT_EQ(r.px(0, PxTFD), u32{ABRT} << 8 | kReady | ERR);
    r.stop(0);
    EXPECT_EQ(r.px(0, PxCI), 0U);
    EXPECT_EQ(r.px(0, PxCMD) & CR, 0U);
    r.px(0, PxIS, 0xffffffff);
    r.px(0, PxCMD, FRE | ST);
    r.issue(0, 1);
    EXPECT_EQ(r.px(0, PxIS), DHRS);
    EXPECT_EQ(r.px(0, PxTFD), u32{kReady});
}

TEST_F(AhciPortTest, MediumErrorsAreThoseOfADisk) {
    r.disk.next_error = EIO;
    r.run(AhciRig::frame(0x25, 3, 2), 1024);
    expect_error(UNC);
    EXPECT_EQ(r.ram[AhciRig::received(0) + 0x44], 3) << "the sector that could not be read";
    r.start(0);
    r.px(0, PxIS, 0xffffffff);
    r.disk.next_error = EIO;
    r.run(AhciRig::frame(0x35, 3, 2), 1024);
    expect_error(ABRT);
}

TEST_F(AhciPortTest, BeyondTheEndThereIsNoSector) {
    for (const u64 lba : {kDiskSize / 512, kDiskSize / 512 - 1, u64{0xffff'ffff'ffff}}) {
        r.start(0);
        r.stop(0);
        r.start(0);
        r.px(0, PxIS, 0xffffffff);
        r.run(AhciRig::frame(0x25, lba, 2), 1024);
        expect_error(IDNF | ABRT);
    }
}

TEST_F(AhciPortTest, AListThatIsTooShortMovesNothing) {
    const std::vector<u8> before = r.disk.data;
    r.fill(kData, 512);
    r.run(AhciRig::frame(0x35, 3, 2), 512);
    expect_error(ABRT, OFS);
    EXPECT_EQ(r.disk.data, before);
    r.stop(0);
    r.start(0);
    r.px(0, PxIS, 0xffffffff);
    r.run(AhciRig::frame(0x34, 3, 1), 0);
    expect_error(ABRT, OFS);
    EXPECT_EQ(r.disk.data, before);
}

TEST_F(AhciPortTest, APioReadWithoutRoomEndsAllTheSame) {
    r.run(AhciRig::frame(0xec), 0);
    expect_good(DHRS | PSS | OFS);
    EXPECT_EQ(r.byte_count(), 0U);
}

TEST_F(AhciPortTest, PlacesThatAreNotRamSwallowWhatIsReadAndWriteOnes) {
    r.put(0, 0, AhciRig::frame(0x25, 0, 2), {{kAbar, 512}, {kData, 512}});
    r.issue(0, 0);
    expect_good();
    EXPECT_EQ(r.memory_at(kData, 512), r.sectors(1, 1));
    r.px(0, PxIS, 0xffffffff);
    r.put(0, 0, AhciRig::frame(0x35, 0, 1), {{~u64{0xff}, 512}});
    r.issue(0, 0);
    expect_good();
    EXPECT_THAT(r.sectors(0, 1), Each(0xff)) << "nothing wraps around to address 0";
}

TEST_F(AhciPortTest, TheLongestListIsReadToItsEnd) {
    constexpr u32 kEntries = CommandData::kMostEntries;
    AhciRig big(AhciRig::Disk);
    big.hypervisor.ram.ram.resize(u64{4} << 20);
    big.start(0);
    big.px(0, PxIS, 0xffffffff);
    constexpr u64 kTable = u64{2} << 20;
    big.put(0, 0, AhciRig::frame(0x25, 0, 255));
    big.put32(AhciRig::list(0), kEntries << 16 | 5);
    big.put32(AhciRig::list(0) + 8, kTable);
    std::copy_n(&big.ram[AhciRig::table(0, 0)], 20, &big.ram[kTable]);
    for (u32 i = 0; i < kEntries; ++i)
        big.put_prds(kTable + 0x80 + i * u64{16}, {{kData + 2 * u64{i}, 2}});
    big.issue(0, 0);
    EXPECT_EQ(big.px(0, PxIS), DHRS);
    EXPECT_EQ(big.memory_at(kData, 255 * 512), big.sectors(0, 255));
    EXPECT_EQ(big.px(0, PxCI), 0U);
    // 131070 bytes is all that 65535 entries of the least size hold.
    big.put(0, 1, AhciRig::frame(0x25, 0, 256));
    big.put32(AhciRig::list(0) + 32, kEntries << 16 | 5);
    big.put32(AhciRig::list(0) + 40, kTable);
    big.ram[kTable + 12] = 0;
    big.ram[kTable + 13] = 1;
    big.issue(0, 1);
    EXPECT_NE(big.px(0, PxIS) & OFS, 0U);
}

TEST_F(AhciPortTest, ALogOfTheQueueCanBeReadAndOthersCannot) {
    r.run(AhciRig::frame(0x2f, 0x00, 1), 512);
    expect_good(DHRS | PSS);
    EXPECT_EQ(r.ram[kData], 1);
    EXPECT_EQ(r.ram[kData + 0x20], 1) << "log 10h has a page";
    r.px(0, PxIS, 0xffffffff);
    r.run(AhciRig::frame(0x2f, 0x04, 1), 512);
    expect_error(ABRT);
}

TEST_F(AhciPortTest, DiagnosticLeavesTheSignature) {
    r.run(AhciRig::frame(0x90));
    EXPECT_EQ(r.px(0, PxTFD), 0x0100U | kReady);
    EXPECT_EQ(r.ram[AhciRig::received(0) + 0x44], 1);
    EXPECT_EQ(r.px(0, PxCI), 0U);
}

// Resets

TEST_F(AhciPortTest, SoftwareResetIsAPairOfControlFrames) {
    r.control(0x04);
    EXPECT_EQ(r.px(0, PxCI), 0U);
    EXPECT_EQ(r.px(0, PxIS), 0U) << "nothing is said before the reset is over";
    r.control(0x00, false);
    EXPECT_EQ(r.px(0, PxCI), 0U);
    EXPECT_EQ(r.px(0, PxIS), DHRS);
    EXPECT_EQ(r.px(0, PxSIG), 0x00000101U);
    EXPECT_EQ(r.px(0, PxTFD), 0x0100U | kReady);
}

TEST_F(AhciPortTest, AFrameWithoutAnswerIsWaitedForUnlessTheHeaderSaysOtherwise) {
    r.control(0x04, false);
    EXPECT_EQ(r.px(0, PxCI), 1U);
    EXPECT_EQ(r.px(0, PxTFD) & BSY, BSY);
}

TEST_F(AhciPortTest, ADeviceInResetAnswersNoCommand) {
    r.control(0x04);
    r.run(AhciRig::frame(0xec), 512);
    EXPECT_EQ(r.px(0, PxCI), 1U);
    EXPECT_EQ(r.px(0, PxTFD) & BSY, BSY);
    r.px(0, PxSCTL, 1);
    r.px(0, PxSCTL, 0);
    EXPECT_EQ(r.px(0, PxCI), 0U) << "the reset of the link wakes it, and the command that waits is done";
}

TEST_F(AhciPortTest, AResetOfTheLinkEndsWithTheSignature) {
    r.px(0, PxSCTL, 0x301);
    EXPECT_EQ(r.px(0, PxSSTS), 0U);
    EXPECT_EQ(r.px(0, PxTFD), 0x7fU);
    EXPECT_EQ(r.px(0, PxSIG), 0xffffffffU);
    r.px(0, PxSCTL, 0x300);
    EXPECT_EQ(r.px(0, PxSSTS), 0x113U);
    EXPECT_EQ(r.px(0, PxSIG), 0x00000101U);
    EXPECT_EQ(r.px(0, PxIS), DHRS);
    EXPECT_EQ(r.px(0, PxSCTL), 0x300U);
    r.px(0, PxSCTL, 4);
    EXPECT_EQ(r.px(0, PxSSTS), 4U) << "taken offline";
}

TEST_F(AhciPortTest, AResetInTheMiddleOfAWriteLeavesSectorZeroAlone) { // CVE-2023-5088
    const std::vector<u8> before = r.sectors(0, 8);
    const std::vector<u8> data = r.fill(kData, 4096);
    for (const u8 way : {u8{0}, u8{1}, u8{2}}) {
        r.start(0);
        r.disk.hold = true;
        r.put(0, 0, AhciRig::frame(0x35, 500, 8), {{kData, 4096}});
        r.issue(0, 0);
        ASSERT_EQ(r.disk.held.size(), 1U);
        if (way == 0) r.stop(0);
        if (way == 1) r.px(0, PxSCTL, 1);
        if (way == 2) r.hba(AhciRig::HbaReg::GHC, GHC_HR);
        EXPECT_TRUE(r.disk.held.empty());
        EXPECT_EQ(r.hypervisor.ram.pins, 0);
        r.px(0, PxSCTL, 0);
        EXPECT_EQ(r.sectors(0, 8), before);
        EXPECT_EQ(r.sectors(500, 8), data) << "where it was asked for";
    }
}

TEST_F(AhciPortTest, WhileTheLinkIsDownCommandsWait) {
    r.px(0, PxSCTL, 1);
    r.run(AhciRig::frame(0xe5));
    EXPECT_EQ(r.px(0, PxCI), 1U);
    EXPECT_EQ(r.px(0, PxIS), 0U);
    r.px(0, PxSCTL, 0);
    EXPECT_EQ(r.px(0, PxCI), 0U);
    EXPECT_EQ(r.px(0, PxTFD), u32{kReady});
}

// What no driver does

TEST_F(AhciPortTest, PxCiOfAStoppedPortIsNotWritable) {
    r.stop(0);
    r.px(0, PxCI, ~0U);
    r.px(0, PxSACT, ~0U);
    EXPECT_EQ(r.px(0, PxCI), 0U);
    EXPECT_EQ(r.px(0, PxSACT), 0U);
}

TEST_F(AhciPortTest, WithoutBusMasteringCommandsWait) {
    r.enable(3);
    r.run(AhciRig::frame(0xe5));
    EXPECT_EQ(r.px(0, PxCI), 1U);
    r.enable(7);
    EXPECT_EQ(r.px(0, PxCI), 0U);
    EXPECT_EQ(r.px(0, PxIS), DHRS);
}

TEST_F(AhciPortTest, ACommandListThatIsNotRamIsABusError) {
    for (const u64 list : {kAbar, u64{1} << 40, ~u64{0x3ff}, kRamSize}) {
        r.px(0, PxIS, 0xffffffff);
        r.px(0, PxCLB, static_cast<u32>(list));
        r.px(0, PxCLBU, static_cast<u32>(list >> 32));
        r.px(0, PxCI, 2);
        EXPECT_EQ(r.px(0, PxIS), HBFS);
        EXPECT_EQ(r.px(0, PxCI), 2U);
        r.stop(0);
        EXPECT_EQ(r.px(0, PxCI), 0U);
        r.px(0, PxCMD, FRE | ST);
    }
}

TEST_F(AhciPortTest, ACommandTableThatIsNotRamIsABusError) {
    for (const u64 table : {kAbar, kRamSize, ~u64{0x7f}}) {
        r.start(0);
        r.px(0, PxIS, 0xffffffff);
        r.put(0, 0, AhciRig::frame(0xe5));
        r.put32(AhciRig::list(0) + 8, static_cast<u32>(table));
        r.put32(AhciRig::list(0) + 12, static_cast<u32>(table >> 32));
        r.issue(0, 0);
        EXPECT_EQ(r.px(0, PxIS), HBFS);
        r.stop(0);
    }
}

TEST_F(AhciPortTest, AScatterListThatIsNotRamEndsTheCommand) {
    constexpr u64 kEnd = kRamSize - 0x80; // the table's frame is the last of RAM
    r.put(0, 0, AhciRig::frame(0x25, 0, 1));
    std::copy_n(&r.ram[AhciRig::table(0, 0)], 20, &r.ram[kEnd]);
    r.put32(AhciRig::list(0), 1U << 16 | 5);
    r.put32(AhciRig::list(0) + 8, kEnd);
    r.issue(0, 0);
    EXPECT_EQ(r.px(0, PxCI), 0U) << "entries of ones: 4 MiB at the end of the address space";
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(AhciPortTest, FramesWithoutAPlaceAreLostAndNothingElse) {
    r.px(0, PxFB, static_cast<u32>(kAbar));
    r.run(AhciRig::frame(0x25, 9, 1), 512);
    expect_good();
    EXPECT_EQ(r.memory_at(kData, 512), r.sectors(9, 1));
    r.px(0, PxIS, 0xffffffff);
    r.px(0, PxCMD, ST); // FRE is clear
    r.run(AhciRig::frame(0x25, 10, 1), 512);
    expect_good();
}

TEST_F(AhciPortTest, AFrameThatIsNotForADeviceIsAnInterfaceError) {
    auto odd = AhciRig::frame(0xec);
    odd[0] = 0x46;
    r.run(odd, 512);
    EXPECT_EQ(r.px(0, PxIS), IFS);
    EXPECT_EQ(r.px(0, PxCI), 1U);
}

TEST_F(AhciPortTest, AListThatDescribesItselfIsReadOnce) {
    // The first entry's data goes over the table: over the frame, which was copied, and over the entries.
    const u64 table = AhciRig::table(0, 0);
    r.put(0, 0, AhciRig::frame(0x25, 0, 2), {{table, 512}, {kData, 512}});
    r.issue(0, 0);
    EXPECT_EQ(r.memory_at(table, 512), r.sectors(0, 1));
    EXPECT_EQ(r.memory_at(kData, 512), r.sectors(1, 1));
    EXPECT_EQ(r.px(0, PxCI), 0U);
}

TEST_F(AhciPortTest, ACommandListOverTheReceivedFramesIsHarmless) {
    r.px(0, PxFB, static_cast<u32>(AhciRig::list(0)));
    for (int i = 0; i < 8; ++i)
        r.run(AhciRig::frame(0x25, 9, 1), 512);
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(AhciPortTest, AnEmptyPortTakesNothing) {
    r.start(4);
    r.px(4, PxCI, ~0U);
    EXPECT_EQ(r.px(4, PxIS), 0U);
    EXPECT_EQ(r.px(4, PxTFD), 0x7fU);
    r.px(4, PxSCTL, 1);
    r.px(4, PxSCTL, 0);
    EXPECT_EQ(r.px(4, PxSSTS), 0U);
    EXPECT_EQ(r.px(4, PxSIG), 0xffffffffU);
}

TEST(AhciCdrom, APacketCommandTakesItsPacketFromTheTable) {
    AhciFullRig r;
    r.start(2);
    r.px(2, PxIS, 0xffffffff);
    for (const u16 features : {u16{0}, u16{1}}) {       // PIO, DMA
        for (int attempt = 0; attempt < 3; ++attempt) { // the drive reports its new medium first
            r.px(2, PxIS, 0xffffffff);
            auto packet = AhciRig::frame(0xa0, 0, 0, features);
            packet[5] = 0x00;
            packet[6] = 0x08; // blocks of 2048 bytes
            r.put(2, 0, packet, {{kData, 4096}});
            const std::array<u8, 12> read10{0x28, 0, 0, 0, 0, 3, 0, 0, 2};
            std::copy(read10.begin(), read10.end(),
                      r.ram.begin() + static_cast<std::ptrdiff_t>(AhciRig::table(2, 0) + 0x40));
            r.issue(2, 0);
            if ((r.px(2, PxTFD) & ERR) == 0) break;
            r.stop(2);
            r.start(2);
        }
        EXPECT_EQ(r.px(2, PxTFD) & ERR, 0U);
        EXPECT_EQ(r.px(2, PxCI), 0U);
        EXPECT_EQ(r.memory_at(kData, 4096),
                  std::vector<u8>(r.disc.data.begin() + 3 * 2048, r.disc.data.begin() + 5 * 2048));
        EXPECT_EQ(r.get32(AhciRig::list(2) + 4), 4096U);
        r.fill(kData, 4096);
    }
}

} // namespace
} // namespace dm::test
