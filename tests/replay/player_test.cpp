// What the player finds when a machine does not do what was recorded.
#include "tests/replay/recorded_machine.hpp"
#include "tests/replay/written.hpp"

#include "dm/board/board_names.hpp"

#include <gmock/gmock.h>

namespace dm {
namespace {

using replay::Kind;
using replay::Record;
using test::file_of;
using testing::HasSubstr;

constexpr u64 kLsr = 0x3fd;
constexpr u64 kIdle = 0x60; // LSR: transmitter empty

/// What differs, in the words that the program uses.
std::string difference(const std::vector<Record>& records) {
    const auto recording = replay::Recording::from(file_of(records));
    EXPECT_TRUE(recording.ok()) << recording.error().message;
    replay::Player player(recording.value());
    const auto board = make_replay_board(recording.value().shape(), player);
    EXPECT_TRUE(board.ok()) << board.error().message;
    const BoardNames names(*board.value());
    replay::Stage& stage = player.stage();
    stage.set_describe([&](const Record& record) { return replay::describe(record, &names); });
    Board& b = *board.value();
    player.run({b.ports(), b.memory(), b.pci(), b.input()});
    EXPECT_FALSE(stage.damage()) << stage.damage()->message;
    return stage.difference() ? stage.difference()->text : "";
}

TEST(Player, AnEqualAnswerIsNoDifference) {
    EXPECT_EQ(
        difference({{.kind = Kind::PortIn, .size = 1, .where = kLsr, .value = kIdle}, {.kind = Kind::End}}),
        "");
}

TEST(Player, AnotherAnswerIsToldWithTheRegistersName) {
    EXPECT_EQ(difference({{.kind = Kind::PortIn, .size = 1, .where = kLsr, .value = 0x61}}),
              "in 3fd COM1.LSR -> 61: expected 61, got 60");
}

TEST(Player, ACharacterThatWasNotSentIsMissed) {
    const std::string text = difference({{.kind = Kind::PortOut, .size = 1, .where = 0x3f8, .value = 'x'}, //
                                         {.kind = Kind::End}});
    EXPECT_THAT(text, HasSubstr("out 3f8 COM1.RBR/THR <- 78: the board does"));
    EXPECT_THAT(text, HasSubstr("recorded was end"));
}

TEST(Player, AnInterruptThatWasNotRecordedIsADifference) {
    EXPECT_THAT(difference({{.kind = Kind::PortOut, .size = 1, .where = 0x3f9, .value = 2},
                            {.kind = Kind::PortOut, .size = 1, .where = 0x3fc, .value = 8},
                            {.kind = Kind::End}}),
                HasSubstr("the board does line IRQ4 high"));
}

TEST(Player, AnInterruptThatNeverComesIsADifference) {
    EXPECT_THAT(difference({{.kind = Kind::PortOut, .size = 1, .where = 0x3ff, .value = 2},
                            {.kind = Kind::Line, .where = 4, .value = 1},
                            {.kind = Kind::End}}),
                HasSubstr("recorded next was line IRQ4 high, the board does nothing more"));
}

TEST(Player, NamesThatTheMachineDoesNotHaveAreDifferences) {
    EXPECT_THAT(difference({{.kind = Kind::Received, .where = 3, .length = 1, .bytes = {1}}}),
                HasSubstr("a serial port that this machine does not have"));
    EXPECT_THAT(difference({{.kind = Kind::Completed, .where = 1}}),
                HasSubstr("a disk that this machine does not"));
    EXPECT_THAT(difference({{.kind = Kind::Line, .where = 4, .value = 1}}),
                HasSubstr("which nothing leads to"));
    EXPECT_THAT(
        difference({{.kind = Kind::PortInString, .size = 4, .where = kLsr, .length = 1, .bytes = {1}}}),
        HasSubstr("impossible length"));
    EXPECT_THAT(difference({{.kind = Kind::PortIn, .medium = true, .size = 1, .where = kLsr}}),
                HasSubstr("content that was never read"));
}

TEST(Player, ARecordingWithoutAnEndWasCutOff) {
    const test::Played played =
        test::play(file_of({{.kind = Kind::PortIn, .size = 1, .where = kLsr, .value = kIdle}}));
    EXPECT_TRUE(played.equal());
    EXPECT_FALSE(played.ended_in_order);
    EXPECT_EQ(played.operations, 1U);
}

TEST(Player, APartOfGuestMemoryThatDidNotChangeIsKeptOnce) {
    test::RecordedMachine machine;
    machine.dma(3, 0x8000, 1, true);
    machine.dma(3, 0x8000, 1, true);
    const auto recording = replay::Recording::from(machine.finish());
    ASSERT_TRUE(recording.ok());
    replay::Script script(recording.value());
    unsigned unchanged = 0;
    for (; script.peek() != nullptr; script.pop()) {
        const Record& record = *script.peek();
        if (record.kind == Kind::GuestRead && !record.pieces.empty() &&
            record.pieces[0].source == replay::Source::Unchanged)
            ++unchanged;
    }
    EXPECT_GT(unchanged, 0U);
}

TEST(Words, ARecordReadsLikeASentence) {
    using replay::describe;
    EXPECT_EQ(describe({.kind = Kind::PortOut, .size = 2, .where = 0x1ce, .value = 4}, nullptr),
              "out 1ce <- 0004");
    EXPECT_EQ(describe({.kind = Kind::Line, .where = replay::kIntxBase + 9, .value = 0}, nullptr),
              "line INTB of device 2 low");
    EXPECT_EQ(describe({.kind = Kind::Look, .value = 2'000'000'001}, nullptr), "time 2.000000001");
    EXPECT_EQ(describe({.kind = Kind::Sent, .where = 0, .length = 2, .bytes = {'a', 10}}, nullptr),
              "serial0 sent \"a\\x0a\"");
    EXPECT_EQ(describe({.kind = Kind::Received, .where = 0, .length = 1, .bytes = {'q'}}, nullptr),
              "serial0 received \"q\"");
}

TEST(Words, RegistersAreCalledByTheirDatasheetsNames) {
    EXPECT_EQ(fixed_port_name(0x1f7), "primary.STATUS/COMMAND");
    EXPECT_EQ(fixed_port_name(0x3c9), "vga.DAC_DATA");
    EXPECT_EQ(fixed_port_name(0xcff), "pci-host.CONFDATA+3");
    EXPECT_EQ(fixed_port_name(0x9999), "");
    EXPECT_EQ(config_name("piix3-isa", 0x62), "piix3-isa.PIRQRCC");
    EXPECT_EQ(config_name("VGA", 0x12), "VGA.BAR0+2");
}

} // namespace
} // namespace dm
