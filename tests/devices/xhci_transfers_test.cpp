// xHCI: transfers, events and interrupts; restores; what a hostile driver does.
#include "tests/devices/xhci_fixture.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace xhci_rig;
using xhci::EpType;

TEST_F(XhciTest, AControlTransferWithDataToTheDevice) {
    start();
    reset_port(kPort + 1);
    slot = enable_slot();
    ASSERT_EQ(address(slot, kPort + 1), Code::Success);
    ASSERT_TRUE(control(slot, {0x00, 9, 1, 0, 0}));
    EXPECT_TRUE(control(slot, {0x21, 9, 0x0200, 0, 1}, {0x02}));
    EXPECT_EQ(keyboard.status().leds, static_cast<u8>(KeyboardLed::CapsLock));
}

TEST_F(XhciTest, ARequestThatTheDeviceRefusesStallsAndHaltsUntilTheDriverDealsWithIt) {
    running_with_tablet();
    EXPECT_FALSE(control(slot, {0x80, 6, 0x0f00, 0, 5}));
    EXPECT_EQ(endpoint_state(1), kHalted);
    doorbell(slot, 1);
    EXPECT_FALSE(next_event());
    EXPECT_EQ(command_code(TrbType::StopEndpoint, 0, slot_bits(slot, 1)), Code::ContextStateError);
    EXPECT_EQ(command_code(TrbType::SetTrDequeue, 0, slot_bits(slot, 1)), Code::ContextStateError);
    EXPECT_EQ(command_code(TrbType::ResetEndpoint, 0, slot_bits(slot, 1)), Code::Success);
    EXPECT_EQ(endpoint_state(1), kStopped);
    const Ring& r = ring(slot, 1);
    const u64 next = r.base + 16 * r.at + r.cycle;
    EXPECT_EQ(command_code(TrbType::SetTrDequeue, next, slot_bits(slot, 1)), Code::Success);
    EXPECT_EQ(dequeue(1), next);
    EXPECT_TRUE(control(slot, {0x80, 8, 0, 0, 1}));
    EXPECT_EQ(endpoint_state(1), kRunning);
}

TEST_F(XhciTest, AnInterruptTransferWaitsForTheDeviceWithoutATimer) {
    running_with_tablet();
    const u32 where = poll(slot);
    EXPECT_TRUE(tablet.in_use());
    EXPECT_FALSE(peek_event());
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
    move(400);
    EXPECT_TRUE(irq());
    const auto event = event_of(TrbType::TransferEvent);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->parameter, where);
    EXPECT_EQ(code(*event), Code::ShortPacket); // six bytes of eight
    EXPECT_EQ(event->status & 0xffffff, 2U);
    EXPECT_EQ(event->slot(), slot);
    EXPECT_EQ(event->endpoint(), 3U);
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

TEST_F(XhciTest, AFullBlockIsASuccessAndWithoutIocNothingIsTold) {
    running_with_tablet();
    poll(slot, 6, 0);
    move(100);
    EXPECT_FALSE(event_of(TrbType::TransferEvent));
    poll(slot, 6);
    move(200);
    const auto event = event_of(TrbType::TransferEvent);
    ASSERT_TRUE(event);
    EXPECT_EQ(code(*event), Code::Success);
    EXPECT_EQ(event->status & 0xffffff, 0U);
}

TEST_F(XhciTest, MoreThanThereIsRoomForIsBabble) {
    running_with_tablet();
    poll(slot, 4);
    move(100);
    const auto event = event_of(TrbType::TransferEvent);
    ASSERT_TRUE(event);
    EXPECT_EQ(code(*event), Code::BabbleDetected);
    EXPECT_EQ(endpoint_state(3), kHalted);
}

TEST_F(XhciTest, APacketMayGoOverSeveralBlocks) {
    running_with_tablet();
    Ring& r = ring(slot, 3);
    queue(r, kData + 0x100, 2, kind(TrbType::Normal) | CH);
    queue(r, kData + 0x200, 3, kind(TrbType::Normal) | CH);
    queue(r, kData + 0x300, 3, kind(TrbType::Normal) | CH | ISP);
    queue(r, 0xabcd, 0, kind(TrbType::EventData) | IOC);
    doorbell(slot, 3);
    tablet.pointer(799, 599, 800, 600, 0);
    const auto all = events();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(code(all[0]), Code::ShortPacket);
    EXPECT_EQ(all[0].status & 0xffffff, 2U);
    EXPECT_EQ(all[1].parameter, 0xabcdU);
    EXPECT_EQ(all[1].control & 4, 4U); // ED
    EXPECT_EQ(all[1].status, 13U << 24 | 6);
    EXPECT_EQ(bytes_at(kData + 0x100, 2), (Bytes{0, 0xff}));
    EXPECT_EQ(bytes_at(kData + 0x200, 3), (Bytes{0x7f, 0xff, 0x7f}));
    EXPECT_EQ(bytes_at(kData + 0x300, 1), (Bytes{0}));
}

TEST_F(XhciTest, AShortPacketEndsTheTransferWithTheBlocksThatFollow) {
    running_with_tablet();
    Ring& r = ring(slot, 1);
    queue(r, 0x0012000001000680, 8, kind(TrbType::Setup) | IDT); // 18 bytes of the device descriptor
    queue(r, kData, 10, kind(TrbType::Data) | DIR_IN | CH);
    queue(r, kData + 10, 100, kind(TrbType::Normal) | CH);
    queue(r, kData + 110, 100, kind(TrbType::Normal) | IOC);
    queue(r, 0, 0, kind(TrbType::Status) | IOC);
    doorbell(slot, 1);
    const auto all = events();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].status, 13U << 24 | 100); // at the last block: none of its bytes came
    EXPECT_EQ(code(all[1]), Code::Success);
    EXPECT_EQ(get32(kData), 0x02000112U);
}

TEST_F(XhciTest, NoOpsOnATransferRingAreTold) {
    running_with_tablet();
    const u32 where = queue(ring(slot, 3), 0, 0, kind(TrbType::NoOp) | IOC);
    doorbell(slot, 3);
    const auto event = event_of(TrbType::TransferEvent);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->parameter, where);
    EXPECT_EQ(code(*event), Code::Success);
}

TEST_F(XhciTest, StoppingAnEndpointTellsOfTheTransferThatWaits) {
    running_with_tablet();
    const u32 where = poll(slot);
    queue(driver.commands, 0, 0, kind(TrbType::StopEndpoint) | slot_bits(slot, 3));
    doorbell(0, 0);
    const auto all = events();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(code(all[0]), Code::Stopped);
    EXPECT_EQ(all[0].parameter, where);
    EXPECT_EQ(all[0].status & 0xffffff, 8U);
    EXPECT_EQ(all[1].type(), TrbType::CommandCompletion);
    EXPECT_EQ(endpoint_state(3), kStopped);
    EXPECT_EQ(dequeue(3), where | 1);
    move(10);
    EXPECT_FALSE(report());
    doorbell(slot, 3); // goes on where it was
    EXPECT_TRUE(report());
}

TEST_F(XhciTest, BlocksThatDoNotBelongThereAreTrbErrors) {
    running_with_tablet();
    queue(ring(slot, 3), 0, 8, kind(TrbType::Setup) | IDT);
    doorbell(slot, 3);
    const auto event = event_of(TrbType::TransferEvent);
    ASSERT_TRUE(event);
    EXPECT_EQ(code(*event), Code::TrbError);
    EXPECT_EQ(endpoint_state(3), kError);
    const Ring& r = ring(slot, 3);
    EXPECT_EQ(command_code(TrbType::SetTrDequeue, r.base + 16 * r.at + r.cycle, slot_bits(slot, 3)),
              Code::Success);
    EXPECT_EQ(endpoint_state(3), kStopped);
}

TEST_F(XhciTest, ImmediateDataIsInTheBlock) {
    start();
    reset_port(kPort + 1);
    slot = enable_slot();
    ASSERT_EQ(address(slot, kPort + 1), Code::Success);
    ASSERT_TRUE(control(slot, {0x00, 9, 1, 0, 0}));
    Ring& r = ring(slot, 1);
    queue(r, 0x0001000002000921, 8, kind(TrbType::Setup) | IDT);
    queue(r, 0x07, 1, kind(TrbType::Data) | IDT);
    queue(r, 0, 0, kind(TrbType::Status) | IOC | DIR_IN);
    doorbell(slot, 1);
    const auto event = event_of(TrbType::TransferEvent);
    ASSERT_TRUE(event);
    EXPECT_EQ(code(*event), Code::Success);
    EXPECT_NE(keyboard.status().leds, 0);
}

// --------------------------------------------------------------------------------- event rings, interrupts

TEST_F(XhciTest, AnEventRingMayHaveSeveralSegments) {
    start();
    put32(kSegmentTable + 8, 16);
    put32(kSegmentTable + 16, kEvents + 0x800);
    put32(kSegmentTable + 20, 0);
    put32(kSegmentTable + 24, 16);
    interrupter(xhci::ERSTSZ, 2);
    interrupter(xhci::ERSTBA, kSegmentTable);
    zero(kEvents + 0x800, 0x100);
    for (unsigned i = 0; i < 20; ++i) {
        queue(driver.commands, 0, 0, kind(TrbType::NoOpCommand));
        doorbell(0, 0);
    }
    const auto cycle = [&](u32 base, unsigned n) { return get32(base + 16 * n + 12) & 1; };
    EXPECT_EQ(cycle(kEvents, 15), 1U);
    EXPECT_EQ(cycle(kEvents + 0x800, 3), 1U);
    EXPECT_EQ(cycle(kEvents + 0x800, 4), 0U);
}

TEST_F(XhciTest, AFullEventRingHoldsEverythingBackUntilTheDriverHasRead) {
    start(16);
    for (unsigned i = 0; i < 20; ++i)
        queue(driver.commands, 0, 0, kind(TrbType::NoOpCommand));
    doorbell(0, 0);
    unsigned completed = 0;
    unsigned full = 0;
    for (unsigned round = 0; round < 10; ++round)
        for (const Trb& event : events()) {
            if (event.type() == TrbType::HostController && code(event) == Code::EventRingFull) ++full;
            if (event.type() == TrbType::CommandCompletion) ++completed;
        }
    EXPECT_EQ(completed, 20U);
    EXPECT_GE(full, 1U);
}

TEST_F(XhciTest, AnEventRingIsFullOnlyForACommandThatIsThere) {
    start(16);
    events();
    for (unsigned i = 0; i < 13; ++i)
        queue(driver.commands, 0, 0, kind(TrbType::NoOpCommand));
    doorbell(0, 0);
    const std::vector<Trb> seen = events();
    EXPECT_EQ(seen.size(), 13U);
    for (const Trb& event : seen)
        EXPECT_EQ(event.type(), TrbType::CommandCompletion);
}

TEST_F(XhciTest, InterruptsRestForAsLongAsModerationSays) {
    start();
    interrupter(xhci::IMOD, 4000); // 1 ms
    command(TrbType::NoOpCommand); // acknowledged
    EXPECT_FALSE(irq());
    queue(driver.commands, 0, 0, kind(TrbType::NoOpCommand));
    doorbell(0, 0);
    EXPECT_FALSE(irq());
    ASSERT_TRUE(timers.next_deadline());
    advance(kMillisecond);
    EXPECT_TRUE(irq());
    events();
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

TEST_F(XhciTest, WithMessagesAnInterruptIsAMessageAndClearsItself) {
    start();
    pci.config_write(kBdf, 0x74, 4, 0xfee00000);
    pci.config_write(kBdf, 0x7c, 2, 0x41);
    pci.config_write(kBdf, 0x72, 2, 1);
    queue(driver.commands, 0, 0, kind(TrbType::NoOpCommand));
    doorbell(0, 0);
    EXPECT_FALSE(irq());
    EXPECT_EQ(hypervisor.messages.sent.size(), 1U);
    EXPECT_EQ(interrupter(xhci::IMAN), IE);
    queue(driver.commands, 0, 0, kind(TrbType::NoOpCommand));
    doorbell(0, 0);
    EXPECT_EQ(hypervisor.messages.sent.size(), 1U); // the driver is busy
    events();
    queue(driver.commands, 0, 0, kind(TrbType::NoOpCommand));
    doorbell(0, 0);
    EXPECT_EQ(hypervisor.messages.sent.size(), 2U);
}

TEST_F(XhciTest, EventsThatBlockInterruptsRaiseNone) {
    running_with_tablet();
    poll(slot, 6, IOC | BEI);
    move(3);
    EXPECT_FALSE(irq());
    EXPECT_TRUE(event_of(TrbType::TransferEvent));
}

TEST_F(XhciTest, TellsWhenTheFrameIndexBeginsAnewIfAsked) {
    start();
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
    op(xhci::USBCMD, RS | INTE | EWE);
    advance(0x4000 * 125 * kMicrosecond);
    EXPECT_TRUE(event_of(TrbType::FrameIndexWrap));
    EXPECT_EQ(reg(kBase + xhci::kRuntime), 0U);
}

// ------------------------------------------------------------------------------------------------- bulk

TEST(XhciBulk, ATransferThatWaitsWakesNobodyAndEndsAsSoonAsItCan) {
    XhciDiskRig r;
    ASSERT_TRUE(r.power_up());
    r.poll(r.slot, 13); // the status, before the command
    EXPECT_FALSE(r.report(13));
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
    r.advance(kSecond);
    EXPECT_FALSE(r.report(13));
    r.put_bytes(kData, command_wrapper(Bytes(6), 0, false)); // TEST UNIT READY
    r.transfer(r.slot, XhciRig::kBulkOut, kData, 31);
    const auto status = r.report(13);
    ASSERT_TRUE(status);
    EXPECT_EQ((*status)[3], 'S');
    EXPECT_EQ(r.timers.next_deadline(), std::nullopt);
}

// ------------------------------------------------------------------------------------------- save, restore

TEST_F(XhciTest, ATransferThatWaitsIsServedAfterARestore) {
    running_with_tablet();
    poll(slot);
    const std::vector<u8> image = snapshot(*this);
    EXPECT_LT(image.size(), 40U * 1024);
    XhciTabletRig twin;
    twin.copy_surroundings(*this);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_TRUE(twin.tablet.in_use());
    twin.tablet.pointer(5, 5, 800, 600, 0);
    EXPECT_TRUE(twin.irq());
    EXPECT_TRUE(twin.report());
}

TEST_F(XhciTest, AMachineThatGoesOnAfterASaveTriesWhatTheRestoredOneTries) {
    running_with_tablet();
    poll(slot);
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
    dev.quiesce();
    const std::vector<u8> image = snapshot(*this);
    XhciTabletRig twin;
    twin.copy_surroundings(*this);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_EQ(timers.next_deadline(), clock.now);
    EXPECT_EQ(twin.timers.next_deadline(), timers.next_deadline());
    advance(0);
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

// -------------------------------------------------------------------------------------------------- hostile

TEST_F(XhciTest, StructuresOutsideOfRamHaltTheController) {
    const auto broken = [&](std::string_view what) {
        EXPECT_EQ(op(xhci::USBSTS) & (HCH | HSE), HCH | HSE) << what;
    };
    constexpr u32 kHole = 0xfee00000;
    start();
    op(xhci::USBCMD, 0);
    op(xhci::CRCR, kHole | 1);
    op(xhci::USBCMD, RS);
    doorbell(0, 0);
    broken("command ring");
    start();
    interrupter(xhci::ERSTBA, kHole);
    command(TrbType::NoOpCommand);
    broken("segment table");
    start();
    put32(kSegmentTable, kHole);
    command(TrbType::NoOpCommand);
    broken("event ring");
    running_with_tablet();
    command(TrbType::ConfigureEndpoint, kHole, slot_bits(slot));
    broken("input context");
    running_with_tablet();
    queue(ring(slot, 3), kHole, 8, kind(TrbType::Normal) | IOC);
    doorbell(slot, 3);
    move(1);
    broken("buffer");
    start();
    op(xhci::DCBAAP, kHole);
    reset_port(kPort);
    slot = enable_slot();
    address(slot, kPort);
    broken("context pointers");
}

TEST_F(XhciTest, ASegmentOfImpossibleSizeIsAnErrorThatOnlyAResetEnds) {
    start();
    put32(kSegmentTable + 8, 15);
    command(TrbType::NoOpCommand);
    EXPECT_EQ(op(xhci::USBSTS) & (HCH | HCE), HCH | HCE);
    op(xhci::USBCMD, RS);
    EXPECT_EQ(op(xhci::USBSTS) & HCH, HCH);
    start();
    EXPECT_EQ(code(command(TrbType::NoOpCommand)), Code::Success);
}

TEST_F(XhciTest, LinksThatLeadToEachOtherEnd) { // CVE-2016-8576, CVE-2016-9923's kin
    running_with_tablet();
    work = {};
    put_trb(kCommands + 16 * driver.commands.at, kCommands + 16 * driver.commands.at, 0,
            kind(TrbType::Link) | driver.commands.cycle);
    doorbell(0, 0);
    Ring& r = ring(slot, 3);
    put_trb(r.base, r.base, 0, kind(TrbType::Link) | C);
    doorbell(slot, 3);
    put_trb(r.base, r.base, 0, kind(TrbType::Link) | C | TC);
    doorbell(slot, 3);
    EXPECT_LT(work.guest_views, 1000U);
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

TEST_F(XhciTest, ARingThatNeverEndsIsServedInPieces) {
    running_with_tablet();
    Ring& r = ring(slot, 3);
    put_trb(r.base, 0, 0, kind(TrbType::NoOp) | C);
    put_trb(r.base + 16, r.base, 0, kind(TrbType::Link) | C);
    work = {};
    doorbell(slot, 3);
    EXPECT_LT(work.guest_views, 4 * xhci::kWorkAtOnce);
    ASSERT_TRUE(timers.next_deadline());
    advance(kMillisecond);
    EXPECT_TRUE(timers.next_deadline());
    EXPECT_EQ(code(command(TrbType::NoOpCommand)), Code::Success); // commands have their turn
    op(xhci::USBCMD, 0);
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

TEST_F(XhciTest, APacketOverTooManyBlocksIsATrbError) {
    running_with_tablet();
    Ring& r = ring(slot, 3);
    for (unsigned i = 0; i < 7; ++i)
        queue(r, kData, 0, kind(TrbType::Normal) | CH); // empty ones are nothing
    queue(r, kData, 0, kind(TrbType::Normal) | CH);
    queue(r, kData, 8, kind(TrbType::Normal) | IOC);
    doorbell(slot, 3);
    move(4);
    EXPECT_TRUE(report());
    ASSERT_EQ(add_endpoint(slot, kPort, 3, EpType::InterruptIn, 64), Code::Success);
    for (unsigned i = 0; i < 9; ++i)
        queue(ring(slot, 3), kData, 1, kind(TrbType::Normal) | (i < 8 ? CH : IOC));
    doorbell(slot, 3);
    const auto event = event_of(TrbType::TransferEvent);
    ASSERT_TRUE(event);
    EXPECT_EQ(code(*event), Code::TrbError);
}

TEST_F(XhciTest, WithoutBusMasteringNothingIsTouched) {
    start();
    enable(2);
    work = {};
    queue(driver.commands, 0, 0, kind(TrbType::NoOpCommand));
    const auto before = work.guest_views;
    doorbell(0, 0);
    EXPECT_EQ(work.guest_views, before);
    enable();
    EXPECT_TRUE(event_of(TrbType::CommandCompletion));
}

TEST_F(XhciTest, DoorbellsOfWhatIsNotThereDoNothing) {
    start();
    for (unsigned slot_number = 1; slot_number < 256; ++slot_number)
        for (const u32 target : {0U, 1U, 3U, 31U, 32U, 255U, 0x10001U})
            doorbell(slot_number, target);
    EXPECT_FALSE(next_event());
}

} // namespace
} // namespace dm::test
