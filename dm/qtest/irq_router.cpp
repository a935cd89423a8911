#include "dm/qtest/irq_router.hpp"

#include <utility>

namespace dm::qtest {
namespace {

/// The swizzle of PIIX3 boards, which spreads INTA of neighbouring slots over the links.
unsigned link_of(unsigned line) {
    const unsigned device = line / 4;
    const unsigned pin = line % 4;
    return (pin + device - 1) % IrqRouter::kLinks;
}

} // namespace

void IrqRouter::route_link(unsigned link, u8 isa_irq) {
    if (link >= kLinks || isa_irq >= kIsaLines) return;
    links_[link] = isa_irq;
    update();
}

void IrqRouter::force(unsigned input, bool level) {
    forced_[input] = level;
    update();
}

void IrqRouter::set_listener(Listener listener) {
    listener_ = std::move(listener);
    for (unsigned i = 0; listener_ && i < kInputs; ++i)
        if (level_[i]) listener_(i, true);
}

void IrqRouter::update() {
    std::bitset<kInputs> now = forced_;
    for (unsigned i = 0; i < kIsaLines; ++i)
        if (isa_levels_[i]) now.set(i);
    for (unsigned line = 0; pci_levels_.any() && line < kPciPins; ++line)
        if (const u8 irq = links_[link_of(line)]; pci_levels_[line] && irq != 0) now.set(irq);
    const std::bitset<kInputs> before = std::exchange(level_, now);
    for (unsigned i = 0; listener_ && i < kInputs; ++i)
        if (now[i] != before[i]) listener_(i, now[i]);
}

} // namespace dm::qtest
