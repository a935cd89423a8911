#include "dm/devices/usb/usb_hub.hpp"

#include <algorithm>

namespace dm {

using usb::Answer;
using usb::Handshake;
using usb::Setup;

namespace {

constexpr std::array<u8, 18> kDeviceDescriptor{18,   usb::kDevice, 0x10, 0x01, 9,    0, 0, 8, 0x09,
                                               0x04, 0xaa,         0x55, 0x01, 0x01, 1, 2, 3, 1};
constexpr std::array<u8, 25> kConfiguration{
    9, usb::kConfiguration, 25,   0, 1, 1, 0,  0xe0, 0, // its own power; wakes up
    9, usb::kInterface,     0,    0, 1, 9, 0,  0,    0, //
    7, usb::kEndpoint,      0x81, 3, 2, 0, 255};
constexpr std::array<u8, 18> kHighDevice{
    18,   usb::kDevice, 0x00, 0x02, 9,    0, 1, 64, 0x09, // one translator
    0x04, 0xaa,         0x55, 0x01, 0x01, 1, 2, 3,  1};
constexpr std::array<u8, 25> kHighConfiguration{9, usb::kConfiguration, 25,   0, 1, 1, 0, 0xe0, 0, //
                                                9, usb::kInterface,     0,    0, 1, 9, 0, 0,    0, //
                                                7, usb::kEndpoint,      0x81, 3, 2, 0, 12};        // 256 ms
constexpr std::array<std::string_view, 3> kStrings{"QEMU", "QEMU USB Hub", "314159"};
constexpr usb::Description kDescription{.device = kDeviceDescriptor,
                                        .configuration = kConfiguration,
                                        .strings = kStrings,
                                        .in_endpoints = 2,
                                        .high_device = kHighDevice,
                                        .high_configuration = kHighConfiguration};

/// Power is switched for each port, over-current is told for each; good after 2 ms; all can be removed.
constexpr std::array<u8, 11> kHubDescriptor{11, 0x29, UsbHub::kPorts, 0x0a, 0x00, 1, 0, 0, 0, 0xff, 0xff};

/// Table 11-17.
enum PortFeature : u16 {
    PORT_ENABLE = 1,
    PORT_SUSPEND = 2,
    PORT_RESET = 4,
    PORT_POWER = 8,
    C_PORT_CONNECTION = 16,
    C_PORT_ENABLE = 17,
    C_PORT_SUSPEND = 18,
    C_PORT_OVER_CURRENT = 19,
    C_PORT_RESET = 20,
};
constexpr u16 kHubFeatures = 2; // C_HUB_LOCAL_POWER, C_HUB_OVER_CURRENT: neither ever happens

constexpr unsigned kToHub = usb::kClass | usb::kToDevice;
constexpr unsigned kToPort = usb::kClass | usb::kToOther;
constexpr u16 kStoredStatus = 0x0106; // ENABLE, SUSPEND, POWER
constexpr u16 kStoredChange = 0x001f;

std::size_t put(std::span<const u8> bytes, std::span<u8> reply) {
    const std::size_t length = std::min(bytes.size(), reply.size());
    std::copy_n(bytes.begin(), length, reply.begin());
    return length;
}

} // namespace

UsbHub::UsbHub(std::string_view device_name, std::string serial)
    : UsbDevice(device_name, kDescription, std::move(serial)) {}

UsbHub::~UsbHub() {
    for (const auto& device : devices_)
        if (device != nullptr) device->plug_into(nullptr);
}

Bits<UsbHub::PortStatus> UsbHub::status(unsigned port) const {
    Bits<PortStatus> now = s_.ports[port].status;
    const UsbDevice* const device = devices_[port].get();
    now.set(PortStatus::CONNECTION, device != nullptr && now.has(PortStatus::POWER));
    now.set(PortStatus::HIGH_SPEED,
            now.has(PortStatus::ENABLE) && device != nullptr && device->speed() == usb::Speed::High);
    return now;
}

std::optional<std::size_t> UsbHub::control_in(const Setup& s, std::span<u8> reply) {
    switch (s.code()) {
    case usb::request_code(usb::kToHost | kToHub, usb::GET_DESCRIPTOR): return put(kHubDescriptor, reply);
    case usb::request_code(usb::kToHost | kToHub, usb::GET_STATUS): return put(std::array<u8, 4>{}, reply);
    case usb::request_code(usb::kToHost | kToPort, usb::GET_STATUS): {
        const unsigned port = s.index - 1U;
        if (port >= kPorts) return std::nullopt;
        const u16 now = status(port).raw();
        const u16 change = s_.ports[port].change.raw();
        return put(std::array{static_cast<u8>(now), static_cast<u8>(now >> 8), static_cast<u8>(change),
                              static_cast<u8>(change >> 8)},
                   reply);
    }
    default: return std::nullopt;
    }
}

bool UsbHub::control_out(const Setup& s, std::span<const u8>) {
    switch (s.code()) {
    case usb::request_code(kToHub, usb::SET_FEATURE):
    case usb::request_code(kToHub, usb::CLEAR_FEATURE): return s.value < kHubFeatures;
    case usb::request_code(kToPort, usb::SET_FEATURE):
        return s.index - 1U < kPorts && set_port_feature(s.index - 1U, s.value);
    case usb::request_code(kToPort, usb::CLEAR_FEATURE):
        return s.index - 1U < kPorts && clear_port_feature(s.index - 1U, s.value);
    default: return false;
    }
}

/// A reset takes no time here.
bool UsbHub::set_port_feature(unsigned index, u16 feature) {
    Port& port = s_.ports[index];
    UsbDevice* const device = devices_[index].get();
    switch (feature) {
    case PORT_POWER:
        if (!port.status.has(PortStatus::POWER) && device != nullptr) port.change.set(PortChange::CONNECTION);
        port.status.set(PortStatus::POWER);
        break;
    case PORT_RESET:
        if (!status(index).has(PortStatus::CONNECTION)) break;
        device->bus_reset();
        port.status.clear(PortStatus::SUSPEND);
        port.status.set(PortStatus::ENABLE);
        port.change.set(PortChange::RESET);
        break;
    case PORT_SUSPEND:
        if (port.status.has(PortStatus::ENABLE)) port.status.set(PortStatus::SUSPEND);
        break;
    default: return false;
    }
    if (device != nullptr) device->link_changed();
    if (port.change.raw() != 0) ready();
    return true;
}

bool UsbHub::clear_port_feature(unsigned index, u16 feature) {
    Port& port = s_.ports[index];
    switch (feature) {
    case PORT_ENABLE:
        port.status.clear(PortStatus::ENABLE);
        port.status.clear(PortStatus::SUSPEND);
        break;
    case PORT_SUSPEND:
        if (!port.status.has(PortStatus::SUSPEND)) break;
        port.status.clear(PortStatus::SUSPEND);
        port.change.set(PortChange::SUSPEND);
        break;
    case PORT_POWER: port.status = {}; break;
    case C_PORT_CONNECTION: port.change.clear(PortChange::CONNECTION); break;
    case C_PORT_ENABLE: port.change.clear(PortChange::ENABLE); break;
    case C_PORT_SUSPEND: port.change.clear(PortChange::SUSPEND); break;
    case C_PORT_OVER_CURRENT: port.change.clear(PortChange::OVER_CURRENT); break;
    case C_PORT_RESET: port.change.clear(PortChange::RESET); break;
    default: return false;
    }
    if (devices_[index] != nullptr) devices_[index]->link_changed();
    if (port.change.raw() != 0) ready();
    return true;
}

/// A bit for each port that has changed; bit 0 is the hub's own.
Answer UsbHub::data_in(unsigned, std::span<u8> bytes) {
    unsigned changed_ports = 0;
    for (unsigned port = 0; port < kPorts; ++port)
        if (s_.ports[port].change.raw() != 0) changed_ports |= 2U << port;
    if (changed_ports == 0) return {Handshake::Nak};
    if (bytes.size() < 2) return {Handshake::Babble};
    bytes[0] = static_cast<u8>(changed_ports);
    bytes[1] = static_cast<u8>(changed_ports >> 8);
    return {Handshake::Ack, 2, true}; // the host will ask which change it was
}

void UsbHub::deconfigured() {
    s_ = {};
    link_changed();
}

void UsbHub::attach(unsigned port, std::unique_ptr<UsbDevice> device) {
    devices_[port] = std::move(device);
    devices_[port]->plug_into(static_cast<UsbUpstream*>(this));
    changed(port, PortChange::CONNECTION);
}

std::unique_ptr<UsbDevice> UsbHub::detach(unsigned port) {
    std::unique_ptr<UsbDevice> gone = std::move(devices_[port]);
    if (gone == nullptr) return gone;
    gone->plug_into(nullptr);
    gone->link_changed();
    s_.ports[port].status.clear(PortStatus::ENABLE);
    s_.ports[port].status.clear(PortStatus::SUSPEND);
    changed(port, PortChange::CONNECTION);
    return gone;
}

void UsbHub::changed(unsigned port, PortChange what) {
    if (!s_.ports[port].status.has(PortStatus::POWER)) return;
    s_.ports[port].change.set(what);
    ready();
}

unsigned UsbHub::port_of(const UsbDevice& device) const {
    const auto found = std::ranges::find(devices_, &device, [](const auto& d) { return d.get(); });
    return static_cast<unsigned>(found - devices_.begin());
}

bool UsbHub::hears(unsigned port) const {
    return devices_[port] != nullptr && status(port).has(PortStatus::ENABLE);
}

UsbDevice* UsbHub::find(u8 address) {
    if (UsbDevice* const self = UsbDevice::find(address)) return self;
    if (!configured()) return nullptr;
    for (unsigned port = 0; port < kPorts; ++port) {
        if (!hears(port) || status(port).has(PortStatus::SUSPEND)) continue;
        if (UsbDevice* const found = devices_[port]->find(address)) return found;
    }
    return nullptr;
}

void UsbHub::device_ready(UsbDevice& device) {
    const unsigned port = port_of(device);
    if (s_.ports[port].status.has(PortStatus::SUSPEND)) {
        if (!device.may_wake()) return;
        s_.ports[port].status.clear(PortStatus::SUSPEND);
        s_.ports[port].change.set(PortChange::SUSPEND);
    }
    ready();
}

bool UsbHub::listens_to(const UsbDevice& device) const {
    const unsigned port = port_of(device);
    const bool asleep = status(port).has(PortStatus::SUSPEND);
    return hears(port) && configured() && heard() && (!asleep || device.may_wake());
}

void UsbHub::link_changed() {
    for (const auto& device : devices_)
        if (device != nullptr) device->link_changed();
}

void UsbHub::quiesce() {
    for (const auto& device : devices_)
        if (device != nullptr) device->quiesce();
}

void UsbHub::reset() {
    for (const auto& device : devices_)
        if (device != nullptr) device->reset();
    UsbDevice::reset();
}

void UsbHub::save(StateWriter& out) const {
    UsbDevice::save(out);
    out.section(name(), s_);
    for (const auto& device : devices_)
        if (device != nullptr) device->save(out);
}

Status UsbHub::prepare(StateReader& in) {
    DM_TRY(UsbDevice::prepare(in));
    DM_TRY(load_section(in, name(), loaded_, [this](const State& s) -> Status {
        for (const Port& port : s.ports)
            if ((port.status.raw() & ~kStoredStatus) != 0 || (port.change.raw() & ~kStoredChange) != 0)
                return fail("saved state: {}: impossible port", name());
        return {};
    }));
    for (const auto& device : devices_)
        if (device != nullptr) DM_TRY(device->prepare(in));
    return {};
}

void UsbHub::commit() {
    UsbDevice::commit();
    s_ = loaded_;
    for (const auto& device : devices_)
        if (device != nullptr) device->commit();
}

} // namespace dm
