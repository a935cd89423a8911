#include "dm/host/usb_host.hpp"

#ifdef HVMDM_USB
#include "dm/host/libusb_host.hpp"

#include <algorithm>
#include <poll.h>
#include <unistd.h>

namespace dm::host {
namespace {

UsbHostSpeed speed_of(int speed) {
    switch (speed) {
    case LIBUSB_SPEED_LOW: return UsbHostSpeed::Low;
    case LIBUSB_SPEED_HIGH: return UsbHostSpeed::High;
    default: // newer versions of libusb know faster ones than this was built with
        return speed >= LIBUSB_SPEED_SUPER ? UsbHostSpeed::Super : UsbHostSpeed::Full;
    }
}

int LIBUSB_CALL device_left(libusb_context*, libusb_device* device, libusb_hotplug_event, void* links) {
    for (LibusbLink* const link : *static_cast<std::vector<LibusbLink*>*>(links))
        if (link->is(device)) link->left = true;
    return 0;
}

std::string wanted(const UsbHostChoice& choice) {
    if (choice.bus && choice.address)
        return fmt::format("at bus {} address {}", *choice.bus, *choice.address);
    return fmt::format("with the ids {:04x}:{:04x}", choice.vendor.value_or(0), choice.product.value_or(0));
}

} // namespace

Status LibusbHost::start() {
    if (const int error = lib.init(&context_); error != 0)
        return fail(
            "usb-host: libusb cannot start ({}); is there USB on this host, and is the device model not "
            "confined (dm_restrict)?",
            lib.error_name(error));
    lib.set_pollfd_notifiers(
        context_, [](int fd, short events, void* self) { static_cast<LibusbHost*>(self)->added(fd, events); },
        [](int fd, void* self) { static_cast<LibusbHost*>(self)->removed(fd); }, this);
    const libusb_pollfd** const fds = lib.get_pollfds(context_);
    for (std::size_t i = 0; fds != nullptr && fds[i] != nullptr; ++i)
        added(fds[i]->fd, fds[i]->events);
    lib.free_pollfds(fds);
    static_cast<void>(lib.hotplug_register_callback(
        context_, LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, 0, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
        LIBUSB_HOTPLUG_MATCH_ANY, device_left, &links_, nullptr)); // without it a transfer tells
    return {};
}

LibusbHost::~LibusbHost() {
    if (context_ == nullptr) return;
    lib.set_pollfd_notifiers(context_, nullptr, nullptr, nullptr);
    pause(true);
    for (std::unique_ptr<LibusbFlight>& flight : flights_) // libusb still has those that did not come back
        if (std::ranges::find(landed_, flight.get()) == landed_.end()) static_cast<void>(flight.release());
    lib.exit(context_);
}

void LibusbHost::watch(const Watched& watched) {
    loop_.watch(watched.fd, watched.events, [this](FdReady) {
        pump(0);
        deliver();
    });
}

void LibusbHost::added(int fd, short events) {
    const bool in = (events & POLLIN) != 0;
    const bool out = (events & POLLOUT) != 0;
    watched_.push_back({fd, in && out ? FdEvents::Both : in ? FdEvents::Readable : FdEvents::Writable});
    if (!paused_) watch(watched_.back());
}

void LibusbHost::removed(int fd) {
    if (std::erase_if(watched_, [&](const Watched& w) { return w.fd == fd; }) != 0 && !paused_)
        loop_.unwatch(fd);
}

void LibusbHost::pause(bool on) {
    if (paused_ == on) return;
    paused_ = on;
    for (const Watched& watched : watched_) {
        if (on)
            loop_.unwatch(watched.fd);
        else
            watch(watched);
    }
    if (!on) deliver_later();
}

void LibusbHost::pump(long microseconds) {
    timeval patience{.tv_sec = 0, .tv_usec = microseconds};
    static_cast<void>(lib.handle_events_timeout_completed(context_, &patience, nullptr));
}

LibusbFlight* LibusbHost::make_flight(LibusbLink& link, u8 tag) {
    auto flight = std::make_unique<LibusbFlight>(lib, *this, link, tag);
    if (flight->transfer == nullptr) return nullptr;
    return flights_.emplace_back(std::move(flight)).get();
}

void LibusbHost::forget(LibusbFlight* flight) {
    std::erase_if(flights_, [&](const auto& f) { return f.get() == flight; });
}

void LibusbHost::came_back(LibusbFlight& flight) {
    if (flight.link != nullptr) {
        --flight.link->in_air;
        if (flight.transfer->status == LIBUSB_TRANSFER_NO_DEVICE) flight.link->left = true;
    }
    landed_.push_back(&flight);
}

void LibusbHost::remove(LibusbLink& link) {
    std::erase(links_, &link);
    for (const auto& flight : flights_)
        if (flight->link == &link) flight->link = nullptr;
}

void LibusbHost::deliver_later() {
    if (posted_ || paused_) return;
    posted_ = true;
    loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
        if (alive.expired()) return;
        posted_ = false;
        deliver();
    });
}

/// A user may begin transfers, and a device that has left may go, while it is told.
void LibusbHost::deliver() {
    while (!paused_ && !landed_.empty()) {
        LibusbFlight* const flight = landed_.front();
        landed_.pop_front();
        if (flight->link != nullptr) flight->link->landed(*flight);
        forget(flight);
    }
    while (!paused_) {
        const auto gone =
            std::ranges::find_if(links_, [](const LibusbLink* l) { return l->left && !l->told; });
        if (gone == links_.end()) return;
        (*gone)->told = true;
        if ((*gone)->user() != nullptr) (*gone)->user()->gone();
    }
}

/// One of the list. Hubs stay with the host.
Result<libusb_device*> LibusbHost::find(const UsbHostChoice& choice, libusb_device** list) {
    for (std::size_t i = 0; list != nullptr && list[i] != nullptr; ++i) {
        libusb_device_descriptor d{};
        if (lib.get_device_descriptor(list[i], &d) != 0) continue;
        const bool matches = (!choice.bus || *choice.bus == lib.get_bus_number(list[i])) &&
                             (!choice.address || *choice.address == lib.get_device_address(list[i])) &&
                             (!choice.vendor || *choice.vendor == d.idVendor) &&
                             (!choice.product || *choice.product == d.idProduct);
        if (!matches) continue;
        if (d.bDeviceClass == LIBUSB_CLASS_HUB)
            return fail("usb-host: the device {} is a hub; give the guest what is plugged into it",
                        wanted(choice));
        return list[i];
    }
    if (::access("/dev/bus/usb", R_OK | X_OK) != 0)
        return fail("usb-host: no device {}: /dev/bus/usb is not there; either this host has no USB, or the "
                    "device model is confined (dm_restrict) and cannot be given devices any more",
                    wanted(choice));
    return fail("usb-host: no device {}; `lsusb` lists them", wanted(choice));
}

Result<std::unique_ptr<UsbHostLink>> LibusbHost::open(const UsbHostChoice& choice) {
    libusb_device** list = nullptr;
    if (lib.get_device_list(context_, &list) < 0) list = nullptr;
    auto device = find(choice, list);
    Result<std::unique_ptr<UsbHostLink>> link = fail("usb-host");
    if (device.ok())
        link = open(*device);
    else
        link = Error{device.error()};
    if (list != nullptr) lib.free_device_list(list, 1);
    return link;
}

Result<std::unique_ptr<UsbHostLink>> LibusbHost::open(libusb_device* device) {
    libusb_device_descriptor d{};
    static_cast<void>(lib.get_device_descriptor(device, &d));
    UsbHostIdentity identity;
    identity.text = fmt::format("{}.{} ({:04x}:{:04x})", lib.get_bus_number(device),
                                lib.get_device_address(device), d.idVendor, d.idProduct);
    identity.speed = speed_of(lib.get_device_speed(device));
    const auto low = [](u16 word) { return static_cast<u8>(word); };
    const auto high = [](u16 word) { return static_cast<u8>(word >> 8); };
    identity.device = {d.bLength,        d.bDescriptorType,   low(d.bcdUSB),     high(d.bcdUSB),
                       d.bDeviceClass,   d.bDeviceSubClass,   d.bDeviceProtocol, d.bMaxPacketSize0,
                       low(d.idVendor),  high(d.idVendor),    low(d.idProduct),  high(d.idProduct),
                       low(d.bcdDevice), high(d.bcdDevice),   d.iManufacturer,   d.iProduct,
                       d.iSerialNumber,  d.bNumConfigurations};
    libusb_device_handle* handle = nullptr;
    const int error = lib.open(device, &handle);
    if (error == LIBUSB_ERROR_ACCESS)
        return fail(
            "usb-host: {}: permission denied; the device model is not root (dm_restrict, -runas) and may "
            "not open /dev/bus/usb/{:03}/{:03}",
            identity.text, lib.get_bus_number(device), lib.get_device_address(device));
    if (error != 0) return fail("usb-host: {}: {}", identity.text, lib.error_name(error));
    auto link = std::make_unique<LibusbLink>(*this, handle, std::move(identity));
    DM_TRY(link->claim());
    return link;
}

Result<std::unique_ptr<UsbHostSource>> make_usb_host(EventLoop& loop, const LibUsb& library) {
    auto host = std::make_unique<LibusbHost>(library, loop);
    DM_TRY(host->start());
    return host;
}

Result<std::unique_ptr<UsbHostSource>> make_usb_host(EventLoop& loop) {
    DM_TRY_ASSIGN(const LibUsb* library, LibUsb::load());
    return make_usb_host(loop, *library);
}

} // namespace dm::host

#else

namespace dm::host {

Result<std::unique_ptr<UsbHostSource>> make_usb_host(EventLoop&) {
    return fail(
        "usb-host: this hvmdm was built without libusb; build it where libusb-1.0-0-dev is installed");
}

} // namespace dm::host

#endif
