// High Definition Audio controller: stream descriptors, buffer lists, positions and time (HDA specification
// 1.0a, 3.3.35 to 3.3.43, 3.6 and 4.5).
#include "tests/devices/hda_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace hda;
using namespace hda_rig;
using testing::Each;

struct HdaStreamsTest : testing::Test, HdaRig {
    /// The codec listens to stream 4, by the number that prepare() gives it.
    void SetUp() override {
        start();
        ask(kDac, 0x70650);
        set(RIRBCTL + 1, 5, 1);
        set(DPLBASE, kPositionBuffer | 1);
        for (u32 i = 0; i < 0x4000; ++i)
            ram[buffer(kPlays) + i] = static_cast<u8>(i / 7);
    }
    /// Two buffers of 10 ms.
    void play(u32 flags = 1) {
        prepare(kPlays, k48Stereo, 2, 1920, flags);
        run(kPlays);
    }
    u32 position(unsigned stream) { return get32(kPositionBuffer + 8 * stream); }
    /// Time passes, and no timer is asked.
    void wait(u64 ns) { clock.now += ns; }
};
constexpr u64 kMs = kMillisecond;

// ----------------------------------------------------------------------------------------------- registers

TEST(HdaFormat, IsTakenApartAsTheSpecificationSays) {
    using enum PcmFormat::Sample;
    EXPECT_EQ(decode_format(0x0011), (PcmFormat{48000, 2, S16}));
    EXPECT_EQ(decode_format(0x4011), (PcmFormat{44100, 2, S16}));
    EXPECT_EQ(decode_format(0x0500), (PcmFormat{8000, 1, U8}));
    EXPECT_EQ(decode_format(0x0a11), (PcmFormat{32000, 2, S16})); // 48000 * 2 / 3
    EXPECT_EQ(decode_format(0x4311), (PcmFormat{11025, 2, S16}));
    EXPECT_EQ(decode_format(0x184f), (PcmFormat{192000, 16, S32}));
    EXPECT_EQ(decode_format(0x0021), (PcmFormat{48000, 2, S32})); // 20 bits
    EXPECT_EQ(decode_format(0x0051), std::nullopt);
    EXPECT_EQ(decode_format(0x2011), std::nullopt);
}

TEST_F(HdaStreamsTest, AResetOfAStreamIsAHandshake) {
    prepare(kPlays, k48Stereo, 2, 1920);
    EXPECT_EQ(reg(sd(kPlays, SDCTL)), 0x00500000U);
    EXPECT_EQ(reg(sd(kPlays, SDFIFOS)), 0x001100bfU);
    set(sd(kPlays, SDCTL), SRST, 1);
    EXPECT_EQ(reg(sd(kPlays, SDCTL)), SRST);
    for (const StreamReg r : {SDLPIB, SDCBL, SDLVI, SDBDPL, SDBDPU})
        EXPECT_EQ(reg(sd(kPlays, r)), 0U);
    set(sd(kPlays, SDCBL), 100); // held in reset
    set(sd(kPlays, SDLVI), 100);
    EXPECT_EQ(reg(sd(kPlays, SDCBL)), 0U);
    EXPECT_EQ(reg(sd(kPlays, SDLVI)), 0U);
    set(sd(kPlays, SDCTL), SRST | RUN, 1);
    EXPECT_EQ(reg(sd(kPlays, SDCTL)), SRST);
    set(sd(kPlays, SDCTL), 0, 1);
    EXPECT_EQ(reg(sd(kPlays, SDCTL)), 0U);
}

TEST_F(HdaStreamsTest, KeepsWhatHasAMeaning) {
    set(sd(0, SDCTL), 0x00ffffdc);
    EXPECT_EQ(reg(sd(0, SDCTL)), 0x00f7001cU);
    set(sd(0, SDLVI), 0xfedc, 2);
    EXPECT_EQ(reg(sd(0, SDLVI)), 0xdcU);
    set(sd(0, SDFIFOS), 0xffffffff);
    EXPECT_EQ(reg(sd(0, SDFIFOS)), 0x7f7f0077U);
    set(sd(0, SDBDPL), 0xffffffff);
    set(sd(0, SDBDPU), 0xffffffff);
    EXPECT_EQ(reg(sd(0, SDBDPL)), 0xffffff80U);
    EXPECT_EQ(reg(sd(0, SDBDPU)), 0xffffffffU);
    set(sd(0, SDLPIB), 77);
    EXPECT_EQ(reg(sd(0, SDLPIB)), 0U);
}

TEST_F(HdaStreamsTest, AStreamThatRunsIsNotReprogrammed) {
    play();
    set(sd(kPlays, SDCBL), 1);
    set(sd(kPlays, SDFIFOS) + 2, 0x4011, 2);
    set(sd(kPlays, SDBDPL), 0);
    EXPECT_EQ(reg(sd(kPlays, SDCBL)), 3840U);
    EXPECT_EQ(reg(sd(kPlays, SDFIFOS) + 2, 2), k48Stereo);
    EXPECT_EQ(reg(sd(kPlays, SDBDPL)), list(kPlays));
    set(sd(kPlays, SDLVI), 0);
    EXPECT_EQ(reg(sd(kPlays, SDLVI)), 0U);
}

// ------------------------------------------------------------------------------------------------- playing

TEST_F(HdaStreamsTest, PlaysWhatIsInTheBuffers) {
    play();
    EXPECT_EQ(status(kPlays), FIFORDY);
    advance(20 * kMs);
    const auto begin = ram.begin() + buffer(kPlays);
    EXPECT_EQ(audio.heard, std::vector<u8>(begin, begin + 3840));
    EXPECT_EQ(audio.last, (PcmFormat{48000, 2, PcmFormat::Sample::S16}));
    advance(20 * kMs);
    ASSERT_EQ(audio.heard.size(), 7680U); // and again from the front
    EXPECT_EQ(std::vector<u8>(audio.heard.begin() + 3840, audio.heard.end()),
              std::vector<u8>(begin, begin + 3840));
}

TEST_F(HdaStreamsTest, PositionsAreRightWhenTheyAreRead) {
    play();
    for (unsigned i = 1; i < 100; ++i) {
        wait(kMs / 2);
        const u32 expected = i * 24 * 4 % 3840;
        ASSERT_EQ(lpib(kPlays), expected);
        ASSERT_EQ(position(kPlays), expected);
        ASSERT_EQ(reg(kAlias + sd(kPlays, SDLPIB)), expected);
    }
    EXPECT_EQ(get32(kPositionBuffer + 8 * kPlays + 4), 0U);
    set(DPLBASE, kPositionBuffer);
    wait(kMs);
    const u32 before = position(kPlays);
    EXPECT_NE(lpib(kPlays), before);
    EXPECT_EQ(position(kPlays), before);
}

TEST_F(HdaStreamsTest, TheEndOfABufferInterruptsInTime) {
    play();
    EXPECT_EQ(timers.next_deadline(), clock.now + 10 * kMs);
    advance(10 * kMs - 1);
    EXPECT_FALSE(irq());
    advance(1);
    EXPECT_TRUE(irq());
    EXPECT_EQ(status(kPlays), FIFORDY | BCIS);
    EXPECT_EQ(reg(INTSTS), GIE | 1U << kPlays);
    EXPECT_EQ(position(kPlays), 1920U);
    clear(kPlays);
    EXPECT_FALSE(irq());
    EXPECT_EQ(status(kPlays), FIFORDY);
    advance(10 * kMs);
    EXPECT_TRUE(irq());
    EXPECT_EQ(lpib(kPlays), 0U);
}

TEST_F(HdaStreamsTest, InterruptsComeWhereTheyAreAskedFor) {
    play(0);
    advance(10 * kMs);
    EXPECT_EQ(status(kPlays), FIFORDY); // the entry did not ask
    prepare(kPlays, k48Stereo, 2, 1920);
    run(kPlays, RUN); // nor the stream
    advance(10 * kMs);
    EXPECT_EQ(status(kPlays), FIFORDY | BCIS);
    EXPECT_FALSE(irq());
    EXPECT_EQ(reg(INTSTS), 0U);
    set(sd(kPlays, SDCTL), RUN | IOCE, 1);
    EXPECT_TRUE(irq());
    set(INTCTL, GIE | CIE | 0xef); // nor the controller
    EXPECT_FALSE(irq());
}

TEST_F(HdaStreamsTest, TimersRunWhileAStreamDoes) {
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
    prepare(kPlays, k48Stereo, 2, 0x2000); // 42 ms each
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
    run(kPlays);
    const u64 started = clock.now;
    unsigned looks = 0;
    while (const auto due = timers.next_deadline()) {
        if (*due > started + kSecond) break;
        advance(*due - clock.now);
        clear(kPlays);
        ++looks;
    }
    EXPECT_GE(looks, 100U); // every 10 ms at the latest
    EXPECT_LE(looks, 130U); // and at the ends of 23 buffers
    set(sd(kPlays, SDCTL), 0, 1);
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

TEST_F(HdaStreamsTest, APauseKeepsThePlace) {
    play();
    advance(3 * kMs);
    set(sd(kPlays, SDCTL), 0x1c, 1);
    EXPECT_EQ(lpib(kPlays), 576U);
    EXPECT_EQ(status(kPlays), 0U);
    advance(kSecond);
    EXPECT_EQ(lpib(kPlays), 576U);
    set(sd(kPlays, SDCTL), 0x1e, 1);
    advance(7 * kMs);
    EXPECT_EQ(lpib(kPlays), 1920U);
    EXPECT_TRUE(irq());
    EXPECT_EQ(audio.total, 1920U);
}

TEST_F(HdaStreamsTest, ABufferThatWasNotBegunIsReadAnew) {
    play();
    advance(10 * kMs); // at the front of the second
    set(sd(kPlays, SDCTL), 0, 1);
    put_entry(kPlays, 1, buffer(kPlays), 1920);
    run(kPlays);
    wait(kMs);
    ASSERT_EQ(lpib(kPlays), 1920U + 192);
    const auto begin = audio.heard.begin();
    EXPECT_TRUE(std::equal(begin, begin + 192, begin + 1920));
}

TEST_F(HdaStreamsTest, SsyncHoldsStreamsThatAreReady) {
    set(ICH_SSYNC, 1U << kPlays);
    play();
    advance(10 * kMs);
    EXPECT_EQ(lpib(kPlays), 0U);
    EXPECT_EQ(status(kPlays), FIFORDY);
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
    set(ICH_SSYNC, 0);
    advance(kMs);
    EXPECT_EQ(lpib(kPlays), 192U);
}

TEST_F(HdaStreamsTest, WithoutBusMasteringNothingMoves) {
    play();
    pci.config_write(kBdf, pci::COMMAND, 2, 2);
    advance(10 * kMs);
    EXPECT_EQ(lpib(kPlays), 0U);
    pci.config_write(kBdf, pci::COMMAND, 2, 6);
    advance(kMs);
    EXPECT_EQ(lpib(kPlays), 192U);
}

TEST_F(HdaStreamsTest, StreamsHaveTheirOwnPace) {
    prepare(kPlays, k48Stereo, 2, 1920);
    prepare(5, 0x4011, 2, 1920);
    prepare(0, 0x0500, 2, 1920); // 8 kHz, a byte
    run(kPlays);
    run(5);
    run(0);
    wait(10 * kMs);
    EXPECT_EQ(lpib(kPlays), 1920U);
    EXPECT_EQ(lpib(5), 441U * 4);
    EXPECT_EQ(lpib(0), 80U);
    EXPECT_EQ(audio.total, 1920U); // the codec listens to one
}

TEST_F(HdaStreamsTest, TheEarliestEndIsLookedAt) {
    prepare(kPlays, k48Stereo, 2, 960); // 5 ms
    prepare(5, k48Stereo, 2, 1536);     // 8 ms
    run(kPlays);
    run(5);
    EXPECT_EQ(timers.next_deadline(), clock.now + 5 * kMs);
}

TEST_F(HdaStreamsTest, CaptureIsSilence) {
    std::fill_n(ram.begin() + buffer(1), 0x4000, u8{0x55});
    prepare(1, k48Stereo, 2, 1920);
    run(1);
    advance(10 * kMs);
    EXPECT_TRUE(irq());
    EXPECT_EQ(lpib(1), 1920U);
    const auto begin = ram.begin() + buffer(1);
    EXPECT_THAT(std::vector<u8>(begin, begin + 1920), Each(0));
    EXPECT_EQ(ram[buffer(1) + 1920], 0x55);
    EXPECT_FALSE(hypervisor.ram.dirty.empty());
    prepare(1, 0x0001, 2, 1920); // of 8 bits, without sign
    run(1);
    advance(10 * kMs);
    EXPECT_EQ(ram[buffer(1)], 0x80);
    EXPECT_EQ(audio.total, 0U);
}

// ------------------------------------------------------------------------------------------- hostile lists

TEST_F(HdaStreamsTest, EmptyBuffersAreSkipped) {
    prepare(kPlays, k48Stereo, 4, 960);
    put_entry(kPlays, 0, buffer(kPlays), 0);
    put_entry(kPlays, 2, buffer(kPlays), 0);
    run(kPlays);
    advance(10 * kMs);
    const auto begin = ram.begin() + buffer(kPlays);
    EXPECT_TRUE(std::equal(begin + 960, begin + 1920, audio.heard.begin()));
    EXPECT_TRUE(std::equal(begin + 2880, begin + 3840, audio.heard.begin() + 960));
}

TEST_F(HdaStreamsTest, AListOfNothingIsADescriptorError) {
    prepare(kPlays, k48Stereo, 256, 0);
    set(sd(kPlays, SDCBL), 4096);
    run(kPlays);
    EXPECT_EQ(status(kPlays), DESE);
    EXPECT_EQ(reg(sd(kPlays, SDCTL)) & RUN, 0U);
    EXPECT_TRUE(irq());
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
    clear(kPlays);
    EXPECT_FALSE(irq());
    play();
    advance(kMs);
    EXPECT_EQ(lpib(kPlays), 192U);
}

TEST_F(HdaStreamsTest, AListOutsideOfRamIsADescriptorError) {
    prepare(kPlays, k48Stereo, 2, 1920);
    set(sd(kPlays, SDBDPU), 1);
    run(kPlays);
    EXPECT_EQ(status(kPlays), DESE);
    prepare(kPlays, k48Stereo, 2, 1920);
    set(sd(kPlays, SDBDPL), static_cast<u32>(kRamSize) - 128);
    put_entry(kPlays, 0, 0, 0);
    for (u32 at = static_cast<u32>(kRamSize) - 128; at < kRamSize; at += 16) {
        put32(at, buffer(kPlays));
        put32(at + 4, 0);
        put32(at + 8, 480);
        put32(at + 12, 0);
    }
    put32(static_cast<u32>(kRamSize) - 128 + 8, 481); // the end is in the midst of a frame
    set(sd(kPlays, SDLVI), 255);
    run(kPlays);
    EXPECT_EQ(status(kPlays), FIFORDY);
    advance(30 * kMs); // into the ninth
    EXPECT_EQ(status(kPlays), DESE);
    EXPECT_EQ(audio.total, 8U * 480);
    EXPECT_FALSE(audio.uneven);
}

TEST_F(HdaStreamsTest, BuffersOutsideOfRamAreOnesAndVanish) {
    prepare(kPlays, k48Stereo, 1, 1920);
    put_entry(kPlays, 0, u64{1} << 40, 1920);
    run(kPlays);
    advance(10 * kMs);
    EXPECT_THAT(audio.heard, Each(0xff));
    prepare(1, k48Stereo, 1, 1920);
    put_entry(1, 0, ~u64{0} - 100, 1920); // over the end of the address space
    run(1);
    advance(10 * kMs);
    EXPECT_EQ(lpib(1), 0U);
    EXPECT_TRUE(irq());
}

TEST_F(HdaStreamsTest, CrumbsEndInADescriptorError) {
    work = {};
    prepare(kPlays, 0x184f, 256, 1); // 192 kHz, 16 channels of 32 bits
    run(kPlays);
    advance(10 * kMs);
    EXPECT_EQ(status(kPlays) & DESE, DESE);
    EXPECT_LT(work.guest_views, 10000U);
}

TEST_F(HdaStreamsTest, TheMostThatCanBeAskedForHasABound) {
    for (unsigned n = 0; n < kStreams; ++n) {
        prepare(n, 0x184f, 4, 4096);
        run(n);
    }
    ask(kDac, 0x70651);
    work = {};
    advance(100 * kSecond);
    EXPECT_LT(work.guest_views, 60000U); // 200 ms of eight streams
    for (unsigned n = 0; n < kStreams; ++n)
        EXPECT_EQ(status(n) & DESE, 0U);
}

TEST_F(HdaStreamsTest, OneEntryAloneGoesRound) {
    prepare(kPlays, k48Stereo, 1, 1920);
    run(kPlays);
    advance(25 * kMs);
    EXPECT_EQ(lpib(kPlays), 960U);
    EXPECT_EQ(audio.total, 4800U);
}

TEST_F(HdaStreamsTest, TheCyclicLengthWrapsThePositionByItself) {
    prepare(kPlays, k48Stereo, 2, 1920);
    set(sd(kPlays, SDCBL), 1000);
    run(kPlays);
    advance(10 * kMs);
    EXPECT_EQ(lpib(kPlays), 920U);
    EXPECT_EQ(status(kPlays), FIFORDY | BCIS);
}

TEST_F(HdaStreamsTest, WhatHasNoFormatOrLengthDoesNotRun) {
    for (const u16 format : {u16{0x0051}, u16{0x2011}, u16{0x7f7f}}) {
        prepare(kPlays, format, 2, 1920);
        run(kPlays);
        EXPECT_EQ(status(kPlays), 0U); // not ready
        advance(10 * kMs);
        EXPECT_EQ(lpib(kPlays), 0U);
    }
    prepare(kPlays, k48Stereo, 2, 1920);
    set(sd(kPlays, SDCBL), 0);
    run(kPlays);
    advance(10 * kMs);
    EXPECT_EQ(lpib(kPlays), 0U);
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

TEST_F(HdaStreamsTest, ALongPauseOfTheHostIsForgotten) {
    prepare(kPlays, k48Stereo, 2, 0x2000);
    run(kPlays);
    advance(10 * kSecond);
    EXPECT_NEAR(static_cast<double>(audio.total), 200 * 192, 4);
}

// --------------------------------------------------------------------------------------------------- state

TEST_F(HdaStreamsTest, ARestoredStreamGoesOn) {
    play();
    advance(3 * kMs + 7000);
    EXPECT_EQ(lpib(kPlays), 576U);
    HdaRig twin;
    twin.copy_surroundings(*this);
    const std::vector<u8> image = snapshot(*this);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_EQ(twin.timers.next_deadline(), timers.next_deadline());
    twin.advance(7 * kMs);
    EXPECT_TRUE(twin.irq());
    EXPECT_EQ(twin.audio.total, 1920U - 576);
}

TEST_F(HdaStreamsTest, ImpossibleStreamsAreRefused) {
    play();
    const std::vector<u8> image = snapshot(*this);
    const auto with = [&](std::string_view field, u32 value) {
        std::vector<u8> bent = image;
        const std::string record = std::string(1, static_cast<char>(field.size())) + std::string(field) + "u";
        auto at = bent.begin(); // of the stream that plays, the fifth
        for (unsigned i = 0; i <= kPlays; ++i)
            at = std::search(at + 1, bent.end(), record.begin(), record.end());
        at += static_cast<std::ptrdiff_t>(record.size()) + 4;
        for (unsigned i = 0; i < 4; ++i)
            at[i] = byte_of(value, i);
        HdaRig victim;
        auto reader = StateReader::open(bent);
        return victim.dev.load(*reader).ok();
    };
    EXPECT_TRUE(with("length", 1920));
    EXPECT_FALSE(with("length", 0));
    EXPECT_FALSE(with("offset", 1920));
    EXPECT_FALSE(with("rate", 4'000'000'000));
    EXPECT_FALSE(with("cbl", 0));
    EXPECT_FALSE(with("ctl", 0xff000002));
}

} // namespace
} // namespace dm::test
