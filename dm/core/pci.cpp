#include "dm/core/pci.hpp"

#include "dm/core/bits.hpp"
#include "dm/core/check.hpp"

#include <bit>

namespace dm {
namespace {

constexpr u32 kIoTypeBit = 1;
constexpr u32 kMemoryType = 6;
constexpr u32 kMemory64 = 4; // a function's own register: the BAR behind it has the upper half
constexpr u32 kPrefetchable = 8;
constexpr u32 kRomEnable = 1;
constexpr unsigned kAddressBits = 52; // as many as a processor can have

/// Of the MSI capability, from its offset on.
enum Msi : u8 { MESSAGE_CONTROL = 2, MESSAGE_ADDRESS = 4, MESSAGE_UPPER_ADDRESS = 8, MESSAGE_DATA = 12 };
constexpr unsigned kMsiSize = 14;
constexpr u16 kMsi64Bit = 0x0080;
constexpr u16 kMsiEnable = 0x0001;
constexpr u16 kMsiWritable = 0x0071; // enable, and how many messages it may send

} // namespace

PciFunction::PciFunction(std::string_view name, const PciIdentity& identity, PciWiring wiring)
    : Device(name), wiring_(std::move(wiring)) {
    using enum pci::Command;
    const auto bits = [](auto... c) { return static_cast<u32>((static_cast<u16>(c) | ...)); };
    set_register(pci::VENDOR_ID, 2, identity.vendor, 0);
    set_register(pci::DEVICE_ID, 2, identity.device, 0);
    set_register(pci::COMMAND, 2, 0, bits(IO, MEMORY, MASTER, SERR, INTX_DISABLE));
    set_register(pci::REVISION_ID, 1, identity.revision, 0);
    set_register(pci::CLASS_PROG, 1, identity.class_code & 0xff, 0);
    set_register(pci::CLASS_DEVICE, 2, identity.class_code >> 8, 0);
    set_register(pci::CACHE_LINE_SIZE, 1, 0, 0xff);
    set_register(pci::LATENCY_TIMER, 1, 0, 0xff);
    set_register(pci::HEADER_TYPE, 1, identity.multifunction ? 0x80 : 0x00, 0);
    set_register(pci::SUBSYSTEM_VENDOR_ID, 2, identity.subsystem_vendor, 0);
    set_register(pci::SUBSYSTEM_ID, 2, identity.subsystem, 0);
    set_register(pci::INTERRUPT_LINE, 1, 0, 0xff);
    set_register(pci::INTERRUPT_PIN, 1, identity.interrupt_pin, 0);
}

void PciFunction::set_register(unsigned reg, unsigned size, u32 reset_value, u32 writable, u32 w1c) {
    DM_CHECK(reg + size <= reset_.size());
    for (unsigned i = 0; i < size; ++i) {
        reset_[reg + i] = byte_of(reset_value, i);
        writable_[reg + i] = byte_of(writable, i);
        w1c_[reg + i] = byte_of(w1c, i);
    }
}

void PciFunction::set_registers(std::span<const RegSpec> table) {
    for (const RegSpec& reg : table)
        set_register(reg.offset, reg.width, reg.reset, reg.writable, reg.w1c);
}

void PciFunction::add_bar(unsigned index, const Bar& bar) {
    DM_CHECK(index <= pci::kRomBar && std::has_single_bit(bar.size));
    DM_CHECK((bar.kind == BarKind::Rom) == (index == pci::kRomBar));
    bars_[index] = bar;
    windows_[index] = (bar.kind == BarKind::Io ? wiring_.ports : wiring_.memory).movable();
    const u32 mask = ~static_cast<u32>(bar.size - 1);
    switch (bar.kind) {
    case BarKind::Io: set_register(bar_reg(index), 4, kIoTypeBit, mask & ~u32{3}); break;
    case BarKind::Memory: set_register(bar_reg(index), 4, 0, mask & ~u32{15}); break;
    case BarKind::PrefetchableMemory: set_register(bar_reg(index), 4, kPrefetchable, mask & ~u32{15}); break;
    case BarKind::Rom: set_register(bar_reg(index), 4, 0, (mask & ~u32{0x7ff}) | kRomEnable); break;
    case BarKind::None: DM_CHECK(false); break;
    }
}

u32 PciFunction::config_read(unsigned reg, unsigned size) const {
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) {
        const bool inside = reg < config_.bytes.size() && reg + i < config_.bytes.size();
        value |= u32{inside ? config_.bytes[reg + i] : u8{0xff}} << (i * 8);
    }
    return value;
}

void PciFunction::config_write(unsigned reg, unsigned size, u32 value) {
    if (reg >= config_.bytes.size() || size > config_.bytes.size() - reg) return;
    for (unsigned i = 0; i < size; ++i) {
        u8& byte = config_.bytes[reg + i];
        const u8 written = byte_of(value, i);
        byte = static_cast<u8>((byte & ~writable_[reg + i]) | (written & writable_[reg + i]));
        byte = static_cast<u8>(byte & ~(written & w1c_[reg + i]));
    }
    const auto touches = [&](unsigned first, unsigned length) {
        return reg < first + length && first < reg + size;
    };
    if (touches(pci::COMMAND, 2) || touches(pci::BAR0, 24) || touches(pci::ROM_ADDRESS, 4)) update_windows();
    if (touches(pci::COMMAND, 2) || (msi_ != 0 && touches(msi_, kMsiSize))) update_intx();
    config_written(reg, size);
}

void PciFunction::config_written(unsigned, unsigned) {}
void PciFunction::bar_moved(unsigned, std::optional<u64>) {}

std::optional<u64> PciFunction::decode(unsigned index) const {
    const Bar& bar = bars_[index];
    const u32 raw = config32(bar_reg(index));
    u64 base = raw & ~(bar.size - 1);
    u64 last = (u64{1} << 32) - bar.size;
    switch (bar.kind) {
    case BarKind::None: return std::nullopt;
    case BarKind::Io:
        if (!command(pci::Command::IO) || base == 0 || base + bar.size > 0x10000) return std::nullopt;
        return base;
    case BarKind::Rom:
        if ((raw & kRomEnable) == 0) return std::nullopt;
        [[fallthrough]];
    case BarKind::Memory:
    case BarKind::PrefetchableMemory:
        if (bar.kind != BarKind::Rom && (raw & kMemoryType) == kMemory64) {
            base |= u64{config32(bar_reg(index + 1))} << 32;
            last = (u64{1} << kAddressBits) - bar.size;
        }
        if (!command(pci::Command::MEMORY) || base == 0 || base > last) return std::nullopt;
        return base;
    }
    return std::nullopt;
}

std::optional<u64> PciFunction::bar_address(unsigned index) const {
    return decoded_[index];
}

void PciFunction::update_windows() {
    for (unsigned index = 0; index < bars_.size(); ++index) {
        const std::optional<u64> now = decode(index);
        if (now == decoded_[index]) continue;
        decoded_[index] = now;
        const Bar& bar = bars_[index];
        if (!now)
            windows_[index].unmap();
        else if (bar.handler != nullptr)
            windows_[index].map({.base = *now, .length = bar.size, .max_width = bar.max_width}, *bar.handler);
        bar_moved(index, now);
    }
}

bool PciFunction::add_msi(unsigned offset, u8 next) {
    if (wiring_.msi == nullptr) return false;
    msi_ = offset;
    set_register(offset, 1, pci::kMsiCapability, 0);
    set_register(offset + 1, 1, next, 0);
    set_register(offset + MESSAGE_CONTROL, 2, kMsi64Bit, kMsiWritable);
    set_register(offset + MESSAGE_ADDRESS, 4, 0, ~3U);
    set_register(offset + MESSAGE_UPPER_ADDRESS, 4, 0, ~0U);
    set_register(offset + MESSAGE_DATA, 2, 0, 0xffff);
    return true;
}

bool PciFunction::msi_enabled() const {
    return msi_ != 0 && (config16(msi_ + MESSAGE_CONTROL) & kMsiEnable) != 0;
}

void PciFunction::set_intx(bool level) {
    const bool rises = level && !intx_level_;
    resume_intx(level);
    if (rises) send_msi();
}

void PciFunction::resume_intx(bool level) {
    intx_level_ = level;
    update_intx();
}

void PciFunction::update_intx() {
    wiring_.intx.set(intx_level_ && !command(pci::Command::INTX_DISABLE) && !msi_enabled());
}

void PciFunction::send_msi() {
    if (!msi_enabled() || !command(pci::Command::MASTER)) return;
    const u64 addr = config32(msi_ + MESSAGE_ADDRESS) | u64{config32(msi_ + MESSAGE_UPPER_ADDRESS)} << 32;
    wiring_.msi->send_msi(addr, config16(msi_ + MESSAGE_DATA));
}

void PciFunction::wake_reset() {
    const PciConfig before = config_;
    reset();
    config_ = before;
    update_windows();
    update_intx();
    config_written(0, static_cast<unsigned>(config_.bytes.size()));
}

void PciFunction::reset_config() {
    config_.bytes = reset_;
    update_windows();
    update_intx();
}

/// The expansion ROM is a file of this host, and may be larger, smaller or missing where the guest was saved:
/// what its BAR says is made to fit ours.
Status PciFunction::load_config(StateReader& in) {
    const auto of_rom = [](unsigned i) { return i / 4 == pci::ROM_ADDRESS / 4; };
    const auto valid = [&](const PciConfig& loaded) -> Status {
        for (unsigned i = 0; i < loaded.bytes.size(); ++i) {
            if (of_rom(i)) continue;
            // Bits that nobody can change must be what this device has: identity, BAR types, reserved bits.
            const u8 changeable = device_owned_[i] ? u8{0xff} : static_cast<u8>(writable_[i] | w1c_[i]);
            if (((loaded.bytes[i] ^ reset_[i]) & ~changeable) != 0)
                return fail(
                    "saved state: {}: config byte {:#04x} is {:#04x} instead of {:#04x}: another device?",
                    name(), i, loaded.bytes[i], reset_[i]);
        }
        return {};
    };
    DM_TRY(load_section(in, name() + "/pci", config_, valid));
    for (unsigned i = pci::ROM_ADDRESS; of_rom(i); ++i)
        config_.bytes[i] &= writable_[i];
    update_windows();
    update_intx();
    return {};
}

bool PciBus::attach(Bdf bdf, PciFunction& function) {
    if (bdf.bus != 0 || functions_[bdf.devfn()] != nullptr) return false;
    functions_[bdf.devfn()] = &function;
    if (sink_ != nullptr) sink_->add_function(bdf);
    return true;
}

void PciBus::detach(Bdf bdf) {
    if (at(bdf) == nullptr) return;
    functions_[bdf.devfn()] = nullptr;
    if (sink_ != nullptr) sink_->remove_function(bdf);
}

std::optional<u8> PciBus::free_device(u8 from) const {
    for (u8 dev = from; dev < 32; ++dev) {
        bool used = false;
        for (u8 fn = 0; fn < 8; ++fn)
            used = used || at({0, dev, fn}) != nullptr;
        if (!used) return dev;
    }
    return std::nullopt;
}

u32 PciBus::config_read(Bdf bdf, unsigned reg, unsigned size) const {
    const PciFunction* function = at(bdf);
    return function != nullptr ? function->config_read(reg, size) : static_cast<u32>(ones(size));
}

void PciBus::config_write(Bdf bdf, unsigned reg, unsigned size, u32 value) {
    if (PciFunction* function = at(bdf)) function->config_write(reg, size, value);
}

void PciBus::set_function_sink(PciFunctionSink* sink) {
    sink_ = sink;
    if (sink_ == nullptr) return;
    for (u8 dev = 0; dev < 32; ++dev)
        for (u8 fn = 0; fn < 8; ++fn)
            if (at({0, dev, fn}) != nullptr) sink_->add_function({0, dev, fn});
}

} // namespace dm
