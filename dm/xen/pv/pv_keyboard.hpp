// The PV keyboard and pointer ("vkbd") that libxl gives to every HVM guest: answered, but without a key. A
// guest's keys and pointer come by the emulated devices, in every phase of its life; a second way would give
// it each key in another order, or twice.
//
// Somebody has to be there all the same: Linux waits up to 30 s at boot for the other end of each PV device
// that it has a driver for (xenbus_probe_frontend.c, wait_for_devices()), as Debian's kernel has. Facts:
// Xen's public/io/kbdif.h and xenbus.h.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/xen/pv/xenbus_state.hpp"

#include <map>

namespace dm::xen {

class PvKeyboard {
public:
    /// Answers at once, so that a guest that starts now finds it. The error says what is missing; a guest
    /// can do without.
    static Result<std::unique_ptr<PvKeyboard>> create(EventLoop& loop, u16 domid);
    /// Takes the device out of the guest, unless it is left_behind().
    ~PvKeyboard();
    PvKeyboard(const PvKeyboard&) = delete;
    PvKeyboard& operator=(const PvKeyboard&) = delete;

    /// A process that loses its rights leaves what it has said so far: enough for Linux not to wait.
    void leave_behind();

private:
    PvKeyboard(std::unique_ptr<XenStore> store, u16 domid);
    void open(const std::string& backend);
    void follow(const std::string& backend, const std::string& front_end);

    std::unique_ptr<XenStore> store_;
    std::string directory_; ///< backend/vkbd/DOMID
    struct Device {
        std::string front_end;
        XenStore::Watch watch; ///< of the front end's state
    };
    std::map<std::string, Device> devices_; ///< by the back end's directory
};

} // namespace dm::xen
