// The root hub, and who owns its ports (EHCI 1.0, 2.3.9 and 4.2).
#include "dm/devices/usb/ehci.hpp"

#include <algorithm>

namespace dm {

using ehci::Portsc;
using ehci::Sts;

bool Ehci::add_companion(UsbController& companion, unsigned first_port) {
    const unsigned count = companion.root_ports();
    if (first_port >= kPorts || count > kPorts - first_port) return false;
    for (unsigned i = 0; i < count; ++i)
        if (companions_[first_port + i].controller != nullptr) return false;
    for (unsigned i = 0; i < count; ++i) {
        companions_[first_port + i] = {&companion, i};
        if (!s_.configured) set_owner(first_port + i, true);
    }
    return true;
}

UsbDevice* Ehci::device(unsigned port) const {
    if (devices_[port] != nullptr) return devices_[port].get();
    const Companion& companion = companions_[port];
    return companion.controller != nullptr ? companion.controller->device(companion.port) : nullptr;
}

void Ehci::attach(unsigned port, std::unique_ptr<UsbDevice> device) {
    give(port, std::move(device));
    if (owns(port)) connection_changed(port);
    update();
}

/// Whoever owned it: the port is this controller's again.
std::unique_ptr<UsbDevice> Ehci::detach(unsigned port) {
    std::unique_ptr<UsbDevice> gone = take(port);
    if (gone == nullptr) return gone;
    gone->plug_into(nullptr);
    gone->link_changed();
    if (owns(port))
        connection_changed(port);
    else if (s_.configured)
        s_.portsc[port].clear(Portsc::PO);
    update();
    return gone;
}

std::unique_ptr<UsbDevice> Ehci::take(unsigned port) {
    if (devices_[port] != nullptr) return std::move(devices_[port]);
    const Companion& companion = companions_[port];
    return companion.controller != nullptr ? companion.controller->detach(companion.port) : nullptr;
}

void Ehci::give(unsigned port, std::unique_ptr<UsbDevice> device) {
    const Companion& companion = companions_[port];
    if (!owns(port)) return companion.controller->attach(companion.port, std::move(device));
    devices_[port] = std::move(device);
    devices_[port]->plug_into(static_cast<UsbUpstream*>(this));
}

/// Every device where its port's owner is, without anybody being told.
void Ehci::put_where_owned() {
    for (unsigned port = 0; port < kPorts; ++port) {
        if (device(port) == nullptr || owns(port) == (devices_[port] != nullptr)) continue;
        give(port, take(port));
    }
}

/// What is or was plugged in is there no more, or something is.
void Ehci::connection_changed(unsigned port) {
    Bits<Portsc>& sc = s_.portsc[port];
    if (sc.has(Portsc::PED)) sc.set(Portsc::PEDC);
    for (const Portsc bit : {Portsc::PED, Portsc::SUSP, Portsc::FPR, Portsc::PR})
        sc.clear(bit);
    sc.set(Portsc::CSC);
    s_.usbsts.set(Sts::PCD);
    eventful();
}

/// For the controller that loses a port its device is unplugged, for the other one plugged in.
void Ehci::set_owner(unsigned port, bool companion) {
    if (owns(port) != companion) return;
    const bool present = device(port) != nullptr;
    std::unique_ptr<UsbDevice> device = present ? take(port) : nullptr;
    s_.portsc[port].set(Portsc::PO, companion);
    if (!present) return;
    give(port, std::move(device));
    connection_changed(port);
}

void Ehci::configure(bool on) {
    if (s_.configured == on) return;
    s_.configured = on;
    for (unsigned port = 0; port < kPorts; ++port)
        if (companions_[port].controller != nullptr) set_owner(port, !on);
    ports_changed();
}

u32 Ehci::port_status(unsigned port) const {
    Bits<Portsc> sc = s_.portsc[port] | Portsc::PP;
    if (devices_[port] == nullptr) return sc.raw();
    sc.set(Portsc::CCS);
    // Before a reset has told that it is fast, any device looks like one of full speed.
    if (!sc.has(Portsc::PED) && !sc.has(Portsc::PR)) sc.set(Portsc::LINE_J);
    return sc.raw();
}

void Ehci::write_port(unsigned port, u32 value, u32 mask) {
    Bits<Portsc>& sc = s_.portsc[port];
    const Bits<Portsc> written{value};
    const auto named = [&](Portsc bit) { return (mask & static_cast<u32>(bit)) != 0; };
    sc = Bits<Portsc>{sc.raw() & ~(value & ehci::kPortClearable)};
    const u32 wakes = mask & ehci::kPortWakes;
    sc = Bits<Portsc>{(sc.raw() & ~wakes) | (value & wakes)};
    UsbDevice* const device = devices_[port].get();
    const bool was_reset = sc.has(Portsc::PR);
    if (named(Portsc::PED) && !written.has(Portsc::PED)) {
        for (const Portsc bit : {Portsc::PED, Portsc::SUSP, Portsc::FPR})
            sc.clear(bit);
    }
    if (named(Portsc::FPR) && sc.has(Portsc::SUSP)) {
        if (sc.has(Portsc::FPR) && !written.has(Portsc::FPR)) sc.clear(Portsc::SUSP);
        sc.set(Portsc::FPR, written.has(Portsc::FPR));
    }
    if (written.has(Portsc::SUSP) && sc.has(Portsc::PED)) sc.set(Portsc::SUSP);
    if (named(Portsc::PR)) sc.set(Portsc::PR, written.has(Portsc::PR) && owns(port));
    if (sc.has(Portsc::PR)) {
        for (const Portsc bit : {Portsc::PED, Portsc::SUSP, Portsc::FPR})
            sc.clear(bit);
        if (!was_reset && device != nullptr) device->bus_reset();
    } else if (was_reset && device != nullptr && device->speed() == usb::Speed::High) {
        sc.set(Portsc::PED); // others are for the companion
    }
    if (named(Portsc::PO) && s_.configured && companions_[port].controller != nullptr)
        set_owner(port, written.has(Portsc::PO));
    eventful();
    ports_changed();
}

void Ehci::resume(unsigned port) {
    s_.portsc[port].set(Portsc::FPR);
    s_.usbsts.set(Sts::PCD);
}

unsigned Ehci::port_of(const UsbDevice& device) const {
    const auto found = std::ranges::find(devices_, &device, [](const auto& d) { return d.get(); });
    return static_cast<unsigned>(found - devices_.begin());
}

bool Ehci::hears(unsigned port) const {
    return devices_[port] != nullptr && s_.portsc[port].has(Portsc::PED);
}

bool Ehci::somebody_hears() const {
    for (unsigned port = 0; port < kPorts; ++port)
        if (hears(port) && !s_.portsc[port].has(Portsc::SUSP)) return true;
    return false;
}

void Ehci::ports_changed() {
    for (const auto& device : devices_)
        if (device != nullptr) device->link_changed();
}

void Ehci::device_ready(UsbDevice& device) {
    const unsigned port = port_of(device);
    if (port >= kPorts) return; // on its way to another owner
    if (!s_.portsc[port].has(Portsc::SUSP))
        eventful();
    else if (hears(port) && device.may_wake())
        resume(port);
    update();
}

/// A controller that stands still for a moment is no reason to look for another keyboard.
bool Ehci::listens_to(const UsbDevice& device) const {
    const unsigned port = port_of(device);
    return port < kPorts && hears(port) && (!s_.portsc[port].has(Portsc::SUSP) || device.may_wake());
}

UsbDevice* Ehci::device_at(u8 address) {
    for (unsigned port = 0; port < kPorts; ++port) {
        if (!hears(port) || s_.portsc[port].has(Portsc::SUSP)) continue;
        if (UsbDevice* const found = devices_[port]->find(address)) return found;
    }
    return nullptr;
}

} // namespace dm
