// Intel 82441FX (PMC), the host bridge of the 440FX chip set, as PCI function 00:00.0. Intel 290549.
//
// Configuration registers only. Under Xen 0xc0000-0xfffff is RAM in every PAM setting and there is no SMM, so
// PAM and SMRAM are storage; so are the DRAM and ECC registers. A reset through TRC does not happen: the
// reset control register that guests use is the one of the PIIX3. The latch at 0xcf8 is in pci_host.hpp. See
// docs/devices/i440fx.md.
#pragma once

#include "dm/core/pci.hpp"

namespace dm {

class I440fx final : public PciFunction {
public:
    enum Reg : u8 { DRAMC = 0x57, PAM0 = 0x59, SMRAM = 0x72 };

    /// The bridge decodes nothing and interrupts nobody; `wiring` is what every function has.
    I440fx(std::string_view name, PciWiring wiring);

    void reset() override { reset_config(); }
    /// Kept: SeaBIOS does not program PAM again after S3.
    void wake_reset() override {}
    void save(StateWriter& out) const override { save_config(out); }
    Status load(StateReader& in) override { return load_config(in); }
};

} // namespace dm
