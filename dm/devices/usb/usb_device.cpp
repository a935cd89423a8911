#include "dm/devices/usb/usb_device.hpp"

#include <algorithm>

namespace dm {

using usb::Answer;
using usb::Handshake;
using usb::Setup;

namespace {

constexpr Answer kAck{Handshake::Ack, 0, true};
constexpr Answer kStall{Handshake::Stall, 0, true};
constexpr u16 kUsEnglish = 0x0409;
constexpr u8 kDirectionIn = 0x80; // of an endpoint's address

/// What fits of a descriptor.
std::size_t put(std::span<const u8> descriptor, std::span<u8> reply) {
    const std::size_t length = std::min(descriptor.size(), reply.size());
    std::copy_n(descriptor.begin(), length, reply.begin());
    return length;
}

std::size_t put16(u16 value, std::span<u8> reply) {
    return put(std::array{static_cast<u8>(value), static_cast<u8>(value >> 8)}, reply);
}

std::size_t put_string(std::string_view text, std::span<u8> reply) {
    std::size_t length = 2;
    for (const char c : text) {
        if (length + 2 > std::min<std::size_t>(reply.size(), 0xfe)) break;
        reply[length] = static_cast<u8>(c);
        reply[length + 1] = 0;
        length += 2;
    }
    reply[0] = static_cast<u8>(length);
    reply[1] = usb::kString;
    return length;
}

/// What a device would say of itself at the other speed (9.6.2).
std::size_t qualifier(std::span<const u8> d, std::span<u8> reply) {
    return put(std::array<u8, 10>{10, usb::kDeviceQualifier, d[2], d[3], d[4], d[5], d[6], d[7], d[17], 0},
               reply);
}

} // namespace

usb::Speed UsbDevice::speed() const {
    const bool high = upstream_ != nullptr && upstream_->speed() == usb::Speed::High;
    return high && !description_.high_device.empty() ? usb::Speed::High : usb::Speed::Full;
}

Answer UsbDevice::transact(usb::Pid pid, unsigned endpoint, std::span<u8> bytes, u32) {
    if (endpoint == 0) return control(pid, bytes);
    const bool in = pid == usb::Pid::In;
    const u16 bit = static_cast<u16>(1U << (endpoint & 15));
    const u16 known = in ? description_.in_endpoints : description_.out_endpoints;
    if (pid == usb::Pid::Setup || !configured() || (known & bit) == 0) return {};
    if (((in ? control_.halted_in : control_.halted_out) & bit) != 0) return kStall;
    return in ? data_in(endpoint, bytes) : data_out(endpoint, bytes);
}

std::optional<std::size_t> UsbDevice::control_in(const Setup&, std::span<u8>) {
    return std::nullopt;
}
bool UsbDevice::control_out(const Setup&, std::span<const u8>) {
    return false;
}
Answer UsbDevice::data_out(unsigned, std::span<const u8>) {
    return {};
}

void UsbDevice::bus_reset() {
    control_ = {};
    deconfigured();
    link_changed();
}

void UsbDevice::halt(unsigned endpoint, bool in) {
    u16& bits = in ? control_.halted_in : control_.halted_out;
    bits = static_cast<u16>(bits | 1U << (endpoint & 15));
}

// -------------------------------------------------------------------------------------- the control endpoint

Answer UsbDevice::control(usb::Pid pid, std::span<u8> bytes) {
    switch (pid) {
    case usb::Pid::Setup: return setup_packet(bytes);
    case usb::Pid::In: return control_data_in(bytes);
    case usb::Pid::Out: return control_data_out(bytes);
    }
    return {};
}

Setup UsbDevice::setup() const {
    const auto& b = control_.setup;
    const auto word = [&](std::size_t at) { return static_cast<u16>(b[at] | b[at + 1] << 8); };
    return {b[0], b[1], word(2), word(4), word(6)};
}

/// A SETUP is always taken, and ends whatever was going on (8.5.3).
Answer UsbDevice::setup_packet(std::span<const u8> bytes) {
    if (bytes.size() != control_.setup.size()) return {};
    std::copy_n(bytes.begin(), bytes.size(), control_.setup.begin());
    control_.length = control_.done = 0;
    control_.next_address = control_.address;
    const Setup request = setup();
    if (request.to_host() && request.length > 0) {
        const auto length = answer(request, control_.data);
        control_.stage = length ? Stage::DataIn : Stage::Refused;
        control_.length = static_cast<u16>(std::min<std::size_t>(length.value_or(0), request.length));
    } else if (request.length > kControlBytes) {
        control_.stage = Stage::Refused;
    } else if (request.length > 0) {
        control_.stage = Stage::DataOut;
        control_.length = request.length;
    } else {
        control_.stage = obey(request, {}) ? Stage::StatusIn : Stage::Refused;
    }
    return kAck;
}

Answer UsbDevice::control_data_in(std::span<u8> bytes) {
    if (control_.stage == Stage::StatusIn) {
        control_.stage = Stage::Idle;
        control_.address = control_.next_address;
        return kAck;
    }
    if (control_.stage != Stage::DataIn) return kStall;
    const auto left = static_cast<std::size_t>(control_.length - control_.done);
    const std::size_t packet = std::min<std::size_t>(left, max_packet0());
    if (packet > bytes.size()) return {Handshake::Babble, 0, true};
    std::copy_n(control_.data.begin() + control_.done, packet, bytes.begin());
    control_.done = static_cast<u16>(control_.done + packet);
    return {Handshake::Ack, static_cast<u32>(packet), true};
}

Answer UsbDevice::control_data_out(std::span<const u8> bytes) {
    if (control_.stage == Stage::DataIn) { // the host's status; it may end the data stage early
        control_.stage = Stage::Idle;
        return kAck;
    }
    if (control_.stage != Stage::DataOut) return kStall;
    const auto left = static_cast<std::size_t>(control_.length - control_.done);
    if (bytes.size() > left || bytes.size() > max_packet0()) {
        control_.stage = Stage::Refused;
        return kStall;
    }
    std::copy(bytes.begin(), bytes.end(), control_.data.begin() + control_.done);
    control_.done = static_cast<u16>(control_.done + bytes.size());
    if (control_.done == control_.length)
        control_.stage =
            obey(setup(), std::span(control_.data).first(control_.length)) ? Stage::StatusIn : Stage::Refused;
    return kAck;
}

// ---------------------------------------------------------------------------------------- standard requests

u16* UsbDevice::halted(u16 endpoint_address) {
    const bool in = (endpoint_address & kDirectionIn) != 0;
    const unsigned bit = 1U << (endpoint_address & 15);
    const u16 known = in ? description_.in_endpoints : description_.out_endpoints;
    if ((endpoint_address & 0xff70) != 0 || !configured() || (known & bit) == 0) return nullptr;
    return in ? &control_.halted_in : &control_.halted_out;
}

std::optional<std::size_t> UsbDevice::answer(const Setup& s, std::span<u8> reply) {
    using namespace usb;
    switch (s.code()) {
    case request_code(kToHost | kToDevice, GET_STATUS):
        return put16(static_cast<u16>((description_.self_powered() ? 1 : 0) | (may_wake() ? 2 : 0)), reply);
    case request_code(kToHost | kToInterface, GET_STATUS):
        if (!configured() || s.index != 0) return std::nullopt;
        return put16(0, reply);
    case request_code(kToHost | kToEndpoint, GET_STATUS): {
        if ((s.index & ~kDirectionIn) == 0) return put16(0, reply);
        const u16* const bits = halted(s.index);
        if (bits == nullptr) return std::nullopt;
        return put16((*bits >> (s.index & 15)) & 1, reply);
    }
    case request_code(kToHost | kToDevice, GET_DESCRIPTOR): return descriptor(s, reply);
    case request_code(kToHost | kToDevice, GET_CONFIGURATION):
        return put(std::array{control_.configuration}, reply);
    case request_code(kToHost | kToInterface, GET_INTERFACE):
        if (!configured() || s.index != 0) return std::nullopt;
        return put(std::array{u8{0}}, reply);
    default: return control_in(s, reply);
    }
}

std::optional<std::size_t> UsbDevice::descriptor(const Setup& s, std::span<u8> reply) const {
    const auto index = static_cast<u8>(s.value);
    const usb::Speed now = speed();
    const usb::Speed other = now == usb::Speed::High ? usb::Speed::Full : usb::Speed::High;
    switch (s.value >> 8) {
    case usb::kDevice: return put(description_.device_at(now), reply);
    case usb::kConfiguration:
        if (index != 0) return std::nullopt;
        return put(description_.configuration_at(now), reply);
    case usb::kDeviceQualifier:
        if (description_.high_device.empty()) return std::nullopt;
        return qualifier(description_.device_at(other), reply);
    case usb::kOtherSpeedConfiguration: {
        if (index != 0 || description_.high_device.empty()) return std::nullopt;
        const std::size_t length = put(description_.configuration_at(other), reply);
        reply[1] = usb::kOtherSpeedConfiguration;
        return length;
    }
    case usb::kString:
        if (index == 0)
            return put(std::array<u8, 4>{4, usb::kString, kUsEnglish & 0xff, kUsEnglish >> 8}, reply);
        if (text(index).empty()) return std::nullopt;
        return put_string(text(index), reply);
    default: return std::nullopt;
    }
}

/// Empty: there is no such string.
std::string_view UsbDevice::text(u8 index) const {
    if (index == usb::kOsString) return description_.os_string;
    if (index == description_.serial_index() && !serial_.empty()) return serial_;
    return index <= description_.strings.size() ? description_.strings[index - 1U] : std::string_view();
}
bool UsbDevice::obey(const Setup& s, std::span<const u8> data) {
    using namespace usb;
    switch (s.code()) {
    case request_code(kToDevice, SET_ADDRESS):
        if (s.value > kMostAddress) return false;
        control_.next_address = static_cast<u8>(s.value);
        return true;
    case request_code(kToDevice, SET_CONFIGURATION): return set_configuration(static_cast<u8>(s.value));
    case request_code(kToInterface, SET_INTERFACE): return configured() && s.index == 0 && s.value == 0;
    case request_code(kToDevice, SET_FEATURE):
    case request_code(kToEndpoint, SET_FEATURE): return set_feature(s, true);
    case request_code(kToDevice, CLEAR_FEATURE):
    case request_code(kToEndpoint, CLEAR_FEATURE): return set_feature(s, false);
    default: return control_out(s, data);
    }
}

bool UsbDevice::set_feature(const Setup& s, bool on) {
    if ((s.type & 0x1f) == usb::kToDevice) {
        if (s.value != usb::DEVICE_REMOTE_WAKEUP || !description_.can_wake()) return false;
        control_.remote_wakeup = on;
        link_changed();
        return true;
    }
    if (s.value != usb::ENDPOINT_HALT) return false;
    if ((s.index & ~kDirectionIn) == 0) return true; // endpoint 0: the next SETUP clears it anyway
    u16* const bits = halted(s.index);
    if (bits == nullptr) return false;
    const unsigned bit = 1U << (s.index & 15);
    *bits = static_cast<u16>(on ? *bits | bit : *bits & ~bit);
    if (!on) halt_cleared(s.index & 15, (s.index & kDirectionIn) != 0);
    return true;
}

bool UsbDevice::set_configuration(u8 value) {
    if (value != 0 && value != description_.configuration_value()) return false;
    control_.configuration = value;
    control_.halted_in = control_.halted_out = 0;
    deconfigured();
    link_changed();
    return true;
}

// --------------------------------------------------------------------------------------------------- loading

Status UsbDevice::load(StateReader& in) {
    DM_TRY(prepare(in));
    commit();
    return {};
}

Status UsbDevice::check(const Control& c) const {
    const bool good = c.address <= usb::kMostAddress && c.next_address <= usb::kMostAddress &&
                      (c.configuration == 0 || c.configuration == description_.configuration_value()) &&
                      (c.halted_in & ~description_.in_endpoints) == 0 &&
                      (c.halted_out & ~description_.out_endpoints) == 0 && c.stage <= Stage::Refused &&
                      c.length <= kControlBytes && c.done <= c.length &&
                      (!c.remote_wakeup || description_.can_wake());
    if (!good) return fail("saved state: {}: impossible state of the control endpoint", name());
    return {};
}

Status UsbDevice::prepare(StateReader& in) {
    return load_section(in, name() + "/control", loaded_, [this](const Control& c) { return check(c); });
}

void UsbDevice::commit() {
    control_ = loaded_;
}

} // namespace dm
