#include "tests/devices/usb_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace usb_rig;

struct UhciTest : testing::Test, UsbTabletRig {
    static constexpr u32 kTd2 = kTds + 16;
    /// One descriptor in the control queue, for the tablet at address 0.
    void queue_td(u32 status, u32 token_word, u32 buffer = kData, u32 link = T) {
        put_td(kTds, link, status, token_word, buffer);
        put32(kQueue + 4, kTds);
    }
    void running_with_tablet_at(u8 address) {
        start();
        ASSERT_TRUE(configure(0, address));
        status_cleared();
    }
    u32 td_status(u32 td = kTds) { return get32(td + 4); }
    void put_setup(const Bytes& bytes) { std::copy(bytes.begin(), bytes.end(), ram.begin() + kSetupData); }
};

// ----------------------------------------------------------------------------------------------- registers

TEST_F(UhciTest, IsTheFunctionOfThePiix3ThatDriversLookFor) {
    const auto config = [&](unsigned r, unsigned size) { return pci.config_read(kBdf, r, size); };
    EXPECT_EQ(config(0, 4), 0x70208086U);
    EXPECT_EQ(config(8, 4), 0x0c030001U);
    EXPECT_EQ(config(0x3d, 1), 4U); // INTD
    EXPECT_EQ(config(0x60, 1), 0x10U);
    EXPECT_EQ(config(0x6a, 1), 1U);
    EXPECT_EQ(config(0xc0, 2), 0x2000U);
    pci.config_write(kBdf, 0x20, 4, 0xffffffff);
    EXPECT_EQ(config(0x20, 4), 0xffffffe1U);
}

TEST_F(UhciTest, RegistersHaveTheirResetValues) {
    EXPECT_EQ(reg(uhci::USBCMD), 0);
    EXPECT_EQ(reg(uhci::USBSTS), HCHALTED);
    EXPECT_EQ(reg(uhci::USBINTR), 0);
    EXPECT_EQ(reg(uhci::FRNUM), 0);
    EXPECT_EQ(in(kBase + uhci::FLBASEADD, 4), 0U);
    EXPECT_EQ(in(kBase + uhci::SOFMOD), 0x40U);
}

TEST_F(UhciTest, PortsShowWhatIsPluggedInAndWhereTheyEnd) {
    EXPECT_EQ(reg(uhci::PORTSC1), 0x0080 | CCS | CSC | 0x10);
    const auto gone = dev.detach(1);
    EXPECT_EQ(reg(uhci::PORTSC2), 0x0080 | CSC);
    for (u16 offset = 0x14; offset < 0x20; offset = static_cast<u16>(offset + 2))
        EXPECT_EQ(in(static_cast<Port>(kBase + offset), 2), 0xff7fU); // bit 7 is 0: no port
}

TEST_F(UhciTest, RegistersCanBeAccessedInBytesAndInPairs) {
    out(kBase + uhci::FLBASEADD, 0x12345fff, 4);
    EXPECT_EQ(in(kBase + uhci::FLBASEADD, 4), 0x12345000U);
    out(kBase + uhci::FLBASEADD + 3, 0x99);
    EXPECT_EQ(in(kBase + uhci::FLBASEADD, 4), 0x99345000U);
    out(kBase + uhci::USBINTR, 0xff);
    EXPECT_EQ(reg(uhci::USBINTR), 0x0f);
    EXPECT_EQ(in(kBase + uhci::USBSTS), HCHALTED);
    out(kBase + uhci::PORTSC1, CSC); // the upper half is left alone
    EXPECT_EQ(reg(uhci::PORTSC1) & CSC, 0);
}

TEST_F(UhciTest, AResetOfTheControllerClearsRegistersAndDisablesPortsButDoesNotResetDevices) {
    running_with_tablet_at(3);
    reg(uhci::USBCMD, HCRESET);
    EXPECT_EQ(reg(uhci::USBCMD), 0);
    EXPECT_EQ(reg(uhci::USBSTS), HCHALTED);
    EXPECT_EQ(reg(uhci::PORTSC1) & (CCS | CSC | PED), CCS | CSC);
    start();
    reg(uhci::PORTSC1, PED);
    EXPECT_TRUE(control(3, {0x80, 8, 0, 0, 1})); // still has its address
}

TEST_F(UhciTest, AGlobalResetResetsDevicesToo) {
    running_with_tablet_at(3);
    reg(uhci::USBCMD, GRESET);
    EXPECT_EQ(reg(uhci::USBCMD), GRESET);
    reg(uhci::USBCMD, 0);
    start();
    reg(uhci::PORTSC1, PED);
    EXPECT_FALSE(control(3, {0x80, 8, 0, 0, 1}));
    EXPECT_TRUE(control(0, {0x80, 8, 0, 0, 1}));
}

TEST_F(UhciTest, APortIsEnabledOnlyWithADeviceAndNotDuringItsReset) {
    reg(uhci::PORTSC1, PED);
    EXPECT_NE(reg(uhci::PORTSC1) & PED, 0);
    reg(uhci::PORTSC1, PR | PED);
    EXPECT_EQ(reg(uhci::PORTSC1) & (PR | PED), PR);
    EXPECT_EQ(reg(uhci::PORTSC1) & 0x30, 0); // neither wire is high
    const auto gone = dev.detach(1);
    reg(uhci::PORTSC2, PED);
    EXPECT_EQ(reg(uhci::PORTSC2) & PED, 0);
}

TEST_F(UhciTest, TakingOutADeviceShowsAsChangesThatAreClearedByWritingOnes) {
    reset_port(0);
    const auto gone = dev.detach(0);
    EXPECT_EQ(reg(uhci::PORTSC1) & (CCS | CSC | PED | PEDC), CSC | PEDC);
    reg(uhci::PORTSC1, CSC | PEDC);
    EXPECT_EQ(reg(uhci::PORTSC1), 0x80);
}

TEST_F(UhciTest, TheFrameNumberFollowsTheClockAndStandsStillWhileHalted) {
    start();
    advance(5 * kMillisecond + kMillisecond / 2);
    EXPECT_EQ(reg(uhci::FRNUM), 5);
    reg(uhci::USBCMD, 0);
    EXPECT_EQ(reg(uhci::USBSTS) & HCHALTED, HCHALTED);
    advance(kSecond);
    EXPECT_EQ(reg(uhci::FRNUM), 5);
    reg(uhci::FRNUM, 0xffff);
    EXPECT_EQ(reg(uhci::FRNUM), 0x7ff);
    reg(uhci::USBCMD, RS);
    advance(kMillisecond);
    EXPECT_EQ(reg(uhci::FRNUM), 0); // 2047 is followed by 0
    reg(uhci::FRNUM, 77);
    EXPECT_EQ(reg(uhci::FRNUM), 0); // not while frames run
    advance(3 * kSecond);
    EXPECT_EQ(reg(uhci::FRNUM), 3000 % 2048);
}

// -------------------------------------------------------------------------------------------- transactions

TEST_F(UhciTest, ADeviceTellsItsDescriptorInPackets) {
    start();
    reset_port(0);
    const auto first = control(0, {0x80, 6, 0x0100, 0, 64}, {}, 64); // as Linux and Windows ask first
    ASSERT_TRUE(first);
    EXPECT_EQ(first->size(), 8U); // a short packet ends it
    const auto all = control(0, {0x80, 6, 0x0100, 0, 18});
    ASSERT_TRUE(all);
    EXPECT_EQ(all->size(), 18U);
    EXPECT_EQ((*all)[8] | (*all)[9] << 8, 0x0627);
}

TEST_F(UhciTest, ASuccessfulDescriptorIsInactiveHasItsLengthAndNoStatus) {
    running_with_tablet_at(1);
    put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
    queue_td(ACTIVE | NAK | IOC | THREE_ERRORS, token(SETUP, 1, 0, 8), kSetupData);
    frames(1);
    EXPECT_EQ(td_status(), IOC | THREE_ERRORS | 7);
    EXPECT_EQ(get32(kQueue + 4), T); // the queue went on
    EXPECT_TRUE(irq());
    EXPECT_EQ(reg(uhci::USBSTS), USBINT);
    reg(uhci::USBSTS, USBINT);
    EXPECT_FALSE(irq());
}

TEST_F(UhciTest, ADeviceWithNothingToSaySetsNakAndStaysActive) {
    running_with_tablet_at(1);
    poll(1);
    frames(1);
    EXPECT_EQ(td_status(kInterruptTd), ACTIVE | NAK | THREE_ERRORS | IOC | SPD);
    EXPECT_EQ(get32(kInterruptQueue + 4), kInterruptTd);
    EXPECT_FALSE(irq());
    hypervisor.ram.dirty.clear();
    frames(5);
    EXPECT_TRUE(hypervisor.ram.dirty.empty()); // nothing changes, nothing is written
}

TEST_F(UhciTest, ARefusedRequestStallsAndInterruptsAsAnError) {
    running_with_tablet_at(1);
    put_setup({0x80, 6, 0, 9, 0, 0, 18, 0}); // no such descriptor
    queue_td(ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
    frames(1);
    queue_td(ACTIVE | THREE_ERRORS, token(IN, 1, 0, 8));
    frames(1);
    EXPECT_EQ(td_status() & (ACTIVE | STALLED | CRC_TIMEOUT), STALLED);
    EXPECT_EQ(get32(kQueue + 4), kTds); // stays for the driver to see
    EXPECT_EQ(reg(uhci::USBSTS), ERROR_INT);
    EXPECT_TRUE(irq());
    reg(uhci::USBINTR, 0x0e);
    EXPECT_FALSE(irq());
}

TEST_F(UhciTest, NobodyAtAnAddressIsTriedThreeTimesAndGivenUp) {
    running_with_tablet_at(1);
    queue_td(ACTIVE | THREE_ERRORS, token(IN, 9, 0, 8));
    frames(1);
    EXPECT_EQ(td_status(), ACTIVE | CRC_TIMEOUT | 2U << 27);
    frames(1);
    EXPECT_EQ(td_status(), ACTIVE | CRC_TIMEOUT | 1U << 27);
    EXPECT_EQ(reg(uhci::USBSTS), 0);
    frames(1);
    EXPECT_EQ(td_status(), STALLED | CRC_TIMEOUT);
    EXPECT_EQ(reg(uhci::USBSTS), ERROR_INT);
}

TEST_F(UhciTest, AnErrorCounterOfZeroMeansForEver) {
    running_with_tablet_at(1);
    queue_td(ACTIVE, token(IN, 9, 0, 8));
    frames(20);
    EXPECT_EQ(td_status(), ACTIVE | CRC_TIMEOUT);
    EXPECT_EQ(reg(uhci::USBSTS), 0);
}

TEST_F(UhciTest, MoreThanTheHostHasRoomForIsBabble) {
    running_with_tablet_at(1);
    put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
    queue_td(ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
    frames(1);
    queue_td(ACTIVE | THREE_ERRORS, token(IN, 1, 0, 4));
    frames(1);
    EXPECT_EQ(td_status() & (ACTIVE | BABBLE | STALLED), BABBLE | STALLED);
}

TEST_F(UhciTest, AShortPacketStopsTheQueueAndInterruptsWhereTheDriverAskedForThat) {
    running_with_tablet_at(1);
    tablet.pointer(1, 2, 800, 600, 0);
    put_td(kInterruptTd, T, ACTIVE | SPD, token(IN, 1, 1, 8), kReport);
    put32(kInterruptQueue + 4, kInterruptTd);
    frames(1);
    EXPECT_EQ(td_status(kInterruptTd), SPD | 5U); // six bytes
    EXPECT_EQ(get32(kInterruptQueue + 4), kInterruptTd);
    EXPECT_EQ(reg(uhci::USBSTS), USBINT);
    EXPECT_TRUE(irq());
    reg(uhci::USBINTR, 0x07); // not about short packets
    EXPECT_FALSE(irq());
}

TEST_F(UhciTest, AnInactiveDescriptorWithIocInterruptsAndEndsItsQueue) {
    running_with_tablet_at(1);
    queue_td(IOC, token(IN, 1, 0, 8));
    frames(1);
    EXPECT_EQ(reg(uhci::USBSTS), USBINT);
    EXPECT_EQ(get32(kQueue + 4), kTds);
}

TEST_F(UhciTest, DepthFirstGoesOnInTheQueueBreadthFirstTakesTurns) {
    running_with_tablet_at(1);
    for (const u32 deep : {VF, 0U}) {
        put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
        put_td(kTds, kTd2 | deep, ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
        put_td(kTd2, T, ACTIVE, token(IN, 1, 0, 8), kData);
        put32(kQueue + 4, kTds);
        frames(1);
        EXPECT_EQ((td_status(kTd2) & ACTIVE) == 0, deep != 0);
        frames(1);
        EXPECT_EQ(td_status(kTd2) & ACTIVE, 0U);
    }
}

TEST_F(UhciTest, DescriptorsWithoutAQueueFollowOneAnother) {
    running_with_tablet_at(1);
    put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
    put_td(kTds, kTd2, ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
    put_td(kTd2, kQueue | Q, ACTIVE, token(IN, 1, 0, 8), kData);
    frame_list(kTds);
    frames(1);
    EXPECT_EQ(td_status(kTds) & ACTIVE, 0U);
    EXPECT_EQ(td_status(kTd2), 7U);
}

TEST_F(UhciTest, AnIsochronousDescriptorIsDoneAfterOneAttempt) {
    running_with_tablet_at(1);
    put_td(kTds, T, ACTIVE | IOS | IOC, token(IN, 9, 1, 64), kData);
    frame_list(kTds);
    frames(1);
    EXPECT_EQ(td_status(), IOS | IOC | CRC_TIMEOUT | 0x7ff);
    EXPECT_EQ(reg(uhci::USBSTS), USBINT);
}

TEST_F(UhciTest, ASetupThatIsNoneOfEightBytesAndOneToAnotherEndpointGetNoAnswer) {
    running_with_tablet_at(1);
    for (const u32 bad : {token(SETUP, 1, 0, 7), token(SETUP, 1, 0, 9), token(SETUP, 1, 1, 8),
                          token(IN, 1, 5, 8), token(OUT, 1, 1, 8)}) {
        queue_td(ACTIVE | 1U << 27, bad, kSetupData);
        frames(1);
        EXPECT_EQ(td_status() & (ACTIVE | CRC_TIMEOUT | STALLED), CRC_TIMEOUT | STALLED) << std::hex << bad;
    }
}

TEST_F(UhciTest, InDebugModeItStopsAfterOneTransaction) {
    running_with_tablet_at(1);
    reg(uhci::USBCMD, 0);
    put_td(kTds, kTd2 | VF, ACTIVE | 1U << 27, token(IN, 9, 0, 8), kData);
    put_td(kTd2, T, ACTIVE | 1U << 27, token(IN, 9, 0, 8), kData);
    put32(kQueue + 4, kTds);
    reg(uhci::USBCMD, RS | 0x20);
    frames(3);
    EXPECT_EQ(reg(uhci::USBCMD), 0x20);
    EXPECT_EQ(reg(uhci::USBSTS) & HCHALTED, HCHALTED);
    EXPECT_EQ(td_status(kTds) & ACTIVE, 0U);
    EXPECT_NE(td_status(kTd2) & ACTIVE, 0U);
}

// --------------------------------------------------------------------------------------- suspend and resume

TEST_F(UhciTest, ASuspendedPortHearsNothingAndWakesOnlyWhenItWasLetTo) {
    running_with_tablet_at(1);
    poll(1);
    frames(2);
    reg(uhci::PORTSC1, PED | SUSP);
    EXPECT_FALSE(tablet.in_use());
    tablet.pointer(10, 10, 800, 600, 0);
    frames(3);
    EXPECT_FALSE(report());
    EXPECT_EQ(reg(uhci::PORTSC1) & RD, 0);

    reg(uhci::PORTSC1, PED);
    frames(1);
    ASSERT_TRUE(control(1, {0x00, 3, 1, 0, 0})); // remote wake-up
    reg(uhci::PORTSC1, PED | SUSP);
    EXPECT_TRUE(tablet.in_use());
    tablet.pointer(20, 10, 800, 600, 0);
    EXPECT_EQ(reg(uhci::PORTSC1) & RD, RD);
    EXPECT_EQ(reg(uhci::PORTSC1) & 0x30, 0x20);
    reg(uhci::PORTSC1, PED); // the driver ends it
    EXPECT_EQ(reg(uhci::PORTSC1) & (RD | SUSP), 0);
    EXPECT_TRUE(next_report(1));
}

TEST_F(UhciTest, ADeviceWakesABusThatSleepsAsAWhole) {
    running_with_tablet_at(1);
    ASSERT_TRUE(control(1, {0x00, 3, 1, 0, 0}));
    status_cleared();
    reg(uhci::PORTSC1, PED | SUSP);
    reg(uhci::USBCMD, EGSM);
    EXPECT_EQ(timers.next_deadline(), std::nullopt); // sleeping costs nothing
    tablet.pointer(20, 10, 800, 600, 0);
    EXPECT_EQ(reg(uhci::USBCMD), EGSM | FGR);
    EXPECT_EQ(reg(uhci::USBSTS) & RESUME, RESUME);
    EXPECT_TRUE(irq());
}

TEST_F(UhciTest, PluggingInWakesABusThatSleeps) {
    const auto gone = dev.detach(1);
    start();
    reg(uhci::USBCMD, EGSM);
    plug<UsbMouse>(1, "usb-mouse");
    EXPECT_EQ(reg(uhci::USBSTS) & RESUME, RESUME);
    EXPECT_TRUE(irq());
}

// ------------------------------------------------------------------------------------------------ wake-ups

struct Wakeups : UhciTest {
    /// How often the process had to wake up in so long a time.
    unsigned counted(u64 ns) {
        const u64 end = clock.now + ns;
        unsigned count = 0;
        while (timers.next_deadline() && *timers.next_deadline() <= end) {
            clock.now = std::max(clock.now, *timers.next_deadline());
            timers.run_due();
            ++count;
        }
        clock.now = end;
        return count;
    }
};

TEST_F(Wakeups, AGuestAtRestWithATabletThatItReadsCausesFewerThanTenASecond) {
    running_with_tablet_at(1);
    poll(1);
    counted(2 * kSecond);
    EXPECT_LE(counted(10 * kSecond), 40U);
    EXPECT_GE(counted(10 * kSecond), 30U); // but it looks
}

TEST_F(Wakeups, AHaltedControllerCausesNone) {
    running_with_tablet_at(1);
    reg(uhci::USBCMD, 0);
    EXPECT_EQ(counted(10 * kSecond), 0U);
}

TEST_F(Wakeups, AReportThatComesAfterALongRestIsDeliveredWithinAMillisecond) {
    running_with_tablet_at(1);
    poll(1);
    counted(5 * kSecond + 777 * kMicrosecond);
    tablet.pointer(400, 300, 800, 600, 0);
    counted(kMillisecond);
    EXPECT_TRUE(report());
}

TEST_F(Wakeups, AReportIsDeliveredAtOnceAlsoWhereItsQueueIsInOneFrameOfMany) {
    running_with_tablet_at(1);
    poll(1);
    for (u32 i = 0; i < 1024; ++i)
        put32(kFrameList + 4 * i, i % 128 == 77 ? kInterruptQueue | Q : T);
    counted(5 * kSecond);
    tablet.pointer(400, 300, 800, 600, 0);
    counted(128 * kMillisecond);
    EXPECT_TRUE(report());
}

TEST_F(Wakeups, AMovementThatTheGuestFollowsCostsAFewWakeUpsAReport) {
    running_with_tablet_at(1);
    counted(kSecond);
    unsigned woken = 0;
    for (unsigned i = 0; i < 60; ++i) {
        poll(1);
        tablet.pointer(i, i + 1, 800, 600, 0);
        woken += counted(16 * kMillisecond);
        EXPECT_TRUE(report());
    }
    EXPECT_LT(woken, 60U * 16);
}

TEST_F(Wakeups, WorkThatAppearsInMemoryIsNoticedSoonerTheLessTimeHasPassed) {
    running_with_tablet_at(1);
    for (const u64 rest : {u64{8}, u64{100}, u64{400}, u64{5000}}) {
        ASSERT_TRUE(control(1, {0x80, 8, 0, 0, 1}));
        counted(rest * kMillisecond);
        put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
        queue_td(ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
        counted(std::clamp<u64>(rest / 4 + 1, 2, uhci::kSlowestFrames) * kMillisecond);
        EXPECT_EQ(td_status() & ACTIVE, 0U) << rest;
    }
}

TEST_F(Wakeups, AReadOfARegisterLooksAtTheScheduleWithoutATimer) {
    running_with_tablet_at(1);
    counted(5 * kSecond + 10 * kMillisecond);
    put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
    queue_td(ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
    clock.now += 2 * kMillisecond;
    reg(uhci::FRNUM);
    EXPECT_EQ(td_status() & ACTIVE, 0U);
}

// ------------------------------------------------------------------------------------------------- hostile

TEST_F(UhciTest, AQueueThatPointsAtItselfEnds) {
    running_with_tablet_at(1);
    put_queue(kQueue, kQueue | Q, kQueue | Q);
    frames(5);
    put_queue(kQueue, kQueue | Q, T);
    frames(5);
    EXPECT_EQ(reg(uhci::USBSTS), 0);
    EXPECT_EQ(reg(uhci::FRNUM) != 0, true);
}

TEST_F(UhciTest, ADescriptorThatLeadsToItselfEnds) {
    running_with_tablet_at(1);
    put_td(kTds, kTds | VF, ACTIVE, token(IN, 1, 1, 8), kData); // NAK for ever
    put32(kQueue + 4, kTds);
    frames(5);
    put_td(kTds, kTds | VF, 0, token(IN, 1, 1, 8), kData);
    frame_list(kTds);
    frames(5);
    EXPECT_EQ(reg(uhci::USBSTS) & HCHALTED, 0);
}

TEST_F(UhciTest, AFrameHasAnEndHoweverMuchIsToBeDone) {
    running_with_tablet_at(1);
    // A ring of SETUPs, each of which is taken: after so many the frame is over.
    put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
    const u32 many = 2048;
    for (u32 i = 0; i < many; ++i)
        put_td(0x10000 + 16 * i, (0x10000 + 16 * (i + 1)) | VF, ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
    put32(kQueue + 4, 0x10000);
    frames(1);
    u32 done = 0;
    for (u32 i = 0; i < many; ++i)
        done += (td_status(0x10000 + 16 * i) & ACTIVE) == 0 ? 1 : 0;
    EXPECT_EQ(done, uhci::kFrameBytes / 8);
    EXPECT_EQ(get32(kQueue + 4), (0x10000 + 16 * done) | VF);
}

TEST_F(UhciTest, ManyFramesThatAreLateAreBoundedTogether) {
    running_with_tablet_at(1);
    // Different schedules of many queues each, all of nothing.
    for (u32 i = 0; i < 1024; ++i)
        put_queue(0x10000 + 16 * i, (0x10000 + 16 * ((i + 1) % 1024)) | Q, T);
    for (u32 i = 0; i < 1024; ++i)
        put32(kFrameList + 4 * i, (0x10000 + 16 * i) | Q);
    work = {};
    advance(10 * kSecond);
    EXPECT_LE(work.guest_views, uhci::kMostLinksTogether + 2 * uhci::kMostFramesTogether);
}

TEST_F(UhciTest, AWrongPidOrLengthHaltsWithAProcessError) {
    for (const u32 bad :
         {token(0x96, 1, 0, 8), token(0, 1, 0, 8), token(IN, 1, 0, 1281), token(IN, 1, 0, 0x7ff)}) {
        running_with_tablet_at(1);
        queue_td(ACTIVE, bad);
        frames(1);
        EXPECT_EQ(reg(uhci::USBSTS), HCHALTED | HCPE) << std::hex << bad;
        EXPECT_EQ(reg(uhci::USBCMD) & RS, 0);
        EXPECT_TRUE(irq()); // whatever USBINTR says
        reg(uhci::USBINTR, 0);
        EXPECT_TRUE(irq());
    }
}

TEST_F(UhciTest, ListsQueuesDescriptorsAndBuffersOutsideOfRamHaltWithASystemError) {
    const u32 hole = 0xfee00000;
    const auto broken = [&](std::string_view what) {
        frames(2);
        EXPECT_EQ(reg(uhci::USBSTS), HCHALTED | HSE) << what;
    };
    running_with_tablet_at(1);
    out(kBase + uhci::FLBASEADD, hole, 4);
    broken("frame list");
    running_with_tablet_at(1);
    frame_list(hole | Q);
    broken("queue");
    running_with_tablet_at(1);
    put32(kQueue + 4, hole);
    broken("descriptor");
    running_with_tablet_at(1);
    queue_td(ACTIVE, token(SETUP, 1, 0, 8), hole);
    broken("buffer to read");
    running_with_tablet_at(1);
    put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
    queue_td(ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
    frames(1);
    queue_td(ACTIVE, token(IN, 1, 0, 8), static_cast<u32>(kRamSize) - 4);
    broken("buffer to write");
}

TEST_F(UhciTest, ARequestLongerThanAnyBufferIsRefusedBeforeAnythingIsStored) { // CVE-2020-14364
    running_with_tablet_at(1);
    put_setup({0x21, 9, 0, 2, 0, 0, 0xff, 0xff});
    queue_td(ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
    frames(1);
    queue_td(ACTIVE, token(OUT, 1, 0, 1280));
    frames(1);
    EXPECT_NE(td_status() & STALLED, 0U);
    EXPECT_FALSE(control(1, {0x21, 9, 0x0200, 0, 257}, Bytes(257)));
    put_setup({0x21, 9, 0, 2, 0, 0, 8, 0});
    queue_td(ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
    frames(1);
    queue_td(ACTIVE, token(OUT, 1, 0, 1024)); // more than was announced
    frames(1);
    EXPECT_NE(td_status() & STALLED, 0U);
}

TEST_F(UhciTest, StartingAndStoppingAThousandTimesASecondDoesNothing) {
    running_with_tablet_at(1);
    for (int i = 0; i < 1000; ++i) {
        reg(uhci::USBCMD, RS);
        reg(uhci::USBCMD, 0);
    }
    EXPECT_EQ(reg(uhci::FRNUM), reg(uhci::FRNUM));
}

TEST_F(UhciTest, ADeviceThatIsTakenOutWithAReportPendingIsNoLongerThere) { // LP 1878323
    running_with_tablet_at(1);
    poll(1);
    tablet.pointer(5, 5, 800, 600, 1);
    const auto gone = dev.detach(0);
    frames(4);
    EXPECT_EQ(td_status(kInterruptTd) & (ACTIVE | STALLED | CRC_TIMEOUT), STALLED | CRC_TIMEOUT);
}

TEST_F(UhciTest, WithoutBusMasteringFramesPassAndNothingIsTouched) {
    running_with_tablet_at(1);
    enable(1);
    queue_td(ACTIVE, token(SETUP, 1, 0, 8), kSetupData);
    const u16 before = reg(uhci::FRNUM);
    frames(10);
    EXPECT_EQ(reg(uhci::FRNUM), (before + 10) & 0x7ff);
    EXPECT_NE(td_status() & ACTIVE, 0U);
}

TEST(UhciState, APortThatLostItsDeviceIsSavedBeforeTheGuestKnows) {
    UsbTabletRig r;
    r.start();
    ASSERT_TRUE(r.configure(0, 1));
    r.dev.detach(0);
    EXPECT_EQ(r.reg(uhci::PORTSC1) & 0xf, usb_rig::CSC | usb_rig::PEDC);
    const std::vector<u8> image = snapshot(r);
    UsbTabletRig twin;
    twin.dev.detach(0);
    twin.copy_surroundings(r);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_EQ(twin.reg(uhci::PORTSC1), r.reg(uhci::PORTSC1));
}

INSTANTIATE_TYPED_TEST_SUITE_P(UsbTablet, DeviceConformance, UsbTabletRig);
INSTANTIATE_TYPED_TEST_SUITE_P(UsbHub, DeviceConformance, UsbHubRig);

} // namespace
} // namespace dm::test
