// Intel 82371SB (PIIX3), function 0: the PCI to ISA bridge at 00:01.0. Intel 290550.
//
// Interrupt, timer and RTC of the PIIX3 are Xen's; its DMA controllers are dma_8257.hpp, its APM ports sit in
// piix4_pm.hpp. Of the bridge itself the PIRQ routing, the reset control register and port 92 have an effect;
// decode enables, recovery times and SMI registers are storage. See docs/devices/piix3_isa.md.
//
// Quirks: Linux and SeaBIOS write 0x02, then 0x06 or 0x0e to 0xcf9: bit 2 alone decides.
#pragma once

#include "dm/core/hypervisor.hpp"
#include "dm/core/io_part.hpp"
#include "dm/core/pci.hpp"

#include <functional>

namespace dm {

class Piix3Isa final : public PciFunction {
public:
    enum Reg : u8 { PIRQRCA = 0x60, PIRQRCD = 0x63 };
    enum class Rcr : u8 { SRST = 0x02, RCPU = 0x04 };
    enum class Port92 : u8 { FAST_INIT = 0x01, FAST_A20 = 0x02 };

    static constexpr unsigned kLinks = 4;

    struct State {
        Bits<Rcr> rcr;
        Bits<Port92> port92;
        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("rcr", s.rcr);
            v("port92", s.port92);
        }
    };

    struct Wiring {
        /// PIRQ link 0..3 to ISA interrupt, 0: to none. Called on changes.
        std::function<void(unsigned link, u8 isa_irq)> route_link;
        /// The guest wants the machine reset. Called before the access completes.
        std::function<void(ShutdownReason)> shutdown;
    };
    Piix3Isa(std::string_view name, PciWiring pci, Wiring wiring);

    /// RCR, 1 byte: reached through PciHost at 0xcf9.
    IoHandler& reset_control() { return rcr_; }
    /// 1 byte at 0x92.
    IoHandler& port92() { return port92_; }

    void reset() override;
    /// Link routes and decode enables stay: nobody programs them again.
    void wake_reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

private:
    void config_written(unsigned reg, unsigned size) override;
    void update_routes();

    u64 read_rcr(u64 offset, unsigned size);
    void write_rcr(u64 offset, unsigned size, u64 value);
    u64 read_port92(u64 offset, unsigned size);
    void write_port92(u64 offset, unsigned size, u64 value);

    Wiring wiring_;
    IoPart<Piix3Isa, &Piix3Isa::read_rcr, &Piix3Isa::write_rcr> rcr_{*this};
    IoPart<Piix3Isa, &Piix3Isa::read_port92, &Piix3Isa::write_port92> port92_{*this};
    State state_;
    std::array<u8, kLinks> routed_{}; ///< what route_link was last told; all links start unconnected
};
static_assert(covers_every_field<Piix3Isa::State>);

} // namespace dm
