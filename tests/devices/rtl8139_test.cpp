// RTL8139C+: registers, EEPROM, timer, cable, and what every device must do.
#include "tests/devices/rtl8139_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::ElementsAre;
using Reg = rtl8139::Reg;

TEST(Rtl8139, IsTheCardThatGuestsKnow) {
    Rtl8139Rig r;
    EXPECT_EQ(r.pci.config_read(rtl::kBdf, 0, 4), 0x813910ecU);
    EXPECT_EQ(r.pci.config_read(rtl::kBdf, pci::REVISION_ID, 4), 0x02000020U);
    EXPECT_EQ(r.pci.config_read(rtl::kBdf, pci::INTERRUPT_PIN, 1), 1U);
    EXPECT_EQ(r.in(Reg::TCR, 4), 0x74800000U); // RTL8139C+
    EXPECT_EQ(r.in(Reg::RERID, 1), 0x20U);
}

TEST(Rtl8139, ItsRomIsInItsBarOnlyIfItHasOne) {
    Rtl8139Rig without;
    without.pci.config_write(rtl::kBdf, pci::ROM_ADDRESS, 4, ~0U);
    EXPECT_EQ(without.pci.config_read(rtl::kBdf, pci::ROM_ADDRESS, 4), 0U);
    Rtl8139Rig with(std::vector<u8>(3000, 0x55));
    with.pci.config_write(rtl::kBdf, pci::ROM_ADDRESS, 4, 0xf4000001);
    EXPECT_EQ(with.peek(0xf4000000 + 2996), 0x55555555U);
    EXPECT_EQ(with.peek(0xf4000000 + 4092), 0xffffffffU); // padding
}

TEST(Rtl8139, PowersUpWithTheAddressOfItsEeprom) {
    Rtl8139Rig r;
    EXPECT_EQ(r.in(Reg::IDR0, 4), 0x003e1600U);
    EXPECT_EQ(r.in(Reg::IDR0, 2, 4), 0x0300U);
}

TEST(Rtl8139, PortsAndMemoryAreTheSameRegisters) {
    Rtl8139Rig r;
    r.ports.write(rtl::kPorts + 0x30, 4, 0x12345678);
    EXPECT_EQ(r.in(Reg::RBSTART, 4), 0x12345678U);
    EXPECT_EQ(r.in(Reg::RBSTART, 1, 2), 0x34U);
    r.out(Reg::RBSTART, 0xaa, 1, 3);
    EXPECT_EQ(r.ports.read(rtl::kPorts + 0x30, 4), 0xaa345678U);
}

TEST(Rtl8139, TcrTakesBytesAndOnlyWhileTheTransmitterIsOn) {
    Rtl8139Rig r;
    r.out(Reg::TCR, 0x03000700, 4);
    EXPECT_EQ(r.in(Reg::TCR, 4), 0x74800000U);
    r.out(Reg::CR, rtl::TE, 1);
    r.out(Reg::TCR, 0xf0, 1); // Windows
    EXPECT_EQ(r.in(Reg::TCR, 4), 0x748000f0U);
    EXPECT_EQ(r.in(Reg::TCR, 1, 3), 0x74U);
    r.out(Reg::TCR, ~0U, 4);
    EXPECT_EQ(r.in(Reg::TCR, 4), 0x778707f0U); // the revision stays
}

TEST(Rtl8139, ConfigRegistersAreLocked) {
    Rtl8139Rig r;
    r.out(Reg::CONFIG1, 0xff, 1);
    EXPECT_EQ(r.in(Reg::CONFIG1, 1), 0x0cU);
    r.out(Reg::CR9346, 0xc0, 1);
    r.out(Reg::CONFIG1, 0x21, 1);
    r.out(Reg::CONFIG3, 0x20, 1);
    r.out(Reg::CR9346, 0x00, 1);
    EXPECT_EQ(r.in(Reg::CONFIG1, 1), 0x2dU);
    EXPECT_EQ(r.in(Reg::CONFIG3, 1), 0x21U);
}

TEST(Rtl8139, AResetKeepsAddressFilterAndConfiguration) {
    Rtl8139Rig r;
    r.out(Reg::CR9346, 0xc0, 1);
    r.out(Reg::CONFIG1, 0x20, 1);
    r.out(Reg::IDR0, 0x11, 1);
    r.out(Reg::MAR0, 0x87654321, 4);
    r.start_cplus();
    r.out(Reg::TIMERINT, 1, 4);
    r.advance(kMillisecond);
    EXPECT_TRUE(r.irq());
    r.out(Reg::CR, rtl::RST, 1);
    EXPECT_EQ(r.in(Reg::CR, 1), 0x01U); // done, the buffer is empty
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.isr(), 0U);
    EXPECT_EQ(r.in(Reg::IMR, 2), 0U);
    EXPECT_EQ(r.in(Reg::CPCR, 2), 0U);
    EXPECT_EQ(r.in(Reg::TIMERINT, 4), 0U);
    EXPECT_EQ(r.tsd(0), 0x2000U);
    EXPECT_EQ(r.in(Reg::IDR0, 1), 0x11U);
    EXPECT_EQ(r.in(Reg::MAR0, 4), 0x87654321U);
    EXPECT_EQ(r.in(Reg::CONFIG1, 1), 0x2cU);
}

TEST(Rtl8139, AutoLoadBringsTheEepromsAddressBack) {
    Rtl8139Rig r;
    r.out(Reg::IDR0, 0, 4);
    r.out(Reg::CR9346, 0x40, 1);
    EXPECT_EQ(r.in(Reg::IDR0, 4), 0x003e1600U);
    EXPECT_EQ(r.in(Reg::CR9346, 1), 0x00U);
}

/// A driver that moves the EEPROM's wires.
struct EepromWires {
    explicit EepromWires(Rtl8139Rig& r) : rig(r) {}
    void select(bool on) { rig.out(Reg::CR9346, on ? 0x88 : 0x80, 1); }
    void clock_in(unsigned bits, unsigned count) {
        while (count-- > 0) {
            const u32 in = (bits >> count & 1) != 0 ? 2 : 0;
            rig.out(Reg::CR9346, 0x88 | in, 1);
            rig.out(Reg::CR9346, 0x8c | in, 1);
        }
        rig.out(Reg::CR9346, 0x88, 1);
    }
    bool out() { return (rig.in(Reg::CR9346, 1) & 1) != 0; }
    u16 clock_out() {
        unsigned word = 0;
        for (unsigned i = 0; i < 16; ++i) {
            rig.out(Reg::CR9346, 0x8c, 1);
            word = word << 1 | (out() ? 1U : 0U);
            rig.out(Reg::CR9346, 0x88, 1);
        }
        return static_cast<u16>(word);
    }
    u16 read(unsigned word, unsigned address_bits = 6) {
        select(true);
        clock_in(6, 3); // start, read
        clock_in(word, address_bits);
        const u16 value = clock_out();
        select(false);
        return value;
    }
    void write(unsigned word, u16 value) {
        select(true);
        clock_in(5, 3);
        clock_in(word, 6);
        clock_in(value, 16);
        select(false);
    }
    void enable(bool on) {
        select(true);
        clock_in(4, 3);
        clock_in(on ? 0x30 : 0x00, 6);
        select(false);
    }
    Rtl8139Rig& rig;
};

TEST(Rtl8139Eeprom, HoldsSignatureIdsAndAddress) {
    Rtl8139Rig r;
    EepromWires e(r);
    EXPECT_EQ(e.read(0), 0x8129);
    EXPECT_EQ(e.read(1), 0x10ec);
    EXPECT_EQ(e.read(2), 0x8139);
    EXPECT_EQ(e.read(7), 0x1600);
    EXPECT_EQ(e.read(9), 0x0300);
    EXPECT_NE(e.read(0, 8), 0x8129); // Linux finds the width of its addresses so
}

TEST(Rtl8139Eeprom, AZeroGoesAheadOfTheWord) {
    Rtl8139Rig r;
    EepromWires e(r);
    e.select(true);
    EXPECT_TRUE(e.out());
    e.clock_in(6, 3);
    e.clock_in(0, 6);
    EXPECT_FALSE(e.out());
}

TEST(Rtl8139Eeprom, IsReadAgainWithoutDroppingChipSelect) {
    Rtl8139Rig r;
    EepromWires e(r);
    e.select(true);
    e.clock_in(6, 3);
    e.clock_in(7, 6);
    EXPECT_EQ(e.clock_out(), 0x1600);
    e.clock_in(6, 3); // FreeBSD
    e.clock_in(8, 6);
    EXPECT_EQ(e.clock_out(), 0x003e);
}

TEST(Rtl8139Eeprom, IsWrittenWhenItWasEnabled) {
    Rtl8139Rig r;
    EepromWires e(r);
    e.write(7, 0x1234);
    EXPECT_EQ(e.read(7), 0x1600);
    e.enable(true);
    e.write(7, 0x1234);
    EXPECT_EQ(e.read(7), 0x1234);
    e.enable(false);
    e.write(7, 0x5678);
    EXPECT_EQ(e.read(7), 0x1234);
}

TEST(Rtl8139, IsrBitsAreClearedByOnesAndImrLetsThemThrough) {
    Rtl8139Rig r;
    r.out(Reg::TPPOLL, 1, 1);
    EXPECT_EQ(r.isr(), rtl::SWINT);
    EXPECT_FALSE(r.irq());
    r.out(Reg::IMR, 0xffff, 2);
    EXPECT_EQ(r.in(Reg::IMR, 2), 0xe1ffU);
    EXPECT_TRUE(r.irq());
    r.out(Reg::ISR, static_cast<u16>(~rtl::SWINT), 2);
    EXPECT_TRUE(r.irq());
    r.out(Reg::ISR, rtl::SWINT, 2);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.isr(), 0U);
}

TEST(Rtl8139, TctrCountsThePciClockFromItsLastWrite) {
    Rtl8139Rig r;
    r.out(Reg::TCTR, 12345, 4);
    EXPECT_EQ(r.in(Reg::TCTR, 4), 0U);
    r.advance(30 * 1000);
    EXPECT_EQ(r.in(Reg::TCTR, 4), 1000U);
}

TEST(Rtl8139, TimerIntInterruptsWhenTctrMeetsIt) {
    Rtl8139Rig r;
    r.out(Reg::IMR, rtl::TIMEOUT, 2);
    r.out(Reg::TCTR, 0, 4);
    r.out(Reg::TIMERINT, 1000, 4);
    r.advance(29'990);
    EXPECT_FALSE(r.irq());
    r.advance(10);
    EXPECT_TRUE(r.irq());
    r.out(Reg::ISR, rtl::TIMEOUT, 2);
    r.advance(60 * kSecond);
    EXPECT_FALSE(r.irq()); // once in a round of 32 bits ...
    r.advance(70 * kSecond);
    EXPECT_TRUE(r.irq()); // ... which takes 128.8 s
}

TEST(Rtl8139, TimerIntOfZeroNeverInterrupts) {
    Rtl8139Rig r;
    r.out(Reg::TIMERINT, 1000, 4);
    r.out(Reg::TIMERINT, 0, 4);
    r.advance(300 * kSecond);
    EXPECT_EQ(r.isr(), 0U);
}

TEST(Rtl8139, TheGuestSeesTheCablePulledAndPlugged) {
    Rtl8139Rig r;
    r.out(Reg::IMR, rtl::LINKCHG, 2);
    EXPECT_EQ(r.in(Reg::BMSR, 2), 0x782dU);
    EXPECT_EQ(r.in(Reg::MSR, 1), 0xd0U);
    r.net.set_link(false);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.in(Reg::BMSR, 2), 0x7829U);
    EXPECT_EQ(r.in(Reg::MSR, 1), 0xd4U);
    r.out(Reg::ISR, rtl::LINKCHG, 2);
    r.net.set_link(true);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.in(Reg::BMSR, 2), 0x782dU);
}

TEST(Rtl8139, ACardWithoutACableHasNoLink) {
    Rtl8139Rig r;
    Rtl8139 card("nic1", NetCardConfig{.mac = NetRig::kMac, .cable = nullptr, .rom = {}}, r.hypervisor.ram,
                 r.timers, r.pci_wiring(5, 1));
    r.pci.attach({0, 5, 0}, card);
    r.pci.config_write({0, 5, 0}, pci::BAR0 + 4, 4, 0xf3001000);
    r.pci.config_write({0, 5, 0}, pci::COMMAND, 2, 7);
    EXPECT_EQ(r.peek(0xf3001064, 2), 0x7829U);
    r.poke(0xf3001037, rtl::TE, 1);
    r.poke(0xf3001010, 60, 4);
    EXPECT_EQ(r.peek(0xf3001010, 4), 0xa03cU); // sent, to nobody
}

TEST(Rtl8139, APhyResetBringsItsRegistersBack) {
    Rtl8139Rig r;
    r.out(Reg::BMCR, 0x2100, 2);
    r.out(Reg::ANAR, 0x0021, 2);
    EXPECT_EQ(r.in(Reg::BMCR, 2), 0x2100U);
    r.out(Reg::BMCR, 0x8000, 2);
    EXPECT_EQ(r.in(Reg::BMCR, 2), 0x1000U);
    EXPECT_EQ(r.in(Reg::ANAR, 2), 0x05e1U);
}

TEST(Rtl8139, TheTallyIsDumpedAtTheDriversWord) {
    Rtl8139Rig r;
    r.start_cplus();
    r.send_cplus(0, make_frame(100));
    r.net.offer(make_frame(100));
    r.net.offer(Bytes(60, 0xff));
    r.ram[rtl::kTally + 64] = 0x77;
    r.out(Reg::TSD0, 0, 4, 4);
    r.out(Reg::TSD0, rtl::kTally | 8, 4);
    EXPECT_EQ(r.in(Reg::TSD0, 4), rtl::kTally); // done
    EXPECT_EQ(r.get32(rtl::kTally), 1U);        // TxOk
    EXPECT_EQ(r.get32(rtl::kTally + 8), 2U);    // RxOk
    EXPECT_EQ(r.get32(rtl::kTally + 40), 1U);   // RxOkPhy
    EXPECT_EQ(r.get32(rtl::kTally + 48), 1U);   // RxOkBrd
    EXPECT_EQ(r.ram[rtl::kTally + 64], 0x77);
}

TEST(Rtl8139, AStoppedClockStopsFrames) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.out(Reg::HLTCLK, 'H', 1);
    r.send_c_mode(0, make_frame(50));
    r.net.offer(make_frame(50));
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.isr(), 0U);
    r.out(Reg::HLTCLK, 'R', 1);
    EXPECT_EQ(r.net.count, 1U);
}

TEST(Rtl8139, UnpluggedItIsSilentAndStaysSo) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.net.offer(make_frame(50));
    EXPECT_TRUE(r.irq());
    r.dev.unplug();
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.net.frontend, nullptr);
    EXPECT_EQ(r.dev.bar_address(1), std::nullopt);
    EXPECT_EQ(r.peek(rtl::kMemory, 4), 0xffffffffU);
    r.dev.reset();
    EXPECT_TRUE(r.dev.unplugged());

    const std::vector<u8> image = snapshot(r);
    Rtl8139Rig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_TRUE(twin.dev.unplugged());
    EXPECT_EQ(twin.net.frontend, nullptr);
    const std::vector<u8> fresh = snapshot(*std::make_unique<Rtl8139Rig>());
    auto other = StateReader::open(fresh);
    EXPECT_FALSE(twin.dev.load(*other).ok()); // it does not come back
}

TEST(Rtl8139, UnpluggedItInterruptsNeverAgain) {
    Rtl8139Rig r;
    r.start_c_mode(rtl::APM);
    r.out(Reg::TCTR, 0, 4);
    r.out(Reg::TIMERINT, 1000, 4);
    r.dev.unplug();
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
    const unsigned before = r.intx.raised;
    r.advance(300 * kSecond);
    EXPECT_EQ(r.intx.raised, before);
}

/// What was unplugged by a version that left the timer running.
TEST(Rtl8139, ALoadedUnpluggedCardWithATimerDoesNotInterruptEither) {
    Rtl8139Rig r;
    StateWriter writer;
    PciConfig config;
    for (unsigned i = 0; i < 256; ++i)
        config.bytes[i] = static_cast<u8>(r.pci.config_read(rtl::kBdf, i, 1));
    writer.section("nic0/pci", config);
    Rtl8139::State state;
    state.unplugged = true;
    state.imr = rtl::TIMEOUT;
    state.timer_int = 1000;
    state.timer_at = r.clock.now + kMillisecond;
    writer.section("nic0", state);
    const std::vector<u8> image = std::move(writer).take();
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    const Status loaded = r.dev.load(*reader);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    r.advance(300 * kSecond);
    EXPECT_EQ(r.intx.raised, 0U);
}

TEST(Rtl8139, ARestoredCardNoticesThatItsCableIsAnotherOnes) {
    Rtl8139Rig r;
    r.out(Reg::IMR, rtl::LINKCHG, 2);
    const std::vector<u8> image = snapshot(r);
    Rtl8139Rig twin;
    twin.net.set_link(false);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_TRUE(twin.irq());
    EXPECT_EQ(twin.in(Reg::BMSR, 2), 0x7829U);
}

struct Rtl8139PlainRig : Rtl8139Rig {};

} // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Rtl8139, DeviceConformance, Rtl8139PlainRig);

} // namespace dm::test
