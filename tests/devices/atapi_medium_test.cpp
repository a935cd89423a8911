// The CD-ROM drive's tray, its lock, and media that come and go.
#include "tests/devices/atapi_fixture.hpp"

#include <cerrno>

namespace dm::test {
namespace {

using namespace ide;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct AtapiMediumTest : AtapiFixture {
    ~AtapiMediumTest() override { drive().insert(nullptr); } // the media below go first
    u8 media_event() { return r.fetch({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}).at(4); }
    void load_into(CdRig& twin) {
        const std::vector<u8> image = snapshot(r);
        auto reader = StateReader::open(image);
        ASSERT_TRUE(reader.ok());
        ASSERT_TRUE(twin.dev.load(*reader).ok());
    }
    static constexpr u8 kEjectRequest = 1, kNewMedia = 2, kRemoval = 3;
    FakeBlock other{u64{2048} * 10};
};

TEST_F(AtapiMediumTest, TheMachineHearsOfEveryMoveOfTheTray) {
    expect_good({0x1b, 0, 0, 0, 2}); // the guest opens
    expect_good({0x1b, 0, 0, 0, 2}); // it is open
    expect_good({0x1b, 0, 0, 0, 3}); // and closes
    EXPECT_TRUE(drive().eject(false).ok());
    EXPECT_TRUE(drive().eject(false).ok()) << "an open, empty drive";
    drive().insert(&other);
    EXPECT_THAT(r.heard.tray, ElementsAre(true, false, true, false));
    r.dev.reset();
    EXPECT_EQ(r.heard.tray.size(), 4U);
}

TEST_F(AtapiMediumTest, TheSenseTellsAnOpenTrayFromAnEmptyOne) {
    EXPECT_TRUE(drive().eject(false).ok());
    expect_check({0x00}, 2, 0x3a, 2);
    EXPECT_EQ(r.fetch({0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8}).at(1), 0x10) << "MECHANISM STATUS: the door is open";
    EXPECT_EQ(r.fetch({0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 8}).at(2), 0x71);
    expect_good({0x1b, 0, 0, 0, 3});
    expect_check({0x00}, 2, 0x3a, 1);
    EXPECT_EQ(r.fetch({0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8}).at(1), 0);
    EXPECT_EQ(r.fetch({0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 8}).at(2), 0x70);
}

TEST_F(AtapiMediumTest,
       ALockedTrayAsksTheGuestAndGivesTheMediumWhenTheGuestOpens) { // as Linux with udev does
    expect_good({0x1e, 0, 0, 0, 1});
    EXPECT_TRUE(r.heard.locked);
    const Status refused = drive().eject(false);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("locked"));
    EXPECT_EQ(r.fetch(read10(0, 1)), disc(0, 1)) << "the disc is still there";
    EXPECT_EQ(media_event(), kEjectRequest);
    EXPECT_EQ(media_event(), 0);
    expect_good({0x1e, 0, 0, 0, 0});
    EXPECT_FALSE(r.heard.locked);
    expect_good({0x1b, 0, 0, 0, 2});
    EXPECT_TRUE(drive().eject(false).ok());
    expect_check({0x00}, 2, 0x3a, 2);
}

TEST_F(AtapiMediumTest, AnOpenTrayOrAnEmptyOneHasNothingToLock) {
    expect_good({0x1b, 0, 0, 0, 2});
    expect_good({0x1e, 0, 0, 0, 1});
    EXPECT_TRUE(drive().eject(false).ok());
    drive().insert(nullptr);
    EXPECT_TRUE(drive().eject(false).ok());
    drive().insert(&other);
    EXPECT_FALSE(drive().eject(false).ok()) << "the lock still holds, now over a medium";
}

TEST_F(AtapiMediumTest,
       TheLockOutlivesSoftResetsAndNotAPowerOnReset) { // docs/devices/atapi_cdrom.md tells why
    expect_good({0x1e, 0, 0, 0, 1});
    r.control(4);
    r.control(0);
    EXPECT_TRUE(drive().tray_locked());
    r.set(STATUS, 0x08);
    EXPECT_TRUE(drive().tray_locked());
    r.dev.reset();
    EXPECT_FALSE(drive().tray_locked());
    EXPECT_FALSE(r.heard.locked);
}

TEST_F(AtapiMediumTest, AnExchangeInTheMiddleOfADmaReadNeverMixesTheDiscs) {
    std::fill(other.data.begin(), other.data.end(), u8{0xee});
    r.disc.hold = true;
    r.set_prds({{kData, 9 * 2048 | EOT}});
    r.packet(read10(0, 9), 0, 1);
    r.start(true);
    ASSERT_EQ(r.disc.held.size(), 1U);
    EXPECT_TRUE(drive().eject(false).ok());
    drive().insert(&other);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    EXPECT_EQ(r.memory_at(kData, 9 * 2048), disc(0, 9)) << "what was on its way has arrived";
    EXPECT_EQ(other.submitted, 0U);
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
    expect_check({0x00}, 2, 0x3a, 2);
    expect_check({0x00}, 6, 0x28);
    EXPECT_THAT(r.fetch(read10(0, 1)), Each(0xee));
}

TEST_F(AtapiMediumTest, AnExchangeBetweenTwoBlocksOfAPioReadEndsIt) {
    r.packet(read10(0, 9), 2048);
    EXPECT_EQ(r.pull(2048), disc(0, 1));
    EXPECT_TRUE(drive().eject(false).ok());
    drive().insert(&other);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    EXPECT_THAT(r.pull(8 * 2048), Each(0));
    EXPECT_EQ(other.submitted, 0U);
}

TEST_F(AtapiMediumTest, AReadThatWaitsForTheBusMasterDoesNotStartOnTheNextDisc) {
    r.set_prds({{kData, 2048 | EOT}});
    r.packet(read10(0, 1), 0, 1);
    drive().insert(&other);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    r.start(true);
    EXPECT_EQ(other.submitted, 0U);
    EXPECT_THAT(r.memory_at(kData, 2048), Each(0));
}

TEST_F(AtapiMediumTest, AnAnswerThatIsNotTheDiscsGoesOnThroughAnExchange) {
    r.packet({0x12, 0, 0, 0, 36});
    drive().insert(&other);
    EXPECT_EQ(r.pull(36)[1], 0x80);
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST_F(AtapiMediumTest, AnExchangeDuringAResetWaitsForNobody) {
    r.packet(read10(0, 4));
    r.control(4);
    drive().insert(&other);
    EXPECT_EQ(r.alt_status(), BSY);
    r.control(0);
    EXPECT_EQ(r.reg(STATUS), 0);
    expect_check({0x00}, 2, 0x3a, 2);
}

TEST_F(AtapiMediumTest, EventsTellTheLastThingThatHappened) {
    EXPECT_TRUE(drive().eject(false).ok());
    EXPECT_EQ(media_event(), kRemoval);
    EXPECT_TRUE(drive().eject(false).ok());
    drive().insert(&other);
    EXPECT_EQ(media_event(), kNewMedia);
    EXPECT_EQ(media_event(), 0);
}

TEST_F(AtapiMediumTest, AReadDoesNotGoOnWithAnotherDiscAfterRestoring) {
    r.packet(read10(0, 9), 2048);
    r.pull(2048);
    CdRig twin;
    twin.dev.cdrom(0)->insert(&other);
    load_into(twin);
    EXPECT_EQ(twin.reg(STATUS), kReady | ERR);
    EXPECT_THAT(twin.pull(2048), Each(0));
    EXPECT_EQ(other.submitted, 0U);
    EXPECT_THAT(twin.fetch({0x00}), IsEmpty());
    EXPECT_THAT(twin.sense(), ElementsAre(2, 0x3a, 2));
    EXPECT_THAT(twin.fetch({0x00}), IsEmpty());
    EXPECT_THAT(twin.sense(), ElementsAre(6, 0x28, 0));
    EXPECT_EQ(snapshot(twin).empty(), false);
    twin.dev.cdrom(0)->insert(nullptr);
}

TEST_F(AtapiMediumTest, AnAnswerOfOddLengthIsSavedWhileItWaits) {
    r.packet({0x12, 0, 0, 0, 5}, 2048); // INQUIRY
    CdRig twin;
    load_into(twin);
    EXPECT_EQ(twin.pull(6), r.pull(6));
}

TEST_F(AtapiMediumTest, ARestoredDriveWithoutItsMediumIsEmpty) {
    CdRig twin;
    EXPECT_TRUE(twin.dev.cdrom(0)->eject(false).ok());
    load_into(twin);
    EXPECT_FALSE(twin.dev.cdrom(0)->tray_open()) << "as it was saved";
    EXPECT_THAT(twin.fetch({0x00}), IsEmpty());
    EXPECT_THAT(twin.sense(), ElementsAre(2, 0x3a, 1));
}

TEST_F(AtapiMediumTest, TrayLockAndPendingReportsAreSaved) {
    expect_good({0x1e, 0, 0, 0, 1});
    drive().insert(&other);
    CdRig twin;
    twin.dev.cdrom(0)->insert(&other);
    EXPECT_THAT(twin.fetch({0x00}), IsEmpty());
    load_into(twin);
    EXPECT_TRUE(twin.dev.cdrom(0)->tray_locked());
    EXPECT_TRUE(twin.heard.locked) << "a physical drive follows";
    EXPECT_THAT(twin.fetch({0x00}), IsEmpty());
    EXPECT_THAT(twin.sense(), ElementsAre(2, 0x3a, 2));
    twin.dev.cdrom(0)->insert(nullptr);
}

} // namespace
} // namespace dm::test
