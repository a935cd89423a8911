// All PV pointers of one guest. libxl makes one for every HVM guest (unless vkb_device=0), xl vkb-attach
// more.
//
// Somebody has to be there even if there is nothing to offer: Linux waits up to 30 s at boot for the other
// end of each PV device that it has a driver for (xenbus_probe_frontend.c, wait_for_devices()).
#pragma once

#include "dm/xen/pv/pv_devices.hpp"
#include "dm/xen/pv/pv_pointer.hpp"

namespace dm::xen {

class PvPointers final : public PvDevices {
public:
    /// Answers at once, so that a guest that starts now finds them. `world` outlives this object.
    PvPointers(PvWorld& world, const PointerPlace& place) : PvDevices(world, "vkbd"), place_(place) {
        start();
    }

private:
    std::unique_ptr<PvDevice> make(std::string backend, std::function<void()> over) override {
        return std::make_unique<PvPointer>(world(), place_, std::move(backend), std::move(over));
    }

    PointerPlace place_;
};

} // namespace dm::xen
