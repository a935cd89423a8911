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
    EXPECT_EQ(port_status(0x10), 0x82U);
    EXPECT_THAT(error_of("device_del", {{"id", "t"}}), HasSubstr("DeviceNotFound"));
    EXPECT_THAT(error_of("device_add", device("usb-host", "h", {{"hostbus", "1"}})), HasSubstr("usb-host"));
}

TEST_F(MachineUsbTest, WithoutAControllerTheRemedyIsNamed) {
    start();
    EXPECT_THAT(error_of("device_add", device("usb-tablet", "t")), HasSubstr("usb=1"));
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

} // namespace
} // namespace dm::test
