#include "dm/devices/acpi/gpe_hotplug.hpp"

#include "dm/core/check.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr unsigned kSlots = 32;

bool bit(const std::array<u8, GpeHotplug::kCpuLength>& map, unsigned n) {
    return (map[n / 8] >> (n % 8) & 1) != 0;
}
void set_bit(std::array<u8, GpeHotplug::kCpuLength>& map, unsigned n) {
    map[n / 8] = static_cast<u8>(map[n / 8] | 1U << (n % 8));
}

} // namespace

GpeHotplug::GpeHotplug(std::string_view name, IrqLine sci, Options options)
    : Device(name), sci_(std::move(sci)), options_(std::move(options)) {
    DM_CHECK(options_.cpus >= 1 && options_.cpus <= options_.max_cpus && options_.max_cpus <= kMostCpus);
    state_ = power_on();
}

GpeHotplug::State GpeHotplug::power_on() const {
    State s;
    for (unsigned n = 0; n < options_.cpus; ++n)
        set_bit(s.cpus, n);
    return s;
}

void GpeHotplug::raise(Gpe event) {
    state_.gpe0_sts.set(event);
    update_sci();
}

void GpeHotplug::update_sci() {
    sci_.set((state_.gpe0_sts.raw() & state_.gpe0_en.raw()) != 0);
}

Status GpeHotplug::cpu_online(unsigned n) {
    if (n >= options_.max_cpus)
        return fail("CPU {} does not exist: the domain has at most {} (maxvcpus)", n, options_.max_cpus);
    if (bit(state_.cpus, n)) return {};
    set_bit(state_.cpus, n);
    raise(Gpe::CpuHotplug);
    return {};
}

unsigned GpeHotplug::cpus() const {
    unsigned n = 0;
    while (n < kMostCpus && bit(state_.cpus, n))
        ++n;
    return n;
}

Status GpeHotplug::removable(unsigned slot) const {
    if (slot >= kSlots || (options_.removable_slots >> slot & 1) == 0)
        return fail("PCI slot {} does not support hotplug", slot);
    return {};
}

Status GpeHotplug::pci_inserted(unsigned slot) {
    DM_TRY(removable(slot));
    state_.pciu |= u32{1} << slot;
    raise(Gpe::PciHotplug);
    return {};
}

Status GpeHotplug::pci_request_eject(unsigned slot) {
    DM_TRY(removable(slot));
    state_.pcid |= u32{1} << slot;
    raise(Gpe::PciHotplug);
    return {};
}

void GpeHotplug::pci_removed(unsigned slot) {
    state_.pciu &= ~(u32{1} << slot);
    state_.pcid &= ~(u32{1} << slot);
}

u64 GpeHotplug::read_gpe(u64 offset, unsigned size) {
    const u64 block = state_.gpe0_sts.raw() | u64{state_.gpe0_en.raw()} << 16;
    return block >> (offset * 8) & ones(size);
}

void GpeHotplug::write_gpe(u64 offset, unsigned size, u64 value) {
    for (unsigned i = 0; i < size; ++i) {
        const u64 at = offset + i;
        const u8 written = byte_of(value, i);
        const unsigned lane = at & 1;
        if (at < 2) // status bits are cleared by writing ones
            state_.gpe0_sts =
                Bits<Gpe>{static_cast<u16>(state_.gpe0_sts.raw() & ~(unsigned{written} << (lane * 8)))};
        else
            state_.gpe0_en = Bits<Gpe>{with_byte(state_.gpe0_en.raw(), lane, written)};
    }
    update_sci();
}

u64 GpeHotplug::read_pci(u64 offset, unsigned size) {
    const auto reg = [this](u64 at) -> u32 {
        switch (static_cast<PciReg>(at & 12)) {
        case PCIU: return state_.pciu;
        case PCID: return state_.pcid;
        case B0EJ: return 0;
        case B0RM: return options_.removable_slots;
        }
        return 0;
    };
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{byte_of(reg(offset + i), (offset + i) & 3)} << (i * 8);
    return value;
}

void GpeHotplug::write_pci(u64 offset, unsigned size, u64 value) {
    u32 slots = 0;
    for (unsigned i = 0; i < size; ++i) {
        const u64 at = offset + i;
        if ((at & 12) == B0EJ) slots = with_byte(slots, at & 3, byte_of(value, i));
    }
    eject(slots & options_.removable_slots);
}

void GpeHotplug::eject(u32 slots) {
    for (unsigned slot = 0; slot < kSlots; ++slot) {
        const u32 mask = u32{1} << slot;
        if ((slots & mask) == 0) continue;
        pci_removed(slot);
        if (options_.eject) options_.eject(slot);
    }
}

u64 GpeHotplug::read_cpu(u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{state_.cpus[offset + i]} << (i * 8);
    return value;
}

void GpeHotplug::write_cpu(u64, unsigned, u64) {
    // PRST is read-only: a CPU leaves by the guest's own doing, which Xen sees.
}

void GpeHotplug::reset() {
    state_ = power_on();
    update_sci();
}

Status GpeHotplug::plausible(const State& s) const {
    if (((s.pciu | s.pcid) & ~options_.removable_slots) != 0)
        return fail("saved state: {}: hotplug of a slot that has none", name());
    for (unsigned n = options_.max_cpus; n < kMostCpus; ++n)
        if (bit(s.cpus, n)) return fail("saved state: {}: CPU {} is above maxvcpus", name(), n);
    if (!bit(s.cpus, 0)) return fail("saved state: {}: CPU 0 is offline", name());
    return {};
}

Status GpeHotplug::load(StateReader& in) {
    DM_TRY(load_section(in, name(), state_, [this](const State& s) { return plausible(s); }));
    update_sci();
    return {};
}

} // namespace dm
