#include "tests/devices/pci_host_rig.hpp"

#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

TEST(PciHost, TheLatchReadsBackAsPciProbesExpect) {
    PciHostRig r;
    r.out(PciHostRig::kAddress, 0x80000000, 4); // Linux, SeaBIOS
    EXPECT_EQ(r.in(PciHostRig::kAddress, 4), 0x80000000U);
    r.out(PciHostRig::kAddress, 0xff000001, 4); // FreeBSD
    EXPECT_EQ(r.in(PciHostRig::kAddress, 4) & 0x80000001, 0x80000000U);
}

TEST(PciHost, TheLatchTakesDwordsOnly) {
    PciHostRig r;
    r.out(PciHostRig::kAddress, 0x80000040, 4);
    r.out(PciHostRig::kAddress, 0x55, 1);
    r.out(PciHostRig::kAddress, 0x5555, 2);
    r.out(PciHostRig::kAddress + 2, 0x5555, 2);
    EXPECT_EQ(r.in(PciHostRig::kAddress, 4), 0x80000040U);
    EXPECT_EQ(r.in(PciHostRig::kAddress, 1), 0xffU);
    EXPECT_EQ(r.in(PciHostRig::kAddress + 2, 2), 0xffffU);
}

TEST(PciHost, ADwordAtTheLatchIsNotForTheResetControlRegister) {
    PciHostRig r;
    r.out(PciHostRig::kAddress, 0x8000ff00, 4);
    EXPECT_EQ(r.rcr.writes, 0U);
}

TEST(PciHost, AByteOrWordAtCf9IsForTheResetControlRegister) {
    PciHostRig r;
    r.out(0xcf9, 0x02, 1);
    EXPECT_EQ(r.rcr.value, 0x02);
    r.out(0xcf9, 0x5506, 2);
    EXPECT_EQ(r.rcr.value, 0x06);
    EXPECT_EQ(r.rcr.writes, 2U);
    EXPECT_EQ(r.in(0xcf9, 1), 0x06U);
    EXPECT_EQ(r.in(0xcf9, 2), 0xff06U);
}

TEST(PciHost, TheDataWindowReachesTheByteLanesOfTheRegister) {
    PciHostRig r;
    r.out(PciHostRig::kAddress, 0x80000000, 4);
    EXPECT_EQ(r.in(PciHostRig::kData, 4), 0x12378086U);
    EXPECT_EQ(r.in(PciHostRig::kData + 2, 2), 0x1237U);
    EXPECT_EQ(r.in(PciHostRig::kData + 1, 1), 0x80U);
    r.out(PciHostRig::kAddress, 0x80000058, 4);
    r.out(PciHostRig::kData + 1, 0x30, 1);
    EXPECT_EQ(r.bridge.config_read(0x59, 1), 0x30U);
}

TEST(PciHost, TheLowestAddressBitsChooseAByteAsTestProgramsOfQemuExpect) {
    PciHostRig r;
    r.out(PciHostRig::kAddress, 0x80000002, 4);
    EXPECT_EQ(r.in(PciHostRig::kData, 2), 0x1237U);
    EXPECT_EQ(r.in(PciHostRig::kAddress, 4), 0x80000000U);
    r.out(PciHostRig::kAddress, 0x80000001, 4);
    EXPECT_EQ(r.in(PciHostRig::kData + 3, 1), 0x12U) << "QEMU ORs the lane";
}

TEST(PciHost, WithoutTheEnableBitTheDataWindowIsDead) {
    PciHostRig r;
    r.out(PciHostRig::kAddress, 0x00000058, 4);
    r.out(PciHostRig::kData + 1, 0x30, 1);
    EXPECT_EQ(r.in(PciHostRig::kData, 4), 0xffffffffU);
    EXPECT_EQ(r.bridge.config_read(0x59, 1), 0x00U);
}

TEST(PciHost, OtherBusesDevicesAndFunctionsAreEmpty) {
    PciHostRig r;
    for (const u32 address : {0x80010000U, 0x80ff0000U, 0x80000800U, 0x80000100U, 0x80000700U}) {
        r.out(PciHostRig::kAddress, address, 4);
        EXPECT_EQ(r.in(PciHostRig::kData, 4), 0xffffffffU) << std::hex << address;
    }
}

TEST(PciHost, AnAccessAcrossTheLatchAndTheWindowIsDoneByBytes) {
    PciHostRig r;
    r.out(PciHostRig::kAddress, 0x80000000, 4);
    EXPECT_EQ(r.in(PciHostRig::kAddress + 2, 4), 0x8086ffffU);
}

TEST(PciHost, TheLastRegisterHasNoNeighbour) {
    PciHostRig r;
    r.out(PciHostRig::kAddress, 0x800000fc, 4);
    EXPECT_EQ(r.in(PciHostRig::kData, 4), 0U);
    EXPECT_EQ(r.in(PciHostRig::kData + 2, 4), 0xffff0000U);
}

INSTANTIATE_TYPED_TEST_SUITE_P(PciHost, DeviceConformance, PciHostRig);

} // namespace
} // namespace dm::test
