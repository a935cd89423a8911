#include "dm/xen/irq_lines.hpp"

#include "dm/core/check.hpp"
#include "dm/xen/libxen.hpp"

#include <cerrno>
#include <cstring>

namespace dm::xen {

void IsaIrqs::set_level(unsigned line, bool level) {
    DM_CHECK(line < 16);
    if (xendevicemodel_set_isa_irq_level(handles_.dmod.get(), domid_, static_cast<u8>(line), level ? 1 : 0) !=
        0)
        log_.guest("ISA IRQ {} could not be set: {}", line, std::strerror(errno)); // the domain is going away
}

void PciIntx::set_level(unsigned line, bool level) {
    DM_CHECK(line < 128);
    if (xendevicemodel_set_pci_intx_level(handles_.dmod.get(), domid_, 0, 0, static_cast<u8>(line / 4),
                                          static_cast<u8>(line % 4), level ? 1 : 0) != 0)
        log_.guest("INT{} of device {} could not be set: {}", "ABCD"[line % 4], line / 4,
                   std::strerror(errno));
}

void Messages::send_msi(u64 addr, u32 data) {
    if (xendevicemodel_inject_msi(handles_.dmod.get(), domid_, addr, data) != 0)
        log_.guest("the message {:#x} to {:#x} could not be sent: {}", data, addr, std::strerror(errno));
}

} // namespace dm::xen
