#include "dm/devices/usb/usb_hid.hpp"

#include "dm/devices/usb/usb_hid_descriptors.hpp"

#include <algorithm>

namespace dm {

using usb::Answer;
using usb::Handshake;
using usb::Setup;

namespace {

constexpr u64 kIdleUnit = 4 * kMillisecond;
constexpr u8 kHidDescriptor = 0x21;
constexpr u8 kReportDescriptor = 0x22;
constexpr std::size_t kHidDescriptorAt = 18; // in the configuration: behind configuration and interface
constexpr std::size_t kHidDescriptorLength = 9;
constexpr u8 kInputReport = 1;
constexpr u8 kOutputReport = 2;

/// Requests of the class (7.2).
enum HidRequest : u8 {
    GET_REPORT = 0x01,
    GET_IDLE = 0x02,
    GET_PROTOCOL = 0x03,
    SET_REPORT = 0x09,
    SET_IDLE = 0x0a,
    SET_PROTOCOL = 0x0b,
};
constexpr unsigned kClassToInterface = usb::kClass | usb::kToInterface;
constexpr unsigned kClassFromInterface = kClassToInterface | usb::kToHost;

/// Windows'.
constexpr unsigned kVendorToHost = usb::kVendor | usb::kToHost;
constexpr u16 kOsOfDevice = usb::request_code(kVendorToHost | usb::kToDevice, usb_hid::kOsRequest);
constexpr u16 kOsOfInterface = usb::request_code(kVendorToHost | usb::kToInterface, usb_hid::kOsRequest);

std::size_t put(std::span<const u8> bytes, std::span<u8> reply) {
    const std::size_t length = std::min(bytes.size(), reply.size());
    std::copy_n(bytes.begin(), length, reply.begin());
    return length;
}

std::optional<std::size_t> os_descriptor(const Setup& s, std::span<u8> reply) {
    if (s.value != 0) return std::nullopt; // another page, or another interface
    if (s.index == usb_hid::kCompatibleIds) return put(usb_hid::kOsCompatibleIds, reply);
    if (s.index == usb_hid::kExtendedProperties) return put(usb_hid::kOsProperties, reply);
    return std::nullopt;
}

} // namespace

UsbHid::UsbHid(std::string_view name, const usb::Description& what, std::string serial,
               std::span<const u8> report_descriptor, bool boot, TimerQueue& timers)
    : UsbDevice(name, what, std::move(serial)), timers_(timers), report_descriptor_(report_descriptor),
      boot_(boot), repeat_timer_(timers, [this] { ready(); }), patience_timer_(timers, [this] { left(); }) {}

std::optional<std::size_t> UsbHid::control_in(const Setup& s, std::span<u8> reply) {
    if (s.code() == kOsOfDevice || s.code() == kOsOfInterface) return os_descriptor(s, reply);
    if (s.index != 0) return std::nullopt; // the only interface
    switch (s.code()) {
    case usb::request_code(usb::kToHost | usb::kToInterface, usb::GET_DESCRIPTOR):
        if (s.value == kReportDescriptor << 8) return put(report_descriptor_, reply);
        if (s.value == kHidDescriptor << 8)
            return put(description().configuration.subspan(kHidDescriptorAt, kHidDescriptorLength), reply);
        return std::nullopt;
    case usb::request_code(kClassFromInterface, GET_REPORT):
        if (s.value >> 8 != kInputReport) return std::nullopt;
        return report(reply);
    case usb::request_code(kClassFromInterface, GET_IDLE): return put(std::array{hid_.idle}, reply);
    case usb::request_code(kClassFromInterface, GET_PROTOCOL):
        if (!boot_) return std::nullopt;
        return put(std::array{static_cast<u8>(hid_.protocol)}, reply);
    default: return std::nullopt;
    }
}

bool UsbHid::control_out(const Setup& s, std::span<const u8> data) {
    if (s.index != 0) return false;
    switch (s.code()) {
    case usb::request_code(kClassToInterface, SET_REPORT):
        return s.value >> 8 == kOutputReport && output_report(data);
    case usb::request_code(kClassToInterface, SET_IDLE):
        hid_.idle = static_cast<u8>(s.value >> 8);
        update_timer();
        return true;
    case usb::request_code(kClassToInterface, SET_PROTOCOL):
        if (!boot_ || s.value > static_cast<u16>(Protocol::Report)) return false;
        hid_.protocol = static_cast<Protocol>(s.value);
        return true;
    default: return false;
    }
}

Answer UsbHid::data_in(unsigned, std::span<u8> bytes) {
    if (!hid_.polled) {
        hid_.polled = asked_ = true;
        tell();
        asked_ = false;
    }
    const std::optional<u64> repeat = repeat_at();
    const bool again = repeat && *repeat <= timers_.now_ns();
    hid_.came_back = !reports_wait() && !again;
    if (hid_.came_back) return {Handshake::Nak};
    std::array<u8, kMostReport> packet;
    const std::size_t length = reports_wait() ? next_report(packet) : report(packet);
    waits_from_now();
    if (length > bytes.size()) return {Handshake::Babble};
    std::copy_n(packet.begin(), length, bytes.begin());
    hid_.reported_ns = timers_.now_ns();
    update_timer();
    return {Handshake::Ack, static_cast<u32>(length), reports_wait()};
}

void UsbHid::deconfigured() {
    hid_ = {};
    forget();
    update_timer();
    update_patience();
}

void UsbHid::reported() {
    if (!configured() || !reports_wait()) return;
    if (!hid_.waits_ns) waits_from_now();
    if (!asked_) ready();
}

// ------------------------------------------------------------------------------------ does the guest come?

void UsbHid::waits_from_now() {
    hid_.waits_ns.reset();
    if (reports_wait()) hid_.waits_ns = timers_.now_ns();
    update_patience();
}

/// A guest that is asleep, or was let to wake up, has all the time it needs.
void UsbHid::update_patience() {
    const bool counts = hid_.waits_ns && hid_.polled && !may_wake();
    const u64 patience = hid_.came_back ? kPatience : kLongPatience;
    patience_timer_.arm(counts ? std::optional(*hid_.waits_ns + patience) : std::nullopt);
}

void UsbHid::left() {
    hid_.polled = false;
    tell();                  // the switch turns to another device and lets go of what is held here
    if (hid_.polled) return; // the guest came at that very moment
    drop_reports();
    waits_from_now();
}

/// Of a guest that has just woken up nobody expected anything until now.
void UsbHid::link_changed() {
    const bool counted = patience_timer_.deadline().has_value();
    update_patience();
    if (!counted && patience_timer_.deadline()) waits_from_now();
    tell();
}

std::optional<u64> UsbHid::repeat_at() const {
    if (hid_.idle == 0 || !configured()) return std::nullopt;
    return hid_.reported_ns + hid_.idle * kIdleUnit;
}

/// It goes off once; whether the guest comes for the report is its own affair.
void UsbHid::update_timer() {
    const std::optional<u64> at = repeat_at();
    repeat_timer_.arm(at && *at > timers_.now_ns() ? at : std::nullopt);
}

void UsbHid::save(StateWriter& out) const {
    UsbDevice::save(out);
    out.section(name() + "/hid", hid_);
}

Status UsbHid::prepare(StateReader& in) {
    DM_TRY(UsbDevice::prepare(in));
    return load_section(in, name() + "/hid", loaded_, [this](const Hid& hid) -> Status {
        if (hid.protocol != Protocol::Report && (!boot_ || hid.protocol != Protocol::Boot))
            return fail("saved state: {}: there is no such protocol", name());
        return {};
    });
}

void UsbHid::commit() {
    UsbDevice::commit();
    hid_ = loaded_;
    hid_.reported_ns = std::min(hid_.reported_ns, timers_.now_ns());
    if (hid_.waits_ns) hid_.waits_ns = std::min(*hid_.waits_ns, timers_.now_ns());
    update_timer();
    update_patience();
}

} // namespace dm
