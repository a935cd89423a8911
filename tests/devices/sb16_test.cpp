#include "tests/devices/sb16_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using Sample = PcmFormat::Sample;

std::string answers(Sb16Rig& r) {
    std::string text;
    while (r.get(sb16::DSP_STATUS) == 0x80)
        text.push_back(static_cast<char>(r.get(sb16::DSP_READ)));
    return text;
}

TEST(Sb16, AnswersAResetAndSaysWhoItIs) {
    Sb16Rig r;
    EXPECT_TRUE(r.reset_dsp());
    EXPECT_EQ(r.get(sb16::DSP_STATUS), 0U);
    EXPECT_EQ(r.get(sb16::DSP_WRITE), 0U);
    EXPECT_EQ(r.get(sb16::DSP_RESET), 0xffU);
    r.dsp({0xe1});
    EXPECT_EQ(answers(r), "\x04\x05");
    r.dsp({0xe0, 0xc6});
    EXPECT_EQ(answers(r), "\x39");
    r.dsp({0xe4, 0x5a, 0xe8});
    EXPECT_EQ(answers(r), "\x5a");
    EXPECT_TRUE(r.reset_dsp());
    r.dsp({0xe8});
    EXPECT_EQ(answers(r), "\x5a") << "the test register stays";
    r.dsp({0xe3});
    EXPECT_EQ(answers(r), std::string("COPYRIGHT (C) CREATIVE TECHNOLOGY LTD, 1992.", 45));
    r.dsp({0xd1, 0xd8, 0xd3, 0xd8});
    EXPECT_EQ(answers(r), std::string("\xff\x00", 2));
}

TEST(Sb16, TheMixerTellsTheJumpersAndKeepsVolumes) {
    Sb16Rig r;
    EXPECT_EQ(r.mixer(sb16::IRQ_SELECT), 0x02U);
    EXPECT_EQ(r.mixer(sb16::DMA_SELECT), 0x22U);
    r.mixer(sb16::IRQ_SELECT, 4);
    EXPECT_EQ(r.mixer(sb16::IRQ_SELECT), 0x02U);
    EXPECT_EQ(r.mixer(0x30), 0xc0U);
    r.mixer(0x22, 0xf3);
    EXPECT_EQ(r.mixer(0x30), 0xf8U);
    EXPECT_EQ(r.mixer(0x31), 0x38U);
    EXPECT_EQ(r.mixer(0x22), 0xf3U);
    r.mixer(0x3c, 0x55);
    EXPECT_EQ(r.mixer(0x3c), 0x55U);
    EXPECT_EQ(r.mixer(0xc0), 0xffU);
    r.mixer(0x00, 0);
    EXPECT_EQ(r.mixer(0x22), 0xccU);
}

TEST(Sb16, InterruptsHaveTheirOwnAcknowledgements) {
    Sb16Rig r;
    r.dsp({0xf2});
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.mixer(sb16::IRQ_STATUS), 0x21U);
    r.get(sb16::DSP_STATUS16);
    EXPECT_TRUE(r.irq());
    r.get(sb16::DSP_STATUS);
    EXPECT_FALSE(r.irq());
    r.dsp({0xf3});
    EXPECT_EQ(r.mixer(sb16::IRQ_STATUS), 0x22U);
    r.get(sb16::DSP_STATUS);
    EXPECT_TRUE(r.irq());
    r.get(sb16::DSP_STATUS16);
    EXPECT_FALSE(r.irq());
}

TEST(Sb16, PlaysEightBitsOnceWithATimeConstant) {
    Sb16Rig r;
    for (u32 i = 0; i < 1000; ++i)
        r.ram[Sb16Rig::kBuffer8 + i] = static_cast<u8>(i * 7);
    r.program(false, 999, Sb16Rig::kPlay);
    r.dsp({0x40, 156}); // 10000 Hz
    r.dsp({0x14, 0xe7, 0x03});
    r.time(100 * kMillisecond - kMicrosecond);
    EXPECT_FALSE(r.irq());
    r.time(2 * kMicrosecond);
    EXPECT_TRUE(r.irq());
    EXPECT_FALSE(r.timers.next_deadline()) << "who has played all costs nothing";
    EXPECT_EQ(r.audio.last, (PcmFormat{10000, 1, Sample::U8}));
    ASSERT_EQ(r.audio.heard.size(), 1000U);
    EXPECT_TRUE(std::equal(r.audio.heard.begin(), r.audio.heard.end(), r.ram.begin() + Sb16Rig::kBuffer8));
}

TEST(Sb16, PlaysSixteenBitsAgainAndAgain) {
    Sb16Rig r;
    for (u32 i = 0; i < 8000; ++i)
        r.ram[Sb16Rig::kBuffer16 + i] = static_cast<u8>(i / 3);
    r.program(true, 3999, Sb16Rig::kPlay | Sb16Rig::kAutoInit);
    r.set_rate(20000);
    r.play(true, 4, 0x30, 1999); // signed stereo, auto-initialise: two blocks of 1000 frames
    for (unsigned block = 1; block <= 5; ++block) {
        r.time(50 * kMillisecond + 1);
        EXPECT_TRUE(r.irq()) << block;
        EXPECT_EQ(r.mixer(sb16::IRQ_STATUS), 0x22U);
        r.get(sb16::DSP_STATUS16);
        EXPECT_FALSE(r.irq());
    }
    EXPECT_EQ(r.audio.last, (PcmFormat{20000, 2, Sample::S16}));
    ASSERT_EQ(r.audio.heard.size(), 20000U);
    for (u32 i = 0; i < 20000; ++i)
        ASSERT_EQ(r.audio.heard[i], r.ram[Sb16Rig::kBuffer16 + i % 8000]) << i;
    r.dsp({0xd9});
    r.time(100 * kMillisecond);
    EXPECT_EQ(r.audio.heard.size(), 24000U) << "the block at hand was the last";
    EXPECT_FALSE(r.timers.next_deadline());
}

TEST(Sb16, TheProsBitOfTheMixerMakesTwoChannelsOfBytes) {
    Sb16Rig r;
    r.program(false, 1999, Sb16Rig::kPlay | Sb16Rig::kAutoInit);
    r.mixer(sb16::PRO_STEREO, 2);
    r.dsp({0x40, 256 - 25}); // 40000 bytes a second
    r.dsp({0x48, 0xe7, 0x03, 0x90});
    r.time(50 * kMillisecond + 1);
    EXPECT_EQ(r.audio.last, (PcmFormat{20000, 2, Sample::U8}));
    EXPECT_EQ(r.audio.total, 2000U);
    EXPECT_TRUE(r.irq());
}

TEST(Sb16, APauseKeepsThePlace) {
    Sb16Rig r;
    r.program(false, 9999, Sb16Rig::kPlay);
    r.set_rate(10000);
    r.play(false, 0, 0, 9999);
    r.time(100 * kMillisecond);
    r.dsp({0xd0});
    EXPECT_FALSE(r.timers.next_deadline());
    r.time(kSecond);
    EXPECT_EQ(r.audio.total, 1000U);
    r.dsp({0xd4});
    r.time(100 * kMillisecond);
    EXPECT_EQ(r.audio.total, 2000U);
    EXPECT_TRUE(r.reset_dsp());
    EXPECT_FALSE(r.timers.next_deadline());
}

TEST(Sb16, WaitsForItsDmaChannel) {
    Sb16Rig r;
    r.set_rate(10000);
    r.play(false, 0, 0, 99);
    r.time(kSecond);
    EXPECT_EQ(r.audio.total, 0U);
    EXPECT_FALSE(r.timers.next_deadline()) << "it looks once";
    r.program(false, 99, Sb16Rig::kPlay);
    r.time(10 * kMillisecond);
    EXPECT_EQ(r.audio.total, 100U);
    EXPECT_TRUE(r.irq());
}

TEST(Sb16, ABufferThatEndsBeforeTheBlockHoldsItUp) {
    Sb16Rig r;
    r.program(false, 49, Sb16Rig::kPlay);
    r.set_rate(10000);
    r.play(false, 0, 0, 99);
    r.time(kSecond);
    EXPECT_EQ(r.audio.total, 50U);
    EXPECT_FALSE(r.irq());
    EXPECT_FALSE(r.timers.next_deadline());
    r.program(false, 49, Sb16Rig::kPlay);
    r.time(10 * kMillisecond);
    EXPECT_EQ(r.audio.total, 100U);
    EXPECT_TRUE(r.irq());
}

TEST(Sb16, AChannelThatComesDoesNotForgetASilence) {
    Sb16Rig r;
    r.set_rate(10000);
    r.dsp({0x80, 99, 0});
    r.play(false, 0, 0, 9999);
    r.time(5 * kMillisecond);
    r.program(false, 9999, Sb16Rig::kPlay);
    r.time(6 * kMillisecond);
    EXPECT_TRUE(r.irq());
}

TEST(Sb16, RecordsSilence) {
    Sb16Rig r;
    std::fill_n(r.ram.begin() + Sb16Rig::kBuffer8, 200, u8{0x55});
    r.program(false, 99, Sb16Rig::kRecord);
    r.set_rate(10000);
    r.dsp({0x24, 99, 0});
    r.time(20 * kMillisecond);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.ram[Sb16Rig::kBuffer8 + 99], 0x80);
    EXPECT_EQ(r.ram[Sb16Rig::kBuffer8 + 100], 0x55);
    EXPECT_EQ(r.audio.total, 0U);
    r.dsp({0x20});
    EXPECT_EQ(answers(r), "\x80");
}

TEST(Sb16, SilenceInterruptsInTheEnd) {
    Sb16Rig r;
    r.set_rate(10000);
    r.dsp({0x80, 99, 0});
    r.time(9 * kMillisecond);
    EXPECT_FALSE(r.irq());
    r.time(2 * kMillisecond);
    EXPECT_TRUE(r.irq());
    EXPECT_FALSE(r.timers.next_deadline());
}

TEST(Sb16, SmallBuffersAndLongSilencesAreBounded) {
    Sb16Rig r;
    r.program(false, 0, Sb16Rig::kPlay | Sb16Rig::kAutoInit);
    r.set_rate(0xffff);
    r.play(false, 4, 0, 0);
    r.clock.now += 3600 * kSecond;
    r.get(sb16::DSP_STATUS);
    EXPECT_LE(r.audio.total, sb16::kFastest / 5 + 2);
    unsigned looks = 0;
    for (const u64 end = r.clock.now + 100 * kMillisecond; r.clock.now < end; ++looks) {
        r.clock.now = std::max(r.clock.now, *r.timers.next_deadline());
        r.timers.run_due();
    }
    EXPECT_LE(looks, 101U);
}

TEST(Sb16, UnknownCommandsAndTooManyAnswersDoNoHarm) {
    Sb16Rig r;
    for (unsigned command = 0; command < 256; ++command)
        r.dsp({command, 0, 0, 0});
    for (unsigned i = 0; i < 10; ++i)
        r.dsp({0xe3});
    EXPECT_LE(answers(r).size(), 64U);
    EXPECT_TRUE(r.reset_dsp());
}

INSTANTIATE_TYPED_TEST_SUITE_P(Sb16, DeviceConformance, Sb16Rig);

} // namespace
} // namespace dm::test
