#include "tests/devices/ac97_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ac97_rig;

// --------------------------------------------------------------------------------------------------- codec

TEST(Ac97, IsWhatQemusGuestsKnow) {
    Ac97Rig r;
    EXPECT_EQ(r.pci.config_read(kBdf, 0, 4), 0x24158086U);
    EXPECT_EQ(r.pci.config_read(kBdf, 8, 4), 0x04010001U);
    EXPECT_EQ(r.pci.config_read(kBdf, 0x2c, 4), 0x11001af4U);
    EXPECT_EQ(r.pci.config_read(kBdf, pci::STATUS, 2), 0x0280U);
    EXPECT_EQ(r.dev.bar_size(0), 1024U);
    EXPECT_EQ(r.dev.bar_size(1), 256U);
    EXPECT_EQ(r.codec(Codec::VENDOR_ID1), 0x8384);
    EXPECT_EQ(r.codec(Codec::VENDOR_ID2), 0x7600);
    EXPECT_EQ(r.codec(Codec::RESET), 0);
    EXPECT_EQ(r.codec(Codec::MASTER_VOLUME), 0x8000);
    EXPECT_EQ(r.codec(Codec::PCM_OUT_VOLUME), 0x8808);
    EXPECT_EQ(r.codec(Codec::RECORD_GAIN), 0x8808);
    EXPECT_EQ(r.codec(Codec::POWERDOWN), 0x000f);
    EXPECT_EQ(r.codec(Codec::EXTENDED_AUDIO_ID), 0x0809);
    EXPECT_EQ(r.codec(Codec::EXTENDED_AUDIO_CTRL), 0x0009);
}

TEST(Ac97, VolumesKeepTheBitsThatTheyHave) {
    Ac97Rig r;
    for (const u64 reg : {Codec::MASTER_VOLUME, Codec::PCM_OUT_VOLUME, Codec::RECORD_SELECT,
                          Codec::RECORD_GAIN, Codec::POWERDOWN})
        r.codec(reg, 0xffff);
    EXPECT_EQ(r.codec(Codec::MASTER_VOLUME), 0xbf3f);
    EXPECT_EQ(r.codec(Codec::PCM_OUT_VOLUME), 0x9f1f);
    EXPECT_EQ(r.codec(Codec::RECORD_SELECT), 0x0707);
    EXPECT_EQ(r.codec(Codec::RECORD_GAIN), 0x8f0f);
    EXPECT_EQ(r.codec(Codec::POWERDOWN), 0x7fff);
    r.codec(Codec::RESET, 0);
    EXPECT_EQ(r.codec(Codec::MASTER_VOLUME), 0x8000);
    EXPECT_EQ(r.codec(Codec::POWERDOWN), 0x000f);
}

TEST(Ac97, RatesAreVariableWhenAskedForAndTheNearestThatThereIs) {
    Ac97Rig r;
    r.codec(Codec::PCM_FRONT_DAC_RATE, 22050);
    EXPECT_EQ(r.codec(Codec::PCM_FRONT_DAC_RATE), 22050);
    r.codec(Codec::PCM_FRONT_DAC_RATE, 0);
    EXPECT_EQ(r.codec(Codec::PCM_FRONT_DAC_RATE), 4000);
    r.codec(Codec::MIC_ADC_RATE, 65535);
    EXPECT_EQ(r.codec(Codec::MIC_ADC_RATE), 48000);
    r.codec(Codec::MIC_ADC_RATE, 8000);
    r.codec(Codec::PCM_LR_ADC_RATE, 8000);
    r.codec(Codec::EXTENDED_AUDIO_CTRL, 8); // VRM alone
    EXPECT_EQ(r.codec(Codec::PCM_FRONT_DAC_RATE), 48000);
    EXPECT_EQ(r.codec(Codec::PCM_LR_ADC_RATE), 48000);
    EXPECT_EQ(r.codec(Codec::MIC_ADC_RATE), 8000);
    r.codec(Codec::PCM_FRONT_DAC_RATE, 8000);
    EXPECT_EQ(r.codec(Codec::PCM_FRONT_DAC_RATE), 48000);
}

TEST(Ac97, TheLinkCarriesWordsAndThereIsOneCodec) {
    Ac97Rig r;
    EXPECT_EQ(r.in(kNam + Codec::VENDOR_ID1, 1), 0xffU);
    r.out(kNam + Codec::MASTER_VOLUME, 0, 1);
    EXPECT_EQ(r.codec(Codec::MASTER_VOLUME), 0x8000);
    EXPECT_EQ(r.codec(0x80 + Codec::VENDOR_ID1), 0xffff);
    EXPECT_EQ(r.in(kNam + Codec::VENDOR_ID1, 4), 0x76008384U);
}

TEST(Ac97, TheSemaphoreIsTakenByAReadAndGivenBackByAnAccess) {
    Ac97Rig r;
    EXPECT_EQ(r.in(kNabm + CAS), 0U);
    EXPECT_EQ(r.in(kNabm + CAS), 1U);
    r.codec(Codec::RESET);
    EXPECT_EQ(r.in(kNabm + CAS), 0U);
}

// -------------------------------------------------------------------------------------------------- global

TEST(Ac97, TheCodecIsReadyAtOnceAndAWarmResetIsOverAtOnce) {
    Ac97Rig r;
    EXPECT_EQ(r.global(GLOB_CNT), 0U);
    EXPECT_EQ(r.global(GLOB_STA), 0x100U);
    r.global(GLOB_CNT, 2);
    EXPECT_EQ(r.global(GLOB_CNT), 2U) << "Linux and the BSDs look whether the link is up";
    r.global(GLOB_CNT, 6);
    EXPECT_EQ(r.global(GLOB_CNT), 2U);
    EXPECT_EQ(r.global(GLOB_STA), 0x100U);
}

TEST(Ac97, AColdResetForgetsAll) {
    Ac97Rig r;
    r.global(GLOB_CNT, 2);
    r.codec(Codec::MASTER_VOLUME, 0x0101);
    r.fill(PO, 1, 100);
    r.start(PO, 0);
    r.global(GLOB_CNT, 0);
    EXPECT_EQ(r.codec(Codec::MASTER_VOLUME), 0x8000);
    EXPECT_EQ(r.get(PO, CR), 0U);
    EXPECT_EQ(r.get(PO, BDBAR), 0U);
    EXPECT_EQ(r.get(PO, SR), DCH);
    EXPECT_FALSE(r.timers.next_deadline());
}

TEST(Ac97, GlobalStatusKeepsTheModemsBits) {
    Ac97Rig r;
    r.global(GLOB_STA, 0xffffffff);
    EXPECT_EQ(r.global(GLOB_STA), 0x30100U);
    r.global(GLOB_STA, 0);
    EXPECT_EQ(r.global(GLOB_STA), 0x100U);
}

// --------------------------------------------------------------------------------------------- bus masters

TEST(Ac97, NothingRunsAndNothingWaitsAfterAReset) {
    Ac97Rig r;
    for (const Box box : {PI, PO, MC}) {
        EXPECT_EQ(r.get(box, SR), DCH);
        EXPECT_EQ(r.get(box, CR), 0U);
        EXPECT_EQ(r.get(box, PICB), 0U);
    }
    EXPECT_FALSE(r.timers.next_deadline());
    r.put(PO, BDBAR, 0xffffffff);
    EXPECT_EQ(r.get(PO, BDBAR), 0xfffffff8U);
    EXPECT_EQ(r.in(kNabm + 0x3c, 4), 0xffffffffU);
}

TEST(Ac97, PlaysEachBufferAtItsTimeAndTellsSo) {
    Ac97Rig r;
    r.fill(PO, 3, 960); // 480 frames, 10 ms
    r.start(PO, 2);
    EXPECT_EQ(r.get(PO, SR), 0U);
    EXPECT_EQ(r.get(PO, CIV), 0U);
    EXPECT_EQ(r.get(PO, PIV), 1U);
    EXPECT_EQ(r.get(PO, PICB), 960U);
    r.frames(240);
    EXPECT_EQ(r.get(PO, PICB), 480U);
    EXPECT_FALSE(r.irq());
    r.frames(240);
    EXPECT_TRUE(r.irq()) << "the timer comes with the end of the buffer";
    EXPECT_EQ(r.get(PO, SR), BCIS);
    EXPECT_EQ(r.get(PO, CIV), 1U);
    EXPECT_EQ(r.global(GLOB_STA), 0x140U);
    r.put(PO, SR, BCIS);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.global(GLOB_STA), 0x100U);
    r.frames(960);
    EXPECT_EQ(r.get(PO, SR), BCIS | LVBCI | CELV | DCH);
    EXPECT_EQ(r.get(PO, CIV), 2U);
    EXPECT_EQ(r.get(PO, PICB), 0U);
    EXPECT_FALSE(r.timers.next_deadline()) << "who has nothing to play costs nothing";
    ASSERT_EQ(r.audio.heard.size(), 3U * 1920);
    EXPECT_EQ(r.audio.last, (PcmFormat{48000, 2, PcmFormat::Sample::S16}));
    for (u32 i = 0; i < 3; ++i)
        EXPECT_TRUE(std::equal(r.audio.heard.begin() + 1920 * i, r.audio.heard.begin() + 1920 * (i + 1),
                               r.ram.begin() + kData + 0x1000 * i))
            << "buffer " << i;
    r.put(PO, SR, 0x1f);
    EXPECT_EQ(r.get(PO, SR), CELV | DCH);
    EXPECT_FALSE(r.irq());
}

TEST(Ac97, TheClockThatLinuxMeasuresIs48kHz) {
    Ac97Rig r;
    r.fill(PO, 1, 0xfffe, 0);
    r.start(PO, 0, RPBM | IOCE);
    const u64 began = r.clock.now;
    r.advance(50 * kMillisecond + 12345);
    const u64 moved = (0xfffe - r.get(PO, PICB)) / 2;
    const u64 rate = moved * kSecond / (r.clock.now - began);
    EXPECT_NEAR(static_cast<double>(rate), 48000.0, 480.0);
}

TEST(Ac97, TwoReadingsOfAPositionAgree) {
    Ac97Rig r;
    r.fill(PO, 1, 4000);
    r.start(PO, 0);
    r.advance(kMillisecond);
    const u32 first = r.get(PO, PICB);
    r.advance(5 * kFrameNs);
    EXPECT_EQ(r.get(PO, PICB), first);
    r.advance(5 * kFrameNs);
    EXPECT_LT(r.get(PO, PICB), first);
}

TEST(Ac97, InterruptsAreThoseThatAreEnabled) {
    Ac97Rig r;
    r.fill(PO, 1, 100);
    r.start(PO, 0, RPBM);
    r.frames(60);
    EXPECT_EQ(r.get(PO, SR), BCIS | LVBCI | CELV | DCH);
    EXPECT_FALSE(r.irq());
    r.put(PO, CR, RPBM | LVBIE);
    EXPECT_TRUE(r.irq());
    r.put(PO, SR, LVBCI);
    EXPECT_FALSE(r.irq());
    r.put(PO, CR, RPBM | IOCE);
    EXPECT_TRUE(r.irq());
}

TEST(Ac97, ANewLastBufferSetsItGoingAgainAndTheGapIsSilence) {
    Ac97Rig r;
    r.fill(PO, 2, 96); // 1 ms
    r.start(PO, 0);
    r.frames(144); // 2 ms of it without a buffer
    EXPECT_EQ(r.get(PO, SR) & DCH, DCH);
    r.put(PO, LVI, 1);
    EXPECT_EQ(r.get(PO, SR) & (DCH | CELV), 0U);
    EXPECT_EQ(r.get(PO, CIV), 1U);
    r.frames(50);
    ASSERT_GE(r.audio.heard.size(), 4U * (48 + 96 + 48) - 8);
    EXPECT_EQ(r.audio.heard[4 * 60], 0);
    EXPECT_EQ(r.audio.heard[4 * 60 + 1], 0);
    EXPECT_EQ(r.audio.heard[r.audio.heard.size() - 1], 2);
}

TEST(Ac97, WhereTheDescriptorSaysSoTheGapIsItsLastFrame) {
    Ac97Rig r;
    r.fill(PO, 2, 96, kIoc | kBup);
    r.start(PO, 0);
    r.frames(144);
    r.put(PO, LVI, 1);
    const std::vector<u8> last(r.audio.heard.begin() + 4 * 47, r.audio.heard.begin() + 4 * 48);
    EXPECT_EQ(last, (std::vector<u8>{94, 1, 95, 1}));
    ASSERT_GE(r.audio.heard.size(), 4U * 140);
    for (unsigned frame = 48; frame < 140; ++frame)
        EXPECT_TRUE(std::equal(last.begin(), last.end(), r.audio.heard.begin() + 4 * frame)) << frame;
}

TEST(Ac97, APauseKeepsThePlace) {
    Ac97Rig r;
    r.fill(PO, 2, 960);
    r.start(PO, 1);
    r.frames(240);
    r.put(PO, CR, IOCE);
    EXPECT_EQ(r.get(PO, SR), DCH);
    EXPECT_FALSE(r.timers.next_deadline());
    const u32 left = r.get(PO, PICB);
    r.frames(10000);
    EXPECT_EQ(r.get(PO, PICB), left);
    r.put(PO, CR, IOCE | RPBM);
    EXPECT_EQ(r.get(PO, CIV), 0U);
    r.frames(240);
    EXPECT_EQ(r.get(PO, CIV), 1U);
}

TEST(Ac97, ARegisterResetKeepsTheEnables) {
    Ac97Rig r;
    r.fill(PO, 1, 100);
    r.start(PO, 0);
    r.frames(100);
    EXPECT_TRUE(r.irq());
    r.put(PO, CR, RR);
    EXPECT_EQ(r.get(PO, CR), IOCE | LVBIE);
    EXPECT_EQ(r.get(PO, SR), DCH);
    EXPECT_EQ(r.get(PO, LVI), 0U);
    EXPECT_FALSE(r.irq());
}

TEST(Ac97, TheListIsARing) {
    Ac97Rig r;
    r.fill(PO, 3, 96); // 28 to 31 are described below
    for (u32 i = 3; i < 32; ++i)
        r.describe(PO, i, kData, 96);
    r.start(PO, 31);
    for (unsigned turn = 0; turn < 50; ++turn) {
        r.frames(96);
        r.put(PO, LVI, (r.get(PO, CIV) + 31) % 32);
    }
    EXPECT_EQ(r.get(PO, SR) & DCH, 0U);
    EXPECT_EQ(r.get(PO, CIV), 100U % 32);
}

TEST(Ac97, RecordsSilence) {
    Ac97Rig r;
    r.fill(PI, 1, 96);
    r.fill(MC, 1, 96);
    r.start(PI, 0);
    r.start(MC, 0);
    r.frames(50);
    EXPECT_EQ(r.get(PI, SR) & LVBCI, LVBCI);
    EXPECT_EQ(r.get(MC, SR) & LVBCI, 0U) << "the microphone has one channel";
    EXPECT_EQ(r.global(GLOB_STA) & 0xe0, 0x20U);
    r.frames(50);
    EXPECT_EQ(r.global(GLOB_STA) & 0xe0, 0xa0U);
    for (u32 i = 0; i < 192; ++i)
        ASSERT_EQ(r.ram[kData + i], 0) << i;
    EXPECT_EQ(r.audio.total, 0U);
}

TEST(Ac97, ARateThatChangesCountsFromThenOn) {
    Ac97Rig r;
    r.fill(PO, 1, 0xfffe, 0);
    r.start(PO, 0);
    r.codec(Codec::PCM_FRONT_DAC_RATE, 8000);
    r.advance(100 * kMillisecond);
    EXPECT_EQ(r.get(PO, PICB), 0xfffeU - 2 * 800);
    EXPECT_EQ(r.audio.last.rate, 8000U);
}

TEST(Ac97, EmptyBuffersArePassedOver) {
    Ac97Rig r;
    r.fill(PO, 32, 0);
    r.describe(PO, 5, kData, kIoc | 96);
    r.start(PO, 31);
    r.frames(120);
    EXPECT_EQ(r.get(PO, SR), BCIS | LVBCI | CELV | DCH);
    EXPECT_EQ(r.get(PO, CIV), 31U);
    EXPECT_EQ(r.audio.total, 192U);
}

TEST(Ac97, AnOddNumberOfSamplesEndsInTheMiddleOfAFrame) {
    Ac97Rig r;
    r.fill(PO, 2, 97);
    r.start(PO, 1);
    r.frames(120);
    EXPECT_EQ(r.audio.total, 2U * 192);
    EXPECT_FALSE(r.audio.uneven);
}

TEST(Ac97, WithoutBusMasteringItWaits) {
    Ac97Rig r;
    r.fill(PO, 1, 960);
    r.enable(1);
    r.start(PO, 0);
    EXPECT_FALSE(r.timers.next_deadline());
    r.frames(480);
    EXPECT_EQ(r.audio.total, 0U);
    EXPECT_EQ(r.get(PO, PICB), 0U);
    r.enable();
    r.frames(480);
    EXPECT_EQ(r.audio.total, 1920U);
}

TEST(Ac97, AGuestThatStoodStillForLongIsNotOwedAllOfIt) {
    Ac97Rig r;
    for (u32 i = 0; i < 32; ++i)
        r.describe(PO, i, kData, 0xfffe);
    r.start(PO, 31);
    r.clock.now += 3600 * kSecond;
    r.get(PO, PICB);
    EXPECT_LE(r.audio.total, 4U * 48000 / 5 + 4);
    EXPECT_GE(r.audio.total, 4U * 48000 / 5 - 4);
}

TEST(Ac97, TinyBuffersDoNotMakeItLookAllTheTime) {
    Ac97Rig r;
    for (u32 i = 0; i < 32; ++i)
        r.describe(PO, i, kData, kIoc | 1);
    r.start(PO, 31);
    unsigned looks = 0;
    for (const u64 end = r.clock.now + 100 * kMillisecond; r.clock.now < end;) {
        r.put(PO, LVI, (r.get(PO, CIV) + 31) % 32);
        if (!r.timers.next_deadline()) break;
        r.clock.now = std::max(r.clock.now, *r.timers.next_deadline());
        r.timers.run_due();
        ++looks;
    }
    EXPECT_LE(looks, 101U);
}

TEST(Ac97, BuffersThatAreNoMemoryPlayOnesAndListsThereEnd) {
    Ac97Rig r;
    r.describe(PO, 0, 0xfffffff0, kIoc | 0xffff);
    r.start(PO, 0);
    r.frames(100);
    r.get(PO, PICB);
    EXPECT_EQ(r.audio.heard.at(0), 0xff);
    r.put(PO, CR, RR);
    r.put(PO, BDBAR, 0xfffffff8);
    r.put(PO, CR, RPBM | IOCE);
    r.frames(100);
    EXPECT_EQ(r.get(PO, PICB) % 2, 1U) << "a descriptor of ones has 65535 samples";
}

TEST(Ac97, WithoutABackEndTimePassesAllTheSame) {
    Ac97Rig r;
    Ac97 silent("ac97@1", nullptr, r.hypervisor.ram, r.timers, r.pci_wiring(5, 1));
    r.pci.detach(kBdf);
    r.pci.attach(kBdf, silent);
    r.dev.reset();
    r.enable();
    r.fill(PO, 1, 96);
    r.start(PO, 0);
    r.frames(50);
    EXPECT_EQ(r.get(PO, SR), BCIS | LVBCI | CELV | DCH);
    r.pci.detach(kBdf);
}

INSTANTIATE_TYPED_TEST_SUITE_P(Ac97, DeviceConformance, Ac97Rig);

} // namespace
} // namespace dm::test
