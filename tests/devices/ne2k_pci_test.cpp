// RTL8029AS: registers, the remote DMA, how drivers find the card, and what every device must do.
#include "tests/devices/ne2k_pci_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ne2k;
using testing::ElementsAre;

TEST(Ne2kPci, IsTheCardThatGuestsKnow) {
    Ne2kPciRig r;
    EXPECT_EQ(r.pci.config_read(kBdf, 0, 4), 0x802910ecU);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::REVISION_ID, 4), 0x02000000U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::SUBSYSTEM_VENDOR_ID, 4), 0x11001af4U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::INTERRUPT_PIN, 1), 1U);
    r.pci.config_write(kBdf, pci::BAR0, 4, ~0U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::BAR0, 4), 0xffffff01U); // 256 ports
    r.enable();
    EXPECT_EQ(r.in8(0x0a), 'P');
    EXPECT_EQ(r.in8(0x0b), 'C');
    EXPECT_EQ(r.reg(3, 0x0e), 0x29U);
    EXPECT_EQ(r.reg(3, 0x0f), 0x80U);
}

TEST(Ne2kPci, ItsRomIsInItsBarOnlyIfItHasOne) {
    Ne2kPciRig without;
    without.pci.config_write(kBdf, pci::ROM_ADDRESS, 4, ~0U);
    EXPECT_EQ(without.pci.config_read(kBdf, pci::ROM_ADDRESS, 4), 0U);
    Ne2kPciRig with(std::vector<u8>(3000, 0x55));
    with.pci.config_write(kBdf, pci::ROM_ADDRESS, 4, 0xf4000001);
    EXPECT_EQ(with.peek(0xf4000000 + 2996), 0x55555555U);
}

TEST(Ne2kPci, PowersUpStopped) {
    Ne2kPciRig r;
    EXPECT_EQ(r.in8(kCr), NODMA | STP);
    EXPECT_EQ(r.isr(), RST);
    EXPECT_EQ(r.reg(2, 0x0f), 0x80U); // IMR
    EXPECT_EQ(r.reg(2, 0x0e), 0x84U); // DCR: LAS
}

/// ne2k-pci: the reset port, then 32 bytes from the PROM with a card in word mode.
TEST(Ne2kPci, LinuxFindsItAndItsAddress) {
    Ne2kPciRig r;
    EXPECT_NE(r.in8(kCr), 0xff);
    r.out8(kCr, NODMA | 0x40 | STP);
    const u8 before = r.in8(0x0d);
    r.out8(0x0d, 0xff); // MAR5
    r.out8(kCr, NODMA);
    r.in8(0x0d);
    EXPECT_EQ(r.in8(0x0d), 0U) << "the counter was cleared when it was read";
    EXPECT_EQ(before, 0U);
    r.out8(kReset, r.in8(kReset));
    EXPECT_EQ(r.isr(), RST);
    EXPECT_EQ(r.in8(kCr), NODMA | STP);
    r.acknowledge();
    r.out8(DCR, 0x49);
    r.acknowledge();
    r.start_dma(RREAD, 0, 32);
    Bytes prom;
    for (unsigned i = 0; i < 32; ++i)
        prom.push_back(r.in8(kData));
    prom.resize(16);
    EXPECT_THAT(prom, ElementsAre(0x00, 0x16, 0x3e, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0x57, 0x57));
    EXPECT_EQ(r.isr() & RDC, RDC);
}

/// ne(4): a pattern at 2000 in byte mode must be lost, at 4000 in word mode it must be there.
TEST(Ne2kPci, OpenBsdTakesItForAnNe2000) {
    Ne2kPciRig r;
    const u8 reset = r.in8(kReset);
    r.out8(kReset, reset);
    r.out8(kCr, NODMA | STP);
    EXPECT_EQ(r.in8(kCr) & 0x27, NODMA | STP);
    EXPECT_EQ(r.isr() & RST, RST);
    r.out8(kCr, NODMA | STA);
    EXPECT_EQ(r.isr() & RST, 0);
    r.out8(RCR, MON);
    r.out8(DCR, 0x48);
    r.out8(PSTART, 0x20);
    r.out8(PSTOP, 0x40);
    r.start_dma(RWRITE, 0x2000, 4);
    for (const char byte : {'T', 'H', 'I', 'S'})
        r.out8(kData, static_cast<u8>(byte));
    EXPECT_EQ(r.isr() & RDC, RDC);
    r.start_dma(RREAD, 0x2000, 1);
    EXPECT_EQ(r.in8(kData), 0xff);
    r.out8(DCR, 0x49);
    r.out8(PSTART, 0x40);
    r.out8(PSTOP, 0x80);
    r.put_bytes(0x4000, {0x54, 0x48, 0x49, 0x53});
    EXPECT_THAT(r.get_bytes(0x4000, 4), ElementsAre(0x54, 0x48, 0x49, 0x53));
}

TEST(Ne2kPci, RegistersOfPagesReadBack) {
    Ne2kPciRig r;
    for (Port at = 1; at < 16; ++at) {
        r.reg(1, at, static_cast<u8>(0x10 * at + 1));
        EXPECT_EQ(r.reg(1, at), static_cast<u8>(0x10 * at + 1)) << at;
    }
    r.out8(PSTART, 0x46);
    r.out8(PSTOP, 0x60);
    r.out8(BNRY, 0x50);
    r.out8(TPSR, 0x42);
    r.out8(RCR, 0xff);
    r.out8(TCR, 0xff);
    r.out8(DCR, 0xff);
    r.out8(IMR, 0x12);
    EXPECT_EQ(r.reg(2, 1), 0x46U);
    EXPECT_EQ(r.reg(2, 2), 0x60U);
    EXPECT_EQ(r.reg(2, 4), 0x42U);
    EXPECT_EQ(r.in8(BNRY), 0x50U);
    EXPECT_EQ(r.reg(2, 0x0c), 0xffU);
    r.out8(RCR, AB);
    r.out8(TCR, 0);
    r.out8(DCR, 0x49);
    EXPECT_EQ(r.reg(2, 0x0c), 0xc0U | AB); // unused bits are ones
    EXPECT_EQ(r.reg(2, 0x0d), 0xe0U);
    EXPECT_EQ(r.reg(2, 0x0e), 0xc9U);
    EXPECT_EQ(r.reg(2, 0x0f), 0x92U);
}

TEST(Ne2kPci, WideAccessesAreSeveralRegisters) {
    Ne2kPciRig r;
    r.out(kPorts + 8, 0x12345678, 4); // RSAR and RBCR
    EXPECT_EQ(r.in(kPorts + 8, 2), 0x5678U);
    r.out(kPorts + 1, 0x8046, 2);
    EXPECT_EQ(r.reg(2, 1), 0x46U);
    EXPECT_EQ(r.reg(2, 2), 0x80U);
    EXPECT_EQ(r.in(kPorts + 0x20, 4), 0xffffffffU); // nothing is there
}

/// rtl80x9_init_card() and set_realtek_fdx().
TEST(Ne2kPci, ConfigRegistersAreLocked) {
    Ne2kPciRig r;
    EXPECT_EQ(r.reg(3, 3), 0U);
    EXPECT_EQ(r.reg(3, 5), 0x40U);
    EXPECT_EQ(r.reg(3, 6), 0x40U);
    r.reg(3, 6, 0x00);
    EXPECT_EQ(r.reg(3, 6), 0x40U);
    r.reg(3, 1, 0xc0);
    EXPECT_EQ(r.reg(3, 1), 0xc1U); // nothing pulls EEDO down
    r.reg(3, 6, 0xbf);
    r.reg(3, 5, 0x80);
    r.reg(3, 1, 0x00);
    EXPECT_EQ(r.reg(3, 6), 0x36U);
    EXPECT_EQ(r.reg(3, 5), 0x80U);
    r.reg(3, 1, 0x40); // auto-load
    EXPECT_EQ(r.reg(3, 1), 0x01U);
    EXPECT_EQ(r.reg(3, 6), 0x40U);
    EXPECT_EQ(r.reg(3, 5), 0x40U);
}

TEST(Ne2kPci, StoppedIsAStateThatIsrTells) {
    Ne2kPciRig r;
    r.start();
    EXPECT_EQ(r.isr(), 0U);
    r.out8(IMR, 0xff);
    r.out8(kCr, NODMA | STP);
    EXPECT_EQ(r.isr(), RST);
    EXPECT_FALSE(r.irq());
    r.acknowledge();
    EXPECT_EQ(r.isr(), RST);
    r.out8(kCr, NODMA); // STA does nothing
    EXPECT_EQ(r.isr(), 0U);
}

TEST(Ne2kPci, AResetStopsAndKeepsTheRest) {
    Ne2kPciRig r;
    r.start();
    r.send(make_frame(100));
    EXPECT_TRUE(r.irq());
    r.in8(kReset);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.in8(kCr), NODMA | STP);
    EXPECT_EQ(r.isr(), RST);
    EXPECT_EQ(r.reg(1, PAR0 + 5), 3U);
    EXPECT_EQ(r.reg(2, 2), 0x80U);
    EXPECT_EQ(r.get_bytes(0x4000, 6), Bytes(NetRig::kMac.begin(), NetRig::kMac.end()));
}

// --- the remote DMA

TEST(Ne2kPci, TheDataPortTakesBytesWordsAndDwords) {
    for (const unsigned size : {1U, 2U, 4U}) {
        Ne2kPciRig r;
        r.out8(DCR, size == 1 ? 0x48 : 0x49);
        r.start_dma(RWRITE, 0x4100, 8);
        for (unsigned i = 0; i < 8; i += size) {
            EXPECT_EQ(r.isr() & RDC, 0);
            r.out(kPorts + kData, 0x08070605'04030201U >> (i * 8), size);
        }
        EXPECT_EQ(r.isr() & RDC, RDC);
        EXPECT_EQ(r.in8(RSAR0), 8U);
        EXPECT_EQ(r.in8(RSAR1), 0x41U);
        r.acknowledge();
        r.start_dma(RREAD, 0x4100, 8);
        u64 read = 0;
        for (unsigned i = 0; i < 8; i += size)
            read |= r.in(kPorts + kData, size) << (i * 8);
        EXPECT_EQ(read, 0x0807060504030201U) << size;
        EXPECT_EQ(r.isr() & RDC, RDC);
    }
}

TEST(Ne2kPci, InWordModeAByteIsHalfAWord) {
    Ne2kPciRig r;
    r.out8(DCR, 0x49);
    r.put_bytes(0x4000, {1, 2, 3, 4});
    r.start_dma(RREAD, 0x4000, 4);
    EXPECT_EQ(r.in8(kData), 1U);
    EXPECT_EQ(r.in8(kData), 3U);
    EXPECT_EQ(r.isr() & RDC, RDC);
    r.start_dma(RWRITE, 0x4000, 2);
    r.out8(kData, 9);
    EXPECT_THAT(r.get_bytes(0x4000, 3), ElementsAre(9, 0, 3));
    r.start_dma(RREAD, 0x4001, 2); // A0 counts for nothing
    EXPECT_EQ(r.in(kPorts + kData, 2), 0x0009U);
}

/// Linux takes the rest of a frame by a word and a byte.
TEST(Ne2kPci, AnOddCountEndsWithItsLastWord) {
    Ne2kPciRig r;
    r.out8(DCR, 0x49);
    r.put_bytes(0x4000, {1, 2, 3, 4, 5, 6, 7, 8});
    r.acknowledge();
    r.start_dma(RREAD, 0x4000, 7);
    EXPECT_EQ(r.in(kPorts + kData, 4), 0x04030201U);
    EXPECT_EQ(r.in(kPorts + kData, 2), 0x0605U);
    EXPECT_EQ(r.isr() & RDC, 0);
    EXPECT_EQ(r.in8(kData), 7U);
    EXPECT_EQ(r.isr() & RDC, RDC);
}

TEST(Ne2kPci, WritesBehindTheEndOfATransferAreLost) {
    Ne2kPciRig r;
    r.out8(DCR, 0x49);
    r.put_bytes(0x4000, {1, 2, 3, 4});
    r.start_dma(RWRITE, 0x4000, 2);
    const Bytes more{5, 6, 7, 8};
    r.ports.write_string(kPorts + kData, 2, more);
    r.out(kPorts + kData, 0xffff, 2);
    EXPECT_THAT(r.get_bytes(0x4000, 4), ElementsAre(5, 6, 3, 4));
}

TEST(Ne2kPci, TheDmaWrapsWhereTheRingStops) {
    for (const unsigned size : {2U, 4U}) {
        Ne2kPciRig r;
        r.out8(DCR, 0x49);
        r.out8(PSTART, 0x46);
        r.out8(PSTOP, 0x60);
        r.put_bytes(0x4600, {3, 4, 5, 6});
        r.put_bytes(0x5ffe, {1, 2});
        EXPECT_EQ(r.in8(RSAR1), 0x46U);
        r.start_dma(RREAD, 0x5ffe, 6);
        EXPECT_EQ(r.in(kPorts + kData, size), size == 2 ? 0x0201U : 0x04030201U);
        r.start_dma(RREAD, 0x5ffe, 6);
        Bytes string(4);
        r.ports.read_string(kPorts + kData, size, string);
        EXPECT_THAT(string, ElementsAre(1, 2, 3, 4));
    }
}

TEST(Ne2kPci, StringsAndSingleAccessesMoveTheSame) {
    Ne2kPciRig r;
    r.out8(DCR, 0x49);
    r.out8(PSTART, 0x46);
    r.out8(PSTOP, 0x50);
    Bytes data(1000);
    for (std::size_t i = 0; i < data.size(); ++i)
        data[i] = static_cast<u8>(i * 7);
    for (const u16 at : {u16{0x4000}, u16{0x4e02}, u16{0x4ffe}, u16{0x0010}, u16{0x7ff0}, u16{0x4f01}}) {
        for (const unsigned size : {1U, 2U, 4U}) {
            r.start_dma(RWRITE, at, data.size());
            r.ports.write_string(kPorts + kData, size, data);
            const u8 low = r.in8(RSAR0);
            const u8 high = r.in8(RSAR1);
            r.start_dma(RREAD, at, data.size());
            Bytes string(data.size());
            r.ports.read_string(kPorts + kData, size, string);
            r.start_dma(RREAD, at, data.size());
            for (std::size_t i = 0; i < data.size(); i += size)
                for (unsigned byte = 0, value = static_cast<unsigned>(r.in(kPorts + kData, size));
                     byte < size; ++byte)
                    ASSERT_EQ(string[i + byte], byte_of(value, byte)) << at << " " << size << " " << i;
            if (at < 0x4000 || at > 0x7c00 || size == 1) continue; // not all of it is memory
            EXPECT_EQ(string, data) << at;
            EXPECT_EQ(r.in8(RSAR0), low);
            EXPECT_EQ(r.in8(RSAR1), high);
        }
    }
}

TEST(Ne2kPci, AnEmptyTransferIsDoneAtOnce) {
    Ne2kPciRig r;
    r.start();
    r.start_dma(RREAD, 0x4000, 0);
    EXPECT_EQ(r.isr(), RDC);
    EXPECT_FALSE(r.irq()); // Linux does not want to hear of it
    r.out8(IMR, 0x7f);
    EXPECT_TRUE(r.irq());
}

TEST(Ne2kPci, MemoryIsThereTwiceAndThePromIsNotMemory) {
    Ne2kPciRig r;
    r.out8(DCR, 0x49);
    r.put_bytes(0xc000, {1, 2}); // NetWare 3.11
    EXPECT_THAT(r.get_bytes(0x4000, 2), ElementsAre(1, 2));
    r.put_bytes(0x0000, {9, 9});
    EXPECT_THAT(r.get_bytes(0x0000, 4), ElementsAre(0, 0, 0x16, 0x16));
    EXPECT_THAT(r.get_bytes(0x0100, 2), ElementsAre(0xff, 0xff));
    r.out8(DCR, 0x48);
    r.start_dma(RREAD, 28, 4);
    for (unsigned i = 0; i < 4; ++i)
        EXPECT_EQ(r.in8(kData), 0x57U);
}

// --- surroundings

TEST(Ne2kPci, UnpluggedItIsSilentAndStaysSo) {
    Ne2kPciRig r;
    r.start();
    r.net.offer(make_frame(50));
    EXPECT_TRUE(r.irq());
    r.dev.unplug();
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.net.frontend, nullptr);
    EXPECT_EQ(r.dev.bar_address(0), std::nullopt);
    r.dev.reset();
    EXPECT_TRUE(r.dev.unplugged());

    const std::vector<u8> image = snapshot(r);
    Ne2kPciRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_TRUE(twin.dev.unplugged());
    EXPECT_EQ(twin.net.frontend, nullptr);
    const std::vector<u8> fresh = snapshot(*std::make_unique<Ne2kPciRig>());
    auto other = StateReader::open(fresh);
    EXPECT_FALSE(twin.dev.load(*other).ok()); // it does not come back
}

TEST(Ne2kPci, AnnouncesTheAddressThatTheDriverGaveIt) {
    Ne2kPciRig r;
    r.dev.announce();
    EXPECT_EQ(r.net.count, 0U) << "it has none yet";
    r.start();
    r.reg(1, PAR0 + 5, 9);
    r.dev.announce();
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes[11], 9U);
}

struct Ne2kPciPlainRig : Ne2kPciRig {};

} // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Ne2kPci, DeviceConformance, Ne2kPciPlainRig);

} // namespace dm::test
