// RTL8029AS: what has broken other machines, and what a hostile guest or host can think of.
#include "tests/devices/ne2k_pci_rig.hpp"

#include <gtest/gtest.h>

namespace dm::test {
namespace {

using namespace ne2k;

constexpr std::array<u8, 12> kPages{0x00, 0x01, 0x3f, 0x40, 0x41, 0x4c, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff};

/// CVE-2015-5278, CVE-2015-5279, CVE-2016-2841: a ring that ends before it begins, or CURR outside of it.
TEST(Ne2kPciHostile, RingsOfAnyShapeTakeFramesOrNot) {
    Ne2kPciRig r;
    r.start();
    for (const u8 first : kPages)
        for (const u8 end : kPages)
            for (const u8 curr : kPages)
                for (const u8 bnry : {u8{0x00}, u8{0x4c}, curr, static_cast<u8>(curr + 1), first, end}) {
                    r.out8(kCr, NODMA | STP);
                    r.out8(PSTART, first);
                    r.out8(PSTOP, end);
                    r.out8(BNRY, bnry);
                    r.reg(1, CURR, curr);
                    r.out8(kCr, NODMA | STA);
                    for (unsigned i = 0; i < 3; ++i)
                        r.net.offer(make_frame(1460));
                    r.get_bytes(static_cast<u16>(end * 256 - 2), 600);
                }
    r.start();
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.isr(), PRX);
}

TEST(Ne2kPciHostile, ARingWhereNoMemoryIsLosesItsFrames) {
    Ne2kPciRig r;
    r.start(AB, 0x00, 0x20);
    r.net.offer(make_frame(1460));
    EXPECT_EQ(r.isr(), PRX);
    EXPECT_EQ(r.curr(), 6U);
    EXPECT_EQ(r.get_bytes(0, 6), Bytes({0, 0, 0x16, 0x16, 0x3e, 0x3e})); // the PROM
}

TEST(Ne2kPciHostile, AFrameThatLapsItselfEnds) {
    Ne2kPciRig r;
    r.start(AB, 0x4c, 0x4d); // one page
    r.out8(BNRY, 0x60);      // which is never met
    r.net.offer(make_frame(1460));
    EXPECT_EQ(r.isr(), PRX);
    EXPECT_EQ(r.curr(), 0x4cU);
}

TEST(Ne2kPciHostile, FramesThatBeginOrEndOutsideOfTheMemoryAreLost) {
    Ne2kPciRig r;
    r.start();
    for (const auto& [page, length] : {std::pair{u8{0x00}, 100U},
                                       {u8{0x7f}, 257U},
                                       {u8{0x40}, 0x4001U},
                                       {u8{0x40}, 0xffffU},
                                       {u8{0xff}, 0xffffU},
                                       {u8{0x40}, 13U},
                                       {u8{0x40}, 0U}}) {
        r.trigger(length, page);
        EXPECT_EQ(r.isr(), PTX) << unsigned{page} << " " << length;
        r.acknowledge();
    }
    EXPECT_EQ(r.net.count, 0U);
    r.trigger(256, 0x7f);
    r.trigger(0x4000, 0x40);
    EXPECT_EQ(r.net.count, 2U);
}

/// A string instruction that says TXP with each of its bytes.
TEST(Ne2kPciHostile, AGuestGetsItsShareOfTimeAndTheRestLater) {
    Ne2kPciRig r;
    r.net.keep = 0;
    r.start();
    r.trigger(0x4000);
    const Bytes storm(4096, NODMA | STA | TXP);
    r.ports.write_string(kPorts + kCr, 1, storm);
    EXPECT_LE(r.net.total, Ne2kPci::kSliceBytes + 0x4000U);
    EXPECT_EQ(r.in8(kCr) & TXP, TXP);
    const u64 before = r.net.count;
    r.advance(Ne2kPci::kSlice);
    EXPECT_EQ(r.net.count, before + 1);
    EXPECT_EQ(r.in8(kCr) & TXP, 0);
    r.trigger(60);
    EXPECT_EQ(r.net.count, before + 2);
    for (unsigned i = 0; i < 2000; ++i)
        r.trigger(60);
    EXPECT_LE(r.net.count, before + 2 + Ne2kPci::kSliceFrames);
}

TEST(Ne2kPciHostile, ALoopbackStormReachesNoMemory) {
    Ne2kPciRig r;
    r.start(0x1f);
    r.out8(TCR, 6);
    r.out8(TPSR, kRxFirst); // the ring itself
    const Bytes storm(4096, NODMA | STA | TXP);
    r.ports.write_string(kPorts + kCr, 1, storm);
    EXPECT_EQ(r.curr(), kRxFirst);
    r.out8(TCR, 3);
    r.trigger(14); // shorter than a check sequence and its frame
    EXPECT_EQ(r.isr() & PRX, 0);
}

TEST(Ne2kPciHostile, TransfersOfAnyLengthAnywhereEnd) {
    Ne2kPciRig r;
    r.start();
    for (const unsigned mode : {0x48U, 0x49U})
        for (const u16 at : {u16{0}, u16{0x3fff}, u16{0x4000}, u16{0x7fff}, u16{0xbffe}, u16{0xffff}})
            for (const unsigned size : {1U, 2U, 4U}) {
                r.out8(DCR, static_cast<u8>(mode));
                Bytes bytes(0x10000 + 64, 0x5a);
                r.start_dma(RWRITE, at, 0xffff);
                r.ports.write_string(kPorts + kData, size, bytes);
                EXPECT_EQ(r.isr() & RDC, RDC);
                r.acknowledge();
                r.start_dma(RREAD, at, 0xffff);
                r.ports.read_string(kPorts + kData, size, bytes);
                EXPECT_EQ(r.isr() & RDC, RDC);
                r.acknowledge();
            }
}

/// Its length is what the guest wrote there, and its next page any.
TEST(Ne2kPciHostile, ASendPacketCommandOfAForgedHeaderEnds) {
    Ne2kPciRig r;
    r.start();
    r.out8(DCR, 0x59);
    for (const Bytes& header :
         {Bytes{1, 0xff, 0xff, 0xff}, Bytes{1, 0x00, 0x00, 0x00}, Bytes{1, 0x4c, 1, 0}}) {
        r.put_bytes(0x4c00, header);
        r.acknowledge();
        r.out8(BNRY, 0x4c);
        r.out8(kCr, RREAD | RWRITE | STA);
        Bytes bytes(0x10000);
        r.ports.read_string(kPorts + kData, 4, bytes);
        EXPECT_EQ(r.isr() & RDC, RDC);
        EXPECT_EQ(r.in8(BNRY), header[1]);
    }
    r.out8(BNRY, 0x00); // the PROM is a header too
    r.out8(kCr, RREAD | RWRITE | STA);
    EXPECT_EQ(r.in(kPorts + kData, 4), 0x16160000U);
}

TEST(Ne2kPciHostile, AGuestThatResetsWhileFramesWaitGetsNone) {
    Ne2kPciRig r;
    r.start();
    for (unsigned i = 0; i < 30; ++i)
        r.net.offer(make_frame(1460));
    EXPECT_FALSE(r.net.waiting.empty());
    r.in8(kReset);
    EXPECT_TRUE(r.net.waiting.empty());
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
    EXPECT_EQ(r.isr(), RST);
}

TEST(Ne2kPciHostile, AStormOfFramesCostsOneInterruptUntilItIsAcknowledged) {
    Ne2kPciRig r;
    r.start();
    for (unsigned i = 0; i < 40; ++i)
        r.net.offer(make_frame(100));
    EXPECT_EQ(r.intx.raised, 1U);
}

} // namespace
} // namespace dm::test
