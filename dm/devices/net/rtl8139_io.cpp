// RTL8139C+: its registers as the guest reads and writes them.
#include "dm/devices/net/rtl8139.hpp"

#include <algorithm>

namespace dm {

using namespace rtl8139;

namespace {

/// Of each byte: the register that it belongs to, its place there, and which of an array of them.
struct Spot {
    Reg first = Reg::IDR0;
    u8 width = 0; ///< 0: no register
    u8 byte = 0;
    u8 index = 0;
};
struct Range {
    Reg first;
    u8 width;
    u8 count = 1;
};
constexpr std::array kRanges{
    Range{Reg::IDR0, 1, 6},  Range{Reg::MAR0, 1, 8},  Range{Reg::TSD0, 4, 4},
    Range{Reg::TSAD0, 4, 4}, Range{Reg::RBSTART, 4},  Range{Reg::ERBCR, 2},
    Range{Reg::ERSR, 1},     Range{Reg::CR, 1},       Range{Reg::CAPR, 2},
    Range{Reg::CBR, 2},      Range{Reg::IMR, 2},      Range{Reg::ISR, 2},
    Range{Reg::TCR, 4},      Range{Reg::RCR, 4},      Range{Reg::TCTR, 4},
    Range{Reg::MPC, 4},      Range{Reg::CR9346, 1},   Range{Reg::CONFIG0, 1},
    Range{Reg::CONFIG1, 1},  Range{Reg::TIMERINT, 4}, Range{Reg::MSR, 1},
    Range{Reg::CONFIG3, 1},  Range{Reg::CONFIG4, 1},  Range{Reg::HLTCLK, 1},
    Range{Reg::MULINT, 2},   Range{Reg::RERID, 1},    Range{Reg::TSAD, 2},
    Range{Reg::BMCR, 2},     Range{Reg::BMSR, 2},     Range{Reg::ANAR, 2},
    Range{Reg::ANLPAR, 2},   Range{Reg::ANER, 2},     Range{Reg::CSCR, 2},
    Range{Reg::CONFIG5, 1},  Range{Reg::TPPOLL, 1},   Range{Reg::CPCR, 2},
    Range{Reg::RDSAR, 4, 2}, Range{Reg::ETTHR, 1},    Range{Reg::WAKEUP, 1, kWakeupBytes}};

constexpr std::array<Spot, kRegisters> kSpots = [] {
    std::array<Spot, kRegisters> spots{};
    for (const Range& range : kRanges)
        for (unsigned i = 0; i < unsigned{range.width} * range.count; ++i)
            spots[static_cast<u8>(range.first) + i] = {
                range.first, range.width, static_cast<u8>(i % range.width), static_cast<u8>(i / range.width)};
    return spots;
}();

/// Splits an access into those of whole registers.
template <class Each> void each_register(u64 offset, unsigned size, Each each) {
    unsigned done = 0;
    while (done < size && offset + done < kRegisters) {
        const Spot& spot = kSpots[offset + done];
        const unsigned here = spot.width == 0 ? 1 : std::min<unsigned>(size - done, spot.width - spot.byte);
        if (spot.width != 0) each(spot, done, here);
        done += here;
    }
}

constexpr u32 merged(u32 old, u32 value, u32 mask) {
    return (old & ~mask) | (value & mask);
}

} // namespace

u64 Rtl8139::read(u64 offset, unsigned size) {
    u64 value = 0;
    each_register(offset, size, [&](const Spot& spot, unsigned done, unsigned bytes) {
        const u64 whole = read_register(spot.first, spot.index);
        value |= (whole >> (spot.byte * 8) & ones(bytes)) << (done * 8);
    });
    return value;
}

void Rtl8139::write(u64 offset, unsigned size, u64 value) {
    each_register(offset, size, [&](const Spot& spot, unsigned done, unsigned bytes) {
        const u64 part = value >> (done * 8) & ones(bytes);
        write_register(spot.first, spot.index, static_cast<u32>(part << (spot.byte * 8)),
                       static_cast<u32>(ones(bytes) << (spot.byte * 8)));
    });
    derive();
}

u32 Rtl8139::read_register(Reg reg, unsigned index) {
    switch (reg) {
    case Reg::IDR0: return s_.idr[index];
    case Reg::MAR0: return s_.mar[index];
    case Reg::TSD0: return s_.tsd[index];
    case Reg::TSAD0: return s_.tsad[index];
    case Reg::RBSTART: return s_.rbstart;
    case Reg::CR: return s_.cr | (s_.cbr == read_place() ? static_cast<u32>(Cr::BUFE) : 0);
    case Reg::CAPR: return s_.capr;
    case Reg::CBR: return s_.cbr;
    case Reg::IMR: return s_.imr;
    case Reg::ISR:
        if (InterruptMitigation::looked(s_.mitigation, [this] { return now(); })) derive();
        return s_.isr;
    case Reg::TCR: return s_.tcr;
    case Reg::RCR: return s_.rcr;
    case Reg::TCTR: return static_cast<u32>((now() - s_.tctr_since) / kTimerPeriod);
    case Reg::MPC: return s_.mpc;
    case Reg::CR9346: {
        const bool out = (s_.cr9346 & kEem) == kEemProgram && s_.eeprom.out;
        return s_.cr9346 | (out ? static_cast<u32>(Ee::EEDO) : 0);
    }
    case Reg::CONFIG0: return s_.config0;
    case Reg::CONFIG1: return s_.config1;
    case Reg::TIMERINT: return s_.timer_int;
    case Reg::MSR: return kMsr | (s_.link ? 0U : kMsrLinkDown);
    case Reg::CONFIG3: return s_.config3;
    case Reg::CONFIG4: return s_.config4;
    case Reg::MULINT: return s_.mulint;
    case Reg::RERID: return kRevision;
    case Reg::TSAD: return tsad_summary();
    case Reg::BMCR: return s_.bmcr;
    case Reg::BMSR: return kBmsr | (s_.link ? kBmsrLink : 0U);
    case Reg::ANAR: return s_.anar;
    case Reg::ANLPAR: return kAnlpar;
    case Reg::ANER: return kAner;
    case Reg::CSCR: return kCscr;
    case Reg::WAKEUP: return s_.wakeup[index];
    case Reg::CONFIG5: return s_.config5;
    case Reg::CPCR: return s_.cpcr;
    case Reg::RDSAR: return s_.rdsar[index];
    case Reg::ETTHR: return s_.etthr;
    case Reg::ERBCR: // early receive does not happen
    case Reg::ERSR:
    case Reg::HLTCLK: // can only be written
    case Reg::TPPOLL: return 0;
    }
    return 0;
}

void Rtl8139::write_register(Reg reg, unsigned index, u32 value, u32 mask) {
    const auto store = [&](auto& place, u32 writable) {
        place = static_cast<std::remove_reference_t<decltype(place)>>(merged(place, value, mask & writable));
    };
    const auto store_config = [&](u8& spot, u8 writable) {
        if (config_unlocked()) store(spot, writable);
    };
    switch (reg) {
    case Reg::IDR0: store(s_.idr[index], 0xff); break;
    case Reg::MAR0: store(s_.mar[index], 0xff); break;
    case Reg::TSD0: write_tsd(index, merged(s_.tsd[index], value, mask)); break;
    case Reg::TSAD0:
    case Reg::RBSTART:
    case Reg::RDSAR: write_rings(reg, index, merged(read_register(reg, index), value, mask)); break;
    case Reg::CR: write_cr(static_cast<u8>(value)); break;
    case Reg::CAPR:
        store(s_.capr, 0xffff);
        room_may_be_there();
        break;
    case Reg::IMR:
        store(s_.imr, static_cast<u16>(~kIntReserved));
        room_may_be_there(); // drivers have filled a ring when they enable interrupts again
        break;
    case Reg::ISR:
        s_.isr = static_cast<u16>(s_.isr & ~value);
        room_may_be_there();
        break;
    case Reg::TCR:
        if ((s_.cr & static_cast<u8>(Cr::TE)) != 0) store(s_.tcr, kTcrWritable);
        break;
    case Reg::RCR: write_rcr(merged(s_.rcr, value, mask & kRcrWritable)); break;
    case Reg::TCTR:
        s_.tctr_since = now();
        set_timer();
        break;
    case Reg::MPC: s_.mpc = 0; break;
    case Reg::CR9346: write_9346cr(static_cast<u8>(value & kEeWritable)); break;
    case Reg::CONFIG0: store_config(s_.config0, kConfig0Writable); break;
    case Reg::CONFIG1: store_config(s_.config1, kConfig1Writable); break;
    case Reg::TIMERINT:
        store(s_.timer_int, ~0U);
        set_timer();
        break;
    case Reg::CONFIG3: store_config(s_.config3, kConfig3Writable); break;
    case Reg::CONFIG4: store_config(s_.config4, kConfig4Writable); break;
    case Reg::HLTCLK:
        if (value == 'H') s_.halted = true;
        if (value == 'R') {
            s_.halted = false;
            transmit();
        }
        break;
    case Reg::MULINT: store(s_.mulint, kMulintWritable); break;
    case Reg::BMCR: write_bmcr(static_cast<u16>(merged(s_.bmcr, value, mask))); break;
    case Reg::ANAR: store(s_.anar, 0xffff); break;
    case Reg::WAKEUP: store(s_.wakeup[index], 0xff); break;
    case Reg::CONFIG5: store(s_.config5, kConfig5Writable); break;
    case Reg::TPPOLL: write_tppoll(static_cast<u8>(value)); break;
    case Reg::CPCR: store(s_.cpcr, kCpcrWritable); break;
    case Reg::ETTHR: store(s_.etthr, 0xff); break;
    case Reg::ERBCR:
    case Reg::ERSR:
    case Reg::CBR:
    case Reg::MSR:
    case Reg::RERID:
    case Reg::TSAD:
    case Reg::BMSR:
    case Reg::ANLPAR:
    case Reg::ANER:
    case Reg::CSCR: break; // read-only
    }
}

/// The receiver begins with an empty buffer, rings and the four descriptors of C mode with the first one:
/// rl(4) relies on that, which resets the chip once only.
void Rtl8139::write_cr(u8 value) {
    constexpr u8 kEnables = static_cast<u8>(Cr::TE) | static_cast<u8>(Cr::RE);
    if ((value & static_cast<u8>(Cr::RST)) != 0) soft_reset();
    const u8 on = static_cast<u8>(value & ~s_.cr);
    s_.cr = value & kEnables;
    if ((on & static_cast<u8>(Cr::TE)) != 0) {
        s_.tx_index = {};
        s_.tsd_index = 0;
        transmit();
    }
    if ((on & static_cast<u8>(Cr::RE)) != 0) {
        s_.rx_index = 0;
        s_.capr = State{}.capr;
        s_.cbr = 0;
        s_.waiting.dropping = false;
    }
    stop_waiting();
}

void Rtl8139::write_9346cr(u8 value) {
    if ((value & kEem) == kEemAutoLoad) {
        const State before = s_;
        s_ = {};
        s_.eeprom = before.eeprom;
        s_.link = before.link;
        s_.tally = before.tally;
        s_.unplugged = before.unplugged;
        s_.tctr_since = now();
        load_eeprom();
        stop_waiting();
        return;
    }
    s_.cr9346 = value;
    if ((value & kEem) != kEemProgram) return;
    const Bits<Ee> wires{value};
    Eeprom93c46::drive(s_.eeprom, wires.has(Ee::EECS), wires.has(Ee::EESK), wires.has(Ee::EEDI));
}

/// Drivers change the filter while frames come: only another size empties the buffer.
void Rtl8139::write_rcr(u32 value) {
    if (ring_size(value) != ring_size(s_.rcr)) {
        s_.capr = State{}.capr;
        s_.cbr = 0;
    }
    s_.rcr = value;
    room_may_be_there();
}

void Rtl8139::write_rings(Reg reg, unsigned index, u32 value) {
    if (reg == Reg::TSAD0) {
        s_.tsad[index] = value;
        if (has(Cpcr::CPTX)) s_.tx_index[index / 2] = 0;
    } else if (reg == Reg::RDSAR) {
        s_.rdsar[index] = value;
        s_.rx_index = 0;
        room_may_be_there();
    } else {
        s_.rbstart = value;
        s_.capr = State{}.capr;
        s_.cbr = 0;
        room_may_be_there();
    }
}

void Rtl8139::write_bmcr(u16 value) {
    if ((value & kBmcrReset) != 0) {
        s_.bmcr = kBmcrAtReset;
        s_.anar = kAnarAtReset;
    } else {
        s_.bmcr = value & kBmcrWritable;
    }
}

u16 Rtl8139::tsad_summary() const {
    u32 summary = 0;
    for (unsigned i = 0; i < s_.tsd.size(); ++i) {
        const Bits<Tsd> tsd{s_.tsd[i]};
        summary |= (tsd.has(Tsd::OWN) ? 1U : 0U) << i | (tsd.has(Tsd::TABT) ? 1U : 0U) << (4 + i) |
                   (tsd.has(Tsd::TUN) ? 1U : 0U) << (8 + i) | (tsd.has(Tsd::TOK) ? 1U : 0U) << (12 + i);
    }
    return static_cast<u16>(summary);
}

/// 64 bytes, of which collisions, aborts and underruns stay zero.
void Rtl8139::dump_tally() {
    std::array<u8, 64> bytes{};
    std::size_t at = 0;
    const auto put = [&](u64 value, unsigned size) {
        for (unsigned i = 0; i < size; ++i)
            bytes[at++] = byte_of(value, i);
    };
    const Tally& t = s_.tally;
    put(t.tx_ok, 8);
    put(t.rx_ok, 8);
    put(t.tx_err, 8);
    put(t.rx_err, 4);
    put(t.miss_pkt, 2);
    put(0, 2); // frame alignment errors
    put(0, 8); // one collision, several
    put(t.rx_ok_phy, 8);
    put(t.rx_ok_brd, 8);
    put(t.rx_ok_mul, 4);
    if (works()) memory_.write((s_.tsd[0] & kDtccrAddress) | u64{s_.tsd[1]} << 32, bytes);
}

} // namespace dm
