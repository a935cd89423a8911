// Xen as the machine's hypervisor: one object per guest that owns the handles and all that hangs on them.
#pragma once

#include "dm/core/accelerator.hpp"
#include "dm/core/log.hpp"
#include "dm/xen/handles.hpp"
#include "dm/xen/ioreq_server.hpp"
#include "dm/xen/irq_lines.hpp"
#include "dm/xen/map_cache.hpp"

namespace dm::xen {

struct XenOptions {
    u16 domid = 0;
    u64 ram_bytes = 0;              ///< -m
    u64 low_ram_limit = 0xf0000000; ///< where RAM below 4 GiB ends (mmio_hole)
    bool restored = false;          ///< -incoming: the guest has its memory already
};

class XenHypervisor final : public Accelerator {
public:
    /// Errors name -xen-domid or the missing device node.
    static Result<std::unique_ptr<XenHypervisor>> create(const XenOptions& options);

    GuestMemory& memory() override { return cache_; }
    IrqSink& isa_irqs() override { return isa_; }
    IrqSink& pci_intx() override { return intx_; }
    MsiSink* msi() override { return &messages_; }
    void route_pci_link(unsigned link, u8 isa_irq) override;
    Result<std::unique_ptr<VideoMemory>> make_video_memory(u64 size) override;
    void shutdown(ShutdownReason reason) override;
    void lock_roms(bool locked) override;
    bool refuses_drivers(u16 product, u32 build) override;
    bool set_acpi_sleep_state(unsigned state) override;
    Status set_serving(bool on) override { return server_->set_enabled(on); }
    void hold(bool on) override { server_->hold(on); }
    void set_log_dirty(bool on) override { cache_.set_log_dirty(on); }
    void drain_buffered() override { server_->drain(); }

    /// Routes the spaces' ranges and the bus's functions here.
    Status start(EventLoop& loop, IoSpace& ports, IoSpace& memory, PciBus& pci) override;
    Status restrict_handles() override;
    void trim() override { cache_.trim(); }
    /// For libxl: device-model/DOMID/state = running.
    void announce_running() override;

private:
    XenHypervisor(const XenOptions& options, Handles handles)
        : options_(options), handles_(std::move(handles)), cache_(handles_, options.domid),
          isa_(handles_, options.domid), intx_(handles_, options.domid), messages_(handles_, options.domid) {}
    GuestPhys above_ram() const;

    XenOptions options_;
    Handles handles_;
    MapCache cache_;
    IsaIrqs isa_;
    PciIntx intx_;
    Messages messages_;
    std::unique_ptr<IoreqServer> server_;
    std::unique_ptr<RequestServer> requests_;
    GuestPhys next_parking_ = 0;
    unsigned questions_ = 0; ///< to xenstore, at the guest's word
    Log log_{"xen"};
};

} // namespace dm::xen
