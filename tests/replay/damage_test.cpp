// Files that are cut off, damaged, foreign, or made by somebody who means harm: refused or reported, never a
// crash (the sanitizers watch).
#include "tests/replay/recorded_machine.hpp"
#include "tests/replay/written.hpp"

#include <gmock/gmock.h>

namespace dm {
namespace {

using test::play;
using testing::HasSubstr;
using testing::StartsWith;

/// A short visit to every device, in two blocks: what may be the guest's end is written at once.
std::vector<u8> small_recording() {
    test::RecordedMachine machine;
    machine.place_vga();
    machine.read_by_pio(5);
    machine.dma(3, 0x8000, 2, true);
    machine.com1.send("x");
    machine.in(0x3f8);
    machine.out(0xcf9, 6);
    machine.out(0x3f8, 'y');
    machine.input->key(0x1e, true);
    machine.loop.advance(kSecond);
    machine.in(0x60);
    machine.xen->mmio->write(0xa0000, 4, 0x12345678);
    return machine.finish();
}

struct Damage : testing::Test {
    Damage() {
        Log::set_sink([](LogLevel, std::string_view) {});
    }
    ~Damage() override { Log::set_sink({}); }
    std::vector<u8> file = small_recording();
};

TEST_F(Damage, TheFileIsGoodBeforeItIsDamaged) {
    EXPECT_TRUE(play(file).equal());
    EXPECT_LT(file.size(), 4096U);
}

TEST_F(Damage, EveryFlippedBitOfEveryByteIsRefused) {
    for (std::size_t at = 0; at < file.size(); ++at)
        for (unsigned bit = 0; bit < 8; ++bit) {
            std::vector<u8> damaged = file;
            damaged[at] = static_cast<u8>(damaged[at] ^ 1U << bit);
            EXPECT_FALSE(replay::Recording::from(std::move(damaged)).ok())
                << "byte " << at << ", bit " << bit;
        }
}

TEST_F(Damage, ARefusalNamesTheBlockAndItsPlace) {
    std::vector<u8> damaged = file;
    damaged.back() ^= 1;
    const auto recording = replay::Recording::from(damaged);
    ASSERT_FALSE(recording.ok());
    EXPECT_THAT(recording.error().message,
                testing::MatchesRegex("block [0-9]+ at byte [0-9]+: its checksum is wrong"));
    damaged = file;
    damaged[replay::kFileHeaderSize] ^= 1;
    EXPECT_THAT(play(damaged).error, StartsWith("block 0 at byte 16: "));
    damaged = file;
    damaged[9] ^= 1;
    EXPECT_THAT(play(damaged).error, StartsWith("bytes 0 to 15: "));
}

TEST_F(Damage, AFileThatIsCutOffAnywherePlaysUpToThereOrIsRefused) {
    std::size_t blocks = 0;
    for (std::size_t length = 0; length < file.size(); ++length) {
        const auto cut = replay::Recording::from(
            std::vector(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length)));
        if (!cut.ok() || std::exchange(blocks, cut.value().blocks()) == cut.value().blocks()) continue;
        const test::Played played = play(cut.value());
        EXPECT_FALSE(played.ended_in_order);
        EXPECT_TRUE(played.equal()) << length << ": " << played.difference;
    }
    EXPECT_GT(blocks, 0U);
}

TEST_F(Damage, WhatFollowsTheEndIsNotSwallowed) {
    std::vector<u8> longer = file;
    longer.resize(file.size() + 100, 'x');
    EXPECT_THAT(play(longer).error, HasSubstr("its header is damaged"));
}

TEST_F(Damage, ABlockThatIsMissingOrTwiceThereIsRefused) {
    std::vector<u8> twice = file;
    const auto first = replay::kFileHeaderSize;
    twice.insert(twice.end(), file.begin() + first, file.end());
    EXPECT_THAT(play(twice).error, HasSubstr("it does not belong here"));
}

TEST_F(Damage, ForeignFilesAndOtherVersionsAreNamedAsSuch) {
    EXPECT_THAT(play(std::vector<u8>(1000, 'x')).error, StartsWith("this is no recording"));
    EXPECT_THAT(play(std::vector<u8>{}).error, StartsWith("this is no recording"));
    std::vector<u8> newer = file;
    newer[8] = 2;
    newer.resize(12);
    const u64 sum = [&] { // CRC-32 of a header with version 2
        u32 crc = ~u32{0};
        for (const u8 byte : newer) {
            crc ^= byte;
            for (unsigned i = 0; i < 8; ++i)
                crc = crc >> 1 ^ (0xedb88320 & (0U - (crc & 1)));
        }
        return ~crc;
    }();
    for (unsigned i = 0; i < 4; ++i)
        newer.push_back(static_cast<u8>(sum >> (8 * i)));
    EXPECT_THAT(play(newer).error, HasSubstr("version 2 of the format, this program reads version 1"));
}

/// Checksums protect against accidents only: here they fit, and what is inside does not.
TEST_F(Damage, ContentThatSomebodyMadeUpNeverCrashesTheReplay) {
    const auto recording = replay::Recording::from(file);
    ASSERT_TRUE(recording.ok());
    const std::vector<std::vector<u8>> good = test::payloads_of(recording.value());
    unsigned noticed = 0;
    constexpr u64 kRounds = 300;
    for (u64 seed = 1; seed <= kRounds; ++seed) {
        test::Rng rng(seed);
        auto payloads = good;
        std::vector<u8>& victim = payloads[rng.one_in(8) ? 0 : 1];
        for (u64 changes = 1 + rng.below(4); changes > 0; --changes) {
            const std::size_t at = rng.below(victim.size());
            if (rng.one_in(6))
                victim.erase(victim.begin() + static_cast<std::ptrdiff_t>(at));
            else if (rng.one_in(6))
                victim.insert(victim.begin() + static_cast<std::ptrdiff_t>(at), static_cast<u8>(rng.next()));
            else
                victim[at] = rng.one_in(4) ? 0xff : static_cast<u8>(rng.next());
        }
        if (!play(test::file_of(payloads)).equal()) ++noticed;
    }
    EXPECT_GT(noticed, kRounds / 2);
}

TEST_F(Damage, ImpossibleMachinesAreRefused) {
    const auto refused = [](const std::string& text) {
        const std::string payload = text + "\n";
        return play(test::file_of(
                        std::vector{std::vector<u8>(payload.begin(), payload.end()), std::vector<u8>{}}))
            .error;
    };
    EXPECT_THAT(refused("machine program=\"x\" cpus=0 max-cpus=1 ram-below-4g=0 ram-above-4g=0 boot=\"c\" "
                        "xen-platform=1\n"),
                HasSubstr("0 of 1 CPUs"));
    EXPECT_THAT(
        refused("disk place=4 cdrom=0 medium=1 read-only=0 size=1 serial=\"\" model=\"\" firmware=\"\"\n"),
        HasSubstr("makes no sense"));
    EXPECT_THAT(refused("vga memory=16777216 rom=9\n"), HasSubstr("wrong size"));
    EXPECT_THAT(refused("vga memory=3 rom=0\n"), HasSubstr("which no adapter has"));
    EXPECT_THAT(refused("pony\n"), HasSubstr("makes no sense"));
}

} // namespace
} // namespace dm
