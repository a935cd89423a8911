// The host's USB devices, with a double in libusb's place.
#ifdef HVMDM_USB
#include "dm/core/unique_fd.hpp"
#include "dm/host/libusb.hpp"
#include "tests/support/poll_loop.hpp"

#include <algorithm>
#include <deque>
#include <gmock/gmock.h>
#include <sys/eventfd.h>

namespace dm::host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A host with one device at bus 1, address 5, of one interface, and a hub at address 1.
struct Double {
    struct Back {
        libusb_transfer* transfer;
        libusb_transfer_status status;
        std::vector<u8> data;
    };
    std::vector<std::string> calls;
    std::vector<libusb_transfer*> flying;
    std::deque<Back> back; ///< told of with the next event
    UniqueFd event{::eventfd(0, EFD_NONBLOCK)};
    libusb_pollfd pollfd{event.get(), POLLIN};
    int open_error = 0;
    int claim_error = 0;
    int configuration = 1;
    int speed = LIBUSB_SPEED_HIGH;
    bool deaf = false; ///< cancelled transfers do not come back
    std::array<u8, 2> devices{1, 5};
    std::array<libusb_endpoint_descriptor, 2> endpoints{};
    std::array<libusb_interface_descriptor, 2> settings{};
    libusb_interface interface {};
    libusb_config_descriptor config{};
    libusb_hotplug_callback_fn left = nullptr;
    void* left_data = nullptr;

    void ring() const { static_cast<void>(::eventfd_write(event.get(), 1)); }
    void complete(std::vector<u8> data, libusb_transfer_status status = LIBUSB_TRANSFER_COMPLETED) {
        back.push_back({flying.front(), status, std::move(data)});
        flying.erase(flying.begin());
        ring();
    }
    libusb_device* device(unsigned i) { return reinterpret_cast<libusb_device*>(&devices[i]); }
    libusb_device_handle* handle() { return reinterpret_cast<libusb_device_handle*>(this); }
    void call(const char* what, int number) { calls.push_back(fmt::format("{} {}", what, number)); }
};
Double* the = nullptr;

u8 address_of(libusb_device* device) {
    return *reinterpret_cast<u8*>(device);
}

int events() {
    eventfd_t count = 0;
    static_cast<void>(::eventfd_read(the->event.get(), &count));
    while (!the->back.empty()) {
        const Double::Back b = the->back.front();
        the->back.pop_front();
        b.transfer->status = b.status;
        b.transfer->actual_length = static_cast<int>(b.data.size());
        const std::size_t head = b.transfer->type == LIBUSB_TRANSFER_TYPE_CONTROL ? 8 : 0;
        std::ranges::copy(b.data, b.transfer->buffer + head);
        b.transfer->callback(b.transfer);
    }
    return 0;
}

LibUsb library() {
    LibUsb l;
    l.init = [](libusb_context**) { return 0; };
    l.exit = [](libusb_context*) { the->calls.emplace_back("exit"); };
    l.error_name = [](int error) { return error == LIBUSB_ERROR_BUSY ? "BUSY" : "ERROR"; };
    l.get_device_list = [](libusb_context*, libusb_device*** list) -> ssize_t {
        *list = new libusb_device* [3] { the->device(0), the->device(1), nullptr };
        return 2;
    };
    l.free_device_list = [](libusb_device** list, int) { delete[] list; };
    l.get_device_descriptor = [](libusb_device* device, libusb_device_descriptor* d) {
        *d = {};
        d->idVendor = 0x1234;
        d->idProduct = address_of(device);
        d->bMaxPacketSize0 = 64;
        d->bDeviceClass = address_of(device) == 1 ? LIBUSB_CLASS_HUB : 0;
        return 0;
    };
    l.get_active_config_descriptor = [](libusb_device*, libusb_config_descriptor** config) {
        *config = &the->config;
        return 0;
    };
    l.free_config_descriptor = [](libusb_config_descriptor*) {};
    l.get_bus_number = [](libusb_device*) { return u8{1}; };
    l.get_device_address = address_of;
    l.get_device_speed = [](libusb_device*) { return the->speed; };
    l.get_device = [](libusb_device_handle*) { return the->device(1); };
    l.open = [](libusb_device*, libusb_device_handle** handle) {
        *handle = the->handle();
        return the->open_error;
    };
    l.close = [](libusb_device_handle*) { the->calls.emplace_back("close"); };
    l.get_configuration = [](libusb_device_handle*, int* value) {
        *value = the->configuration;
        return 0;
    };
    l.set_configuration = [](libusb_device_handle*, int value) {
        the->call("configuration", value);
        the->configuration = value;
        return 0;
    };
    l.set_interface_alt_setting = [](libusb_device_handle*, int, int alternate) {
        the->call("alternate", alternate);
        return 0;
    };
    l.clear_halt = [](libusb_device_handle*, unsigned char endpoint) {
        the->call("clear halt", endpoint);
        return 0;
    };
    l.reset_device = [](libusb_device_handle*) { return int{LIBUSB_ERROR_NOT_FOUND}; };
    l.claim_interface = [](libusb_device_handle*, int n) {
        the->call("claim", n);
        return the->claim_error;
    };
    l.release_interface = [](libusb_device_handle*, int n) {
        the->call("release", n);
        return 0;
    };
    l.detach_kernel_driver = [](libusb_device_handle*, int n) {
        the->call("detach", n);
        return 0;
    };
    l.attach_kernel_driver = [](libusb_device_handle*, int n) {
        the->call("attach", n);
        return 0;
    };
    l.alloc_transfer = [](int) { return new libusb_transfer{}; };
    l.free_transfer = [](libusb_transfer* t) { delete t; };
    l.submit_transfer = [](libusb_transfer* t) {
        the->flying.push_back(t);
        return 0;
    };
    l.cancel_transfer = [](libusb_transfer* t) {
        if (the->deaf || std::erase(the->flying, t) == 0) return int{LIBUSB_ERROR_NOT_FOUND};
        the->back.push_back({t, LIBUSB_TRANSFER_CANCELLED, {}});
        the->ring();
        return 0;
    };
    l.get_pollfds = [](libusb_context*) { return new const libusb_pollfd* [2] { &the->pollfd, nullptr }; };
    l.free_pollfds = [](const libusb_pollfd** fds) { delete[] fds; };
    l.set_pollfd_notifiers = [](libusb_context*, libusb_pollfd_added_cb, libusb_pollfd_removed_cb, void*) {};
    l.handle_events_timeout_completed = [](libusb_context*, timeval*, int*) { return events(); };
    l.hotplug_register_callback = [](libusb_context*, int, int, int, int, int, libusb_hotplug_callback_fn f,
                                     void* data, libusb_hotplug_callback_handle*) {
        the->left = f;
        the->left_data = data;
        return 0;
    };
    return l;
}

struct UsbHostTest : testing::Test, UsbHostUser {
    UsbHostTest() {
        the = &usb;
        usb.endpoints[0].bEndpointAddress = 0x81;
        usb.endpoints[0].bmAttributes = 2;
        usb.endpoints[0].wMaxPacketSize = 512;
        usb.endpoints[1] = usb.endpoints[0];
        usb.endpoints[1].bEndpointAddress = 0x02;
        for (u8 i = 0; i < 2; ++i) {
            usb.settings[i].bAlternateSetting = i;
            usb.settings[i].bNumEndpoints = static_cast<u8>(i + 1);
            usb.settings[i].endpoint = usb.endpoints.data();
        }
        usb.interface = {usb.settings.data(), 2};
        usb.config.bNumInterfaces = 1;
        usb.config.interface = &usb.interface;
        auto made = make_usb_host(loop, lib);
        source = std::move(made).value();
    }
    ~UsbHostTest() override {
        link.reset();
        source.reset();
        the = nullptr;
    }
    void open() {
        auto opened = source->open({.bus = u8{1}, .address = u8{5}, .vendor = {}, .product = {}});
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        link = std::move(opened).value();
        link->set_user(this);
        usb.calls.clear();
    }
    std::string refusal(const UsbHostChoice& choice) {
        const auto opened = source->open(choice);
        return opened.ok() ? "opened" : opened.error().message;
    }
    bool read(u8 tag, u32 room = 512) {
        return link->submit({.tag = tag, .kind = UsbHostKind::Bulk, .endpoint = 0x81, .room = room});
    }
    void transferred(u8 tag, UsbHostResult result, std::span<const u8> data) override {
        told.push_back(fmt::format("{} {} {}", tag, static_cast<int>(result), data.size()));
        last.assign(data.begin(), data.end());
    }
    void gone() override {
        told.emplace_back("gone");
        link.reset();
    }

    Double usb;
    LibUsb lib = library();
    test::PollLoop loop;
    std::unique_ptr<UsbHostSource> source;
    std::unique_ptr<UsbHostLink> link;
    std::vector<std::string> told;
    std::vector<u8> last;
};

TEST_F(UsbHostTest, ADeviceIsTakenFromTheHostsDriversAndGivenBack) {
    auto opened = source->open({.bus = u8{1}, .address = u8{5}, .vendor = {}, .product = {}});
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened->get()->identity().text, "1.5 (1234:0005)");
    EXPECT_EQ(opened->get()->identity().speed, UsbHostSpeed::High);
    EXPECT_EQ(opened->get()->endpoints().size(), 1U);
    EXPECT_THAT(usb.calls, ElementsAre("detach 0", "claim 0"));
    usb.calls.clear();
    opened->reset();
    EXPECT_THAT(usb.calls, ElementsAre("release 0", "attach 0", "close"));
    EXPECT_EQ(refusal({.bus = {}, .address = {}, .vendor = u16{0x1234}, .product = u16{5}}), "opened");
}

TEST_F(UsbHostTest, SpeedsThatAreNewToUsAreFastOnes) {
    const auto speed_of = [&](int speed) {
        usb.speed = speed;
        auto opened = source->open({.bus = u8{1}, .address = u8{5}, .vendor = {}, .product = {}});
        return opened.ok() ? opened->get()->identity().speed : UsbHostSpeed::Low;
    };
    EXPECT_EQ(speed_of(LIBUSB_SPEED_UNKNOWN), UsbHostSpeed::Full);
    EXPECT_EQ(speed_of(LIBUSB_SPEED_FULL), UsbHostSpeed::Full);
    EXPECT_EQ(speed_of(LIBUSB_SPEED_SUPER_PLUS), UsbHostSpeed::Super);
    EXPECT_EQ(speed_of(6), UsbHostSpeed::Super); // LIBUSB_SPEED_SUPER_PLUS_X2
}

TEST_F(UsbHostTest, WhatCannotBeHadIsSaidWithTheRemedy) {
    EXPECT_THAT(refusal({.bus = u8{1}, .address = u8{9}, .vendor = {}, .product = {}}),
                HasSubstr("no device at bus 1 address 9"));
    EXPECT_THAT(refusal({.bus = {}, .address = {}, .vendor = u16{1}, .product = u16{2}}),
                HasSubstr("0001:0002"));
    EXPECT_THAT(refusal({.bus = u8{1}, .address = u8{1}, .vendor = {}, .product = {}}), HasSubstr("a hub"));
    const UsbHostChoice choice{.bus = u8{1}, .address = u8{5}, .vendor = {}, .product = {}};
    usb.open_error = LIBUSB_ERROR_ACCESS;
    EXPECT_THAT(refusal(choice), HasSubstr("/dev/bus/usb/001/005"));
    usb.open_error = 0;
    usb.claim_error = LIBUSB_ERROR_BUSY;
    EXPECT_THAT(refusal(choice), HasSubstr("in use"));
    EXPECT_EQ(usb.calls.back(), "close");
}

TEST_F(UsbHostTest, TransfersComeBackFromTheLoop) {
    open();
    ASSERT_TRUE(read(17));
    EXPECT_FALSE(read(17)) << "one at a time";
    ASSERT_TRUE(link->submit(
        {.tag = 0, .kind = UsbHostKind::Control, .setup = {0xc0, 1, 2, 0, 3, 0, 0xff, 0xff}, .room = 16}));
    EXPECT_EQ(usb.flying[1]->length, 24);
    EXPECT_EQ(usb.flying[1]->buffer[6], 16);
    EXPECT_EQ(usb.flying[1]->buffer[7], 0);
    const std::vector<u8> out{9, 8, 7};
    ASSERT_TRUE(link->submit({.tag = 2, .kind = UsbHostKind::Bulk, .endpoint = 0x02, .out = out}));
    EXPECT_EQ(usb.flying[2]->length, 3);
    EXPECT_EQ(usb.flying[2]->buffer[0], 9);
    usb.complete({1, 2, 3, 4});
    usb.complete({5, 6}, LIBUSB_TRANSFER_STALL);
    usb.complete({});
    EXPECT_THAT(told, IsEmpty());
    loop.run();
    EXPECT_THAT(told, ElementsAre("17 0 4", "0 1 2", "2 0 0"));
    EXPECT_TRUE(read(17));
}

TEST_F(UsbHostTest, WhatIsCancelledEndsUnheardAndItsTagIsFree) {
    open();
    read(17);
    link->cancel(17);
    read(17);
    loop.run();
    EXPECT_THAT(told, IsEmpty());
    usb.complete({1});
    loop.run();
    EXPECT_THAT(told, ElementsAre("17 0 1"));
    usb.deaf = true;
    unsigned count = 0;
    while (count < 1000 && read(17)) {
        link->cancel(17);
        ++count;
    }
    EXPECT_EQ(count, 64U);
    while (!usb.flying.empty())
        usb.complete({}, LIBUSB_TRANSFER_CANCELLED);
    loop.run();
    EXPECT_EQ(told.size(), 1U);
    usb.deaf = false;
}

TEST_F(UsbHostTest, WhilePausedNobodyHearsOfAnything) {
    open();
    read(17);
    source->pause(true);
    usb.complete({1});
    loop.run();
    EXPECT_EQ(loop.watched(), 0U);
    EXPECT_THAT(told, IsEmpty());
    source->pause(false);
    loop.run();
    EXPECT_THAT(told, ElementsAre("17 0 1"));
}

TEST_F(UsbHostTest, ADeviceThatIsPulledOutGoesWithWhatIsInFlight) {
    open();
    read(17);
    usb.left(nullptr, usb.device(1), LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, usb.left_data);
    usb.ring();
    loop.run();
    EXPECT_THAT(told, ElementsAre("gone"));
    EXPECT_EQ(usb.calls.back(), "close");
    EXPECT_THAT(usb.flying, IsEmpty());
    open();
    read(17);
    usb.complete({}, LIBUSB_TRANSFER_NO_DEVICE);
    loop.run();
    EXPECT_THAT(told, ElementsAre("gone", "17 3 0", "gone"));
    open();
    link->reset(); // comes back as another one
    loop.run();
    EXPECT_EQ(told.size(), 4U);
}

TEST_F(UsbHostTest, TransfersThatDoNotComeBackAreLeftToLibusb) {
    open();
    read(17);
    usb.deaf = true;
    link.reset();
    EXPECT_EQ(usb.calls.back(), "close");
    usb.deaf = false;
    usb.complete({}); // late
    usb.ring();
    loop.run();
    EXPECT_THAT(told, IsEmpty());
}

TEST_F(UsbHostTest, ConfigurationsAndInterfacesGoThroughTheKernel) {
    open();
    EXPECT_TRUE(link->set_configuration(1));
    EXPECT_THAT(usb.calls, IsEmpty()) << "it is that already";
    EXPECT_TRUE(link->set_interface(0, 1));
    EXPECT_EQ(link->endpoints().size(), 2U);
    EXPECT_TRUE(link->set_configuration(1));
    EXPECT_EQ(link->endpoints().size(), 1U) << "and its interfaces begin anew";
    EXPECT_FALSE(link->set_interface(7, 0));
    EXPECT_TRUE(link->clear_halt(0x81));
    EXPECT_THAT(usb.calls, ElementsAre("alternate 1", "alternate 0", "clear halt 129"));
    usb.calls.clear();
    EXPECT_TRUE(link->set_configuration(2));
    EXPECT_THAT(usb.calls, ElementsAre("release 0", "configuration 2", "detach 0", "claim 0"));
    EXPECT_TRUE(link->set_configuration(0));
    EXPECT_THAT(link->endpoints(), IsEmpty());
}

} // namespace
} // namespace dm::host
#endif
