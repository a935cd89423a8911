// One PV disk of the guest: the "qdisk" back end of libxl, for images that the kernel's back end cannot
// serve. Facts: Xen's public/io/blkif.h and xenbus.h, and libxl, which makes the nodes.
//
// What happens next is decided from what xenstore says now, never from which news came: news may be late,
// doubled or lost in a crowd. CD-ROMs are not served: PV drivers of HVM guests leave them to the emulated
// drive, and a medium that was changed there would be a wrong one here. See docs/qdisk.md.
#pragma once

#include "dm/core/disk_source.hpp"
#include "dm/core/event_loop.hpp"
#include "dm/xen/pv/blk_queue.hpp"
#include "dm/xen/pv/event_channels.hpp"
#include "dm/xen/pv/grants.hpp"
#include "dm/xen/pv/xenbus_state.hpp"

namespace dm::xen {

/// What all PV disks of a guest share. Outlives them.
struct PvWorld {
    EventLoop& loop;
    XenStore& store;
    EventChannels& events;
    Grants& grants;
    DiskSource& disks;
};

/// libxl's "params" of a qdisk; nothing: there is no medium.
std::optional<DiskRequest> parse_qdisk_params(std::string_view params);

class Qdisk {
public:
    static constexpr unsigned kMostRingOrder = 4;
    static_assert((1U << kMostRingOrder) == BlkRing::kMostPages);

    /// `backend`: its directory. `over` runs, from the loop, when vanished() became true.
    Qdisk(PvWorld& world, std::string backend, std::function<void()> over);
    ~Qdisk();
    Qdisk(const Qdisk&) = delete;
    Qdisk& operator=(const Qdisk&) = delete;

    /// Something may have changed in xenstore.
    void look();
    /// The toolstack removed the device, and nothing is in flight: time to delete this object.
    bool vanished() const { return vanished_ && !in_use(); }

    /// No request is in flight when it returns, and none is taken before resume().
    void pause();
    void resume();
    /// The process ends: takes the device out of the guest, as a QEMU that quits does.
    void remove_nodes();

private:
    bool in_use() const { return queue_ != nullptr && queue_->busy(); }
    bool connected() const { return port_.has_value(); }
    void set_state(XenbusState state);
    void tell(std::string_view key, u64 value);
    void tell_sectors();

    void open();
    Status open_medium();
    void announce();
    void follow_front_end(XenbusState ours);
    void connect();
    Status try_connect();
    Result<std::vector<u32>> ring_grefs() const;
    void disconnect();
    void close();
    void release_medium();
    void kick();
    void broken(const std::string& why);
    void later(void (Qdisk::*what)());

    PvWorld& world_;
    std::string backend_;
    std::string front_end_;
    std::function<void()> over_;
    Log log_;
    XenStore::Watch watch_; ///< of the front end's state

    std::unique_ptr<BlockBackend> medium_;
    bool read_only_ = false;
    bool discard_ = false;
    std::unique_ptr<BlkQueue> queue_; ///< as long as medium_
    GrantMapping ring_;
    std::optional<u32> port_;
    XenbusState theirs_ = XenbusState::Unknown; ///< when last looked
    bool online_ = false;
    bool refused_ = false; ///< not a disk of ours, or it cannot be opened
    bool paused_ = false;
    bool vanished_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace dm::xen
