#include "dm/core/io_space.hpp"

#include <gmock/gmock.h>

namespace dm {
namespace {

using testing::ElementsAre;

/// Answers reads with its own mark and the offset, and keeps what is done to it.
struct Recorder : IoHandler {
    explicit Recorder(u8 m) : mark(m) {}
    u64 read(u64 offset, unsigned size) override {
        log.push_back(fmt::format("r{}@{:x}", size, offset));
        return u64{mark} * 0x0101010101010101;
    }
    void write(u64 offset, unsigned size, u64 value) override {
        log.push_back(fmt::format("w{}@{:x}={:x}", size, offset, value));
    }
    u8 mark;
    std::vector<std::string> log;
};

struct Ranges : RangeSink {
    void add_range(u64 first, u64 last) override { log.push_back(fmt::format("+{:x}-{:x}", first, last)); }
    void remove_range(u64 first, u64 last) override { log.push_back(fmt::format("-{:x}-{:x}", first, last)); }
    std::vector<std::string> log;
};

struct IoSpaceTest : testing::Test {
    IoSpace space{"ports", 0xffff};
    Recorder a{0xaa};
    Recorder b{0xbb};
};

TEST_F(IoSpaceTest, NobodyAnswersWithOnesOfTheAccessSize) {
    EXPECT_EQ(space.read(0x80, 1), 0xffU);
    EXPECT_EQ(space.read(0x80, 2), 0xffffU);
    EXPECT_EQ(space.read(0x80, 4), 0xffffffffU);
    space.write(0x80, 4, 1);
}

TEST_F(IoSpaceTest, TheHandlerSeesOffsetsAndOnlyTheBitsOfTheSize) {
    const IoWindow w = space.map({.base = 0x3f8, .length = 8}, a);
    EXPECT_EQ(space.read(0x3fa, 2), 0xaaaaU);
    space.write(0x3f9, 1, 0x1234);
    EXPECT_THAT(a.log, ElementsAre("r2@2", "w1@1=34"));
}

TEST_F(IoSpaceTest, WideAccessesAreSplitToTheWidthTheHandlerTakesLowestFirst) {
    const IoWindow w = space.map({.base = 0x3f8, .length = 8, .max_width = 1}, a);
    space.write(0x3f8, 4, 0x44332211);
    EXPECT_THAT(a.log, ElementsAre("w1@0=11", "w1@1=22", "w1@2=33", "w1@3=44"));
}

TEST_F(IoSpaceTest, AnAccessAcrossTwoHandlersIsDoneByteByByte) {
    const IoWindow w1 = space.map({.base = 0x10, .length = 2}, a);
    const IoWindow w2 = space.map({.base = 0x12, .length = 1}, b);
    EXPECT_EQ(space.read(0x10, 4), 0xffbbaaaaU);
    EXPECT_THAT(a.log, ElementsAre("r1@0", "r1@1"));
}

TEST_F(IoSpaceTest, AtTheEndOfTheSpaceNothingWrapsAround) {
    const IoWindow w = space.map({.base = 0xffff, .length = 1}, a);
    const IoWindow zero = space.map({.base = 0, .length = 4}, b);
    EXPECT_EQ(space.read(0xffff, 4), 0xffffffaaU);
    EXPECT_TRUE(b.log.empty());
    const IoWindow beyond = space.map({.base = 0xfff0, .length = 0x100}, b);
    EXPECT_EQ(space.read(0xfff0, 1), 0xbbU);
}

TEST_F(IoSpaceTest, WhereWindowsOverlapTheFirstOneAnswersAndTheOtherComesBackWhenItGoes) {
    IoWindow first = space.map({.base = 0x100, .length = 4}, a);
    const IoWindow second = space.map({.base = 0xfe, .length = 8}, b);
    EXPECT_EQ(space.read(0xff, 1), 0xbbU);
    EXPECT_EQ(space.read(0x100, 1), 0xaaU);
    space.write(0x104, 1, 9);
    EXPECT_THAT(b.log, ElementsAre("r1@1", "w1@6=9"));
    first.unmap();
    EXPECT_EQ(space.read(0x100, 1), 0xbbU);
}

TEST_F(IoSpaceTest, WhoAnswersWhereMovedWindowsOverlapDoesNotDependOnTheOrderOfTheirMoves) {
    IoWindow one = space.movable();
    IoWindow two = space.movable();
    two.map({.base = 0x100, .length = 8}, b);
    one.map({.base = 0x104, .length = 8}, a);
    EXPECT_EQ(space.read(0x104, 1), 0xaaU) << "it was made first";
    EXPECT_EQ(space.read(0x103, 1), 0xbbU);
    one.map({.base = 0x200, .length = 8}, a);
    EXPECT_EQ(space.read(0x104, 1), 0xbbU);
    one.map({.base = 0x100, .length = 4}, a);
    EXPECT_EQ(space.read(0x100, 1), 0xaaU);
    one.unmap();
    EXPECT_EQ(space.read(0x100, 1), 0xbbU);
}

TEST_F(IoSpaceTest, WhatStaysGoesBeforeWhatTheGuestMoves) {
    IoWindow moved = space.movable();
    moved.map({.base = 0x100, .length = 8}, b);
    const IoWindow stays = space.map({.base = 0x104, .length = 1}, a);
    EXPECT_EQ(space.read(0x104, 1), 0xaaU);
    EXPECT_EQ(space.read(0x105, 1), 0xbbU);
}

TEST_F(IoSpaceTest, FirstOffsetShiftsWhatTheHandlerSees) {
    const IoWindow w = space.map({.base = 0x3c0, .length = 16, .first_offset = 0x10}, a);
    space.write(0x3c4, 1, 2);
    EXPECT_THAT(a.log, ElementsAre("w1@14=2"));
}

TEST_F(IoSpaceTest, TheHypervisorHearsMergedRangesAndOnlyDifferences) {
    Ranges ranges;
    IoWindow w1 = space.map({.base = 0x10, .length = 2}, a);
    space.set_range_sink(&ranges);
    IoWindow w2 = space.map({.base = 0x12, .length = 2}, b);
    w1.unmap();
    IoWindow hidden = space.map({.base = 0x40, .length = 1, .routed = false}, a);
    w2 = IoWindow{};
    EXPECT_THAT(ranges.log, ElementsAre("+10-11", "+12-13", "-10-11", "-12-13"));
}

TEST_F(IoSpaceTest, StringsGoToTheHandlerAsOneCall) {
    struct Bulk : Recorder {
        using Recorder::Recorder;
        void read_string(u64 offset, unsigned size, std::span<u8> bytes) override {
            log.push_back(fmt::format("R{}@{:x}x{}", size, offset, bytes.size()));
            std::fill(bytes.begin(), bytes.end(), mark);
        }
    } bulk{0xcc};
    const IoWindow w = space.map({.base = 0x1f0, .length = 8}, bulk);
    std::vector<u8> sector(512);
    space.read_string(0x1f0, 2, sector);
    EXPECT_THAT(bulk.log, ElementsAre("R2@0x512"));
    EXPECT_EQ(sector[511], 0xcc);
}

TEST_F(IoSpaceTest, StringsWithoutBulkSupportGoElementByElementInOrder) {
    const IoWindow w = space.map({.base = 0x60, .length = 1}, a);
    space.write_string(0x60, 1, std::vector<u8>{1, 2, 3});
    EXPECT_THAT(a.log, ElementsAre("w1@0=1", "w1@0=2", "w1@0=3"));
}

TEST_F(IoSpaceTest, SpansAdvanceThroughAddresses) {
    IoSpace memory{"memory", ~u64{0}};
    const IoWindow w = memory.map({.base = 0xa0000, .length = 0x20000}, a);
    memory.write_span(0xa0010, 2, std::vector<u8>{1, 0, 2, 0});
    EXPECT_THAT(a.log, ElementsAre("w2@10=1", "w2@12=2"));
    std::vector<u8> out(3);
    memory.read_span(0xbffff, 1, out);
    EXPECT_THAT(out, ElementsAre(0xaa, 0xff, 0xff));
}

TEST_F(IoSpaceTest, AHandlerMayUnmapItselfWhileItAnswers) {
    struct Vanishing : IoHandler {
        u64 read(u64, unsigned) override { return 0; }
        void write(u64, unsigned, u64) override { window.unmap(); }
        IoWindow window;
    } chip;
    chip.window = space.map({.base = 0x20, .length = 4, .max_width = 1}, chip);
    space.write(0x20, 4, 0);
    EXPECT_EQ(space.read(0x20, 1), 0xffU);
}

} // namespace
} // namespace dm
