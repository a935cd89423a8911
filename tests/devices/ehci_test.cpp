// EHCI: registers, ports, time, state.
#include "dm/devices/usb/uhci.hpp"
#include "tests/devices/ehci_rig.hpp"
#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ehci_rig;

struct EhciTest : testing::Test, EhciDevicesRig {
    void running_with_tablet_at(u8 address) {
        start();
        ASSERT_TRUE(configure(0, address));
        status_cleared();
    }
    void move_pointer(unsigned x) { tablet.pointer(x, 5, 800, 600, 0); }
    /// The guest does nothing; how often the controller's timer goes off meanwhile.
    unsigned looks_within(u64 ns) {
        unsigned looks = 0;
        for (const u64 end = clock.now + ns; clock.now < end; ++looks) {
            clock.now = std::min(timers.next_deadline().value_or(end), end);
            timers.run_due();
        }
        return looks;
    }
    /// Work for endpoint 0 of the tablet, hung on a queue that rests, without a register.
    void hang_on() {
        put_queue(kQueue, kHead | QH, 1, 0, 64);
        put_qtd(kQtds, T, T, token(SETUP, 8), kSetupData);
        put32(kQueue + 16, kQtds);
    }
    bool done() const { return (get32(kQtds + 8) & ACTIVE) == 0; }
};

// ----------------------------------------------------------------------------------------------- registers

TEST_F(EhciTest, IsTheFunctionOfTheIch9ThatDriversLookFor) {
    const auto config = [&](unsigned r, unsigned size) { return pci.config_read(kBdf, r, size); };
    EXPECT_EQ(config(0, 4), 0x293a8086U);
    EXPECT_EQ(config(8, 4), 0x0c032003U);
    EXPECT_EQ(config(0x3d, 1), 4U);
    EXPECT_EQ(config(0x60, 2), 0x2020U);
    EXPECT_EQ(config(0x68, 4), 1U);
    pci.config_write(kBdf, 0x10, 4, 0xffffffff);
    EXPECT_EQ(config(0x10, 4), 0xfffff000U);
}

TEST_F(EhciTest, CapabilitiesAndResetValues) {
    EXPECT_EQ(cap(CAPLENGTH), 0x01000020U);
    EXPECT_EQ(cap(HCSPARAMS), 6U); // no companions
    EXPECT_EQ(cap(HCCPARAMS), 0x6880U);
    EXPECT_EQ(peek(kBase + CAPLENGTH, 1), 0x20U);
    EXPECT_EQ(peek(kBase + 2, 2), 0x0100U);
    EXPECT_EQ(reg(USBCMD), 0x00080000U);
    EXPECT_EQ(reg(USBSTS) & HCHALTED, HCHALTED);
    EXPECT_EQ(reg(USBINTR), 0U);
    EXPECT_EQ(reg(FRINDEX), 0U);
    EXPECT_EQ(reg(CONFIGFLAG), 0U);
    EXPECT_EQ(port(0), PP | CCS | CSC | LINE_J);
    EXPECT_EQ(port(5), PP);
    EXPECT_EQ(reg(PORTSC + 24), 0U); // there is no seventh
}

TEST_F(EhciTest, SchedulesAreRunningWhileTheControllerIs) {
    reg(USBCMD, PSE | ASE);
    EXPECT_EQ(reg(USBSTS) & (HCHALTED | PSS | ASS), HCHALTED);
    start();
    EXPECT_EQ(reg(USBSTS) & (HCHALTED | PSS | ASS), PSS | ASS);
    reg(USBCMD, RS);
    EXPECT_EQ(reg(USBSTS) & (HCHALTED | PSS | ASS), 0U);
    reg(USBCMD, 0);
    EXPECT_EQ(reg(USBSTS) & HCHALTED, HCHALTED);
}

TEST_F(EhciTest, TheFrameIndexCountsMicroframesAndTellsOfRollover) {
    start();
    advance(5 * kMicroframe + 1);
    EXPECT_EQ(reg(FRINDEX), 5U);
    reg(FRINDEX, 77);
    EXPECT_EQ(reg(FRINDEX), 5U); // not while it runs
    reg(USBCMD, 0);
    reg(FRINDEX, 0xffffffff);
    EXPECT_EQ(reg(FRINDEX), 0x3fffU);
    status_cleared();
    reg(USBINTR, FLR);
    reg(USBCMD, RS);
    advance(kMicroframe);
    EXPECT_TRUE(irq()); // by a timer: nobody looked
    EXPECT_EQ(reg(FRINDEX), 0U);
    EXPECT_EQ(reg(USBSTS) & FLR, FLR);
    status_cleared();
    EXPECT_FALSE(irq());
    advance(1024 * kMillisecond - 1);
    EXPECT_FALSE(irq());
    advance(1);
    EXPECT_TRUE(irq()); // every 1024 frames
}

TEST_F(EhciTest, AResetOfTheControllerDisablesPortsButDoesNotResetDevices) {
    running_with_tablet_at(3);
    reg(USBCMD, RS | HCRESET);
    EXPECT_EQ(reg(USBCMD), 0x00080000U);
    EXPECT_EQ(reg(CONFIGFLAG), 0U);
    EXPECT_EQ(port(0) & (CCS | CSC | PED), CCS | CSC);
    start();
    EXPECT_EQ(port(0) & PED, 0U);
    port(0, PED);
    EXPECT_EQ(port(0) & PED, 0U); // only a reset enables it
}

// --------------------------------------------------------------------------------------------------- ports

TEST_F(EhciTest, AHighSpeedDeviceIsEnabledByTheEndOfTheReset) {
    start();
    port(0, PR | CSC);
    EXPECT_EQ(port(0), PP | PR | CCS);
    port(0, 0);
    EXPECT_EQ(port(0), PP | PED | CCS);
    port(0, 0); // disabled by the driver: no change to tell of
    EXPECT_EQ(port(0), PP | CCS | LINE_J);
    port(4, PR);
    port(4, 0);
    EXPECT_EQ(port(4), PP); // nobody there
}

TEST_F(EhciTest, TakingOutADeviceIsAnInterrupt) {
    running_with_tablet_at(1);
    const auto gone = dev.detach(0);
    EXPECT_EQ(port(0), PP | CSC | PEDC);
    EXPECT_EQ(reg(USBSTS) & PCD, PCD);
    EXPECT_TRUE(irq());
    port(0, CSC | PEDC);
    EXPECT_EQ(port(0), PP);
}

TEST_F(EhciTest, ASuspendedDeviceThatMayWakesThePort) {
    running_with_tablet_at(1);
    ASSERT_TRUE(control(1, {0x00, 3, 1, 0, 0})); // remote wake-up
    poll(1);
    frames(3);
    status_cleared();
    port(0, PED | SUSP);
    EXPECT_EQ(port(0), PP | CCS | PED | SUSP);
    EXPECT_FALSE(timers.next_deadline().has_value()); // nobody can answer
    move_pointer(9);
    EXPECT_EQ(port(0) & (FPR | SUSP), FPR | SUSP);
    EXPECT_TRUE(irq());
    port(0, PED); // the driver ends the resume
    EXPECT_EQ(port(0), PP | CCS | PED);
    frames(3);
    EXPECT_TRUE(report().has_value());
}

TEST_F(EhciTest, WithoutRemoteWakeUpThePortSleepsOn) {
    running_with_tablet_at(1);
    port(0, PED | SUSP);
    move_pointer(9);
    EXPECT_EQ(port(0) & (FPR | SUSP), SUSP);
    EXPECT_FALSE(irq());
}

// ---------------------------------------------------------------------------------------------- companions

struct EhciCompanionsTest : testing::Test, EhciRig {
    EhciCompanionsTest() {
        EXPECT_TRUE(dev.add_companion(first, 0));
        EXPECT_TRUE(dev.add_companion(second, 2));
        EXPECT_TRUE(dev.add_companion(third, 4));
    }
    Uhci first{"uhci@1", hypervisor.ram, timers, pci_wiring(0x1d, 1), Uhci::ich9(0)};
    Uhci second{"uhci@2", hypervisor.ram, timers, pci_wiring(0x1d, 2), Uhci::ich9(1)};
    Uhci third{"uhci@3", hypervisor.ram, timers, pci_wiring(0x1d, 3), Uhci::ich9(2)};
};

TEST_F(EhciCompanionsTest, UntilTheControllerIsConfiguredPortsAreTheirs) {
    EXPECT_EQ(cap(HCSPARAMS), 0x3206U);
    UsbTablet& tablet = plug<UsbTablet>(3, "usb-tablet");
    EXPECT_EQ(port(3), PP | PO);
    EXPECT_EQ(second.device(1), &tablet);
    EXPECT_EQ(tablet.speed(), usb::Speed::Full);
    reg(CONFIGFLAG, 1);
    EXPECT_EQ(port(3), PP | CCS | CSC | LINE_J);
    EXPECT_EQ(second.device(1), nullptr);
    EXPECT_EQ(tablet.speed(), usb::Speed::High);
    port(3, PO); // the driver hands it over
    EXPECT_EQ(port(3), PP | PO | CSC);
    EXPECT_EQ(second.device(1), &tablet);
    port(3, CSC);
    EXPECT_EQ(second.device(1), nullptr);
    reg(CONFIGFLAG, 0);
    EXPECT_EQ(second.device(1), &tablet);
    reg(USBCMD, HCRESET);
    EXPECT_EQ(second.device(1), &tablet);
}

TEST_F(EhciCompanionsTest, ADeviceThatLeavesGivesThePortBack) {
    plug<UsbTablet>(0, "usb-tablet");
    reg(CONFIGFLAG, 1);
    port(0, PO);
    EXPECT_NE(first.device(0), nullptr);
    EXPECT_NE(dev.detach(0), nullptr);
    EXPECT_EQ(first.device(0), nullptr);
    EXPECT_EQ(port(0) & PO, 0U);
    plug<UsbTablet>(0, "usb-tablet");
    EXPECT_EQ(port(0) & CCS, CCS);
}

TEST_F(EhciCompanionsTest, PortsHaveOneCompanion) {
    EXPECT_FALSE(dev.add_companion(third, 4));
    EXPECT_FALSE(dev.add_companion(third, 5));
    EXPECT_FALSE(dev.add_companion(third, 0xffffffff));
}

TEST_F(EhciCompanionsTest, ARestoredMachineHasEachDeviceAtItsOwner) {
    plug<UsbTablet>(0, "usb-tablet");
    plug<UsbMouse>(3, "usb-mouse");
    start();
    ASSERT_TRUE(configure(0, 5));
    port(3, PO);
    StateWriter out;
    dev.save(out);
    second.save(out);
    const std::vector<u8> image = std::move(out).take();

    EhciRig other;
    Uhci companion("uhci@2", other.hypervisor.ram, other.timers, other.pci_wiring(0x1d, 2), Uhci::ich9(1));
    Uhci companion1("uhci@1", other.hypervisor.ram, other.timers, other.pci_wiring(0x1d, 1), Uhci::ich9(0));
    Uhci companion3("uhci@3", other.hypervisor.ram, other.timers, other.pci_wiring(0x1d, 3), Uhci::ich9(2));
    ASSERT_TRUE(other.dev.add_companion(companion1, 0) && other.dev.add_companion(companion, 2) &&
                other.dev.add_companion(companion3, 4));
    other.plug<UsbTablet>(0, "usb-tablet");
    UsbMouse& mouse = other.plug<UsbMouse>(3, "usb-mouse");
    other.copy_surroundings(*this);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(other.dev.load(*reader).ok());
    ASSERT_TRUE(companion.load(*reader).ok());
    ASSERT_TRUE(reader->finish().ok());
    EXPECT_EQ(other.port(0), PP | CCS | PED);
    EXPECT_EQ(other.port(3), PP | PO | CSC);
    EXPECT_EQ(companion.device(1), &mouse);
    EXPECT_TRUE(other.control(5, {0x80, 8, 0, 0, 1}));
}

// ---------------------------------------------------------------------------------------------------- time

TEST_F(EhciTest, NothingIsLookedAtWhileTheSchedulesAreOffOrNobodyCanAnswer) {
    EXPECT_FALSE(timers.next_deadline().has_value());
    start();
    EXPECT_FALSE(timers.next_deadline().has_value()); // no port is enabled
    ASSERT_TRUE(configure(0, 1));
    EXPECT_TRUE(timers.next_deadline().has_value());
    reg(USBCMD, RS);
    EXPECT_FALSE(timers.next_deadline().has_value());
    reg(USBCMD, RS | PSE);
    EXPECT_TRUE(timers.next_deadline().has_value());
    pci.config_write(kBdf, pci::COMMAND, 2, 2); // no bus mastering
    EXPECT_FALSE(timers.next_deadline().has_value());
}

TEST_F(EhciTest, ATabletAtRestIsAskedRarelyAndHeardAtOnce) {
    running_with_tablet_at(1);
    reg(USBCMD, RS | PSE);
    poll(1);
    for (unsigned n = 0; n < 200; ++n) {
        clock.now = timers.next_deadline().value_or(clock.now);
        timers.run_due();
    }
    unsigned looks = 0;
    for (const u64 end = clock.now + 3 * kSecond; clock.now < end; ++looks) {
        clock.now = *timers.next_deadline();
        timers.run_due();
    }
    EXPECT_LE(looks, 12U);
    EXPECT_FALSE(report().has_value());
    move_pointer(77);
    clock.now += kMillisecond;
    timers.run_due();
    EXPECT_TRUE(report().has_value());
    EXPECT_TRUE(irq());
}

/// As OpenBSD, NetBSD and SeaBIOS have it.
TEST_F(EhciTest, AGuestAtRestThatNeverStopsTheRingIsLookedAtRarely) {
    running_with_tablet_at(1);
    poll(1);
    looks_within(10 * kSecond);
    EXPECT_LE(looks_within(3 * kSecond), 20U);
    move_pointer(77);
    advance(kFrame);
    EXPECT_TRUE(report().has_value());
    EXPECT_GE(looks_within(kSecond), 20U) << "it may go on";
}

TEST_F(EhciTest, WorkThatNobodyTellsOfIsFoundTheSoonerTheLessTheGuestHasRested) {
    running_with_tablet_at(1);
    for (const auto& [rest, most] : {std::pair{10 * kMillisecond, 3 * kMillisecond},
                                     {200 * kMillisecond, 50 * kMillisecond},
                                     {1900 * kMillisecond, 50 * kMillisecond},
                                     {60 * kSecond, 200 * kMillisecond}}) {
        looks_within(rest);
        hang_on();
        looks_within(most);
        EXPECT_TRUE(done()) << rest;
    }
}

TEST_F(EhciTest, AfterALongRestRegistersAndDevicesMakeItLookAtOnce) {
    running_with_tablet_at(1);
    poll(1);
    looks_within(60 * kSecond);
    reg(USBCMD, RS | PSE | ASE | IAAD);
    hang_on();
    advance(kMicroframe);
    EXPECT_TRUE(done()) << "the doorbell";
    looks_within(60 * kSecond);
    hang_on();
    reg(USBSTS);
    EXPECT_TRUE(done()) << "a register";
    looks_within(60 * kSecond);
    hang_on();
    move_pointer(5);
    advance(kFrame);
    EXPECT_TRUE(done() && report()) << "a device";
}

INSTANTIATE_TYPED_TEST_SUITE_P(EhciDevices, DeviceConformance, EhciDevicesRig);

} // namespace
} // namespace dm::test
