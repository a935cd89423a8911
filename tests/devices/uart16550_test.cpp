#include "tests/devices/uart16550_rig.hpp"

#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

using U = Uart16550;

struct Uart16550Test : testing::Test {
    UartRig r;
};

constexpr unsigned kRda = 0x01;   // IER
constexpr unsigned kThre = 0x02;  // IER
constexpr unsigned kElsi = 0x04;  // IER
constexpr unsigned kEdssi = 0x08; // IER

TEST_F(Uart16550Test, RegistersHaveTheirResetValues) {
    EXPECT_EQ(r.get(U::IER_DLM), 0x00);
    EXPECT_EQ(r.get(U::IIR_FCR), 0x01);
    EXPECT_EQ(r.get(U::LCR), 0x00);
    EXPECT_EQ(r.get(U::MCR), 0x08);
    EXPECT_EQ(r.get(U::LSR), 0x60);
    EXPECT_EQ(r.get(U::MSR), 0xb0);
    r.set(U::LCR, 0x80);
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 0x0c);
    EXPECT_EQ(r.get(U::IER_DLM), 0x00);
}

TEST_F(Uart16550Test, FirmwareFindsThePortByWritingIer) {
    r.set(U::IER_DLM, 0xff);
    EXPECT_EQ(r.get(U::IER_DLM), 0x0f);
    r.set(U::IER_DLM, 0x00);
    EXPECT_EQ(r.get(U::IER_DLM), 0x00);
}

TEST_F(Uart16550Test, ScratchKeepsWhatIsWritten) {
    r.set(U::SCR, 0xa5);
    EXPECT_EQ(r.get(U::SCR), 0xa5);
}

TEST_F(Uart16550Test, DlabSelectsTheDivisorInsteadOfDataAndIer) {
    r.set(U::IER_DLM, kRda);
    r.set(U::LCR, 0x83);
    r.set(U::RBR_THR_DLL, 0x34);
    r.set(U::IER_DLM, 0x12);
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 0x34);
    EXPECT_EQ(r.get(U::IER_DLM), 0x12);
    r.set(U::LCR, 0x03);
    EXPECT_EQ(r.get(U::IER_DLM), kRda);
    EXPECT_EQ(r.wire.sent, "");
}

TEST_F(Uart16550Test, TheWireHearsTheLineSettingsOnceDlabIsClearedAgain) {
    r.set(U::LCR, 0x80);
    r.set(U::RBR_THR_DLL, 0x01);
    EXPECT_NE(r.backend.line.baud, 115200U);
    r.set(U::LCR, 0x1f); // 8 data bits, even parity, 2 stop bits
    const LineSettings expected{
        .baud = 115200, .data_bits = 8, .stop_bits = 2, .parity = LineSettings::Parity::Even};
    EXPECT_EQ(r.backend.line, expected);
}

TEST_F(Uart16550Test, ADivisorOfZeroIsTakenAsOne) {
    r.set(U::LCR, 0x80);
    r.set(U::RBR_THR_DLL, 0x00);
    r.set(U::LCR, 0x03);
    EXPECT_EQ(r.backend.line.baud, 115200U);
}

TEST_F(Uart16550Test, BreakControlReachesTheWire) {
    r.set(U::LCR, 0x43);
    EXPECT_TRUE(r.backend.breaking);
    r.set(U::LCR, 0x03);
    EXPECT_FALSE(r.backend.breaking);
}

// -------------------------------------------------------------------------------------------------- transmit

TEST_F(Uart16550Test, WhatIsWrittenToThrIsSentAtOnce) {
    r.set(U::RBR_THR_DLL, 'h');
    r.set(U::RBR_THR_DLL, 'i');
    EXPECT_EQ(r.wire.sent, "hi");
    EXPECT_EQ(r.get(U::LSR), 0x60);
}

TEST_F(Uart16550Test, AStringInstructionIsOneWriteToTheBackEnd) {
    const std::string text(4096, 'x');
    r.ports.write_string(UartRig::kBase, 1, {reinterpret_cast<const u8*>(text.data()), text.size()});
    EXPECT_EQ(r.wire.sent, text);
    EXPECT_EQ(r.backend.writes, 1U);
}

TEST_F(Uart16550Test, EnablingThreInterruptRaisesItAndReadingIirAcknowledgesIt) {
    r.set(U::IER_DLM, kThre);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.get(U::IIR_FCR), U::THR_EMPTY);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.get(U::IIR_FCR), U::NONE);
}

TEST_F(Uart16550Test, WritingThrMakesANewEdgeOfTheThreInterrupt) {
    r.set(U::IER_DLM, kThre);
    const unsigned before = r.isa.raised;
    r.set(U::RBR_THR_DLL, 'x'); // without reading IIR
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.isa.raised, before + 1);
}

TEST_F(Uart16550Test, ReadingIirForAHigherInterruptLeavesThrePending) {
    r.set(U::IER_DLM, kThre | kRda);
    r.wire.send("a");
    EXPECT_EQ(r.get(U::IIR_FCR), U::RX_DATA);
    r.get(U::RBR_THR_DLL);
    EXPECT_EQ(r.get(U::IIR_FCR), U::THR_EMPTY);
}

TEST_F(Uart16550Test, ABackEndThatTakesNothingKeepsThreClear) {
    r.wire.room = 0;
    r.set(U::RBR_THR_DLL, 'x');
    EXPECT_EQ(r.get(U::LSR) & 0x60, 0x00);
    r.wire.room = SIZE_MAX;
    r.dev.writable();
    EXPECT_EQ(r.wire.sent, "x");
    EXPECT_EQ(r.get(U::LSR) & 0x60, 0x60);
}

TEST_F(Uart16550Test, ThreInterruptComesWhenTheBackEndTakesTheByteAfterAll) {
    r.set(U::IER_DLM, kThre);
    r.get(U::IIR_FCR);
    r.wire.room = 0;
    r.set(U::RBR_THR_DLL, 'x');
    EXPECT_FALSE(r.irq());
    r.wire.room = SIZE_MAX;
    r.dev.writable();
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.get(U::IIR_FCR), U::THR_EMPTY);
}

TEST_F(Uart16550Test, TheTransmitFifoHoldsSixteenBytesForASlowBackEnd) {
    r.fifos_on();
    r.wire.room = 0;
    for (char c = 'a'; c < 'a' + 20; ++c)
        r.set(U::RBR_THR_DLL, static_cast<u8>(c));
    r.wire.room = SIZE_MAX;
    r.dev.writable();
    EXPECT_EQ(r.wire.sent, "abcdefghijklmnop");
}

TEST_F(Uart16550Test, ABackEndThatNeverTakesAnythingStallsTheGuestOnceOnly) {
    r.wire.room = 0;
    r.set(U::RBR_THR_DLL, 'a');
    r.advance(U::kPatienceNs - 1);
    EXPECT_EQ(r.get(U::LSR) & 0x20, 0x00);
    r.advance(1);
    EXPECT_EQ(r.get(U::LSR) & 0x20, 0x20);
    r.set(U::RBR_THR_DLL, 'b');
    EXPECT_EQ(r.get(U::LSR) & 0x20, 0x20) << "patience was used up already";
    r.wire.room = SIZE_MAX;
    r.set(U::RBR_THR_DLL, 'c');
    EXPECT_EQ(r.wire.sent, "c");
    r.wire.room = 0;
    r.set(U::RBR_THR_DLL, 'd');
    EXPECT_EQ(r.get(U::LSR) & 0x20, 0x00) << "the back end had recovered, so it is waited for again";
}

TEST_F(Uart16550Test, ABackEndThatTakesALittleNowAndThenIsWaitedForAnew) {
    r.fifos_on();
    r.wire.room = 0;
    for (const char c : std::string_view("abcd"))
        r.set(U::RBR_THR_DLL, static_cast<u8>(c));
    r.advance(U::kPatienceNs - 1);
    r.wire.room = 1;
    r.dev.writable();
    r.advance(U::kPatienceNs - 1);
    EXPECT_EQ(r.get(U::LSR) & 0x20, 0x00);
    r.wire.room = 1; // without a word: it is asked before what waits is dropped
    r.advance(1);
    EXPECT_EQ(r.get(U::LSR) & 0x20, 0x00);
    r.wire.room = SIZE_MAX;
    r.dev.writable();
    EXPECT_EQ(r.wire.sent, "abcd");
}

TEST_F(Uart16550Test, ResettingTheTransmitFifoDropsWhatWaits) {
    r.fifos_on();
    r.wire.room = 0;
    r.set(U::RBR_THR_DLL, 'a');
    r.set(U::IIR_FCR, 0x05);
    EXPECT_EQ(r.get(U::LSR) & 0x60, 0x60);
    r.wire.room = SIZE_MAX;
    r.dev.writable();
    EXPECT_EQ(r.wire.sent, "");
}

// --------------------------------------------------------------------------------------------------- receive

TEST_F(Uart16550Test, AReceivedByteSetsDrAndInterrupts) {
    r.set(U::IER_DLM, kRda);
    r.wire.send("a");
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.get(U::IIR_FCR), U::RX_DATA);
    EXPECT_EQ(r.get(U::LSR), 0x61);
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 'a');
    EXPECT_EQ(r.get(U::LSR), 0x60);
    EXPECT_FALSE(r.irq());
}

TEST_F(Uart16550Test, WithoutFifosOneByteIsTakenAtATime) {
    EXPECT_EQ(r.wire.send("abc"), 1U);
    EXPECT_EQ(r.dev.can_receive(), 0U);
    const unsigned asked = r.wire.accept_calls;
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 'a');
    EXPECT_EQ(r.wire.accept_calls, asked + 1);
    EXPECT_EQ(r.dev.can_receive(), 1U);
}

TEST_F(Uart16550Test, WithoutFifosRbrKeepsTheLastByte) {
    r.wire.send("a");
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 'a');
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 'a');
    EXPECT_EQ(r.get(U::LSR), 0x60);
    r.set(U::IIR_FCR, 0x01);
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 0);
}

TEST_F(Uart16550Test, InputIsTakenUpToTheTriggerLevelAndThenOneByOneUntilTheFifoIsFull) {
    r.fifos_on(0x80); // 8 bytes
    EXPECT_EQ(r.dev.can_receive(), 8U);
    EXPECT_EQ(r.wire.send("0123456789"), 8U);
    for (int i = 0; i < 8; ++i)
        EXPECT_EQ(r.wire.send("x"), 1U);
    EXPECT_EQ(r.wire.send("x"), 0U);
}

TEST_F(Uart16550Test, DataInterruptWaitsForTheTriggerLevel) {
    r.fifos_on(0x40); // 4 bytes
    r.set(U::IER_DLM, kRda);
    r.wire.send("abc");
    EXPECT_FALSE(r.irq());
    r.wire.send("d");
    EXPECT_EQ(r.get(U::IIR_FCR), 0xc0 | U::RX_DATA);
    r.get(U::RBR_THR_DLL);
    EXPECT_FALSE(r.irq()) << "below the trigger level again";
}

TEST_F(Uart16550Test, BytesBelowTheTriggerLevelAreAnnouncedAfterFourCharacterTimes) {
    r.set(U::LCR, 0x80);
    r.set(U::RBR_THR_DLL, 1); // 115200 baud
    r.set(U::LCR, 0x03);      // 10 bits a character
    r.fifos_on(0xc0);
    r.set(U::IER_DLM, kRda);
    r.wire.send("a");
    r.advance(347'000);
    EXPECT_FALSE(r.irq());
    r.advance(300);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.get(U::IIR_FCR), 0xc0 | U::RX_TIMEOUT);
    r.get(U::RBR_THR_DLL);
    EXPECT_FALSE(r.irq());
}

TEST_F(Uart16550Test, AByteThatArrivesRestartsTheCharacterTimeout) {
    r.set(U::LCR, 0x80);
    r.set(U::RBR_THR_DLL, 1);
    r.set(U::LCR, 0x03);
    r.fifos_on(0xc0);
    r.set(U::IER_DLM, kRda);
    r.wire.send("a");
    r.advance(200'000);
    r.wire.send("b");
    r.advance(200'000);
    EXPECT_FALSE(r.irq());
    r.advance(150'000);
    EXPECT_TRUE(r.irq());
}

TEST_F(Uart16550Test, TogglingFifoEnableClearsBothFifos) {
    r.fifos_on();
    r.wire.send("a");
    r.set(U::IIR_FCR, 0x00);
    EXPECT_EQ(r.get(U::LSR), 0x60);
    EXPECT_EQ(r.get(U::IIR_FCR) & 0xc0, 0x00);
}

TEST_F(Uart16550Test, ResettingTheReceiveFifoLeavesFifosOn) {
    r.fifos_on();
    r.wire.send("a");
    r.set(U::IIR_FCR, 0x03);
    EXPECT_EQ(r.get(U::LSR), 0x60);
    EXPECT_EQ(r.get(U::IIR_FCR) & 0xc0, 0xc0);
}

TEST_F(Uart16550Test, FcrBitsNeedFifoEnableInTheSameWrite) {
    r.set(U::IIR_FCR, 0xc0);
    EXPECT_EQ(r.get(U::IIR_FCR), U::NONE);
    r.fifos_on();
    EXPECT_EQ(r.dev.can_receive(), 1U) << "the trigger level was not taken over";
}

TEST_F(Uart16550Test, OverrunInTheFifoKeepsWhatItHoldsAndTellsLsr) {
    r.fifos_on();
    r.set(U::IER_DLM, kElsi);
    r.set(U::MCR, 0x10);
    for (char c = 'a'; c < 'a' + 17; ++c)
        r.set(U::RBR_THR_DLL, static_cast<u8>(c));
    EXPECT_EQ(r.get(U::IIR_FCR), 0xc0 | U::LINE);
    EXPECT_EQ(r.get(U::LSR) & 0x02, 0x02);
    EXPECT_EQ(r.get(U::LSR) & 0x02, 0x00) << "cleared by the read";
    EXPECT_FALSE(r.irq());
    std::string got;
    for (int i = 0; i < 16; ++i)
        got += static_cast<char>(r.get(U::RBR_THR_DLL));
    EXPECT_EQ(got, "abcdefghijklmnop");
}

TEST_F(Uart16550Test, OverrunWithoutFifosKeepsTheNewerByte) {
    r.set(U::MCR, 0x10);
    r.set(U::RBR_THR_DLL, 'a');
    r.set(U::RBR_THR_DLL, 'b');
    EXPECT_EQ(r.get(U::LSR) & 0x03, 0x03);
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 'b');
}

TEST_F(Uart16550Test, ABreakShowsInLsrWhenItsCharacterIsAtTheTop) {
    r.fifos_on();
    r.set(U::IER_DLM, kElsi);
    r.wire.send("a");
    r.dev.break_received();
    EXPECT_EQ(r.get(U::LSR), 0xe1) << "somewhere in the FIFO, not at the top";
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 'a');
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.get(U::LSR), 0xf1);
    EXPECT_EQ(r.get(U::LSR), 0x61);
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 0x00);
}

// ----------------------------------------------------------------------------------- loopback, modem,
// priority

TEST_F(Uart16550Test, LoopbackReturnsWhatIsSentAndLeavesTheWireAlone) {
    r.set(U::MCR, 0x10);
    r.set(U::RBR_THR_DLL, 'x');
    EXPECT_EQ(r.get(U::RBR_THR_DLL), 'x');
    EXPECT_EQ(r.wire.sent, "");
    EXPECT_EQ(r.wire.send("y"), 0U) << "the receiver is not connected to the wire";
    const unsigned asked = r.wire.accept_calls;
    r.set(U::MCR, 0x00);
    EXPECT_EQ(r.wire.accept_calls, asked + 1);
}

TEST_F(Uart16550Test, LoopbackConnectsModemOutputsToModemInputs) {
    r.set(U::MCR, 0x1a); // OUT2 and RTS: what Linux looks for
    EXPECT_EQ(r.get(U::MSR) & 0xf0, 0x90);
    r.set(U::MCR, 0x11); // DTR
    EXPECT_EQ(r.get(U::MSR) & 0xf0, 0x20);
    r.set(U::MCR, 0x14); // OUT1
    EXPECT_EQ(r.get(U::MSR) & 0xf0, 0x40);
}

TEST_F(Uart16550Test, ModemChangesSetDeltasUntilMsrIsRead) {
    r.wire.lines = 0xb0;
    r.set(U::IER_DLM, kEdssi);
    r.wire.lines = 0x30; // carrier lost
    r.advance(U::kModemPollNs);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.get(U::IIR_FCR), U::MODEM);
    EXPECT_EQ(r.get(U::MSR), 0x38);
    EXPECT_EQ(r.get(U::MSR), 0x30);
    EXPECT_FALSE(r.irq());
}

TEST_F(Uart16550Test, OnlyTheEndOfARingIsReported) {
    r.wire.lines = 0xf0;
    EXPECT_EQ(r.get(U::MSR), 0xf0);
    r.wire.lines = 0xb0;
    EXPECT_EQ(r.get(U::MSR), 0xb4);
}

TEST_F(Uart16550Test, ModemLinesOfTheWireShowWhenMsrIsRead) {
    r.wire.lines = 0x20; // DSR alone
    EXPECT_EQ(r.get(U::MSR), 0x29) << "CTS and carrier went";
    EXPECT_EQ(r.get(U::MSR), 0x20);
    r.wire.lines = 0x3f;
    EXPECT_EQ(r.get(U::MSR), 0x31) << "four lines are all there are";
}

TEST_F(Uart16550Test, ModemLinesAreLookedAtWhileTheGuestWantsToHearOfThem) {
    r.wire.lines = 0xb0;
    r.set(U::IER_DLM, kRda | kThre | kElsi);
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
    r.set(U::IER_DLM, kEdssi);
    for (int i = 0; i < 3; ++i) {
        r.wire.lines = *r.wire.lines ^ 0x10;
        r.advance(U::kModemPollNs - 1);
        EXPECT_FALSE(r.irq());
        r.advance(1);
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.get(U::MSR), *r.wire.lines | 0x01);
        EXPECT_FALSE(r.irq());
    }
    r.set(U::IER_DLM, 0);
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
    r.set(U::IER_DLM, kEdssi);
    r.dev.reset();
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
}

TEST_F(Uart16550Test, AWireWithoutModemLinesIsAModemThatIsReadyAndIsNotLookedAt) {
    r.set(U::IER_DLM, kEdssi);
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
    EXPECT_EQ(r.get(U::MSR), 0xb0);
}

TEST_F(Uart16550Test, ModemLinesThatGoAwayStayWhatTheyWere) {
    r.wire.lines = 0x10;
    r.set(U::IER_DLM, kEdssi);
    r.get(U::MSR);
    r.wire.lines.reset();
    r.advance(U::kModemPollNs);
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
    EXPECT_EQ(r.get(U::MSR), 0x10);
}

TEST_F(Uart16550Test, ModemOutputsReachTheWireButNotInLoopback) {
    EXPECT_EQ(r.wire.outputs, 0x00) << "both are off after a reset";
    r.set(U::MCR, 0x0b);
    EXPECT_EQ(r.wire.outputs, 0x03);
    r.set(U::MCR, 0x09);
    EXPECT_EQ(r.wire.outputs, 0x01);
    r.set(U::MCR, 0x1a);
    EXPECT_EQ(r.wire.outputs, 0x00);
    r.wire.lines = 0x40;
    EXPECT_EQ(r.get(U::MSR) & 0xf0, 0x90) << "nor do inputs come from there";
    r.set(U::MCR, 0x0a);
    EXPECT_EQ(r.wire.outputs, 0x02);
    r.dev.reset();
    EXPECT_EQ(r.wire.outputs, 0x00);
}

TEST_F(Uart16550Test, ALoadedPortDrivesItsModemOutputsAndGoesOnLooking) {
    r.wire.lines = 0xb0;
    r.set(U::MCR, 0x0b);
    r.set(U::IER_DLM, kEdssi);
    const std::vector<u8> image = snapshot(r);
    UartRig twin;
    twin.copy_surroundings(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_EQ(twin.wire.outputs, 0x03);
    EXPECT_EQ(twin.timers.next_deadline(), r.timers.next_deadline());
}

TEST_F(Uart16550Test, InterruptsAreShownByPriority) {
    r.wire.lines = 0xb0;
    r.set(U::IER_DLM, 0x0f);
    r.wire.lines = 0x00;
    r.advance(U::kModemPollNs);
    r.wire.send("a");
    r.dev.break_received(); // overruns the one byte there is
    EXPECT_EQ(r.get(U::IIR_FCR), U::LINE);
    r.get(U::LSR);
    EXPECT_EQ(r.get(U::IIR_FCR), U::RX_DATA);
    r.get(U::RBR_THR_DLL);
    EXPECT_EQ(r.get(U::IIR_FCR), U::THR_EMPTY);
    EXPECT_EQ(r.get(U::IIR_FCR), U::MODEM);
    r.get(U::MSR);
    EXPECT_EQ(r.get(U::IIR_FCR), U::NONE);
}

TEST_F(Uart16550Test, AWordAtTheDivisorIsTwoBytes) {
    r.set(U::LCR, 0x80);
    r.out(UartRig::kBase, 0x1234, 2);
    EXPECT_EQ(r.in(UartRig::kBase, 2), 0x1234U);
}

TEST_F(Uart16550Test, AStateWithMoreCharactersThanItsFifoHoldsIsRefused) {
    r.fifos_on();
    r.wire.send("a");
    r.wire.send("b");
    StateWriter writer;
    r.dev.save(writer);
    std::vector<u8> image = std::move(writer).take();
    // fcr is a number of one byte: name, kind 'u', length 1
    const std::string fcr{"\003fcru\001\000\000\000", 9};
    const auto at = std::search(image.begin(), image.end(), fcr.begin(), fcr.end());
    ASSERT_NE(at, image.end());
    *(at + static_cast<std::ptrdiff_t>(fcr.size())) = 0;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    EXPECT_FALSE(r.dev.load(*reader).ok());
}

INSTANTIATE_TYPED_TEST_SUITE_P(Uart16550, DeviceConformance, UartRig);

} // namespace
} // namespace dm::test
