// The AHCI controller's own registers, resets, state; what a driver finds before it starts a port.
#include "tests/devices/ahci_rig.hpp"

#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

using namespace ahci;
using enum dm::ahci::PortReg;
using AhciRegs = AhciRig::HbaReg;

TEST(AhciController, IsTheFunctionThatGuestsKnow) {
    AhciDiskRig r;
    r.dev.reset();
    const auto config = [&](unsigned reg, unsigned size) { return r.pci.config_read(kBdf, reg, size); };
    EXPECT_EQ(config(pci::VENDOR_ID, 4), 0x29228086U);
    EXPECT_EQ(config(pci::REVISION_ID, 4), 0x01060102U);
    EXPECT_EQ(config(pci::INTERRUPT_PIN, 1), 1U);
    EXPECT_EQ(config(0x90, 1), 0x40U) << "AHCI mode";
    r.enable();
    r.pci.config_write(kBdf, pci::BAR0 + 20, 4, 0xffffffff);
    EXPECT_EQ(config(pci::BAR0 + 20, 4), 0xfffff000U);
    r.pci.config_write(kBdf, pci::BAR0 + 16, 4, 0xffffffff);
    EXPECT_EQ(config(pci::BAR0 + 16, 4), 0xffffffe1U);
}

TEST(AhciController, CapabilityListEndsWithTheSataCapability) {
    AhciDiskRig r;
    EXPECT_NE(r.pci.config_read(kBdf, pci::STATUS, 2) & 0x10U, 0U);
    unsigned at = r.pci.config_read(kBdf, pci::CAPABILITY_LIST, 1);
    while (r.pci.config_read(kBdf, at + 1, 1) != 0)
        at = r.pci.config_read(kBdf, at + 1, 1);
    EXPECT_EQ(at, 0xa8U);
    EXPECT_EQ(r.pci.config_read(kBdf, at, 1), 0x12U);
    EXPECT_EQ(r.pci.config_read(kBdf, at + 2, 2), 0x10U);
    EXPECT_EQ(r.pci.config_read(kBdf, at + 4, 4), 0x48U) << "index and data in BAR4 at 0x10";
}

TEST(AhciController, RegistersHaveTheirResetValues) {
    AhciDiskRig r;
    EXPECT_EQ(r.hba(AhciRegs::CAP), 0xc0141f05U);
    EXPECT_EQ(r.hba(AhciRegs::GHC), GHC_AE);
    EXPECT_EQ(r.hba(AhciRegs::IS), 0U);
    EXPECT_EQ(r.hba(AhciRegs::PI), 0x3fU);
    EXPECT_EQ(r.hba(AhciRegs::VS), 0x10000U);
    for (const auto reg : {AhciRegs::CCC_CTL, AhciRegs::CCC_PORTS, AhciRegs::EM_LOC, AhciRegs::EM_CTL,
                           AhciRegs::CAP2, AhciRegs::BOHC})
        EXPECT_EQ(r.hba(reg), 0U);
    for (unsigned port = 0; port < kPorts; ++port) {
        for (const auto reg :
             {PxCLB, PxCLBU, PxFB, PxFBU, PxIS, PxIE, PxSCTL, PxSERR, PxSACT, PxCI, PxSNTF, PxFBS, PxDEVSLP})
            EXPECT_EQ(r.px(port, reg), 0U) << port;
        EXPECT_EQ(r.px(port, PxCMD), 6U);
        EXPECT_EQ(r.px(port, PxTFD), 0x7fU) << "no frame was received";
        EXPECT_EQ(r.px(port, PxSIG), 0xffffffffU);
        EXPECT_EQ(r.px(port, PxSSTS), port == 0 ? 0x113U : 0U);
    }
}

TEST(AhciController, ReadOnlyRegistersStay) {
    AhciDiskRig r;
    for (u64 at = 0; at < 0x100; at += 4)
        if (at != static_cast<u64>(AhciRegs::GHC)) r.poke(kAbar + at, 0xffffffff);
    EXPECT_EQ(r.hba(AhciRegs::CAP), 0xc0141f05U);
    EXPECT_EQ(r.hba(AhciRegs::PI), 0x3fU);
    EXPECT_EQ(r.hba(AhciRegs::IS), 0U);
    for (const auto reg : {PxTFD, PxSIG, PxSSTS, PxSNTF, PxFBS, PxDEVSLP}) {
        const u32 before = r.px(0, reg);
        r.px(0, reg, ~before);
        EXPECT_EQ(r.px(0, reg), before);
    }
    EXPECT_EQ(r.peek(kAbar + 0x800), 0U) << "behind the last port";
}

TEST(AhciController, WritableRegistersKeepTheBitsThatExist) {
    AhciDiskRig r;
    for (const auto& [reg, bits] : {std::pair{PxCLB, 0xfffffc00U},
                                    {PxCLBU, 0xffffffffU},
                                    {PxFB, 0xffffff00U},
                                    {PxFBU, 0xffffffffU},
                                    {PxIE, 0xfdc000ffU}}) {
        r.px(0, reg, 0xffffffff);
        EXPECT_EQ(r.px(0, reg), bits);
    }
    r.px(0, PxCMD, 0xffffffff);
    EXPECT_EQ(r.px(0, PxCMD) & 0xf0f83ff8U, 0x10U) << "only FRE of these; ICC is done at once";
}

TEST(AhciController, NarrowAndUnalignedAccessesReachTheirBytes) {
    AhciDiskRig r;
    r.px(0, PxCLB, 0x12345400);
    r.poke(AhciRig::port_addr(0, PxCLB) + 2, 0xab, 1);
    EXPECT_EQ(r.px(0, PxCLB), 0x12ab5400U);
    r.poke(AhciRig::port_addr(0, PxCLB) + 2, 0x99887766, 4);
    EXPECT_EQ(r.px(0, PxCLB), 0x77665400U);
    EXPECT_EQ(r.px(0, PxCLBU), 0x9988U);
    EXPECT_EQ(r.peek(AhciRig::port_addr(0, PxCLB) + 2, 4), 0x99887766U);
    r.poke(AhciRig::port_addr(0, PxCLB), 0x1122334455667800, 8);
    EXPECT_EQ(r.px(0, PxCLB), 0x55667800U);
    EXPECT_EQ(r.px(0, PxCLBU), 0x11223344U);
    EXPECT_EQ(r.peek(AhciRig::port_addr(0, PxCLB), 8), 0x1122334455667800U);
}

TEST(AhciController, IndexAndDataPortsShowTheSameRegisters) {
    AhciDiskRig r;
    r.out(kIndexData + 0x10, 0xffffffff, 4);
    EXPECT_EQ(r.in(kIndexData + 0x10, 4), 0xffcU);
    r.out(kIndexData + 0x10, 0x100, 4);
    r.out(kIndexData + 0x14, 0xabcdef01, 4);
    EXPECT_EQ(r.px(0, PxCLB), 0xabcdec00U);
    EXPECT_EQ(r.in(kIndexData + 0x14, 4), 0xabcdec00U);
    EXPECT_EQ(r.in(kIndexData + 0x16, 1), 0xcdU);
    EXPECT_EQ(r.in(kIndexData + 0x00, 4), 0U);
}

TEST(AhciController, TheFirstFrameArrivesWhenFramesAreReceived) {
    AhciFullRig r;
    for (const auto& [port, signature] : {std::pair{0U, 0x00000101U}, {2U, 0xeb140101U}}) {
        r.px(port, PxFB, static_cast<u32>(AhciRig::received(port)));
        EXPECT_EQ(r.px(port, PxTFD), 0x7fU);
        r.px(port, PxCMD, FRE);
        EXPECT_EQ(r.px(port, PxCMD) & (FR | CR), FR);
        EXPECT_EQ(r.px(port, PxSIG), signature);
        EXPECT_EQ(r.px(port, PxTFD) & (BSY | DRQ | ERR), 0U);
        EXPECT_EQ(r.px(port, PxIS), DHRS);
        EXPECT_EQ(r.ram[AhciRig::received(port) + 0x40], 0x34);
        EXPECT_EQ(r.ram[AhciRig::received(port) + 0x43], 1) << "diagnostic passed";
    }
    r.px(3, PxCMD, FRE);
    EXPECT_EQ(r.px(3, PxSIG), 0xffffffffU) << "nobody is there";
    EXPECT_EQ(r.px(3, PxTFD), 0x7fU);
}

TEST(AhciController, TheInterruptNeedsThePortsEnableAndTheControllers) {
    AhciDiskRig r;
    r.px(0, PxCMD, FRE);
    EXPECT_EQ(r.px(0, PxIS), DHRS);
    EXPECT_EQ(r.hba(AhciRegs::IS), 0U);
    r.px(0, PxIE, DHRS);
    EXPECT_EQ(r.hba(AhciRegs::IS), 1U);
    EXPECT_FALSE(r.irq());
    r.hba(AhciRegs::GHC, GHC_IE);
    EXPECT_TRUE(r.irq());
    r.hba(AhciRegs::GHC, 0);
    EXPECT_FALSE(r.irq());
}

TEST(AhciController, IsStaysUntilItIsClearedAndComesBackWhileThePortHasACause) {
    AhciDiskRig r;
    r.hba(AhciRegs::GHC, GHC_IE);
    r.px(0, PxIE, DHRS);
    r.px(0, PxCMD, FRE);
    r.hba(AhciRegs::IS, 1);
    EXPECT_EQ(r.hba(AhciRegs::IS), 1U) << "PxIS has to be cleared first";
    EXPECT_TRUE(r.irq());
    r.px(0, PxIS, DHRS);
    EXPECT_EQ(r.hba(AhciRegs::IS), 1U);
    EXPECT_TRUE(r.irq());
    r.hba(AhciRegs::IS, 1);
    EXPECT_EQ(r.hba(AhciRegs::IS), 0U);
    EXPECT_FALSE(r.irq());
}

TEST(AhciController, AMessageComesForEachCauseThatIsLeft) {
    AhciDiskRig r;
    EXPECT_EQ(r.pci.config_read(kBdf, pci::CAPABILITY_LIST, 1), 0x80U) << "first, as the ICH9 has it";
    r.pci.config_write(kBdf, 0x84, 4, 0xfee00000);
    r.pci.config_write(kBdf, 0x8c, 2, 0x31);
    r.pci.config_write(kBdf, 0x82, 2, 1);
    r.hba(AhciRegs::GHC, GHC_IE);
    r.start(0);
    const std::vector<FakeMessages::Message>& sent = r.hypervisor.messages.sent;
    ASSERT_EQ(sent.size(), 1U) << "the signature";
    EXPECT_EQ(sent[0], (FakeMessages::Message{0xfee00000, 0x31}));
    // The driver reads PxIS, the next command ends, the driver clears IS: that has to be told anew.
    r.px(0, PxIS, DHRS);
    r.run(AhciRig::frame(0xe5));
    EXPECT_EQ(sent.size(), 1U);
    r.hba(AhciRegs::IS, 1);
    EXPECT_EQ(sent.size(), 2U);
    r.px(0, PxIS, DHRS);
    r.hba(AhciRegs::IS, 1);
    EXPECT_EQ(sent.size(), 2U);
    EXPECT_FALSE(r.irq());
}

TEST(AhciController, AMessageThatWasSentIsNotSentAgainWhereTheMachineIsRestored) {
    AhciDiskRig r;
    r.pci.config_write(kBdf, 0x84, 4, 0xfee00000);
    r.pci.config_write(kBdf, 0x82, 2, 1);
    r.hba(AhciRegs::GHC, GHC_IE);
    r.start(0);
    ASSERT_EQ(r.hypervisor.messages.sent.size(), 1U);
    AhciDiskRig twin;
    const std::vector<u8> image = snapshot(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.dev.load(*reader).ok());
    EXPECT_TRUE(twin.hypervisor.messages.sent.empty());
    twin.hba(AhciRegs::IS, 1);
    EXPECT_EQ(twin.hypervisor.messages.sent.size(), 1U) << "PxIS is still set: that has to be told";
}

TEST(AhciController, AControllerResetKeepsTheAddressesAndNothingElse) {
    AhciDiskRig r;
    r.hba(AhciRegs::GHC, GHC_IE);
    r.start(0);
    r.px(0, PxCLBU, 0);
    r.put(0, 5, AhciRig::frame(0xe7));
    r.disk.hold = true;
    r.issue(0, 5);
    r.hba(AhciRegs::GHC, GHC_HR);
    EXPECT_TRUE(r.disk.held.empty()) << "what is in flight is waited for";
    EXPECT_EQ(r.hba(AhciRegs::GHC), GHC_AE) << "HR is clear when it is done";
    EXPECT_EQ(r.hba(AhciRegs::IS), 0U);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.px(0, PxCLB), AhciRig::list(0));
    EXPECT_EQ(r.px(0, PxFB), AhciRig::received(0));
    for (const auto reg : {PxIS, PxIE, PxCI, PxSACT, PxSCTL})
        EXPECT_EQ(r.px(0, reg), 0U);
    EXPECT_EQ(r.px(0, PxCMD), 6U);
    EXPECT_EQ(r.px(0, PxTFD), 0x7fU);
    EXPECT_NE(r.pci.config_read(kBdf, pci::BAR0 + 20, 4), 0U);
}

TEST(AhciController, UnplugTakesTheDisksAndLeavesTheCdRom) {
    AhciFullRig r;
    ASSERT_TRUE(r.dev.unplug_disks(AhciController::Unplug::AllButFirst).ok());
    EXPECT_EQ(r.px(0, PxSSTS), 0x113U);
    EXPECT_EQ(r.px(1, PxSSTS), 0U);
    EXPECT_EQ(r.disk2.flushes, 1U);
    r.start(0);
    r.put(0, 0, AhciRig::frame(0x25, 0, 8), {{kData, 4096}});
    r.disk.hold = true;
    r.issue(0, 0);
    ASSERT_TRUE(r.dev.unplug_disks(AhciController::Unplug::AllDisks).ok());
    EXPECT_TRUE(r.disk.held.empty());
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_EQ(r.px(0, PxSSTS), 0U);
    EXPECT_EQ(r.px(2, PxSSTS), 0x113U);
    EXPECT_EQ(r.dev.disk(0), nullptr);
    EXPECT_NE(r.dev.cdrom(2), nullptr);
    r.issue(0, 0);
    r.hba(AhciRegs::GHC, GHC_HR);
    EXPECT_EQ(r.px(0, PxSSTS), 0U) << "gone for as long as the domain lives";
}

template <class R> Status load_into(R& rig, const std::vector<u8>& image) {
    DM_TRY_ASSIGN(StateReader reader, StateReader::open(image));
    DM_TRY(rig.dev.load(reader));
    return reader.finish();
}

TEST(AhciController, ADriveThatTheSavedMachineDidNotHaveIsNotSeen) {
    AhciDiskRig r;
    AhciFullRig more;
    const Status loaded = load_into(more, snapshot(r));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    more.enable();
    EXPECT_EQ(more.px(0, PxSSTS), 0x113U);
    EXPECT_EQ(more.px(1, PxSSTS), 0U);
    EXPECT_EQ(more.px(2, PxSSTS), 0U);
    AhciFullRig again;
    ASSERT_TRUE(load_into(again, snapshot(more)).ok());
    EXPECT_EQ(again.px(1, PxSSTS), 0U);
    EXPECT_EQ(again.px(2, PxSSTS), 0U);
}

TEST(AhciController, ADriveThatWasDetachedIsForgottenWhenTheGuestHadLetItGo) {
    AhciFullRig r;
    AhciDiskRig fewer;
    EXPECT_FALSE(load_into(fewer, snapshot(r)).ok()) << "it is in use";
    ASSERT_TRUE(r.dev.unplug_disks(AhciController::Unplug::AllButFirst).ok());
    const Status loaded = load_into(fewer, snapshot(r));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(fewer.px(0, PxSSTS), 0x113U);
    EXPECT_EQ(fewer.px(1, PxSSTS), 0U);
}

INSTANTIATE_TYPED_TEST_SUITE_P(AhciDisk, DeviceConformance, AhciDiskRig);
INSTANTIATE_TYPED_TEST_SUITE_P(AhciFull, DeviceConformance, AhciFullRig);

} // namespace
} // namespace dm::test
