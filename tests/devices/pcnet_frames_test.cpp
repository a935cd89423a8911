// Am79C970A: frames that go, frames that come, and those that do both.
#include "tests/devices/pcnet_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::ElementsAre;
using namespace pcnet;

/// Frame and check sequence as they are in a receive buffer.
Bytes with_fcs(Bytes frame) {
    const u32 fcs = ethernet::check_sequence(frame);
    for (unsigned i = 0; i < 4; ++i)
        frame.push_back(byte_of(fcs, i));
    return frame;
}

struct PcnetStyle : testing::TestWithParam<u16> {
    PcnetStyle() { r.set_bcr(SWSTYLE, GetParam()); }
    PcnetRig r;
};
INSTANTIATE_TEST_SUITE_P(All, PcnetStyle, testing::Values(0, 1, 2, 3));

TEST_P(PcnetStyle, SendsWhatIsDemanded) {
    r.start();
    const Bytes frame = make_frame(1000);
    r.send(0, frame);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes, frame);
    EXPECT_EQ(r.tx(0), STP | ENP);
    EXPECT_EQ(r.status() & (pcn::TINT | pcn::INTR | pcn::TDMD), pcn::TINT | pcn::INTR);
    EXPECT_TRUE(r.irq());
    for (u16 i = 1; i < 20; ++i)
        r.send(i % 8, make_frame(i));
    EXPECT_EQ(r.net.count, 20U) << "around the ring";
}

TEST_P(PcnetStyle, ReceivesIntoItsRing) {
    r.start();
    const Bytes frame = make_frame(1000);
    r.net.offer(frame);
    EXPECT_EQ(r.rx(0) & 0xff00, STP | ENP);
    EXPECT_EQ(r.rx(0) & 0xff, GetParam() == 0 ? 0 : PAM);
    EXPECT_EQ(r.rx_length(0), frame.size() + 4);
    EXPECT_EQ(r.rx_data(0, frame.size() + 4), with_fcs(frame));
    EXPECT_EQ(r.status() & (pcn::RINT | pcn::INTR), pcn::RINT | pcn::INTR);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.csr(RCVRC), 0x10000 - 7);
}

TEST_P(PcnetStyle, AFrameIsSentFromSeveralBuffers) {
    r.start();
    const Bytes frame = make_frame(1000);
    r.put_bytes(pcn::kTxData, frame);
    r.put_tx(2, OWN | ENP, pcn::kTxData + 500, frame.size() - 500);
    r.put_tx(1, OWN, pcn::kTxData + 14, 486);
    r.put_tx(0, OWN | STP, pcn::kTxData, 14);
    r.demand();
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes, frame);
    EXPECT_EQ(r.tx(0), STP);
    EXPECT_EQ(r.tx(1), 0U);
    EXPECT_EQ(r.tx(2), ENP);
    EXPECT_EQ(r.csr(XMTRC), 0x10000 - 5);
}

TEST_P(PcnetStyle, AFrameIsReceivedIntoSeveralBuffers) {
    r.start();
    for (u16 i = 0; i < 8; ++i)
        r.put_rx(i, OWN, 300);
    const Bytes frame = make_frame(542); // 596 bytes: its FCS is in the third buffer
    r.net.offer(frame);
    EXPECT_EQ(r.rx(0) & 0xff00, STP);
    EXPECT_EQ(r.rx(1) & 0xff00, ENP);
    Bytes got = r.rx_data(0, 300);
    const Bytes rest = r.rx_data(1, 300);
    got.insert(got.end(), rest.begin(), rest.end());
    EXPECT_EQ(got, with_fcs(frame));
    EXPECT_EQ(r.rx_length(1), 600U);
    r.net.offer(make_frame(543));
    EXPECT_EQ(r.rx(2) & 0xff00, STP);
    EXPECT_EQ(r.rx(3) & 0xff00, 0);
    EXPECT_EQ(r.rx(4) & 0xff00, ENP);
    EXPECT_EQ(r.rx_length(4), 601U);
    EXPECT_EQ(r.rx(5), OWN);
}

TEST_P(PcnetStyle, AFrameWithoutAnEndIsAnUnderflow) {
    r.start();
    r.put_tx(1, OWN, pcn::kTxData, 100);
    r.put_tx(0, OWN | STP, pcn::kTxData, 100);
    r.demand();
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.tx(0), STP);
    EXPECT_EQ(r.tx(1), ERR);
    EXPECT_EQ(r.message(pcn::kTxRing, 1), GetParam() == 0 ? 0xc000U : 0xc000'0000U); // BUFF, UFLO
    EXPECT_EQ(r.status() & (pcn::TINT | pcn::TXON | pcn::RXON), pcn::TINT | pcn::RXON);
}

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

TEST(PcnetReceive, FiltersByAddress) {
    struct Case {
        u16 mode;
        u8 first; ///< of the destination; ff: broadcast, 00: the card's own
        u16 report;
    };
    constexpr u16 kNo = 0xffff;
    for (const Case& c : {Case{0, 0, PAM},
                          {0x2000, 0, kNo},
                          {0, 0xff, BAM},
                          {0x4000, 0xff, kNo},
                          {0, 1, kNo},
                          {0, 2, kNo},
                          {0x8000, 2, 0},
                          {0x8000, 0xff, 0},
                          {0xe000, 0, 0}}) {
        PcnetRig r;
        r.start32(c.mode);
        Bytes frame = make_frame(100);
        if (c.first == 0xff) std::fill_n(frame.begin(), 6, u8{0xff});
        frame[0] = c.first;
        r.net.offer(frame);
        EXPECT_EQ(r.rx(0), c.report == kNo ? OWN : STP | ENP | c.report) << c.mode << " " << int{c.first};
        EXPECT_EQ(r.status() & (pcn::MISS | pcn::RINT), c.report == kNo ? 0 : pcn::RINT);
    }
}

TEST(PcnetReceive, TheLogicalFilterTakesTheUpperBitsOfTheCrc) {
    // 01:00:5e:00:00:01 is bit 63 and 33:33:00:00:00:01 bit 33: by the drivers' arithmetic, bit by bit.
    const auto hash = [](std::span<const u8> address) {
        u32 crc = ~0U;
        for (const u8 byte : address.first(6))
            for (unsigned bit = 0; bit < 8; ++bit)
                crc = crc >> 1 ^ ((crc ^ byte >> bit) & 1 ? 0xedb88320U : 0U);
        return crc >> 26;
    };
    for (const u64 to : {0x01005e000001U, 0x333300000001U, 0x01005e7ffffaU, 0xffffffffffffU}) {
        Bytes frame = make_frame(100);
        put_be(frame, 0, to, 6);
        const unsigned bit = hash(frame);
        PcnetRig r;
        r.ladrf[bit / 8] = static_cast<u8>(1U << bit % 8);
        r.start32(0x4000); // DRCVBC
        r.net.offer(frame);
        EXPECT_EQ(r.rx(0), STP | ENP | LAFM) << to;
        PcnetRig other;
        other.ladrf.fill(0xff);
        other.ladrf[bit / 8] = static_cast<u8>(~r.ladrf[bit / 8]);
        other.start32(0x4000);
        other.net.offer(frame);
        EXPECT_EQ(other.rx(0), OWN);
    }
}

TEST(PcnetReceive, ShortFramesArePaddedAndStrippedAgainWhenAsked) {
    PcnetRig r;
    r.start32();
    Bytes frame = make_frame(100);
    frame.resize(20);
    put_be(frame, 12, 5, 2); // 802.3, five bytes
    r.net.offer(frame);
    Bytes padded = frame;
    padded.resize(60);
    EXPECT_EQ(r.rx_length(0), 64U);
    EXPECT_EQ(r.rx_data(0, 64), with_fcs(padded));
    r.set_csr(TEST, 0x0515); // ASTRP_RCV
    r.net.offer(frame);
    EXPECT_EQ(r.rx_length(1), 19U);
    EXPECT_EQ(r.rx_data(1, 20), [&] {
        Bytes stripped = frame;
        stripped[19] = 0; // not written
        return stripped;
    }());
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.rx_length(2), 158U) << "a type is no length";
}

TEST(PcnetReceive, FramesForAFullRingWaitForTheGuest) {
    PcnetRig r;
    r.start32(0, 1);
    for (unsigned i = 0; i < 4; ++i)
        r.net.offer(make_frame(100));
    EXPECT_EQ(r.net.waiting.size(), 2U);
    EXPECT_EQ(r.status() & pcn::MISS, 0);
    r.put_rx(0);
    r.acknowledge();
    EXPECT_EQ(r.net.waiting.size(), 1U);
    r.put_rx(1);
    r.advance(200 * kMillisecond);
    EXPECT_TRUE(r.net.waiting.empty()) << "the card looks by itself";
    EXPECT_EQ(r.status() & pcn::MISS, 0);
}

TEST(PcnetReceive, AGuestThatNeverComesMissesThem) {
    PcnetRig r;
    r.start32(0, 0);
    for (unsigned i = 0; i < 4; ++i)
        r.net.offer(make_frame(100));
    for (unsigned i = 0; i < 12; ++i)
        r.advance(100 * kMillisecond);
    EXPECT_TRUE(r.net.waiting.empty());
    EXPECT_EQ(r.status() & (pcn::MISS | pcn::kError), pcn::MISS | pcn::kError);
    EXPECT_EQ(r.csr(MFC), 3U);
    r.put_rx(0);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.rx(0), STP | ENP | PAM);
}

TEST(PcnetReceive, AFrameThatRunsOutOfBuffersIsABufferError) {
    PcnetRig r;
    r.start32();
    r.put_rx(0, OWN, 64);
    r.put_rx(1, OWN, 64);
    r.put_rx(2, 0);
    r.net.offer(make_frame(1000));
    EXPECT_EQ(r.rx(0), STP);
    EXPECT_EQ(r.rx(1), ERR | BUFF | OFLO);
    EXPECT_EQ(r.rx(2), 0U);
    EXPECT_EQ(r.status() & pcn::RINT, pcn::RINT);
}

TEST(PcnetLoopback, AFrameComesBackToTheCardItself) {
    for (const u16 mode : {u16{0x0044}, u16{0x0004}}) {
        PcnetRig r;
        r.start32(mode);
        const Bytes frame = make_frame(200);
        r.send(0, frame);
        EXPECT_EQ(r.net.count, 0U);
        EXPECT_EQ(r.rx(0), STP | ENP | PAM);
        EXPECT_EQ(r.rx_data(0, frame.size() + 4), with_fcs(frame));
        EXPECT_EQ(r.status() & (pcn::TINT | pcn::RINT), pcn::TINT | pcn::RINT);
        r.net.offer(frame);
        EXPECT_EQ(r.rx(1), OWN) << "nothing from outside";
    }
}

TEST(PcnetLoopback, WithDxmtfcsTheGuestsFcsIsJudged) {
    PcnetRig r;
    r.start32(0x004c);
    const Bytes frame = make_frame(200);
    Bytes right = with_fcs(frame);
    r.send(0, right);
    EXPECT_EQ(r.rx(0), STP | ENP | PAM);
    EXPECT_EQ(r.rx_length(0), frame.size() + 4);
    right.back() = static_cast<u8>(right.back() ^ 1);
    r.send(1, right);
    EXPECT_EQ(r.rx(1), STP | ENP | PAM | CRC | ERR);
    EXPECT_EQ(r.rx_data(1, right.size()), right) << "as it came";
    r.send(2, frame, ADD_FCS);
    EXPECT_EQ(r.rx(2), STP | ENP | PAM);
    EXPECT_EQ(r.rx_data(2, frame.size() + 4), with_fcs(frame));
}

TEST(PcnetLoopback, InsideOfTheChipItNeedsNoCable) {
    PcnetRig r;
    r.net.set_link(false);
    r.start32(0x0044);
    r.send(0, make_frame(200));
    EXPECT_EQ(r.rx(0), STP | ENP | PAM);
    PcnetRig outside;
    outside.net.set_link(false);
    outside.start32(0x0004);
    outside.send(0, make_frame(200));
    EXPECT_EQ(outside.rx(0), OWN);
    EXPECT_EQ(outside.tx(0), ERR | STP | ENP);
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
