// Endpoint 0 of a host's device.
#include "dm/devices/usb/usb_host_device.hpp"

#include <algorithm>

namespace dm {

using usb::Answer;
using usb::Handshake;
using usb::Setup;

namespace {

constexpr Answer kAck{Handshake::Ack, 0, true};
constexpr Answer kStall{Handshake::Stall, 0, true};
constexpr u16 kFullBulk = 64;
constexpr u16 kHighBulk = 512;

Setup parse(const std::array<u8, 8>& b) {
    const auto word = [&](std::size_t at) { return static_cast<u16>(b[at] | b[at + 1] << 8); };
    return {b[0], b[1], word(2), word(4), word(6)};
}

/// A disk of USB 3 speaks UAS with streams only, which nothing carries here; drivers that do not find that
/// setting use bulk-only transport. At high speed UAS needs no streams.
void hide_uas(std::span<u8> interface) {
    constexpr std::array<u8, 3> kUas{0x08, 0x06, 0x62}; // class, subclass, protocol
    constexpr std::size_t kClass = 5;
    constexpr u8 kVendorsOwn = 0xff;
    if (interface.size() < kClass + kUas.size()) return;
    if (std::ranges::equal(interface.subspan(kClass, kUas.size()), kUas)) interface[kClass + 2] = kVendorsOwn;
}

} // namespace

Answer UsbHostDevice::control(usb::Pid pid, std::span<u8> bytes) {
    switch (pid) {
    case usb::Pid::Setup: return setup_packet(bytes);
    case usb::Pid::In: return control_in_token(bytes);
    case usb::Pid::Out: return control_out_token(bytes);
    }
    return {};
}

/// A SETUP is always taken, and ends whatever was going on (8.5.3).
Answer UsbHostDevice::setup_packet(std::span<const u8> bytes) {
    if (bytes.size() != setup_.size()) return {};
    if (stage_ == Step::Flying) link_->cancel(0);
    std::copy_n(bytes.begin(), bytes.size(), setup_.begin());
    control_.clear();
    done_ = 0;
    next_address_ = address();
    const Setup request = parse(setup_);
    if (const std::optional<bool> obeyed = obey_here(request)) {
        stage_ = *obeyed ? Step::Acknowledge : Step::Refused;
    } else if (request.to_host() || request.length == 0) {
        start_control();
    } else if (request.length > kMostControl) {
        log_.guest("a control transfer of {} bytes, at most {} are possible", request.length, kMostControl);
        stage_ = Step::Refused;
    } else {
        stage_ = Step::DataOut;
    }
    return kAck;
}

/// Nothing: the device itself has to answer.
std::optional<bool> UsbHostDevice::obey_here(const Setup& s) {
    using namespace usb;
    switch (s.code()) {
    case request_code(kToDevice, SET_ADDRESS):
        if (s.value > kMostAddress) return false;
        next_address_ = static_cast<u8>(s.value);
        return true;
    case request_code(kToDevice, SET_CONFIGURATION): {
        land_all();
        next_address_ = address();
        const bool good = link_->set_configuration(static_cast<u8>(s.value));
        refresh_endpoints();
        return good;
    }
    case request_code(kToInterface, SET_INTERFACE): {
        if (s.index > 0xff || s.value > 0xff) return false;
        for (u8 tag = 1; tag < pipes_.size(); ++tag)
            land(tag);
        const bool good = link_->set_interface(static_cast<u8>(s.index), static_cast<u8>(s.value));
        refresh_endpoints();
        return good;
    }
    case request_code(kToEndpoint, CLEAR_FEATURE): {
        const unsigned tag = tag_of(s.index, (s.index & 0x80) != 0);
        if (s.value != ENDPOINT_HALT || (s.index & 15) == 0 || !pipes_[tag].there) return std::nullopt;
        land(static_cast<u8>(tag));
        return link_->clear_halt(static_cast<u8>(s.index & 0x8f));
    }
    case request_code(kToDevice, SET_FEATURE):
    case request_code(kToDevice, CLEAR_FEATURE): // the device has to know, and the port, too
        if (s.value == DEVICE_REMOTE_WAKEUP) set_remote_wakeup(s.request == SET_FEATURE);
        return std::nullopt;
    default: return std::nullopt;
    }
}

void UsbHostDevice::start_control() {
    const Setup request = parse(setup_);
    UsbHostTransfer transfer{.kind = UsbHostKind::Control, .setup = setup_};
    if (request.to_host()) {
        const u16 room = std::min(request.length, kMostControl);
        transfer.setup[6] = static_cast<u8>(room);
        transfer.setup[7] = static_cast<u8>(room >> 8);
        transfer.room = room;
    } else {
        transfer.out = control_;
    }
    stage_ = link_->submit(transfer) ? Step::Flying : Step::Refused;
}

void UsbHostDevice::control_done(UsbHostResult result, std::span<const u8> data) {
    if (stage_ != Step::Flying) return;
    const Setup request = parse(setup_);
    if (result != UsbHostResult::Done) {
        stage_ = Step::Refused;
        return;
    }
    stage_ = request.to_host() && request.length > 0 ? Step::DataIn : Step::Acknowledge;
    if (stage_ != Step::DataIn) return;
    control_.assign(data.begin(), data.begin() + std::min<std::ptrdiff_t>(std::ssize(data), request.length));
    if (request.code() == usb::request_code(usb::kToHost | usb::kToDevice, usb::GET_DESCRIPTOR))
        adapt(control_);
}

/// What the device says of itself, as it is here: packets of the bus that it is on.
void UsbHostDevice::adapt(std::vector<u8>& d) const {
    if (d.size() >= 8 && d[1] == usb::kDevice) d[7] = control_packet();
    if (d.size() < 2 || d[1] != usb::kConfiguration) return;
    const u16 most = speed() == usb::Speed::High ? kHighBulk : kFullBulk;
    const bool super = link_->identity().speed == UsbHostSpeed::Super;
    for (std::size_t at = 0; at + 6 < d.size() && d[at] >= 2; at += d[at]) {
        if (super && d[at + 1] == usb::kInterface)
            hide_uas(std::span(d).subspan(at, std::min<std::size_t>(d[at], d.size() - at)));
        if (d[at + 1] != usb::kEndpoint || (d[at + 3] & 3) != static_cast<u8>(UsbHostKind::Bulk)) continue;
        const u16 packet = std::min<u16>(static_cast<u16>(d[at + 4] | d[at + 5] << 8), most);
        d[at + 4] = static_cast<u8>(packet);
        d[at + 5] = static_cast<u8>(packet >> 8);
    }
}

Answer UsbHostDevice::control_in_token(std::span<u8> bytes) {
    if (stage_ == Step::Flying) return {Handshake::Nak};
    if (stage_ == Step::Acknowledge) {
        stage_ = Step::Idle;
        set_address(next_address_);
        return kAck;
    }
    if (stage_ != Step::DataIn) return kStall;
    const std::size_t packet = std::min<std::size_t>(control_.size() - done_, control_packet());
    if (packet > bytes.size()) return {Handshake::Babble};
    std::copy_n(control_.begin() + static_cast<std::ptrdiff_t>(done_), packet, bytes.begin());
    done_ += packet;
    return {Handshake::Ack, static_cast<u32>(packet), true};
}

Answer UsbHostDevice::control_out_token(std::span<const u8> bytes) {
    if (stage_ == Step::DataIn || (stage_ == Step::Flying && parse(setup_).to_host())) {
        if (stage_ == Step::Flying) link_->cancel(0); // the host ends the data stage early
        stage_ = Step::Idle;
        return kAck;
    }
    if (stage_ != Step::DataOut) return stage_ == Step::Flying ? Answer{Handshake::Nak} : kStall;
    const std::size_t length = parse(setup_).length;
    if (bytes.size() > length - control_.size() || bytes.size() > control_packet()) {
        stage_ = Step::Refused;
        return kStall;
    }
    control_.insert(control_.end(), bytes.begin(), bytes.end());
    if (control_.size() == length) start_control();
    return kAck;
}

} // namespace dm
