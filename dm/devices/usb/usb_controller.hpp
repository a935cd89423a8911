// What plugs devices in sees of a host controller: its root ports.
#pragma once

#include "dm/devices/usb/usb_device.hpp"

#include <memory>

namespace dm {

class UsbController {
public:
    virtual ~UsbController() = default;
    virtual unsigned root_ports() const = 0;
    /// Whether a device that talks at this speed only is of use at the port.
    virtual bool serves(unsigned port, usb::Speed speed) const = 0;
    /// Whether hubs there are of use to devices that are slower than they.
    virtual bool hubs_translate() const { return false; }
    /// Plugs a device in; the port is free.
    virtual void attach(unsigned port, std::unique_ptr<UsbDevice> device) = 0;
    /// Takes it out; null where there is none.
    virtual std::unique_ptr<UsbDevice> detach(unsigned port) = 0;
    virtual UsbDevice* device(unsigned port) const = 0;
    /// Waits until nothing is in flight.
    virtual void quiesce() = 0;
};

} // namespace dm
