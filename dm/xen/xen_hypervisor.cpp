#include "dm/xen/xen_hypervisor.hpp"

#include "dm/xen/guest_video_memory.hpp"
#include "dm/xen/libxen.hpp"
#include "dm/xen/memory_op.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace dm::xen {
namespace {

// Where guests expect ROMs: 0xc0000-0xfffff.
constexpr Gfn kRomFirst = 0xc0;
constexpr u32 kRomPages = 0x40;
constexpr GuestPhys k4Gib = u64{1} << 32;

/// Each makes xenstored work. A guest's drivers ask once.
constexpr unsigned kMostQuestions = 64;

/// As xenstore calls the makers of PV drivers; null: nobody has registered that number.
const char* product_name(u16 product) {
#define DM_PRODUCT(name, number)                                                                             \
    if (product == (number)) return name;
    PVDRIVERS_PRODUCT_LIST(DM_PRODUCT)
#undef DM_PRODUCT
    return nullptr;
}

} // namespace

Result<std::unique_ptr<XenHypervisor>> XenHypervisor::create(const XenOptions& options) {
    DM_TRY_ASSIGN(Handles handles, Handles::open());
    std::unique_ptr<XenHypervisor> self(new XenHypervisor(options, std::move(handles)));
    DM_TRY_ASSIGN(self->server_, IoreqServer::create(self->handles_, options.domid));
    self->next_parking_ = self->above_ram();
    return self;
}

GuestPhys XenHypervisor::above_ram() const {
    const u64 low = std::min(options_.ram_bytes, options_.low_ram_limit);
    const u64 high = options_.ram_bytes - low;
    const GuestPhys end = high > 0 ? k4Gib + high : low;
    return (end + kPageSize - 1) & ~(kPageSize - 1);
}

void XenHypervisor::route_pci_link(unsigned link, u8 isa_irq) {
    if (xendevicemodel_set_pci_link_route(handles_.dmod.get(), options_.domid, static_cast<u8>(link),
                                          isa_irq) != 0)
        log_.guest("PIRQ link {} cannot be routed to IRQ {}: {}", link, isa_irq, std::strerror(errno));
}

Result<std::unique_ptr<VideoMemory>> XenHypervisor::make_video_memory(u64 size) {
    // Not across the hole's base, where the guest's BARs begin.
    GuestPhys parking = next_parking_;
    if (parking < k4Gib && parking + size > options_.low_ram_limit) parking = k4Gib;
    next_parking_ = parking + size;
    const auto make = options_.restored ? GuestVideoMemory::adopt : GuestVideoMemory::create;
    return make(handles_, cache_, options_.domid, size, parking);
}

void XenHypervisor::shutdown(ShutdownReason reason) {
    if (xendevicemodel_shutdown(handles_.dmod.get(), options_.domid, static_cast<unsigned>(reason)) != 0)
        log_.error("the domain cannot be shut down (reason {}): {}", static_cast<unsigned>(reason),
                   std::strerror(errno));
    else
        log_.info("domain {} shut down, reason {}", options_.domid, static_cast<unsigned>(reason));
}

void XenHypervisor::lock_roms(bool locked) {
    if (xendevicemodel_set_mem_type(handles_.dmod.get(), options_.domid,
                                    locked ? HVMMEM_ram_ro : HVMMEM_ram_rw, kRomFirst, kRomPages) != 0)
        log_.guest("ROM area cannot be made {}: {}", locked ? "read-only" : "writable", std::strerror(errno));
}

/// Under dm_restrict xenstore is out of reach once the guest runs, and no driver is refused.
bool XenHypervisor::refuses_drivers(u16 product, u32 build) {
    const char* const name = product_name(product);
    if (name == nullptr || handles_.store == nullptr || questions_ == kMostQuestions) return false;
    ++questions_;
    const std::string path = fmt::format("/mh/driver-blacklist/{}/{}", name, build);
    unsigned length = 0;
    const std::unique_ptr<void, decltype(&std::free)> entry(
        xs_read(handles_.store.get(), XBT_NULL, path.c_str(), &length), &std::free);
    return entry != nullptr;
}

bool XenHypervisor::set_acpi_sleep_state(unsigned state) {
    const Status done = set_hvm_param(handles_, options_.domid, HVM_PARAM_ACPI_S_STATE, state);
    if (!done.ok())
        log_.guest("ACPI sleep state {}: {}; with dm_restrict=1 no guest can sleep, set acpi_s3=0", state,
                   done.error().message);
    return done.ok();
}

Status XenHypervisor::start(EventLoop& loop, IoSpace& ports, IoSpace& memory, PciBus& pci) {
    requests_ =
        std::make_unique<RequestServer>(ports, memory, pci, cache_,
                                        RequestServer::MapNews{.invalidate = [this] { cache_.invalidate(); },
                                                               .request = [this] { cache_.look_again(); }});
    ports.set_range_sink(&server_->port_ranges());
    memory.set_range_sink(&server_->memory_ranges());
    pci.set_function_sink(&server_->pci_functions());
    return server_->start(loop, *requests_);
}

Status XenHypervisor::restrict_handles() {
    DM_TRY(Handles::restrict_all(options_.domid));
    handles_.store.reset(); // leads nowhere any more
    return {};
}

void XenHypervisor::announce_running() {
    if (handles_.store == nullptr) {
        log_.warning("xenstore cannot be reached; the toolstack may wait in vain for device-model/{}/state",
                     options_.domid);
        return;
    }
    // Relative to our own home, /local/domain/0 in dom0.
    const std::string path = fmt::format("device-model/{}/state", options_.domid);
    constexpr std::string_view kRunning = "running";
    if (!xs_write(handles_.store.get(), XBT_NULL, path.c_str(), kRunning.data(),
                  static_cast<unsigned>(kRunning.size())))
        log_.warning("{} cannot be written: {}", path, std::strerror(errno));
}

} // namespace dm::xen
