// RTL8139C+: what has broken other machines, and what a hostile guest or host can think of.
#include "tests/devices/rtl8139_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using Reg = rtl8139::Reg;
using namespace rtl8139::desc;

constexpr u32 kWhole = OWN | FS | LS;

TEST(Rtl8139Hostile, LoopbackIntoItsOwnRegistersEndsAtOnce) {
    Rtl8139Rig r; // LP1910826: transmit and receive address are the card's own BAR
    r.poke(rtl::kMemory + 0x37, 0x0c, 1);
    r.poke(rtl::kMemory + 0x30, rtl::kMemory + 0x10, 4);
    r.poke(rtl::kMemory + 0x40, 0x60000, 4);
    r.poke(rtl::kMemory + 0x44, 0x01, 4);
    r.poke(rtl::kMemory + 0x20, rtl::kMemory, 4);
    r.poke(rtl::kMemory + 0x10, 0x40, 4);
    EXPECT_EQ(r.tsd(0), 0xa040U);
    EXPECT_EQ(r.in(Reg::RBSTART, 4), rtl::kMemory + 0x10); // nothing wrote there
}

TEST(Rtl8139Hostile, ARingWithoutRamStopsWithASystemError) {
    Rtl8139Rig r;
    r.start_cplus();
    r.out(Reg::TSAD0, 0xfffffff0, 4);
    r.out(Reg::TSAD0, 0xffffffff, 4, 4);
    r.out(Reg::TPPOLL, 0x40, 1);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.isr() & rtl::SERR, rtl::SERR);
    r.out(Reg::RDSAR, rtl::kMemory, 4);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.net.count, 0U);
}

TEST(Rtl8139Hostile, DescriptorsThatNeverEndAreLostOnce) {
    Rtl8139Rig r; // CVE-2016-8910: all descriptors the card's, none the last
    r.start_cplus();
    for (unsigned i = 0; i < 64; ++i)
        r.put_tx(i, OWN | FS | 100, rtl::kTxData);
    r.out(Reg::TPPOLL, 0x40, 1);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.isr() & rtl::TER, rtl::TER);
    for (unsigned i = 0; i < 64; ++i)
        EXPECT_EQ(r.tx(i) & OWN, 0U);
}

/// Each frame that the card sends to itself lies over both rings and gives all of their descriptors back to
/// the card: those of the frame are released at once, the others keep it going.
TEST(Rtl8139Hostile, ARingThatIsItsOwnReceiveBufferSendsNoMoreThanItsShare) {
    constexpr u32 kHead = 16; // of the frame, in front of the rings
    constexpr u32 kLength = kHead + 4 * 16;
    constexpr u32 kReceiveRing = rtl::kTxRing + 32;
    Rtl8139Rig r;
    r.start_cplus(rtl::CPTX | rtl::CPRX, rtl::AAP);
    r.out(Reg::RDSAR, kReceiveRing, 4);
    r.out(Reg::TCR, 0x60000, 4);
    for (const u32 last : {0U, EOR}) {
        const u32 place = last == 0 ? 0 : 16;
        r.put_descriptor(rtl::kTxRing + place, kWhole | last | kLength, rtl::kTxData, 0);
        r.put_descriptor(kReceiveRing + place, OWN | last | rtl::kRxSize, rtl::kTxRing - kHead, 0);
    }
    r.put_bytes(rtl::kTxData, r.bytes_at(rtl::kTxRing - kHead, kLength));
    r.out(Reg::TSD0, 0, 4, 4); // of the address of the counters
    u32 before = 0;
    const auto sent_since = [&] {
        r.out(Reg::TSD0, rtl::kTally | 8, 4);
        return r.get32(rtl::kTally) - std::exchange(before, r.get32(rtl::kTally));
    };
    r.out(Reg::TPPOLL, 0x40, 1);
    for (unsigned slice = 0; slice < 20; ++slice) {
        const u32 sent = sent_since();
        EXPECT_GT(sent, 2U) << "the rings feed themselves";
        EXPECT_LE(sent, Rtl8139::kSliceFrames);
        r.advance(Rtl8139::kSlice);
    }
    EXPECT_EQ(r.net.count, 0U);
}

TEST(Rtl8139Hostile, AGuestGetsItsShareOfTimeAndTheRestLater) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    for (unsigned i = 0; i < 1024; ++i)
        r.out(Reg::TSD0, 8191, 4, (i % 4) * 4);
    EXPECT_LE(r.net.total, Rtl8139::kSliceBytes + 8191);
    EXPECT_EQ(r.tsd(static_cast<u32>(r.net.count % 4)) & 0x2000, 0U); // waits
    const u64 before = r.net.count;
    r.advance(Rtl8139::kSlice);
    EXPECT_GT(r.net.count, before);
}

TEST(Rtl8139Hostile, AFrameOfMoreThan64KiBIsLostAsAWhole) {
    Rtl8139Rig r;
    r.start_cplus();
    r.put_tx(0, OWN | FS | 0xffff, rtl::kTxData);
    r.put_tx(1, OWN | LS | 0xffff, rtl::kTxData);
    r.out(Reg::TPPOLL, 0x40, 1);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.tx(1) & OWN, 0U);
    r.send_cplus(2, make_frame(100));
    EXPECT_EQ(r.net.count, 1U);
}

TEST(Rtl8139Hostile, AMiddleWithoutABeginningIsLost) {
    Rtl8139Rig r;
    r.start_cplus();
    r.put_tx(0, OWN | 100, rtl::kTxData);
    r.put_tx(1, OWN | LS | 100, rtl::kTxData);
    r.out(Reg::TPPOLL, 0x40, 1);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.tx(1) & OWN, 0U);
}

TEST(Rtl8139Hostile, LargeSendWithoutASegmentSizeDividesByNothing) {
    Rtl8139Rig r; // GL1582
    r.start_cplus();
    r.send_cplus(0, make_frame(4000), LGSEN);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].offload.segments, FrameOffload::Segments::None);
}

TEST(Rtl8139Hostile, HeadersThatLieAreSentAsTheyAre) {
    for (const u32 flags : {IPCS | TCPCS, IPCS | UDPCS, LGSEN | 100U << 16}) { // CVE-2015-5165
        Rtl8139Rig r;
        r.start_cplus();
        for (unsigned ihl = 0; ihl < 16; ++ihl)
            for (const u32 total : {0U, 19U, 20U, 21U, 65535U})
                for (const std::size_t size : {14U, 20U, 33U, 34U, 53U, 54U, 60U, 200U}) {
                    Bytes frame = make_frame(400);
                    frame[14] = static_cast<u8>(0x40 | ihl);
                    put_be(frame, 16, total, 2);
                    frame.resize(size);
                    r.net.sent.clear();
                    r.advance(Rtl8139::kSlice);
                    r.send_cplus(0, frame, flags | EOR);
                    for (const Bytes& sent : r.net.wire())
                        ASSERT_LE(sent.size(), frame.size());
                    ASSERT_EQ(r.tx(0) & OWN, 0U);
                }
    }
}

TEST(Rtl8139Hostile, FramesOfAnyLengthFromTheHost) {
    for (const bool cplus : {false, true}) {
        Rtl8139Rig r;
        const std::size_t most = cplus ? 8187 : 4092;
        for (const std::size_t size :
             {0U, 1U, 13U, 14U, 59U, 60U, 1514U, 1518U, 4092U, 4093U, 8187U, 8188U, 65535U}) {
            if (cplus)
                r.start_cplus();
            else
                r.start_c_mode(rtl::AB);
            r.net.offer(Bytes(size, 0xff));
            EXPECT_EQ(r.isr() == rtl::ROK, size >= 14 && size <= most) << size;
        }
    }
}

TEST(Rtl8139Hostile, ADriversPlaceOutsideOfTheBufferIsTakenModuloItsSize) {
    for (const u32 capr : {0U, 1U, 0x1fffU, 0x2000U, 0xfff0U, 0xffffU}) {
        Rtl8139Rig r;
        r.start_c_mode(rtl::APM);
        r.out(Reg::CAPR, capr, 2);
        for (unsigned i = 0; i < 20; ++i)
            r.net.offer(make_frame(1460));
        for (unsigned i = 0; i < 12; ++i)
            r.advance(100 * kMillisecond);
        EXPECT_TRUE(r.net.waiting.empty());
        EXPECT_LT(r.in(Reg::CBR, 2), 8192U);
    }
}

TEST(Rtl8139Hostile, FramesOfThousandsOfSegmentsUseUpASlice) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes frame = make_frame(3000);
    r.put_bytes(rtl::kTxData, frame);
    for (unsigned i = 0; i < 4; ++i)
        r.put_tx(i, OWN | FS | LS | LGSEN | 2U << 16 | static_cast<u32>(frame.size()), rtl::kTxData);
    r.put_tx(4, EOR, 0);
    r.out(Reg::TPPOLL, 0x40, 1);
    EXPECT_EQ(r.net.sent.size(), 1U) << "1500 segments are more than a slice has";
    for (int i = 0; i < 3; ++i)
        r.advance(Rtl8139::kSlice);
    EXPECT_EQ(r.net.sent.size(), 4U);
}

TEST(Rtl8139Hostile, AReceiveBufferAtTheEndOfMemoryLosesWhatDoesNotFit) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM | rtl::WRAP);
    r.out(Reg::RBSTART, 0xffffff00, 4);
    r.net.offer(make_frame(1460));
    EXPECT_EQ(r.isr(), rtl::ROK); // nobody answered there, and nothing wrapped to address 0
    EXPECT_EQ(r.get32(0), 0U);
}

TEST(Rtl8139Hostile, ReceiveDescriptorsWithoutRoomForAnythingAreNoRoom) {
    Rtl8139Rig r;
    r.start_cplus();
    for (unsigned i = 0; i < 8; ++i)
        r.put_rx(i, 0);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.isr(), rtl::RXOVW);
    EXPECT_EQ(r.rx(0) & OWN, OWN);
}

TEST(Rtl8139Hostile, WithoutARingTheVectorsOfTheBiosAreNoDescriptors) {
    Rtl8139Rig r;
    r.start_cplus();
    r.out(Reg::RDSAR, 0, 4);
    const u32 control = OWN | EOR | rtl::kRxSize;
    r.put_descriptor(0, control, rtl::kRxData, 0);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.get32(0), control);
    EXPECT_EQ(r.get32(rtl::kRxData), 0U);
    EXPECT_EQ(r.isr(), rtl::RXOVW);
    r.out(Reg::RDSAR, rtl::kRxRing, 4);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.rx(0) & OWN, 0U);
}

TEST(Rtl8139Hostile, TimersOfAnyValueEnd) {
    for (const u32 value : {1U, 2U, 0x7fffffffU, 0xffffffffU}) {
        Rtl8139Rig r;
        r.out(Reg::TIMERINT, value, 4);
        for (unsigned i = 0; i < 1000; ++i)
            r.out(Reg::TCTR, i, 4);
        r.advance(300 * kSecond);
        EXPECT_EQ(r.isr(), rtl::TIMEOUT);
    }
}

TEST(Rtl8139Hostile, AStormOfFramesCostsOneInterruptUntilItIsAcknowledged) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM | 3U << 11);
    for (unsigned i = 0; i < 40; ++i)
        r.net.offer(make_frame(100));
    EXPECT_EQ(r.intx.raised, 1U);
}

} // namespace
} // namespace dm::test
