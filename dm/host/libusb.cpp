#ifdef HVMDM_USB
#include "dm/host/libusb.hpp"

#include <dlfcn.h>

namespace dm::host {
namespace {

constexpr const char* kLibrary = "libusb-1.0.so.0";

struct Loader {
    void* library;
    const char* missing = nullptr;
    template <class Function> void find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(::dlsym(library, name)); // what POSIX promises of dlsym
        if (function == nullptr && missing == nullptr) missing = name;
    }
};

const char* find_all(void* library, LibUsb& out) {
    Loader loader{library};
    loader.find(out.init, "libusb_init");
    loader.find(out.exit, "libusb_exit");
    loader.find(out.error_name, "libusb_error_name");
    loader.find(out.get_device_list, "libusb_get_device_list");
    loader.find(out.free_device_list, "libusb_free_device_list");
    loader.find(out.get_device_descriptor, "libusb_get_device_descriptor");
    loader.find(out.get_active_config_descriptor, "libusb_get_active_config_descriptor");
    loader.find(out.free_config_descriptor, "libusb_free_config_descriptor");
    loader.find(out.get_bus_number, "libusb_get_bus_number");
    loader.find(out.get_device_address, "libusb_get_device_address");
    loader.find(out.get_device_speed, "libusb_get_device_speed");
    loader.find(out.get_device, "libusb_get_device");
    loader.find(out.open, "libusb_open");
    loader.find(out.close, "libusb_close");
    loader.find(out.get_configuration, "libusb_get_configuration");
    loader.find(out.set_configuration, "libusb_set_configuration");
    loader.find(out.set_interface_alt_setting, "libusb_set_interface_alt_setting");
    loader.find(out.clear_halt, "libusb_clear_halt");
    loader.find(out.reset_device, "libusb_reset_device");
    loader.find(out.claim_interface, "libusb_claim_interface");
    loader.find(out.release_interface, "libusb_release_interface");
    loader.find(out.detach_kernel_driver, "libusb_detach_kernel_driver");
    loader.find(out.attach_kernel_driver, "libusb_attach_kernel_driver");
    loader.find(out.alloc_transfer, "libusb_alloc_transfer");
    loader.find(out.free_transfer, "libusb_free_transfer");
    loader.find(out.submit_transfer, "libusb_submit_transfer");
    loader.find(out.cancel_transfer, "libusb_cancel_transfer");
    loader.find(out.get_pollfds, "libusb_get_pollfds");
    loader.find(out.free_pollfds, "libusb_free_pollfds");
    loader.find(out.set_pollfd_notifiers, "libusb_set_pollfd_notifiers");
    loader.find(out.handle_events_timeout_completed, "libusb_handle_events_timeout_completed");
    loader.find(out.hotplug_register_callback, "libusb_hotplug_register_callback");
    return loader.missing;
}

} // namespace

Result<const LibUsb*> LibUsb::load() {
    static LibUsb library;
    static bool loaded = false;
    if (loaded) return &library;
    void* handle = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
        return fail("{} cannot be loaded ({}); install the package libusb-1.0-0. A guest with dm_restrict=1 "
                    "finds no libraries any more once it runs",
                    kLibrary, ::dlerror());
    if (const char* missing = find_all(handle, library); missing != nullptr)
        return fail("{} has no {}; install libusb 1.0.16 or later", kLibrary, missing);
    loaded = true;
    return &library;
}

} // namespace dm::host

#endif
