// Am79C970A: identity, address PROM, ports, registers, interrupt, and what every device must do.
#include "tests/devices/pcnet_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

TEST(Pcnet, IsTheCardThatGuestsKnow) {
    PcnetRig r;
    EXPECT_EQ(r.pci.config_read(pcn::kBdf, 0, 4), 0x20001022U);
    EXPECT_EQ(r.pci.config_read(pcn::kBdf, pci::REVISION_ID, 4), 0x02000010U);
    EXPECT_EQ(r.pci.config_read(pcn::kBdf, pci::INTERRUPT_PIN - 1, 4), 0xff060100U);
    r.pci.config_write(pcn::kBdf, pci::BAR0, 4, ~0U);
    EXPECT_EQ(r.pci.config_read(pcn::kBdf, pci::BAR0, 4), 0xffffffe1U);
    r.pci.config_write(pcn::kBdf, pci::BAR0 + 4, 4, ~0U);
    EXPECT_EQ(r.pci.config_read(pcn::kBdf, pci::BAR0 + 4, 4), 0xffffffe0U);
}

TEST(Pcnet, ItsRomIsInItsBarOnlyIfItHasOne) {
    PcnetRig without;
    without.pci.config_write(pcn::kBdf, pci::ROM_ADDRESS, 4, ~0U);
    EXPECT_EQ(without.pci.config_read(pcn::kBdf, pci::ROM_ADDRESS, 4), 0U);
    PcnetRig with(std::vector<u8>(3000, 0x55));
    with.pci.config_write(pcn::kBdf, pci::ROM_ADDRESS, 4, 0xf4000001);
    EXPECT_EQ(with.peek(0xf4000000 + 2996), 0x55555555U);
}

TEST(Pcnet, ThePromHasTheAddressAndWhatDriversLookFor) {
    PcnetRig r;
    unsigned sum = 0;
    for (unsigned i = 0; i < 16; ++i) {
        const u64 byte = r.in(static_cast<Port>(pcn::kPorts + i));
        EXPECT_TRUE(i >= 6 || byte == NetRig::kMac.at(i));
        if (i != 12 && i != 13) sum += static_cast<unsigned>(byte);
    }
    EXPECT_EQ(r.in(pcn::kPorts + 9), 0x11U);
    EXPECT_EQ(r.in(pcn::kPorts + 14, 2), 0x5757U);
    EXPECT_EQ(r.in(pcn::kPorts + 12, 2), sum);
    EXPECT_EQ(r.csr(pcn::PADR), 0x1600);
    EXPECT_EQ(r.csr(pcn::PADR + 2), 0x0300);
}

TEST(Pcnet, ThePromTakesWritesOnlyWithAPromWe) {
    PcnetRig r;
    r.out(pcn::kPorts, 0xaa);
    EXPECT_EQ(r.in(pcn::kPorts), 0x00U);
    r.set_bcr(pcn::MC, 0x0102);
    r.out(pcn::kPorts, 0xaa);
    EXPECT_EQ(r.in(pcn::kPorts), 0xaaU);
    EXPECT_EQ(r.csr(pcn::PADR), 0x1600) << "loaded by a reset";
    r.soft_reset();
    EXPECT_EQ(r.csr(pcn::PADR), 0x16aa);
    r.dev.reset();
    r.enable();
    EXPECT_EQ(r.csr(pcn::PADR), 0x1600);
}

/// What Linux' pcnet32 does to find a card and its width.
TEST(Pcnet, ADriverFindsItByWords) {
    PcnetRig r;
    r.soft_reset();
    EXPECT_EQ(r.status(), 4U);
    r.out(pcn::kPorts + 0x12, 88, 2);
    EXPECT_EQ(r.in(pcn::kPorts + 0x12, 2), 88U);
    EXPECT_EQ(r.csr(88), 0x1003);
    EXPECT_EQ(r.csr(89), 0x0262);
    EXPECT_EQ(r.in(pcn::kPorts + 0x10, 4), 0xffffffffU) << "no dwords";
}

/// What OpenBSD's pcn does.
TEST(Pcnet, ADwordToRdpSwitchesToDwords) {
    PcnetRig r;
    r.soft_reset();
    r.use_dwords();
    r.out_port(1, 88);
    EXPECT_EQ(r.in_port(0), 0x02621003U) << "all of the ID";
    EXPECT_EQ(r.in_port(1), 88U);
    EXPECT_EQ(r.in(pcn::kPorts + 0x12, 2), 0xffffU) << "no words";
    EXPECT_EQ(r.peek(pcn::kMemory, 1), 0x00U);
    EXPECT_EQ(r.peek(pcn::kMemory + 1, 1), 0x16U) << "bytes of the PROM all the same";
    EXPECT_EQ(r.bcr(pcn::BSBC), 0x9081);
    EXPECT_EQ(r.in_port(2), 0U);
    EXPECT_EQ(r.in(pcn::kPorts + 0x12, 2), 0U) << "a reset goes back to words, and to register 0";
}

TEST(Pcnet, PortsAndMemoryAreTheSameRegisters) {
    PcnetRig r;
    r.poke(pcn::kMemory + 0x12, 15, 2);
    EXPECT_EQ(r.in(pcn::kPorts + 0x12, 2), 15U);
    r.poke(pcn::kMemory + 0x10, 0x1234, 2);
    EXPECT_EQ(r.csr(pcn::MODE), 0x1234);
}

TEST(Pcnet, ResetValues) {
    PcnetRig r;
    EXPECT_EQ(r.csr(pcn::TEST), 0x0115);
    EXPECT_EQ(r.csr(pcn::DMATCFW), 0x1410);
    EXPECT_EQ(r.csr(pcn::MERRTO), 0x0200);
    EXPECT_EQ(r.bcr(pcn::MC), 0x0002);
    EXPECT_EQ(r.bcr(pcn::LNKST), 0x80c0);
    EXPECT_EQ(r.bcr(5), 0x0084);
    EXPECT_EQ(r.bcr(6), 0x0088);
    EXPECT_EQ(r.bcr(7), 0x0090);
    EXPECT_EQ(r.bcr(pcn::BSBC), 0x9001);
    EXPECT_EQ(r.bcr(pcn::SWSTYLE), 0x0200);
    for (u8 mii = 32; mii < 36; ++mii) {
        r.set_bcr(mii, 0xffff);
        EXPECT_EQ(r.bcr(mii), 0U) << "there is no MII";
    }
}

TEST(Pcnet, TheLinkIsInTheLedRegisters) {
    PcnetRig r;
    r.net.set_link(false);
    EXPECT_EQ(r.bcr(pcn::LNKST), 0x00c0) << "Linux compares with this";
    r.set_bcr(5, 0x00c4);
    EXPECT_EQ(r.bcr(5), 0x00c4);
    r.net.set_link(true);
    EXPECT_EQ(r.bcr(5), 0x80c4);
}

TEST(Pcnet, TheSoftwareStyleSetsItsSizes) {
    PcnetRig r;
    const std::array<std::pair<u16, u16>, 6> written{
        {{0, 0x0200}, {1, 0x0101}, {2, 0x0302}, {3, 0x0303}, {4, 0x0200}, {0x0402, 0x0702}}};
    for (const auto& [value, read] : written) {
        r.set_bcr(pcn::SWSTYLE, value);
        EXPECT_EQ(r.bcr(pcn::SWSTYLE), read);
    }
    r.set_csr(pcn::SWS, 3);
    EXPECT_EQ(r.csr(pcn::SWS), 0x0303);
    r.start();
    r.set_bcr(pcn::SWSTYLE, 0);
    EXPECT_EQ(r.bcr(pcn::SWSTYLE), 0x0303) << "not while it works";
}

TEST(Pcnet, RegistersOfTheRingsAreLockedWhileItWorks) {
    PcnetRig r;
    r.set_csr(pcn::IADRL, 0x1230);
    EXPECT_EQ(r.csr(pcn::IADRL_ALIAS), 0x1230);
    r.start32();
    r.set_csr(pcn::IADRL_ALIAS, 0x5670);
    r.set_csr(pcn::LADRF, 0xffff);
    EXPECT_EQ(r.csr(pcn::IADRL), pcn::kInitBlock);
    EXPECT_EQ(r.csr(pcn::LADRF), 0U);
    r.set_csr(pcn::EXTENDED, 1);
    r.set_csr(pcn::LADRF, 0xffff);
    EXPECT_EQ(r.csr(pcn::LADRF), 0xffff) << "suspended";
}

TEST(Pcnet, TheInitializationBlockIsReadInEachStyle) {
    for (u16 style = 0; style < 4; ++style) {
        PcnetRig r;
        r.set_bcr(pcn::SWSTYLE, style);
        r.ladrf = {1, 2, 3, 4, 5, 6, 7, 8};
        r.set_csr(pcn::PADR, 0);
        r.put_init_block(0x0183, 4, 7);
        r.set_csr(pcn::IADRL, static_cast<u16>(pcn::kInitBlock));
        r.set_csr(pcn::IADRH, 0);
        r.set_csr(pcn::STATUS, pcn::INIT);
        EXPECT_EQ(r.status(), pcn::INIT | pcn::IDON | pcn::INTR);
        EXPECT_EQ(r.csr(pcn::MODE), 0x0183);
        EXPECT_EQ(r.csr(pcn::LENGTHS), 0x7400);
        EXPECT_EQ(r.csr(pcn::LADRF + 1), 0x0403);
        EXPECT_EQ(r.csr(pcn::PADR), 0x1600);
        EXPECT_EQ(r.csr(pcn::RCVRL), 0x10000 - 16) << "numbers are negative";
        EXPECT_EQ(r.csr(pcn::XMTRL), 0x10000 - 128);
        EXPECT_EQ(r.csr(pcn::BADXL), pcn::kTxRing);
        r.set_csr(pcn::STATUS, pcn::STRT);
        EXPECT_EQ(r.status(), pcn::INIT | pcn::STRT | pcn::IDON | pcn::INTR) << "DTX and DRX";
    }
}

TEST(Pcnet, RingsOf32BitStylesHaveUpTo512Descriptors) {
    PcnetRig r;
    r.set_bcr(pcn::SWSTYLE, 2);
    for (const auto& [log, length] : {std::pair{0, 1}, {8, 256}, {9, 512}, {15, 512}}) {
        r.start(0, static_cast<u64>(log), static_cast<u64>(log));
        EXPECT_EQ(r.csr(pcn::RCVRL), 0x10000 - length);
        r.set_csr(pcn::STATUS, pcn::STOP);
    }
}

TEST(Pcnet, InitializationWaitsForBusMastering) {
    PcnetRig r;
    r.enable(3);
    r.start32();
    EXPECT_EQ(r.status(), pcn::INIT | pcn::STRT | pcn::IENA);
    EXPECT_FALSE(r.irq());
    r.enable();
    EXPECT_EQ(r.status(), pcn::INIT | pcn::STRT | pcn::IENA | pcn::IDON | pcn::INTR | pcn::TXON | pcn::RXON);
    EXPECT_TRUE(r.irq());
}

TEST(Pcnet, StopIsStrongerThanWhatIsSetWithIt) {
    PcnetRig r;
    r.start32();
    r.set_csr(pcn::TEST, 0x0080);
    r.set_csr(pcn::EXTENDED, 1);
    r.set_csr(pcn::STATUS, pcn::STOP | pcn::STRT | pcn::INIT | pcn::IENA);
    EXPECT_EQ(r.status(), pcn::STOP);
    EXPECT_EQ(r.csr(pcn::TEST), 0U);
    EXPECT_EQ(r.csr(pcn::EXTENDED), 0U);
    EXPECT_FALSE(r.irq());
}

TEST(Pcnet, CausesAreClearedByOnesAndMasked) {
    PcnetRig r;
    r.set_bcr(pcn::SWSTYLE, 2);
    r.put_init_block(0, 0, 0);
    r.set_csr(pcn::IADRL, static_cast<u16>(pcn::kInitBlock));
    r.set_csr(pcn::STATUS, pcn::INIT);
    EXPECT_FALSE(r.irq());
    r.set_csr(pcn::STATUS, pcn::IENA);
    EXPECT_TRUE(r.irq());
    r.set_csr(pcn::MASKS, 0x0100);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.status() & pcn::INTR, 0);
    r.set_csr(pcn::MASKS, 0xffff);
    EXPECT_EQ(r.csr(pcn::MASKS), 0x5f7c);
    r.set_csr(pcn::MASKS, 0);
    EXPECT_TRUE(r.irq());
    r.acknowledge(pcn::IDON);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.status(), pcn::INIT | pcn::IENA);
}

TEST(Pcnet, TheUserInterruptStaysUntilItIsAcknowledged) {
    PcnetRig r;
    r.set_csr(pcn::STATUS, pcn::IENA);
    r.set_csr(pcn::TEST, 0x0195);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.csr(pcn::TEST), 0x0155);
    r.set_csr(pcn::TEST, 0x0155);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.csr(pcn::TEST), 0x0115);
}

TEST(Pcnet, ASoftwareResetKeepsBusConfiguration) {
    PcnetRig r;
    r.set_bcr(pcn::MC, 0x0000);
    r.start32();
    r.send(0, make_frame(100));
    r.soft_reset();
    EXPECT_EQ(r.status(), pcn::STOP);
    EXPECT_EQ(r.bcr(pcn::MC), 0U);
    EXPECT_EQ(r.bcr(pcn::SWSTYLE), 0x0302);
    EXPECT_EQ(r.csr(pcn::BADXL), 0U);
    EXPECT_FALSE(r.irq());
    r.net.offer(make_frame(100));
    EXPECT_TRUE(r.net.waiting.empty()) << "nobody listens";
}

TEST(Pcnet, UnpluggedItIsSilentAndStaysSo) {
    PcnetRig r;
    r.start32();
    r.net.offer(make_frame(50));
    EXPECT_TRUE(r.irq());
    r.dev.unplug();
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.net.frontend, nullptr);
    EXPECT_EQ(r.dev.bar_address(1), std::nullopt);
    r.dev.reset();
    EXPECT_TRUE(r.dev.unplugged());

    const std::vector<u8> image = snapshot(r);
    PcnetRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_TRUE(twin.dev.unplugged());
    EXPECT_EQ(twin.net.frontend, nullptr);
    const std::vector<u8> fresh = snapshot(*std::make_unique<PcnetRig>());
    auto other = StateReader::open(fresh);
    EXPECT_FALSE(twin.dev.load(*other).ok()); // it does not come back
}

TEST(Pcnet, ItAnnouncesTheAddressThatTheGuestSet) {
    PcnetRig r;
    r.set_csr(pcn::PADR + 2, 0x0403);
    r.dev.announce();
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(get_be(r.net.sent[0].bytes, 6, 6), 0x00163e000304U);
}

INSTANTIATE_TYPED_TEST_SUITE_P(Pcnet, DeviceConformance, PcnetRig);

} // namespace
} // namespace dm::test
