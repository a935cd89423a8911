// The host's USB devices, through libusb.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/usb_host.hpp"

namespace dm::host {

/// Errors: no libusb here. `loop` outlives it, and it all links.
Result<std::unique_ptr<UsbHostSource>> make_usb_host(EventLoop& loop);

} // namespace dm::host
