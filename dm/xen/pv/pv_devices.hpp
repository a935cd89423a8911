// All PV devices of one kind that a guest has: finds them in xenstore, when it starts and whenever the
// toolstack attaches one.
#pragma once

#include "dm/xen/pv/pv_device.hpp"

#include <map>

namespace dm::xen {

class PvDevices {
public:
    /// Waits for what is in flight and takes the devices out of the guest.
    virtual ~PvDevices();
    PvDevices(const PvDevices&) = delete;
    PvDevices& operator=(const PvDevices&) = delete;

    /// As PvDevice's, also for those that are attached meanwhile.
    void pause();
    void resume();
    std::size_t count() const { return devices_.size(); }
    /// A process that loses its rights: what was said so far stays in xenstore.
    void leave_behind();

protected:
    /// `kind`: as libxl names it, "qdisk".
    PvDevices(PvWorld& world, std::string_view kind);
    /// Looks at once. Called at the end of construction, because it calls make().
    void start();
    virtual std::unique_ptr<PvDevice> make(std::string backend, std::function<void()> over) = 0;

    PvWorld& world() const { return world_; }

private:
    void changed(const std::string& path);
    void scan();
    void look_at(const std::string& name);
    void sweep();

    PvWorld& world_;
    std::string directory_; ///< backend/KIND/DOMID
    std::map<std::string, std::unique_ptr<PvDevice>> devices_;
    bool paused_ = false;
    XenStore::Watch watch_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace dm::xen
