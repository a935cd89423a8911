// A machine is recorded while it is driven in every way there is; the recording must play equal.
#include "tests/replay/recorded_machine.hpp"

#include <algorithm>
#include <gmock/gmock.h>

namespace dm {
namespace {

constexpr std::size_t kSector = 512;

using test::play;
using test::Played;
using test::RecordedMachine;
using testing::HasSubstr;

void expect_equal(RecordedMachine& machine) {
    const Played played = play(machine.finish());
    EXPECT_EQ(played.error, "");
    EXPECT_EQ(played.difference, "");
    EXPECT_TRUE(played.ended_in_order);
    EXPECT_GT(played.operations, 0U);
}

/// True when the content shows up in any block of the recording.
bool holds(const std::vector<u8>& file, std::span<const u8> content) {
    const auto recording = replay::Recording::from(file);
    EXPECT_TRUE(recording.ok());
    replay::BlockUnpacker unpacker;
    EXPECT_TRUE(unpacker.unpack(recording.value().machine_block()).ok());
    for (const replay::PackedBlock& block : recording.value().event_blocks()) {
        const auto payload = unpacker.unpack(block);
        EXPECT_TRUE(payload.ok());
        const std::span<const u8> bytes = payload.value();
        if (std::search(bytes.begin(), bytes.end(), content.begin(), content.end()) != bytes.end())
            return true;
    }
    return false;
}

TEST(Recorder, PortsMemoryAndConfigurationSpacePlayEqual) {
    RecordedMachine machine;
    machine.place_vga();
    machine.out(0x70, 0x10);
    machine.in(0x71);
    machine.in(0xcfc, 4);
    machine.xen->mmio->write(0xa0000, 4, 0x12345678);
    machine.xen->mmio->read(0xa0000, 4);
    EXPECT_EQ(machine.xen->pci->config_read({0, 1, 1}, 0, 4), 0x70108086U);
    expect_equal(machine);
}

TEST(Recorder, TheMachineThatIsBuiltIsTheOneThatWasRecorded) {
    RecordedMachine machine;
    const auto recording = replay::Recording::from(machine.finish());
    ASSERT_TRUE(recording.ok());
    const replay::MachineShape& shape = recording.value().shape();
    ASSERT_EQ(shape.disks.size(), 2U);
    EXPECT_TRUE(shape.disks[1].cdrom);
    EXPECT_EQ(shape.disks[0].size, u64{1} << 20);
    EXPECT_TRUE(shape.serials[0]);
    ASSERT_TRUE(shape.vga);
    EXPECT_EQ(shape.vga->rom.size(), 4096U);
}

TEST(Recorder, ADisksContentIsCarriedToTheSamePlacesAndIsNotInTheFile) {
    RecordedMachine machine;
    const std::vector<u8> sector = machine.read_by_pio(5);
    EXPECT_TRUE(std::ranges::equal(std::span(machine.disk.data).subspan(5 * kSector, kSector), sector));
    const std::vector<u8> file = machine.finish();
    EXPECT_FALSE(holds(file, std::span(sector).first(16)));
    const Played played = play(file);
    EXPECT_TRUE(played.equal()) << played.difference;
}

TEST(Recorder, ASectorReadWordByWordIsNotInTheFileEither) {
    RecordedMachine machine;
    machine.task_file(1, 9, 0x20);
    for (unsigned i = 0; i < 256; ++i)
        machine.in(0x1f0, 2);
    const std::vector<u8> file = machine.finish();
    EXPECT_LT(file.size(), 1300U) << "the machine alone";
    const Played played = play(file);
    EXPECT_TRUE(played.equal()) << played.difference;
}

TEST(Recorder, AByteFromTheDataPortTakesItsWordWithIt) {
    RecordedMachine machine;
    machine.task_file(1, 9, 0x20);
    machine.in(0x1f0);
    std::vector<u8> rest(510);
    machine.xen->ports->read_string(0x1f0, 2, rest);
    expect_equal(machine);
}

TEST(Recorder, DmaTablesAreKeptAndPlacesOfTransfersCompared) {
    RecordedMachine machine;
    machine.dma(3, 0x8000, 4, true);
    EXPECT_EQ(machine.xen->inner.ram.ram[0x8000], machine.disk.data[3 * kSector]);
    machine.dma(8, 0x9000, 1, false);
    EXPECT_EQ(machine.disk.data[8 * kSector], machine.xen->inner.ram.ram[0x9000]);
    expect_equal(machine);
}

TEST(Recorder, CompletionsComeWhereTheyCame) {
    RecordedMachine machine;
    machine.disk.hold = true;
    machine.task_file(1, 2, 0x20);
    machine.in(0x3f6);
    machine.loop.advance(kMillisecond);
    machine.disk.complete();
    std::vector<u8> sector(512);
    machine.xen->ports->read_string(0x1f0, 2, sector);
    machine.disk.next_error = EIO;
    machine.task_file(1, 2, 0x20);
    machine.disk.complete();
    EXPECT_EQ(machine.in(0x1f7) & 1, 1U);
    expect_equal(machine);
}

TEST(Recorder, WritesToDisksPlayEqual) {
    RecordedMachine machine;
    machine.write_by_pio(4, 0x77);
    EXPECT_EQ(machine.disk.data[4 * kSector], 0x77);
    expect_equal(machine);
}

TEST(Recorder, TheSerialPortPlaysEqualInBothDirectionsAndAlsoWhenItsFarEndIsSlow) {
    RecordedMachine machine;
    machine.out(0x3f9, 3);
    machine.out(0x3fa, 1);
    machine.com1.room = 2;
    for (const char c : std::string_view("slow"))
        machine.out(0x3f8, static_cast<u8>(c));
    machine.com1.send("x");
    machine.in(0x3f8);
    machine.com1.room = SIZE_MAX;
    machine.com1.frontend->writable();
    machine.com1.frontend->break_received();
    machine.in(0x3fd);
    machine.loop.advance(kSecond);
    expect_equal(machine);
    EXPECT_EQ(machine.com1.sent, "slow");
}

TEST(Recorder, ModemLinesPlayEqualAlsoInAMachineThatWasRestored) {
    RecordedMachine machine;
    machine.com1.lines = 0xb0;
    machine.out(0x3fc, 0x0b);
    EXPECT_EQ(machine.com1.outputs, 3);
    machine.out(0x3f9, 0x08);
    machine.com1.lines = 0x30;
    machine.loop.advance(kSecond);
    EXPECT_EQ(machine.in(0x3fe), 0x38U);
    machine.out(0x3f9, 0x00);
    machine.com1.lines = 0x10;
    EXPECT_EQ(machine.in(0x3fe), 0x12U);
    const std::vector<u8> file = machine.finish();
    auto recording = replay::Recording::from(file);
    ASSERT_TRUE(recording.ok());
    for (const u64 every : {u64{0}, u64{1}}) {
        const Played played = play(recording.value(), every);
        EXPECT_TRUE(played.equal()) << played.difference;
        EXPECT_TRUE(played.ended_in_order);
    }
}

TEST(Recorder, KeysAndPointerPlayEqual) {
    RecordedMachine machine;
    machine.out(0x64, 0x60);
    machine.out(0x60, 0x43);
    machine.input->key(0x1e, true);
    machine.input->key(0x1e, false);
    machine.loop.advance(10 * kMillisecond);
    machine.in(0x64);
    machine.in(0x60);
    machine.loop.advance(10 * kMillisecond);
    machine.in(0x60);
    machine.input->pointer(10, 20, 640, 480, 1);
    machine.input->motion(-7, 9, 2);
    expect_equal(machine);
}

TEST(Recorder, WhatTheGuestWritesIntoTheFrameBufferItselfIsSeenByTheReplay) {
    RecordedMachine machine;
    machine.place_vga();
    machine.xen->video->memory[0x20] = 0x5a; // through a mapping, past the device
    machine.out(0x3ce, 0x0006, 2);
    machine.xen->mmio->read(0xa0000, 8);
    machine.xen->mmio->read(0xa0008, 1);
    expect_equal(machine);
}

TEST(Recorder, PowerOffAndRoutesPlayEqual) {
    RecordedMachine machine;
    machine.set_config(1, 0, 0x60, 0x0b0a0a05);
    machine.out(0xcf9, 6);
    EXPECT_EQ(machine.xen->inner.shutdowns.size(), 1U);
    expect_equal(machine);
}

TEST(Recorder, OnlyWhatTheMachineAnswersIsAskedForWhileItIsRecorded) {
    RecordedMachine machine;
    const auto asked = [&](u64 at) { // neighbours may be asked for as one
        return std::ranges::any_of(
            machine.xen->ranges, [&](const auto& range) { return range.first <= at && at <= range.second; });
    };
    EXPECT_EQ(machine.xen->functions, 6U);
    EXPECT_TRUE(asked(0x3f8));
    EXPECT_FALSE(asked(0xf0000000));
    machine.place_vga();
    machine.set_config(3, 0, pci::BAR0 + 8, 0xf2000000);
    EXPECT_TRUE(asked(0xf2000000));
    machine.set_config(3, 0, pci::BAR0 + 8, 0xf3000000);
    EXPECT_FALSE(asked(0xf2000000));
}

TEST(Recorder, RandomTrafficPlaysEqual) {
    Log::set_sink([](LogLevel, std::string_view) {});
    for (u64 seed = 1; seed <= 30; ++seed) {
        RecordedMachine machine;
        test::Rng rng(seed);
        machine.loop.clock.per_look = 100;
        machine.place_vga();
        for (unsigned i = 0; i < 600; ++i) {
            if (rng.one_in(20)) machine.loop.advance(rng.below(kSecond / 4));
            if (rng.one_in(20)) machine.input->key(static_cast<KeyCode>(rng.next()), rng.one_in(2));
            if (rng.one_in(20)) machine.com1.send("hello");
            if (rng.one_in(30)) machine.read_by_pio(static_cast<u32>(rng.below(2000)));
            if (rng.one_in(30)) machine.dma(static_cast<u32>(rng.below(2000)), 0x8000, 8, rng.one_in(2));
            machine.random_access(rng);
        }
        const Played played = play(machine.finish());
        EXPECT_TRUE(played.equal()) << "seed " << seed << ": " << played.error << played.difference;
        EXPECT_TRUE(played.ended_in_order);
    }
    Log::set_sink({});
}

TEST(Recorder, AFileThatCannotBeMadeIsAnErrorThatNamesTheOption) {
    auto recorder =
        replay::Recorder::create(std::make_unique<test::FakeAccelerator>(), {"/nonexistent/file", {}});
    ASSERT_FALSE(recorder.ok());
    EXPECT_THAT(recorder.error().message, HasSubstr("-hvmdm-record /nonexistent/file"));
    recorder = replay::Recorder::create(std::make_unique<test::FakeAccelerator>(), {"/dev/full", {}});
    ASSERT_FALSE(recorder.ok());
    EXPECT_THAT(recorder.error().message, HasSubstr("No space left"));
}

} // namespace
} // namespace dm
