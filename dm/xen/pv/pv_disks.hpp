// All PV disks of one guest: finds them in xenstore, when it starts and whenever the toolstack attaches one.
#pragma once

#include "dm/xen/pv/qdisk.hpp"

#include <map>

namespace dm::xen {

class PvDisks {
public:
    /// Looks at once: an image that cannot be reached later (chroot, another user) is opened here. The error
    /// says what is missing; guests without PV disks can do without. `disks` outlives this object.
    static Result<std::unique_ptr<PvDisks>> create(EventLoop& loop, u16 domid, DiskSource& disks);
    /// Waits for requests in flight and takes the devices out of the guest.
    ~PvDisks();
    PvDisks(const PvDisks&) = delete;
    PvDisks& operator=(const PvDisks&) = delete;

    /// The machine stops: no request is in flight when it returns, and none is taken before resume().
    void pause();
    void resume();
    std::size_t count() const { return disks_.size(); }

private:
    PvDisks(EventLoop& loop, u16 domid, DiskSource& disks, std::unique_ptr<XenStore> store,
            std::unique_ptr<EventChannels> events, std::unique_ptr<Grants> grants);
    void changed(const std::string& path);
    void scan();
    void look_at(const std::string& name);
    void sweep();

    std::unique_ptr<XenStore> store_;
    std::unique_ptr<EventChannels> events_;
    std::unique_ptr<Grants> grants_;
    PvWorld world_;
    std::string directory_; ///< backend/qdisk/DOMID
    std::map<std::string, std::unique_ptr<Qdisk>> disks_;
    bool paused_ = false;
    XenStore::Watch watch_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace dm::xen
