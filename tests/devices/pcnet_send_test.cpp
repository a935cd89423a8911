// Am79C970A: frames that go.
#include "tests/devices/pcnet_rig.hpp"

namespace dm::test {
namespace {

using namespace pcnet;

TEST(PcnetSend, WithDxsufloAnUnderflowLeavesTheTransmitterOn) {
    PcnetRig r;
    r.set_csr(MASKS, 0x0040);
    r.start32();
    r.put_tx(0, OWN | STP, pcn::kTxData, 100);
    r.demand();
    EXPECT_EQ(r.status() & pcn::TXON, pcn::TXON);
    r.send(1, make_frame(100));
    EXPECT_EQ(r.net.count, 1U);
}

TEST(PcnetSend, TheLancesStyleHasTheUpperAddressBitsInCsr2) {
    PcnetRig r;
    r.start();
    r.set_csr(STATUS, pcn::STOP);
    r.set_csr(IADRH, 0x0100);
    r.set_csr(IADRL, static_cast<u16>(pcn::kInitBlock));
    r.set_csr(STATUS, pcn::INIT | pcn::STRT);
    EXPECT_EQ(r.status(), pcn::STOP) << "nobody answers at 0x01001000";
    EXPECT_EQ(r.csr(EXTENDED), 0x0800) << "SINT";
    r.set_csr(EXTENDED, 0x0400);
    EXPECT_TRUE(r.irq()) << "SINTE needs no IENA";
    r.set_csr(EXTENDED, 0x0c00);
    EXPECT_FALSE(r.irq());
}

TEST(PcnetSend, WhatTheRingHoldsIsSentWhenItStarts) {
    PcnetRig r; // Linux' loopback test fills it first
    r.set_bcr(SWSTYLE, 2);
    r.start(0);
    r.set_csr(STATUS, pcn::STOP);
    r.put_tx(0, pcn::kWhole, pcn::kTxData, 100);
    r.set_csr(STATUS, pcn::STRT);
    EXPECT_EQ(r.net.count, 1U);
}

TEST(PcnetSend, TheRingIsPolledLessOftenWhenThereIsNothing) {
    PcnetRig r;
    r.start32();
    r.put_tx(0, pcn::kWhole, pcn::kTxData, 100);
    r.advance(Pcnet::kPoll);
    EXPECT_EQ(r.net.count, 1U) << "nobody demanded it";
    unsigned looks = 0;
    for (u64 ms = 0; ms < 10'000; ++ms) {
        const auto before = r.timers.next_deadline();
        r.advance(kMillisecond);
        if (r.timers.next_deadline() != before) ++looks;
    }
    EXPECT_LT(looks, 50U);
    EXPECT_GT(looks, 30U);
    r.put_tx(1, pcn::kWhole, pcn::kTxData, 100);
    r.advance(Pcnet::kPoll << Pcnet::kPollBackoff);
    EXPECT_EQ(r.net.count, 2U);
    r.put_tx(2, pcn::kWhole, pcn::kTxData, 100);
    r.advance(Pcnet::kPoll);
    EXPECT_EQ(r.net.count, 3U) << "often again";
}

TEST(PcnetSend, WithTxdpollOnlyADemandCounts) {
    PcnetRig r;
    r.set_csr(TEST, 0x1115);
    r.start32();
    r.put_tx(0, pcn::kWhole, pcn::kTxData, 100);
    r.advance(kSecond);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
    r.demand();
    EXPECT_EQ(r.net.count, 1U);
}

TEST(PcnetSend, ReportsAsLtintenAndTokintdSay) {
    struct Case {
        u16 csr5;
        u16 flags;
        bool told;
    };
    for (const Case& c : {Case{0, 0, true},
                          {0x8000, 0, false},
                          {0x4000, 0, false},
                          {0x4000, LTINT, true},
                          {0xc000, LTINT, true},
                          {0xc000, 0, false},
                          {0x8000, LTINT, false}}) {
        PcnetRig r;
        r.set_csr(EXTENDED, c.csr5);
        r.start32();
        r.send(0, make_frame(100), c.flags);
        EXPECT_EQ(r.net.count, 1U);
        EXPECT_EQ(r.status() & pcn::TINT, c.told ? pcn::TINT : 0);
        EXPECT_EQ(r.tx(0), STP | ENP);
        r.net.set_link(false);
        r.send(1, make_frame(100));
        EXPECT_EQ(r.status() & pcn::TINT, pcn::TINT) << "errors are told in any case";
    }
}

TEST(PcnetSend, ItsBeginningCanBeACause) {
    PcnetRig r;
    r.set_csr(TEST, 0x0111); // TXSTRT not masked
    r.set_csr(MASKS, 0x0200);
    r.start32();
    r.send(0, make_frame(100));
    EXPECT_EQ(r.csr(TEST), 0x0119);
    EXPECT_TRUE(r.irq());
    r.set_csr(TEST, 0x0119);
    EXPECT_FALSE(r.irq());
}

TEST(PcnetSend, PadsShortFramesWhenAsked) {
    PcnetRig r;
    r.put_bytes(pcn::kTxData, Bytes(100, 0x77));
    r.start32();
    r.send(0, Bytes(20, 0x11));
    r.set_csr(TEST, 0x0915);
    r.send(1, Bytes(20, 0x11));
    ASSERT_EQ(r.net.sent.size(), 2U);
    EXPECT_EQ(r.net.sent[0].bytes, Bytes(20, 0x11));
    Bytes padded(20, 0x11);
    padded.resize(60);
    EXPECT_EQ(r.net.sent[1].bytes, padded);
}

TEST(PcnetSend, AnFcsOfTheGuestsOwnStaysBehind) {
    PcnetRig r;
    r.start32(0x0008); // DXMTFCS
    const Bytes frame = make_frame(100);
    r.send(0, with_fcs(frame));
    r.send(1, frame, ADD_FCS);
    ASSERT_EQ(r.net.sent.size(), 2U);
    EXPECT_EQ(r.net.sent[0].bytes, frame);
    EXPECT_EQ(r.net.sent[1].bytes, frame);
}

TEST(PcnetSend, WithoutACableTheCarrierIsLost) {
    PcnetRig r;
    r.start32();
    r.net.set_link(false);
    r.send(0, make_frame(100));
    EXPECT_EQ(r.tx(0), ERR | STP | ENP);
    EXPECT_EQ(r.message(pcn::kTxRing, 0), 0x0800'0000U);
    EXPECT_EQ(r.status() & (pcn::CERR | pcn::kError), pcn::CERR | pcn::kError);
    r.net.set_link(true);
    r.send(1, make_frame(100));
    EXPECT_EQ(r.net.count, 1U);
}

TEST(PcnetSend, AFullBackEndHoldsTheRing) {
    PcnetRig r;
    r.start32();
    r.net.set_later(true);
    r.send(0, make_frame(100));
    EXPECT_EQ(r.tx(0), pcn::kWhole);
    EXPECT_EQ(r.status() & pcn::TINT, 0);
    r.put_tx(1, pcn::kWhole, pcn::kTxData, 60);
    r.net.set_later(false);
    EXPECT_EQ(r.net.count, 2U);
    EXPECT_EQ(r.tx(1), STP | ENP);
}

TEST(PcnetSend, SuspendedItKeepsItsFramesAndTheOnesThatCome) {
    PcnetRig r;
    r.start32();
    r.set_csr(EXTENDED, 1);
    EXPECT_EQ(r.csr(EXTENDED), 1U) << "Linux waits for it";
    r.send(0, make_frame(100));
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.net.waiting.size(), 1U);
    r.set_csr(EXTENDED, 0);
    EXPECT_EQ(r.net.count, 1U);
    EXPECT_TRUE(r.net.waiting.empty());
    EXPECT_EQ(r.rx(0), STP | ENP | PAM);
}

TEST(PcnetSend, RingsWithoutAnInitializationBlock) {
    PcnetRig r; // FreeBSD's pcn
    r.set_bcr(SWSTYLE, 3);
    r.put_rx(0);
    r.put_tx(0, pcn::kWhole, pcn::kTxData, 60);
    r.set_csr(MODE, 0);
    r.set_csr(BADRL, static_cast<u16>(pcn::kRxRing));
    r.set_csr(BADRH, 0);
    r.set_csr(BADXL, static_cast<u16>(pcn::kTxRing));
    r.set_csr(BADXH, 0);
    r.set_csr(RCVRL, 0x10000 - 64);
    r.set_csr(XMTRL, 0x10000 - 256);
    r.set_csr(STATUS, pcn::IENA | pcn::STRT);
    EXPECT_EQ(r.net.count, 1U);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.rx(0), STP | ENP | PAM);
    EXPECT_EQ(r.csr(RCVRC), 0x10000 - 63);
}

/// A driver that looks at its causes soon is not told of each sent frame by itself.
TEST(PcnetMitigation, AReportOfASentFrameWaitsForAResponse) {
    constexpr u64 kResponse = 10 * kMicrosecond;
    PcnetRig r;
    r.start32(0, 5, 5);
    r.send(0, make_frame(100));
    EXPECT_TRUE(r.irq());
    r.advance(kResponse);
    r.acknowledge(r.status());
    r.advance(kSecond);
    r.send(1, make_frame(100));
    EXPECT_EQ(r.csr(STATUS) & pcn::TINT, pcn::TINT) << "whoever looks sees it";
    EXPECT_FALSE(r.irq());
    r.advance(kResponse);
    EXPECT_TRUE(r.irq());
    r.acknowledge(r.status());
    r.advance(kSecond);
    r.net.offer(make_frame(100));
    EXPECT_TRUE(r.irq()) << "a frame for a guest at rest";
}

} // namespace
} // namespace dm::test
