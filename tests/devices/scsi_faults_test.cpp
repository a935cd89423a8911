// SCSI: requests that the host fails while the policy is to stop the machine.
#include "tests/devices/lsi53c895a_rig.hpp"

#include <cerrno>
#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace lsi_rig;
using Failure = DriveLog::Failure;
using Op = BlockIo::Op;
using testing::ElementsAre;

constexpr ErrorPolicy kStop{OnError::Stop, OnError::Stop};
constexpr int kBoth = LsiRig::Disk | LsiRig::SecondDisk;
constexpr u8 kGood = 0x00, kCheck = 0x02, kNothing = 0xee;
constexpr std::array<u8, 3> kAborted{0x0b, 0x00, 0x00};

const std::vector<u8> kRead{0x28, 0, 0, 0, 0, 40, 0, 0, 8};
const std::vector<u8> kWrite{0x2a, 0, 0, 0, 0, 80, 0, 0, 8};
const std::vector<u8> kSynchronize{0x35};

struct ScsiFaults : testing::Test {
    ScsiFaults() : r(kBoth, kStop) {
        for (const u8 id : {u8{0}, u8{1}})
            r.command(id, {0x00});
    }
    /// Starts a command; nothing is told of its end yet.
    void start(const std::vector<u8>& cdb, const std::vector<Region>& data = {}, u8 id = 0, int tag = -1) {
        r.prepare(id, cdb, data, true, tag);
        r.ram[kStatus] = kNothing;
        r.set(CCNTL0, 0x80);
        r.set(PMJAD1, kScript + 8, 4);
        r.set(PMJAD2, kScript + 8, 4);
        r.go();
    }
    std::vector<u8> on_disk(u64 block, u64 blocks) const {
        const auto at = r.disk.data.begin() + static_cast<std::ptrdiff_t>(block * 512);
        return {at, at + static_cast<std::ptrdiff_t>(blocks * 512)};
    }
    LsiRig r;
};

TEST_F(ScsiFaults, ReadsWritesAndFlushesAreRepeatedWhenTheMachineGoesOn) {
    const std::vector<u8> data(4096, 0x5a);
    r.put(kData + 0x4000, data);
    for (const auto& [cdb, where] : {std::pair{kRead, kData}, {kWrite, kData + 0x4000}, {kSynchronize, 0U}}) {
        r.disk.next_error = EIO;
        start(cdb, where != 0 ? std::vector<Region>{{where, 4096}} : std::vector<Region>{});
        r.disk.next_error = ENOSPC;
        r.dev.retry();
        EXPECT_EQ(r.ram[kStatus], kNothing);
        r.dev.retry();
        EXPECT_EQ(r.finish(), kGood);
    }
    EXPECT_EQ(r.bytes(kData, 4096), on_disk(40, 8));
    EXPECT_EQ(on_disk(80, 8), data);
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    EXPECT_THAT(r.heard.failures,
                ElementsAre(Failure{Op::Read, EIO, OnError::Stop}, Failure{Op::Read, ENOSPC, OnError::Stop},
                            Failure{Op::Write, EIO, OnError::Stop}, Failure{Op::Write, ENOSPC, OnError::Stop},
                            Failure{Op::Flush, EIO, OnError::Stop},
                            Failure{Op::Flush, ENOSPC, OnError::Stop}));
}

TEST_F(ScsiFaults, AMachineThatStopsLeavesTheRequestAsItIs) {
    r.disk.next_error = EIO;
    start(kRead, {{kData, 4096}});
    r.dev.quiesce();
    r.dev.quiesce();
    EXPECT_EQ(r.hypervisor.ram.pins, 1);
    r.dev.retry();
    EXPECT_EQ(r.finish(), kGood);
    EXPECT_EQ(r.bytes(kData, 4096), on_disk(40, 8));
}

TEST_F(ScsiFaults, AnotherDiskGoesOn) {
    r.disk.next_error = EIO;
    start(kRead, {{kData, 4096}}, 0, 1);
    r.set(ISTAT0, istat0::SIGP); // the driver has another command
    EXPECT_EQ(r.reg(DSTAT), dstat::DFE | dstat::SIR);
    r.reg(CTEST2);
    EXPECT_EQ(r.command(1, kRead, {{kData + 0x2000, 4096}}), kGood);
    r.dev.retry();
    EXPECT_EQ(r.bytes(kData, 4096), on_disk(40, 8));
}

TEST_F(ScsiFaults, AnotherMachineIsToldThatTheCommandWasAborted) {
    r.disk.next_error = EIO;
    start(kWrite, {{kData, 4096}});
    r.dev.quiesce();
    const std::vector<u8> image = snapshot(r);
    LsiRig twin(kBoth, kStop);
    twin.copy_surroundings(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    twin.advance(kMillisecond);
    EXPECT_EQ(twin.finish(), kCheck);
    EXPECT_EQ(twin.sense(), kAborted);
    EXPECT_EQ(twin.hypervisor.ram.pins, 0);
    r.dev.retry(); // the one that was saved knows better
    EXPECT_EQ(r.finish(), kGood);
}

TEST_F(ScsiFaults, ResetsForgetWhatIsKept) {
    r.disk.next_error = EIO;
    start(kWrite, {{kData, 4096}});
    r.set(SCNTL1, scntl1::RST);
    r.set(SCNTL1, 0);
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    const unsigned submitted = r.disk.submitted;
    r.dev.retry();
    EXPECT_EQ(r.disk.submitted, submitted);
}

TEST_F(ScsiFaults, OrderedCommandsWaitForAKeptOne) {
    r.disk.next_error = EIO;
    start(kWrite, {{kData, 4096}}, 0, 1);
    r.set(ISTAT0, istat0::SIGP);
    r.reg(DSTAT);
    r.reg(CTEST2);
    r.ordered = true;
    start(kRead, {{kData + 0x4000, 4096}}, 0, 2);
    const unsigned submitted = r.disk.submitted;
    r.dev.quiesce();
    EXPECT_EQ(r.disk.submitted, submitted);
    r.dev.retry();
    EXPECT_EQ(r.disk.submitted, submitted + 2);
}

TEST_F(ScsiFaults, IgnoredErrorsAreSuccess) {
    LsiRig ignoring(kBoth, {OnError::Ignore, OnError::Ignore});
    ignoring.settle();
    ignoring.disk.next_error = EIO;
    EXPECT_EQ(ignoring.command(0, kWrite, {{kData, 4096}}), kGood);
    EXPECT_THAT(ignoring.heard.failures, ElementsAre(Failure{Op::Write, EIO, OnError::Ignore}));
}

TEST_F(ScsiFaults, WithoutSpaceTheMachineStopsUnlessToldOtherwise) {
    LsiRig usual(kBoth, ErrorPolicy{});
    usual.settle();
    usual.disk.next_error = EIO;
    EXPECT_EQ(usual.command(0, kWrite, {{kData, 4096}}), kCheck);
    usual.disk.next_error = ENOSPC;
    EXPECT_EQ(usual.command(0, kWrite, {{kData, 4096}}), 0xff);
    usual.dev.retry();
    EXPECT_EQ(usual.finish(), kGood);
}

} // namespace
} // namespace dm::test
