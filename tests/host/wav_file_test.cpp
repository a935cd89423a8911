// What a guest plays, as other programs read it.
#include "dm/host/audio_factory.hpp"
#include "dm/host/wav_file.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <sys/stat.h>

namespace dm::host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Sample = PcmFormat::Sample;

struct WavClock final : Clock {
    u64 now_ns() const override { return now; }
    u64 now = kSecond;
};

struct Wav {
    u32 riff_bytes = 0;
    u16 channels = 0;
    u32 rate = 0;
    u32 bytes_a_second = 0;
    u16 frame = 0;
    u16 bits = 0;
    std::vector<u8> data;
    u64 file_bytes = 0;
};

struct WavFileTest : testing::Test {
    WavFileTest() {
        std::string name = (std::filesystem::temp_directory_path() / "hvmdm-wav-XXXXXX").string();
        folder = ::mkdtemp(name.data());
        path = folder / "sound.wav";
        Log::set_sink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
    }
    ~WavFileTest() override {
        Log::set_sink({});
        std::filesystem::remove_all(folder);
    }

    std::unique_ptr<AudioBackend> open() {
        auto opened = make_audio_backend(
            {.kind = AudioKind::Wav, .id = "a", .path = path, .text = "-audiodev x"}, timers);
        EXPECT_TRUE(opened.ok()) << opened.error().message;
        return opened.ok() ? std::move(opened).value() : nullptr;
    }
    void wait(u64 ns) {
        clock.now += ns;
        timers.run_due();
    }
    Wav read() const {
        std::ifstream file(path, std::ios::binary);
        const std::string raw{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        const auto number = [&](std::size_t at, unsigned bytes) {
            u32 value = 0;
            for (unsigned i = 0; i < bytes; ++i)
                value |= u32{static_cast<u8>(raw.at(at + i))} << (8 * i);
            return value;
        };
        Wav wav;
        wav.file_bytes = raw.size();
        EXPECT_GE(raw.size(), 44U);
        if (raw.size() < 44) return wav;
        EXPECT_EQ(raw.substr(0, 4), "RIFF");
        EXPECT_EQ(raw.substr(8, 8), "WAVEfmt ");
        EXPECT_EQ(number(16, 4), 16U);
        EXPECT_EQ(number(20, 2), 1U);
        EXPECT_EQ(raw.substr(36, 4), "data");
        wav.riff_bytes = number(4, 4);
        wav.channels = static_cast<u16>(number(22, 2));
        wav.rate = number(24, 4);
        wav.bytes_a_second = number(28, 4);
        wav.frame = static_cast<u16>(number(32, 2));
        wav.bits = static_cast<u16>(number(34, 2));
        EXPECT_EQ(wav.riff_bytes, number(40, 4) + 36);
        const std::string data = raw.substr(44, number(40, 4));
        EXPECT_EQ(data.size(), number(40, 4)) << "all that the header counts is there";
        wav.data.assign(data.begin(), data.end());
        return wav;
    }
    static std::vector<u8> s16(std::initializer_list<int> samples) {
        std::vector<u8> bytes;
        for (const int sample : samples) {
            bytes.push_back(static_cast<u8>(sample));
            bytes.push_back(static_cast<u8>(sample >> 8));
        }
        return bytes;
    }

    std::filesystem::path folder;
    std::string path;
    std::vector<std::string> log;
    WavClock clock;
    TimerQueue timers{clock};
};

TEST_F(WavFileTest, IsAFileWithoutSoundFromTheStart) {
    const auto wav = open();
    EXPECT_EQ(read().data.size(), 0U);
    EXPECT_EQ(read().file_bytes, 44U);
    EXPECT_EQ(wav->description(), "wav:" + path);
    EXPECT_FALSE(timers.next_deadline());
}

TEST_F(WavFileTest, HasTheFormatOfTheFirstStream) {
    const auto wav = open();
    wav->play({44100, 2, Sample::S16}, s16({1, -1, 2, -2}));
    EXPECT_EQ(read().data.size(), 0U);
    wait(WavFile::kLateNs);
    const Wav got = read();
    EXPECT_EQ(got.rate, 44100U);
    EXPECT_EQ(got.channels, 2);
    EXPECT_EQ(got.bits, 16);
    EXPECT_EQ(got.frame, 4);
    EXPECT_EQ(got.bytes_a_second, 176400U);
    EXPECT_EQ(got.data, s16({1, -1, 2, -2}));
    EXPECT_FALSE(timers.next_deadline()) << "who is silent costs nothing";
}

TEST_F(WavFileTest, EveryKindOfSampleIsConvertedToTheFirstOne) {
    const auto wav = open();
    wav->play({8000, 1, Sample::S16}, s16({0x1234}));
    wav->play({8000, 1, Sample::U8}, std::vector<u8>{0x80, 0xff, 0x00});
    wav->play({8000, 1, Sample::S8}, std::vector<u8>{0x00, 0x7f, 0x80});
    wav->play({8000, 1, Sample::U16}, std::vector<u8>{0x00, 0x80, 0xff, 0xff});
    wav->play({8000, 1, Sample::S32}, std::vector<u8>{0xff, 0xff, 0x34, 0x12});
    wait(WavFile::kLateNs);
    EXPECT_EQ(read().data, s16({0x1234, 0, 0x7f00, -0x8000, 0, 0x7f00, -0x8000, 0, 0x7fff, 0x1234}));
}

TEST_F(WavFileTest, EightBitsAreUnsignedThere) {
    const auto wav = open();
    wav->play({8000, 1, Sample::S8}, std::vector<u8>{0x00, 0x7f, 0x80, 0x01});
    wav->play({8000, 1, Sample::S16}, s16({0, 0x7fff}));
    wait(WavFile::kLateNs);
    EXPECT_EQ(read().bits, 8);
    EXPECT_THAT(read().data, ElementsAre(0x80, 0xff, 0x00, 0x81, 0x80, 0xff));
}

TEST_F(WavFileTest, ChannelsAndRatesBecomeThoseOfTheFile) {
    const auto wav = open();
    wav->play({8000, 2, Sample::S16}, s16({1, 2}));
    wav->play({8000, 1, Sample::S16}, s16({3}));
    wav->play({8000, 4, Sample::S16}, s16({4, 5, 6, 7}));
    wav->play({4000, 2, Sample::S16}, s16({8, 9}));
    wav->play({16000, 2, Sample::S16}, s16({10, 11, 12, 13, 14, 15, 16, 17}));
    wait(WavFile::kLateNs);
    EXPECT_EQ(read().data, s16({1, 2, 3, 3, 4, 5, 8, 9, 8, 9, 12, 13, 16, 17}));
}

TEST_F(WavFileTest, ASecondStaysASecondHoweverItIsCut) {
    const auto wav = open();
    wav->play({44100, 1, Sample::S16}, s16({0, 0}));
    const std::vector<u8> three = s16({1, 2, 3});
    for (unsigned i = 0; i < 16000; ++i)
        wav->play({48000, 1, Sample::S16}, three);
    wait(WavFile::kLateNs);
    EXPECT_EQ(read().data.size(), 2U * (44100 + 2));
}

TEST_F(WavFileTest, MuchSoundIsWrittenWithoutWaiting) {
    const auto wav = open();
    wav->play({48000, 2, Sample::S16}, std::vector<u8>(WavFile::kBuffered + 4, 7));
    EXPECT_EQ(read().data.size(), WavFile::kBuffered + 4);
}

TEST_F(WavFileTest, TheRestIsThereWhenTheProcessEnds) {
    auto wav = open();
    wav->play({48000, 2, Sample::S16}, s16({1, 2}));
    wav.reset();
    EXPECT_EQ(read().data, s16({1, 2}));
}

TEST_F(WavFileTest, AFileOfOddBytesEndsWithAnEvenOne) {
    auto wav = open();
    wav->play({48000, 1, Sample::U8}, std::vector<u8>{1, 2, 3});
    wait(WavFile::kLateNs);
    EXPECT_EQ(read().data.size(), 2U);
    wav->play({48000, 1, Sample::U8}, std::vector<u8>{4});
    wait(WavFile::kLateNs);
    EXPECT_THAT(read().data, ElementsAre(1, 2, 3, 4));
}

TEST_F(WavFileTest, AFileAtItsLimitIsFullAndSaysSoOnce) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    WavFile wav(std::move(fd), path, timers, 10);
    for (unsigned i = 0; i < 3; ++i) {
        wav.play({48000, 2, Sample::S16}, s16({1, 2, 3, 4}));
        wait(WavFile::kLateNs);
    }
    EXPECT_EQ(read().data, s16({1, 2, 3, 4}));
    EXPECT_THAT(log, ElementsAre(HasSubstr("4 GiB")));
    EXPECT_FALSE(timers.next_deadline());
}

TEST_F(WavFileTest, AFullDiskIsSaidOnce) {
    WavFile wav(UniqueFd(::open("/dev/full", O_WRONLY | O_CLOEXEC)), "/dev/full", timers);
    for (unsigned i = 0; i < 3; ++i) {
        wav.play({48000, 2, Sample::S16}, s16({1, 2}));
        wait(WavFile::kLateNs);
    }
    EXPECT_THAT(log, ElementsAre(HasSubstr("No space left")));
}

TEST_F(WavFileTest, ImpossibleFormatsDoNoHarm) {
    const auto wav = open();
    wav->play({0, 2, Sample::S16}, s16({1, 2}));
    wav->play({0, 0, Sample::S16}, s16({3}));
    wav->play({UINT32_MAX, 1, Sample::S16}, s16({4}));
    wait(WavFile::kLateNs);
    EXPECT_EQ(read().rate, 1U);
}

TEST_F(WavFileTest, WhatIsNoFileIsRefusedByName) {
    const auto error = [&](const std::string& where) {
        const auto opened = WavFile::open("-audiodev wav,id=a", where, timers);
        return opened.ok() ? std::string() : opened.error().message;
    };
    EXPECT_THAT(error(folder / "nowhere" / "x"),
                testing::AllOf(HasSubstr("-audiodev wav,id=a"), HasSubstr("nowhere")));
    EXPECT_THAT(error("/dev/null"), HasSubstr("no ordinary file"));
    const std::string fifo = folder / "fifo";
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(error(fifo), HasSubstr(fifo));
}

TEST_F(WavFileTest, NoneIsNobody) {
    EXPECT_EQ(make_audio_backend({}, timers).value(), nullptr);
}

} // namespace
} // namespace dm::host
