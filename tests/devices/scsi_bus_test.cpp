// Commands in flight: disconnection, reselection, queues, aborts and resets, as the chip sees them.
#include "tests/devices/lsi53c895a_rig.hpp"

#include <cerrno>
#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace lsi_rig;

std::vector<u8> read10(u32 lba, u16 count) {
    return {0x28,
            0,
            byte_of(lba, 3),
            byte_of(lba, 2),
            byte_of(lba, 1),
            byte_of(lba, 0),
            0,
            byte_of(count, 1),
            byte_of(count, 0)};
}
std::vector<u8> write10(u32 lba, u16 count) {
    auto cdb = read10(lba, count);
    cdb[0] = 0x2a;
    return cdb;
}

struct ScsiBusTest : testing::Test {
    ScsiBusTest() {
        r.settle();
        r.set(CCNTL0, ccntl0::ENPMJ);
        r.set(PMJAD1, kScript + 8, 4);
        r.set(SCID, 0x47);
    }
    /// Starts a command whose medium does not answer yet; the script then waits for a reselection.
    void start(u8 id, const std::vector<u8>& cdb, u32 where, u32 size, int tag = -1) {
        disk(id).hold = true;
        r.prepare(id, cdb, {{where, size}}, true, tag);
        r.go();
    }
    /// Ends the wait for a reselection, as a driver with another command does.
    void wake() {
        r.set(ISTAT0, istat0::SIGP);
        EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SIR);
        EXPECT_EQ(r.reg32(DSPS), kIdle);
        r.reg(CTEST2);
    }
    FakeBlock& disk(u8 id) { return id == 0 ? r.disk : r.disk2; }
    std::vector<u8> on_disk(u64 at, u64 size) const {
        return {r.disk.data.begin() + static_cast<std::ptrdiff_t>(at),
                r.disk.data.begin() + static_cast<std::ptrdiff_t>(at + size)};
    }
    /// Waits for the next reselection; the tag that came, or -1.
    int reselected_tag() {
        r.run(
            join({wait_reselect(0), move(MSG_IN, 1, kMessageIn), clear(ACK), move(MSG_IN, 2, kMessageIn + 1),
                  clear(ACK), move(STATUS, 1, kStatus), move(MSG_IN, 1, kMessageIn + 3), interrupt(0x31)}));
        if (r.reg(DSTAT) != (dstat::DFE | dstat::SIR)) return -1;
        EXPECT_EQ(r.ram[kMessageIn], 0x80);
        EXPECT_EQ(r.ram[kMessageIn + 1], 0x20);
        EXPECT_EQ(r.ram[kMessageIn + 3], 0);
        EXPECT_EQ(r.reg(SIDL), 0);
        return r.ram[kMessageIn + 2];
    }
    LsiRig r;
};

TEST_F(ScsiBusTest, DataGoesStraightBetweenMediumAndGuestPages) {
    EXPECT_EQ(
        r.command(0, read10(8, 16), {{kData, 0x1000}, {kData + 0x4000, 0x800}, {kData + 0x2000, 0x800}}), 0);
    EXPECT_EQ(r.disk.submitted, 1U); // one request, whatever the number of blocks
    EXPECT_EQ(r.bytes(kData, 0x1000), on_disk(0x1000, 0x1000));
    EXPECT_EQ(r.bytes(kData + 0x4000, 0x800), on_disk(0x2000, 0x800));
    EXPECT_EQ(r.bytes(kData + 0x2000, 0x800), on_disk(0x2800, 0x800));
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    r.put(kData, std::vector<u8>(0x1000, 0x5a));
    EXPECT_EQ(r.command(0, write10(100, 8), {{kData, 0x1000}}), 0);
    EXPECT_EQ(on_disk(51200, 0x1000), std::vector<u8>(0x1000, 0x5a));
    EXPECT_FALSE(r.hypervisor.ram.dirty.empty());
}

TEST_F(ScsiBusTest, ATargetDisconnectsWhileTheMediumWorks) {
    start(0, read10(0, 1), kData, 512);
    EXPECT_EQ(r.reg(SCNTL1) & scntl1::CON, 0);
    EXPECT_EQ(r.reg(ISTAT1), istat1::SRUN);
    EXPECT_EQ(r.ram[kMessageIn], 4);
    r.disk.complete();
    EXPECT_EQ(r.finish(), 0);
    EXPECT_EQ(r.reg(SSID), 0x80);
    EXPECT_EQ(r.bytes(kData, 512), on_disk(0, 512));
}

TEST_F(ScsiBusTest, WithoutThePrivilegeItStaysConnected) {
    r.disk.hold = true;
    r.prepare(0, read10(0, 1), {{kData, 512}}, false);
    r.go();
    EXPECT_EQ(r.reg(SCNTL1) & scntl1::CON, scntl1::CON);
    EXPECT_EQ(r.reg(SBCL) & lines::REQ, 0);
    EXPECT_EQ(r.finish(), 0);
}

TEST_F(ScsiBusTest, ALongerBlockMoveThanTheDataEndsWithTheMedium) { // no phase to mismatch with before
    r.disk.hold = true;
    r.prepare(0, read10(0, 1), {{kData, 1000}}, false);
    r.go();
    EXPECT_EQ(r.reg(ISTAT0), istat0::CON);
    r.set(PMJAD1, kScript + 0x400, 4);
    r.put_words(kScript + 0x400, interrupt(0x98));
    r.disk.complete();
    EXPECT_EQ(r.reg32(DSPS), 0x98U);
    EXPECT_EQ(r.reg32(RBC), 488U);
}

TEST_F(ScsiBusTest, ManyCommandsAreInFlightAndEndInTheOrderOfTheMedium) {
    for (const int tag : {11, 12, 13}) {
        start(0, read10(static_cast<u32>(tag), 1), static_cast<u32>(kData) + 0x1000U * static_cast<u32>(tag),
              512, tag);
        if (tag != 13) wake();
    }
    wake();
    ASSERT_EQ(r.disk.held.size(), 3U);
    std::swap(r.disk.held[0], r.disk.held[2]);
    while (!r.disk.held.empty())
        r.disk.complete();
    EXPECT_EQ(reselected_tag(), 13);
    EXPECT_EQ(reselected_tag(), 12);
    EXPECT_EQ(reselected_tag(), 11);
    EXPECT_EQ(r.bytes(kData + 0xc000, 512), on_disk(512 * 12, 512));
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(ScsiBusTest, TwoTargetsWorkAtTheSameTime) {
    start(0, read10(0, 1), kData, 512, 5);
    wake();
    start(1, write10(0, 1), kData, 512, 6);
    EXPECT_EQ(r.disk.held.size(), 1U);
    EXPECT_EQ(r.disk2.held.size(), 1U);
    r.disk2.complete();
    EXPECT_EQ(r.reg(SSID), 0x81);
}

TEST_F(ScsiBusTest, AnOrderedCommandWaitsForThoseBeforeIt) {
    start(0, write10(0, 1), kData, 512, 7);
    wake();
    r.ordered = true;
    start(0, write10(1, 1), kData, 512, 8);
    wake();
    r.ordered = false;
    start(0, write10(2, 1), kData, 512, 9);
    EXPECT_EQ(r.disk.held.size(), 1U);
    r.disk.complete();
    EXPECT_EQ(r.disk.held.size(), 1U);
    EXPECT_EQ(r.disk.held.front()->offset, 512U);
    r.disk.complete();
    EXPECT_EQ(r.disk.held.front()->offset, 1024U);
}

TEST_F(ScsiBusTest, WhenAllPlacesAreTakenTheTargetSaysSo) {
    unsigned started = 0;
    for (u32 tag = 0; tag < 80; ++tag) {
        start(0, read10(tag, 1), kData, 512, static_cast<int>(16 + tag));
        if ((r.reg(ISTAT0) & istat0::DIP) != 0) break;
        ++started;
        wake();
    }
    EXPECT_EQ(started, ScsiBus::kMostTasks - 1);
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SIR);
    EXPECT_EQ(r.ram[kStatus], 0x28);
    r.disk.hold = false;
    r.dev.quiesce();
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(ScsiBusTest, TheSameTagTwiceIsRefused) {
    start(0, read10(0, 1), kData, 512, 5);
    wake();
    r.prepare(0, read10(0, 1), {{kData, 512}}, true, 5);
    r.go();
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SIR);
    EXPECT_EQ(r.ram[kStatus], 2);
    EXPECT_EQ(r.sense(), (std::array<u8, 3>{0x0b, 0x4e, 0}));
}

TEST_F(ScsiBusTest, SenseDataWaitUntilSomebodyAsked) {
    start(0, read10(0, 1), kData, 512, 5);
    wake();
    start(0, read10(1, 1), kData, 512, 6);
    wake();
    r.disk.next_error = EIO;
    r.disk.complete();
    r.disk.next_error = EIO;
    r.disk.complete();
    r.disk.hold = false;
    EXPECT_EQ(reselected_tag(), 5);
    EXPECT_EQ(r.ram[kStatus], 2);
    EXPECT_EQ(reselected_tag(), -1); // the second would overwrite it
    r.set(ISTAT0, istat0::SIGP);
    r.reg(CTEST2);
    r.reg(DSTAT);
    EXPECT_EQ(r.sense(), (std::array<u8, 3>{3, 0x11, 0}));
    EXPECT_EQ(r.bytes(kData + 3, 4), (std::vector<u8>{0, 0, 0, 0}));
    EXPECT_EQ(reselected_tag(), 6);
    EXPECT_EQ(r.sense(), (std::array<u8, 3>{3, 0x11, 0}));
    EXPECT_EQ(r.ram[kData + 6], 1); // the block that failed
}

TEST_F(ScsiBusTest, AnAbortedCommandReachesNoMemoryAnyMore) {
    start(0, read10(0, 1), kData, 512, 5);
    wake();
    start(0, read10(1, 1), kData + 0x1000, 512, 6);
    wake();
    r.put(kMessageOut, {0xc0, 0x20, 5, 0x0d}); // ABORT TASK
    r.run(join({select_atn(0, 0), move(MSG_OUT, 4, kMessageOut), wait_disconnect(), interrupt(0x41)}));
    EXPECT_EQ(r.reg32(DSPS), 0x41U);
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    r.reg(DSTAT);
    EXPECT_EQ(reselected_tag(), 6);
    EXPECT_EQ(reselected_tag(), -1);
}

TEST_F(ScsiBusTest, AnAbortInADataPhaseTakesTheConnectedCommandWhateverItNames) {
    r.put(kMessageOut, {0xc0, 0x20, 5, 0x20, 6, 0x0d});
    r.put(kCommand, {0x28, 0, 0, 0, 0, 4, 0, 0, 2, 0});
    r.run(join({select_atn(0, 0), move(MSG_OUT, 3, kMessageOut), move(COMMAND, 10, kCommand),
                move(DATA_IN, 100, kData), set(ATN), move(MSG_OUT, 3, kMessageOut + 3), wait_disconnect(),
                interrupt(0x41)}));
    EXPECT_EQ(r.reg32(DSPS), 0x41U);
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    r.reg(DSTAT);
    r.quiesce();
    LsiRig twin;
    const std::vector<u8> image = snapshot(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE(twin.dev.load(*reader).ok()); // nothing half done is left
    EXPECT_EQ(r.command(0, read10(0, 1), {{kData, 512}}, true, 5), 0);
}

TEST_F(ScsiBusTest, ATargetResetForgetsItsCommandsOnly) {
    start(0, read10(0, 1), kData, 512, 5);
    wake();
    start(1, read10(0, 1), kData, 512, 6);
    wake();
    r.put(kMessageOut, {0xc0, 0x0c});
    r.run(join({select_atn(0, 0), move(MSG_OUT, 2, kMessageOut), wait_disconnect(), interrupt(0x41)}));
    EXPECT_EQ(r.reg32(DSPS), 0x41U);
    r.reg(DSTAT);
    EXPECT_EQ(r.disk2.held.size(), 1U);
    r.disk.hold = r.disk2.hold = false;
    r.disk2.complete();
    EXPECT_EQ(reselected_tag(), 6);
    EXPECT_EQ(r.command(0, {0x00}), 2);
    EXPECT_EQ(r.sense(), (std::array<u8, 3>{6, 0x29, 3}));
}

TEST_F(ScsiBusTest, ResetsWithRequestsInFlightLeaveNothingBehind) { // CVE-2023-5088
    const std::vector<u8> first = on_disk(0, 512);
    const auto resets = {+[](LsiRig& x) { x.set(SCNTL1, scntl1::RST); },
                         +[](LsiRig& x) { x.set(ISTAT0, istat0::SRST); }, +[](LsiRig& x) { x.dev.reset(); }};
    for (const auto reset : resets) {
        r.place_bars();
        r.set(SCNTL1, 0);
        r.reg(SIST0);
        r.command(0, {0x00});
        r.command(0, {0x00});
        r.put(kData, std::vector<u8>(512, 0xee));
        start(0, write10(40, 1), kData, 512, 5);
        ASSERT_EQ(r.disk.held.size(), 1U);
        reset(r);
        EXPECT_EQ(r.disk.held.size(), 0U);
        EXPECT_EQ(r.hypervisor.ram.pins, 0);
        EXPECT_EQ(on_disk(0, 512), first);
        EXPECT_EQ(on_disk(40 * 512, 512), std::vector<u8>(512, 0xee));
        r.disk.hold = false;
    }
}

TEST_F(ScsiBusTest, MessagesThatMakeNoSenseAreRejected) {
    for (const std::vector<u8>& message :
         {std::vector<u8>{0x80, 0x55}, {0x80, 0x20}, {0x80, 0x01, 3, 1}, {0x80, 0x01}, {0x80, 0x00}}) {
        r.put(kMessageOut, message);
        r.run(join({select_atn(0, 0), move(MSG_OUT, static_cast<u32>(message.size()), kMessageOut),
                    jump_when(MSG_IN, kScript + 32), interrupt(1), move(MSG_IN, 1, kMessageIn),
                    jump_when(COMMAND, kScript + 56), interrupt(2), interrupt(3)}));
        EXPECT_EQ(r.reg32(DSPS), 3U);
        EXPECT_EQ(r.ram[kMessageIn], 7);
        r.set(SCNTL1, scntl1::RST);
        r.set(SCNTL1, 0);
        r.set(ISTAT0, istat0::SRST);
    }
}

TEST_F(ScsiBusTest, NegotiationsAreNotAnswered) { // that means asynchronous and narrow
    r.put(kMessageOut, {0xc0, 0x20, 9, 1, 2, 3, 1, 1, 3, 1, 12, 31});
    r.run(join({select_atn(0, 0), move(MSG_OUT, 12, kMessageOut), jump_when(COMMAND, kScript + 32),
                interrupt(1), interrupt(2)}));
    EXPECT_EQ(r.reg32(DSPS), 2U);
}

TEST_F(ScsiBusTest, GarbageInEveryPhaseIsSurvived) {
    Rng rng(9);
    for (int i = 0; i < 200; ++i) {
        std::vector<u8> noise(64);
        for (u8& b : noise)
            b = static_cast<u8>(rng.below(256));
        r.put(kMessageOut, noise);
        r.put(kCommand, noise);
        r.run(join({select_atn(static_cast<u32>(rng.below(5)), 0),
                    move(MSG_OUT, static_cast<u32>(1 + rng.below(64)), kMessageOut), set(ATN),
                    move(MSG_OUT, 0xff'ffff, kMessageOut), move(COMMAND, 0xff'ffff, kCommand),
                    move(static_cast<Phase>(rng.below(8)), 0xff'ffff, kData), wait_disconnect(),
                    interrupt(1)}));
        r.advance(kMillisecond);
        r.reg(DSTAT);
        r.reg32(SIEN0);
    }
    r.dev.reset();
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

TEST_F(ScsiBusTest, MemoryThatIsNotThereSwallowsAndReadsAsOnes) {
    EXPECT_EQ(r.command(0, read10(0, 2), {{0x3'ff00, 0x200}, {0xfff0'0000, 0x200}}), 0);
    EXPECT_EQ(r.bytes(0x3'ff00, 0x100), on_disk(0, 0x100));
    EXPECT_EQ(r.command(0, write10(50, 1), {{0x8000'0000, 512}}), 0);
    EXPECT_EQ(on_disk(50 * 512, 512), std::vector<u8>(512, 0xff));
}

TEST_F(ScsiBusTest, AStoppedMachineHasNothingInFlightAndGoesOnLater) {
    start(0, read10(3, 1), kData, 512, 5);
    r.dev.quiesce();
    EXPECT_TRUE(r.disk.held.empty());
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_EQ(r.reg(ISTAT0) & istat0::DIP, 0);
    EXPECT_EQ(r.timers.next_deadline(), r.clock.now);
    r.disk.hold = false;
    r.advance(1);
    EXPECT_EQ(r.finish(), 0);
}

TEST_F(ScsiBusTest, ASaveInTheMiddleOfADataPhaseLosesNothing) {
    r.put(kMessageOut, {0x80});
    r.put(kCommand, {0x28, 0, 0, 0, 0, 4, 0, 0, 2, 0});
    r.run(join({select_atn(0, 0), move(MSG_OUT, 1, kMessageOut), move(COMMAND, 10, kCommand),
                move(DATA_IN, 100, kData), interrupt(1), move(DATA_IN, 924, kData + 100),
                move(STATUS, 1, kStatus), move(MSG_IN, 1, kMessageIn), interrupt(2)}));
    EXPECT_EQ(r.reg32(DSPS), 1U);
    r.quiesce();
    const std::vector<u8> image = snapshot(r);
    LsiRig twin;
    twin.copy_surroundings(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    twin.reg(DSTAT);
    twin.set(DCNTL, dcntl::STD);
    EXPECT_EQ(twin.reg32(DSPS), 2U);
    EXPECT_EQ(twin.ram[kStatus], 0);
    EXPECT_EQ(twin.bytes(kData, 1024), on_disk(2048, 1024));
}

TEST_F(ScsiBusTest, AReselectionInterruptsWhereADriverWantsIt) {
    start(0, read10(0, 1), kData, 512, 5);
    wake();
    r.set(SIEN0, sist0::RSL);
    r.disk.complete();
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(SCNTL1), scntl1::CON);
    EXPECT_EQ(r.reg(SIST0), sist0::RSL);
    EXPECT_EQ(r.reg(SFBR), 1); // the ID as a bit
}

TEST_F(ScsiBusTest, ASelectionLosesAgainstAReselection) {
    start(0, read10(0, 1), kData, 512, 5);
    wake();
    r.set(SIEN0, sist0::RSL);
    r.disk.complete();
    r.reg(SIST0);
    r.set(SIEN0, 0);
    r.run(join({select_atn(1, kScript + 16), interrupt(1), interrupt(2)}));
    EXPECT_EQ(r.reg32(DSPS), 2U);
}

TEST_F(ScsiBusTest, UnpluggedDisksAreFlushedAndGone) {
    start(0, write10(9, 1), kData, 512, 5);
    EXPECT_TRUE(r.dev.unplug().ok());
    EXPECT_EQ(r.disk.flushes, 1U);
    EXPECT_EQ(r.disk2.flushes, 1U);
    EXPECT_TRUE(r.disk.held.empty());
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_FALSE(r.ports.answers(kIo, 4));
    r.dev.reset();
    r.place_bars();
    EXPECT_TRUE(r.dev.unplugged());
    r.run(join({select_atn(0, 0), move(MSG_OUT, 1, kMessageOut)}));
    EXPECT_EQ(r.reg(SIST1), sist1::STO);
    LsiRig twin;
    const std::vector<u8> image = snapshot(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_TRUE(twin.dev.unplugged());
    LsiRig fewer(LsiRig::Disk);
    reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && fewer.dev.load(*reader).ok());
    EXPECT_TRUE(reader->finish().ok()) << "what was detached had been unplugged";
}

TEST_F(ScsiBusTest, ATargetThatTheSavedMachineDidNotHaveIsNotSeen) {
    LsiRig saved(LsiRig::Disk);
    const std::vector<u8> image = snapshot(saved);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(r.dev.load(*reader).ok());
    ASSERT_TRUE(reader->finish().ok());
    r.place_bars();
    EXPECT_EQ(r.command(0, {0x00}), 0x02) << "power on";
    r.run(join({select_atn(1, 0), move(MSG_OUT, 1, kMessageOut)}));
    EXPECT_EQ(r.reg(SIST1), sist1::STO);
}

TEST_F(ScsiBusTest, ACommandOfATargetThatThereIsNotIsRefused) {
    start(1, read10(0, 1), kData, 512, 5);
    r.quiesce();
    LsiRig fewer(LsiRig::Disk);
    const std::vector<u8> image = snapshot(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    EXPECT_FALSE(fewer.dev.load(*reader).ok() && reader->finish().ok());
}

} // namespace
} // namespace dm::test
