#include "dm/devices/usb/usb_hid.hpp"

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

std::size_t put(std::span<const u8> bytes, std::span<u8> reply) {
    const std::size_t length = std::min(bytes.size(), reply.size());
    std::copy_n(bytes.begin(), length, reply.begin());
    return length;
}

} // namespace

UsbHid::UsbHid(std::string_view name, const usb::Description& what, std::string serial,
               std::span<const u8> report_descriptor, bool boot, TimerQueue& timers)
    : UsbDevice(name, what, std::move(serial)), timers_(timers), report_descriptor_(report_descriptor),
      boot_(boot), repeat_timer_(timers, [this] { ready(); }) {}

std::optional<std::size_t> UsbHid::control_in(const Setup& s, std::span<u8> reply) {
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
    if (!reports_wait() && !again) return {Handshake::Nak};
    std::array<u8, kMostReport> packet;
    const std::size_t length = reports_wait() ? next_report(packet) : report(packet);
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
    update_timer();
}

} // namespace dm
