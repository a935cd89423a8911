#include "dm/devices/xen_platform/xen_platform.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr PciIdentity kIdentity{.vendor = 0x5853,
                                .device = 0x0001,
                                .class_code = 0xff8000,
                                .revision = 0x01,
                                .subsystem_vendor = 0x5853, // drivers for Windows bind to these
                                .subsystem = 0x0001,
                                .interrupt_pin = 1};

constexpr u16 kCommandAtPowerOn = static_cast<u16>(pci::Command::IO) | static_cast<u16>(pci::Command::MEMORY);
constexpr u16 kCommandWritable = 0x0507;

constexpr u16 kFlagBits = static_cast<u16>(XenPlatform::Flag::ROM_LOCK);
constexpr u16 kUnplugBits = 0x000f;

} // namespace

void XenPlatform::EmptyMemory::read_span(u64, unsigned, std::span<u8> bytes) {
    std::ranges::fill(bytes, u8{0});
}

XenPlatform::XenPlatform(std::string_view name, PciWiring wiring, UnplugHandler& unplug,
                         std::function<void(bool locked)> lock_roms)
    : PciFunction(name, kIdentity, std::move(wiring)), log_(name), unplug_(unplug),
      lock_roms_(std::move(lock_roms)) {
    set_register(pci::COMMAND, 2, kCommandAtPowerOn, kCommandWritable);
    add_bar(0, {.kind = BarKind::Io, .size = 0x100, .handler = &bar0_, .max_width = 1});
    add_bar(1, {.kind = BarKind::PrefetchableMemory, .size = kMemorySize, .handler = &bar1_, .max_width = 8});
    finish_config();
}

u64 XenPlatform::read_fixed(u64 offset, unsigned size) {
    if (offset == UNPLUG && size == 1) return state_.flags.raw();
    if (offset == UNPLUG && size == 2) return state_.refused ? kMagicRefused : kMagic;
    if (offset == PROTOCOL && size == 1) return kProtocolVersion;
    return ones(size);
}

void XenPlatform::write_fixed(u64 offset, unsigned size, u64 value) {
    if (offset == UNPLUG) {
        if (size == 1) set_flags(static_cast<u8>(value));
        if (size == 2) unplug_requested(Bits<Unplug>{static_cast<u16>(value)});
        if (size == 4) drivers_come(static_cast<u32>(value));
    }
    if (offset == PROTOCOL) {
        if (size == 1) log_byte(static_cast<u8>(value));
        if (size == 2) state_.product = static_cast<u16>(value);
    }
}

void XenPlatform::drivers_come(u32 build) {
    state_.build = build;
    state_.refused = unplug_.drivers_refused(state_.product, build);
    log_.guest("PV drivers of product {}, build {}{}", state_.product, build,
               state_.refused ? " are black-listed in xenstore, and are told so" : "");
}

u64 XenPlatform::read_bar0(u64 offset, unsigned size) {
    return offset == FLAGS ? state_.flags.raw() : ones(size);
}

void XenPlatform::write_bar0(u64 offset, unsigned, u64 value) {
    constexpr u64 kDisks = 1;
    constexpr u64 kNics = 2;
    if (offset == FLAGS) set_flags(static_cast<u8>(value));
    if (offset == UNPLUG_ALL && value == 1) unplug_requested(Bits<Unplug>{Unplug::Disks} | Unplug::Nics);
    if (offset == UNPLUG_SOME) {
        if (value == kDisks)
            unplug_requested(Unplug::Disks);
        else if (value == kNics)
            unplug_requested(Unplug::Nics);
        else
            log_byte(static_cast<u8>(value));
    }
}

void XenPlatform::set_flags(u8 value) {
    state_.flags = Bits<Flag>{static_cast<u8>(value & kFlagBits)};
    update_rom_lock();
}

void XenPlatform::update_rom_lock() {
    const bool locked = state_.flags.has(Flag::ROM_LOCK);
    if (locked == roms_locked_) return;
    roms_locked_ = locked;
    lock_roms_(locked);
}

void XenPlatform::unplug_requested(Bits<Unplug> mask) {
    if (mask.has(Unplug::Disks) || state_.unplugged.has(Unplug::Disks)) mask.clear(Unplug::AuxiliaryDisks);
    unplug(mask);
}

void XenPlatform::unplug(Bits<Unplug> mask) {
    const auto now = [&](Unplug what) {
        const bool first = mask.has(what) && !state_.unplugged.has(what);
        if (first) state_.unplugged.set(what);
        return first;
    };
    if (now(Unplug::AuxiliaryDisks)) {
        log_.info("the guest's PV drivers take the emulated disks away, all but the first");
        unplug_.unplug_disks(UnplugDisks::Auxiliary);
    }
    if (now(Unplug::Disks)) {
        log_.info("the guest's PV drivers take the emulated disks away");
        unplug_.unplug_disks(UnplugDisks::All);
    }
    if (now(Unplug::Nics)) {
        log_.info("the guest's PV drivers take the emulated NICs away");
        unplug_.unplug_nics();
    }
    if (now(Unplug::Nvme)) unplug_.unplug_nvme();
}

void XenPlatform::log_byte(u8 byte) {
    if (byte == '\n') {
        end_line();
        return;
    }
    if (byte == '\r') return;
    // Anything else than ASCII could be a terminal's control sequence.
    state_.line.push(byte >= 0x20 && byte < 0x7f ? byte : u8{'?'});
    if (state_.line.full()) end_line();
}

void XenPlatform::end_line() {
    std::string text;
    while (!state_.line.empty())
        text += static_cast<char>(state_.line.pop());
    if (!text.empty()) log_.guest("{}", text);
}

void XenPlatform::reset() {
    state_ = {};
    reset_config();
    update_rom_lock();
}

void XenPlatform::wake_reset() {
    set_flags(0);
}

void XenPlatform::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), state_);
}

Status XenPlatform::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& s) -> Status {
        if ((s.flags.raw() & ~kFlagBits) != 0 || (s.unplugged.raw() & ~kUnplugBits) != 0)
            return fail("saved state: {}: unknown flags", name());
        if (s.line.full()) return fail("saved state: {}: a log line without end", name());
        return {};
    }));
    DM_TRY(load_config(in));
    const Bits<Unplug> gone = loaded.unplugged;
    loaded.unplugged = state_.unplugged;
    state_ = loaded;
    unplug(gone);
    update_rom_lock();
    return {};
}

} // namespace dm
