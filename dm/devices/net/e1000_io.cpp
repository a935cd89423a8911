// Register accesses of an 82540EM. All registers have 32 bits; a narrower access reads its part of one and
// writes zeros into the others'.
#include "dm/devices/net/e1000.hpp"

#include <utility>

namespace dm {

using namespace e1000;

namespace {

constexpr u64 kIoAddr = 0; // in BAR1
constexpr u64 kIoData = 4;
constexpr u32 kRegisterBits = 0x1'fffc; // of IOADDR

/// Place in a table of registers, if the offset lies in it.
template <std::size_t N>
std::optional<std::size_t> place_in(const std::array<u32, N>&, u32 offset, u32 base) {
    if (offset < base || offset >= base + 4 * N) return std::nullopt;
    return (offset - base) / 4;
}

} // namespace

u64 E1000::read_memory(u64 offset, unsigned) {
    const unsigned shift = offset % 4 * 8;
    const u32 value = read_register(static_cast<u32>(offset - offset % 4));
    sync();
    return value >> shift;
}

void E1000::write_memory(u64 offset, unsigned, u64 value) {
    const unsigned shift = offset % 4 * 8;
    write_register(static_cast<u32>(offset - offset % 4), static_cast<u32>(value << shift));
}

u64 E1000::read_ports(u64 offset, unsigned size) {
    if (offset / 4 * 4 == kIoAddr) return s_.ioaddr >> (offset % 4 * 8);
    if (offset / 4 * 4 != kIoData || s_.ioaddr >= kRegistersLength) return 0;
    return read_memory((s_.ioaddr & kRegisterBits) + offset % 4, size);
}

void E1000::write_ports(u64 offset, unsigned size, u64 value) {
    if (offset == kIoAddr)
        s_.ioaddr = static_cast<u32>(value);
    else if (offset / 4 * 4 == kIoData && s_.ioaddr < kRegistersLength)
        write_memory((s_.ioaddr & kRegisterBits) + offset % 4, size, value);
}

u32 E1000::read_register(u32 offset) {
    if (const auto special = read_special(static_cast<Reg>(offset))) return *special;
    if (const std::size_t place = place_of(offset); place < kRegisters.size()) return s_.regs[place];
    if (const auto place = place_in(s_.stats, offset, kStatistics)) return read_and_clear(s_.stats, *place);
    if (const auto place = place_in(s_.mta, offset, kMta)) return s_.mta[*place];
    if (const auto place = place_in(s_.ra, offset, kRa)) return s_.ra[*place];
    if (const auto place = place_in(s_.vfta, offset, kVfta)) return s_.vfta[*place];
    return 0;
}

/// Those that do not simply hold what was written.
std::optional<u32> E1000::read_special(Reg reg) {
    switch (reg) {
    case Reg::STATUS: return kStatus | (s_.link ? kStatusLinkUp : 0);
    case Reg::EECD: return read_eecd(s_.eecd, s_.eeprom);
    case Reg::EERD: return s_.eerd;
    case Reg::MDIC: return s_.mdic;
    case Reg::ICR:
        InterruptMitigation::looked(s_.mitigation, [this] { return timers_.now_ns(); });
        return std::exchange(s_.icr, 0);
    case Reg::ICS: return s_.icr; // VxWorks reads it
    case Reg::IMS: return s_.ims;
    case Reg::IMC: return 0;
    case Reg::CTRL:
    case Reg::VET:
    case Reg::ITR:
    case Reg::RCTL:
    case Reg::TCTL:
    case Reg::RDBAL:
    case Reg::RDBAH:
    case Reg::RDLEN:
    case Reg::RDH:
    case Reg::RDT:
    case Reg::RDTR:
    case Reg::RXDCTL:
    case Reg::RADV:
    case Reg::RSRPD:
    case Reg::TDBAL:
    case Reg::TDBAH:
    case Reg::TDLEN:
    case Reg::TDH:
    case Reg::TDT:
    case Reg::TIDV:
    case Reg::TXDCTL:
    case Reg::TADV:
    case Reg::RXCSUM: break;
    }
    return std::nullopt;
}

void E1000::write_register(u32 offset, u32 value) {
    bool asks_for_frames = false;
    const auto reg = static_cast<Reg>(offset);
    if (const std::size_t place = place_of(offset); place < kRegisters.size()) {
        const RegSpec& spec = kRegisters[place];
        const u32 before = s_.regs[place];
        s_.regs[place] = ((before & ~spec.writable) | (value & spec.writable)) & ~(value & spec.w1c);
        written(reg, before, value);
        asks_for_frames = reg == Reg::RDT || reg == Reg::RCTL || reg == Reg::RDH || reg == Reg::RDLEN;
    } else if (const auto mta = place_in(s_.mta, offset, kMta)) {
        s_.mta[*mta] = value;
    } else if (const auto ra = place_in(s_.ra, offset, kRa)) {
        s_.ra[*ra] = *ra % 2 == 0 ? value : value & kRahWritable;
    } else if (const auto vfta = place_in(s_.vfta, offset, kVfta)) {
        s_.vfta[*vfta] = value;
    } else {
        write_special(reg, value);
        asks_for_frames = reg == Reg::MDIC; // the PHY may have its link again, or no loopback any more
    }
    sync();
    if (asks_for_frames) invite();
}

void E1000::write_special(Reg reg, u32 value) {
    switch (reg) {
    case Reg::EECD: s_.eecd = write_eecd(value, s_.eeprom); break;
    case Reg::EERD: s_.eerd = eerd_after(value, s_.eeprom.words); break;
    case Reg::MDIC: write_mdic(value); break;
    case Reg::ICR: s_.icr &= ~value; break;
    case Reg::ICS: s_.icr |= value & kCauses; break;
    case Reg::IMS: s_.ims |= value & kCauses; break;
    case Reg::IMC: s_.ims &= ~value; break;
    case Reg::STATUS:
    case Reg::CTRL:
    case Reg::VET:
    case Reg::ITR:
    case Reg::RCTL:
    case Reg::TCTL:
    case Reg::RDBAL:
    case Reg::RDBAH:
    case Reg::RDLEN:
    case Reg::RDH:
    case Reg::RDT:
    case Reg::RDTR:
    case Reg::RXDCTL:
    case Reg::RADV:
    case Reg::RSRPD:
    case Reg::TDBAL:
    case Reg::TDBAH:
    case Reg::TDLEN:
    case Reg::TDH:
    case Reg::TDT:
    case Reg::TIDV:
    case Reg::TXDCTL:
    case Reg::TADV:
    case Reg::RXCSUM: break;
    }
}

/// What follows when a register got a new value.
void E1000::written(Reg reg, u32 before, u32 value) {
    switch (reg) {
    case Reg::CTRL: write_ctrl(value); break;
    case Reg::RCTL: write_rctl(before); break;
    case Reg::TCTL:
        if (!Bits<Tctl>{get<Reg::TCTL>()}.has(Tctl::EN)) s_.send_at.reset();
        kick();
        break;
    case Reg::TDT: kick(); break;
    case Reg::RDTR:
        if ((value & kRdtrFlush) != 0) end_receive_delay();
        break;
    case Reg::TIDV:
        if ((value & kRdtrFlush) != 0) end_send_delay();
        break;
    case Reg::STATUS:
    case Reg::EECD:
    case Reg::EERD:
    case Reg::MDIC:
    case Reg::VET:
    case Reg::ICR:
    case Reg::ITR:
    case Reg::ICS:
    case Reg::IMS:
    case Reg::IMC:
    case Reg::RDBAL:
    case Reg::RDBAH:
    case Reg::RDLEN:
    case Reg::RDH:
    case Reg::RDT:
    case Reg::RXDCTL:
    case Reg::RADV:
    case Reg::RSRPD:
    case Reg::TDBAL:
    case Reg::TDBAH:
    case Reg::TDLEN:
    case Reg::TDH:
    case Reg::TXDCTL:
    case Reg::TADV:
    case Reg::RXCSUM: break;
    }
}

void E1000::write_ctrl(u32 value) {
    const Bits<Ctrl> written{value};
    if (written.has(Ctrl::RST)) soft_reset();
    if (written.has(Ctrl::PHY_RST)) s_.phy.restart(timers_.now_ns());
}

void E1000::write_rctl(u32 before) {
    const bool was_on = Bits<Rctl>{before}.has(Rctl::EN);
    const bool is_on = Bits<Rctl>{get<Reg::RCTL>()}.has(Rctl::EN);
    if (is_on && !was_on) s_.settled_at = timers_.now_ns() + kSettle;
    if (!is_on) {
        s_.settled_at.reset();
        s_.rx_delay_at.reset();
        s_.rx_absolute_at.reset();
    }
}

void E1000::write_mdic(u32 value) {
    const Bits<Mdic> written{value};
    const auto reg = static_cast<PhyReg>(value >> kMdicReg & 0x1f);
    Bits<Mdic> answer{value & kMdicWritable & ~static_cast<u32>(Mdic::E)};
    answer.set(Mdic::READY);
    if ((value >> kMdicPhy & 0x1f) != kPhyAddress) {
        answer.set(Mdic::E);
    } else if (written.has(Mdic::READ)) {
        const u16 data = s_.phy.read(reg, link_up(), chip_);
        answer = Bits<Mdic>{(answer.raw() & 0xffff'0000) | data};
    } else if (written.has(Mdic::WRITE)) {
        s_.phy.write(reg, static_cast<u16>(value), timers_.now_ns());
    }
    s_.mdic = answer.raw();
    if (written.has(Mdic::I)) raise(Cause::MDAC);
}

} // namespace dm
