// The root hub: port registers, resets and link states (4.15, 4.19, 5.4.8). Resets and resumes take no time.
#include "dm/devices/usb/xhci.hpp"

namespace dm {

using xhci::Link;
using xhci::Portsc;

namespace {
constexpr u32 bit(Portsc which) {
    return static_cast<u32>(which);
}
} // namespace

UsbDevice* Xhci::device_at_port(unsigned index) const {
    const unsigned at = index - first_usb2(); // beyond all for a port before
    return at < config_.usb2_ports ? devices_[at].get() : nullptr;
}

unsigned Xhci::port_of(const UsbDevice& device) const {
    unsigned at = 0;
    while (at + 1 < devices_.size() && devices_[at].get() != &device)
        ++at;
    return first_usb2() + at;
}

Link Xhci::link(unsigned index) const {
    return static_cast<Link>((s_.portsc[index] & xhci::kLinkMask) >> xhci::kLinkShift);
}

void Xhci::set_link(unsigned index, Link state) {
    s_.portsc[index] = (s_.portsc[index] & ~xhci::kLinkMask) | static_cast<u32>(state) << xhci::kLinkShift;
}

bool Xhci::port_hears(unsigned index) const {
    return device_at_port(index) != nullptr && (s_.portsc[index] & bit(Portsc::PED)) != 0;
}

u32 Xhci::port_status(unsigned index) const {
    const UsbDevice* const device = device_at_port(index);
    u32 value = s_.portsc[index] | bit(Portsc::PP);
    if (device != nullptr) value |= device->speed() == usb::Speed::High ? xhci::kSpeedHigh : xhci::kSpeedFull;
    return value;
}

void Xhci::port_changed(unsigned index, Portsc change) {
    s_.portsc[index] |= bit(change);
    s_.usbsts.set(xhci::Sts::PCD);
    if (running()) s_.port_events |= u32{1} << index;
}

/// As after a reset of the controller. Devices keep their addresses, but nobody hears them.
void Xhci::power_on_ports() {
    for (unsigned i = 0; i < ports(); ++i) {
        const bool there = device_at_port(i) != nullptr;
        s_.portsc[i] = there ? bit(Portsc::CCS) | bit(Portsc::CSC) : 0;
        if (there) s_.usbsts.set(xhci::Sts::PCD);
        set_link(i, there ? Link::Polling : Link::RxDetect);
    }
    tell_devices();
}

void Xhci::reset_port(unsigned index) {
    UsbDevice* const device = device_at_port(index);
    if (device == nullptr) return;
    device->bus_reset();
    s_.portsc[index] |= bit(Portsc::PED);
    set_link(index, Link::U0);
    port_changed(index, Portsc::PRC);
    wake_endpoints(index);
}

void Xhci::write_port(unsigned index, u32 value) {
    u32& sc = s_.portsc[index];
    sc &= ~(value & xhci::kPortClearable);
    sc = (sc & ~xhci::kPortWritable) | (value & xhci::kPortWritable);
    if ((value & bit(Portsc::PED)) != 0 && (sc & bit(Portsc::PED)) != 0) { // disabled by writing 1
        sc &= ~bit(Portsc::PED);
        set_link(index, Link::Polling);
    }
    if ((value & bit(Portsc::PR)) != 0)
        reset_port(index);
    else if ((value & bit(Portsc::LWS)) != 0)
        write_link(index, static_cast<Link>((value & xhci::kLinkMask) >> xhci::kLinkShift));
    tell_devices();
}

/// U3 suspends, Resume and U0 end that.
void Xhci::write_link(unsigned index, Link wanted) {
    if (!port_hears(index) || wanted == link(index)) return;
    const bool sleeps = port_sleeps(index);
    if (wanted == Link::U3 && !sleeps) {
        set_link(index, Link::U3);
    } else if (wanted == Link::Resume && sleeps) {
        set_link(index, Link::Resume);
    } else if (wanted == Link::U0) {
        set_link(index, Link::U0);
        port_changed(index, Portsc::PLC);
        wake_endpoints(index);
    }
}

void Xhci::attach(unsigned port, std::unique_ptr<UsbDevice> device) {
    const unsigned index = first_usb2() + port;
    devices_[port] = std::move(device);
    devices_[port]->plug_into(static_cast<UsbUpstream*>(this));
    s_.portsc[index] |= bit(Portsc::CCS);
    set_link(index, Link::Polling);
    port_changed(index, Portsc::CSC);
    work();
}

std::unique_ptr<UsbDevice> Xhci::detach(unsigned port) {
    const unsigned index = first_usb2() + port;
    std::unique_ptr<UsbDevice> gone = std::move(devices_[port]);
    if (gone == nullptr) return gone;
    gone->plug_into(nullptr);
    gone->link_changed();
    s_.portsc[index] &= ~(bit(Portsc::CCS) | bit(Portsc::PED));
    set_link(index, Link::RxDetect);
    port_changed(index, Portsc::CSC);
    wake_endpoints(index); // to find that nobody answers
    work();
    return gone;
}

void Xhci::tell_devices() {
    for (const auto& device : devices_)
        if (device != nullptr) device->link_changed();
}

/// Endpoints of the port's devices that heard NAK try again.
void Xhci::wake_endpoints(unsigned index) {
    for (const Endpoint& ep : s_.endpoints)
        if (ep.slot != 0 && slot(ep.slot).port == index + 1) waits(ep) = false;
}

void Xhci::device_ready(UsbDevice& device) {
    const unsigned index = port_of(device);
    if (!port_hears(index)) return;
    if (!port_sleeps(index)) {
        wake_endpoints(index);
    } else if (link(index) == Link::U3 && device.may_wake()) {
        set_link(index, Link::Resume);
        port_changed(index, Portsc::PLC);
    }
    work();
}

/// A controller that stands still for a moment is no reason to look for another keyboard.
bool Xhci::listens_to(const UsbDevice& device) const {
    const unsigned index = port_of(device);
    return port_hears(index) && (!port_sleeps(index) || device.may_wake());
}

} // namespace dm
