#include "dm/devices/pci/pci_host.hpp"

namespace dm {
namespace {

/// CONFE and bus, device, function and register number. The reserved bits read as 0: FreeBSD takes a latch in
/// which they stick for something else than PCI.
constexpr u32 kConfaddBits = 0x80fffffc;
/// The lowest two choose a byte all the same: programs written for QEMU put whole register numbers there.
constexpr u32 kKeptBits = 0x80ffffff;

} // namespace

Bdf PciHost::target() const {
    const u32 a = state_.confadd;
    return {static_cast<u8>(a >> 16), static_cast<u8>(a >> 11 & 31), static_cast<u8>(a >> 8 & 7)};
}

u64 PciHost::read(u64 offset, unsigned size) {
    if (offset >= CONFDATA) {
        if (!enabled()) return ones(size);
        return bus_.config_read(target(), reg(offset - CONFDATA), size);
    }
    if (offset == CONFADD && size == 4) return state_.confadd & kConfaddBits;
    if (offset == RCR) return reset_control_.read(0, 1) | (ones(size) & ~ones(1));
    return ones(size);
}

void PciHost::write(u64 offset, unsigned size, u64 value) {
    if (offset >= CONFDATA) {
        if (enabled()) bus_.config_write(target(), reg(offset - CONFDATA), size, static_cast<u32>(value));
        return;
    }
    if (offset == CONFADD && size == 4)
        state_.confadd = static_cast<u32>(value) & kKeptBits;
    else if (offset == RCR)
        reset_control_.write(0, 1, value & ones(1));
}

Status PciHost::load(StateReader& in) {
    return load_section(in, name(), state_, [this](const State& s) -> Status {
        if ((s.confadd & ~kKeptBits) != 0)
            return fail("saved state: {}: reserved bits in confadd {:#x}", name(), s.confadd);
        return {};
    });
}

} // namespace dm
