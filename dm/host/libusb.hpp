// libusb, loaded when the first device of the host is given to the guest: it brings a thread and libudev,
// which every other guest's process would pay for.
#pragma once

#ifdef HVMDM_USB

#include "dm/core/event_loop.hpp"
#include "dm/core/usb_host.hpp"

#include <libusb.h>

namespace dm::host {

struct LibUsb {
    // By their names without libusb_.
    decltype(&::libusb_init) init = nullptr;
    decltype(&::libusb_exit) exit = nullptr;
    decltype(&::libusb_error_name) error_name = nullptr;
    decltype(&::libusb_get_device_list) get_device_list = nullptr;
    decltype(&::libusb_free_device_list) free_device_list = nullptr;
    decltype(&::libusb_get_device_descriptor) get_device_descriptor = nullptr;
    decltype(&::libusb_get_active_config_descriptor) get_active_config_descriptor = nullptr;
    decltype(&::libusb_free_config_descriptor) free_config_descriptor = nullptr;
    decltype(&::libusb_get_bus_number) get_bus_number = nullptr;
    decltype(&::libusb_get_device_address) get_device_address = nullptr;
    decltype(&::libusb_get_device_speed) get_device_speed = nullptr;
    decltype(&::libusb_get_device) get_device = nullptr;
    decltype(&::libusb_open) open = nullptr;
    decltype(&::libusb_close) close = nullptr;
    decltype(&::libusb_get_configuration) get_configuration = nullptr;
    decltype(&::libusb_set_configuration) set_configuration = nullptr;
    decltype(&::libusb_set_interface_alt_setting) set_interface_alt_setting = nullptr;
    decltype(&::libusb_clear_halt) clear_halt = nullptr;
    decltype(&::libusb_reset_device) reset_device = nullptr;
    decltype(&::libusb_claim_interface) claim_interface = nullptr;
    decltype(&::libusb_release_interface) release_interface = nullptr;
    decltype(&::libusb_detach_kernel_driver) detach_kernel_driver = nullptr;
    decltype(&::libusb_attach_kernel_driver) attach_kernel_driver = nullptr;
    decltype(&::libusb_alloc_transfer) alloc_transfer = nullptr;
    decltype(&::libusb_free_transfer) free_transfer = nullptr;
    decltype(&::libusb_submit_transfer) submit_transfer = nullptr;
    decltype(&::libusb_cancel_transfer) cancel_transfer = nullptr;
    decltype(&::libusb_get_pollfds) get_pollfds = nullptr;
    decltype(&::libusb_free_pollfds) free_pollfds = nullptr;
    decltype(&::libusb_set_pollfd_notifiers) set_pollfd_notifiers = nullptr;
    decltype(&::libusb_handle_events_timeout_completed) handle_events_timeout_completed = nullptr;
    decltype(&::libusb_hotplug_register_callback) hotplug_register_callback = nullptr;

    /// The error names the package. Loaded once; before a chroot.
    static Result<const LibUsb*> load();
};

/// With another library than the host's.
Result<std::unique_ptr<UsbHostSource>> make_usb_host(EventLoop& loop, const LibUsb& library);

} // namespace dm::host

#endif
