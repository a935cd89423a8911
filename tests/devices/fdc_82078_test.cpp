#include "tests/devices/fdc_82078_rig.hpp"

#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

using Bytes = FdcRig::Bytes;

struct Fdc82078Test : testing::Test {
    FdcRig r;
};

// --------------------------------------------------------------------------------------- registers and
// resets

TEST_F(Fdc82078Test, RegistersHaveTheirPowerOnValues) {
    EXPECT_EQ(r.in(FdcRig::kSrb), 0xc0U);
    EXPECT_EQ(r.in(FdcRig::kDor), 0x0cU);
    EXPECT_EQ(r.in(FdcRig::kTdr), 0x00U);
    EXPECT_EQ(r.msr(), 0x80);
    EXPECT_EQ(r.dir(), 0x80);
    EXPECT_FALSE(r.irq());
}

TEST_F(Fdc82078Test, StatusBShowsMotorsAndTheSelectedDrive) {
    r.out(FdcRig::kDor, 0x1c);
    EXPECT_EQ(r.in(FdcRig::kSrb), 0xc1U);
    r.out(FdcRig::kDor, 0x2d);
    EXPECT_EQ(r.in(FdcRig::kSrb), 0xe2U);
}

TEST_F(Fdc82078Test, NothingWorksWhileDorHoldsItInReset) {
    r.out(FdcRig::kDor, 0x00);
    EXPECT_EQ(r.msr(), 0x00);
    r.send({0x10});
    EXPECT_EQ(r.msr(), 0x00);
    EXPECT_FALSE(r.irq());
}

TEST_F(Fdc82078Test, AResetInterruptsAndFourSensesTellOfThePolledDrives) {
    r.leave_reset();
    EXPECT_TRUE(r.irq());
    for (u8 n = 0; n < 4; ++n) {
        EXPECT_EQ(r.ask({0x08}), (Bytes{static_cast<u8>(0xc0 + n), 0}));
        EXPECT_FALSE(r.irq());
    }
    EXPECT_EQ(r.ask({0x08}), Bytes{0x80}) << "nothing is left to be told";
}

TEST_F(Fdc82078Test, DsrResetsAsDorDoesAndClearsItself) {
    r.out(FdcRig::kDsr, 0x80);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.msr(), 0x80);
    EXPECT_EQ(r.ask({0x08}), (Bytes{0xc0, 0}));
}

TEST_F(Fdc82078Test, AResetEndsACommandInItsMiddle) {
    r.send({0xe6, 0, 0});
    EXPECT_EQ(r.msr(), 0x90);
    r.leave_reset();
    EXPECT_EQ(r.msr(), 0x80);
    EXPECT_EQ(r.ask({0x10}), Bytes{0x90});
}

TEST_F(Fdc82078Test, LockKeepsTheFifoSettingsThroughASoftwareReset) {
    r.send({0x13, 0, 0x57, 20});
    EXPECT_EQ(r.ask({0x94}), Bytes{0x10});
    r.leave_reset();
    Bytes registers = r.ask({0x0e});
    ASSERT_EQ(registers.size(), 10U);
    EXPECT_EQ(registers[7], 0x80);
    EXPECT_EQ(registers[8], 0x07) << "EIS and POLL are not protected";
    EXPECT_EQ(registers[9], 20);
    EXPECT_EQ(r.ask({0x14}), Bytes{0x00});
    r.leave_reset();
    registers = r.ask({0x0e});
    ASSERT_EQ(registers.size(), 10U);
    EXPECT_EQ(registers[8], 0x20);
    EXPECT_EQ(registers[9], 0);
}

// ------------------------------------------------------------------------------------------------ commands

TEST_F(Fdc82078Test, SaysThatItIsAn82078) {
    EXPECT_EQ(r.ask({0x10}), Bytes{0x90});
    EXPECT_EQ(r.ask({0x18}), Bytes{0x41});
}

TEST_F(Fdc82078Test, WhatIsNoCommandIsAnsweredAtOnceWithoutInterrupt) {
    for (const int byte : {0x00, 0x01, 0x0b, 0xcd, 0xff}) {
        EXPECT_EQ(r.ask({static_cast<u8>(byte)}), Bytes{0x80});
        EXPECT_FALSE(r.irq());
        EXPECT_EQ(r.msr(), 0x80);
    }
}

TEST_F(Fdc82078Test, SeekEndsWithAnInterruptThatSenseTakes) {
    r.send({0x0f, 0, 7});
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.ask({0x08}), (Bytes{0x20, 7}));
    EXPECT_FALSE(r.irq());
    r.send({0x07, 0});
    EXPECT_EQ(r.ask({0x08}), (Bytes{0x20, 0}));
}

TEST_F(Fdc82078Test, SeeksOfSeveralDrivesAreToldOfOneByOne) {
    FdcRig two{FdcRig::k1440, std::nullopt, FdcRig::k1440};
    two.send({0x0f, 1, 9});
    two.send({0x0f, 0, 3});
    EXPECT_EQ(two.ask({0x08}), (Bytes{0x20, 3}));
    EXPECT_TRUE(two.irq());
    EXPECT_EQ(two.ask({0x08}), (Bytes{0x21, 9}));
    EXPECT_FALSE(two.irq());
}

TEST_F(Fdc82078Test, RelativeSeeksStayOnTheDisk) {
    r.seek(10);
    r.send({0xcf, 0, 5});
    EXPECT_EQ(r.ask({0x08}), (Bytes{0x20, 15}));
    r.send({0x8f, 0, 200});
    EXPECT_EQ(r.ask({0x08}), (Bytes{0x20, 0}));
    r.seek(200);
    r.send({0xcf, 0, 200});
    EXPECT_EQ(r.ask({0x08}), (Bytes{0x20, 255}));
}

TEST_F(Fdc82078Test, ADriveThatIsNotThereNeverFindsTrackZero) {
    r.send({0x07, 1});
    EXPECT_EQ(r.ask({0x08}), (Bytes{0x71, 0}));
    EXPECT_EQ(r.ask({0x04, 1}), Bytes{0x69});
}

TEST_F(Fdc82078Test, DriveStatusShowsTrackZeroHeadAndWriteProtection) {
    EXPECT_EQ(r.ask({0x04, 0x00}), Bytes{0x38});
    EXPECT_EQ(r.ask({0x04, 0x04}), Bytes{0x3c});
    r.seek(1);
    EXPECT_EQ(r.ask({0x04, 0x00}), Bytes{0x28});
    r.disk.readonly = true;
    EXPECT_EQ(r.ask({0x04, 0x00}), Bytes{0x68});
}

TEST_F(Fdc82078Test, DumpRegistersShowsWhatWasSet) {
    r.seek(3);
    r.send({0x03, 0xdf, 0x02});
    r.send({0x13, 0, 0x48, 11});
    r.send({0x12, 0x94});
    EXPECT_EQ(r.ask({0x0e}), (Bytes{3, 0, 0, 0, 0xdf, 0x02, 0, 0x14, 0x48, 11}));
}

TEST_F(Fdc82078Test, PerpendicularModeChangesItsDrivesOnlyWhenToldToOverwrite) {
    r.send({0x12, 0xbe});
    r.send({0x12, 0x01});
    const Bytes registers = r.ask({0x0e});
    ASSERT_EQ(registers.size(), 10U);
    EXPECT_EQ(registers[7], 0x3d);
}

TEST_F(Fdc82078Test, RestoreTakesWhatSaveGave) {
    r.seek(5);
    r.send({0x03, 0xa1, 0x30});
    r.send({0x13, 0, 0x51, 9});
    const Bytes saved = r.ask({0x2e});
    ASSERT_EQ(saved.size(), 15U);
    r.reset_all();
    r.send({0x4e});
    for (const u8 byte : saved)
        r.send({byte});
    EXPECT_EQ(r.msr(), 0x90) << "two more bytes";
    r.send({0, 0});
    EXPECT_EQ(r.msr(), 0x80);
    EXPECT_EQ(r.ask({0x2e}), saved);
}

TEST_F(Fdc82078Test, DriveSpecificationTakesBytesUntilTheOneThatSaysDone) {
    r.send({0x8e, 0x05, 0x2a, 0xc0});
    EXPECT_EQ(r.msr(), 0x80) << "NRP: no result";
    EXPECT_EQ(r.ask({0x8e, 0x80}), (Bytes{0x05, 0x0a, 0, 0}));
}

TEST_F(Fdc82078Test, PowerdownAndOptionAreAccepted) {
    EXPECT_EQ(r.ask({0x17, 0x02}), Bytes{0x02});
    EXPECT_EQ(r.ask({0x33, 0x80}), Bytes{});
    EXPECT_EQ(r.msr(), 0x80);
}

TEST_F(Fdc82078Test, ReadIdWaitsForASectorToComeByAndEachIsTheNext) {
    r.seek(2);
    r.send({0x4a, 0x04});
    EXPECT_EQ(r.msr(), 0x10);
    EXPECT_FALSE(r.irq());
    r.advance(20 * kMillisecond);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.result(), (Bytes{0x04, 0, 0, 2, 1, 1, 2}));
    EXPECT_FALSE(r.irq());
    r.send({0x4a, 0x04});
    r.advance(20 * kMillisecond);
    EXPECT_EQ(r.result(), (Bytes{0x04, 0, 0, 2, 1, 2, 2}));
}

TEST_F(Fdc82078Test, ReadIdFindsNothingAtAnotherRateOrWithoutADisk) {
    r.out(FdcRig::kDir, 0x02);
    r.send({0x4a, 0x00});
    r.advance(20 * kMillisecond);
    EXPECT_EQ(r.result()[0], 0x40);
    r.out(FdcRig::kDir, 0x00);
    r.send({0x4a, 0x00});
    r.dev.insert(0, nullptr);
    EXPECT_EQ(r.result()[0], 0x40) << "it went while the command waited";
    r.send({0x4a, 0x00});
    r.advance(20 * kMillisecond);
    const Bytes none = r.result();
    EXPECT_EQ(none[0], 0x40);
    EXPECT_EQ(none[1], 0x01);
}

// -------------------------------------------------------------------------------------------- changing disks

TEST_F(Fdc82078Test, DiskChangeStaysUntilAStepWithADiskInTheDrive) {
    r.seek(0);
    EXPECT_EQ(r.dir(), 0x80) << "no step";
    r.seek(1);
    EXPECT_EQ(r.dir(), 0x00);
    r.dev.insert(0, nullptr);
    EXPECT_EQ(r.dir(), 0x80);
    r.seek(2);
    EXPECT_EQ(r.dir(), 0x80) << "no disk";
    FakeBlock other(FdcRig::k720);
    r.dev.insert(0, &other);
    EXPECT_EQ(r.dir(), 0x80);
    r.seek(3);
    EXPECT_EQ(r.dir(), 0x00);
    r.dev.insert(0, &r.disk);
}

TEST_F(Fdc82078Test, DiskChangeIsThatOfTheDriveThatDorSelects) {
    FdcRig two{FdcRig::k1440, std::nullopt, FdcRig::k1440};
    two.seek(1, 1);
    EXPECT_EQ(two.dir(), 0x80);
    two.out(FdcRig::kDor, 0x2d);
    EXPECT_EQ(two.dir(), 0x00);
    two.out(FdcRig::kDor, 0x0e);
    EXPECT_EQ(two.dir(), 0x80) << "nobody is there";
}

TEST_F(Fdc82078Test, TheBootSelectionExchangesTheDrives) {
    FdcRig two{FdcRig::k1440, std::nullopt, FdcRig::k1440};
    two.out(FdcRig::kTdr, 0x04);
    two.seek(4, 1);
    two.out(FdcRig::kTdr, 0x00);
    const Bytes registers = two.ask({0x0e});
    EXPECT_EQ(registers[0], 4);
    EXPECT_EQ(registers[1], 0);
}

TEST(FloppyGeometry, FollowsFromTheSizeAndTheDrive) {
    using enum floppy::DriveType;
    using floppy::Geometry;
    using floppy::geometry_of;
    using floppy::Rate;
    const u64 k = 1024;
    EXPECT_EQ(geometry_of(1440 * k, F1440K), (Geometry{80, 2, 18, Rate::K500, F1440K}));
    EXPECT_EQ(geometry_of(1440 * k, F2880K), (Geometry{80, 2, 18, Rate::K500, F1440K}));
    EXPECT_EQ(geometry_of(2880 * k, F2880K), (Geometry{80, 2, 36, Rate::M1, F2880K}));
    EXPECT_EQ(geometry_of(1200 * k, F1200K), (Geometry{80, 2, 15, Rate::K500, F1200K}));
    EXPECT_EQ(geometry_of(720 * k, F1440K), (Geometry{80, 2, 9, Rate::K250, F1440K}));
    EXPECT_EQ(geometry_of(360 * k, F1200K), (Geometry{40, 2, 9, Rate::K300, F1200K}));
    EXPECT_EQ(geometry_of(360 * k, F1440K), (Geometry{80, 1, 9, Rate::K250, F1440K}));
    EXPECT_EQ(geometry_of(160 * k, F1200K), (Geometry{40, 1, 8, Rate::K250, F1200K}));
    EXPECT_EQ(geometry_of(1680 * k, F1440K).sectors, 21) << "DMF";
    EXPECT_EQ(geometry_of(512, F1440K), (Geometry{80, 2, 18, Rate::K500, F1440K}));
}

TEST(FloppyGeometry, ADriveIsMadeForTheDiskThatIsInItAtFirst) {
    using enum floppy::DriveType;
    EXPECT_EQ(FdcRig{FdcRig::k1440}.dev.type(0), F1440K);
    EXPECT_EQ(FdcRig{u64{1200} * 1024}.dev.type(0), F1200K);
    EXPECT_EQ(FdcRig{u64{2880} * 1024}.dev.type(0), F2880K);
    EXPECT_EQ(FdcRig{0}.dev.type(0), F2880K) << "the one that takes all";
    EXPECT_EQ((FdcRig{FdcRig::k1440, F2880K}.dev.type(0)), F2880K);
    EXPECT_EQ(FdcRig{}.dev.type(1), None);
}

} // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Fdc82078, DeviceConformance, FdcRig);

} // namespace dm::test
