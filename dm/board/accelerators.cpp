#include "dm/board/accelerators.hpp"

#include "dm/qtest/qtest_accelerator.hpp"
#include "dm/toolstack/unix_socket.hpp"
#include "dm/xen/xen_hypervisor.hpp"

namespace dm {
namespace {

constexpr u64 kDefaultLowRamEnd = 0xf0000000; // HVM_BELOW_4G_RAM_END of xen/include/public/hvm/e820.h

Result<std::unique_ptr<Accelerator>> make_xen(const toolstack::MachineOptions& options) {
    DM_TRY_ASSIGN(auto xen, xen::XenHypervisor::create({.domid = static_cast<u16>(options.domid.value_or(0)),
                                                        .ram_bytes = options.memory_mib * kMebibyte,
                                                        .low_ram_limit = low_ram_limit(options),
                                                        .restored = options.incoming()}));
    return xen;
}

Result<std::unique_ptr<Accelerator>> make_qtest(const toolstack::MachineOptions& options) {
    auto socket = toolstack::connect_to(options.qtest);
    if (!socket.ok()) return fail("-qtest unix:{}", socket.error().message);
    DM_TRY_ASSIGN(auto qtest, qtest::QtestAccelerator::create({.socket = std::move(socket).value(),
                                                               .log = options.qtest_log,
                                                               .ram_bytes = options.memory_mib * kMebibyte,
                                                               .low_ram_limit = low_ram_limit(options),
                                                               .cpus = options.cpus,
                                                               .max_cpus = options.max_cpus}));
    return qtest;
}

} // namespace

u64 low_ram_limit(const toolstack::MachineOptions& options) {
    return options.max_ram_below_4g.value_or(kDefaultLowRamEnd);
}

Result<std::unique_ptr<Accelerator>> make_accelerator(const toolstack::MachineOptions& options) {
    switch (options.accel) {
    case toolstack::Accel::Xen: return make_xen(options);
    case toolstack::Accel::Qtest: return make_qtest(options);
    }
    return fail("-accel: there is no such accelerator");
}

} // namespace dm
