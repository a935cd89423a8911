// AHCI: requests that the host fails while the policy is to stop the machine, and TRIM.
#include "tests/devices/ahci_rig.hpp"

#include <cerrno>
#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ahci;
using enum dm::ahci::PortReg;
using testing::ElementsAre;
using testing::Pair;
using Failure = DriveLog::Failure;
using Op = BlockIo::Op;

constexpr ErrorPolicy kStop{OnError::Stop, OnError::Stop};
constexpr ErrorPolicy kReport{OnError::Report, OnError::Report};
constexpr ErrorPolicy kIgnore{OnError::Ignore, OnError::Ignore};
constexpr u8 kReadDma = 0x25, kWriteDma = 0x35, kReadPio = 0x24, kWritePio = 0x34, kFlush = 0xea,
             kTrim = 0x06;
constexpr u8 kReadQueued = 0x60, kWriteQueued = 0x61;

struct AhciFaults : testing::Test {
    /// The machine stops; the guest may look when it goes on.
    static void expect_kept(AhciRig& r, u32 slots) {
        EXPECT_EQ(r.px(0, PxCI), slots);
        EXPECT_EQ(r.px(0, PxIS) & TFES, 0U);
        EXPECT_EQ(r.hypervisor.ram.pins, 0);
        EXPECT_EQ(r.heard.failures.back().action, OnError::Stop);
    }
    static std::unique_ptr<AhciDiskRig> rig(ErrorPolicy policy, u32 granularity = 0) {
        auto r = std::make_unique<AhciDiskRig>(policy, granularity);
        r->start(0);
        r->px(0, PxIS, 0xffffffff);
        return r;
    }
};

TEST_F(AhciFaults, EveryKindOfCommandIsRepeatedWhenTheMachineGoesOn) {
    const auto made = rig(kStop);
    AhciRig& r = *made;
    const auto fail_twice = [&](const AhciRig::Frame& frame, u32 bytes) {
        r.disk.next_error = EIO;
        r.run(frame, bytes);
        expect_kept(r, 1);
        r.disk.next_error = EIO;
        r.dev.retry();
        expect_kept(r, 1);
        r.dev.retry();
        EXPECT_EQ(r.px(0, PxCI), 0U);
        EXPECT_EQ(r.px(0, PxTFD), u32{kReady});
        r.px(0, PxIS, 0xffffffff);
    };
    for (const u8 read : {kReadDma, kReadPio}) {
        r.fill(kData, 4096);
        fail_twice(AhciRig::frame(read, 40, 8), 4096);
        EXPECT_EQ(r.memory_at(kData, 4096), r.sectors(40, 8));
        EXPECT_EQ(r.byte_count(), 4096U);
    }
    for (const u8 write : {kWriteDma, kWritePio}) {
        const std::vector<u8> data = r.fill(kData, 4096, write);
        fail_twice(AhciRig::frame(write, 80, 8), 4096);
        EXPECT_EQ(r.sectors(80, 8), data);
    }
    const unsigned before = r.disk.flushes;
    fail_twice(AhciRig::frame(kFlush), 0);
    EXPECT_EQ(r.disk.flushes, before + 1);
}

TEST_F(AhciFaults, QueuedCommandsWaitWhileTheOthersEnd) {
    const auto made = rig(kStop);
    AhciRig& r = *made;
    const std::vector<u8> data = r.fill(kData, 1024);
    r.put(0, 3, AhciRig::queued_frame(kWriteQueued, 3, 7, 2), {{kData, 1024}});
    r.put(0, 5, AhciRig::queued_frame(kReadQueued, 5, 90, 1), {{kData + 4096, 512}});
    r.disk.hold = true;
    r.issue_queued(0, 0x28);
    r.disk.next_error = ENOSPC;
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxCI), 8U);
    r.disk.hold = false;
    r.disk.complete();
    EXPECT_EQ(r.px(0, PxSACT), 8U);
    EXPECT_EQ(r.memory_at(kData + 4096, 512), r.sectors(90, 1));
    expect_kept(r, 8);
    r.dev.retry();
    EXPECT_EQ(r.px(0, PxSACT), 0U);
    EXPECT_EQ(r.px(0, PxCI), 0U);
    EXPECT_EQ(r.sectors(7, 2), data);
    EXPECT_THAT(r.heard.failures, ElementsAre(Failure{Op::Write, ENOSPC, OnError::Stop}));
}

TEST_F(AhciFaults, AWriteWithoutSpaceWaitsByDefaultAndOtherErrorsAreReported) { // QEMU's werror=enospc
    const auto made = rig({});
    AhciRig& r = *made;
    r.disk.next_error = ENOSPC;
    r.run(AhciRig::frame(kWriteDma, 1, 1), 512);
    expect_kept(r, 1);
    r.dev.retry();
    EXPECT_EQ(r.px(0, PxCI), 0U);
    r.disk.next_error = EIO;
    r.put(0, 1, AhciRig::queued_frame(kWriteQueued, 1, 7, 1), {{kData, 512}});
    r.issue_queued(0, 2);
    EXPECT_EQ(r.px(0, PxIS) & TFES, TFES);
    EXPECT_EQ(r.heard.failures.back(), (Failure{Op::Write, EIO, OnError::Report}));
}

TEST_F(AhciFaults, IgnoredErrorsLookLikeSuccess) {
    const auto made = rig(kIgnore);
    AhciRig& r = *made;
    r.disk.next_error = EIO;
    r.run(AhciRig::frame(kWriteDma, 1, 1), 512);
    r.disk.next_error = EIO;
    r.put(0, 1, AhciRig::queued_frame(kReadQueued, 1, 7, 1), {{kData, 512}});
    r.issue_queued(0, 2);
    EXPECT_EQ(r.px(0, PxTFD), u32{kReady});
    EXPECT_EQ(r.px(0, PxSACT), 0U);
    EXPECT_EQ(r.heard.failures.size(), 2U);
}

TEST_F(AhciFaults, AKeptCommandIsCarriedOverToAnotherMachine) {
    for (const bool queued : {false, true}) {
        const auto made = rig(kStop);
        AhciRig& r = *made;
        const std::vector<u8> data = r.fill(kData, 1024);
        r.disk.next_error = ENOSPC;
        if (queued) {
            r.put(0, 4, AhciRig::queued_frame(kWriteQueued, 4, 33, 2), {{kData, 1024}});
            r.issue_queued(0, 0x10);
        } else {
            r.put(0, 4, AhciRig::frame(kWriteDma, 33, 2), {{kData, 1024}});
            r.issue(0, 4);
        }
        expect_kept(r, 0x10);
        StateWriter out;
        r.dev.save(out);
        const std::vector<u8> image = std::move(out).take();
        const auto twin = rig(kStop);
        twin->copy_surroundings(r);
        auto reader = StateReader::open(image);
        ASSERT_TRUE(reader.ok());
        const Status loaded = twin->dev.load(*reader);
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
        twin->dev.retry();
        EXPECT_EQ(twin->px(0, PxCI), 0U);
        EXPECT_EQ(twin->px(0, PxSACT), 0U);
        EXPECT_EQ(twin->sectors(33, 2), data);
    }
}

TEST_F(AhciFaults, AResetOrAStopOfThePortForgetsAKeptCommand) {
    for (const bool whole : {false, true}) {
        const auto made = rig(kStop);
        AhciRig& r = *made;
        const std::vector<u8> before = r.disk.data;
        r.fill(kData, 512);
        r.disk.next_error = EIO;
        r.run(AhciRig::frame(kWriteDma, 1, 1), 512);
        whole ? r.hba(AhciRig::HbaReg::GHC, GHC_HR) : r.stop(0);
        r.start(0);
        r.dev.retry();
        EXPECT_EQ(r.disk.data, before);
        EXPECT_EQ(r.px(0, PxCI), 0U);
    }
}

TEST_F(AhciFaults, AListThatTheGuestTookAwayIsNoFaultOfTheHost) {
    const auto made = rig(kStop);
    AhciRig& r = *made;
    Prds prds;
    for (u64 i = 0; i < 600; ++i)
        prds.push_back({kData + i * 512, i < 512 ? 2U : 512U});
    r.put(0, 0, AhciRig::queued_frame(kReadQueued, 0, 5, 3), prds);
    r.disk.hold = true;
    r.issue_queued(0, 1);
    for (Prd& prd : prds)
        prd.bytes = 2;
    r.put_prds(AhciRig::table(0, 0) + 0x80, prds);
    r.disk.drain();
    EXPECT_EQ(r.px(0, PxIS) & TFES, TFES);
    EXPECT_TRUE(r.heard.failures.empty());
}

TEST_F(AhciFaults, RangesAreDiscardedWhenTheMediumCan) {
    const auto made = rig(kReport, 512);
    AhciRig& r = *made;
    r.run(AhciRig::frame(0xec), 512);
    EXPECT_EQ(r.ram[kData + 169 * 2] & 1, 1) << "DATA SET MANAGEMENT is offered";
    std::fill_n(r.ram.begin() + kData, 512, u8{0});
    r.put32(kData, 100);
    r.put32(kData + 4, 8U << 16);
    r.put32(kData + 8, 200);
    r.put32(kData + 12, 1U << 16);
    r.run(AhciRig::frame(kTrim, 0, 1, 1), 512);
    EXPECT_EQ(r.px(0, PxTFD), u32{kReady});
    EXPECT_THAT(r.disk.discards,
                ElementsAre(Pair(u64{100} * 512, u64{8} * 512), Pair(u64{200} * 512, u64{512})));
    r.put32(kData + 8, kDiskSize / 512);
    r.run(AhciRig::frame(kTrim, 0, 1, 1), 512);
    EXPECT_EQ(r.px(0, PxTFD) & ERR, u32{ERR});
    EXPECT_EQ(r.disk.discards.size(), 2U) << "beyond the end: nothing of the list";
}

} // namespace
} // namespace dm::test
