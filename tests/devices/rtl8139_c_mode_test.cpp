// RTL8139C+ in C mode: four transmit descriptors, the receive buffer, the filter.
#include "tests/devices/rtl8139_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using Reg = rtl8139::Reg;

constexpr u32 kStart = rtl::kRxBuffer;

Bytes broadcast(std::size_t size = 60) {
    Bytes frame = make_frame(size - 54);
    std::fill_n(frame.begin(), 6, u8{0xff});
    return frame;
}

TEST(Rtl8139CMode, SendsWhatADescriptorPointsAt) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    const Bytes frame = make_frame(100);
    r.send_c_mode(0, frame);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes, frame);
    EXPECT_EQ(r.net.sent[0].offload, FrameOffload{});
    EXPECT_EQ(r.tsd(0), 0xa000U | frame.size()); // OWN, TOK
    EXPECT_EQ(r.isr(), rtl::TOK);
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139CMode, DescriptorsGoInTurn) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.send_c_mode(1, make_frame(101));
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.in(Reg::TSAD, 2), 0x000dU); // all but 1 are the driver's
    r.send_c_mode(0, make_frame(100));
    ASSERT_EQ(r.net.sent.size(), 2U);
    EXPECT_EQ(r.net.sent[1].bytes, make_frame(101));
    EXPECT_EQ(r.in(Reg::TSAD, 2), 0x300fU); // 0 and 1 have TOK
    for (u32 i = 2; i < 9; ++i)
        r.send_c_mode(i % 4, make_frame(100 + i));
    EXPECT_EQ(r.net.sent.size(), 9U);
    EXPECT_EQ(r.net.sent[8].bytes, make_frame(108));
}

TEST(Rtl8139CMode, OnlyAWriteThatTakesOwnAwayStarts) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.out(Reg::TSD0, 60, 1); // the size's low byte, OWN stays set
    EXPECT_EQ(r.net.count, 0U);
    r.out(Reg::TSD0, 0, 1, 1);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes.size(), 60U);
}

TEST(Rtl8139CMode, NothingIsSentWithoutTransmitterOrBusMaster) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.out(Reg::CR, 0, 1);
    r.send_c_mode(0, make_frame(100));
    EXPECT_EQ(r.net.count, 0U);
    r.enable(3);
    r.out(Reg::CR, rtl::TE, 1);
    EXPECT_EQ(r.net.count, 0U);
    r.enable(7);
    EXPECT_EQ(r.net.count, 1U);
}

TEST(Rtl8139CMode, AFullQueueHoldsADescriptorBack) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.net.set_later(true);
    r.send_c_mode(0, make_frame(100));
    EXPECT_EQ(r.tsd(0) & 0xe000, 0U);
    EXPECT_FALSE(r.irq());
    r.net.set_later(false);
    EXPECT_EQ(r.net.count, 1U);
    EXPECT_EQ(r.tsd(0) & 0xe000, 0xa000U);
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139CMode, AFrameComesWithHeaderAndCheckSequence) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    EXPECT_EQ(r.in(Reg::CR, 1) & 1, 1U);
    const Bytes frame = make_frame(101); // 155 bytes
    r.net.offer(frame);
    EXPECT_EQ(r.isr(), rtl::ROK);
    EXPECT_EQ(r.in(Reg::CR, 1) & 1, 0U);
    EXPECT_EQ(r.get32(kStart), 159U << 16 | 0x4001); // PAM, ROK
    EXPECT_EQ(r.bytes_at(kStart + 4, 155), frame);
    const Bytes fcs = r.bytes_at(kStart + 4 + 155, 4);
    EXPECT_EQ(fcs[0] | u32{fcs[1]} << 8 | u32{fcs[2]} << 16 | u32{fcs[3]} << 24,
              ethernet::check_sequence(frame));
    EXPECT_EQ(r.in(Reg::CBR, 2), 164U); // in whole dwords
    r.out(Reg::CAPR, 164 - 16, 2);
    EXPECT_EQ(r.in(Reg::CR, 1) & 1, 1U);
}

TEST(Rtl8139CMode, ShortFramesArePadded) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::AB);
    r.net.offer(broadcast(60));
    Bytes arp(42, 0xff);
    r.net.offer(arp);
    EXPECT_EQ(r.get32(kStart + 68), 64U << 16 | 0x2001); // BAR
    arp.resize(60, 0);
    EXPECT_EQ(r.bytes_at(kStart + 72, 60), arp);
}

TEST(Rtl8139CMode, TheFilterLetsInWhatRcrSays) {
    struct Wanted {
        u32 rcr;
        bool own, other, all, group;
    };
    Bytes own = make_frame(6);
    Bytes other = own;
    other[5] = 0x99;
    Bytes group = own;
    put_be(group, 0, 0x01005e000001, 6);
    for (const Wanted& w :
         {Wanted{0, false, false, false, false}, Wanted{rtl::APM, true, false, false, false},
          Wanted{rtl::AB, false, false, true, false}, Wanted{rtl::AM, false, false, false, true},
          Wanted{rtl::AAP, true, true, true, true}}) {
        Rtl8139Rig r;
        r.start_c_mode(w.rcr);
        const u32 bit = ethernet::hash_crc(group) >> 26;
        r.out(Reg::MAR0, 1U << (bit % 8), 1, bit / 8);
        for (const auto& [frame, wanted] :
             {std::pair{own, w.own}, {other, w.other}, {broadcast(), w.all}, {group, w.group}}) {
            r.out(Reg::ISR, 0xffff, 2);
            r.net.offer(frame);
            EXPECT_EQ(r.isr() == rtl::ROK, wanted) << w.rcr << " first byte " << unsigned{frame[0]};
        }
    }
}

TEST(Rtl8139CMode, AGroupsBitIsTheUpperEndOfItsCrc) {
    // 01:00:5e:00:00:01 is bit 31 in Linux's and FreeBSD's filters; its CRC begins with 011111.
    Bytes group(6);
    put_be(group, 0, 0x01005e000001, 6);
    EXPECT_EQ(ethernet::hash_crc(group) >> 26, 31U);
}

TEST(Rtl8139CMode, OtherGroupsAreNotHeard) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::AM);
    Bytes group = make_frame(6);
    put_be(group, 0, 0x01005e000001, 6);
    const u32 bit = ethernet::hash_crc(group) >> 26;
    r.out(Reg::MAR0, ~0U, 4);
    r.out(Reg::MAR0, ~0U, 4, 4);
    r.out(Reg::MAR0, 0xff ^ 1U << (bit % 8), 1, bit / 8);
    r.net.offer(group);
    EXPECT_EQ(r.isr(), 0U);
}

/// Frames of a length that fills the buffer, the driver always up to date, until the next one meets the end.
void fill_to_the_end(Rtl8139Rig& r, u32 size) {
    while (r.in(Reg::CBR, 2) + 1000 < size) {
        r.net.offer(make_frame(1000 - 8 - 54));
        r.out(Reg::CAPR, (r.in(Reg::CBR, 2) - 16) & 0xffff, 2);
    }
    r.out(Reg::ISR, 0xffff, 2);
}

TEST(Rtl8139CMode, WithoutWrapAFrameGoesOnAtTheBeginning) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    fill_to_the_end(r, 8192);
    const u32 at = r.in(Reg::CBR, 2);
    const Bytes frame = make_frame(1200);
    r.net.offer(frame);
    const u32 before = 8192 - at - 4;
    const Bytes first = r.bytes_at(kStart + at + 4, before);
    const Bytes second = r.bytes_at(kStart, frame.size() - before);
    EXPECT_TRUE(std::equal(first.begin(), first.end(), frame.begin()));
    EXPECT_TRUE(std::equal(second.begin(), second.end(), frame.begin() + before));
    EXPECT_EQ(r.in(Reg::CBR, 2), (at + 4 + 1254 + 4 + 3) / 4 * 4 - 8192);
}

TEST(Rtl8139CMode, WithWrapAFrameStaysInOnePiece) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM | rtl::WRAP);
    fill_to_the_end(r, 8192);
    const u32 at = r.in(Reg::CBR, 2);
    const Bytes frame = make_frame(1200);
    r.net.offer(frame);
    EXPECT_EQ(r.bytes_at(kStart + at + 4, frame.size()), frame);
    EXPECT_EQ(r.in(Reg::CBR, 2), (at + 4 + 1254 + 4 + 3) / 4 * 4 - 8192);
}

TEST(Rtl8139CMode, WithWrapNoNeighbourReachesFarBehindTheBuffer) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM | rtl::WRAP);
    fill_to_the_end(r, 8192);
    const u32 at = r.in(Reg::CBR, 2);
    const Bytes behind = r.bytes_at(kStart + 8192 + 2048, 4096);
    r.net.offer(make_frame(4000)); // over a bridge with a large MTU
    EXPECT_EQ(r.bytes_at(kStart + 8192 + 2048, 4096), behind) << "what software keeps there ends at 2 KiB";
    EXPECT_EQ(r.in(Reg::CBR, 2), at) << "the frame is an error";
    EXPECT_TRUE(r.net.waiting.empty());
    r.net.offer(make_frame(1460));
    EXPECT_NE(r.in(Reg::CBR, 2), at) << "the next one is not";
}

/// Linux allows an MTU of 1770: a frame that never fitted would stop a download, each time it is sent again.
TEST(Rtl8139CMode, WithWrapTheLargestFrameOfLinuxFitsAtTheVeryEnd) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM | rtl::WRAP);
    fill_to_the_end(r, 8192);
    r.net.offer(make_frame(8192 - 4 - r.in(Reg::CBR, 2) - 8 - 54)); // up to the last double word
    ASSERT_EQ(r.in(Reg::CBR, 2), 8192U - 4);
    const Bytes frame = make_frame(1784 - 54);
    r.net.offer(frame);
    EXPECT_EQ(r.bytes_at(kStart + 8192, frame.size()), frame);
}

TEST(Rtl8139CMode, APacketExactlyAtTheEndLeavesTheNextAtTheStart) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    fill_to_the_end(r, 8192);
    r.net.offer(make_frame(8192 - r.in(Reg::CBR, 2) - 8 - 54));
    EXPECT_EQ(r.in(Reg::CBR, 2), 0U);
}

TEST(Rtl8139CMode, TheBufferHasFourSizes) {
    for (u32 code = 0; code < 4; ++code) {
        Rtl8139Rig r;
        r.start_c_mode(rtl::APM | code << 11);
        unsigned taken = 0;
        for (; taken < 100 && r.net.waiting.empty(); ++taken)
            r.net.offer(make_frame(1000 - 8 - 54));
        EXPECT_NEAR(taken, (8192 << code) / 1000.0, 2.5) << "code " << code;
        EXPECT_EQ(r.isr(), rtl::ROK) << "nothing was lost";
    }
}

TEST(Rtl8139CMode, FramesWaitInTheBackEndForRoom) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    for (unsigned i = 0; i < 10; ++i)
        r.net.offer(make_frame(1460, {}, static_cast<u8>(i)));
    const std::size_t waiting = r.net.waiting.size();
    EXPECT_GT(waiting, 2U);
    r.out(Reg::CAPR, (r.in(Reg::CBR, 2) - 16) & 0xffff, 2); // the driver took all
    EXPECT_LT(r.net.waiting.size(), waiting);
    r.out(Reg::CAPR, (r.in(Reg::CBR, 2) - 16) & 0xffff, 2);
    EXPECT_TRUE(r.net.waiting.empty());
    EXPECT_EQ(r.isr(), rtl::ROK);
    EXPECT_EQ(r.in(Reg::MPC, 4), 0U);
}

TEST(Rtl8139CMode, AResetEndsTheWaitForRoom) {
    const auto full = [](Rtl8139Rig& r) {
        r.start_c_mode(rtl::APM);
        for (unsigned i = 0; i < 10; ++i)
            r.net.offer(make_frame(1460));
        ASSERT_FALSE(r.net.waiting.empty());
    };
    Rtl8139Rig by_driver;
    full(by_driver);
    by_driver.out(Reg::CR, rtl::RST, 1);
    EXPECT_TRUE(by_driver.net.waiting.empty()) << "a back end that is not asked again sends nothing any more";
    Rtl8139Rig by_power;
    full(by_power);
    by_power.dev.reset();
    EXPECT_TRUE(by_power.net.waiting.empty());
}

TEST(Rtl8139CMode, ADriverThatNeverComesLosesFramesAndIsTold) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    for (unsigned i = 0; i < 10; ++i)
        r.net.offer(make_frame(1460));
    EXPECT_FALSE(r.net.waiting.empty());
    for (unsigned i = 0; i < 12; ++i)
        r.advance(100 * kMillisecond);
    EXPECT_TRUE(r.net.waiting.empty());
    EXPECT_EQ(r.isr(), rtl::ROK | rtl::RXOVW);
    EXPECT_GT(r.in(Reg::MPC, 4), 3U);
    r.out(Reg::MPC, 0, 4);
    EXPECT_EQ(r.in(Reg::MPC, 4), 0U);
    r.out(Reg::CAPR, (r.in(Reg::CBR, 2) - 16) & 0xffff, 2);
    r.out(Reg::ISR, 0xffff, 2);
    r.net.offer(make_frame(1460));
    EXPECT_EQ(r.isr(), rtl::ROK);
}

TEST(Rtl8139CMode, ChangingTheFilterLeavesTheBufferAlone) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.net.offer(make_frame(100));
    const u32 cbr = r.in(Reg::CBR, 2);
    r.out(Reg::RCR, rtl::APM | rtl::AB | rtl::AAP, 4);
    EXPECT_EQ(r.in(Reg::CBR, 2), cbr);
    r.out(Reg::RCR, rtl::APM | 1U << 11, 4); // another size
    EXPECT_EQ(r.in(Reg::CBR, 2), 0U);
}

TEST(Rtl8139CMode, SwitchingTheReceiverOnEmptiesTheBuffer) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.net.offer(make_frame(100));
    r.out(Reg::CR, rtl::TE, 1);
    r.net.offer(make_frame(100)); // nobody listens
    r.out(Reg::CR, rtl::TE | rtl::RE, 1);
    EXPECT_EQ(r.in(Reg::CBR, 2), 0U);
    EXPECT_EQ(r.in(Reg::CAPR, 2), 0xfff0U);
    EXPECT_EQ(r.in(Reg::CR, 1) & 1, 1U);
}

// rl(4) begins with the first descriptor whenever it is configured, and resets the chip at attach only.
TEST(Rtl8139CMode, SwitchingTheTransmitterOnBeginsWithTheFirstDescriptor) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.send_c_mode(0, make_frame(100));
    r.out(Reg::CR, 0, 1);
    r.out(Reg::CR, rtl::TE | rtl::RE, 1);
    r.send_c_mode(0, make_frame(101));
    r.send_c_mode(1, make_frame(102));
    ASSERT_EQ(r.net.sent.size(), 3U);
    EXPECT_EQ(r.net.sent[1].bytes, make_frame(101));
    EXPECT_EQ(r.net.sent[2].bytes, make_frame(102));
}

TEST(Rtl8139CMode, LoopbackBringsAFrameBackAndNotOntoTheWire) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::AAP);
    r.out(Reg::TCR, 0x60000, 4);
    const Bytes frame = make_frame(100);
    r.send_c_mode(0, frame);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.isr(), rtl::TOK | rtl::ROK);
    EXPECT_EQ(r.bytes_at(kStart + 4, frame.size()), frame);
    r.out(Reg::ISR, 0xffff, 2);
    r.net.offer(frame); // the wire is not heard
    EXPECT_EQ(r.isr(), 0U);
}

} // namespace
} // namespace dm::test
