#include "tests/devices/ide_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ide;
using testing::Each;

TEST(Piix3Ide, IsTheFunctionThatGuestsKnow) {
    DiskRig r;
    EXPECT_EQ(r.pci.config_read(kBdf, pci::VENDOR_ID, 4), 0x70108086U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::REVISION_ID, 4), 0x01018000U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::INTERRUPT_PIN, 1), 0U);
}

TEST(Piix3Ide, ChannelEnableBitsReadBack) { // Linux ata_piix refuses a channel without bit 15
    DiskRig r;
    r.pci.config_write(kBdf, 0x40, 2, 0x8000);
    r.pci.config_write(kBdf, 0x42, 2, 0x8000);
    EXPECT_EQ(r.pci.config_read(kBdf, 0x40, 4), 0x80008000U);
}

TEST(Piix3Ide, LegacyPortsAnswerWhateverTheCommandRegisterSays) {
    DiskRig r;
    r.pci.config_write(kBdf, pci::COMMAND, 2, 0);
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST(Piix3Ide, BusMasterRegistersAreBytesAtFixedPlaces) {
    DiskRig r;
    r.out(kBusMaster + 4, 0x12345677, 4);
    EXPECT_EQ(r.in(kBusMaster + 4, 4), 0x12345674U);
    r.out(kBusMaster + 6, 0xab, 1);
    EXPECT_EQ(r.in(kBusMaster + 4, 4), 0x12ab5674U);
    r.out(kBusMaster + 2, 0xff);
    EXPECT_EQ(r.in(kBusMaster + 2), 0x60U);
    EXPECT_EQ(r.in(kBusMaster + 1), 0xffU);
    EXPECT_EQ(r.in(kBusMaster + 12, 4), 0U) << "the secondary channel has its own";
}

TEST(Piix3Ide, AnEmptyCableReadsZeroEverywhere) {
    DiskRig r;
    for (unsigned i = 0; i < 8; ++i)
        EXPECT_EQ(r.reg(static_cast<Reg>(i), kSecondary), 0) << i;
    r.set(STATUS, 0xec, kSecondary);
    EXPECT_EQ(r.alt_status(kSecondary), 0);
    EXPECT_FALSE(r.irq(15));
}

TEST(Piix3Ide, AnAbsentSlaveReadsStatusZeroButEchoesRegisters) { // FreeBSD probes so
    DiskRig r;
    r.set(DEVICE, 0xb0);
    r.set(COUNT, 0x55);
    r.set(LOW, 0xaa);
    EXPECT_EQ(r.reg(COUNT), 0x55);
    EXPECT_EQ(r.reg(LOW), 0xaa);
    EXPECT_EQ(r.reg(DEVICE), 0xb0);
    EXPECT_EQ(r.reg(STATUS), 0);
    EXPECT_EQ(r.reg(ERROR), 0);
    r.set(STATUS, 0xec);
    EXPECT_FALSE(r.irq());
}

TEST(Piix3Ide, WritesReachBothDevicesAndTheHobHoldsThePreviousOnes) {
    FullRig r;
    r.set(LOW, 0x11);
    r.set(LOW, 0x22);
    r.set(DEVICE, 0x10);
    EXPECT_EQ(r.reg(LOW), 0x22);
    r.control(0x80);
    EXPECT_EQ(r.reg(LOW), 0x11);
    r.set(COUNT, 1); // any write shows the current values again
    EXPECT_EQ(r.reg(LOW), 0x22);
}

TEST(Piix3Ide, ReadingStatusAcknowledgesTheInterruptAndAlternateStatusDoesNot) {
    DiskRig r;
    r.lba28(0xec, 0, 0);
    EXPECT_TRUE(r.irq());
    r.alt_status();
    EXPECT_TRUE(r.irq());
    r.reg(STATUS);
    EXPECT_FALSE(r.irq());
}

TEST(Piix3Ide, NienMasksTheLineAndLetsAPendingInterruptThroughLater) {
    DiskRig r;
    r.control(2);
    r.lba28(0xec, 0, 0);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.bm_status() & INTR, 0);
    r.control(0);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.bm_status() & INTR, INTR);
}

TEST(Piix3Ide, EveryInterruptOfTheChannelIsLatchedByTheBusMaster) { // SeaBIOS waits for the bit
    DiskRig r;
    r.lba28(0xec, 0, 0);
    EXPECT_EQ(r.bm_status() & INTR, INTR);
    r.out(kBusMaster + 2, INTR);
    EXPECT_EQ(r.bm_status() & INTR, 0);
}

TEST(Piix3Ide, SrstHoldsBothDevicesBusyAndLeavesTheirSignatures) {
    BothRig r;
    r.set(DEVICE, 0x10);
    r.control(4);
    EXPECT_EQ(r.alt_status(), BSY);
    r.set(COUNT, 0x77); // ignored
    r.set(STATUS, 0xec);
    r.control(0);
    EXPECT_EQ(r.reg(DEVICE), 0xa0);
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(r.reg(ERROR), 1);
    EXPECT_EQ(r.reg(COUNT), 1);
    EXPECT_EQ(r.reg(LOW), 1);
    EXPECT_EQ(r.reg(MID), 0);
    EXPECT_EQ(r.reg(HIGH), 0);
    EXPECT_FALSE(r.irq());
    r.set(DEVICE, 0x10);
    EXPECT_EQ(r.reg(STATUS), 0);
    EXPECT_EQ(r.reg(MID), 0x14);
    EXPECT_EQ(r.reg(HIGH), 0xeb);
}

TEST(Piix3Ide, SrstEndsATransfer) {
    DiskRig r;
    r.lba28(0x20, 0, 2);
    r.pull(100);
    r.control(4);
    r.control(0);
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_THAT(r.pull(4), Each(0));
}

TEST(Piix3Ide, ExecuteDeviceDiagnosticAnswersForBothDevices) {
    BothRig r;
    r.set(DEVICE, 0x10);
    r.set(STATUS, 0x90);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(DEVICE), 0xa0);
    EXPECT_EQ(r.reg(ERROR), 1);
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST(Piix3Ide, ACommandWhileTheDriveIsBusyIsIgnored) {
    DiskRig r;
    r.disk.hold = true;
    r.lba28(0x20, 3, 1);
    EXPECT_EQ(r.alt_status() & BSY, BSY);
    r.lba28(0xec, 0, 0);
    r.disk.complete();
    EXPECT_EQ(r.pull(512), IdeRig::part(r.disk, 3 * 512, 512));
}

TEST(Piix3Ide, RegistersAreLockedDuringATransfer) {
    BothRig r;
    for (const bool busy : {false, true}) {
        r.disk.hold = busy; // BSY or DRQ
        r.lba28(0x20, 3, 1);
        for (const Reg reg : {ERROR, COUNT, LOW, MID, HIGH, DEVICE})
            r.set(reg, 0x1f); // for DEVICE: the other drive
        EXPECT_EQ(r.reg(LOW), 3);
        EXPECT_EQ(r.reg(COUNT), 1);
        EXPECT_EQ(r.reg(DEVICE), 0xe0);
        r.disk.drain();
        EXPECT_EQ(r.pull(512), IdeRig::part(r.disk, 3 * 512, 512));
        EXPECT_EQ(r.reg(STATUS), kReady);
    }
}

TEST(Piix3Ide, UnplugLetsGoOfTheDisksButNotOfTheCdBesideThem) {
    BothRig r;
    ASSERT_TRUE(r.dev.unplug_disks(Piix3Ide::Unplug::AllDisks).ok());
    EXPECT_EQ(r.disk.flushes, 1U);
    EXPECT_EQ(r.dev.disk(0), nullptr);
    r.set(DEVICE, 0);
    EXPECT_EQ(r.reg(STATUS), 0);
    r.set(STATUS, 0xec);
    EXPECT_FALSE(r.irq());
    r.set(DEVICE, 0x10);
    r.set(STATUS, 0xa1);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.pull(512)[0], 0xc0);
}

TEST(Piix3Ide, UnplugDropsACommandThatRunsAndWaitsForWhatTheMediumHas) { // XSA-139
    DiskRig r;
    r.disk.hold = true;
    r.set_prds({{kData, 0x2000 | EOT}});
    r.lba28(0xca, 10, 16);
    r.start(false);
    ASSERT_EQ(r.disk.held.size(), 1U);
    r.disk.hold = false;
    ASSERT_TRUE(r.dev.unplug_disks(Piix3Ide::Unplug::AllDisks).ok());
    EXPECT_TRUE(r.disk.held.empty());
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_FALSE(r.irq());
    const unsigned before = r.disk.submitted;
    r.start(true);
    r.lba28(0x20, 0, 1);
    r.push(std::vector<u8>(512));
    EXPECT_EQ(r.disk.submitted, before);
}

TEST(Piix3Ide, AuxiliaryUnplugSparesThePrimaryMaster) {
    FullRig r;
    ASSERT_TRUE(r.dev.unplug_disks(Piix3Ide::Unplug::AllButPrimaryMaster).ok());
    EXPECT_NE(r.dev.disk(0), nullptr);
    EXPECT_EQ(r.dev.disk(1), nullptr);
    EXPECT_NE(r.dev.cdrom(2), nullptr);
}

TEST(Piix3Ide, AFailedFlushDuringUnplugIsReported) {
    DiskRig r;
    r.disk.next_error = EIO;
    EXPECT_FALSE(r.dev.unplug_disks(Piix3Ide::Unplug::AllDisks).ok());
    EXPECT_EQ(r.dev.disk(0), nullptr);
}

TEST(Piix3Ide, UnplugOutlivesResetAndSavedState) {
    DiskRig r;
    ASSERT_TRUE(r.dev.unplug_disks(Piix3Ide::Unplug::AllDisks).ok());
    r.dev.reset();
    EXPECT_EQ(r.reg(STATUS), 0);
    const std::vector<u8> image = snapshot(r);
    DiskRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_EQ(twin.reg(STATUS), 0);
    EXPECT_EQ(twin.dev.disk(0), nullptr);
}

TEST(Piix3Ide, WhatWasUnpluggedCannotComeBackByLoadingAnOlderState) {
    DiskRig r;
    const std::vector<u8> image = snapshot(r);
    ASSERT_TRUE(r.dev.unplug_disks(Piix3Ide::Unplug::AllDisks).ok());
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    EXPECT_FALSE(r.dev.load(*reader).ok());
    EXPECT_EQ(r.reg(STATUS), 0);
}

TEST(Piix3Ide, AStateOfAMachineWithOtherDrivesIsRefused) {
    DiskRig r;
    CdRig other;
    const std::vector<u8> image = snapshot(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    EXPECT_FALSE(other.dev.load(*reader).ok());
}

template <class R> Status load_into(R& rig, const std::vector<u8>& image) {
    DM_TRY_ASSIGN(StateReader reader, StateReader::open(image));
    DM_TRY(rig.dev.load(reader));
    return reader.finish();
}

/// A disk that was attached for PV drivers has an emulated place only since the guest was restored.
TEST(Piix3Ide, ADriveThatTheSavedMachineDidNotHaveIsNotSeen) {
    DiskRig r;
    IdeRig more(IdeRig::Disk | IdeRig::SecondDisk | IdeRig::SecondaryCd);
    const Status loaded = load_into(more, snapshot(r));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    const auto status = [](IdeRig& rig, u8 device, Port base) {
        rig.set(DEVICE, device, base);
        return rig.reg(STATUS, base);
    };
    EXPECT_EQ(status(more, 0, kPrimary), kReady);
    EXPECT_EQ(status(more, 0x10, kPrimary), 0);
    EXPECT_EQ(status(more, 0, kSecondary), 0);
    EXPECT_EQ(more.dev.disk(1), nullptr);
    more.dev.reset();
    EXPECT_EQ(status(more, 0x10, kPrimary), 0) << "until the domain ends";
    EXPECT_EQ(status(more, 0, kSecondary), 0);
    IdeRig again(IdeRig::Disk | IdeRig::SecondDisk | IdeRig::SecondaryCd);
    ASSERT_TRUE(load_into(again, snapshot(more)).ok()) << "and over another restore";
    EXPECT_EQ(status(again, 0x10, kPrimary), 0);
    EXPECT_EQ(status(again, 0, kSecondary), 0);
    EXPECT_EQ(again.disk2.submitted, 0U);
}

TEST(Piix3Ide, ADriveThatWasDetachedIsForgottenWhenTheGuestHadLetItGo) {
    FullRig r;
    EXPECT_FALSE(load_into(*std::make_unique<DiskRig>(), snapshot(r)).ok()) << "it is in use";
    ASSERT_TRUE(r.dev.unplug_disks(Piix3Ide::Unplug::AllButPrimaryMaster).ok());
    DiskRig fewer;
    const Status loaded = load_into(fewer, snapshot(r));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    fewer.set(DEVICE, 0x10);
    EXPECT_EQ(fewer.reg(STATUS), 0);
    fewer.set(DEVICE, 0);
    EXPECT_EQ(fewer.reg(STATUS), kReady);
}

TEST(Piix3Ide, AHalfDoneTransferContinuesAfterLoading) {
    DiskRig r;
    r.lba28(0x20, 5, 3);
    const std::vector<u8> first = r.pull(700);
    const std::vector<u8> image = snapshot(r);
    EXPECT_LT(image.size(), 20U * 1024);
    DiskRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    std::vector<u8> all = first;
    const std::vector<u8> rest = twin.pull(3 * 512 - 700);
    all.insert(all.end(), rest.begin(), rest.end());
    EXPECT_EQ(all, IdeRig::part(r.disk, 5 * 512, 3 * 512));
    EXPECT_EQ(twin.reg(STATUS), kReady);
}

TEST(Piix3Ide, ADmaCommandThatWaitsForTheBusMasterStartsAfterLoading) {
    DiskRig r;
    r.set_prds({{kData, 1024 | EOT}});
    r.lba28(0xc8, 7, 2);
    const std::vector<u8> image = snapshot(r);
    DiskRig twin;
    twin.copy_surroundings(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    twin.start(true);
    EXPECT_EQ(twin.memory_at(kData, 1024), IdeRig::part(r.disk, 7 * 512, 1024));
    EXPECT_TRUE(twin.irq());
}

TEST(Piix3Ide, QuiesceFinishesCommandsWithTheirInterrupt) {
    DiskRig r;
    r.disk.hold = true;
    r.set_prds({{kData, 1024 | EOT}});
    r.lba28(0xc8, 7, 2);
    r.start(true);
    EXPECT_FALSE(r.irq());
    r.dev.quiesce();
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_EQ(r.memory_at(kData, 1024), IdeRig::part(r.disk, 7 * 512, 1024));
}

TEST(Piix3Ide, ResetDuringAWriteLeavesSectorZeroAlone) { // CVE-2023-5088
    DiskRig r;
    const std::vector<u8> before = r.part(r.disk, 0, 512);
    r.disk.hold = true;
    std::fill_n(r.ram.begin() + kData, 1024, u8{0xee});
    r.set_prds({{kData, 1024 | EOT}});
    r.lba28(0xca, 100, 2);
    r.start(false);
    r.control(4);
    r.control(0);
    r.disk.hold = false;
    EXPECT_EQ(r.part(r.disk, 0, 512), before);
    EXPECT_THAT(IdeRig::part(r.disk, u64{100} * 512, 1024), Each(0xee));
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_FALSE(r.irq());
}

INSTANTIATE_TYPED_TEST_SUITE_P(Piix3IdeDisk, DeviceConformance, DiskRig);
INSTANTIATE_TYPED_TEST_SUITE_P(Piix3IdeCdrom, DeviceConformance, CdRig);
INSTANTIATE_TYPED_TEST_SUITE_P(Piix3IdeDiskAndCdrom, DeviceConformance, BothRig);
INSTANTIATE_TYPED_TEST_SUITE_P(Piix3IdeAllPlaces, DeviceConformance, FullRig);

} // namespace
} // namespace dm::test
