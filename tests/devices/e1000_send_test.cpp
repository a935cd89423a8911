// The transmit ring of an 82540EM: descriptors, checksums, segmentation, tags.
#include "tests/devices/e1000_rig.hpp"

#include <gtest/gtest.h>

namespace dm::test {
namespace {

using namespace e1000;
using Segments = FrameOffload::Segments;

TEST(E1000Send, AFrameInOneLegacyDescriptor) {
    E1000Rig r;
    const Bytes frame = make_frame(300);
    r.send(frame);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.last_sent(), frame);
    EXPECT_EQ(r.net.sent[0].offload, FrameOffload{});
    EXPECT_EQ(r.tx_status(0), 1U);
    EXPECT_EQ(r.reg(TDH), 1U);
    EXPECT_EQ(r.reg(ICR), TXDW | TXQE);
}

TEST(E1000Send, WithoutRsNothingIsWrittenBack) {
    E1000Rig r;
    r.send(make_frame(300), EOP | IFCS, 0);
    EXPECT_EQ(r.net.count, 1U);
    EXPECT_EQ(r.tx_status(0), 0U);
    EXPECT_EQ(r.reg(ICR), TXQE);
}

TEST(E1000Send, AFrameInSeveralDescriptorsAroundTheRingsEnd) {
    E1000Rig r;
    r.start_sending();
    r.reg(TDH, 14);
    r.reg(TDT, 14);
    r.tail = 14;
    const Bytes frame = make_frame(1400);
    r.put_bytes(kTxData, frame);
    r.add_tx(kTxData, 10 | DATA | RS);
    r.add_tx(kTxData + 10, 500 | DATA);
    r.add_tx(kTxData + 510, 0 | DATA);
    r.add_tx(kTxData + 510, 944 | DATA | EOP | RS);
    r.kick();
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.last_sent(), frame);
    EXPECT_EQ(r.reg(TDH), 2U);
    EXPECT_EQ(r.tx_status(14), 1U);
    EXPECT_EQ(r.tx_status(15), 0U);
    EXPECT_EQ(r.tx_status(1), 1U);
}

TEST(E1000Send, AFrameGoesWhenItsLastDescriptorIsThere) {
    E1000Rig r;
    r.start_sending();
    const Bytes frame = make_frame(600);
    r.put_bytes(kTxData, frame);
    r.add_tx(kTxData, 400 | DATA | RS);
    r.kick();
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.reg(TDH), 0U);
    r.add_tx(kTxData + 400, 254 | DATA | EOP | RS);
    r.kick();
    EXPECT_EQ(r.last_sent(), frame);
    EXPECT_EQ(r.reg(TDH), 2U);
    EXPECT_EQ(r.tx_status(0), 1U);
}

TEST(E1000Send, NothingGoesWhileSendingIsOffOrTheCardIsNoMaster) {
    E1000Rig r;
    r.start_sending(PSP);
    r.put_bytes(kTxData, make_frame(100));
    r.add_tx(kTxData, 154 | EOP | RS);
    r.kick();
    EXPECT_EQ(r.net.count, 0U);
    r.enable(3);
    r.reg(TCTL, EN);
    EXPECT_EQ(r.net.count, 0U);
    r.enable(7);
    EXPECT_EQ(r.net.count, 1U);
}

TEST(E1000Send, ShortFramesArePaddedIfWanted) {
    E1000Rig r;
    r.send(Bytes(20, 0xaa));
    EXPECT_EQ(r.last_sent().size(), 60U);
    EXPECT_EQ(r.last_sent()[19], 0xaa);
    EXPECT_EQ(r.last_sent()[20], 0);
    r.reg(TCTL, EN);
    r.send(Bytes(20, 0xaa));
    EXPECT_EQ(r.last_sent().size(), 20U);
    r.send(Bytes(13, 0xaa));
    EXPECT_EQ(r.net.count, 2U) << "no frame at all";
    EXPECT_EQ(r.reg(TDH), 3U);
}

TEST(E1000Send, LegacyChecksum) {
    E1000Rig r;
    r.send(make_frame(100), EOP | IC | RS | 50U << 16, 34U << 8); // CSO, CSS
    const FrameOffload& offload = r.net.sent.at(0).offload;
    EXPECT_EQ(offload, (FrameOffload{.checksum = true, .checksum_start = 34, .checksum_offset = 16}));
}

/// A frame as a driver leaves it: the pseudo header's sum where the checksum belongs.
Bytes unfinished(std::size_t payload, const FrameShape& shape, bool with_length) {
    Bytes frame = make_frame(payload, shape);
    const u64 length = with_length ? frame.size() - shape.l4() : 0;
    put_be(frame, shape.field(), pseudo_sum(frame, shape, length), 2);
    return frame;
}

TEST(E1000Send, ChecksumsOfTcpAndUdp) {
    for (const bool six : {false, true})
        for (const bool udp : {false, true})
            for (const std::size_t payload : {3U, 1000U}) {
                E1000Rig r;
                const FrameShape shape{.six = six, .udp = udp};
                Bytes frame = unfinished(payload, shape, true);
                if (!six) put_be(frame, 24, 0, 2);
                r.start_sending();
                r.add_context(shape);
                r.send(frame, EOP | DATA | RS, (six ? 0 : IXSM) | TXSM);
                ASSERT_EQ(r.net.wire().size(), 1U);
                const Bytes sent = r.net.wire()[0];
                EXPECT_TRUE(well_summed(std::span(sent).first(frame.size()), shape));
                EXPECT_EQ(r.reg(TDH), 2U);
            }
}

TEST(E1000Send, AnIpChecksumFarBehindTheHeader) {
    E1000Rig r;
    Bytes frame = make_frame(1200);
    r.start_sending();
    // From 14 to the end of the frame, stored at 24.
    r.add_tx(14 | 24 << 8, DEXT, 0);
    r.send(frame, EOP | DATA | RS, IXSM);
    const Bytes& sent = r.last_sent();
    put_be(frame, 24, 0xffffU - slow_sum(std::span(frame).subspan(14)), 2);
    EXPECT_EQ(sent, frame);
}

TEST(E1000Send, AChecksumOfAPartOrBeforeItsStart) {
    E1000Rig r;
    Bytes frame = make_frame(1200);
    r.start_sending();
    // From 100 to 299, stored at 40: nothing that the far end could do.
    r.add_tx(u64{100 | 40 << 8 | 299U << 16} << 32, DEXT, 0);
    r.send(frame, EOP | DATA | RS, TXSM);
    put_be(frame, 40, 0xffffU - slow_sum(std::span(frame).subspan(100, 200)), 2);
    EXPECT_EQ(r.last_sent(), frame);
    EXPECT_EQ(r.net.sent[0].offload, FrameOffload{});
}

TEST(E1000Send, ChecksumsOutsideTheFrameAreNotInserted) {
    E1000Rig r;
    const Bytes frame = make_frame(20); // 74 bytes
    r.start_sending();
    r.add_tx(u64{80} | 73U << 8 | u64{200 | 10 << 8} << 32, DEXT, 0);
    r.send(frame, EOP | DATA | RS, IXSM | TXSM);
    EXPECT_EQ(r.last_sent(), frame);
    r.add_tx(u64{14} | 73U << 8 | u64{34 | 73 << 8} << 32, DEXT, 0);
    r.send(frame, EOP | DATA | RS, IXSM | TXSM);
    EXPECT_EQ(r.last_sent(), frame);
}

TEST(E1000Send, SegmentsAreLeftToTheFarEndWithHeadersThatFitTheWhole) {
    for (const bool six : {false, true})
        for (const bool tagged : {false, true})
            for (const std::size_t options : {0U, 12U}) {
                E1000Rig r;
                const FrameShape shape{.six = six, .options = options};
                const FrameShape outside{.six = six, .tagged = tagged, .options = options};
                Bytes frame = unfinished(20000, shape, false);
                put_be(frame, six ? 18 : 16, 0, 2); // lengths are the card's
                if (!six) put_be(frame, 24, 0, 2);
                if (tagged) r.reg(CTRL, r.reg(CTRL) | VME);
                r.start_sending();
                r.add_context(shape, 1448, TSE);
                const u32 flags = DATA | TSE | (tagged ? VLE : 0);
                r.put_bytes(kTxData, frame);
                const u32 head = static_cast<u32>(shape.data());
                r.add_tx(kTxData, head | flags, (six ? 0 : IXSM) | TXSM | 100U << 16);
                for (u32 at = head; at < frame.size(); at += 4096) {
                    const u32 here = std::min<u32>(4096, static_cast<u32>(frame.size()) - at);
                    const bool last = at + here == frame.size();
                    r.add_tx(kTxData + at, here | DATA | TSE | (last ? EOP | RS : 0), 0);
                }
                r.kick();
                ASSERT_EQ(r.net.sent.size(), 1U);
                const FrameOffload& offload = r.net.sent[0].offload;
                EXPECT_EQ(offload.segments, six ? Segments::Tcp6 : Segments::Tcp4);
                EXPECT_EQ(offload.segment_size, 1448);
                EXPECT_EQ(offload.header_length, outside.data());
                EXPECT_TRUE(offload.checksum);
                EXPECT_EQ(offload.checksum_start, outside.l4());
                const std::vector<Bytes> wire = r.net.wire();
                ASSERT_EQ(wire.size(), (20000U + 1447) / 1448);
                for (const Bytes& segment : wire)
                    ASSERT_TRUE(well_summed(segment, outside));
                // What stands in the IP header fits what was handed over.
                const Bytes& whole = r.last_sent();
                if (!six) {
                    EXPECT_EQ(slow_sum(std::span(whole).subspan(outside.ip(), 20)), 0xffff);
                }
                if (tagged) {
                    EXPECT_EQ(get_be(whole, 12, 4), 0x81000064U);
                }
                EXPECT_EQ(r.reg(TSCTC), 1U);
                EXPECT_EQ(r.reg(GPTC), wire.size());
                u64 bytes = 0;
                for (const Bytes& segment : wire)
                    bytes += segment.size() + 4;
                EXPECT_EQ(r.reg(GOTCL), bytes);
            }
}

TEST(E1000Send, WhatFitsOneSegmentIsNotSegmented) {
    E1000Rig r;
    const FrameShape shape;
    r.start_sending();
    r.add_context(shape, 1448, TSE);
    Bytes frame = unfinished(1448, shape, false);
    put_be(frame, 16, 0, 2);
    put_be(frame, 24, 0, 2);
    r.send(frame, EOP | DATA | TSE | RS, IXSM | TXSM);
    EXPECT_EQ(r.net.sent.at(0).offload.segments, Segments::None);
    EXPECT_TRUE(well_summed(r.net.wire().at(0), shape));
}

TEST(E1000Send, BothContextsAreKeptApart) {
    E1000Rig r;
    const FrameShape shape;
    r.start_sending();
    r.add_context(shape, 500, TSE);
    r.add_tx(u64{0x2216} << 32, DEXT, 0); // TUCSS 22, TUCSO 34
    r.send(unfinished(1000, shape, false), EOP | DATA | TSE | RS, TXSM);
    r.send(make_frame(100), EOP | DATA | RS, TXSM);
    EXPECT_EQ(r.net.sent.at(0).offload.checksum_start, 34);
    EXPECT_EQ(r.net.sent.at(1).offload.checksum_start, 22);
    EXPECT_EQ(r.net.sent.at(1).offload.checksum_offset, 12);
}

TEST(E1000Send, ATagIsInsertedIfTheLastDescriptorSaysSo) {
    E1000Rig r;
    const Bytes frame = make_frame(200);
    r.send(frame, EOP | VLE | RS, 0x2064U << 16);
    EXPECT_EQ(r.last_sent(), frame) << "VME is off";
    r.reg(CTRL, VME);
    r.send(frame, EOP | VLE | RS, 0x2064U << 16);
    Bytes tagged = frame;
    const Bytes tag{0x81, 0x00, 0x20, 0x64};
    tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
    EXPECT_EQ(r.last_sent(), tagged);
    r.reg(VET, 0x88a8);
    r.send(make_frame(1000), EOP | VLE | RS, 0x2064U << 16);
    EXPECT_EQ(get_be(r.last_sent(), 12, 4), 0x88a82064U);
    r.send(frame, EOP | RS, 0x2064U << 16);
    EXPECT_EQ(r.last_sent(), frame);
}

TEST(E1000Send, ADelayedReportWaitsForTheTimers) {
    E1000Rig r;
    r.reg(TIDV, 100); // 102.4 us
    r.reg(TADV, 250);
    r.send(make_frame(100), EOP | RS | IDE);
    EXPECT_EQ(r.tx_status(0), 1U) << "only the interrupt waits";
    EXPECT_EQ(r.reg(ICR), TXQE);
    r.advance(90 * kMicrosecond);
    r.send(make_frame(100), EOP | RS | IDE);
    r.advance(90 * kMicrosecond);
    EXPECT_EQ(r.reg(ICR), TXQE) << "the second frame began it anew";
    r.send(make_frame(100), EOP | RS | IDE);
    r.advance(80 * kMicrosecond);
    EXPECT_EQ(r.reg(ICR), TXDW | TXQE) << "the absolute timer counts from the first";
    r.advance(kSecond);
    EXPECT_EQ(r.reg(ICR), 0U) << "one interrupt for all three";
    for (const u32 shorter_than_waking : {0U, 8U}) {
        r.reg(TIDV, shorter_than_waking);
        r.send(make_frame(100), EOP | RS | IDE);
        EXPECT_EQ(r.reg(ICR), TXDW | TXQE);
    }
}

TEST(E1000Send, TheLowThresholdOfTheRingIsACause) {
    E1000Rig r;
    r.start_sending(0);
    r.reg(TXDCTL, 1U << 25); // 8 descriptors
    for (int i = 0; i < 10; ++i)
        r.add_tx(kTxData, 100 | EOP);
    r.kick();
    r.reg(TCTL, EN);
    EXPECT_EQ(r.reg(ICR), 0x8000U | TXQE);
}

TEST(E1000Send, AFullQueueKeepsFramesInTheRing) {
    E1000Rig r;
    r.net.later = true;
    r.send(make_frame(100));
    r.send(make_frame(200));
    EXPECT_EQ(r.reg(TDH), 0U);
    EXPECT_EQ(r.tx_status(0), 0U);
    r.net.set_later(false);
    EXPECT_EQ(r.net.count, 2U);
    EXPECT_EQ(r.reg(TDH), 2U);
    EXPECT_EQ(r.tx_status(0), 1U);
    EXPECT_EQ(r.net.sent[1].bytes, make_frame(200));
    Bytes first = make_frame(200);
    first.resize(154);
    EXPECT_EQ(r.net.sent[0].bytes, first) << "the buffer's content when it went";
}

TEST(E1000Send, AFarEndThatForgetsToCallBackIsAskedAgain) {
    E1000Rig r;
    r.net.later = true;
    r.send(make_frame(100));
    r.net.later = false;
    r.advance(E1000::kRetry + 1);
    EXPECT_EQ(r.net.count, 1U);
}

TEST(E1000Send, AKickIsBoundedAndLosesNothing) {
    E1000Rig r;
    constexpr u32 kCount = 200;
    r.reg(TDBAL, 0x8000);
    r.reg(TDLEN, 256 * 16);
    r.put_bytes(kTxData, make_frame(100));
    for (u32 i = 0; i < kCount; ++i) {
        r.put(0x8000 + i * 16, kTxData, 8);
        r.put(0x8008 + i * 16, 154 | EOP | RS, 8);
    }
    r.reg(TCTL, EN);
    r.reg(TDT, kCount);
    EXPECT_EQ(r.net.count, E1000::kFramesPerKick);
    r.advance(1);
    EXPECT_EQ(r.net.count, 2 * E1000::kFramesPerKick);
    r.reg(TDT, kCount);
    EXPECT_EQ(r.net.count, 2 * E1000::kFramesPerKick) << "its turn comes by time";
    r.advance(1);
    r.advance(1);
    EXPECT_EQ(r.net.count, kCount);
    EXPECT_EQ(r.reg(TDH), kCount);
}

TEST(E1000Send, MemoryInManyPiecesIsCopiedTogether) {
    E1000Rig r;
    r.start_sending();
    constexpr std::size_t kPiece = 300;
    const Bytes frame = make_frame(kPiece * 13 - 54);
    r.put_bytes(0x1f000, frame); // across a view's end at 0x20000
    for (std::size_t at = 0; at < frame.size(); at += kPiece)
        r.add_tx(0x1f000 + at, kPiece | DATA | (at + kPiece == frame.size() ? EOP | RS : 0));
    r.kick();
    EXPECT_EQ(r.last_sent(), frame);
}

TEST(E1000Send, WhereNoMemoryIsOnesAreSent) {
    E1000Rig r;
    r.start_sending();
    r.add_tx(kRamSize - 100, 400 | DATA | EOP | RS);
    r.kick();
    EXPECT_EQ(r.last_sent().size(), 400U);
    EXPECT_EQ(r.last_sent()[99], 0);
    EXPECT_EQ(r.last_sent()[100], 0xff);
}

} // namespace
} // namespace dm::test
