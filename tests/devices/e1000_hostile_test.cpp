// What no driver does: rings and descriptors that make no sense.
#include "tests/devices/e1000_rig.hpp"

#include <gtest/gtest.h>

namespace dm::test {
namespace {

using namespace e1000;

/// The card still works when this is true.
bool alive(E1000Rig& r) {
    r.reg(CTRL, RST);
    r.reg(RCTL, 0);
    r.phy(0, 0x8000);
    r.advance(kSecond);
    r.enable();
    r.tail = 0;
    r.net.sent.clear();
    r.send(make_frame(100));
    if (r.net.sent.size() != 1 || r.last_sent() != make_frame(100)) return false;
    r.start();
    r.net.waiting.clear();
    r.net.offer(make_frame(100));
    return r.reg(RDH) == 1;
}

TEST(E1000Hostile, HeadsAndTailsOutsideTheRingSendNothing) { // CVE-2015-6815, CVE-2016-1981
    for (const u32 length : {0U, 127U, 128U, 0xffffffffU})
        for (const u32 head : {0U, 7U, 8U, 0xfff7U, 0xffffU})
            for (const u32 tail : {0U, 1U, 7U, 8U, 0xfff7U, 0xffffU}) {
                E1000Rig r;
                r.reg(TDBAL, kTxRing);
                r.reg(TDLEN, length);
                r.reg(TDH, head);
                r.reg(TDT, tail);
                r.reg(TCTL, EN);
                for (int i = 0; i < 50 && r.timers.next_deadline(); ++i)
                    r.advance(1);
                const u32 count = (length & 0xfff80) / 16;
                if (head >= count || tail >= count) {
                    EXPECT_EQ(r.reg(TDH), head);
                    EXPECT_EQ(r.net.count, 0U);
                }
            }
}

TEST(E1000Hostile, ARingAtTheEndOfMemoryOrBeyond) {
    for (const u64 base : {u64{0xfffffff0}, u64{0xffffffff'fffffff0}, u64{kRamSize - 16}, u64{kBar}}) {
        E1000Rig r;
        r.reg(TDBAL, static_cast<u32>(base));
        r.reg(TDBAH, static_cast<u32>(base >> 32));
        r.reg(TDLEN, 4096);
        r.reg(TCTL, EN);
        r.reg(TDT, 255);
        r.reg(RDBAL, static_cast<u32>(base));
        r.reg(RDBAH, static_cast<u32>(base >> 32));
        r.reg(RDLEN, 4096);
        r.reg(RDT, 255);
        r.reg(RCTL, EN | UPE | LPE);
        r.advance(2 * kSecond);
        for (int i = 0; i < 70; ++i)
            r.net.offer(make_frame(9000));
        EXPECT_TRUE(alive(r));
    }
}

TEST(E1000Hostile, AFrameWithoutAnEndIsLostAndTheNextOneGoes) { // CVE-2021-20257
    E1000Rig r;
    r.reg(TDBAL, 0x8000);
    r.reg(TDLEN, 1024 * 16);
    r.put_bytes(kTxData, make_frame(100));
    for (u32 i = 0; i < 1000; ++i) {
        r.put(0x8000 + i * 16, kTxData, 8);
        r.put(0x8008 + i * 16, 154 | DATA, 8);
    }
    r.put(0x8008 + 500 * 16, 154 | DATA | EOP, 8);
    r.put(0x8008 + 501 * 16, 154 | DATA | EOP, 8);
    r.reg(TCTL, EN);
    r.reg(TDT, 1000);
    for (int i = 0; i < 100; ++i)
        r.advance(1);
    EXPECT_EQ(r.net.count, 1U) << "the one between";
    r.put(0x8008 + 1000 * 16, 154 | EOP, 8);
    r.put(0x8010 + 1000 * 16, kTxData, 8);
    r.put(0x8018 + 1000 * 16, 154 | EOP, 8);
    r.reg(TDT, 1002);
    r.advance(1);
    EXPECT_EQ(r.net.count, 2U);
    EXPECT_EQ(r.reg(TDH), 1002U);
}

TEST(E1000Hostile, AFullRingWithoutAnEndIsLost) {
    E1000Rig r;
    r.start_sending();
    for (u32 i = 0; i + 1 < kRing; ++i)
        r.add_tx(kTxData, 60 | DATA);
    r.kick();
    EXPECT_EQ(r.reg(TDH), r.reg(TDT));
    r.add_tx(kTxData, 60 | DATA | EOP);
    r.kick();
    EXPECT_EQ(r.net.count, 0U) << "the end of what was lost";
    r.send(make_frame(100));
    EXPECT_EQ(r.last_sent(), make_frame(100));
}

TEST(E1000Hostile, ContextsAloneAreConsumedAndBounded) {
    E1000Rig r;
    r.reg(TDBAL, 0x8000);
    r.reg(TDLEN, 4096 * 16);
    for (u32 i = 0; i < 4000; ++i) {
        r.put(0x8000 + i * 16, ~u64{0}, 8);
        r.put(0x8008 + i * 16, DEXT | RS | IDE | 0x0fffffU, 8);
    }
    r.reg(TCTL, EN);
    r.reg(TDT, 4000);
    EXPECT_EQ(r.reg(TDH), E1000::kFramesPerKick);
    for (int i = 0; i < 100; ++i)
        r.advance(1);
    EXPECT_EQ(r.reg(TDH), 4000U);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_TRUE(alive(r));
}

TEST(E1000Hostile, LengthsOfNothingAndOfTooMuch) {
    for (const u32 length : {0U, 1U, 13U, 16284U, 16289U, 0xffffU, 0xfffffU}) {
        E1000Rig r;
        r.start_sending(EN);
        for (const u32 kind : {0U, DATA, DATA | TSE}) {
            r.add_tx(kTxData, length | kind | EOP | RS, IXSM | TXSM);
            r.kick();
        }
        EXPECT_EQ(r.reg(TDH), 3U);
        for (const FakeNet::Frame& frame : r.net.sent)
            EXPECT_LE(frame.bytes.size(), 16288U);
        EXPECT_TRUE(alive(r));
    }
}

TEST(E1000Hostile, FramesOfThousandsOfSegmentsWaitForTheirTurn) {
    E1000Rig r;
    r.start_sending();
    r.add_context({}, 2, TSE);
    const Bytes frame = make_frame(3000);
    r.put_bytes(kTxData, frame);
    for (int i = 0; i < 5; ++i)
        r.add_tx(kTxData, static_cast<u32>(frame.size()) | DATA | TSE | EOP | RS, IXSM | TXSM);
    r.kick();
    EXPECT_EQ(r.net.count, 3U) << "of 1500 segments each";
    r.advance(1);
    EXPECT_EQ(r.net.count, 5U);
}

TEST(E1000Hostile, LargeFramesWaitForTheirTurn) {
    E1000Rig r;
    const Bytes frame = make_frame(60000);
    r.put_bytes(kTxData, frame);
    r.net.keep = 0;
    r.start_sending();
    r.reg(TDLEN, 64 * 16);
    r.add_context({}, 1460, TSE);
    constexpr u32 kFrames = 40;
    for (u32 i = 1; i <= kFrames; ++i)
        r.put_tx(i, kTxData, static_cast<u32>(frame.size()) | DATA | TSE | EOP | RS, IXSM | TXSM);
    r.reg(TDT, kFrames + 1);
    EXPECT_GE(r.net.total, E1000::kBytesPerKick);
    EXPECT_LT(r.net.total, E1000::kBytesPerKick + frame.size());
    r.advance(1);
    r.advance(1);
    EXPECT_EQ(r.net.count, kFrames);
    EXPECT_EQ(r.reg(TDH), kFrames + 1);
}

TEST(E1000Hostile, ContextsThatMakeNoSense) {
    unsigned sent = 0;
    for (const u32 mss : {0U, 1U, 1460U})
        for (const u32 header : {0U, 53U, 54U, 255U})
            for (const u32 tucss : {0U, 34U, 255U})
                for (const u32 tucso : {0U, 50U, 254U})
                    for (const u32 ipcss : {0U, 14U, 255U}) {
                        E1000Rig r;
                        r.start_sending();
                        r.add_tx(ipcss | 255U << 8 | u64{tucss | tucso << 8} << 32, DEXT | TSE | 3U << 24,
                                 header << 8 | mss << 16);
                        r.send(make_frame(3000), DATA | TSE | EOP | RS, IXSM | TXSM);
                        EXPECT_EQ(r.reg(TDH), 2U) << "the frame is lost, not the ring";
                        EXPECT_EQ(r.tx_status(1) & 1, 1U);
                        if (r.net.count == 0 ||
                            r.net.sent[0].offload.segments == FrameOffload::Segments::None)
                            continue;
                        ++sent;
                        const FrameOffload& o = r.net.sent[0].offload;
                        EXPECT_GT(o.segment_size, 0);
                        EXPECT_LE(o.header_length, r.net.sent[0].bytes.size());
                        EXPECT_LE(o.checksum_start + o.checksum_offset + 2, o.header_length);
                        r.net.wire();
                    }
    EXPECT_GT(sent, 0U);
}

TEST(E1000Hostile, LoopbackOfAnyLength) { // CVE-2025-12464
    for (const u32 length : {0U, 1U, 12U, 13U, 14U, 59U, 60U, 61U})
        for (const u32 mode : {1U, 3U}) {
            E1000Rig r;
            r.start(EN | UPE | MPE | mode << 6);
            r.put(kTxData, 0xffff, 2);
            r.start_sending(EN);
            r.add_tx(kTxData, length | EOP | RS);
            r.kick();
            EXPECT_EQ(r.reg(TDH), 1U);
            EXPECT_EQ(r.reg(RDH), mode == 1 && length >= 14 ? 1U : 0U);
        }
}

TEST(E1000Hostile, LoopbackIntoTheCardsOwnRegistersAndRings) { // CVE-2021-3416
    for (const u64 target : {kBar, kBar + TDT - 4, kTxRing, kRxRing, u64{0xfee00000}, ~u64{0} - 100}) {
        E1000Rig r;
        r.start(EN | UPE | 1U << 6);
        for (u32 i = 0; i < kRing; ++i)
            r.put(kRxRing + i * u64{16}, target, 8);
        r.start_sending();
        for (u32 i = 0; i + 1 < kRing; ++i)
            r.add_tx(kTxRing, 1400 | EOP | RS);
        r.kick();
        for (int i = 0; i < 100; ++i)
            r.advance(1);
        EXPECT_TRUE(alive(r));
    }
}

TEST(E1000Hostile, ReceiveRingsThatMakeNoSense) {
    for (const u32 length : {0U, 128U, 0xffffffffU})
        for (const u32 head : {0U, 7U, 8U, 0xffffU})
            for (const u32 tail : {0U, 7U, 8U, 0xffffU}) {
                E1000Rig r;
                r.reg(RDBAL, kRxRing);
                r.reg(RDLEN, length);
                r.reg(RDH, head);
                r.reg(RDT, tail);
                r.reg(RCTL, EN | UPE | LPE);
                r.advance(2 * kSecond);
                for (int i = 0; i < 3; ++i) {
                    r.net.offer(make_frame(16000));
                    r.net.frontend->receive(make_frame(16000));
                }
                EXPECT_TRUE(alive(r));
            }
}

TEST(E1000Hostile, ManyDescriptorsWithoutABufferAreBounded) {
    E1000Rig r;
    r.reg(RDBAL, 0x10000);
    r.reg(RDLEN, 0x8000);
    r.reg(RDT, 2047);
    r.reg(RCTL, EN | UPE);
    r.advance(2 * kSecond);
    r.reg(ICR);
    r.net.frontend->receive(make_frame(1000));
    EXPECT_EQ(r.reg(RDH), E1000::kMostDescriptors);
    EXPECT_EQ(r.reg(ICR) & RXO, RXO);
    EXPECT_TRUE(alive(r));
}

TEST(E1000Hostile, EveryWordOfEepromAndPhy) {
    E1000Rig r;
    for (u32 i = 0; i < 256; ++i) {
        r.reg(EERD, i << 8 | 1);
        EXPECT_EQ(r.reg(EERD) & 0x10, 0x10U);
    }
    for (u32 op = 0; op < 4; ++op)
        for (u32 address = 0; address < 32; ++address)
            for (u32 which = 0; which < 32; ++which) {
                r.reg(MDIC, op << 26 | address << 21 | which << 16 | 0x7fff);
                EXPECT_EQ(r.reg(MDIC) & 0x50000000, address == 1 ? 0x10000000U : 0x50000000U);
            }
    EXPECT_TRUE(alive(r));
}

TEST(E1000Hostile, StormsOfCausesChangeTheLineOnlyWhenItsLevelChanges) {
    E1000Rig r;
    r.reg(IMS, 0xffffffff);
    const unsigned before = r.intx.raised;
    for (int i = 0; i < 1000; ++i)
        r.reg(ICS, 0xffffffff);
    EXPECT_EQ(r.intx.raised, before + 1);
}

TEST(E1000Hostile, TimersOfNothingAndOfTheLongest) {
    for (const u32 value : {0U, 1U, 0xffffU}) {
        E1000Rig r;
        for (const u32 reg : {ITR, RDTR, RADV, TIDV, TADV})
            r.reg(reg, value);
        r.start();
        r.reg(IMS, 0xffffffff);
        for (int i = 0; i < 10; ++i) {
            r.net.offer(make_frame(100));
            r.send(make_frame(100), EOP | RS | IDE);
            r.advance(10 * kMicrosecond);
            r.reg(ICR);
        }
        r.net.offer(make_frame(100));
        r.advance(kSecond);
        EXPECT_TRUE(r.irq());
    }
}

TEST(E1000Hostile, AResetWhileFramesAreInTheRing) {
    E1000Rig r;
    r.net.later = true;
    r.send(make_frame(100));
    r.reg(CTRL, RST);
    r.net.set_later(false);
    r.advance(kSecond);
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_TRUE(alive(r));
}

TEST(E1000Hostile, AStateWithImpossibleRegistersIsRefused) {
    const auto refused = [](auto bend) {
        E1000::State state;
        bend(state);
        E1000Rig r;
        StateWriter writer;
        r.dev.save(writer);
        StateWriter bent;
        PciConfig config;
        for (unsigned i = 0; i < 256; ++i)
            config.bytes[i] = static_cast<u8>(r.pci.config_read(kBdf, i, 1));
        bent.section("e1000/pci", config);
        bent.section("e1000", state);
        const std::vector<u8> image = std::move(bent).take();
        auto reader = StateReader::open(image);
        return !reader.ok() || !r.dev.load(*reader).ok();
    };
    EXPECT_FALSE(refused([](E1000::State&) {}));
    EXPECT_TRUE(refused([](E1000::State& s) { s.regs[0] = 0xffffffff; }));
    EXPECT_TRUE(refused([](E1000::State& s) { s.ra[1] = 0x00040000; }));
    EXPECT_TRUE(refused([](E1000::State& s) { s.icr = 0x800; }));
    EXPECT_TRUE(refused([](E1000::State& s) { s.ims = 0x80000000; }));
    EXPECT_TRUE(refused([](E1000::State& s) { s.eecd = 8; }));
    EXPECT_TRUE(refused([](E1000::State& s) { s.eeprom.bits = 99; }));
    EXPECT_TRUE(refused([](E1000::State& s) { s.mdic = 0x80000000; }));
}

} // namespace
} // namespace dm::test
