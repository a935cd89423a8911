// The receive ring of an 82540EM: filters, buffers, checksums, tags, delays, loopback.
#include "dm/devices/net/e1000_rx_check.hpp"
#include "tests/devices/e1000_rig.hpp"

#include <gtest/gtest.h>

namespace dm::test {
namespace {

using namespace e1000;

constexpr u8 DD = 1, EOPS = 2, IXSMS = 4, VP = 8, TCPCS = 0x20, IPCS = 0x40;
constexpr u8 TCPE = 0x20, IPE = 0x40;

Bytes addressed(u64 to, std::size_t payload = 200) {
    Bytes frame = make_frame(payload);
    put_be(frame, 0, to, 6);
    return frame;
}

TEST(E1000Receive, AFrameWithItsCheckSequence) {
    E1000Rig r;
    r.start();
    r.reg(ICR);
    const Bytes frame = make_frame(200);
    r.net.offer(frame);
    const auto d = r.received(0);
    EXPECT_EQ(d.length, frame.size() + 4);
    EXPECT_EQ(d.status, DD | EOPS | IXSMS);
    EXPECT_EQ(d.errors, 0);
    EXPECT_EQ(d.special, 0);
    EXPECT_EQ(d.checksum, slow_sum(frame));
    EXPECT_EQ(r.bytes_at(E1000Rig::rx_buffer(0), frame.size()), frame);
    EXPECT_EQ(r.get(E1000Rig::rx_buffer(0) + frame.size(), 4), ethernet::check_sequence(frame));
    EXPECT_EQ(r.reg(RDH), 1U);
    EXPECT_EQ(r.reg(ICR), RXT0);
    EXPECT_EQ(r.reg(GPRC), 1U);
    EXPECT_EQ(r.reg(GORCL), frame.size() + 4);
}

TEST(E1000Receive, TheCheckSequenceIsTakenOffIfWanted) {
    E1000Rig r;
    r.start(EN | SECRC);
    const Bytes frame = make_frame(200);
    r.net.offer(frame);
    EXPECT_EQ(r.received(0).length, frame.size());
    EXPECT_EQ(r.get(E1000Rig::rx_buffer(0) + frame.size(), 4), 0U);
}

TEST(E1000Receive, ShortFramesArePadded) {
    E1000Rig r;
    r.start();
    r.put(E1000Rig::rx_buffer(0) + 56, ~u64{0}, 8);
    r.net.offer(addressed(0x00163e000003, 0)); // 54 bytes
    EXPECT_EQ(r.received(0).length, 64U);
    EXPECT_EQ(r.get(E1000Rig::rx_buffer(0) + 56, 4), 0U);
    r.net.offer(Bytes(13, 0xff));
    EXPECT_EQ(r.reg(RDH), 1U) << "no frame at all";
}

TEST(E1000Receive, BufferSizes) {
    struct {
        u32 bits, size;
    } const sizes[]{{0, 2048},
                    {1U << 16, 1024},
                    {2U << 16, 512},
                    {3U << 16, 256},
                    {1U << 25, 2048},
                    {1U << 25 | 1U << 16, 16384},
                    {1U << 25 | 2U << 16, 8192},
                    {1U << 25 | 3U << 16, 4096}};
    for (const auto& size : sizes) {
        E1000Rig r;
        r.start(EN | LPE | SECRC | size.bits);
        const Bytes frame = make_frame(3800 - 54);
        r.net.offer(frame);
        const u32 used = (3800 + size.size - 1) / size.size;
        ASSERT_EQ(r.reg(RDH), used) << size.size;
        Bytes data;
        for (u32 i = 0; i < used; ++i) {
            const auto d = r.received(i);
            EXPECT_EQ(d.status & (DD | EOPS), i + 1 == used ? DD | EOPS : DD);
            const Bytes part = r.bytes_at(E1000Rig::rx_buffer(i), d.length);
            data.insert(data.end(), part.begin(), part.end());
        }
        EXPECT_EQ(data, frame);
    }
}

TEST(E1000Receive, LongFramesNeedLpe) { // CVE-2012-6075
    E1000Rig r;
    r.start(EN);
    r.net.offer(make_frame(1518 - 54)); // 1522 with FCS
    EXPECT_EQ(r.reg(RDH), 1U);
    r.net.offer(make_frame(1519 - 54));
    r.net.offer(make_frame(9000));
    EXPECT_EQ(r.reg(RDH), 1U);
    EXPECT_EQ(r.reg(ROC), 2U);
    r.start(EN | LPE);
    r.net.offer(make_frame(9000));
    EXPECT_EQ(r.reg(RDH), 5U);
    r.net.offer(make_frame(16380 - 54));
    EXPECT_EQ(r.reg(RDH), 13U);
    r.start(EN | LPE);
    r.net.offer(make_frame(16381 - 54));
    r.net.offer(make_frame(65000));
    EXPECT_EQ(r.reg(RDH), 0U);
}

TEST(E1000Receive, AddressesAreFiltered) {
    struct {
        u64 to;
        u32 rctl;
        bool in;
    } const cases[]{
        {0x00163e000003, 0, true},    {0x00163e000004, 0, false},   {0x00163e000004, UPE, true},
        {0xffffffffffff, 0, false},   {0xffffffffffff, BAM, true},  {0xffffffffffff, MPE, true},
        {0x01005e000001, 0, false},   {0x01005e000001, UPE, false}, {0x01005e000001, MPE, true},
        {0x01005e000001, BAM, false}, {0x020000000001, 0, true},
    };
    for (const auto& c : cases) {
        E1000Rig r;
        r.reg(RA + 8 * 15, 0x00000002);
        r.reg(RA + 8 * 15 + 4, 0x80000100);
        r.start(EN | c.rctl);
        r.net.offer(addressed(c.to));
        EXPECT_EQ(r.reg(RDH), c.in ? 1U : 0U) << std::hex << c.to << " " << c.rctl;
    }
    E1000Rig r;
    r.reg(RA + 4, 0x0300); // not valid
    r.start(EN);
    r.net.offer(addressed(0x00163e000003));
    EXPECT_EQ(r.reg(RDH), 0U);
    EXPECT_EQ(r.reg(TPR), 1U);
}

TEST(E1000Receive, TheMulticastTableTakesTwelveBitsOfTheAddress) {
    // 01:00:5e:00:12:34: the upper 16 bits as the wire numbers them are 0x3412.
    struct {
        u32 mo, hash;
    } const kinds[]{{0, 0x341}, {1, 0x682}, {2, 0xd04}, {3, 0x412}};
    for (const auto& kind : kinds) {
        E1000Rig r;
        r.reg(MTA + kind.hash / 32 * 4, 1U << kind.hash % 32);
        r.start(EN | kind.mo << 12);
        r.net.offer(addressed(0x01005e001234));
        EXPECT_EQ(r.reg(RDH), 1U) << kind.mo;
        r.net.offer(addressed(0x01005e002234));
        EXPECT_EQ(r.reg(RDH), 1U) << kind.mo;
    }
}

TEST(E1000Receive, TagsAreFilteredAndStripped) {
    E1000Rig r;
    r.start(EN | VFE);
    const Bytes tagged = make_frame(100, {.tagged = true}); // VLAN 100
    r.net.offer(tagged);
    EXPECT_EQ(r.reg(RDH), 0U) << "not in the table";
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.reg(RDH), 1U) << "no tag";
    r.reg(VFTA + 100 / 32 * 4, 1U << 100 % 32);
    r.net.offer(tagged);
    EXPECT_EQ(r.reg(RDH), 2U);
    EXPECT_EQ(r.received(1).length, tagged.size() + 4);
    EXPECT_EQ(r.received(1).status & VP, 0);
    r.reg(CTRL, VME);
    r.net.offer(tagged);
    EXPECT_EQ(r.received(2).length, tagged.size());
    EXPECT_EQ(r.received(2).status & VP, VP);
    EXPECT_EQ(r.received(2).special, 100);
    EXPECT_EQ(r.bytes_at(E1000Rig::rx_buffer(2), 154), make_frame(100));
    EXPECT_EQ(r.get(E1000Rig::rx_buffer(2) + 154, 4), ethernet::check_sequence(tagged));
    r.reg(RCTL, EN | VFE | 1U << 19 | 1U << 20); // CFI has to be set
    r.net.offer(tagged);
    EXPECT_EQ(r.reg(RDH), 3U);
}

TEST(E1000Receive, ChecksumsAreJudged) {
    for (const bool six : {false, true})
        for (const bool tagged : {false, true})
            for (const bool udp : {false, true}) {
                E1000Rig r;
                r.reg(RXCSUM, 0x300);
                r.start();
                const FrameShape shape{.six = six, .tagged = tagged, .udp = udp};
                Bytes frame = make_frame(333, shape);
                r.net.offer(frame);
                EXPECT_EQ(r.received(0).status, DD | EOPS | TCPCS | (six ? 0 : IPCS));
                EXPECT_EQ(r.received(0).errors, 0);
                EXPECT_EQ(r.received(0).checksum, slow_sum(frame));
                frame[shape.data() + 7] ^= 1;
                r.net.offer(frame);
                EXPECT_EQ(r.received(1).errors, TCPE);
                frame[shape.data() + 7] ^= 1;
                if (six) continue;
                frame[shape.ip() + 8] ^= 1;
                r.net.offer(frame);
                EXPECT_EQ(r.received(2).errors, IPE);
            }
}

TEST(E1000Receive, WhatHasNoChecksumIsNotJudged) {
    E1000Rig r;
    r.reg(RXCSUM, 0x300);
    r.start();
    Bytes fragment = make_frame(100);
    put_be(fragment, 20, 0x2000, 2);
    put_be(fragment, 24, 0, 2);
    put_be(fragment, 24, 0xffffU - slow_sum(std::span(fragment).subspan(14, 20)), 2);
    r.net.offer(fragment);
    EXPECT_EQ(r.received(0).status, DD | EOPS | IPCS);
    EXPECT_EQ(r.received(0).errors, 0);
    Bytes udp = make_frame(100, {.udp = true});
    put_be(udp, 40, 0, 2);
    r.net.offer(udp);
    EXPECT_EQ(r.received(1).status, DD | EOPS | IPCS);
    Bytes arp = make_frame(100);
    put_be(arp, 12, 0x0806, 2);
    r.net.offer(arp);
    EXPECT_EQ(r.received(2).status, DD | EOPS | IXSMS);
    r.reg(RXCSUM, 0x200);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.received(3).status, DD | EOPS | TCPCS) << "only what is wanted";
}

TEST(E1000Receive, ThePacketChecksumBeginsWhereItIsTold) {
    for (const u32 first : {0U, 1U, 14U, 15U, 34U, 35U, 100U, 255U})
        for (const u32 wanted : {0U, 0x300U})
            for (const std::size_t payload : {1U, 10U, 301U}) {
                E1000Rig r;
                r.reg(RXCSUM, wanted | first);
                r.start();
                Bytes frame = make_frame(payload);
                r.net.offer(frame);
                frame.resize(std::max<std::size_t>(frame.size(), 60));
                const auto rest =
                    std::span<const u8>(frame).subspan(std::min<std::size_t>(first, frame.size()));
                EXPECT_EQ(r.received(0).checksum, slow_sum(rest)) << first << " " << payload;
            }
}

TEST(E1000Receive, WithoutBuffersFramesWait) {
    E1000Rig r;
    r.start(EN, 2);
    for (int i = 0; i < 4; ++i)
        r.net.offer(make_frame(100 + static_cast<std::size_t>(i)));
    EXPECT_EQ(r.reg(RDH), 2U);
    EXPECT_EQ(r.net.waiting.size(), 2U);
    r.reg(RDT, 6);
    EXPECT_EQ(r.reg(RDH), 4U);
    EXPECT_EQ(r.received(3).length, 54 + 103 + 4);
}

TEST(E1000Receive, AFrameThatFindsNoRoomIsAnOverrun) {
    E1000Rig r;
    r.start(EN | 3U << 16, 1); // one buffer of 256 bytes
    r.reg(ICR);
    r.net.frontend->receive(make_frame(300));
    EXPECT_EQ(r.reg(RDH), 0U);
    EXPECT_EQ(r.reg(ICR), RXO);
    EXPECT_EQ(r.reg(MPC), 1U);
}

TEST(E1000Receive, ARingTooSmallForTheLongestFrameIsUsedAllTheSame) {
    E1000Rig r;
    r.start(EN | LPE | 3U << 16); // 15 buffers of 256 bytes
    r.net.offer(make_frame(1000));
    EXPECT_EQ(r.reg(RDH), 5U);
}

TEST(E1000Receive, DescriptorsWithoutABufferArePassed) {
    E1000Rig r;
    r.start();
    r.put(kRxRing, 0, 8);
    r.put(kRxRing + 8, 0x1122334400556677, 8);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.get(kRxRing + 8, 8), 0x1122330100556677U) << "only the status is written";
    EXPECT_EQ(r.received(1).status & (DD | EOPS), DD | EOPS);
    EXPECT_EQ(r.reg(RDH), 2U);
    EXPECT_EQ(r.get(0, 8), 0U);
}

TEST(E1000Receive, FramesWaitUntilTheDriverHasSettled) {
    E1000Rig r;
    r.start();
    r.reg(RCTL, 0);
    r.reg(RCTL, EN);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.reg(RDH), 0U);
    r.advance(E1000::kSettle + 1);
    EXPECT_EQ(r.reg(RDH), 1U) << "asked for without a word from the guest";
    r.reg(RCTL, EN | BAM);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.reg(RDH), 2U) << "only switching on counts";
}

TEST(E1000Receive, NothingIsHeardWithoutLinkOrMastery) {
    E1000Rig r;
    r.start();
    r.enable(3);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.reg(RDH), 0U);
    r.enable(7);
    EXPECT_EQ(r.reg(RDH), 1U);
    r.phy(0, 0x1340);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.reg(RDH), 1U);
    r.advance(kSecond);
    EXPECT_EQ(r.reg(RDH), 2U);
}

/// The cable was told that there is no room, and asks no more by itself.
TEST(E1000Receive, FramesComeAgainHoweverTheLinkWasLost) {
    const auto waits = [](E1000Rig& r) {
        r.net.offer(make_frame(100));
        EXPECT_EQ(r.reg(RDH), 0U);
    };
    const auto gone_by = [&](u16 pctrl, auto back) {
        E1000Rig r;
        r.start();
        r.phy(0, pctrl);
        waits(r);
        back(r);
        EXPECT_EQ(r.reg(RDH), 1U) << std::hex << pctrl;
    };
    const auto by_mdic = [](E1000Rig& r) { r.phy(0, 0x1140); };
    const auto by_time = [](E1000Rig& r) { r.advance(kSecond); };
    gone_by(0x1940, by_mdic);                               // power-down
    gone_by(0x5140, by_mdic);                               // loopback
    gone_by(0x1340, [](E1000Rig& r) { r.phy(0, 0x0140); }); // negotiating; forced instead
    gone_by(0x1340, by_time);
    gone_by(0x9140, by_time);          // reset
    gone_by(0x1340, [&](E1000Rig& r) { // the cable comes after the PHY is done
        r.net.link = false;
        by_time(r);
        r.net.set_link(true);
    });
    E1000Rig r;
    r.start();
    r.reg(CTRL, 0x00140240 | PHY_RST);
    waits(r);
    by_time(r);
    EXPECT_EQ(r.reg(RDH), 1U);
}

TEST(E1000Receive, FewFreeDescriptorsAreACause) {
    E1000Rig r;
    r.start(EN | 1U << 8); // a quarter of 16
    r.reg(ICR);
    for (u32 i = 0; i < 10; ++i)
        r.net.offer(make_frame(100));
    EXPECT_EQ(r.reg(ICR), RXT0);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.reg(ICR), RXT0 | RXDMT0);
}

TEST(E1000Receive, SmallFramesAreACause) {
    E1000Rig r;
    r.start();
    r.reg(RSRPD, 100);
    r.reg(ICR);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.reg(ICR), RXT0);
    r.net.offer(make_frame(20));
    EXPECT_EQ(r.reg(ICR), RXT0 | 0x10000U);
}

TEST(E1000Receive, TheInterruptIsDelayed) {
    E1000Rig r;
    r.start();
    r.reg(ICR);
    r.reg(RDTR, 100); // 102.4 us
    r.reg(RADV, 250);
    r.net.offer(make_frame(100));
    EXPECT_EQ(r.received(0).status & DD, DD);
    r.advance(90 * kMicrosecond);
    r.net.offer(make_frame(100));
    r.advance(90 * kMicrosecond);
    EXPECT_EQ(r.reg(ICR), 0U);
    r.net.offer(make_frame(100));
    r.advance(80 * kMicrosecond);
    EXPECT_EQ(r.reg(ICR), RXT0);
    r.net.offer(make_frame(100));
    r.reg(RDTR, 0x80000064);
    EXPECT_EQ(r.reg(ICR), RXT0) << "flushed";
    EXPECT_EQ(r.reg(RDTR), 0x64U);
    r.advance(kSecond);
    EXPECT_EQ(r.reg(ICR), 0U);
}

TEST(E1000Receive, LoopbackKeepsFramesInTheCard) {
    for (const bool in_phy : {false, true}) {
        E1000Rig r;
        r.start(EN | (in_phy ? 0 : 1U << 6));
        if (in_phy) r.phy(0, 0x4140);
        const Bytes frame = make_frame(200);
        r.send(frame);
        EXPECT_EQ(r.net.count, 0U);
        EXPECT_EQ(r.received(0).length, frame.size() + 4);
        EXPECT_EQ(r.bytes_at(E1000Rig::rx_buffer(0), frame.size()), frame);
        EXPECT_EQ(r.tx_status(0), 1U);
        r.net.offer(frame);
        EXPECT_EQ(r.reg(RDH), 1U) << "the cable is not listened to";
    }
}

TEST(E1000Receive, LoopbackSegments) {
    E1000Rig r;
    r.reg(RXCSUM, 0x300);
    r.start(EN | 1U << 6);
    r.start_sending();
    const FrameShape shape;
    Bytes frame = make_frame(2500);
    put_be(frame, shape.field(), pseudo_sum(frame, shape, 0), 2);
    r.add_context(shape, 1000, TSE);
    r.send(frame, EOP | DATA | TSE | RS, IXSM | TXSM);
    EXPECT_EQ(r.reg(RDH), 3U);
    for (u32 i = 0; i < 3; ++i)
        EXPECT_EQ(r.received(i).errors, 0);
}

} // namespace
} // namespace dm::test
