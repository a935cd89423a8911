#include "tests/devices/es1370_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace es1370_rig;
using es1370::Converter;

constexpr u64 kFrames441 = 10 * kMillisecond; // of 44100 Hz

// ----------------------------------------------------------------------------------------------- registers

TEST(Es1370, IsWhatQemusGuestsKnow) {
    Es1370Rig r;
    EXPECT_EQ(r.pci.config_read(kBdf, 0, 4), 0x50001274U);
    EXPECT_EQ(r.pci.config_read(kBdf, 8, 4), 0x04010000U);
    EXPECT_EQ(r.pci.config_read(kBdf, 0x2c, 4), 0x4c4c4942U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::STATUS, 2), 0x0400U);
    EXPECT_EQ(r.pci.config_read(kBdf, 0x3c, 4), 0x800c0100U);
    EXPECT_EQ(r.dev.bar_size(0), 256U);
    EXPECT_EQ(r.get(CONTROL), 1U);
    EXPECT_EQ(r.get(STATUS), 0x60U) << "no codec write is in progress";
    EXPECT_EQ(r.get(SERIAL), 0U);
    EXPECT_EQ(r.get(CODEC), 0U);
    EXPECT_EQ(r.get(0x40), 0xffffffffU);
    EXPECT_EQ(r.get(0x14), 0xffffffffU);
}

TEST(Es1370, RegistersAreOfAnyWidth) {
    Es1370Rig r;
    r.put(CONTROL, 0x12345681);
    EXPECT_EQ(r.get(CONTROL + 2, 2), 0x1234U);
    r.put(CONTROL + 3, 0x92, 1);
    EXPECT_EQ(r.get(CONTROL), 0x92345681U);
    r.put(MEMPAGE, 0xfc, 1);
    EXPECT_EQ(r.get(MEMPAGE), 0x0cU);
    r.put(CODEC, 0x1603, 2);
    EXPECT_EQ(r.get(STATUS), 0x60U);
    r.put(SAMPLE_COUNT + 4, 0xffff1234);
    EXPECT_EQ(r.get(SAMPLE_COUNT + 4), 0x12341234U);
}

TEST(Es1370, FrameRegistersAreInTwoPages) {
    Es1370Rig r;
    r.put(MEMPAGE, kPageDacs);
    r.put(0x30, 0x11111111);
    r.put(0x34, 0x00000022);
    r.put(0x38, 0x33333333);
    r.put(0x3c, 0x00010044);
    r.put(MEMPAGE, kPageAdc);
    r.put(0x30, 0x55555555);
    r.put(0x34, 0x00000066);
    r.put(0x38, 0x77777777);
    EXPECT_EQ(r.get(0x30), 0x55555555U);
    EXPECT_EQ(r.get(0x34), 0x00000066U);
    EXPECT_EQ(r.get(0x38), 0xffffffffU) << "the phantom registers";
    r.put(MEMPAGE, kPageDacs);
    EXPECT_EQ(r.get(0x30), 0x11111111U);
    EXPECT_EQ(r.get(0x34), 0x00000022U);
    EXPECT_EQ(r.get(0x38), 0x33333333U);
    EXPECT_EQ(r.get(0x3c), 0x00010044U);
    r.put(MEMPAGE, 0);
    EXPECT_EQ(r.get(0x30), 0xffffffffU);
    r.put(0x30, 0);
}

TEST(Es1370, TheUartHasSentAtOnceAndHearsNothing) {
    Es1370Rig r;
    EXPECT_EQ(r.get(UART + 1, 1), 2U) << "TXRDY";
    r.put(CONTROL, 0x9);
    r.put(UART, 0x90, 1);
    EXPECT_FALSE(r.irq());
    r.put(UART + 1, 0x20, 1);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.get(STATUS), 0x80000068U);
    EXPECT_EQ(r.get(UART + 1, 1), 6U);
    r.put(UART + 1, 0, 1);
    EXPECT_FALSE(r.irq());
}

// ---------------------------------------------------------------------------------------------- converters

TEST(Es1370, PlaysItsBufferInALoopAndCountsSamples) {
    Es1370Rig r;
    for (u32 i = 0; i < 4 * 1024; ++i)
        r.ram[Es1370Rig::buffer(DAC2) + i] = static_cast<u8>(i / 4 ^ i);
    r.set_up(DAC2, 1023, 440, kStereo16);
    r.go(DAC2, 30U << kPclkdivShift); // 1411200 / 32 = 44100
    EXPECT_FALSE(r.irq());
    r.time(kFrames441 - 100);
    EXPECT_EQ(r.get(STATUS), 0x60U);
    EXPECT_EQ(r.get(SAMPLE_COUNT + 4), 440U) << "440 of them are done";
    EXPECT_FALSE(r.irq());
    r.time(200);
    EXPECT_TRUE(r.irq()) << "441 samples are a period";
    EXPECT_EQ(r.get(STATUS), 0x80000062U);
    EXPECT_EQ(r.position(DAC2), 441U);
    EXPECT_EQ(r.get(SAMPLE_COUNT + 4), 440U << 16 | 440U);
    r.acknowledge(DAC2);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.get(STATUS), 0x60U);
    r.time(2 * kFrames441);
    EXPECT_EQ(r.position(DAC2), 1323U % 1024);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.audio.last, (PcmFormat{44100, 2, PcmFormat::Sample::S16}));
    ASSERT_EQ(r.audio.heard.size(), 4U * 1323);
    for (u32 i = 0; i < 4 * 1323; ++i)
        ASSERT_EQ(r.audio.heard[i], r.ram[Es1370Rig::buffer(DAC2) + i % 4096]) << i;
}

TEST(Es1370, FormatsAndRatesAreTheConvertersOwn) {
    Es1370Rig r;
    r.set_up(DAC1, 4095, 9999, kMono8);
    r.go(DAC1, 1U << kWtsrselShift);
    r.time(100 * kMillisecond);
    EXPECT_EQ(r.position(DAC1), 1102U / 4);
    EXPECT_EQ(r.audio.last, (PcmFormat{11025, 1, PcmFormat::Sample::U8}));
    EXPECT_EQ(r.audio.total, 1102U);
    r.put(CONTROL, 1);
    r.set_up(DAC2, 4095, 9999, kStereo8);
    r.go(DAC2, 2U << kWtsrselShift | kDacSync);
    r.time(kMillisecond);
    r.get(STATUS);
    EXPECT_EQ(r.audio.last, (PcmFormat{22050, 2, PcmFormat::Sample::U8})) << "DAC1's clock";
    r.put(CONTROL, 1);
    r.set_up(DAC2, 4095, 9999, kMono16);
    r.go(DAC2, 0);
    r.time(kMillisecond);
    r.get(STATUS);
    EXPECT_EQ(r.audio.last, (PcmFormat{48000, 1, PcmFormat::Sample::S16})) << "no faster than the part";
    EXPECT_FALSE(r.audio.uneven);
}

TEST(Es1370, RecordsSilence) {
    Es1370Rig r;
    std::fill_n(r.ram.begin() + Es1370Rig::buffer(ADC), 4096, u8{0x55});
    r.set_up(ADC, 255, 99, kMono8);
    r.go(ADC, 30U << kPclkdivShift);
    r.time(kFrames441);
    EXPECT_EQ(r.get(STATUS), 0x80000061U);
    EXPECT_EQ(r.ram[Es1370Rig::buffer(ADC) + 439], 0x80);
    EXPECT_EQ(r.ram[Es1370Rig::buffer(ADC) + 442], 0x55);
    r.put(CONTROL, 1);
    r.set_up(ADC, 255, 99, kStereo16);
    r.go(ADC, 30U << kPclkdivShift);
    r.time(kMillisecond);
    EXPECT_EQ(r.position(ADC), 44U);
    EXPECT_EQ(r.ram[Es1370Rig::buffer(ADC) + 175], 0);
    EXPECT_EQ(r.audio.total, 0U);
}

TEST(Es1370, StopModeEndsWithTheBuffer) {
    Es1370Rig r;
    r.set_up(DAC1, 99, 49, kStereo16);
    r.put(SERIAL, r.get(SERIAL) | kBits[DAC1].stop);
    r.go(DAC1);
    r.time(kFrames441);
    EXPECT_EQ(r.audio.total, 400U);
    EXPECT_FALSE(r.timers.next_deadline());
    EXPECT_TRUE(r.irq());
    r.page_of(DAC1);
    r.put(Es1370Rig::frame_reg(DAC1) + kFrameCount, 99);
    r.time(kFrames441);
    EXPECT_EQ(r.audio.total, 800U);
}

TEST(Es1370, APauseKeepsThePlaceAndNothingIdleCosts) {
    Es1370Rig r;
    EXPECT_FALSE(r.timers.next_deadline());
    r.set_up(DAC2, 1023, 9999, kStereo16);
    r.go(DAC2, 30U << kPclkdivShift);
    r.time(kFrames441);
    EXPECT_TRUE(r.timers.next_deadline());
    r.put(SERIAL, r.get(SERIAL) | kP2Pause);
    EXPECT_FALSE(r.timers.next_deadline());
    r.time(kSecond);
    EXPECT_EQ(r.position(DAC2), 441U);
    r.put(SERIAL, r.get(SERIAL) & ~kP2Pause);
    r.time(kFrames441);
    EXPECT_EQ(r.position(DAC2), 882U);
    r.put(CONTROL, 1);
    EXPECT_FALSE(r.timers.next_deadline());
}

TEST(Es1370, InterruptsAreThoseThatAreEnabledAndDac1sCountIsReloaded) {
    Es1370Rig r;
    r.set_up(DAC1, 1023, 99, kStereo16);
    r.put(SERIAL, r.get(SERIAL) & ~kBits[DAC1].interrupt_enable);
    r.go(DAC1);
    r.time(kFrames441);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.get(STATUS), 0x60U);
    EXPECT_EQ(r.get(SAMPLE_COUNT), (99U - 41) << 16 | 99U) << "441 = 4 * 100 + 41";
    r.put(SERIAL, r.get(SERIAL) | kP1Sctrld);
    EXPECT_EQ(r.get(SAMPLE_COUNT), 99U << 16 | 99U);
}

TEST(Es1370, APlaceBehindTheEndIsNone) {
    Es1370Rig r;
    r.set_up(DAC1, 10, 10, kStereo16);
    r.page_of(DAC1);
    r.put(Es1370Rig::frame_reg(DAC1) + kFrameCount, 11U << 16 | 10);
    r.go(DAC1);
    r.time(kFrames441);
    EXPECT_EQ(r.audio.total, 0U);
    EXPECT_FALSE(r.timers.next_deadline());
}

TEST(Es1370, AnotherFormatBeginsWhereAFrameCan) {
    Es1370Rig r;
    r.set_up(DAC1, 1023, 0xffff, kMono8);
    r.go(DAC1);
    r.time(kSecond * 3 / 44100 + 1000); // three bytes
    r.get(STATUS);
    EXPECT_EQ(r.audio.total, 3U);
    r.put(SERIAL, r.get(SERIAL) | kStereo16);
    r.time(kFrames441);
    EXPECT_EQ(r.position(DAC1), 441U);
    EXPECT_FALSE(r.audio.uneven);
}

TEST(Es1370, SmallBuffersAndLongSilencesAreBounded) {
    Es1370Rig r;
    r.set_up(DAC1, 0, 0, kStereo16);
    r.set_up(DAC2, 0, 0, kMono8);
    r.set_up(ADC, 0, 0, kMono8);
    r.go(DAC1);
    r.go(DAC2);
    r.go(ADC);
    r.clock.now += 3600 * kSecond;
    r.get(STATUS);
    EXPECT_LE(r.audio.total, 4U * 44100 / 5 + 48000U / 5 + 8);
    r.timers.run_due();
    unsigned looks = 0;
    for (const u64 end = r.clock.now + 100 * kMillisecond; r.clock.now < end; ++looks) {
        r.clock.now = std::max(r.clock.now, *r.timers.next_deadline());
        r.timers.run_due();
    }
    EXPECT_LE(looks, 101U);
}

TEST(Es1370, WithoutBusMasteringItWaits) {
    Es1370Rig r;
    r.enable(1);
    r.set_up(DAC1, 1023, 99, kStereo16);
    r.go(DAC1);
    EXPECT_FALSE(r.timers.next_deadline());
    r.time(kFrames441);
    EXPECT_EQ(r.audio.total, 0U);
    r.enable();
    EXPECT_TRUE(r.timers.next_deadline());
}

INSTANTIATE_TYPED_TEST_SUITE_P(Es1370, DeviceConformance, Es1370Rig);

} // namespace
} // namespace dm::test
