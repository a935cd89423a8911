#include "dm/board/accelerators.hpp"

#include "dm/xen/xen_hypervisor.hpp"

namespace dm {
namespace {

constexpr u64 kDefaultLowRamEnd = 0xf0000000; // HVM_BELOW_4G_RAM_END of xen/include/public/hvm/e820.h

} // namespace

u64 low_ram_limit(const toolstack::MachineOptions& options) {
    return options.max_ram_below_4g.value_or(kDefaultLowRamEnd);
}

Result<std::unique_ptr<Accelerator>> make_accelerator(const toolstack::MachineOptions& options) {
    switch (options.accel) {
    case toolstack::Accel::Xen: {
        DM_TRY_ASSIGN(auto xen,
                      xen::XenHypervisor::create({.domid = static_cast<u16>(options.domid.value_or(0)),
                                                  .ram_bytes = options.memory_mib * kMebibyte,
                                                  .low_ram_limit = low_ram_limit(options),
                                                  .restrict_handles = options.restrict_to_domain}));
        return xen;
    }
    case toolstack::Accel::Qtest: break;
    }
    return fail("-accel qtest: this program has no test front end");
}

} // namespace dm
