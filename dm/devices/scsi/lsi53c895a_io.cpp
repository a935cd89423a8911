// LSI53C895A: registers as the host, or a script, reads and writes them.
#include "dm/core/bits.hpp"
#include "dm/devices/scsi/lsi53c895a.hpp"

#include <algorithm>
#include <bit>

namespace dm {

using namespace lsi;

namespace {

constexpr unsigned kMemoryBar = 1;
constexpr unsigned kRamBar = 2;

/// Reads `reg` as a part of a register that is an address.
u8 address_byte(std::optional<u64> address, unsigned index) {
    return byte_of(address.value_or(0), index);
}

} // namespace

u64 Lsi53c895a::read(u64 offset, unsigned size) {
    const auto reg = static_cast<unsigned>(offset % kRegisters);
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{peek((reg + i) % kRegisters)} << (8 * i);
    read_effects(reg, size);
    derive();
    return value;
}

void Lsi53c895a::write(u64 offset, unsigned size, u64 value) {
    const auto reg = static_cast<unsigned>(offset % kRegisters);
    for (unsigned i = 0; i < size; ++i)
        write_register((reg + i) % kRegisters, byte_of(value, i));
    go_on();
    derive();
}

/// What reading gives, without its effects.
u8 Lsi53c895a::peek(unsigned reg) const {
    const u8 stored = s_.regs.get8(reg);
    const auto with = [&](unsigned bits, bool on) { return static_cast<u8>(on ? stored | bits : stored); };
    switch (reg) {
    case SCNTL1: return with(scntl1::CON, bus_.connected());
    case GPREG0: return static_cast<u8>(stored | (s_.regs.get8(GPCNTL0) & 0x1f)); // nothing pulls inputs down
    case SBCL: return bus_lines();
    case DSTAT: return s_.causes.dstat | dstat::DFE;
    case SSTAT0: return with(sstat0::RST, s_.regs.has(SCNTL1, scntl1::RST));
    case SSTAT1: return bus_.phase() ? static_cast<u8>(*bus_.phase()) : s_.phase;
    case SSTAT2: return bus_.connected() ? u8{0} : sstat2::LDSC;
    case ISTAT0: {
        unsigned value = stored & ~(istat0::CON | istat0::SIP | istat0::DIP | istat0::SRST);
        if (bus_.connected()) value |= istat0::CON;
        if (scsi_pending()) value |= istat0::SIP;
        if (s_.causes.dstat != 0) value |= istat0::DIP;
        return static_cast<u8>(value);
    }
    case ISTAT1: return with(istat1::SRUN, s_.running);
    case CTEST2:
        return with(ctest2::DACK | ctest2::CM | (s_.regs.has(ISTAT0, istat0::SIGP) ? ctest2::SIGP : 0U),
                    true);
    case SIST0: return s_.causes.sist0;
    case SIST1: return s_.causes.sist1;
    case SBDL: return bus_.phase() == scsi::Phase::MessageIn ? bus_.next_message() : u8{0};
    }
    if (s_.regs.has(CTEST2, ctest2::PCICIE)) {
        if (reg - SCRATCHA < 4) return address_byte(bar_address(kMemoryBar), reg - SCRATCHA);
        if (reg - SCRATCHB < 4) return address_byte(bar_address(kRamBar), reg - SCRATCHB);
    }
    return stored;
}

u8 Lsi53c895a::bus_lines() const {
    if (!bus_.connected()) return 0;
    const auto phase = bus_.phase();
    unsigned value = lines::BSY | (s_.regs.get8(SOCL) & lines::ATN);
    if (s_.acknowledge) value |= lines::ACK;
    if (phase) value |= lines::REQ | static_cast<u8>(*phase);
    return static_cast<u8>(value);
}

void Lsi53c895a::read_effects(unsigned reg, unsigned size) {
    const auto touches = [&](unsigned which) { return which >= reg && which < reg + size; };
    if (touches(CTEST2)) s_.regs.set(ISTAT0, istat0::SIGP, false);
    if (!touches(DSTAT) && !touches(SIST0) && !touches(SIST1)) return;
    if (touches(DSTAT)) s_.causes.dstat = 0;
    if (touches(SIST0)) s_.causes.sist0 = 0;
    if (touches(SIST1)) s_.causes.sist1 = 0;
    unstack();
    go_on(); // a reselection may have waited for its interrupt
}

void Lsi53c895a::write_register(unsigned reg, u8 value) {
    const u8 before = s_.regs.get8(reg);
    const u8 mask = kWritableBits.get8(reg);
    s_.regs.set8(reg, static_cast<u8>((before & ~mask) | (value & mask)));
    switch (reg) {
    case SCNTL1: write_scntl1(before); break;
    case SOCL:
        if ((value & lines::ATN) != 0 && (before & lines::ATN) == 0) bus_.attention();
        break;
    case ISTAT0: write_istat0(value); break;
    case DSP + 3:
        if (!s_.regs.has(DMODE, dmode::MAN)) start();
        break;
    case DCNTL:
        if ((value & dcntl::STD) != 0) start();
        break;
    case STIME1: start_general_timer(); break;
    }
}

void Lsi53c895a::write_scntl1(u8 before) {
    const bool asserted = s_.regs.has(SCNTL1, scntl1::RST) && (before & scntl1::RST) == 0;
    if (!asserted) return;
    bus_.reset();
    s_.nobody = false;
    s_.regs.set(SOCL, lines::ATN, false);
    raise_scsi(sist0::RST, 0);
}

/// The only register that is for the host while a script runs.
void Lsi53c895a::write_istat0(u8 value) {
    if ((value & istat0::SRST) != 0) return soft_reset();
    if ((value & istat0::INTF) != 0) s_.regs.set(ISTAT0, istat0::INTF, false);
    if ((value & istat0::ABRT) != 0) raise_dma(dstat::ABRT);
    if ((value & istat0::SIGP) != 0 && s_.wait == Wait::Reselection) {
        s_.wait = Wait::None;
        s_.regs.set32(DSP, s_.regs.get32(DNAD));
    }
}

/// 125 us, doubled with each step, with a clock of 40 MHz.
void Lsi53c895a::start_general_timer() {
    constexpr u8 kScale = 0x20;
    const u8 value = s_.regs.get8(STIME1);
    const unsigned steps = (value & 0x0f) + ((value & kScale) != 0 ? 4U : 0U);
    s_.general_at.reset();
    if ((value & 0x0f) != 0) s_.general_at = timers_.now_ns() + (125 * kMicrosecond << steps);
}

u64 Lsi53c895a::Ram::read(u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size && offset + i < kRamSize; ++i)
        value |= u64{chip.s_.ram[offset + i]} << (8 * i);
    return value;
}

void Lsi53c895a::Ram::write(u64 offset, unsigned size, u64 value) {
    for (unsigned i = 0; i < size && offset + i < kRamSize; ++i)
        chip.s_.ram[offset + i] = byte_of(value, i);
}

void Lsi53c895a::Ram::read_span(u64 offset, unsigned, std::span<u8> bytes) {
    const auto at = std::min<u64>(offset, kRamSize);
    std::copy_n(chip.s_.ram.begin() + at, std::min<u64>(bytes.size(), kRamSize - at), bytes.begin());
}

void Lsi53c895a::Ram::write_span(u64 offset, unsigned, std::span<const u8> bytes) {
    const auto at = std::min<u64>(offset, kRamSize);
    std::copy_n(bytes.begin(), std::min<u64>(bytes.size(), kRamSize - at), chip.s_.ram.begin() + at);
}

} // namespace dm
