// HdaCodec: parameters, verbs, and what becomes of samples (HDA specification 1.0a, chapter 7).
#include "tests/devices/hda_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace hda_rig;
using testing::ElementsAre;

struct HdaCodecTest : testing::Test {
    FakeAudio audio;
    HdaCodec codec{HdaCodec::Model::Duplex, &audio};

    static u32 parameter(HdaCodec& of, u8 node, u8 id) { return of.answer(node, 0xf0000U | id); }
    u32 parameter(u8 node, u8 id) { return parameter(codec, node, id); }
    void play(const PcmFormat& format, std::vector<u8> frames, u8 stream = 5) {
        codec.play(stream, format, frames);
    }
};
constexpr PcmFormat kStereo{.rate = 48000, .channels = 2, .sample = PcmFormat::Sample::S16};

TEST_F(HdaCodecTest, IsWhatDriversKnowByItsNumbers) {
    EXPECT_EQ(parameter(0, 0x00), 0x1af40022U);
    EXPECT_EQ(parameter(0, 0x02), 0x00100101U);
    EXPECT_EQ(parameter(0, 0x04), 0x00010001U); // one function group, node 1
    EXPECT_EQ(parameter(1, 0x04), 0x00020004U); // four widgets from node 2 on
    EXPECT_EQ(parameter(1, 0x05), 0x01U);       // audio, sends nothing by itself
    EXPECT_EQ(parameter(1, 0x08), 0x0808U);
    EXPECT_EQ(parameter(1, 0x0a), 0x000201fcU);
    EXPECT_EQ(parameter(1, 0x0b), 1U);
    EXPECT_EQ(parameter(1, 0x0f), 0x0fU);
    EXPECT_EQ(parameter(1, 0x11), 0U); // GPIO
    EXPECT_EQ(codec.answer(1, 0xf2000), 0x1af40022U);
}

TEST_F(HdaCodecTest, WidgetsSayWhatTheyCan) {
    EXPECT_EQ(parameter(kDac, 0x09), 0x1dU);
    EXPECT_EQ(parameter(kDac, 0x12), 0x80034a4aU);
    EXPECT_EQ(parameter(kDac, 0x0d), 0U);
    EXPECT_EQ(parameter(kOut, 0x09), 0x00400101U);
    EXPECT_EQ(parameter(kOut, 0x0c), 0x10U);
    EXPECT_EQ(parameter(kAdc, 0x09), 0x0010011bU);
    EXPECT_EQ(parameter(kAdc, 0x0d), 0x80034a4aU);
    EXPECT_EQ(parameter(kAdc, 0x12), 0U);
    EXPECT_EQ(parameter(kIn, 0x09), 0x00400001U);
    EXPECT_EQ(parameter(kIn, 0x0c), 0x20U);
}

TEST_F(HdaCodecTest, ConnectionsLeadFromJackToConverter) {
    EXPECT_EQ(parameter(kOut, 0x0e), 1U);
    EXPECT_EQ(codec.answer(kOut, 0xf0200), kDac);
    EXPECT_EQ(codec.answer(kOut, 0xf0204), 0U);
    EXPECT_EQ(parameter(kAdc, 0x0e), 1U);
    EXPECT_EQ(codec.answer(kAdc, 0xf0200), kIn);
    EXPECT_EQ(parameter(kDac, 0x0e), 0U);
    EXPECT_EQ(codec.answer(kDac, 0xf0200), 0U);
}

TEST_F(HdaCodecTest, OtherModelsDifferInIdentityJacksAndInput) {
    HdaCodec output(HdaCodec::Model::Output, nullptr);
    EXPECT_EQ(parameter(output, 0, 0x00), 0x1af40012U);
    EXPECT_EQ(parameter(output, 1, 0x04), 0x00020002U);
    EXPECT_EQ(output.answer(kOut, 0xf1c00), 0x00004010U);
    EXPECT_EQ(parameter(output, kAdc, 0x09), 0U);
    output.answer(kAdc, 0x70650);
    EXPECT_EQ(output.answer(kAdc, 0xf0600), 0U);
    HdaCodec micro(HdaCodec::Model::Micro, nullptr);
    EXPECT_EQ(parameter(micro, 0, 0x00), 0x1af40032U);
    EXPECT_EQ(micro.answer(kOut, 0xf1c00), 0x00104010U); // a speaker
    EXPECT_EQ(micro.answer(kIn, 0xf1c00), 0x00a05020U);  // a microphone
    EXPECT_EQ(codec.answer(kOut, 0xf1c00), 0x00004010U);
    EXPECT_EQ(codec.answer(kIn, 0xf1c00), 0x00805020U);
}

TEST_F(HdaCodecTest, ConvertersKeepFormatAndStream) {
    EXPECT_EQ(codec.answer(kDac, 0xa0000), 0x11U);
    codec.answer(kDac, 0x24011);
    EXPECT_EQ(codec.answer(kDac, 0xa0000), 0x4011U);
    codec.answer(kAdc, 0x20031);
    EXPECT_EQ(codec.answer(kAdc, 0xa0000), 0x31U);
    EXPECT_EQ(codec.answer(kDac, 0xa0000), 0x4011U);
    codec.answer(kDac, 0x70651);
    EXPECT_EQ(codec.answer(kDac, 0xf0600), 0x51U);
    EXPECT_EQ(codec.answer(kAdc, 0xf0600), 0U);
    codec.answer(kOut, 0x70651);
    EXPECT_EQ(codec.answer(kOut, 0xf0600), 0U);
}

TEST_F(HdaCodecTest, AmplifiersHaveSidesAndALimit) {
    EXPECT_EQ(codec.answer(kDac, 0xba000), 0x4aU); // 0 dB, not muted
    codec.answer(kDac, 0x3a080 | 0x10);            // output, left: muted
    EXPECT_EQ(codec.answer(kDac, 0xba000), 0x90U);
    EXPECT_EQ(codec.answer(kDac, 0xb8000), 0x4aU);
    codec.answer(kDac, 0x3b07f); // both
    EXPECT_EQ(codec.answer(kDac, 0xba000), 0x4aU);
    codec.answer(kDac, 0x37000); // the input's, which it has not
    EXPECT_EQ(codec.answer(kDac, 0xba000), 0x4aU);
    EXPECT_EQ(codec.answer(kDac, 0xb2000), 0U);
    codec.answer(kAdc, 0x37000 | 5);
    EXPECT_EQ(codec.answer(kAdc, 0xb2000), 5U);
    codec.answer(kAdc, 0x37100 | 6); // of a second connection
    EXPECT_EQ(codec.answer(kAdc, 0xb0000), 5U);
    EXPECT_EQ(codec.answer(kAdc, 0xb0001), 0U);
    EXPECT_EQ(codec.answer(kOut, 0xba000), 0U);
}

TEST_F(HdaCodecTest, PinsCanWhatTheySay) {
    EXPECT_EQ(codec.answer(kOut, 0xf0700), 0x40U);
    EXPECT_EQ(codec.answer(kIn, 0xf0700), 0x20U);
    codec.answer(kOut, 0x707ff);
    EXPECT_EQ(codec.answer(kOut, 0xf0700), 0x40U);
    codec.answer(kIn, 0x70700);
    EXPECT_EQ(codec.answer(kIn, 0xf0700), 0U);
    codec.answer(kOut, 0x71c11); // firmware says where the jack is
    codec.answer(kOut, 0x71f99);
    EXPECT_EQ(codec.answer(kOut, 0xf1c00), 0x99004011U);
}

TEST_F(HdaCodecTest, PowerStatesAreReachedAtOnce) {
    codec.answer(1, 0x70503);
    EXPECT_EQ(codec.answer(1, 0xf0500), 0x33U);
    codec.answer(1, 0x70500);
    EXPECT_EQ(codec.answer(1, 0xf0500), 0U);
}

TEST_F(HdaCodecTest, AResetLeavesWhatFirmwareSaid) {
    codec.answer(1, 0x72144);
    codec.answer(kOut, 0x71c12);
    codec.answer(kDac, 0x70650);
    codec.answer(1, 0x70503);
    codec.answer(1, 0x7ff00);
    EXPECT_EQ(codec.answer(kDac, 0xf0600), 0U);
    EXPECT_EQ(codec.answer(1, 0xf0500), 0U);
    EXPECT_EQ(codec.answer(1, 0xf2000), 0x1af44422U);
    EXPECT_EQ(codec.answer(kOut, 0xf1c00), 0x00004012U);
    codec.power_on();
    EXPECT_EQ(codec.answer(1, 0xf2000), 0x1af40022U);
    EXPECT_EQ(codec.answer(kOut, 0xf1c00), 0x00004010U);
}

TEST_F(HdaCodecTest, WhatItDoesNotHaveIsZero) {
    for (const u32 verb : {0xf0800U, 0xf0900U, 0xf0c00U, 0xf0d00U, 0xf1500U, 0x00000U, 0xc0000U, 0xfffffU})
        for (u8 node = 0; node < 128; ++node)
            EXPECT_EQ(codec.answer(node, verb), 0U) << verb;
    EXPECT_EQ(parameter(kDac, 0x00), 0U);
    EXPECT_EQ(parameter(6, 0x09), 0U);
    EXPECT_EQ(parameter(127, 0x00), 0U);
}

TEST_F(HdaCodecTest, PlaysTheStreamThatItsConverterListensTo) {
    play(kStereo, {1, 2, 3, 4});
    EXPECT_EQ(audio.total, 0U); // it listens to none
    codec.answer(kDac, 0x70650);
    play(kStereo, {1, 2, 3, 4}, 4);
    EXPECT_EQ(audio.total, 0U);
    play(kStereo, {1, 2, 3, 4});
    EXPECT_THAT(audio.heard, ElementsAre(1, 2, 3, 4));
    EXPECT_EQ(audio.last, kStereo);
    codec.answer(kDac, 0x70600); // stream 0 is none
    play(kStereo, {1, 2, 3, 4}, 0);
    EXPECT_EQ(audio.total, 4U);
}

TEST_F(HdaCodecTest, TakesItsTwoChannelsOfMany) {
    codec.answer(kDac, 0x70652);
    PcmFormat four = kStereo;
    four.channels = 4;
    play(four, {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7});
    EXPECT_THAT(audio.heard, ElementsAre(2, 2, 3, 3, 6, 6, 7, 7));
    EXPECT_EQ(audio.last, kStereo);
    audio.heard.clear();
    four.channels = 3; // one is left
    play(four, {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5});
    EXPECT_THAT(audio.heard, ElementsAre(2, 2, 5, 5));
    EXPECT_EQ(audio.last.channels, 1);
    audio.heard.clear();
    play(kStereo, {1, 2, 3, 4}); // there is no third
    EXPECT_TRUE(audio.heard.empty());
}

TEST_F(HdaCodecTest, TheAmplifierActsOnSamples) {
    codec.answer(kDac, 0x70650);
    codec.answer(kDac, 0x3a080);               // left muted
    codec.answer(kDac, 0x39000 | (0x4a - 20)); // right 20 dB down
    play(kStereo, {0xe8, 0x03, 0xe8, 0x03,     // 1000
                   0x18, 0xfc, 0x18, 0xfc});   // -1000
    ASSERT_EQ(audio.heard.size(), 8U);
    const auto sample = [&](std::size_t i) {
        return static_cast<s16>(audio.heard[2 * i] | audio.heard[2 * i + 1] << 8);
    };
    EXPECT_EQ(sample(0), 0);
    EXPECT_NEAR(sample(1), 100, 1);
    EXPECT_EQ(sample(2), 0);
    EXPECT_NEAR(sample(3), -100, 1);
}

TEST_F(HdaCodecTest, IsSilentAsleepWithoutItsPinAndForOtherSamples) {
    codec.answer(kDac, 0x70650);
    PcmFormat other = kStereo;
    other.sample = PcmFormat::Sample::S32;
    play(other, {1, 2, 3, 4, 5, 6, 7, 8});
    other.sample = PcmFormat::Sample::U8;
    play(other, {1, 2});
    codec.answer(kOut, 0x70700);
    play(kStereo, {1, 2, 3, 4});
    codec.answer(kOut, 0x70740);
    codec.answer(1, 0x70503);
    play(kStereo, {1, 2, 3, 4});
    EXPECT_EQ(audio.total, 0U);
    codec.answer(1, 0x70500);
    play(kStereo, {1, 2, 3, 4});
    EXPECT_EQ(audio.total, 4U);
}

} // namespace
} // namespace dm::test
