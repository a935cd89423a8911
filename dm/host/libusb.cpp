#ifdef HVMDM_USB
#include "dm/host/libusb.hpp"

#include "dm/core/shared_library.hpp"

namespace dm::host {
namespace {

void find_all(SharedLibrary& file, LibUsb& out) {
    file.find(out.init, "libusb_init");
    file.find(out.exit, "libusb_exit");
    file.find(out.error_name, "libusb_error_name");
    file.find(out.get_device_list, "libusb_get_device_list");
    file.find(out.free_device_list, "libusb_free_device_list");
    file.find(out.get_device_descriptor, "libusb_get_device_descriptor");
    file.find(out.get_active_config_descriptor, "libusb_get_active_config_descriptor");
    file.find(out.free_config_descriptor, "libusb_free_config_descriptor");
    file.find(out.get_bus_number, "libusb_get_bus_number");
    file.find(out.get_device_address, "libusb_get_device_address");
    file.find(out.get_device_speed, "libusb_get_device_speed");
    file.find(out.get_device, "libusb_get_device");
    file.find(out.open, "libusb_open");
    file.find(out.close, "libusb_close");
    file.find(out.get_configuration, "libusb_get_configuration");
    file.find(out.set_configuration, "libusb_set_configuration");
    file.find(out.set_interface_alt_setting, "libusb_set_interface_alt_setting");
    file.find(out.clear_halt, "libusb_clear_halt");
    file.find(out.reset_device, "libusb_reset_device");
    file.find(out.claim_interface, "libusb_claim_interface");
    file.find(out.release_interface, "libusb_release_interface");
    file.find(out.detach_kernel_driver, "libusb_detach_kernel_driver");
    file.find(out.attach_kernel_driver, "libusb_attach_kernel_driver");
    file.find(out.alloc_transfer, "libusb_alloc_transfer");
    file.find(out.free_transfer, "libusb_free_transfer");
    file.find(out.submit_transfer, "libusb_submit_transfer");
    file.find(out.cancel_transfer, "libusb_cancel_transfer");
    file.find(out.get_pollfds, "libusb_get_pollfds");
    file.find(out.free_pollfds, "libusb_free_pollfds");
    file.find(out.set_pollfd_notifiers, "libusb_set_pollfd_notifiers");
    file.find(out.handle_events_timeout_completed, "libusb_handle_events_timeout_completed");
    file.find(out.hotplug_register_callback, "libusb_hotplug_register_callback");
}

} // namespace

Result<const LibUsb*> LibUsb::load() {
    static LibUsb library;
    static bool loaded = false;
    if (loaded) return &library;
    Result<SharedLibrary> file = SharedLibrary::open("libusb-1.0.so.0", "libusb-1.0-0");
    if (!file.ok())
        return fail("{}. A guest with dm_restrict=1 finds no libraries any more once it runs",
                    file.error().message);
    find_all(*file, library);
    DM_TRY(file->complete("libusb 1.0.16"));
    loaded = true;
    return &library;
}

} // namespace dm::host

#endif
