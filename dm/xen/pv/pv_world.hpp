// What all PV back ends of a guest share.
#pragma once

#include "dm/xen/pv/event_channels.hpp"
#include "dm/xen/pv/grants.hpp"
#include "dm/xen/pv/xen_store.hpp"

namespace dm::xen {

/// Outlives the back ends.
struct PvWorld {
    EventLoop& loop;
    u16 domid;
    std::unique_ptr<XenStore> store;
    EventChannels events;
    Result<std::unique_ptr<Grants>> grants; ///< some back ends can do without

    /// Without xenstore there is none.
    static Result<std::unique_ptr<PvWorld>> open(EventLoop& loop, u16 domid) {
        DM_TRY_ASSIGN(std::unique_ptr<XenStore> store, XenStore::open(loop));
        return std::make_unique<PvWorld>(loop, domid, std::move(store));
    }
    PvWorld(EventLoop& l, u16 id, std::unique_ptr<XenStore> xs)
        : loop(l), domid(id), store(std::move(xs)), events(l, id), grants(Grants::open(id)) {}
};

} // namespace dm::xen
