// RTL8029AS: frames that go out, come in, come back, and wait.
#include "tests/devices/ne2k_pci_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dm::test {
namespace {

using namespace ne2k;
using testing::Each;
using testing::ElementsAre;

Bytes to(u64 address, std::size_t payload = 100) {
    Bytes frame = make_frame(payload);
    put_be(frame, 0, address, 6);
    return frame;
}

constexpr u64 kOwn = 0x00163e000003;

TEST(Ne2kPciSend, AFrameGoesOutAndIsReported) {
    Ne2kPciRig r;
    r.start();
    for (const std::size_t payload : {0U, 1U, 200U, 1460U}) {
        const Bytes frame = make_frame(payload);
        r.send(frame, payload % 2 == 0 ? 0x40 : 0x46);
        EXPECT_EQ(r.net.sent.back().bytes, frame);
        EXPECT_EQ(r.isr(), PTX);
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.in8(TSR), 0x03U);
        EXPECT_EQ(r.in8(kCr), NODMA | STA) << "TXP is gone";
        r.acknowledge(PTX);
        EXPECT_FALSE(r.irq());
    }
}

TEST(Ne2kPciSend, AStoppedCardSendsNothing) {
    Ne2kPciRig r;
    r.start();
    r.upload(make_frame(100));
    r.out8(kCr, NODMA | STP | TXP);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.in8(kCr) & TXP, 0);
}

TEST(Ne2kPciSend, AFullBackEndKeepsTheFrame) {
    Ne2kPciRig r;
    r.start();
    r.net.set_later(true);
    r.send(make_frame(100));
    EXPECT_EQ(r.in8(kCr) & TXP, TXP);
    EXPECT_EQ(r.isr(), 0U);
    r.out8(kCr, NODMA | STA); // a zero in TXP does nothing
    EXPECT_EQ(r.in8(kCr) & TXP, TXP);
    r.net.set_later(false);
    EXPECT_EQ(r.net.count, 1U);
    EXPECT_EQ(r.isr(), PTX);
    EXPECT_TRUE(r.irq());

    r.net.set_later(true);
    r.trigger(100);
    r.out8(kCr, NODMA | STP);
    r.net.set_later(false);
    EXPECT_EQ(r.net.count, 1U) << "stopped before it went";
}

TEST(Ne2kPciSend, APulledCableIsALostCarrier) {
    Ne2kPciRig r;
    r.start();
    r.net.set_link(false);
    r.send(make_frame(100));
    EXPECT_EQ(r.isr(), PTX);
    EXPECT_EQ(r.in8(TSR), 0x13U);
    r.net.set_link(true);
    r.trigger(100);
    EXPECT_EQ(r.in8(TSR), 0x03U);
}

TEST(Ne2kPciSend, ACardWithoutACableSendsToNobody) {
    Ne2kPciRig r;
    Ne2kPci card("nic1", NetCardConfig{.mac = NetRig::kMac, .cable = nullptr, .rom = {}}, r.timers,
                 r.pci_wiring(5, 1));
    r.pci.attach({0, 5, 0}, card);
    r.pci.config_write({0, 5, 0}, pci::BAR0, 4, 0xc400);
    r.pci.config_write({0, 5, 0}, pci::COMMAND, 2, 7);
    r.out(0xc400 + TPSR, 0x40);
    r.out(0xc400 + TBCR0, 60);
    r.out(0xc400, NODMA | STA | TXP);
    EXPECT_EQ(r.in(0xc400 + ISR), PTX);
}

TEST(Ne2kPciReceive, AFrameIsInTheRingWithItsHeaderAndFcs) {
    Ne2kPciRig r;
    r.start();
    const Bytes frame = to(kOwn);
    r.net.offer(frame);
    EXPECT_EQ(r.isr(), PRX);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.in8(RSR), 0x01U);
    EXPECT_EQ(r.curr(), kRxFirst + 1U);
    const auto got = r.take_frame();
    EXPECT_EQ(got.status, 0x01U);
    EXPECT_EQ(got.next, kRxFirst + 1U);
    EXPECT_EQ(got.length, frame.size() + 4);
    EXPECT_EQ(got.frame, frame);
    const u32 sum = ethernet::check_sequence(frame);
    EXPECT_THAT(got.fcs, ElementsAre(byte_of(sum, 0), byte_of(sum, 1), byte_of(sum, 2), byte_of(sum, 3)));
}

TEST(Ne2kPciReceive, ShortFramesArePaddedAndLongOnesDropped) {
    Ne2kPciRig r;
    r.start();
    Bytes frame = to(kOwn);
    frame.resize(14);
    r.net.offer(frame);
    const auto got = r.take_frame();
    EXPECT_EQ(got.length, 64U);
    frame.resize(60);
    EXPECT_EQ(got.frame, frame);
    r.net.offer(to(kOwn, 1464)); // with a tag's four bytes
    EXPECT_EQ(r.take_frame().length, 1522U);
    r.acknowledge();
    for (const std::size_t size : {0U, 13U, 1519U, 9000U}) {
        frame.resize(size);
        r.net.offer(frame);
        EXPECT_EQ(r.isr(), 0U) << size;
    }
}

/// Each frame's last byte ends a page, or is the first of another one.
TEST(Ne2kPciReceive, PagesAreCountedWithHeaderAndFcs) {
    for (const auto& [size, pages] : {std::pair{248U, 1U}, {249U, 2U}, {504U, 2U}, {505U, 3U}, {1514U, 6U}}) {
        Ne2kPciRig r;
        r.start();
        Bytes frame = to(kOwn);
        frame.resize(size);
        r.net.offer(frame);
        EXPECT_EQ(r.curr(), kRxFirst + pages) << size;
    }
}

TEST(Ne2kPciReceive, TheRingGoesRound) {
    Ne2kPciRig r;
    r.start();
    for (unsigned i = 0; i < 200; ++i) {
        Bytes frame = make_frame(37 * i % 1460, {}, static_cast<u8>(i));
        frame.resize(std::max<std::size_t>(frame.size(), 60));
        r.net.offer(frame);
        ASSERT_EQ(r.take_frame().frame, frame) << i;
        ASSERT_GE(r.curr(), kRxFirst);
        ASSERT_LT(r.curr(), kRxEnd);
    }
}

TEST(Ne2kPciReceive, TheFilterIsOfAddressesAndHashes) {
    struct Case {
        u64 to;
        u8 rcr;
        bool taken;
        u8 status;
    };
    constexpr u64 kOther = 0x00163e000004;
    constexpr u64 kAll = 0xffffffffffff;
    constexpr u64 kGroup = 0x01005e000001;
    for (const Case& c : {Case{kOwn, 0, true, 0x01}, Case{kOther, AB | AM, false, 0},
                          Case{kOther, PRO, true, 0x01}, Case{kAll, 0, false, 0}, Case{kAll, AB, true, 0x21},
                          Case{kAll, PRO, false, 0}, Case{kGroup, AM, true, 0x21}, Case{kGroup, AB, false, 0},
                          Case{kGroup + 1, AM, false, 0}, Case{kOwn, MON, false, 0}}) {
        Ne2kPciRig r;
        r.start(c.rcr);
        const u32 bit = 0x1f; // of kGroup, by hand
        const Bytes group = to(kGroup);
        ASSERT_EQ(ethernet::hash_crc(group) >> 26, bit);
        r.reg(1, static_cast<Port>(MAR0 + bit / 8), 1 << bit % 8);
        r.net.offer(to(c.to));
        EXPECT_EQ(r.isr() == PRX, c.taken) << std::hex << c.to << " " << unsigned{c.rcr};
        if (!c.taken) continue;
        EXPECT_EQ(r.take_frame().status, c.status);
    }
}

TEST(Ne2kPciReceive, StoppedOrInLoopbackItHearsNothing) {
    Ne2kPciRig r;
    r.start();
    r.out8(TCR, 2);
    r.net.offer(to(kOwn));
    r.out8(TCR, 0);
    r.out8(kCr, NODMA | STP);
    r.net.offer(to(kOwn));
    EXPECT_TRUE(r.net.waiting.empty());
    r.out8(kCr, NODMA | STA);
    EXPECT_EQ(r.isr(), 0U);
    EXPECT_EQ(r.curr(), kRxFirst);
}

TEST(Ne2kPciReceive, TheMonitorOnlyCounts) {
    Ne2kPciRig r;
    r.start(AB | MON);
    for (unsigned i = 0; i < 127; ++i)
        r.net.offer(to(kOwn));
    EXPECT_EQ(r.isr(), 0U);
    EXPECT_EQ(r.in8(RSR), 0x50U);
    r.net.offer(to(kOwn));
    EXPECT_EQ(r.isr(), CNT);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.in8(CNTR2), 128U);
    EXPECT_EQ(r.in8(CNTR2), 0U); // read and cleared
    for (unsigned i = 0; i < 300; ++i)
        r.net.offer(to(kOwn));
    EXPECT_EQ(r.in8(CNTR2), 0xc0U);
    EXPECT_EQ(r.curr(), kRxFirst);
}

/// Until BNRY is reached nothing that was not read is lost, and then the driver has its time.
TEST(Ne2kPciReceive, FramesWaitForRoom) {
    Ne2kPciRig r;
    r.start();
    for (unsigned i = 0; i < 20; ++i)
        r.net.offer(make_frame(1460, {}, static_cast<u8>(i)));
    EXPECT_FALSE(r.net.waiting.empty());
    EXPECT_EQ(r.isr(), PRX);
    r.acknowledge();
    for (unsigned i = 0; i < 20; ++i)
        ASSERT_EQ(r.take_frame().frame, make_frame(1460, {}, static_cast<u8>(i))) << i;
    EXPECT_TRUE(r.net.waiting.empty());
    EXPECT_EQ(r.isr() & OVW, 0);
    EXPECT_EQ(r.in8(CNTR2), 0U);
}

TEST(Ne2kPciReceive, TheLastPageBeforeBnryIsNeverTaken) {
    Ne2kPciRig r;
    r.start(AB, 0x4c, 0x54); // eight pages, of which BNRY is the last
    Bytes frame = to(kOwn);
    frame.resize(505); // three pages
    r.net.offer(frame);
    EXPECT_EQ(r.curr(), 0x4fU);
    r.net.offer(frame);
    EXPECT_EQ(r.curr(), 0x4fU) << "no room for one of the usual length; it waits";
    r.out8(kCr, NODMA | STP); // forgets what waits
    r.out8(kCr, NODMA | STA);
    r.net.offer(frame);
    EXPECT_EQ(r.curr(), 0x52U);
    for (unsigned i = 0; i < 8; ++i)
        r.advance(200 * kMillisecond);
    frame.resize(60);
    r.net.offer(frame); // one page: CURR would meet BNRY
    EXPECT_EQ(r.curr(), 0x52U);
    EXPECT_EQ(r.isr() & OVW, OVW);
}

/// Linux' driver writes BNRY so when the frame that it has read ended with the ring.
TEST(Ne2kPciReceive, BnryInFrontOfTheRingIsItsLastPage) {
    Ne2kPciRig r;
    r.start(AB, 0x4c, 0x54);
    r.out8(BNRY, 0x4b);
    Bytes frame = to(kOwn);
    frame.resize(505); // three pages
    r.net.offer(frame);
    EXPECT_EQ(r.curr(), 0x4fU);
    r.net.offer(frame);
    EXPECT_FALSE(r.net.waiting.empty()) << "the ring has no room for one of the usual length";
    for (unsigned i = 0; i < 8; ++i)
        r.advance(200 * kMillisecond);
    EXPECT_EQ(r.curr(), 0x52U);
    r.net.offer(frame);
    EXPECT_EQ(r.curr(), 0x52U) << "what the guest has not read stays";
    EXPECT_EQ(r.isr() & OVW, OVW);
}

/// Linux' ei_rx_overrun().
TEST(Ne2kPciReceive, AnOverflowIsToldAndRecoveredFrom) {
    Ne2kPciRig r;
    r.start();
    for (unsigned i = 0; i < 30; ++i)
        r.net.offer(to(kOwn, 1460));
    for (unsigned i = 0; i < 10; ++i)
        r.advance(200 * kMillisecond);
    EXPECT_TRUE(r.net.waiting.empty()) << "nobody came; they are lost";
    EXPECT_EQ(r.isr(), PRX | OVW);
    EXPECT_TRUE(r.irq());
    EXPECT_GT(r.in8(CNTR2), 0U);
    r.out8(kCr, NODMA | STP);
    r.out8(RBCR0, 0);
    r.out8(RBCR1, 0);
    r.out8(TCR, 2);
    r.out8(kCr, NODMA | STA);
    while (r.in8(BNRY) + 1 != r.curr())
        EXPECT_EQ(r.take_frame().length, 1518U);
    r.acknowledge(PRX | OVW | RDC);
    r.out8(TCR, 0);
    EXPECT_EQ(r.isr(), 0U);
    r.net.offer(to(kOwn));
    EXPECT_EQ(r.isr(), PRX);
    EXPECT_EQ(r.take_frame().frame, to(kOwn));
}

TEST(Ne2kPciReceive, ARingForLessThanAFrameTakesWhatFits) {
    Ne2kPciRig r;
    r.start(AB, 0x4c, 0x50);
    for (unsigned i = 0; i < 20; ++i) {
        r.net.offer(to(kOwn, 300));
        ASSERT_EQ(r.take_frame().frame, to(kOwn, 300)) << i;
    }
    r.acknowledge();
    r.net.offer(to(kOwn, 1460));
    EXPECT_EQ(r.isr(), OVW);
    r.net.offer(to(kOwn, 300));
    EXPECT_EQ(r.take_frame().frame, to(kOwn, 300));
}

/// DP8390D, 9.0: header and frame come one after the other, and BNRY follows.
TEST(Ne2kPciReceive, TheSendPacketCommandTakesAFrameOffTheRing) {
    Ne2kPciRig r;
    r.start();
    r.out8(DCR, 0x59); // ARM
    r.out8(BNRY, kRxFirst);
    const Bytes frame = to(kOwn, 300);
    r.net.offer(frame);
    r.net.offer(to(kOwn, 20));
    r.out8(RBCR1, 0x0f);
    r.out8(kCr, RREAD | RWRITE | STA);
    Bytes bytes(4 + frame.size());
    r.ports.read_string(kPorts + kData, 2, bytes);
    EXPECT_EQ(bytes[0], 0x01U);
    EXPECT_TRUE(std::equal(frame.begin(), frame.end(), bytes.begin() + 4));
    EXPECT_EQ(r.isr() & RDC, RDC);
    EXPECT_EQ(r.in8(BNRY), kRxFirst + 2U);
    r.out8(kCr, RREAD | RWRITE | STA);
    EXPECT_EQ(r.in(kPorts + kData, 4), 0x00000000U | 0x01 | (kRxFirst + 3) << 8 | (74 + 4) << 16);
    r.out8(kCr, NODMA | STA); // aborted: BNRY stays
    Bytes rest(74);
    r.ports.read_string(kPorts + kData, 2, rest);
    EXPECT_EQ(r.in8(BNRY), kRxFirst + 2U);
}

// --- loopback (DP8390D, 12.0)

TEST(Ne2kPciLoopback, StatusTellsHowFarTheFrameWent) {
    for (const auto& [tcr, tsr, sent] : {std::tuple{2, 0x53, 0U}, {4, 0x43, 0U}, {6, 0x03, 1U}}) {
        Ne2kPciRig r;
        r.start();
        r.out8(TCR, static_cast<u8>(tcr));
        const Bytes frame = to(kOwn);
        r.send(frame);
        EXPECT_EQ(r.isr(), PTX) << "PRX is for frames that reach the memory";
        EXPECT_EQ(r.in8(TSR), tsr);
        EXPECT_EQ(r.in8(RSR), 0x02U) << "nobody can judge a check sequence that the same logic made";
        EXPECT_EQ(r.net.count, sent);
        EXPECT_EQ(r.curr(), kRxFirst);
        const u32 sum = ethernet::check_sequence(frame);
        const std::size_t length = frame.size() + 4;
        for (unsigned again = 0; again < 2; ++again) {
            Bytes fifo;
            for (unsigned i = 0; i < 8; ++i)
                fifo.push_back(r.in8(FIFO));
            EXPECT_THAT(fifo,
                        ElementsAre(byte_of(length, 0), byte_of(length, 1), byte_of(length, 1), frame.back(),
                                    byte_of(sum, 0), byte_of(sum, 1), byte_of(sum, 2), byte_of(sum, 3)));
        }
    }
}

TEST(Ne2kPciLoopback, ACheckSequenceOfTheDriversIsJudged) {
    Ne2kPciRig r;
    r.start();
    r.out8(TCR, 3); // CRC inhibited
    Bytes frame = with_fcs(to(0xffffffffffff));
    r.send(frame);
    EXPECT_EQ(r.in8(RSR), 0x21U);
    frame.back() ^= 1;
    r.send(frame);
    EXPECT_EQ(r.in8(RSR), 0x22U);
    put_be(frame, 0, 0x00163e000009, 6);
    r.send(frame);
    EXPECT_EQ(r.in8(RSR), 0U) << "for somebody else";
}

TEST(Ne2kPciLoopback, WithoutItTheFifoIsEmpty) {
    Ne2kPciRig r;
    r.start();
    r.out8(TCR, 2);
    r.send(to(kOwn));
    r.out8(TCR, 0);
    EXPECT_EQ(r.in8(FIFO), 0U);
}

} // namespace
} // namespace dm::test
