#include "dm/devices/acpi/piix4_pm.hpp"

namespace dm {
namespace {

constexpr PciIdentity kIdentity{
    .vendor = 0x8086, .device = 0x7113, .class_code = 0x068000, .revision = 0x03, .interrupt_pin = 1};

constexpr std::array kConfig{
    RegSpec{"PCISTS", 0x06, 2, 0x0280, 0x0000, 0x7900},
    RegSpec{"PMBA", 0x40, 4, 0x00000001, 0x0000ffc0, 0x00000000},
    RegSpec{"CNTA", 0x44, 4, 0x00000000, 0xffffffff, 0x00000000},
    RegSpec{"CNTB", 0x48, 4, 0x00000000, 0xffffffff, 0x00000000},
    RegSpec{"GPICTL", 0x4c, 4, 0x00000000, 0xffffffff, 0x00000000},
    RegSpec{"DEVRESD", 0x50, 4, 0x00000000, 0x00ffffff, 0x00000000},
    RegSpec{"DEVACTA", 0x54, 4, 0x00000000, 0xffffffff, 0x00000000},
    RegSpec{"DEVACTB", 0x58, 4, 0x02000000, 0xffffffff, 0x00000000}, // APMC does not raise an SMI: no SMM
    RegSpec{"DEVRESA", 0x5c, 4, 0x10000000, 0xffffffff, 0x00000000},
    RegSpec{"DEVRESB", 0x60, 4, 0x60000000, 0xffffffff, 0x00000000},
    RegSpec{"DEVRESC", 0x64, 4, 0x00000000, 0xffffffff, 0x00000000},
    RegSpec{"DEVRESE", 0x68, 4, 0x00000000, 0x00ffffff, 0x00000000},
    RegSpec{"DEVRESF", 0x6c, 4, 0x00000000, 0xffffffff, 0x00000000},
    RegSpec{"DEVRESG", 0x70, 4, 0x00000000, 0x00ffffff, 0x00000000},
    RegSpec{"DEVRESH", 0x74, 4, 0x00000000, 0x00ffffff, 0x00000000},
    RegSpec{"DEVRESI", 0x78, 4, 0x00000000, 0xffffffff, 0x00000000},
    RegSpec{"DEVRESJ", 0x7c, 4, 0x00000000, 0x00ffffff, 0x00000000},
    RegSpec{"PMREGMISC", 0x80, 1, 0x00, 0x01, 0x00},
    RegSpec{"SMBBA", 0x90, 4, 0x0000b101, 0x0000fff0, 0x00000000},
    RegSpec{"SMBHSTCFG", 0xd2, 1, 0x00, 0x0e, 0x00},
    RegSpec{"SMBSLVC", 0xd3, 1, 0x00, 0xff, 0x00},
    RegSpec{"SMBSHDW1", 0xd4, 1, 0x00, 0xff, 0x00},
    RegSpec{"SMBSHDW2", 0xd5, 1, 0x00, 0xff, 0x00},
};
static_assert(well_formed(kConfig, 256));

constexpr u8 kPortB378 = 0x80;   // DEVRESA, byte 3
constexpr u8 kSerialA3f8 = 0x08; // DEVRESC, byte 3
constexpr u8 kSerialB2f8 = 0x90;

// The PM block, without what is Xen's. Nothing ever sets a status bit, so those read as 0.
constexpr std::array kPmBlock{
    RegSpec{"PMCNTRL", 0x04, 2, 0x0000, 0x1c03, 0x0000}, // SLP_EN cannot be read back
    RegSpec{"GPEN", 0x0e, 2, 0x0000, 0x0f01, 0x0000},
    RegSpec{"PCNTRL", 0x10, 4, 0x00000000, 0x00023e1e, 0x00000000},
    RegSpec{"GLBEN", 0x20, 2, 0x0000, 0x0f0f, 0x0000},
    RegSpec{"GLBCTL", 0x28, 4, 0x00000000, 0x0700ffff, 0x00000000},
    RegSpec{"DEVCTL", 0x2c, 4, 0x00000000, 0xffffffff, 0x00000000},
    RegSpec{"GPOREG", 0x34, 4, 0x7fffbfff, 0x7fffffff, 0x00000000},
};
static_assert(well_formed(kPmBlock, Piix4Pm::kPmBlockSize));

using PmBytes = std::array<u8, Piix4Pm::kPmBlockSize>;
constexpr PmBytes pm_bytes(u32 RegSpec::*what) {
    PmBytes bytes{};
    for (const RegSpec& reg : kPmBlock)
        for (unsigned i = 0; i < reg.width; ++i)
            bytes[reg.offset + i] = byte_of(reg.*what, i);
    return bytes;
}
constexpr PmBytes kPmReset = pm_bytes(&RegSpec::reset);
constexpr PmBytes kPmWritable = pm_bytes(&RegSpec::writable);

/// SLP_TYP as libacpi's _S5 and _S4 (0), _S3 (1), and QEMU's own tables have it.
enum class SleepType : u8 { SoftOff = 0, SuspendToRam = 1, SuspendToDisk = 2 };

constexpr u8 kAcpiEnable = 0xf1; // as in libacpi's FADT, were there an SMI command port
constexpr u8 kAcpiDisable = 0xf0;

} // namespace

Piix4Pm::Piix4Pm(std::string_view name, PciWiring pci, Wiring wiring, Legacy legacy)
    : PciFunction(name, kIdentity, std::move(pci)), log_(name), wiring_(std::move(wiring)) {
    control_window_ = ports().movable();
    rest_window_ = ports().movable();
    set_registers(kConfig);
    const auto present = [](bool is, u8 bits) { return is ? u32{bits} << 24 : 0; };
    const u32 devresa = 0x10000000 | present(legacy.lpt1, kPortB378);
    const u32 devresc = present(legacy.com1, kSerialA3f8) | present(legacy.com2, kSerialB2f8);
    set_register(DEVRESA, 4, devresa, 0xffffffff);
    set_register(DEVRESC, 4, devresc, 0xffffffff);
    finish_config();
    state_.pm = kPmReset;
}

void Piix4Pm::config_written(unsigned, unsigned) {
    update_window();
}

void Piix4Pm::update_window() {
    const u64 base = config32(PMBA) & 0xffc0;
    const bool enabled = (config8(PMREGMISC) & 1) != 0 && base != 0;
    const std::optional<u64> wanted = enabled ? std::optional(base) : std::nullopt;
    if (wanted == mapped_) return;
    mapped_ = wanted;
    if (!mapped_) {
        control_window_.unmap();
        rest_window_.unmap();
        return;
    }
    control_window_.map({.base = base + PMCNTRL, .length = PMTMR - PMCNTRL, .first_offset = PMCNTRL}, pm_);
    rest_window_.map({.base = base + GPSTS, .length = kPmBlockSize - GPSTS, .first_offset = GPSTS}, pm_);
}

u64 Piix4Pm::read_pm(u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{state_.pm[offset + i]} << (i * 8);
    return value;
}

void Piix4Pm::write_pm(u64 offset, unsigned size, u64 value) {
    u16 control = 0; // what was written of PMCNTRL, with the bits that are not stored
    for (unsigned i = 0; i < size; ++i) {
        const u64 at = offset + i;
        const u8 written = byte_of(value, i);
        u8& byte = state_.pm[at];
        byte = static_cast<u8>((byte & ~kPmWritable[at]) | (written & kPmWritable[at]));
        if (at == PMCNTRL) control = with_byte(control, 0, written);
        if (at == PMCNTRL + 1) control = with_byte(control, 1, written);
    }
    control_written(control);
}

void Piix4Pm::control_written(u16 written) {
    if ((written & static_cast<u16>(PmCntrl::SLP_EN)) == 0) return;
    const unsigned type = (written & static_cast<u16>(PmCntrl::SLP_TYP)) >> 10;
    switch (static_cast<SleepType>(type)) {
    case SleepType::SoftOff:
    case SleepType::SuspendToDisk: wiring_.shutdown(ShutdownReason::PowerOff); return;
    case SleepType::SuspendToRam: state_.asleep = wiring_.sleep(3); return;
    }
    log_.guest("sleep type {} does nothing", type);
}

void Piix4Pm::set_sci_enable(bool on) {
    Bits<PmCntrl> control{static_cast<u16>(state_.pm[PMCNTRL])};
    control.set(PmCntrl::SCI_EN, on);
    state_.pm[PMCNTRL] = byte_of(control.raw(), 0);
}

u64 Piix4Pm::read_apm(u64 offset, unsigned) {
    return offset == APMC ? state_.apmc : state_.apms;
}

void Piix4Pm::write_apm(u64 offset, unsigned, u64 value) {
    if (offset == APMS) {
        state_.apms = static_cast<u8>(value);
        return;
    }
    state_.apmc = static_cast<u8>(value);
    if (state_.apmc == kAcpiEnable) set_sci_enable(true);
    if (state_.apmc == kAcpiDisable) set_sci_enable(false);
}

void Piix4Pm::reset() {
    state_ = {};
    state_.pm = kPmReset;
    reset_config();
    update_window();
}

void Piix4Pm::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), state_);
}

Status Piix4Pm::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& s) -> Status {
        for (unsigned i = 0; i < s.pm.size(); ++i)
            if (((s.pm[i] ^ kPmReset[i]) & ~kPmWritable[i]) != 0)
                return fail("saved state: {}: impossible value {:#04x} in PM register {:#04x}", name(),
                            s.pm[i], i);
        return {};
    }));
    DM_TRY(load_config(in));
    state_ = loaded;
    update_window();
    return {};
}

} // namespace dm
