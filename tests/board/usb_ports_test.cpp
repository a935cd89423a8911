#include "dm/board/usb_ports.hpp"

#include "tests/devices/ehci_rig.hpp"
#include "tests/devices/usb_rig.hpp"
#include "tests/devices/xhci_rig.hpp"
#include "tests/support/fake_usb_link.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::HasSubstr;

struct NoTarget final : InputTarget {
    explicit NoTarget(Kind k) : kind_(k) {}
    Kind kind() const override { return kind_; }
    bool in_use() const override { return true; }
    void release_all() override {}
    void key(KeyCode, bool) override {}
    void pointer(unsigned, unsigned, unsigned, unsigned, u8) override {}
    Kind kind_;
};

struct UsbPortsTest : testing::Test, UsbRig {
    static std::string name(UsbDevice* device) { return device != nullptr ? device->name() : "nothing"; }
    UsbHub& hub(unsigned port) { return dynamic_cast<UsbHub&>(*dev.device(port)); }
    static std::vector<u8> saved(const UsbPorts& from) {
        StateWriter out;
        from.save(out);
        return std::move(out).take();
    }
    NoTarget keyboard{InputTarget::Kind::Keyboard};
    NoTarget mouse{InputTarget::Kind::Pointer};
    InputSwitch input{keyboard, mouse};
    UsbPorts ports{dev, input, timers, "0000:00:01.2"};
};

TEST_F(UsbPortsTest, TheLastFreePortGetsAHub) {
    EXPECT_TRUE(ports.plug(UsbModel::Tablet).ok());
    EXPECT_TRUE(ports.plug(UsbModel::Keyboard).ok());
    EXPECT_TRUE(ports.plug(UsbModel::Mouse).ok());
    EXPECT_EQ(name(dev.device(0)), "usb-tablet/1");
    EXPECT_EQ(name(dev.device(1)), "usb-hub/2");
    EXPECT_EQ(name(hub(1).device(0)), "usb-keyboard/2.1");
    EXPECT_EQ(name(hub(1).device(1)), "usb-mouse/2.2");
}

TEST_F(UsbPortsTest, PortsAreTakenAsAskedForAndNotTwice) {
    EXPECT_TRUE(ports.plug(UsbModel::Hub, "h", "1").ok());
    EXPECT_TRUE(ports.plug(UsbModel::Mouse, "m", "1.8").ok());
    EXPECT_TRUE(ports.plug(UsbModel::Tablet, "t", "2").ok());
    EXPECT_THAT(ports.plug(UsbModel::Mouse, "", "1.8").error().message, HasSubstr("taken"));
    for (const char* bad : {"0", "3", "1.9", "1.0", "1.1.1", "x", ".", "1."})
        EXPECT_FALSE(ports.plug(UsbModel::Mouse, "", bad).ok()) << bad;
    EXPECT_THAT(ports.plug(UsbModel::Mouse, "", "2.1").error().message, HasSubstr("no hub"));
    EXPECT_THAT(ports.plug(UsbModel::Hub, "", "1.1").error().message, HasSubstr("hub behind"));
}

TEST_F(UsbPortsTest, WhenAllPortsAreTakenNothingMoreFits) {
    while (ports.plug(UsbModel::Mouse).ok()) {
    }
    EXPECT_EQ(name(hub(1).device(7)), "usb-mouse/2.8");
    EXPECT_THAT(ports.plug(UsbModel::Tablet).error().message, HasSubstr("all USB ports"));
}

TEST_F(UsbPortsTest, UnpluggingAHubTakesWhatHangsOnIt) {
    EXPECT_TRUE(ports.plug(UsbModel::Hub, "h", "1").ok());
    EXPECT_TRUE(ports.plug(UsbModel::Mouse, "m", "1.2").ok());
    EXPECT_TRUE(ports.has("m"));
    EXPECT_TRUE(ports.unplug("h").ok());
    EXPECT_FALSE(ports.has("h") || ports.has("m"));
    EXPECT_FALSE(ports.unplug("m").ok());
    EXPECT_FALSE(ports.unplug("").ok());
    EXPECT_EQ(dev.device(0), nullptr);
}

TEST_F(UsbPortsTest, ARestoredMachineHasWhatTheSavedOneHad) {
    EXPECT_TRUE(ports.plug(UsbModel::Tablet).ok());
    EXPECT_TRUE(ports.plug(UsbModel::Mouse, "m").ok());
    UsbRig other;
    UsbPorts twin(other.dev, input, other.timers, "0000:00:01.2");
    EXPECT_TRUE(twin.plug(UsbModel::Keyboard).ok());
    const std::vector<u8> image = saved(ports);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.load(*reader).ok());
    EXPECT_EQ(name(other.dev.device(0)), "usb-tablet/1");
    EXPECT_TRUE(twin.has("m"));
    EXPECT_EQ(saved(twin), image);
}

TEST_F(UsbPortsTest, ABusWithManyPortsIsSavedInPairsOfPorts) {
    EhciRig usb2;
    EhciRig other;
    UsbPorts six(usb2.dev, input, usb2.timers, "0000:00:1d.7", {.number = 1});
    UsbPorts twin(other.dev, input, other.timers, "0000:00:1d.7", {.number = 1});
    EXPECT_TRUE(six.plug(UsbModel::Hub, "h", "6").ok());
    EXPECT_TRUE(six.plug(UsbModel::Mouse, "m", "6.8").ok());
    EXPECT_TRUE(six.plug(UsbModel::Tablet, "t", "3").ok());
    EXPECT_EQ(name(usb2.dev.device(2)), "usb-tablet@1/3");
    EXPECT_FALSE(six.plug(UsbModel::Tablet, "t", "7").ok());
    const std::vector<u8> image = saved(six);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.load(*reader).ok() && reader->finish().ok());
    EXPECT_EQ(saved(twin), image);
    EXPECT_EQ(name(other.dev.device(2)), "usb-tablet@1/3");
}

TEST_F(UsbPortsTest, BehindAHubOfEhciNobodyTranslatesForASlowDeviceOfTheHost) {
    FakeUsbHost host; // outlives what is plugged in
    host.identity.speed = UsbHostSpeed::Full;
    UsbRig companion;
    EhciRig usb2;
    ASSERT_TRUE(usb2.dev.add_companion(companion.dev, 0));
    UsbPorts six(usb2.dev, input, usb2.timers, "0000:00:1d.7", {.number = 1});
    EXPECT_TRUE(six.plug(UsbModel::Hub, "h", "1").ok());
    std::unique_ptr<UsbHostLink> link = std::make_unique<FakeUsbLink>(host);
    EXPECT_THAT(six.plug_host(link, "d", "1.1").error().message, HasSubstr("speed mismatch"));
    EXPECT_NE(link, nullptr);
    EXPECT_TRUE(six.plug_host(link, "d", "2").ok());
}

TEST_F(UsbPortsTest, BehindAHubOfXhciAnyDeviceOfTheHostWorks) {
    FakeUsbHost host; // outlives what is plugged in
    host.identity.speed = UsbHostSpeed::Full;
    XhciRig usb3;
    UsbPorts four(usb3.dev, input, usb3.timers, "0000:00:04.0", {.number = 1});
    EXPECT_TRUE(four.plug(UsbModel::Hub, "h", "1").ok());
    std::unique_ptr<UsbHostLink> link = std::make_unique<FakeUsbLink>(host);
    EXPECT_TRUE(four.plug_host(link, "d", "1.1").ok());
}

/// An EHCI controller with its last two ports at a companion, and all but the last one taken.
struct LastPortTest : UsbPortsTest {
    LastPortTest() {
        EXPECT_TRUE(usb2.dev.add_companion(companion.dev, 4));
        for (int i = 0; i < 5; ++i)
            EXPECT_TRUE(six.plug(UsbModel::Mouse).ok());
        host.identity.speed = UsbHostSpeed::Full;
    }
    FakeUsbHost host; // outlives what is plugged in
    std::unique_ptr<UsbHostLink> link = std::make_unique<FakeUsbLink>(host);
    UsbRig companion; // outlives the controller, and what is on its ports has its timers
    EhciRig usb2;
    UsbPorts six{usb2.dev, input, companion.timers, "0000:00:1d.7", {.number = 1}};
};

TEST_F(LastPortTest, IsForADeviceOfTheHostThatNoHubServes) {
    EXPECT_TRUE(six.plug_host(link, "d").ok());
    EXPECT_EQ(name(usb2.dev.device(5)), "usb-host@1/6");
    EXPECT_THAT(six.plug(UsbModel::Mouse).error().message, HasSubstr("all USB ports"));
}

TEST_F(LastPortTest, GetsAHubForADeviceOfTheHostThatItServes) {
    host.identity.speed = UsbHostSpeed::High;
    EXPECT_TRUE(six.plug_host(link, "d").ok());
    EXPECT_EQ(name(usb2.dev.device(5)), "usb-hub@1/6");
}

TEST_F(LastPortTest, StaysFreeWhenTheDeviceIsRefused) {
    host.identity.speed = UsbHostSpeed::High;
    EhciRig alone;
    UsbPorts others(alone.dev, input, alone.timers, "0000:00:1d.7", {.number = 2});
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(others.plug(UsbModel::Mouse).ok());
    host.identity.speed = UsbHostSpeed::Full;
    EXPECT_THAT(others.plug_host(link, "d").error().message, HasSubstr("speed mismatch"));
    EXPECT_EQ(name(alone.dev.device(5)), "nothing");
    EXPECT_NE(link, nullptr);
}

TEST_F(UsbPortsTest, ADeviceOfTheHostGoesToTheFirstPortThatServesIt) {
    FakeUsbHost host; // outlives what is plugged in
    host.identity.speed = UsbHostSpeed::Full;
    UsbRig companion;
    EhciRig usb2;
    ASSERT_TRUE(usb2.dev.add_companion(companion.dev, 2));
    UsbPorts six(usb2.dev, input, usb2.timers, "0000:00:1d.7", {.number = 1});
    std::unique_ptr<UsbHostLink> link = std::make_unique<FakeUsbLink>(host);
    EXPECT_TRUE(six.plug_host(link, "d").ok());
    EXPECT_EQ(name(usb2.dev.device(2)), "usb-host@1/3");
}

TEST_F(UsbPortsTest, AHubThatHasRoomIsFilledBeforeAnotherOneComes) {
    EXPECT_TRUE(ports.plug(UsbModel::Hub, "h", "1").ok());
    for (int i = 0; i < 8; ++i)
        EXPECT_TRUE(ports.plug(UsbModel::Mouse).ok());
    EXPECT_EQ(name(hub(0).device(7)), "usb-mouse/1.8");
    EXPECT_EQ(dev.device(1), nullptr);
    EXPECT_TRUE(ports.plug(UsbModel::Mouse).ok());
    EXPECT_EQ(name(hub(1).device(0)), "usb-mouse/2.1");
}

TEST_F(UsbPortsTest, ADiskThatIsSavedNeedsItsDrive) {
    FakeBlock medium(u64{1} << 20);
    const UsbDrives drives{{"X", {.medium = &medium, .serial = {}, .model = {}, .geometry = {}}}};
    UsbRig one;
    UsbRig other;
    UsbPorts disks(one.dev, input, one.timers, "0000:00:01.2", {.drives = &drives});
    UsbPorts twin(other.dev, input, other.timers, "0000:00:01.2", {.drives = &drives});
    UsbPorts without(other.dev, input, other.timers, "0000:00:01.2");
    EXPECT_FALSE(disks.plug(UsbModel::Storage, "s", "1", "Y").ok());
    EXPECT_TRUE(disks.plug(UsbModel::Storage, "s", "1", "X").ok());
    EXPECT_TRUE(disks.uses("X"));
    const std::vector<u8> image = saved(disks);
    auto reader = StateReader::open(image);
    EXPECT_FALSE(without.load(*reader).ok());
    reader = StateReader::open(image);
    ASSERT_TRUE(twin.load(*reader).ok());
    EXPECT_EQ(name(other.dev.device(0)), "usb-storage/1");
    EXPECT_TRUE(twin.unplug("s").ok());
    EXPECT_TRUE(disks.unplug("s").ok());
}

TEST_F(UsbPortsTest, AnImpossibleTreeIsRefused) {
    StateWriter out;
    UsbPorts::State bad;
    bad.slots[2].model = UsbModel::Mouse; // behind a hub that is not there
    out.section("usb-ports", bad);
    const std::vector<u8> image = std::move(out).take();
    auto reader = StateReader::open(image);
    EXPECT_FALSE(ports.load(*reader).ok());
}

} // namespace
} // namespace dm::test
