// xHCI: registers, commands and ports.
#include "tests/devices/xhci_fixture.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace xhci_rig;
using xhci::EpType;

// ----------------------------------------------------------------------------------------------- registers

TEST_F(XhciTest, IsTheFunctionThatDriversLookFor) {
    const auto config = [&](unsigned r, unsigned size) { return pci.config_read(kBdf, r, size); };
    EXPECT_EQ(config(0, 4), 0x01941033U);
    EXPECT_EQ(config(8, 4), 0x0c033003U);
    EXPECT_EQ(config(0x60, 1), 0x30U);
    EXPECT_EQ(config(0x34, 1), 0x70U);
    EXPECT_EQ(config(0x70, 2), 0x0005U);
    EXPECT_EQ(config(0x3d, 1), 1U);
    XhciHubRig other;
    EXPECT_EQ(other.pci.config_read(kBdf, 0, 4), 0x000d1b36U);
}

TEST_F(XhciTest, TheBarHas64Bits) {
    pci.config_write(kBdf, pci::BAR0, 4, 0xffffffff);
    pci.config_write(kBdf, pci::BAR0 + 4, 4, 0xffffffff);
    EXPECT_EQ(pci.config_read(kBdf, pci::BAR0, 4), 0xffffc004U);
    EXPECT_EQ(pci.config_read(kBdf, pci::BAR0 + 4, 4), 0xffffffffU);
    EXPECT_EQ(dev.bar_address(0), std::nullopt); // no processor has such addresses
    pci.config_write(kBdf, pci::BAR0, 4, 0x40000000);
    pci.config_write(kBdf, pci::BAR0 + 4, 4, 0x12);
    EXPECT_EQ(dev.bar_address(0), 0x1240000000U);
    EXPECT_EQ(memory.read(0x1240000000, 4), 0x01000040U);
}

TEST_F(XhciTest, CapabilitiesLeadToTheOtherRegisters) {
    EXPECT_EQ(reg(kBase), 0x01000040U); // 1.0
    EXPECT_EQ(reg(kBase + xhci::HCSPARAMS1), 0x08000420U);
    EXPECT_EQ(reg(kBase + xhci::HCCPARAMS), 0x00080001U);
    EXPECT_EQ(reg(kBase + xhci::DBOFF), 0x2000U);
    EXPECT_EQ(reg(kBase + xhci::RTSOFF), 0x1000U);
    EXPECT_EQ(peek(kBase + 2, 2), 0x0100U);
}

TEST_F(XhciTest, PortsOfUsb3ComeFirstOnNecsAndLastOnQemus) {
    EXPECT_EQ(reg(kBase + 0x20), 0x02000402U);
    EXPECT_EQ(reg(kBase + 0x28), 0x0405U); // four from 5 on
    EXPECT_EQ(reg(kBase + 0x30), 0x03000002U);
    EXPECT_EQ(reg(kBase + 0x34), 0x20425355U);
    EXPECT_EQ(reg(kBase + 0x38), 0x0401U);
    XhciHubRig other;
    EXPECT_EQ(other.reg(kBase + 0x28), 0x0601U);
    EXPECT_EQ(other.reg(kBase + 0x38), 0x0207U);
}

TEST_F(XhciTest, HaltsAndRunsByRunStop) {
    EXPECT_EQ(op(xhci::USBSTS) & HCH, HCH);
    start();
    EXPECT_EQ(op(xhci::USBSTS) & HCH, 0U);
    advance(10 * 125 * kMicrosecond);
    EXPECT_EQ(reg(kBase + xhci::kRuntime), 10U);
    op(xhci::USBCMD, 0);
    EXPECT_EQ(op(xhci::USBSTS) & HCH, HCH);
    doorbell(0, 0);
    EXPECT_EQ(op(xhci::CRCR), 0U); // a halted controller runs no ring
}

TEST_F(XhciTest, AResetOfTheControllerLeavesPortsConnectedAndDisabled) {
    running_with_tablet();
    op(xhci::USBCMD, HCRST);
    EXPECT_EQ(op(xhci::USBCMD), 0U);
    EXPECT_EQ(op(xhci::CONFIG), 0U);
    EXPECT_EQ(port(kPort), CSC | 3U << 10 | PP | 7U << 5 | CCS);
    EXPECT_EQ(port(1), PP | 5U << 5);
    EXPECT_FALSE(tablet.in_use());
}

TEST_F(XhciTest, RestoringItsStateIsRefusedSoThatDriversSetUpAnew) {
    op(xhci::USBCMD, 0x100);
    EXPECT_EQ(op(xhci::USBSTS) & SRE, 0U);
    op(xhci::USBCMD, 0x200);
    EXPECT_EQ(op(xhci::USBSTS) & SRE, SRE);
    op(xhci::USBSTS, SRE);
    EXPECT_EQ(op(xhci::USBSTS) & SRE, 0U);
}

TEST_F(XhciTest, WritesThatAreNoWholeWordsDoNothing) {
    poke(kOp + xhci::CONFIG, 5, 1);
    poke(kOp + xhci::CONFIG, 5, 2);
    EXPECT_EQ(op(xhci::CONFIG), 0U);
    poke(kOp + xhci::DCBAAP, 0x1234567890, 8);
    EXPECT_EQ(peek(kOp + xhci::DCBAAP, 8), 0x1234567880U);
}

TEST_F(XhciTest, SleepAndWakeOfTheMachineResetIt) {
    running_with_tablet();
    dev.wake_reset();
    EXPECT_EQ(op(xhci::USBSTS) & HCH, HCH);
    EXPECT_EQ(dev.bar_address(0), kBase);
    start();
    EXPECT_NE(set_up(kPort), 0);
}

// ------------------------------------------------------------------------------------------------ commands

TEST_F(XhciTest, ACommandIsAnsweredOnTheEventRingWithItsPlaceAndAnInterrupt) {
    start();
    const u32 where = queue(driver.commands, 0, 0, kind(TrbType::NoOpCommand));
    doorbell(0, 0);
    EXPECT_TRUE(irq());
    EXPECT_EQ(op(xhci::USBSTS) & EINT, EINT);
    EXPECT_EQ(interrupter(xhci::IMAN), IP | IE);
    EXPECT_EQ(interrupter(xhci::ERDP) & EHB, EHB);
    EXPECT_EQ(op(xhci::CRCR), 8U);
    const auto event = next_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->type(), TrbType::CommandCompletion);
    EXPECT_EQ(event->parameter, where);
    EXPECT_EQ(code(*event), Code::Success);
    EXPECT_FALSE(irq());
    EXPECT_FALSE(next_event());
}

TEST_F(XhciTest, TheCommandRingGoesRoundByItsLink) {
    start();
    for (unsigned i = 0; i < 3 * kRingTrbs; ++i)
        EXPECT_EQ(code(command(TrbType::NoOpCommand)), Code::Success) << i;
}

TEST_F(XhciTest, StoppingTheCommandRingIsTold) {
    start();
    command(TrbType::NoOpCommand);
    op(xhci::CRCR, 2);
    EXPECT_EQ(op(xhci::CRCR), 0U);
    const auto event = event_of(TrbType::CommandCompletion);
    ASSERT_TRUE(event);
    EXPECT_EQ(code(*event), Code::CommandRingStopped);
    EXPECT_EQ(event->parameter, kCommands + 16);
    op(xhci::CRCR, 2); // it stands already
    EXPECT_FALSE(next_event());
    EXPECT_EQ(code(command(TrbType::NoOpCommand)),
              Code::TrbError); // CRCR took the pointer 0: no command there
}

TEST_F(XhciTest, UnknownCommandsAreTrbErrors) {
    start();
    for (const u32 type : {0U, 1U, 18U, 24U, 33U, 63U})
        EXPECT_EQ(code(command(static_cast<TrbType>(type))), Code::TrbError) << type;
}

TEST_F(XhciTest, AnswersNecsOwnCommandsAsItsDriverExpects) {
    start();
    queue(driver.commands, 0, 0, kind(TrbType::NecFirmwareRevision));
    doorbell(0, 0);
    const auto revision = event_of(TrbType::NecCompletion);
    ASSERT_TRUE(revision);
    EXPECT_EQ(revision->status, 0x01003034U);
    queue(driver.commands, 0x0123456789abcdef, 0, kind(TrbType::NecChallenge));
    doorbell(0, 0);
    EXPECT_TRUE(event_of(TrbType::NecCompletion));
    XhciHubRig other;
    other.start();
    EXPECT_EQ(code(other.command(TrbType::NecFirmwareRevision)), Code::TrbError);
}

TEST_F(XhciTest, SlotsAreGivenUntilThereAreAsManyAsTheDriverWants) {
    start();
    op(xhci::CONFIG, 3);
    EXPECT_EQ(enable_slot(), 1);
    EXPECT_EQ(enable_slot(), 2);
    EXPECT_EQ(enable_slot(), 3);
    EXPECT_EQ(code(command(TrbType::EnableSlot)), Code::NoSlotsAvailable);
    EXPECT_EQ(command_code(TrbType::DisableSlot, 0, slot_bits(2)), Code::Success);
    EXPECT_EQ(enable_slot(), 2);
    op(xhci::CONFIG, 255);
    for (unsigned i = 4; i <= xhci::kSlots; ++i)
        EXPECT_EQ(enable_slot(), i);
    EXPECT_EQ(code(command(TrbType::EnableSlot)), Code::NoSlotsAvailable);
}

TEST_F(XhciTest, CommandsForSlotsThatAreNoneAreRefused) {
    start();
    for (const unsigned bad : {0U, 1U, 33U, 200U})
        for (const TrbType type : {TrbType::DisableSlot, TrbType::AddressDevice, TrbType::StopEndpoint})
            EXPECT_EQ(command_code(type, kInput, slot_bits(bad)), Code::SlotNotEnabled) << bad;
}

TEST_F(XhciTest, AddressDeviceGivesTheDeviceItsAddress) {
    start();
    reset_port(kPort);
    slot = enable_slot();
    EXPECT_EQ(address(slot, kPort), Code::Success);
    EXPECT_EQ(slot_state(), 2U); // addressed
    EXPECT_EQ(get32(device_context(slot) + 12) & 0xff, slot);
    EXPECT_EQ(endpoint_state(1), kRunning);
    EXPECT_EQ(dev.device(0)->find(slot), &tablet);
    const auto descriptor = control(slot, {0x80, 6, 0x0100, 0, 18});
    ASSERT_TRUE(descriptor);
    EXPECT_EQ(descriptor->size(), 18U);
    EXPECT_EQ((*descriptor)[8], 0x27);
}

TEST_F(XhciTest, AddressDeviceMayLeaveTheDeviceInItsDefaultState) {
    start();
    reset_port(kPort);
    slot = enable_slot();
    EXPECT_EQ(address(slot, kPort, BSR), Code::Success);
    EXPECT_EQ(slot_state(), 1U);
    EXPECT_TRUE(control(slot, {0x80, 6, 0x0100, 0, 8}));
    EXPECT_EQ(address(slot, kPort, BSR), Code::ContextStateError);
    EXPECT_EQ(address(slot, kPort), Code::Success);
    EXPECT_EQ(slot_state(), 2U);
}

TEST_F(XhciTest, AddressDeviceFindsOutWhenThereIsNothing) {
    start();
    slot = enable_slot();
    EXPECT_EQ(address(slot, kPort), Code::UsbTransactionError); // not reset
    reset_port(kPort);
    EXPECT_EQ(address(slot, 1), Code::UsbTransactionError); // a port of USB 3
    EXPECT_EQ(address(slot, kPort + 3), Code::UsbTransactionError);
    EXPECT_EQ(address(slot, 0), Code::ParameterError);
    EXPECT_EQ(address(slot, 9), Code::ParameterError);
    EXPECT_EQ(address(slot, kPort), Code::Success);
    EXPECT_EQ(address(slot, kPort), Code::ContextStateError);
}

TEST_F(XhciTest, ConfigureEndpointTakesAllOrNothing) {
    running_with_tablet();
    EXPECT_EQ(slot_state(), 3U); // configured
    EXPECT_EQ(endpoint_state(3), kRunning);
    EXPECT_EQ(get32(device_context(slot)) >> 27, 3U);
    // A second endpoint whose direction is wrong.
    input_context(1U << 3, 1 | 1U << 3 | 1U << 2);
    input_slot(kPort, 3);
    input_endpoint(slot, 3, EpType::InterruptIn, 8);
    input_endpoint(slot, 2, EpType::BulkIn, 64);
    EXPECT_EQ(command_code(TrbType::ConfigureEndpoint, kInput, slot_bits(slot)), Code::ParameterError);
    EXPECT_EQ(endpoint_state(3), kRunning);
    input_context(1U << 3, 1);
    input_slot(kPort, 1);
    EXPECT_EQ(command_code(TrbType::ConfigureEndpoint, kInput, slot_bits(slot)), Code::Success);
    EXPECT_EQ(endpoint_state(3), 0U);
    EXPECT_EQ(slot_state(), 2U);
}

TEST_F(XhciTest, DeconfiguringLeavesTheControlEndpoint) {
    running_with_tablet();
    EXPECT_EQ(command_code(TrbType::ConfigureEndpoint, kInput, slot_bits(slot) | BSR), Code::Success);
    EXPECT_EQ(slot_state(), 2U);
    EXPECT_EQ(endpoint_state(3), 0U);
    EXPECT_EQ(command_code(TrbType::StopEndpoint, 0, slot_bits(slot, 3)), Code::EndpointNotEnabled);
    EXPECT_TRUE(control(slot, {0x80, 8, 0, 0, 1}));
}

TEST_F(XhciTest, EndpointsThatCannotBeAreParameterErrors) {
    running_with_tablet();
    EXPECT_EQ(add_endpoint(slot, kPort, 3, EpType::None, 8), Code::ParameterError);
    EXPECT_EQ(add_endpoint(slot, kPort, 3, EpType::Control, 8), Code::ParameterError);
    EXPECT_EQ(add_endpoint(slot, kPort, 3, EpType::InterruptOut, 8), Code::ParameterError);
    EXPECT_EQ(add_endpoint(slot, kPort, 3, EpType::InterruptIn, 0), Code::ParameterError);
    EXPECT_EQ(add_endpoint(slot, kPort, 3, EpType::InterruptIn, 1025), Code::ParameterError);
    input_context(0, 1 | 1U << 3);
    input_slot(kPort, 3);
    input_endpoint(slot, 3, EpType::BulkIn, 512);
    put32(kInput + 32 * 4, 1U << 10); // streams
    EXPECT_EQ(command_code(TrbType::ConfigureEndpoint, kInput, slot_bits(slot)), Code::ParameterError);
}

TEST_F(XhciTest, MoreEndpointsThanThereAreIsAResourceError) {
    start();
    op(xhci::CONFIG, 32);
    unsigned configured = 0;
    for (unsigned n = 0; n < 3; ++n) {
        reset_port(kPort);
        slot = enable_slot();
        ASSERT_EQ(address(slot, kPort), Code::Success);
        input_context(0, 0xfffffffd);
        input_slot(kPort, 31);
        for (unsigned context = 2; context <= 31; ++context)
            input_endpoint(slot, context, context % 2 == 1 ? EpType::BulkIn : EpType::BulkOut, 64);
        const Code result = command_code(TrbType::ConfigureEndpoint, kInput, slot_bits(slot));
        if (result == Code::Success)
            ++configured;
        else
            EXPECT_EQ(result, Code::ResourceError);
    }
    EXPECT_EQ(configured, xhci::kEndpoints / 31);
}

TEST_F(XhciTest, EvaluateContextChangesThePacketsOfEndpoint0) {
    start();
    reset_port(kPort);
    slot = enable_slot();
    ASSERT_EQ(address(slot, kPort), Code::Success);
    input_context(0, 2);
    put32(kInput + 64 + 4, 8U << 16 | 4 << 3);
    EXPECT_EQ(command_code(TrbType::EvaluateContext, kInput, slot_bits(slot)), Code::Success);
    EXPECT_EQ(get32(device_context(slot) + 32 + 4) >> 16, 8U);
    put32(kInput + 64 + 4, 0);
    EXPECT_EQ(command_code(TrbType::EvaluateContext, kInput, slot_bits(slot)), Code::ParameterError);
}

TEST_F(XhciTest, ResetDevicePutsTheSlotBackToItsDefaultState) {
    running_with_tablet();
    reset_port(kPort);
    EXPECT_EQ(command_code(TrbType::ResetDevice, 0, slot_bits(slot)), Code::Success);
    EXPECT_EQ(slot_state(), 1U);
    EXPECT_EQ(get32(device_context(slot) + 12) & 0xff, 0U);
    EXPECT_EQ(endpoint_state(3), 0U);
    EXPECT_EQ(command_code(TrbType::ResetDevice, 0, slot_bits(slot)), Code::ContextStateError);
    EXPECT_TRUE(control(slot, {0x80, 6, 0x0100, 0, 8}));
    EXPECT_EQ(address(slot, kPort), Code::Success);
}

TEST_F(XhciTest, PortBandwidthIsThereForAll) {
    start();
    EXPECT_EQ(command_code(TrbType::GetPortBandwidth, kData, 3 << 16), Code::Success);
    EXPECT_EQ(bytes_at(kData, 10), (Bytes{0, 80, 80, 80, 80, 80, 80, 80, 80, 0}));
}

// --------------------------------------------------------------------------------------------- root hub

TEST_F(XhciTest, ResettingAPortEnablesItAndIsTold) {
    start();
    port(kPort, PP | PR);
    EXPECT_EQ(port(kPort) & (PED | PRC | PR | 0x1e0), PED | PRC);
    const auto event = event_of(TrbType::PortStatusChange);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->parameter, u64{kPort} << 24);
    EXPECT_EQ(op(xhci::USBSTS) & PCD, PCD);
    port(kPort, PP | PRC | CSC);
    EXPECT_EQ(port(kPort) & (PRC | CSC), 0U);
    port(kPort, PP | PED); // 1 disables
    EXPECT_EQ(port(kPort) & PED, 0U);
    port(1, PP | PR); // nothing is there
    EXPECT_EQ(port(1), PP | 5U << 5);
}

TEST_F(XhciTest, PluggingInAndTakingOutAreTold) {
    running_with_tablet();
    poll(slot);
    const auto gone = dev.detach(0);
    const auto all = events();
    EXPECT_EQ(port(kPort), CSC | PP | 5U << 5);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].type(), TrbType::PortStatusChange);
    EXPECT_EQ(code(all[1]), Code::UsbTransactionError); // who waited for the device
    EXPECT_EQ(endpoint_state(3), kHalted);
    plug<UsbMouse>(0, "usb-mouse");
    EXPECT_TRUE(event_of(TrbType::PortStatusChange));
    EXPECT_EQ(port(kPort) & (CCS | PED | CSC), CCS | CSC);
}

TEST_F(XhciTest, ASuspendedPortHoldsTransfersBackUntilItIsResumed) {
    running_with_tablet();
    poll(slot);
    port(kPort, PP | LWS | 3U << 5);
    EXPECT_EQ(port(kPort) >> 5 & 15, 3U);
    EXPECT_FALSE(tablet.in_use());
    move(100);
    EXPECT_FALSE(report());
    port(kPort, PP | LWS | 15U << 5);
    port(kPort, PP | LWS);
    EXPECT_EQ(port(kPort) & (PLC | 0x1e0), PLC);
    EXPECT_TRUE(report());
}

TEST_F(XhciTest, ADeviceThatMayWakesItsPort) {
    running_with_tablet();
    ASSERT_TRUE(control(slot, {0x00, 3, 1, 0, 0})); // remote wake-up
    poll(slot);
    port(kPort, PP | LWS | 3U << 5);
    EXPECT_TRUE(tablet.in_use());
    move(100);
    EXPECT_EQ(port(kPort) & (PLC | 0x1e0), PLC | 15U << 5);
    EXPECT_TRUE(event_of(TrbType::PortStatusChange));
    port(kPort, PP | PLC | LWS);
    EXPECT_TRUE(report());
}

TEST_F(XhciTest, AHubsDevicesAreReachedByTheirAddresses) {
    XhciHubRig r;
    r.start();
    const u8 hub = r.set_up(5);
    ASSERT_NE(hub, 0);
    ASSERT_TRUE(r.control(hub, {0x23, 3, 8, 3, 0})); // power, reset
    ASSERT_TRUE(r.control(hub, {0x23, 3, 4, 3, 0}));
    const u8 mouse = r.enable_slot();
    ASSERT_EQ(r.address(mouse, 5), Code::Success);
    ASSERT_TRUE(r.control(mouse, {0x00, 9, 1, 0, 0}));
    ASSERT_EQ(r.add_endpoint(mouse, 5, 3, EpType::InterruptIn, 8), Code::Success);
    r.poll(mouse);
    r.mouse->motion(3, 4, 0);
    const auto report = r.report();
    ASSERT_TRUE(report);
    EXPECT_EQ((*report)[1], 3);
}

/// Where a hub always has something to tell and its driver always asks again.
struct XhciHubTest : testing::Test, XhciHubRig {
    void hub_with_changes(u32 interval) {
        start();
        hub_slot = set_up(5);
        ASSERT_NE(hub_slot, 0);
        ASSERT_EQ(add_endpoint(hub_slot, 5, 3, EpType::InterruptIn, 2, interval), Code::Success);
        ASSERT_TRUE(control(hub_slot, {0x23, 3, 8, 3, 0})); // power, reset
        ASSERT_TRUE(control(hub_slot, {0x23, 3, 4, 3, 0}));
    }
    bool told() { return report(2).has_value(); }
    u8 hub_slot = 0;
};

TEST_F(XhciHubTest, AnInterruptEndpointIsServedOncePerInterval) {
    hub_with_changes(4); // 2 ms
    poll(hub_slot, 2);
    EXPECT_TRUE(told());
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
    poll(hub_slot, 2);
    EXPECT_FALSE(told());
    EXPECT_EQ(timers.next_deadline(), timers.now_ns() + 2 * kMillisecond);
    advance(2 * kMillisecond - 1);
    EXPECT_FALSE(told());
    advance(1);
    EXPECT_TRUE(told());
    ASSERT_TRUE(control(hub_slot, {0x23, 1, 16, 3, 0})); // C_PORT_CONNECTION, C_PORT_RESET
    ASSERT_TRUE(control(hub_slot, {0x23, 1, 20, 3, 0}));
    poll(hub_slot, 2);
    advance(2 * kMillisecond);
    EXPECT_FALSE(told());
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

TEST_F(XhciHubTest, AnIntervalThatThereIsNotIsAMillisecond) {
    hub_with_changes(200);
    poll(hub_slot, 2);
    EXPECT_TRUE(told());
    poll(hub_slot, 2);
    EXPECT_EQ(timers.next_deadline(), timers.now_ns() + kMillisecond);
}

TEST_F(XhciHubTest, AnEndpointThatIsConfiguredAnewNeedsNoRest) {
    hub_with_changes(15); // 4 s
    poll(hub_slot, 2);
    EXPECT_TRUE(told());
    ASSERT_EQ(add_endpoint(hub_slot, 5, 3, EpType::InterruptIn, 2, 4), Code::Success);
    poll(hub_slot, 2);
    EXPECT_TRUE(told());
}

TEST_F(XhciHubTest, WhatRestedWhenItWasSavedIsServedAfterARestore) {
    hub_with_changes(4);
    poll(hub_slot, 2);
    EXPECT_TRUE(told());
    poll(hub_slot, 2);
    const std::vector<u8> image = snapshot(*this);
    XhciHubRig twin;
    twin.copy_surroundings(*this);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(twin.dev.load(*reader).ok());
    EXPECT_EQ(snapshot(twin), image);
    twin.advance(1);
    EXPECT_TRUE(twin.report(2));
}

INSTANTIATE_TYPED_TEST_SUITE_P(XhciTablet, DeviceConformance, XhciTabletRig);
INSTANTIATE_TYPED_TEST_SUITE_P(XhciHub, DeviceConformance, XhciHubRig);
INSTANTIATE_TYPED_TEST_SUITE_P(XhciDisk, DeviceConformance, XhciDiskRig);

} // namespace
} // namespace dm::test
