// Am79C970A: its ports and registers as the guest reads and writes them.
#include "dm/devices/net/pcnet.hpp"

#include <algorithm>

namespace dm {

using namespace pcnet;

namespace {

constexpr u64 kNothing = ~u64{0};

/// The counters number descriptors by negative numbers, the first by that of the ring's length.
constexpr u16 counter(u16 length, u16 index) {
    return static_cast<u16>(index - length);
}

} // namespace

/// Accesses of another width or place than the mode's reach no register.
std::optional<Reg> Pcnet::reg(u64 offset, unsigned size) const {
    const bool dwio = (s_.bcr[BSBC] & kDwio) != 0;
    const unsigned width = dwio ? 4 : 2;
    if (size != width || offset % width != 0) return std::nullopt;
    const u64 number = (offset - kProm) / width;
    if (number > 3) return std::nullopt;
    return static_cast<Reg>(kProm + number * 2);
}

u64 Pcnet::read(u64 offset, unsigned size) {
    if (offset < kProm) return read_prom(offset, size);
    const std::optional<Reg> at = reg(offset, size);
    if (!at) return kNothing;
    switch (*at) {
    case Reg::RDP: return read_csr(s_.rap);
    case Reg::RAP: return s_.rap;
    case Reg::RESET:
        soft_reset();
        derive();
        return 0;
    case Reg::BDP: return read_bcr(s_.rap);
    }
    return kNothing;
}

void Pcnet::write(u64 offset, unsigned size, u64 value) {
    if (offset < kProm) return write_prom(offset, size, value);
    if (offset == kProm && size == 4) { // once, of whatever value; the CSR stays as it is
        if ((s_.bcr[BSBC] & kDwio) == 0) {
            s_.bcr[BSBC] |= kDwio;
            return;
        }
    }
    const std::optional<Reg> at = reg(offset, size);
    if (!at) return;
    switch (*at) {
    case Reg::RDP: write_csr(s_.rap, static_cast<u16>(value)); break;
    case Reg::RAP: s_.rap = value & kRapMask; break;
    case Reg::RESET: break;
    case Reg::BDP: write_bcr(s_.rap, static_cast<u16>(value)); break;
    }
    derive();
}

u64 Pcnet::read_prom(u64 offset, unsigned size) const {
    u64 value = kNothing;
    for (unsigned i = 0; i < size && offset + i < kProm; ++i)
        value = with_byte(value, i, s_.prom[offset + i]);
    return value;
}

void Pcnet::write_prom(u64 offset, unsigned size, u64 value) {
    if ((s_.bcr[MC] & kAPromWe) == 0) return;
    for (unsigned i = 0; i < size && offset + i < kProm; ++i)
        s_.prom[offset + i] = byte_of(value, i);
}

u32 Pcnet::read_csr(unsigned csr) {
    switch (csr) {
    case STATUS: {
        if (InterruptMitigation::looked(s_.mitigation, [this] { return now(); })) derive();
        const bool pending = unmasked() != 0 || other_cause() || system_cause();
        const bool error = (status() & kCsr0Errors) != 0;
        return status() | (pending ? static_cast<u32>(Csr0::INTR) : 0) |
               (error ? static_cast<u32>(Csr0::ERR) : 0);
    }
    case IADRL_ALIAS: return s_.csr[IADRL];
    case IADRH_ALIAS: return s_.csr[IADRH];
    case SWS: return s_.bcr[SWSTYLE];
    case RCVRC: return counter(s_.rx.length, s_.rx.index);
    case XMTRC: return counter(s_.tx.length, s_.tx.index);
    case RCVRL: return counter(s_.rx.length, 0);
    case XMTRL: return counter(s_.tx.length, 0);
    case CHIP_IDL: return kChipId; // all of it in 32 bits
    case CHIP_IDH: return kChipId >> 16;
    default: return s_.csr[csr];
    }
}

void Pcnet::write_csr(unsigned csr, u16 value) {
    switch (csr) {
    case STATUS: write_status(value); break;
    case MASKS: s_.csr[MASKS] = value & csr_bits(MASKS); break;
    case TEST: {
        u16& test = s_.csr[TEST];
        test = static_cast<u16>((test & kCsr4Causes & ~value) | (value & csr_bits(TEST) & ~kCsr4Causes));
        if ((value & static_cast<u16>(Csr4::UINTCMD)) != 0) test |= static_cast<u16>(Csr4::UINT);
        break;
    }
    case EXTENDED: write_extended(value); break;
    case IADRL_ALIAS: write_plain_csr(IADRL, value); break;
    case IADRH_ALIAS: write_plain_csr(IADRH, value); break;
    case SWS: write_bcr(SWSTYLE, value); break;
    default: write_plain_csr(csr, value); break;
    }
    room_may_be_there(); // drivers have filled a ring when they acknowledge, or enable interrupts again
}

/// Rings may be given so, without an initialization block.
void Pcnet::write_plain_csr(unsigned csr, u16 value) {
    if (!writable_now()) return;
    const auto set_length = [value](Ring& ring) {
        const u32 length = 0x10000U - value;
        ring = {.length = static_cast<u16>(std::min<u32>(length, kRingMost))};
    };
    if (is_plain_csr(csr)) s_.csr[csr] = value & csr_bits(csr);
    switch (csr) {
    case BADRL:
    case BADRH: s_.rx.index = 0; break;
    case BADXL:
    case BADXH: s_.tx.index = 0; break;
    case RCVRL: set_length(s_.rx); break;
    case XMTRL: set_length(s_.tx); break;
    default: break;
    }
}

void Pcnet::write_extended(u16 value) {
    const bool before = suspended();
    u16& extended = s_.csr[EXTENDED];
    extended =
        static_cast<u16>((extended & kCsr5Causes & ~value) | (value & csr_bits(EXTENDED) & ~kCsr5Causes));
    if (!before || suspended()) return;
    go_on_sending();
    accept_input();
}

u16 Pcnet::read_bcr(unsigned bcr) const {
    if (bcr >= kBcrs) return 0; // MII and power management of later parts
    const u16 value = s_.bcr[bcr];
    if (bcr < LNKST || bcr > LED3) return value;
    return (value & kLedLink) != 0 && link_up() ? value | kLedOut : value;
}

void Pcnet::write_bcr(unsigned bcr, u16 value) {
    switch (bcr) {
    case SWSTYLE:
        if (writable_now()) s_.bcr[SWSTYLE] = style_register(value);
        break;
    case MSRDA:
    case MSWRA: break; // only drivers of ISA cards know them
    default:
        if (bcr < kBcrs) s_.bcr[bcr] = value & bcr_bits(bcr);
    }
}

} // namespace dm
