// RTL8139C+: which interrupts wait for company, and for how long.
#include "tests/devices/rtl8139_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using Reg = rtl8139::Reg;

constexpr u64 kResponse = 10 * kMicrosecond;

/// A driver that is known to look at the causes kResponse after the line rose, and a card at rest since.
struct MitigationRig : Rtl8139Rig {
    MitigationRig() {
        start_cplus();
        know_response(kResponse);
    }
    void know_response(u64 ns) {
        out(Reg::TPPOLL, 1, 1); // FSWINT
        serve(ns);
        advance(kSecond);
    }
    u16 serve(u64 after = kResponse) {
        advance(after);
        const u16 causes = isr();
        out(Reg::ISR, causes, 2);
        return causes;
    }
    void send(unsigned index) { send_cplus(index, make_frame(100)); }
    void receive() { net.offer(make_frame(100)); }
    /// Many frames came with the last interrupt, which was served just now. The ring is full of buffers.
    void be_busy() {
        for (unsigned i = 0; i < InterruptMitigation::kBusy; ++i)
            receive();
        serve();
        advance(kSecond);
        receive();
        serve();
        for (unsigned i = 0; i < 8; ++i)
            put_rx(i);
    }
};

TEST(Rtl8139Mitigation, AReportOfASentFrameWaitsForAResponse) {
    MitigationRig r;
    r.send(0);
    EXPECT_EQ(r.isr(), rtl::TOK | rtl::TDU) << "whoever looks sees it";
    EXPECT_FALSE(r.irq());
    r.advance(kResponse - 1);
    EXPECT_FALSE(r.irq());
    r.advance(1);
    EXPECT_TRUE(r.irq());
    r.serve();
    EXPECT_FALSE(r.irq());
}

TEST(Rtl8139Mitigation, ItWaitsWhileFramesFollowButNotForEver) {
    MitigationRig r;
    unsigned frames = 0;
    u64 waited = 0;
    for (; !r.irq() && frames < 100; waited += kResponse / 2) {
        r.send(frames++);
        r.advance(kResponse / 2);
    }
    EXPECT_EQ(waited, InterruptMitigation::kWaits * kResponse);
}

TEST(Rtl8139Mitigation, NothingWaitsForAGuestThatIsNotKnown) {
    Rtl8139Rig r;
    r.start_cplus();
    r.advance(kSecond);
    r.send_cplus(0, make_frame(100));
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139Mitigation, AReceivedFrameIsReportedAtOnceWithWhatWaits) {
    MitigationRig r;
    r.send(0);
    r.receive();
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.serve(), rtl::ROK | rtl::TOK | rtl::TDU);
    r.advance(kSecond);
    EXPECT_FALSE(r.irq()) << "the report went along";
}

TEST(Rtl8139Mitigation, AGuestThatAsksAndWaitsHearsOfEachAnswerAtOnce) {
    MitigationRig r;
    for (unsigned i = 0; i < 6; ++i) {
        r.send(i);
        r.receive();
        EXPECT_TRUE(r.irq()) << i;
        r.serve();
    }
}

TEST(Rtl8139Mitigation, AReceivedFrameWaitsWhereABusyDriverWasReadyJustNow) {
    MitigationRig r;
    r.be_busy();
    r.advance(kResponse / 4);
    r.receive();
    EXPECT_FALSE(r.irq());
    r.advance(kResponse / 4);
    r.receive();
    r.advance(kResponse / 2 - 1);
    EXPECT_FALSE(r.irq());
    r.advance(1);
    EXPECT_TRUE(r.irq()) << "counted from the acknowledgement";
}

TEST(Rtl8139Mitigation, ABusyDriverIsReadyWhenItUnmasks) {
    MitigationRig r;
    r.be_busy();
    r.out(Reg::IMR, rtl::TOK | rtl::TDU, 2); // as Linux does while it polls
    r.receive();
    r.advance(kSecond);
    EXPECT_FALSE(r.irq());
    r.receive();
    r.out(Reg::IMR, 0xe1ff, 2);
    EXPECT_FALSE(r.irq());
    r.advance(kResponse);
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139Mitigation, AnythingElseIsReportedAtOnce) {
    MitigationRig r;
    r.send(0);
    r.net.set_link(false);
    EXPECT_TRUE(r.irq());
    r.serve();
    r.advance(kSecond);
    r.send(1);
    EXPECT_FALSE(r.irq());
    r.out(Reg::TPPOLL, 1, 1);
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139Mitigation, ADriverThatPollsIsNotInterrupted) {
    MitigationRig r;
    r.send(0);
    EXPECT_EQ(r.serve(0), rtl::TOK | rtl::TDU);
    r.advance(kSecond);
    EXPECT_FALSE(r.irq());
}

TEST(Rtl8139Mitigation, WhatADriverHasPolledDoesNotHurryTheNextReport) {
    MitigationRig r;
    unsigned i = 0;
    for (; i < Rtl8139::kLateCPlus - 1U; ++i) {
        r.send(i);
        r.serve(0);
    }
    r.advance(kResponse / 2);
    r.send(i);
    EXPECT_FALSE(r.irq());
    r.advance(kResponse - 1);
    EXPECT_FALSE(r.irq());
}

TEST(Rtl8139Mitigation, ManyFramesDoNotWait) {
    MitigationRig r;
    for (unsigned i = 0; i < Rtl8139::kLateCPlus - 1U; ++i) {
        r.send(i);
        EXPECT_FALSE(r.irq()) << i;
    }
    r.send(Rtl8139::kLateCPlus - 1U);
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139Mitigation, HalfOfCModesDescriptorsDoNotWait) {
    MitigationRig r;
    r.start_c_mode(rtl::APM);
    r.know_response(kResponse);
    r.send_c_mode(0, make_frame(100));
    EXPECT_FALSE(r.irq());
    r.send_c_mode(1, make_frame(100));
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139Mitigation, AFullRingDoesNotWait) {
    MitigationRig r;
    r.be_busy();
    for (unsigned i = 0; i < 7; ++i) {
        r.receive();
        EXPECT_FALSE(r.irq()) << i;
    }
    r.receive(); // the eighth
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139Mitigation, TheLeastResponseCountsAndOneThatWasHeldUpSaysLittle) {
    MitigationRig r;
    r.know_response(kSecond);
    r.send(0);
    r.advance(kResponse);
    EXPECT_FALSE(r.irq()) << "a little longer";
    r.advance(kResponse / 4);
    EXPECT_TRUE(r.irq());
    r.serve(kMicrosecond);
    r.send(1);
    r.advance(kMicrosecond);
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139Mitigation, NoReportWaitsForAnAgeWhateverTheGuestDid) {
    Rtl8139Rig r;
    r.start_cplus();
    r.out(Reg::TPPOLL, 1, 1);
    r.advance(kSecond);
    r.out(Reg::ISR, r.isr(), 2);
    r.advance(kSecond);
    r.send_cplus(0, make_frame(100));
    r.advance(kMillisecond - 1);
    EXPECT_FALSE(r.irq());
    r.advance(1);
    EXPECT_TRUE(r.irq());
}

/// Linux 6.1's handler where its polling is at its end: it leaves what was received to the polling, and so in
/// place, and it does not mask it again.
TEST(Rtl8139Mitigation, ADriverThatIsInterruptedForEverGetsARest) {
    MitigationRig r;
    r.receive();
    const auto handler = [&r] {
        const u16 causes = r.isr();
        r.out(Reg::ISR, causes & ~rtl::ROK, 2);
    };
    for (unsigned round = 0; round < 3; ++round) {
        for (unsigned i = 0; i < InterruptMitigation::kLooks; ++i) {
            EXPECT_TRUE(r.irq()) << round << " " << i;
            handler();
        }
        EXPECT_FALSE(r.irq()) << round;
        r.advance(InterruptMitigation::kRestLeast - 1);
        EXPECT_FALSE(r.irq()) << round;
        r.advance(1);
    }
    EXPECT_TRUE(r.irq());
    r.serve();
    r.advance(kSecond);
    EXPECT_FALSE(r.irq());
}

TEST(Rtl8139Mitigation, ARestIsAsLongAsTheGuestTakesToAnswer) {
    constexpr u64 kSlow = 4 * InterruptMitigation::kRestLeast;
    MitigationRig r;
    for (unsigned i = 0; i < 64; ++i)
        r.know_response(kSlow); // it grows slowly
    r.receive();
    r.advance(kSlow);
    for (unsigned i = 0; i < InterruptMitigation::kLooks; ++i)
        r.isr();
    EXPECT_FALSE(r.irq()) << "a look alone is enough";
    r.advance(kSlow - 1);
    EXPECT_FALSE(r.irq());
    r.advance(1);
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139Mitigation, WhoeverServesItsInterruptsNeedsNoRest) {
    MitigationRig r;
    for (unsigned i = 0; i < 3 * InterruptMitigation::kLooks; ++i) {
        r.isr(); // a neighbour's interrupt, on the same line
        r.receive();
        EXPECT_TRUE(r.irq()) << i;
        r.isr();
        r.serve();
        r.put_rx(i % 8);
        r.advance(kSecond);
    }
}

TEST(Rtl8139Mitigation, AnAcknowledgementEndsTheRest) {
    MitigationRig r;
    r.receive();
    for (unsigned i = 0; i < InterruptMitigation::kLooks; ++i)
        r.isr();
    EXPECT_FALSE(r.irq());
    r.out(Reg::ISR, rtl::ROK, 2);
    r.receive();
    EXPECT_TRUE(r.irq());
}

TEST(Rtl8139Mitigation, AResetForgetsWhatWaits) {
    MitigationRig r;
    r.send(0);
    r.out(Reg::CR, rtl::RST, 1);
    r.out(Reg::IMR, 0xe1ff, 2);
    r.advance(kSecond);
    EXPECT_FALSE(r.irq());
}

TEST(Rtl8139Mitigation, ARestoredCardWaitsOn) {
    MitigationRig r;
    r.send(0);
    r.advance(kResponse / 2);
    MitigationRig other;
    other.copy_surroundings(r);
    const std::vector<u8> image = snapshot(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && other.dev.load(*reader).ok());
    EXPECT_FALSE(other.irq());
    other.advance(kResponse / 2 - 1);
    EXPECT_FALSE(other.irq());
    other.advance(1);
    EXPECT_TRUE(other.irq());
}

} // namespace
} // namespace dm::test
