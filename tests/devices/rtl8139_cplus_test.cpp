// RTL8139C+ in C+ mode: descriptor rings, checksums, segmentation, VLAN tags.
#include "tests/devices/rtl8139_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using Reg = rtl8139::Reg;
using namespace rtl8139::desc;

constexpr u32 kWhole = OWN | FS | LS;

/// As a driver leaves it that has the card do the sums.
Bytes without_sums(Bytes frame, const FrameShape& shape) {
    put_be(frame, shape.ip() + 10, 0xdead, 2);
    put_be(frame, shape.field(), 0xbeef, 2);
    return frame;
}

TEST(Rtl8139CPlus, SendsADescriptorsFrameAndGivesItBack) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes frame = make_frame(100);
    r.send_cplus(0, frame);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes, frame);
    EXPECT_EQ(r.net.sent[0].offload, FrameOffload{});
    EXPECT_EQ(r.tx(0), FS | LS | static_cast<u32>(frame.size())); // no error
    EXPECT_EQ(r.isr(), rtl::TOK | rtl::TDU);
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139CPlus, AFrameIsMadeOfSeveralDescriptors) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes frame = make_frame(1400);
    r.put_bytes(rtl::kTxData, frame);
    r.put_tx(0, OWN | FS | 14, rtl::kTxData);
    r.put_tx(1, OWN | 700, rtl::kTxData + 14);
    r.put_tx(2, OWN | LS | static_cast<u32>(frame.size() - 714), rtl::kTxData + 714);
    r.out(Reg::TPPOLL, 0x40, 1);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes, frame);
    for (unsigned i = 0; i < 3; ++i)
        EXPECT_EQ(r.tx(i) & OWN, 0U);
}

TEST(Rtl8139CPlus, AFrameThatIsNotWholeYetWaitsForTheNextPoll) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes frame = make_frame(100);
    r.put_bytes(rtl::kTxData, frame);
    r.put_tx(0, OWN | FS | 50, rtl::kTxData);
    r.put_tx(1, 0, 0);
    r.out(Reg::TPPOLL, 0x40, 1);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.tx(0) & OWN, OWN);
    EXPECT_EQ(r.isr(), rtl::TDU);
    r.put_tx(1, OWN | LS | static_cast<u32>(frame.size() - 50), rtl::kTxData + 50);
    r.out(Reg::TPPOLL, 0x40, 1);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes, frame);
}

TEST(Rtl8139CPlus, TheRingEndsAtEorOrAt64) {
    Rtl8139Rig r;
    r.start_cplus();
    for (unsigned i = 0; i < 3; ++i)
        r.send_cplus(i, make_frame(100), i == 2 ? EOR : 0);
    r.send_cplus(0, make_frame(101));
    EXPECT_EQ(r.net.count, 4U);
    EXPECT_EQ(r.tx(2) & EOR, EOR);

    Rtl8139Rig whole;
    whole.start_cplus();
    for (unsigned i = 0; i < 65; ++i)
        whole.send_cplus(i % 64, make_frame(100));
    EXPECT_EQ(whole.net.count, 65U);
}

TEST(Rtl8139CPlus, TheHighPriorityRingGoesFirst) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes low = make_frame(100);
    const Bytes high = make_frame(200);
    r.put_bytes(rtl::kTxData, low);
    r.put_bytes(rtl::kTxData + 0x800, high);
    r.put_tx(0, kWhole | static_cast<u32>(low.size()), rtl::kTxData);
    r.put_tx(0, kWhole | static_cast<u32>(high.size()), rtl::kTxData + 0x800, 0, rtl::kHighRing);
    r.out(Reg::TPPOLL, 0xc0, 1);
    ASSERT_EQ(r.net.sent.size(), 2U);
    EXPECT_EQ(r.net.sent[0].bytes, high);
    EXPECT_EQ(r.net.sent[1].bytes, low);
}

TEST(Rtl8139CPlus, AFullQueueLeavesDescriptorsUntilItIsWritable) {
    Rtl8139Rig r;
    r.start_cplus();
    r.net.set_later(true);
    r.send_cplus(0, make_frame(100));
    EXPECT_EQ(r.tx(0) & OWN, OWN);
    EXPECT_EQ(r.isr(), 0U);
    r.net.set_later(false);
    EXPECT_EQ(r.net.count, 1U);
    EXPECT_EQ(r.tx(0) & OWN, 0U);
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139CPlus, IpTcpAndUdpSumsAreLeftToTheFarEnd) {
    for (const bool udp : {false, true}) {
        Rtl8139Rig r;
        r.start_cplus();
        const FrameShape shape{.udp = udp};
        const Bytes right = make_frame(333, shape);
        r.send_cplus(0, without_sums(right, shape), IPCS | (udp ? UDPCS : TCPCS));
        ASSERT_EQ(r.net.sent.size(), 1U);
        EXPECT_TRUE(r.net.sent[0].offload.checksum);
        EXPECT_EQ(r.net.sent[0].offload.checksum_start, shape.l4());
        EXPECT_EQ(r.net.wire().at(0), right);
    }
}

TEST(Rtl8139CPlus, SumsAreMadeBehindATagToo) {
    Rtl8139Rig r;
    r.start_cplus();
    const FrameShape shape{.tagged = true};
    const Bytes right = make_frame(333, shape);
    r.send_cplus(0, without_sums(right, shape), IPCS | TCPCS);
    EXPECT_EQ(r.net.wire().at(0), right);
}

TEST(Rtl8139CPlus, PaddingBehindAPacketIsNotSummedUp) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes right = make_frame(2);
    Bytes padded = without_sums(right, {});
    padded.resize(60, 0x99);
    r.send_cplus(0, padded, IPCS | TCPCS);
    EXPECT_EQ(r.net.wire().at(0), right);
}

TEST(Rtl8139CPlus, LargeSendIsCutIntoSegments) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes right = make_frame(4000);
    r.send_cplus(0, without_sums(right, {}), LGSEN | 1448U << 16);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].offload.segments, FrameOffload::Segments::Tcp4);
    EXPECT_EQ(r.net.sent[0].offload.segment_size, 1448U);
    const auto wire = r.net.wire();
    ASSERT_EQ(wire.size(), 3U);
    std::size_t payload = 0;
    for (const Bytes& frame : wire) {
        EXPECT_TRUE(well_summed(frame, {}));
        EXPECT_TRUE(
            std::equal(frame.begin() + 54, frame.end(), right.begin() + 54 + static_cast<long>(payload)));
        payload += frame.size() - 54;
    }
    EXPECT_EQ(payload, 4000U);
    EXPECT_EQ(r.tx(0) & kTxStatus, 0U);
}

TEST(Rtl8139CPlus, LargeSendOfWhatFitsIsOneFrame) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes right = make_frame(1448);
    r.send_cplus(0, without_sums(right, {}), LGSEN | 1448U << 16);
    EXPECT_EQ(r.net.sent.at(0).offload.segments, FrameOffload::Segments::None);
    EXPECT_EQ(r.net.wire().at(0), right);
}

TEST(Rtl8139CPlus, ATagIsPutIn) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes frame = make_frame(100);
    r.send_cplus(0, frame, 0, TAGC | 0x6400); // 0x0064 as its bytes stand in the frame
    const Bytes& sent = r.net.sent.at(0).bytes;
    ASSERT_EQ(sent.size(), frame.size() + 4);
    EXPECT_EQ(get_be(sent, 12, 4), 0x81000064U);
    EXPECT_TRUE(std::equal(frame.begin(), frame.begin() + 12, sent.begin()));
    EXPECT_TRUE(std::equal(frame.begin() + 12, frame.end(), sent.begin() + 16));
}

TEST(Rtl8139CPlus, ReceivesIntoADescriptor) {
    Rtl8139Rig r;
    r.start_cplus();
    const Bytes frame = make_frame(101);
    r.net.offer(frame);
    EXPECT_EQ(r.rx(0), FS | LS | PAM | static_cast<u32>(frame.size() + 4));
    EXPECT_EQ(r.rx_data(0, frame.size()), frame);
    EXPECT_EQ(r.get32(rtl::kRxData + frame.size()), ethernet::check_sequence(frame));
    EXPECT_EQ(r.isr(), rtl::ROK);
    r.net.offer(Bytes(42, 0xff));
    EXPECT_EQ(r.rx(1), FS | LS | BAR | 64U);
}

TEST(Rtl8139CPlus, TheReceiveRingEndsAtEor) {
    Rtl8139Rig r;
    r.start_cplus();
    for (unsigned i = 0; i < 8; ++i)
        r.net.offer(make_frame(100));
    EXPECT_EQ(r.rx(7) & (OWN | EOR), EOR);
    r.put_rx(0);
    r.out(Reg::ISR, rtl::ROK, 2);
    r.net.offer(make_frame(200));
    EXPECT_EQ(r.rx(0) & kRxSize, 258U);
}

TEST(Rtl8139CPlus, AFrameLargerThanABufferGoesOnInTheNext) {
    Rtl8139Rig r;
    r.start_cplus();
    for (unsigned i = 0; i < 8; ++i)
        r.put_rx(i, 0x200);
    const Bytes frame = make_frame(1000); // 1058 with FCS
    r.net.offer(frame);
    EXPECT_EQ(r.rx(0), FS | PAM | 0x200U);
    EXPECT_EQ(r.rx(1), PAM | 0x200U);
    EXPECT_EQ(r.rx(2), LS | PAM | 1058U); // the whole length
    EXPECT_EQ(r.rx(3) & OWN, OWN);
    Bytes got = r.rx_data(0, 0x200);
    for (const Bytes& more : {r.rx_data(1, 0x200), r.rx_data(2, 30)})
        got.insert(got.end(), more.begin(), more.end());
    EXPECT_EQ(got, frame);
}

TEST(Rtl8139CPlus, FramesOfTheLargestMtuOfLinuxArriveInOneDescriptor) {
    for (const bool tagged : {false, true}) {
        Rtl8139Rig r;
        r.start_cplus();
        r.put_rx(0, 4096 + 14 + 8); // header, tag and FCS
        const FrameShape shape{.tagged = tagged};
        const Bytes frame = make_frame(4096 + shape.ip() - shape.data(), shape);
        r.net.offer(frame);
        EXPECT_EQ(r.rx(0), FS | LS | PAM | static_cast<u32>(frame.size() + 4));
        EXPECT_EQ(r.rx_data(0, frame.size()), frame);
    }
}

TEST(Rtl8139CPlus, FramesWaitUntilTheDriverHasFilledItsRing) {
    Rtl8139Rig r;
    r.start_cplus();
    for (unsigned i = 0; i < 12; ++i)
        r.net.offer(make_frame(100));
    EXPECT_EQ(r.net.waiting.size(), 4U);
    for (unsigned i = 0; i < 8; ++i)
        r.put_rx(i);
    r.out(Reg::IMR, 0xe1ff, 2); // as drivers do when they are through
    EXPECT_TRUE(r.net.waiting.empty());
    EXPECT_EQ(r.isr(), rtl::ROK);
}

TEST(Rtl8139CPlus, ARingThatIsFilledWithoutAWordIsSeenSoon) {
    Rtl8139Rig r;
    r.start_cplus();
    for (unsigned i = 0; i < 9; ++i)
        r.net.offer(make_frame(100));
    for (unsigned i = 0; i < 8; ++i)
        r.put_rx(i);
    EXPECT_EQ(r.net.waiting.size(), 1U);
    r.advance(RoomWait::kFirstLook);
    EXPECT_TRUE(r.net.waiting.empty());
}

TEST(Rtl8139CPlus, ARingThatNobodyFillsLosesFrames) {
    Rtl8139Rig r;
    r.start_cplus();
    for (unsigned i = 0; i < 12; ++i)
        r.net.offer(make_frame(100));
    for (unsigned i = 0; i < 12; ++i)
        r.advance(100 * kMillisecond);
    EXPECT_TRUE(r.net.waiting.empty());
    EXPECT_EQ(r.in(Reg::MPC, 4), 4U);
    EXPECT_EQ(r.isr(), rtl::ROK | rtl::RXOVW);
}

TEST(Rtl8139CPlus, ATagIsTakenOut) {
    Rtl8139Rig r;
    r.start_cplus(rtl::CPTX | rtl::CPRX | rtl::RXVLAN);
    const Bytes tagged = make_frame(100, {.tagged = true});
    r.net.offer(tagged);
    Bytes plain = tagged;
    plain.erase(plain.begin() + 12, plain.begin() + 16);
    EXPECT_EQ(r.rx(0) & kRxSize, plain.size() + 4);
    EXPECT_EQ(r.rx_data(0, plain.size()), plain);
    EXPECT_EQ(r.rx_vlan(0), TAVA | 0x6400U);
    EXPECT_EQ(r.get32(rtl::kRxData + plain.size()), ethernet::check_sequence(plain));
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.rx_vlan(1), 0U);
}

TEST(Rtl8139CPlus, AShortFrameIsPaddedAgainWithoutItsTag) {
    Rtl8139Rig r;
    r.start_cplus(rtl::CPTX | rtl::CPRX | rtl::RXVLAN);
    Bytes tagged = make_frame(0, {.tagged = true});
    tagged.resize(60);
    r.net.offer(tagged);
    EXPECT_EQ(r.rx(0) & kRxSize, 64U);
    EXPECT_EQ(r.rx_data(0, 60).back(), 0U);
}

TEST(Rtl8139CPlus, ChecksumsOfReceivedFramesAreJudged) {
    Rtl8139Rig r;
    r.start_cplus(rtl::CPTX | rtl::CPRX | rtl::RXCHKSUM);
    const auto status = [&](const Bytes& frame) {
        r.put_rx(0);
        r.out(Reg::CR, rtl::TE, 1);
        r.out(Reg::CR, rtl::TE | rtl::RE, 1);
        r.net.offer(frame);
        return r.rx(0) & (PID_IP | IPF | UDPF | TCPF);
    };
    const FrameShape udp{.udp = true};
    EXPECT_EQ(status(make_frame(333)), PID_TCP);
    EXPECT_EQ(status(make_frame(333, udp)), PID_UDP);
    Bytes wrong = make_frame(333);
    wrong[60] ^= 1;
    EXPECT_EQ(status(wrong), PID_TCP | TCPF);
    wrong = make_frame(333, udp);
    wrong[60] ^= 1;
    EXPECT_EQ(status(wrong), PID_UDP | UDPF);
    put_be(wrong, udp.field(), 0, 2); // the sender made no sum
    EXPECT_EQ(status(wrong), PID_UDP);
    wrong = make_frame(333);
    wrong[14 + 8] ^= 1; // time to live
    EXPECT_EQ(status(wrong), PID_TCP | IPF);
    wrong = make_frame(333);
    wrong[14 + 6] = 0x20; // more fragments
    put_be(wrong, 24, 0, 2);
    put_be(wrong, 24, 0xffff - slow_sum(std::span(wrong).subspan(14, 20)), 2);
    EXPECT_EQ(status(wrong), PID_IP);
    EXPECT_EQ(status(make_frame(333, {.six = true})), 0U);
}

TEST(Rtl8139CPlus, DoesNotFlagSumsUnlessItIsAsked) {
    Rtl8139Rig r;
    r.start_cplus();
    r.net.offer(make_frame(333));
    EXPECT_EQ(r.rx(0) & PID_IP, 0U);
}

TEST(Rtl8139CPlus, SavedInTheMiddleItGoesOn) {
    Rtl8139Rig r;
    r.start_cplus();
    r.net.set_later(true);
    r.send_cplus(0, make_frame(100));
    const std::vector<u8> image = snapshot(r);
    Rtl8139Rig twin;
    twin.copy_surroundings(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    twin.net.set_later(false);
    ASSERT_EQ(twin.net.sent.size(), 1U);
    EXPECT_EQ(twin.net.sent[0].bytes, make_frame(100));
    EXPECT_TRUE(twin.irq());
}

} // namespace
} // namespace dm::test
