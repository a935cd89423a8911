// All PV disks of one guest.
#pragma once

#include "dm/xen/pv/pv_devices.hpp"
#include "dm/xen/pv/qdisk.hpp"

namespace dm::xen {

class PvDisks final : public PvDevices {
public:
    /// Looks at once: an image that cannot be reached later (chroot, another user) is opened here. The error
    /// says what is missing; guests without PV disks can do without. Both arguments outlive this object.
    static Result<std::unique_ptr<PvDisks>> create(PvWorld& world, DiskSource& disks);
    /// None of those there are will be served: a driver goes on without instead of waiting for it.
    static void decline(PvWorld& world);

private:
    PvDisks(PvWorld& world, DiskSource& disks);
    std::unique_ptr<PvDevice> make(std::string backend, std::function<void()> over) override;

    DiskSource& disks_;
};

} // namespace dm::xen
