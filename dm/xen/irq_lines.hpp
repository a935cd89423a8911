// The machine's interrupt lines as Xen's device-model operations.
#pragma once

#include "dm/core/irq.hpp"
#include "dm/core/log.hpp"
#include "dm/xen/handles.hpp"

namespace dm::xen {

/// ISA IRQ 0..15. The bit behind IRQ 9 is shared with Xen's own SCI: only real transitions may reach it.
class IsaIrqs final : public IrqSink {
public:
    IsaIrqs(const Handles& handles, u16 domid) : handles_(handles), domid_(domid) {}
    void set_level(unsigned line, bool level) override;

private:
    const Handles& handles_;
    u16 domid_;
    Log log_{"irq"};
};

/// Line = device * 4 + pin on bus 0.
class PciIntx final : public IrqSink {
public:
    PciIntx(const Handles& handles, u16 domid) : handles_(handles), domid_(domid) {}
    void set_level(unsigned line, bool level) override;

private:
    const Handles& handles_;
    u16 domid_;
    Log log_{"irq"};
};

/// Messages to the guest's local interrupt controllers, which are Xen's.
class Messages final : public MsiSink {
public:
    Messages(const Handles& handles, u16 domid) : handles_(handles), domid_(domid) {}
    void send_msi(u64 addr, u32 data) override;

private:
    const Handles& handles_;
    u16 domid_;
    Log log_{"irq"};
};

} // namespace dm::xen
