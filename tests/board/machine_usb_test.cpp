// USB devices as the toolstack plugs them in and out of a whole machine.
#include "tests/board/machine_rig.hpp"

namespace dm::test {
namespace {

using testing::HasSubstr;

struct MachineUsbTest : MachineRig {
    static Json device(const char* driver, const char* id, const Json& more = Json::object()) {
        Json out{{"driver", driver}, {"id", id}};
        out.update(more);
        return out;
    }
    toolstack::DiskOptions usb_drive(const char* id) const {
        toolstack::DiskOptions disk;
        disk.id = id;
        disk.bus = toolstack::DiskBus::Usb;
        disk.file = file(id, 1 << 20, 'u');
        return disk;
    }
    u32 config(u32 slot, u32 function, u32 reg) {
        guest->send(fmt::format("outl 0xcf8 {:#x}\n", 0x80000000 | slot << 11 | function << 8 | reg));
        EXPECT_EQ(guest->line(), "OK");
        return in(0xcfc, "inl");
    }
    u32 ids_at(u32 slot, u32 function) { return config(slot, function, 0); }
    unsigned port_status(u16 port) {
        guest->send("outl 0xcf8 0x80000a20\n");
        EXPECT_EQ(guest->line(), "OK");
        guest->send("outl 0xcfc 0xc040\n");
        EXPECT_EQ(guest->line(), "OK");
        guest->send("outl 0xcf8 0x80000a04\n");
        EXPECT_EQ(guest->line(), "OK");
        outw(0xcfc, 5);
        return in(static_cast<u16>(0xc040 + port), "inw");
    }
};

TEST_F(MachineUsbTest, WhatIsAddedAndRemovedByQmpIsInThePortsAndTakesNumbersAsTextOrNot) {
    options.usb = true;
    start();
    EXPECT_EQ(port_status(0x10), 0x80U);
    EXPECT_EQ(say("device_add", device("usb-tablet", "t", {{"bus", "usb-bus.0"}, {"port", 1}}))["return"],
              Json::object());
    EXPECT_EQ(port_status(0x10), 0x93U);
    EXPECT_THAT(error_of("device_add", device("usb-mouse", "t")), HasSubstr("Duplicate"));
    EXPECT_THAT(error_of("device_add", device("usb-mouse", "m", {{"port", "1"}})), HasSubstr("taken"));
    EXPECT_EQ(say("device_del", {{"id", "t"}})["return"], Json::object());
    EXPECT_THAT(take_events(), testing::Contains("DEVICE_DELETED"));
    EXPECT_EQ(port_status(0x10), 0x82U);
    EXPECT_THAT(error_of("device_del", {{"id", "t"}}), HasSubstr("DeviceNotFound"));
    EXPECT_THAT(error_of("device_add", device("usb-host", "h", {{"hostbus", "1"}})), HasSubstr("usb-host"));
}

TEST_F(MachineUsbTest, WithoutAControllerTheRemedyIsNamed) {
    start();
    EXPECT_THAT(error_of("device_add", device("usb-tablet", "t")), HasSubstr("usb=1"));
}

/// What libxl asks for with usbversion=2.
TEST_F(MachineUsbTest, AnEhciControllerHasItsCompanionsAndATabletOnEither) {
    options.devices.push_back({.driver = "ich9-usb-ehci1",
                               .id = "usb",
                               .properties = {{"multifunction", "on"}},
                               .pci_slot = 0x1d,
                               .pci_function = 7});
    for (unsigned i = 0; i < 3; ++i)
        options.devices.push_back({.driver = fmt::format("ich9-usb-uhci{}", i + 1),
                                   .id = {},
                                   .properties = {{"masterbus", "usb.0"},
                                                  {"firstport", fmt::to_string(2 * i)},
                                                  {"multifunction", "on"}},
                                   .pci_slot = 0x1d,
                                   .pci_function = i});
    options.devices.push_back({.driver = "usb-tablet", .id = "t", .properties = {}, .pci_slot = {}});
    start();
    EXPECT_EQ(ids_at(0x1d, 0), 0x29348086U);
    EXPECT_EQ(ids_at(0x1d, 2), 0x29368086U);
    EXPECT_EQ(ids_at(0x1d, 7), 0x293a8086U);
    EXPECT_EQ(config(0x1d, 0, 0x0c) >> 16 & 0xff, 0x80U); // several functions
    EXPECT_THAT(error_of("device_add", device("usb-mouse", "m", {{"bus", "nix.0"}})), HasSubstr("nix.0"));
    EXPECT_EQ(say("device_add", device("usb-mouse", "m", {{"bus", "usb.0"}, {"port", 6}}))["return"],
              Json::object());
    EXPECT_EQ(say("device_del", {{"id", "t"}})["return"], Json::object());
}

TEST_F(MachineUsbTest, ADriveBecomesAUsbDiskByQmpOnceAtATime) {
    options.usb = true;
    options.disks.push_back(usb_drive("X"));
    start();
    EXPECT_THAT(error_of("device_add", device("usb-storage", "s")), HasSubstr("no drive"));
    EXPECT_THAT(error_of("device_add", device("usb-storage", "s", {{"drive", "Y"}})), HasSubstr("Y"));
    EXPECT_EQ(say("device_add", device("usb-storage", "s", {{"drive", "X"}}))["return"], Json::object());
    EXPECT_EQ(port_status(0x10), 0x93U);
    EXPECT_THAT(error_of("device_add", device("usb-storage", "s2", {{"drive", "X"}})),
                HasSubstr("attached already"));
    EXPECT_EQ(say("device_del", {{"id", "s"}})["return"], Json::object());
    EXPECT_EQ(say("device_add", device("usb-storage", "s2", {{"drive", "X"}}))["return"], Json::object());
}

TEST_F(MachineUsbTest, DevicesOfTheCommandLineArePluggedIn) {
    options.usb = true;
    options.usb_devices = {"tablet"};
    options.devices.push_back(
        {.driver = "usb-kbd", .id = "k", .properties = {{"port", "2"}}, .pci_slot = {}});
    start();
    EXPECT_EQ(port_status(0x10), 0x93U);
    EXPECT_EQ(port_status(0x12), 0x93U);
    EXPECT_EQ(say("device_del", {{"id", "k"}})["return"], Json::object());
}

struct MachineUsbPlugTest : MachineUsbTest {
    /// As libxl asks for it: all values are text.
    static Json usbctrl() { return device("nec-usb-xhci", "xenusb-0", {{"p2", "8"}, {"p3", "8"}}); }
    void eject(unsigned slot) {
        guest->send(fmt::format("outl 0xae08 {:#x}\n", 1U << slot));
        EXPECT_EQ(guest->line(), "OK");
    }
    u32 ids() { return ids_at(kSlot, 0); }
    std::string saved() const { return folder / "saved"; }
    void save_and_restore() {
        ASSERT_EQ(say("stop")["return"], Json::object());
        ASSERT_EQ(say("xen-save-devices-state", {{"filename", saved()}, {"live", false}})["return"],
                  Json::object());
        qmp.reset();
        guest.reset();
        machine.reset();
        options.incoming_file = saved();
        start();
    }
    static constexpr u32 kSlot = 3; ///< the first that is empty
};

TEST_F(MachineUsbPlugTest, AControllerComesAndGoesAsLibxlWants) {
    start();
    EXPECT_EQ(ids(), ~0U);
    EXPECT_EQ(say("device_add", usbctrl())["return"], Json::object());
    EXPECT_EQ(ids(), 0x01941033U);
    EXPECT_EQ(in(0xae00, "inl"), 1U << kSlot);
    EXPECT_THAT(error_of("device_add", usbctrl()), HasSubstr("Duplicate"));
    EXPECT_EQ(say("device_add", device("usb-tablet", "t", {{"bus", "xenusb-0.0"}, {"port", "8"}}))["return"],
              Json::object());
    EXPECT_EQ(say("device_del", {{"id", "xenusb-0"}})["return"], Json::object());
    EXPECT_EQ(in(0xae04, "inl"), 1U << kSlot);
    EXPECT_THAT(take_events(), testing::Not(testing::Contains("DEVICE_DELETED"))) << "the guest has it still";
    eject(kSlot);
    EXPECT_THAT(take_events(), testing::ElementsAre("DEVICE_DELETED", "DEVICE_DELETED"));
    EXPECT_EQ(ids(), ~0U);
    EXPECT_THAT(error_of("device_del", {{"id", "xenusb-0"}}), HasSubstr("DeviceNotFound"));
}

TEST_F(MachineUsbPlugTest, TheOtherVersionsArePluggedInToo) {
    start();
    EXPECT_EQ(say("device_add", device("piix3-usb-uhci", "xenusb-0"))["return"], Json::object());
    EXPECT_EQ(say("device_add", device("usb-ehci", "xenusb-1"))["return"], Json::object());
    EXPECT_EQ(ids_at(kSlot, 0), 0x70208086U);
    EXPECT_EQ(ids_at(kSlot + 1, 0), 0x24cd8086U);
    EXPECT_THAT(error_of("device_add", device("usb-ehci", "x", {{"p2", "8"}})), HasSubstr("'p2'"));
    EXPECT_THAT(error_of("device_add", device("nec-usb-xhci", "x", {{"p2", "16"}})), HasSubstr("up to 15"));
    EXPECT_THAT(error_of("device_add", device("nec-usb-xhci", "x", {{"p2", "0"}})), HasSubstr("p2=0"));
}

TEST_F(MachineUsbPlugTest, ARestoredMachineHasItAndLibxlMayAskForItOnce) {
    start();
    EXPECT_EQ(say("device_add", usbctrl())["return"], Json::object());
    save_and_restore();
    EXPECT_EQ(ids(), 0x01941033U);
    EXPECT_EQ(say("device_add", usbctrl())["return"], Json::object());
    EXPECT_EQ(ids_at(kSlot + 1, 0), ~0U);
    EXPECT_THAT(error_of("device_add", usbctrl()), HasSubstr("Duplicate"));
}

TEST_F(MachineUsbPlugTest, AControllerOfTheCommandLineStays) {
    options.devices.push_back({.driver = "usb-ehci", .id = "e", .properties = {}, .pci_slot = 3});
    start();
    EXPECT_THAT(error_of("device_del", {{"id", "e"}}), HasSubstr("cannot be unplugged"));
}

TEST_F(MachineUsbPlugTest, ADeviceOfTheHostThatIsNotThereIsNamed) {
    start();
    EXPECT_EQ(say("device_add", usbctrl())["return"], Json::object());
    const auto host = [&](const Json& which) {
        return error_of("device_add", device("usb-host", "xenusb-250-251", which));
    };
    EXPECT_THAT(host({{"hostbus", "250"}}), HasSubstr("which device"));
    EXPECT_THAT(host({{"hostbus", "250"}, {"hostaddr", "300"}}), HasSubstr("hostaddr=300"));
    EXPECT_THAT(host({{"hostbus", "250"}, {"hostaddr", "251"}, {"isobufs", "4"}}), HasSubstr("isobufs"));
    EXPECT_THAT(host({{"hostbus", "250"}, {"hostaddr", "251"}, {"bus", "xenusb-0.0"}, {"port", "1"}}),
                HasSubstr("usb-host"));
}

} // namespace
} // namespace dm::test
