// Am79C970A: what has broken other machines, and what a hostile guest or host can think of.
#include "tests/devices/pcnet_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace pcnet;

TEST(PcnetHostile, LoopbackIntoItsOwnRegistersEndsAtOnce) {
    PcnetRig r; // LP1917085: the receive buffer is the card's own BAR
    r.start32(0x8044);
    for (u16 i = 0; i < 8; ++i)
        r.put_descriptor(r.at(pcn::kRxRing, i), OWN, pcn::kMemory + 0x10, 4096);
    r.send(0, Bytes(64, 0xff));
    EXPECT_EQ(r.rx(0), STP | ENP);
    EXPECT_EQ(r.bcr(BSBC), 0x9001) << "nothing wrote there";
    EXPECT_EQ(r.status() & pcn::TXON, pcn::TXON);
}

TEST(PcnetHostile, AFrameOfTheBuffersSizeAndItsFcs) {
    PcnetRig r; // CVE-2015-7504, CVE-2015-7512: an FCS behind the buffer's end
    for (const u16 mode : {u16{0x8044}, u16{0x804c}, u16{0x8000}}) {
        for (const u32 size : {4088U, 4091U, 4092U, 4095U, 4096U}) {
            r.start32(mode);
            r.send(0, Bytes(size, 0x11));
            EXPECT_EQ(r.tx(0), STP | ENP);
            EXPECT_LE(r.rx_length(0), 4095U);
            r.set_csr(STATUS, pcn::STOP);
        }
    }
}

TEST(PcnetHostile, ChainsLongerThanAnyFrameAreLostAsAWhole) {
    PcnetRig r; // CVE-2015-3209
    r.start32(0, 3, 9);
    for (u16 i = 0; i < 511; ++i)
        r.put_tx(i, static_cast<u16>(OWN | (i == 0 ? STP : 0) | (i == 510 ? ENP : 0)), pcn::kTxData, 4096);
    r.demand();
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.status() & (pcn::BABL | pcn::TINT), pcn::BABL | pcn::TINT);
    EXPECT_EQ(r.tx(510) & OWN, 0);
    r.advance(Pcnet::kSlice);
    r.send(511, make_frame(100));
    EXPECT_EQ(r.net.count, 1U);
}

TEST(PcnetHostile, ARingThatIsAllTheCardsEndsAsAnUnderflow) {
    for (const u64 log : {0U, 3U, 9U}) { // CVE-2016-7909's kin: no end, and no beginning
        for (const u16 flags : {u16{OWN | STP}, u16{OWN}, u16{OWN | ENP}}) {
            PcnetRig r;
            r.start32(0, 3, log);
            const u16 length = ring_length(static_cast<u8>(log));
            for (u16 i = 0; i < length; ++i)
                r.put_tx(i, flags, pcn::kTxData, 10);
            r.demand();
            EXPECT_EQ(r.net.count, 0U);
            for (u16 i = 0; i < length; ++i)
                ASSERT_EQ(r.tx(i) & OWN, 0) << i;
        }
    }
}

TEST(PcnetHostile, RingLengthsOfAnyNumberAreBounded) {
    for (const u16 length :
         {u16{0}, u16{1}, u16{0x7fff}, u16{0xfdff}, u16{0xffff}}) { // CVE-2016-7909: RCVRL 0
        PcnetRig r;
        r.start32();
        r.set_csr(STATUS, pcn::STOP);
        r.set_csr(RCVRL, length);
        r.set_csr(XMTRL, length);
        r.set_csr(RCVRC, 0);
        r.set_csr(XMTRC, 0);
        r.set_csr(STATUS, pcn::STRT);
        EXPECT_GE(r.csr(RCVRL), 0x10000 - kRingMost);
        for (unsigned i = 0; i < 20; ++i)
            r.net.offer(make_frame(1460));
        r.demand();
        for (unsigned i = 0; i < 12; ++i)
            r.advance(100 * kMillisecond);
        EXPECT_TRUE(r.net.waiting.empty());
    }
}

/// Each frame that the card sends to itself lies over both rings and gives all of their descriptors back to
/// the card: those of the frame are released at once, the others keep it going.
TEST(PcnetHostile, ARingThatIsItsOwnReceiveBufferSendsNoMoreThanItsShare) {
    constexpr u32 kHead = 16; // of the frame, in front of the rings
    constexpr u32 kLength = kHead + 4 * 16;
    PcnetRig r;
    r.start32(0x8044, 1, 1);
    r.set_csr(STATUS, pcn::STOP);
    r.set_csr(BADRL, static_cast<u16>(pcn::kTxRing + 32));
    for (u16 i = 0; i < 2; ++i) {
        r.put_tx(i, pcn::kWhole, pcn::kTxData, kLength);
        r.put_tx(static_cast<u16>(i + 2), OWN, pcn::kTxRing - kHead, 4096);
    }
    r.put_bytes(pcn::kTxData, r.bytes_at(pcn::kTxRing - kHead, kLength));
    r.set_csr(STATUS, pcn::STRT);
    for (unsigned slice = 0; slice < 20; ++slice) {
        EXPECT_EQ(r.status() & (pcn::RINT | pcn::MISS), pcn::RINT) << "the rings feed themselves";
        EXPECT_EQ(r.timers.next_deadline(), r.clock.now + Pcnet::kSlice);
        r.set_csr(STATUS, pcn::kAllCauses);
        r.advance(Pcnet::kSlice);
    }
    EXPECT_EQ(r.net.count, 0U);
}

TEST(PcnetHostile, AGuestGetsItsShareOfTimeAndTheRestLater) {
    PcnetRig r;
    r.start32(0, 3, 9);
    for (unsigned round = 0; round < 3; ++round) {
        for (u16 i = 0; i < 512; ++i)
            r.put_tx(i, pcn::kWhole, pcn::kTxData, 4096);
        r.demand();
    }
    EXPECT_LE(r.net.total, Pcnet::kSliceBytes + 4096);
    const u64 before = r.net.count;
    r.advance(Pcnet::kSlice);
    EXPECT_GT(r.net.count, before);
}

TEST(PcnetHostile, DescriptorsThatAreSkippedUseUpASliceToo) {
    PcnetRig r;
    r.start32(0, 3, 9);
    unsigned rounds = 0;
    for (; rounds < 1000 && r.timers.next_deadline() > r.clock.now + Pcnet::kSlice; ++rounds) {
        for (u16 i = 0; i < 512; ++i)
            r.put_tx(i, OWN, pcn::kTxData, 4096);
        r.demand();
    }
    EXPECT_LE(rounds, Pcnet::kSliceDescriptors / 512 + 1);
}

TEST(PcnetHostile, ARingWithoutRamStopsTheCard) {
    for (const u8 base : {BADRL, BADXL}) {
        PcnetRig r;
        r.start32();
        r.set_csr(STATUS, pcn::STOP);
        r.set_csr(base, 0xfff0);
        r.set_csr(static_cast<u8>(base + 1), 0xffff);
        r.set_csr(STATUS, pcn::STRT | pcn::IENA);
        r.demand();
        r.net.offer(make_frame(100));
        EXPECT_EQ(r.status() & ~pcn::IENA, pcn::STOP);
        EXPECT_EQ(r.csr(EXTENDED), 0x0800);
        EXPECT_EQ(r.net.count, 0U);
    }
}

TEST(PcnetHostile, ARingAcrossTheEndOfMemory) {
    PcnetRig r;
    r.start32();
    r.set_csr(STATUS, pcn::STOP);
    r.set_csr(BADRH, 3);
    r.set_csr(BADRL, 0xfff0); // the last descriptor of RAM
    r.put_descriptor(0x3fff0, OWN, pcn::kRxData, 64);
    r.set_csr(STATUS, pcn::STRT);
    r.net.offer(make_frame(1000));
    r.net.offer(make_frame(1000));
    EXPECT_EQ(r.get(0x3fff6, 2), STP | ERR | BUFF | OFLO);
    EXPECT_EQ(r.csr(EXTENDED), 0x0800);
}

TEST(PcnetHostile, FramesOfAnyLengthFromTheHost) {
    for (const std::size_t size : {0U, 1U, 13U, 14U, 59U, 60U, 1514U, 1518U, 4091U, 4092U, 8188U, 65535U}) {
        PcnetRig r;
        r.start32();
        r.net.offer(Bytes(size, 0xff));
        const bool taken = size >= 14 && size <= Pcnet::kReceiveMost;
        EXPECT_EQ(r.status() & (pcn::RINT | pcn::MISS), taken ? pcn::RINT : 0) << size;
        const auto last = static_cast<u16>((size + 3) / pcn::kRxSize);
        EXPECT_TRUE(!taken || (r.rx(last) & ENP) != 0) << size;
    }
}

TEST(PcnetHostile, BuffersOfOneByteTakeAFrameOrTheWholeRing) {
    PcnetRig r;
    r.start32(0, 9, 0);
    for (u16 i = 0; i < 512; ++i)
        r.put_rx(i, OWN, 1);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.rx(157) & ENP, ENP);
    r.net.offer(make_frame(1000));
    for (unsigned i = 0; i < 12; ++i)
        r.advance(100 * kMillisecond);
    EXPECT_EQ(r.rx(511), ERR | BUFF | OFLO);
    EXPECT_EQ(r.rx(157) & ENP, ENP) << "no descriptor is used twice";
}

TEST(PcnetHostile, WithoutARingTheVectorsOfTheBiosAreNoDescriptors) {
    PcnetRig r;
    r.set_bcr(SWSTYLE, 2);
    r.put_descriptor(0, OWN | STP | ENP, pcn::kRxData, 1024);
    r.set_csr(STATUS, pcn::STRT);
    r.demand();
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.get(6, 2), OWN | STP | ENP);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.status() & pcn::MISS, pcn::MISS);
}

TEST(PcnetHostile, AStormOfFramesCostsOneInterruptUntilItIsAcknowledged) {
    PcnetRig r;
    r.start32(0, 6);
    r.acknowledge();
    r.intx.raised = 0;
    for (unsigned i = 0; i < 40; ++i)
        r.net.offer(make_frame(100));
    EXPECT_EQ(r.intx.raised, 1U);
}

TEST(PcnetHostile, AccessesOfAnyWidthAtAnyPlace) {
    for (const bool dwords : {false, true}) {
        PcnetRig r;
        r.start32();
        if (dwords) r.use_dwords();
        for (u64 at = 0; at < 32; ++at)
            for (const unsigned size : {1U, 2U, 4U, 8U}) {
                if (!dwords && at == 0x14) continue; // RESET
                if (dwords && (at == 0x18 || (at == 0x14 && size == 8))) continue;
                if (at == 0x10 || (at == 0x0c && size == 8)) continue; // RDP and the switch
                r.peek(pcn::kMemory + at, size);
                r.poke(pcn::kMemory + at, ~u64{0}, size);
            }
        EXPECT_EQ(r.status() & 3, 3);
    }
}

} // namespace
} // namespace dm::test
