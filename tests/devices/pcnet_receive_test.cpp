// Am79C970A: frames that come, and those that the card sends itself.
#include "tests/devices/pcnet_rig.hpp"

namespace dm::test {
namespace {

using namespace pcnet;

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

} // namespace
} // namespace dm::test
