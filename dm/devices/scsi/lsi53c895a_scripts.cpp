// LSI53C895A: the SCRIPTS processor (technical manual, chapter 5).
#include "dm/devices/scsi/lsi53c895a.hpp"

#include <algorithm>
#include <utility>

namespace dm {

using namespace lsi;
using scsi::Phase;

namespace {

/// Bits of an instruction's first word that several kinds share.
enum Bit : u32 {
    ATN = 1U << 3,
    ACK = 1U << 6,
    CARRY = 1U << 10,
    WAIT = 1U << 16,
    COMPARE_PHASE = 1U << 17,
    COMPARE_DATA = 1U << 18,
    JUMP_IF_TRUE = 1U << 19,
    ON_THE_FLY = 1U << 20,
    CARRY_TEST = 1U << 21,
    USE_SFBR = 1U << 23,
    RELATIVE_JUMP = 1U << 23,
    SELECT_WITH_ATN = 1U << 24,
    TABLE = 1U << 25,
    RELATIVE = 1U << 26,
    LOAD_STORE = 1U << 29,
};

constexpr u64 kMovedBytesOfOne = 4096; ///< between a medium and memory
constexpr u32 kCostOfZeros = 32;       ///< a script that runs into empty memory is to come to its end slowly

/// A signed displacement of 24 bits.
constexpr u32 displacement(u32 word) {
    return (word & 0x0080'0000) != 0 ? word | 0xff00'0000 : word & 0x00ff'ffff;
}

constexpr unsigned opcode_of(u32 insn) {
    return insn >> 27 & 7;
}

} // namespace

void Lsi53c895a::start() {
    if (in_run_) return; // a script that writes DSP has jumped
    s_.running = true;
    s_.wait = Wait::None;
    s_.nobody = false;
    s_.resume_at.reset();
    run();
}

void Lsi53c895a::stop() {
    s_.running = false;
    s_.wait = Wait::None;
    s_.resume_at.reset();
}

void Lsi53c895a::wait_for(Wait what) {
    s_.wait = what;
}

/// Whether what the script waits for has come, or a reselection is to interrupt the host.
bool Lsi53c895a::may_go_on() const {
    if (s_.unplugged) return false;
    if (!s_.running)
        return s_.regs.has(SIEN0, sist0::RSL) && s_.regs.has(SCID, scid::RRE) && !scsi_pending() &&
               s_.causes.dstat == 0 && bus_.wants_reselection();
    switch (s_.wait) {
    case Wait::None: return command(pci::Command::MASTER);
    case Wait::Phase:
    case Wait::Rest: return bus_.phase().has_value() || !bus_.connected();
    case Wait::Disconnect: return !bus_.connected();
    case Wait::Reselection: return bus_.connected() || bus_.wants_reselection();
    }
    return false;
}

void Lsi53c895a::go_on() {
    if (in_run_ || s_.resume_at || !may_go_on()) return;
    if (!s_.running) return reselected();
    switch (std::exchange(s_.wait, Wait::None)) {
    case Wait::None:
    case Wait::Disconnect: break;
    case Wait::Phase: s_.regs.set32(DSP, s_.instruction); break;
    case Wait::Rest: phase_mismatch(); break;
    case Wait::Reselection:
        if (!bus_.connected()) reselected();
        break;
    }
    run();
}

void Lsi53c895a::run() {
    if (in_run_) return;
    in_run_ = true;
    u32 budget = kBudget;
    bus_.take_work(); // of others
    while (s_.running && s_.wait == Wait::None && command(pci::Command::MASTER)) {
        if (budget == 0) {
            s_.resume_at = timers_.now_ns() + kPause;
            break;
        }
        const u64 cost = step() + bus_.take_work() / kMovedBytesOfOne;
        budget -= static_cast<u32>(std::min<u64>(budget, cost));
    }
    // Nothing that would have noticed comes any more.
    if (s_.nobody && (!s_.running || s_.wait != Wait::None)) selection_times_out();
    in_run_ = false;
}

/// One instruction; returns what it cost.
u32 Lsi53c895a::step() {
    const u32 at = s_.regs.get32(DSP);
    const u64 upper = u64{s_.regs.get32(SFS)} << 32;
    const auto insn = read_word(upper | at);
    const auto addr = insn ? read_word(upper | (at + 4)) : std::nullopt;
    if (!addr) {
        log_.guest("a script in no memory at {:#x}", at);
        raise_dma(dstat::BF);
        return 1;
    }
    if (*insn == 0) {
        s_.regs.set32(DSP, at + 4);
        return kCostOfZeros;
    }
    s_.instruction = at;
    s_.regs.set32(DSP, at + 8);
    s_.regs.set32(DSPS, *addr);
    s_.regs.set32(DBC, *insn); // and DCMD
    u32 cost = 1;
    switch (*insn >> 30) {
    case 0: cost += block_move(*insn, *addr); break;
    case 1:
        if (opcode_of(*insn) < 5)
            cost += io_instruction(*insn, *addr);
        else
            read_modify_write(*insn);
        break;
    case 2: transfer_control(*insn, *addr); break;
    case 3: cost += (*insn & LOAD_STORE) != 0 ? load_store(*insn, *addr) : memory_move(*insn, *addr); break;
    }
    if (s_.running && s_.wait == Wait::None && s_.regs.has(DCNTL, dcntl::SSM)) raise_dma(dstat::SSI);
    return cost;
}

u32 Lsi53c895a::io_instruction(u32 insn, u32 addr) {
    enum Opcode : u8 { SELECT, WAIT_DISCONNECT, WAIT_RESELECT, SET, CLEAR };
    const u32 target = (insn & RELATIVE) != 0 ? s_.regs.get32(DSP) + displacement(addr) : addr;
    switch (opcode_of(insn)) {
    case SELECT: select(insn, target); break;
    case WAIT_DISCONNECT: wait_disconnect(); break;
    case WAIT_RESELECT:
        s_.regs.set32(DNAD, target);
        wait_reselect();
        break;
    case SET:
        if ((insn & ATN) != 0) {
            s_.regs.set(SOCL, lines::ATN, true);
            bus_.attention();
        }
        if ((insn & ACK) != 0) s_.acknowledge = true;
        if ((insn & CARRY) != 0) s_.carry = true;
        break;
    case CLEAR:
        if ((insn & ATN) != 0) s_.regs.set(SOCL, lines::ATN, false);
        if ((insn & ACK) != 0) s_.acknowledge = false;
        if ((insn & CARRY) != 0) s_.carry = false;
        break;
    }
    return 0;
}

/// A target that reselected the chip wins: then the script goes on at the alternate address.
void Lsi53c895a::select(u32 insn, u32 alternate) {
    if (selection_times_out()) return;
    u32 entry = insn;
    if ((insn & TABLE) != 0) {
        const u32 base = s_.regs.get32(DSA) + displacement(insn);
        const auto word = read_word(u64{s_.regs.get32(DRS)} << 32 | base);
        if (!word) return raise_dma(dstat::BF);
        entry = *word;
        s_.regs.set8(SXFER, static_cast<u8>(entry >> 8));
        s_.regs.set8(SCNTL3, static_cast<u8>(entry >> 24));
    }
    s_.regs.set32(DNAD, alternate);
    if (bus_.connected()) {
        s_.regs.set32(DSP, alternate);
        return;
    }
    const auto id = static_cast<u8>(entry >> 16 & 0x0f);
    s_.regs.set8(SDID, id);
    s_.regs.set(SSTAT0, sstat0::WOA, true);
    s_.regs.set(SCNTL1, scntl1::IARB, false);
    s_.regs.set(SOCL, lines::ATN, (insn & SELECT_WITH_ATN) != 0);
    s_.nobody = !bus_.select(id);
}

/// The script goes on while a selection is under way; what uses the bus learns how it ended.
bool Lsi53c895a::selection_times_out() {
    if (!std::exchange(s_.nobody, false)) return false;
    s_.regs.set(SOCL, lines::ATN, false);
    raise_scsi(0, sist1::STO);
    return true;
}

void Lsi53c895a::wait_disconnect() {
    if (selection_times_out()) return;
    if (bus_.connected()) wait_for(Wait::Disconnect);
}

void Lsi53c895a::wait_reselect() {
    if (selection_times_out()) return;
    if (s_.regs.has(ISTAT0, istat0::SIGP)) {
        s_.regs.set32(DSP, s_.regs.get32(DNAD));
        return;
    }
    if (bus_.connected()) return;
    if (bus_.wants_reselection()) return reselected();
    wait_for(Wait::Reselection);
}

void Lsi53c895a::reselected() {
    const auto id = bus_.reselect();
    if (!id) return;
    s_.regs.set8(SSID, static_cast<u8>(ssid::VAL | *id));
    if (!s_.regs.has(DCNTL, dcntl::COM)) s_.regs.set8(SFBR, static_cast<u8>(1U << (*id & 7)));
    if (s_.regs.has(SIEN0, sist0::RSL)) raise_scsi(sist0::RSL, 0);
}

void Lsi53c895a::read_modify_write(u32 insn) {
    enum Opcode : u8 { FROM_SFBR = 5, TO_SFBR = 6, MODIFY = 7 };
    enum Operator : u8 { MOVE, SHL, OR, XOR, AND, SHR, ADD, ADD_CARRY };
    const unsigned opcode = opcode_of(insn);
    const unsigned reg = (insn >> 16 & 0x7f) | (insn & 0x80);
    const unsigned what = insn >> 24 & 7;
    const u8 data =
        (insn & USE_SFBR) != 0 && opcode == MODIFY ? s_.regs.get8(SFBR) : static_cast<u8>(insn >> 8);
    unsigned value = 0;
    if (opcode == FROM_SFBR) {
        value = s_.regs.get8(SFBR);
    } else if (what != MOVE) {
        value = peek(reg);
        read_effects(reg, 1);
    }
    switch (what) {
    case MOVE: value = data; break;
    case SHL:
        value = value << 1 | (s_.carry ? 1U : 0U);
        s_.carry = (value & 0x100) != 0;
        break;
    case OR: value |= data; break;
    case XOR: value ^= data; break;
    case AND: value &= data; break;
    case SHR: {
        const bool out = (value & 1) != 0;
        value = value >> 1 | (s_.carry ? 0x80U : 0U);
        s_.carry = out;
        break;
    }
    case ADD:
    case ADD_CARRY:
        value += data + (what == ADD_CARRY && s_.carry ? 1U : 0U);
        s_.carry = (value & 0x100) != 0;
        break;
    }
    write_register(opcode == TO_SFBR ? static_cast<unsigned>(SFBR) : reg, static_cast<u8>(value));
}

/// The phase that the target asks for; without one what it asked for last.
std::optional<Phase> Lsi53c895a::sample_phase() {
    const auto phase = bus_.phase();
    if (phase) s_.phase = static_cast<u8>(*phase);
    if (!bus_.connected()) s_.phase = 0;
    return phase;
}

bool Lsi53c895a::condition(u32 insn) const {
    if ((insn & CARRY_TEST) != 0) return s_.carry;
    const bool wanted = (insn & JUMP_IF_TRUE) != 0;
    // Comparisons that are asked for must all come out as wanted; without any the condition holds.
    if ((insn & COMPARE_PHASE) != 0) {
        const bool equal = s_.phase == (insn >> 24 & 7);
        if (equal != wanted || (insn & COMPARE_DATA) == 0) return equal;
    }
    if ((insn & COMPARE_DATA) != 0) {
        const unsigned mask = ~(insn >> 8) & 0xff;
        return (s_.regs.get8(SFBR) & mask) == (insn & mask);
    }
    return true;
}

void Lsi53c895a::transfer_control(u32 insn, u32 addr) {
    enum Opcode : u8 { JUMP, CALL, RETURN, INTERRUPT };
    if ((insn & (WAIT | COMPARE_PHASE)) != 0) {
        if (selection_times_out()) return;
        const auto phase = sample_phase();
        if ((insn & WAIT) != 0 && !phase && bus_.connected()) return wait_for(Wait::Phase);
    }
    if (condition(insn) != ((insn & JUMP_IF_TRUE) != 0)) return;
    const u32 next = s_.regs.get32(DSP);
    const u32 target = (insn & RELATIVE_JUMP) != 0 ? next + displacement(addr) : addr;
    switch (opcode_of(insn)) {
    case JUMP:
        s_.regs.set32(ADDER, target);
        s_.regs.set32(DSP, target);
        break;
    case CALL:
        s_.regs.set32(TEMP, next);
        s_.regs.set32(DSP, target);
        break;
    case RETURN: s_.regs.set32(DSP, s_.regs.get32(TEMP)); break;
    case INTERRUPT:
        if ((insn & ON_THE_FLY) != 0)
            s_.regs.set(ISTAT0, istat0::INTF, true);
        else
            raise_dma(dstat::SIR);
        break;
    default: raise_dma(dstat::IID); break;
    }
}

} // namespace dm
