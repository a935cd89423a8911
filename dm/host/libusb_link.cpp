#ifdef HVMDM_USB
#include "dm/host/libusb_link.hpp"

#include "dm/host/libusb_host.hpp"

#include <algorithm>

namespace dm::host {
namespace {

constexpr unsigned kMostFlights = 64;          // of one device, those that are being cancelled included
constexpr unsigned kPatience = 20;             // rounds for transfers that are being cancelled
constexpr long kPatienceMicroseconds = 50'000; // of each

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

void LIBUSB_CALL transfer_came_back(libusb_transfer* transfer) {
    auto& flight = *static_cast<LibusbFlight*>(transfer->user_data);
    flight.host.came_back(flight);
}

} // namespace

LibusbLink::LibusbLink(LibusbHost& host, libusb_device_handle* handle, UsbHostIdentity identity)
    : host_(host), lib_(host.lib), handle_(handle), identity_(std::move(identity)) {
    host_.add(*this);
}

/// Nothing may be in flight when the handle is closed.
LibusbLink::~LibusbLink() {
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

bool LibusbLink::good(int error, const char* what) {
    if (error == LIBUSB_ERROR_NO_DEVICE) {
        left = true;
        host_.deliver_later();
    }
    if (error != 0) log_.guest("{}: {}: {}", identity_.text, what, lib_.error_name(error));
    return error == 0;
}

bool LibusbLink::is(libusb_device* device) const {
    return lib_.get_device(handle_) == device;
}

/// f(interface number, alternate settings) for each interface of the active configuration.
template <class F> void LibusbLink::each_interface(F f) {
    libusb_config_descriptor* config = nullptr;
    if (lib_.get_active_config_descriptor(lib_.get_device(handle_), &config) != 0) return;
    for (const libusb_interface& i : std::span(config->interface, config->bNumInterfaces)) {
        if (i.num_altsetting < 1 || i.altsetting[0].bInterfaceNumber >= kInterfaces) continue;
        f(i.altsetting[0].bInterfaceNumber,
          std::span(i.altsetting, static_cast<std::size_t>(i.num_altsetting)));
    }
    lib_.free_config_descriptor(config);
}

Status LibusbLink::claim() {
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

void LibusbLink::release() {
    for (unsigned n = 0; n < kInterfaces; ++n)
        if ((claimed_ >> n & 1) != 0) static_cast<void>(lib_.release_interface(handle_, static_cast<int>(n)));
    claimed_ = 0;
}

std::vector<UsbHostEndpoint> LibusbLink::endpoints() {
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
bool LibusbLink::set_configuration(u8 value) {
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

bool LibusbLink::set_interface(u8 number, u8 alternate) {
    if (number >= kInterfaces || (claimed_ >> number & 1) == 0) return false;
    if (!good(lib_.set_interface_alt_setting(handle_, number, alternate), "choosing an alternate setting"))
        return false;
    alternate_[number] = alternate;
    return true;
}

bool LibusbLink::clear_halt(u8 endpoint) {
    return good(lib_.clear_halt(handle_, endpoint), "clearing a halt");
}

void LibusbLink::reset() {
    const int error = lib_.reset_device(handle_);
    if (error == LIBUSB_ERROR_NOT_FOUND) { // it came back as another one
        left = true;
        host_.deliver_later();
    }
    good(error, "reset");
}

bool LibusbLink::submit(const UsbHostTransfer& t) {
    if (left || t.tag >= flying_.size() || flying_[t.tag] != nullptr || in_air >= kMostFlights) return false;
    const bool control = t.kind == UsbHostKind::Control;
    const bool in = ((control ? t.setup[0] : t.endpoint) & 0x80) != 0;
    const std::size_t payload = in ? t.room : t.out.size();
    if (control && payload > 0xffff) return false;
    LibusbFlight* const flight = host_.make_flight(*this, t.tag);
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

void LibusbLink::cancel(u8 tag) {
    LibusbFlight* const flight = std::exchange(flying_[tag], nullptr);
    if (flight == nullptr) return;
    flight->dropped = true;
    static_cast<void>(lib_.cancel_transfer(flight->transfer)); // or it is back already
}

/// Told by the host in the order in which they came back.
void LibusbLink::landed(LibusbFlight& flight) {
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

} // namespace dm::host

#endif
