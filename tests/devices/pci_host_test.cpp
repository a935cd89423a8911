#include "dm/devices/pci/pci_host.hpp"

#include "dm/devices/pci/i440fx.hpp"
#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

/// Stands for the PIIX3's register at 0xcf9.
struct ResetControl final : IoHandler {
    u64 read(u64, unsigned) override { return value; }
    void write(u64, unsigned, u64 v) override {
        value = static_cast<u8>(v);
        ++writes;
    }
    u8 value = 0;
    unsigned writes = 0;
};

struct PciHostRig : Rig {
    static constexpr Port kAddress = 0xcf8;
    static constexpr Port kData = 0xcfc;
    I440fx bridge{"i440fx", pci_wiring(0, 0)};
    bool attached = pci.attach({0, 0, 0}, bridge);
    ResetControl rcr;
    PciHost dev{"pci-host", pci, rcr};
    IoWindow address = ports.map({.base = kAddress, .length = 4}, dev);
    IoWindow data = ports.map({.base = kData, .length = 4, .first_offset = PciHost::CONFDATA}, dev);

    Device& device() override { return dev; }
    std::vector<Target> targets() const override { return {{Target::Kind::Ports, kAddress, 8}}; }
    bool has_interrupt() const override { return false; }
    void stimulate(Rng& rng) override { // noise seldom names a function that exists
        out(kAddress, 0x80000000 | (rng.next() & 0xfc), 4);
    }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        auto& other = dynamic_cast<PciHostRig&>(from);
        rcr.value = other.rcr.value;
        for (unsigned reg = 0; reg < 256; reg += 4)
            bridge.config_write(reg, 4, other.bridge.config_read(reg, 4));
    }
};

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
