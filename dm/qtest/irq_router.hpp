// From the devices' interrupt lines to the inputs of an I/O APIC, as the PIIX3 connects them: an ISA line is
// the input of its number, a PCI pin goes through one of four links to the ISA line that the guest chose.
// Under Xen all of that is Xen's.
#pragma once

#include "dm/core/irq.hpp"

#include <array>
#include <bitset>
#include <functional>

namespace dm::qtest {

class IrqRouter {
public:
    static constexpr unsigned kInputs = 24;
    static constexpr unsigned kIsaLines = 16;
    static constexpr unsigned kLinks = 4;
    static constexpr unsigned kPciPins = 32 * 4;

    /// Lines 0..15.
    IrqSink& isa() { return isa_; }
    /// Line = device * 4 + pin.
    IrqSink& pci() { return pci_; }
    /// `isa_irq` 0: to none.
    void route_link(unsigned link, u8 isa_irq);
    /// One more driver of an input: what a test sets itself.
    void force(unsigned input, bool level);

    bool level(unsigned input) const { return level_[input]; }

    using Listener = std::function<void(unsigned input, bool level)>;
    /// Told of changes; hears at once of the inputs that are high.
    void set_listener(Listener listener);

private:
    class Sink final : public IrqSink {
    public:
        Sink(IrqRouter& router, std::bitset<kPciPins>& levels) : router_(router), levels_(levels) {}
        void set_level(unsigned line, bool level) override {
            levels_[line] = level;
            router_.update();
        }

    private:
        IrqRouter& router_;
        std::bitset<kPciPins>& levels_;
    };

    void update();

    std::bitset<kPciPins> isa_levels_; ///< the first kIsaLines of them
    std::bitset<kPciPins> pci_levels_;
    std::bitset<kInputs> forced_;
    std::array<u8, kLinks> links_{};
    std::bitset<kInputs> level_;
    Listener listener_;
    Sink isa_{*this, isa_levels_};
    Sink pci_{*this, pci_levels_};
};

} // namespace dm::qtest
