// Our ioreq server in Xen: created before anything is mapped, its event channels served by the device thread.
// Source: xen/include/public/hvm/dm_op.h.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/log.hpp"
#include "dm/core/pci.hpp"
#include "dm/xen/event_channel.hpp"
#include "dm/xen/handles.hpp"
#include "dm/xen/ioreq_pages.hpp"

#include <optional>
#include <unordered_map>

struct xenforeignmemory_resource_handle;

namespace dm::xen {

class IoreqServer final : private Lookout {
public:
    static Result<std::unique_ptr<IoreqServer>> create(const Handles& handles, u16 domid);
    ~IoreqServer() override;
    IoreqServer(const IoreqServer&) = delete;
    IoreqServer& operator=(const IoreqServer&) = delete;

    /// Tell Xen what is ours; for IoSpace::set_range_sink() and PciBus::set_function_sink().
    RangeSink& port_ranges() { return port_ranges_; }
    RangeSink& memory_ranges() { return memory_ranges_; }
    PciFunctionSink& pci_functions() { return functions_; }

    /// Enables the server, binds one event channel per vCPU and the buffered ring's, and serves `requests`
    /// from the loop. Once, before the guest first runs.
    Status start(EventLoop& loop, RequestServer& requests);
    /// While disabled the guest's accesses reach nobody: only with the domain paused or suspended.
    Status set_enabled(bool enabled);

    /// While held the guest's accesses wait in their slots.
    void hold(bool on);

    /// Serves the buffered writes that no event has announced yet.
    void drain();

private:
    IoreqServer(const Handles& handles, u16 domid)
        : handles_(handles), domid_(domid), port_ranges_(*this, false), memory_ranges_(*this, true),
          functions_(*this) {}

    class Ranges final : public RangeSink {
    public:
        Ranges(IoreqServer& owner, bool memory) : owner_(owner), memory_(memory) {}
        void add_range(u64 first, u64 last) override;
        void remove_range(u64 first, u64 last) override;

    private:
        IoreqServer& owner_;
        bool memory_;
    };
    class Functions final : public PciFunctionSink {
    public:
        explicit Functions(IoreqServer& owner) : owner_(owner) {}
        void add_function(Bdf bdf) override;
        void remove_function(Bdf bdf) override;

    private:
        IoreqServer& owner_;
    };

    Status map_pages();
    Status bind(u32 remote_port, std::string_view what);
    void event(EventChannel& channel);
    bool serve_ready();
    bool look() override { return serve_ready(); }
    void rest() override;

    const Handles& handles_;
    u16 domid_;
    u16 id_ = 0;
    bool created_ = false;
    Ranges port_ranges_;
    Ranges memory_ranges_;
    Functions functions_;
    xenforeignmemory_resource_handle* resource_ = nullptr;
    u8* pages_ = nullptr;
    std::optional<IoreqPages> io_;
    std::vector<std::unique_ptr<EventChannel>> channels_; ///< of each vCPU, then the buffered ring's
    EventLoop* loop_ = nullptr;
    bool held_ = false;
    bool looked_after_ = false; ///< the loop looks for requests by itself, and says when it stops
    Log log_{"ioreq"};
};

} // namespace dm::xen
