#include "dm/host/usb_host.hpp"

#ifdef HVMDM_USB
#include "dm/core/log.hpp"
#include "dm/host/libusb.hpp"

#include <algorithm>
#include <deque>
#include <poll.h>
#include <unistd.h>

namespace dm::host {
namespace {

constexpr unsigned kMostFlights = 64;          // of one device, those that are being cancelled included
constexpr unsigned kPatience = 20;             // rounds for transfers that are being cancelled
constexpr long kPatienceMicroseconds = 50'000; // of each
constexpr unsigned kInterfaces = 32;

class UsbHost;
class Link;

/// A transfer that libusb has, or has given back.
struct Flight {
    Flight(const LibUsb& library, UsbHost& owner_host, Link& from, u8 its_tag)
        : lib(library), host(owner_host), link(&from), tag(its_tag), transfer(library.alloc_transfer(0)) {}
    ~Flight() { lib.free_transfer(transfer); }
    Flight(const Flight&) = delete;
    Flight& operator=(const Flight&) = delete;

    const LibUsb& lib;
    UsbHost& host;
    Link* link; ///< null: nobody waits for it
    u8 tag;
    libusb_transfer* transfer;
    std::vector<u8> buffer{};
    bool dropped = false; ///< cancelled; the tag may be in use again
};

class Link final : public UsbHostLink {
public:
    Link(UsbHost& host, libusb_device_handle* handle, UsbHostIdentity identity);
    ~Link() override;

    /// Takes the interfaces from the host's drivers.
    Status claim();

    const UsbHostIdentity& identity() const override { return identity_; }
    void set_user(UsbHostUser* user) override { user_ = user; }
    std::vector<UsbHostEndpoint> endpoints() override;
    bool submit(const UsbHostTransfer& transfer) override;
    void cancel(u8 tag) override;
    bool set_configuration(u8 value) override;
    bool set_interface(u8 number, u8 alternate) override;
    bool clear_halt(u8 endpoint) override;
    void reset() override;

    void landed(Flight& flight);
    bool is(libusb_device* device) const;

    unsigned in_air = 0;
    bool left = false; ///< the device is not there any more
    bool told = false; ///< and the user knows
    UsbHostUser* user() const { return user_; }

private:
    bool good(int error, const char* what);
    void release();
    template <class F> void each_interface(F f);

    UsbHost& host_;
    const LibUsb& lib_;
    libusb_device_handle* handle_;
    UsbHostIdentity identity_;
    Log log_{"usb-host"};
    UsbHostUser* user_ = nullptr;
    bool configured_ = true;
    u32 claimed_ = 0;  ///< a bit for each interface
    u32 detached_ = 0; ///< from a driver of the host's
    std::array<u8, kInterfaces> alternate_{};
    std::array<Flight*, kUsbHostTags> flying_{};
};

class UsbHost final : public UsbHostSource {
public:
    UsbHost(const LibUsb& library, EventLoop& loop) : lib(library), loop_(loop) {}
    ~UsbHost() override;
    Status start();

    Result<std::unique_ptr<UsbHostLink>> open(const UsbHostChoice& choice) override;
    void pause(bool on) override;

    /// Null: the host is short of memory.
    Flight* make_flight(Link& link, u8 tag);
    void forget(Flight* flight);
    /// Lets transfers come back, but tells nobody.
    void pump(long microseconds);
    void add(Link& link) { links_.push_back(&link); }
    void remove(Link& link);
    /// Tells users soon.
    void deliver_later();
    void came_back(Flight& flight);

    const LibUsb& lib; // NOLINT(misc-non-private-member-variables-in-classes)

private:
    struct Watched {
        int fd;
        FdEvents events;
    };
    void watch(const Watched& watched);
    void added(int fd, short events);
    void removed(int fd);
    void deliver();
    Result<libusb_device*> find(const UsbHostChoice& choice, libusb_device** list);
    Result<std::unique_ptr<UsbHostLink>> open(libusb_device* device);

    EventLoop& loop_;
    libusb_context* context_ = nullptr;
    bool paused_ = false;
    bool posted_ = false;
    std::vector<Watched> watched_;
    std::vector<Link*> links_;
    std::vector<std::unique_ptr<Flight>> flights_;
    std::deque<Flight*> landed_; ///< of these
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

UsbHostResult result_of(libusb_transfer_status status) {
    switch (status) {
    case LIBUSB_TRANSFER_COMPLETED: return UsbHostResult::Done;
    case LIBUSB_TRANSFER_STALL: return UsbHostResult::Stall;
    case LIBUSB_TRANSFER_OVERFLOW: return UsbHostResult::Babble;
    case LIBUSB_TRANSFER_ERROR:
    case LIBUSB_TRANSFER_TIMED_OUT:
    case LIBUSB_TRANSFER_CANCELLED:
    case LIBUSB_TRANSFER_NO_DEVICE: break;
    }
    return UsbHostResult::Failed;
}

UsbHostSpeed speed_of(int speed) {
    switch (speed) {
    case LIBUSB_SPEED_LOW: return UsbHostSpeed::Low;
    case LIBUSB_SPEED_HIGH: return UsbHostSpeed::High;
    case LIBUSB_SPEED_SUPER:
    case LIBUSB_SPEED_SUPER_PLUS: return UsbHostSpeed::Super;
    default: return UsbHostSpeed::Full;
    }
}

void LIBUSB_CALL transfer_came_back(libusb_transfer* transfer) {
    auto& flight = *static_cast<Flight*>(transfer->user_data);
    flight.host.came_back(flight);
}

// ------------------------------------------------------------------------------------------------ one device

Link::Link(UsbHost& host, libusb_device_handle* handle, UsbHostIdentity identity)
    : host_(host), lib_(host.lib), handle_(handle), identity_(std::move(identity)) {
    host_.add(*this);
}

/// Nothing may be in flight when the handle is closed.
Link::~Link() {
    user_ = nullptr;
    for (u8 tag = 0; tag < kUsbHostTags; ++tag)
        cancel(tag);
    for (unsigned round = 0; round < kPatience && in_air > 0; ++round)
        host_.pump(kPatienceMicroseconds);
    if (in_air > 0) log_.error("{}: {} transfers cannot be cancelled", identity_.text, in_air);
    host_.remove(*this);
    release();
    for (unsigned n = 0; n < kInterfaces; ++n)
        if ((detached_ >> n & 1) != 0)
            static_cast<void>(lib_.attach_kernel_driver(handle_, static_cast<int>(n)));
    lib_.close(handle_);
    host_.deliver_later(); // what came back meanwhile of others
}

bool Link::good(int error, const char* what) {
    if (error == LIBUSB_ERROR_NO_DEVICE) {
        left = true;
        host_.deliver_later();
    }
    if (error != 0) log_.guest("{}: {}: {}", identity_.text, what, lib_.error_name(error));
    return error == 0;
}

bool Link::is(libusb_device* device) const {
    return lib_.get_device(handle_) == device;
}

/// f(interface number, alternate settings) for each interface of the active configuration.
template <class F> void Link::each_interface(F f) {
    libusb_config_descriptor* config = nullptr;
    if (lib_.get_active_config_descriptor(lib_.get_device(handle_), &config) != 0) return;
    for (const libusb_interface& i : std::span(config->interface, config->bNumInterfaces)) {
        if (i.num_altsetting < 1 || i.altsetting[0].bInterfaceNumber >= kInterfaces) continue;
        f(i.altsetting[0].bInterfaceNumber,
          std::span(i.altsetting, static_cast<std::size_t>(i.num_altsetting)));
    }
    lib_.free_config_descriptor(config);
}

Status Link::claim() {
    Status status;
    each_interface([&](u8 n, auto) {
        if (!status.ok()) return;
        if (lib_.detach_kernel_driver(handle_, n) == 0) detached_ |= u32{1} << n;
        const int error = lib_.claim_interface(handle_, n);
        if (error == 0)
            claimed_ |= u32{1} << n;
        else
            status =
                fail("usb-host: {}: interface {} cannot be had ({}); is the device in use by a program or "
                     "another guest?",
                     identity_.text, n, lib_.error_name(error));
    });
    return status;
}

void Link::release() {
    for (unsigned n = 0; n < kInterfaces; ++n)
        if ((claimed_ >> n & 1) != 0) static_cast<void>(lib_.release_interface(handle_, static_cast<int>(n)));
    claimed_ = 0;
}

std::vector<UsbHostEndpoint> Link::endpoints() {
    std::vector<UsbHostEndpoint> found;
    if (!configured_) return found;
    each_interface([&](u8 n, std::span<const libusb_interface_descriptor> settings) {
        for (const libusb_interface_descriptor& setting : settings) {
            if (setting.bAlternateSetting != alternate_[n]) continue;
            for (const auto& e : std::span(setting.endpoint, setting.bNumEndpoints))
                found.push_back({e.bEndpointAddress, static_cast<UsbHostKind>(e.bmAttributes & 3),
                                 static_cast<u16>(e.wMaxPacketSize & 0x7ff)});
        }
    });
    return found;
}

/// Not sent to a device that has it already: many take that badly. Its interfaces begin anew all the same.
bool Link::set_configuration(u8 value) {
    configured_ = value != 0;
    if (value == 0) return true;
    int now = 0;
    if (!good(lib_.get_configuration(handle_, &now), "asking for the configuration")) return false;
    const auto before = std::exchange(alternate_, {});
    if (now != value) {
        release();
        const bool changed = good(lib_.set_configuration(handle_, value), "setting the configuration");
        const Status claimed = claim();
        if (!claimed.ok()) log_.guest("{}", claimed.error().message);
        return changed && claimed.ok();
    }
    for (unsigned n = 0; n < kInterfaces; ++n)
        if (before[n] != 0) set_interface(static_cast<u8>(n), 0);
    return true;
}

bool Link::set_interface(u8 number, u8 alternate) {
    if (number >= kInterfaces || (claimed_ >> number & 1) == 0) return false;
    if (!good(lib_.set_interface_alt_setting(handle_, number, alternate), "choosing an alternate setting"))
        return false;
    alternate_[number] = alternate;
    return true;
}

bool Link::clear_halt(u8 endpoint) {
    return good(lib_.clear_halt(handle_, endpoint), "clearing a halt");
}

void Link::reset() {
    const int error = lib_.reset_device(handle_);
    if (error == LIBUSB_ERROR_NOT_FOUND) { // it came back as another one
        left = true;
        host_.deliver_later();
    }
    good(error, "reset");
}

bool Link::submit(const UsbHostTransfer& t) {
    if (left || t.tag >= flying_.size() || flying_[t.tag] != nullptr || in_air >= kMostFlights) return false;
    const bool control = t.kind == UsbHostKind::Control;
    const bool in = ((control ? t.setup[0] : t.endpoint) & 0x80) != 0;
    const std::size_t payload = in ? t.room : t.out.size();
    if (control && payload > 0xffff) return false;
    Flight* const flight = host_.make_flight(*this, t.tag);
    if (flight == nullptr) return false;
    const std::size_t head = control ? t.setup.size() : 0;
    flight->buffer.resize(head + payload);
    if (control) {
        std::ranges::copy(t.setup, flight->buffer.begin());
        flight->buffer[6] = static_cast<u8>(payload);
        flight->buffer[7] = static_cast<u8>(payload >> 8);
    }
    if (!in) std::ranges::copy(t.out, flight->buffer.begin() + static_cast<std::ptrdiff_t>(head));
    libusb_transfer& out = *flight->transfer;
    out.dev_handle = handle_;
    out.endpoint = control ? u8{0} : t.endpoint;
    out.type = static_cast<u8>(t.kind);
    out.buffer = flight->buffer.data();
    out.length = static_cast<int>(flight->buffer.size());
    out.user_data = flight;
    out.callback = transfer_came_back;
    if (const int error = lib_.submit_transfer(&out); error != 0) {
        host_.forget(flight);
        good(error, "a transfer");
        return false;
    }
    flying_[t.tag] = flight;
    ++in_air;
    return true;
}

void Link::cancel(u8 tag) {
    Flight* const flight = std::exchange(flying_[tag], nullptr);
    if (flight == nullptr) return;
    flight->dropped = true;
    static_cast<void>(lib_.cancel_transfer(flight->transfer)); // or it is back already
}

/// Told by the host in the order in which they came back.
void Link::landed(Flight& flight) {
    if (flight.dropped) return;
    flying_[flight.tag] = nullptr;
    const libusb_transfer& t = *flight.transfer;
    const bool control = t.type == LIBUSB_TRANSFER_TYPE_CONTROL;
    const std::size_t head = control ? 8 : 0;
    const bool in = ((control ? flight.buffer[0] : t.endpoint) & 0x80) != 0;
    const auto length = in ? static_cast<std::size_t>(std::max(t.actual_length, 0)) : 0;
    const auto data = std::span<const u8>(flight.buffer).subspan(head);
    if (user_ != nullptr)
        user_->transferred(flight.tag, result_of(t.status), data.first(std::min(length, data.size())));
}

// ------------------------------------------------------------------------------------------------ all of
// them

int LIBUSB_CALL device_left(libusb_context*, libusb_device* device, libusb_hotplug_event, void* links) {
    for (Link* const link : *static_cast<std::vector<Link*>*>(links))
        if (link->is(device)) link->left = true;
    return 0;
}

Status UsbHost::start() {
    if (const int error = lib.init(&context_); error != 0)
        return fail(
            "usb-host: libusb cannot start ({}); is there USB on this host, and is the device model not "
            "confined (dm_restrict)?",
            lib.error_name(error));
    lib.set_pollfd_notifiers(
        context_, [](int fd, short events, void* self) { static_cast<UsbHost*>(self)->added(fd, events); },
        [](int fd, void* self) { static_cast<UsbHost*>(self)->removed(fd); }, this);
    const libusb_pollfd** const fds = lib.get_pollfds(context_);
    for (std::size_t i = 0; fds != nullptr && fds[i] != nullptr; ++i)
        added(fds[i]->fd, fds[i]->events);
    lib.free_pollfds(fds);
    static_cast<void>(lib.hotplug_register_callback(
        context_, LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, 0, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
        LIBUSB_HOTPLUG_MATCH_ANY, device_left, &links_, nullptr)); // without it a transfer tells
    return {};
}

UsbHost::~UsbHost() {
    if (context_ == nullptr) return;
    lib.set_pollfd_notifiers(context_, nullptr, nullptr, nullptr);
    pause(true);
    for (std::unique_ptr<Flight>& flight : flights_) // libusb still has those that did not come back
        if (std::ranges::find(landed_, flight.get()) == landed_.end()) static_cast<void>(flight.release());
    lib.exit(context_);
}

void UsbHost::watch(const Watched& watched) {
    loop_.watch(watched.fd, watched.events, [this](FdReady) {
        pump(0);
        deliver();
    });
}

void UsbHost::added(int fd, short events) {
    const bool in = (events & POLLIN) != 0;
    const bool out = (events & POLLOUT) != 0;
    watched_.push_back({fd, in && out ? FdEvents::Both : in ? FdEvents::Readable : FdEvents::Writable});
    if (!paused_) watch(watched_.back());
}

void UsbHost::removed(int fd) {
    if (std::erase_if(watched_, [&](const Watched& w) { return w.fd == fd; }) != 0 && !paused_)
        loop_.unwatch(fd);
}

void UsbHost::pause(bool on) {
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

void UsbHost::pump(long microseconds) {
    timeval patience{.tv_sec = 0, .tv_usec = microseconds};
    static_cast<void>(lib.handle_events_timeout_completed(context_, &patience, nullptr));
}

Flight* UsbHost::make_flight(Link& link, u8 tag) {
    auto flight = std::make_unique<Flight>(lib, *this, link, tag);
    if (flight->transfer == nullptr) return nullptr;
    return flights_.emplace_back(std::move(flight)).get();
}

void UsbHost::forget(Flight* flight) {
    std::erase_if(flights_, [&](const auto& f) { return f.get() == flight; });
}

void UsbHost::came_back(Flight& flight) {
    if (flight.link != nullptr) {
        --flight.link->in_air;
        if (flight.transfer->status == LIBUSB_TRANSFER_NO_DEVICE) flight.link->left = true;
    }
    landed_.push_back(&flight);
}

void UsbHost::remove(Link& link) {
    std::erase(links_, &link);
    for (const auto& flight : flights_)
        if (flight->link == &link) flight->link = nullptr;
}

void UsbHost::deliver_later() {
    if (posted_ || paused_) return;
    posted_ = true;
    loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
        if (alive.expired()) return;
        posted_ = false;
        deliver();
    });
}

/// A user may begin transfers, and a device that has left may go, while it is told.
void UsbHost::deliver() {
    while (!paused_ && !landed_.empty()) {
        Flight* const flight = landed_.front();
        landed_.pop_front();
        if (flight->link != nullptr) flight->link->landed(*flight);
        forget(flight);
    }
    while (!paused_) {
        const auto gone = std::ranges::find_if(links_, [](const Link* l) { return l->left && !l->told; });
        if (gone == links_.end()) return;
        (*gone)->told = true;
        if ((*gone)->user() != nullptr) (*gone)->user()->gone();
    }
}

std::string wanted(const UsbHostChoice& choice) {
    if (choice.bus && choice.address)
        return fmt::format("at bus {} address {}", *choice.bus, *choice.address);
    return fmt::format("with the ids {:04x}:{:04x}", choice.vendor.value_or(0), choice.product.value_or(0));
}

/// One of the list. Hubs stay with the host.
Result<libusb_device*> UsbHost::find(const UsbHostChoice& choice, libusb_device** list) {
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

Result<std::unique_ptr<UsbHostLink>> UsbHost::open(const UsbHostChoice& choice) {
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

Result<std::unique_ptr<UsbHostLink>> UsbHost::open(libusb_device* device) {
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
    auto link = std::make_unique<Link>(*this, handle, std::move(identity));
    DM_TRY(link->claim());
    return link;
}

} // namespace

Result<std::unique_ptr<UsbHostSource>> make_usb_host(EventLoop& loop, const LibUsb& library) {
    auto host = std::make_unique<UsbHost>(library, loop);
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
