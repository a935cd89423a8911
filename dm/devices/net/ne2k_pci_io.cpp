// RTL8029AS: its registers as the guest reads and writes them, in four pages.
#include "dm/devices/net/ne2k_pci.hpp"

namespace dm {

using namespace ne2k_pci;

namespace {

/// Which register a place is in the page that CR tells; arrays by their first one.
struct Place {
    u8 reg;
    u8 index = 0;
};
constexpr Place place_of(u8 cr, unsigned offset) {
    const auto reg = static_cast<u8>((cr & kCrPage) >> 2 | offset);
    constexpr auto kPar = static_cast<u8>(In::PAR0);
    constexpr auto kCurr = static_cast<u8>(In::CURR);
    constexpr auto kMar = static_cast<u8>(In::MAR0);
    if (reg >= kPar && reg < kCurr) return {kPar, static_cast<u8>(reg - kPar)};
    if (reg >= kMar && reg < kMar + 8) return {kMar, static_cast<u8>(reg - kMar)};
    return {reg};
}

constexpr u8 low(u16 value) {
    return static_cast<u8>(value);
}
constexpr u8 high(u16 value) {
    return static_cast<u8>(value >> 8);
}
constexpr u8 locked(u8 old, u8 value, u8 writable) {
    return static_cast<u8>((old & ~writable) | (value & writable));
}

} // namespace

/// The registers are bytes: what is wider is several accesses.
u64 Ne2kPci::read(u64 offset, unsigned size) {
    u64 value = 0;
    if (offset >= kDataPort && offset < kResetPort) {
        value = read_data(size);
    } else {
        for (unsigned i = 0; i < size; ++i)
            value |= u64{read_byte(static_cast<unsigned>(offset) + i)} << (i * 8);
    }
    derive();
    return value;
}

void Ne2kPci::write(u64 offset, unsigned size, u64 value) {
    if (offset >= kDataPort && offset < kResetPort) {
        write_data(size, value);
    } else {
        for (unsigned i = 0; i < size; ++i)
            write_byte(static_cast<unsigned>(offset) + i, byte_of(value, i));
    }
    derive();
}

u8 Ne2kPci::read_byte(unsigned offset) {
    if (offset == kCr) return s_.cr.raw();
    if (offset < kDataPort) {
        const Place place = place_of(s_.cr.raw(), offset);
        return read_register(static_cast<In>(place.reg), place.index);
    }
    if (offset < kResetPort) return static_cast<u8>(read_data(1));
    if (offset >= kEnd) return 0xff;
    soft_reset();
    return 0;
}

/// A write of the reset port ends the reset on an NE2000; here it ends by itself.
void Ne2kPci::write_byte(unsigned offset, u8 value) {
    if (offset == kCr) {
        write_cr(value);
    } else if (offset < kDataPort) {
        const Place place = place_of(s_.cr.raw(), offset);
        write_register(static_cast<Out>(place.reg), place.index, value);
    } else if (offset < kResetPort) {
        write_data(1, value);
    } else {
        return;
    }
    room_may_be_there();
}

u8 Ne2kPci::read_register(In reg, unsigned index) {
    switch (reg) {
    case In::CLDA0: return 0;
    case In::CLDA1: return s_.curr;
    case In::BNRY: return s_.bnry;
    case In::TSR: return s_.tsr | kTsrAlways;
    case In::ISR: return s_.isr.raw();
    case In::CRDA0: return low(s_.crda);
    case In::CRDA1: return high(s_.crda);
    case In::ID0: return kId0;
    case In::ID1: return kId1;
    case In::RSR: return s_.rsr | (s_.rcr.has(Rcr::MON) ? static_cast<u8>(Rsr::DIS) : u8{0});
    case In::CNTR2: return std::exchange(s_.cntr2, u8{0});
    case In::PAR0: return s_.par[index];
    case In::CURR: return s_.curr;
    case In::MAR0: return s_.mar[index];
    case In::PSTART: return s_.pstart;
    case In::PSTOP: return s_.pstop;
    case In::TPSR: return s_.tpsr;
    case In::RCR: return s_.rcr.raw() | static_cast<u8>(~kRcrWritable);
    case In::TCR: return s_.tcr.raw() | static_cast<u8>(~kTcrWritable);
    case In::DCR: return s_.dcr.raw() | static_cast<u8>(~kDcrWritable);
    case In::IMR: return s_.imr | static_cast<u8>(~kImrWritable);
    case In::CR9346: return s_.cr9346 | kEedo; // nothing pulls the wire down
    case In::CONFIG2: return s_.config2;
    case In::CONFIG3: return s_.config3;
    case In::ASID0: return kAsid0;
    case In::ASID1: return kAsid1;
    case In::FIFO: {
        if (loopback() == 0) return 0;
        const u8 byte = s_.fifo[s_.fifo_at];
        s_.fifo_at = static_cast<u8>((s_.fifo_at + 1) % s_.fifo.size());
        return byte;
    }
    case In::NCR:   // nothing collides
    case In::CNTR0: // or arrives damaged
    case In::CNTR1:
    case In::CONFIG0: return 0; // not BNC
    }
    return 0;
}

void Ne2kPci::write_register(Out reg, unsigned index, u8 value) {
    const auto set_low = [value](u16& pair) { pair = with_byte(pair, 0, value); };
    const auto set_high = [value](u16& pair) { pair = with_byte(pair, 1, value); };
    switch (reg) {
    case Out::PSTART: s_.pstart = value; break;
    case Out::PSTOP: s_.pstop = value; break;
    case Out::BNRY: s_.bnry = value; break;
    case Out::TPSR: s_.tpsr = value; break;
    case Out::TBCR0: set_low(s_.tbcr); break;
    case Out::TBCR1: set_high(s_.tbcr); break;
    case Out::ISR: s_.isr = Bits<Isr>{static_cast<u8>(s_.isr.raw() & ~(value & kCauses))}; break;
    case Out::RSAR0: set_low(s_.crda); break;
    case Out::RSAR1: set_high(s_.crda); break;
    case Out::RBCR0: set_low(s_.rbcr); break;
    case Out::RBCR1: set_high(s_.rbcr); break;
    case Out::RCR: s_.rcr = Bits<Rcr>{static_cast<u8>(value & kRcrWritable)}; break;
    case Out::TCR: s_.tcr = Bits<Tcr>{static_cast<u8>(value & kTcrWritable)}; break;
    case Out::DCR: s_.dcr = Bits<Dcr>{static_cast<u8>(value & kDcrWritable)}; break;
    case Out::IMR: s_.imr = value & kImrWritable; break;
    case Out::PAR0: s_.par[index] = value; break;
    case Out::CURR: s_.curr = value; break;
    case Out::MAR0: s_.mar[index] = value; break;
    case Out::CR9346: write_9346cr(value); break;
    case Out::CONFIG2:
        if (config_unlocked()) s_.config2 = locked(s_.config2, value, kConfig2Writable);
        break;
    case Out::CONFIG3:
        if (config_unlocked()) s_.config3 = locked(s_.config3, value, kConfig3Writable);
        break;
    case Out::HLTCLK: break; // for a clock that stands still while powered down
    }
}

/// STP is a state, and STA does nothing (RTL8029AS, CR). TXP stays until the frame is gone.
void Ne2kPci::write_cr(u8 value) {
    const bool sending = s_.cr.has(Cr::TXP);
    s_.cr = Bits<Cr>{value};
    s_.isr.set(Isr::RST, s_.cr.has(Cr::STP));
    if (s_.cr.has(Cr::STP)) {
        s_.cr.clear(Cr::TXP);
        s_.send_on_at.reset();
        s_.waiting.dropping = false;
        return;
    }
    if (sending) s_.cr.set(Cr::TXP);
    start_remote_dma();
    transmit();
}

void Ne2kPci::write_9346cr(u8 value) {
    s_.cr9346 = value & kEeWritable;
    if ((value & kEem) != kEemAutoLoad) return;
    s_.config2 = kConfig2AtReset;
    s_.config3 = kConfig3AtReset;
    s_.cr9346 = 0; // done
}

} // namespace dm
