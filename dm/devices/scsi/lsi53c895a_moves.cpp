// LSI53C895A: SCRIPTS instructions that move bytes, and what they may reach: guest RAM and the script RAM.
#include "dm/devices/scsi/lsi53c895a.hpp"

#include <algorithm>

namespace dm {

using namespace lsi;
using scsi::Phase;

namespace {

enum Bit : u32 {
    LOAD = 1U << 24,
    TABLE = 1U << 28,
    DSA_RELATIVE = 1U << 28,
    INDIRECT = 1U << 29,
};

constexpr unsigned kRamBar = 2;
constexpr u32 kCount = 0x00ff'ffff;
constexpr u32 kBytesOfOne = 64; ///< copied bytes that cost as much as an instruction
constexpr u32 kCostOfCommand = 16;
constexpr std::size_t kMostMessage = 64;

constexpr u32 displacement(u32 word) {
    return (word & 0x0080'0000) != 0 ? word | 0xff00'0000 : word & 0x00ff'ffff;
}

constexpr u64 join(u32 upper, u32 lower) {
    return u64{upper} << 32 | lower;
}

} // namespace

/// The part of the script RAM at that address; empty: it is elsewhere, or not all of it is there.
std::span<u8> Lsi53c895a::script_ram(u64 addr, u64 length) {
    const auto base = bar_address(kRamBar);
    if (!base || addr < *base || addr - *base >= kRamSize || length > kRamSize - (addr - *base)) return {};
    return std::span(s_.ram).subspan(addr - *base, length);
}

/// False when not all of it is memory; then nothing was read.
bool Lsi53c895a::read_memory(u64 addr, std::span<u8> bytes) {
    if (const auto ram = script_ram(addr, bytes.size()); !ram.empty()) {
        std::ranges::copy(ram, bytes.begin());
        return true;
    }
    while (!bytes.empty()) {
        const std::span<const u8> seen = memory_.view(addr, bytes.size());
        if (seen.empty()) return false;
        std::ranges::copy(seen, bytes.begin());
        bytes = bytes.subspan(seen.size());
        addr += seen.size();
    }
    return true;
}

/// False when not all of it is memory; then what comes before that was written.
bool Lsi53c895a::write_memory(u64 addr, std::span<const u8> bytes) {
    if (const auto ram = script_ram(addr, bytes.size()); !ram.empty()) {
        std::ranges::copy(bytes, ram.begin());
        return true;
    }
    while (!bytes.empty()) {
        const std::span<u8> seen = memory_.view(addr, bytes.size());
        if (seen.empty()) return false;
        std::ranges::copy(bytes.first(seen.size()), seen.begin());
        memory_.wrote(addr, seen.size());
        bytes = bytes.subspan(seen.size());
        addr += seen.size();
    }
    return true;
}

std::optional<u32> Lsi53c895a::read_word(u64 addr) {
    std::array<u8, 4> bytes{};
    if (!read_memory(addr, bytes)) return std::nullopt;
    return bytes[0] | u32{bytes[1]} << 8 | u32{bytes[2]} << 16 | u32{bytes[3]} << 24;
}

/// Address bits 32 and up of a table entry, from the top byte of its first word.
u64 Lsi53c895a::selected_upper(u8 upper) const {
    const u8 mode = s_.regs.get8(CCNTL1) & (ccntl1::EN64TIBMV | ccntl1::TIMOD64);
    if (mode == (ccntl1::EN64TIBMV | ccntl1::TIMOD64)) return u64{upper} << 32; // 40 bits
    if (mode != ccntl1::EN64TIBMV) return 0;
    const unsigned selector = upper & 0x1f;
    if (selector < 0x10) return u64{s_.regs.get32(SCRATCHC + 4 * selector)} << 32;
    if (selector < 0x16) return u64{s_.regs.get32(MMRS + 4 * (selector - 0x10))} << 32;
    return 0;
}

/// What a block move is to move, from wherever that is written; nothing when that is no memory.
std::optional<Lsi53c895a::Move> Lsi53c895a::decode_move(u32 insn, u32 addr) {
    Move move{.addr = join(s_.regs.get32(SBMS), addr), .count = insn & kCount};
    if ((insn & TABLE) != 0) {
        const u64 entry = join(s_.regs.get32(DRS), s_.regs.get32(DSA) + displacement(addr));
        const auto first = read_word(entry);
        const auto second = first ? read_word(entry + 4) : std::nullopt;
        if (!second) return std::nullopt;
        move.count = *first & kCount;
        move.upper = static_cast<u8>(*first >> 24);
        move.addr = selected_upper(move.upper) | *second;
    } else if ((insn & INDIRECT) != 0) {
        const auto pointer = read_word(join(s_.regs.get32(SBMS), addr));
        if (!pointer) return std::nullopt;
        move.addr = join(s_.regs.get32(SBMS), *pointer);
    } else if (s_.regs.has(CCNTL1, ccntl1::EN64DBMV)) {
        const u32 next = s_.regs.get32(DSP);
        const auto upper = read_word(join(s_.regs.get32(SFS), next));
        if (!upper) return std::nullopt;
        s_.regs.set32(DSP, next + 4);
        s_.regs.set32(DBMS, *upper);
        move.addr = join(*upper, addr);
    }
    return move;
}

u32 Lsi53c895a::block_move(u32 insn, u32 addr) {
    if (selection_times_out()) return 0;
    if (!bus_.connected()) return raise_scsi(sist0::UDC, 0), 0;
    const auto phase = sample_phase();
    if (!phase) return wait_for(Wait::Phase), 0;
    const auto move = decode_move(insn, addr);
    if (!move) return raise_dma(dstat::BF), 0;
    s_.regs.set32(IA, s_.instruction);
    moved(*move, 0);
    if (static_cast<u8>(*phase) != (insn >> 24 & 7)) return phase_mismatch(), 0;
    if (move->count == 0) return 0;
    switch (*phase) {
    case Phase::DataOut:
    case Phase::DataIn: return data_move(*move, *phase);
    case Phase::Command: send_command(*move); return kCostOfCommand;
    case Phase::Status: receive_status(*move); break;
    case Phase::MessageOut: send_message(*move); break;
    case Phase::MessageIn: receive_message(*move); break;
    }
    return 0;
}

/// The counters after `bytes` of a block move.
void Lsi53c895a::moved(const Move& move, u32 bytes) {
    const u32 left = move.count - bytes;
    const u64 next = move.addr + bytes;
    s_.regs.set24(DBC, left);
    s_.regs.set32(DNAD, static_cast<u32>(next));
    s_.regs.set32(DNAD64, static_cast<u32>(next >> 32));
    s_.regs.set8(DFIFO, static_cast<u8>(left));
    s_.regs.set8(CTEST5, static_cast<u8>((s_.regs.get8(CTEST5) & 0xfc) | (left >> 8 & 3)));
    s_.regs.set32(RBC, u32{move.upper} << 24 | left);
    s_.regs.set32(UA, static_cast<u32>(next));
    s_.regs.set24(SBC, bytes);
    s_.regs.set32(CSBC, s_.regs.get32(CSBC) + bytes);
}

/// The phase is not the instruction's, or is no more: the script handles it, or the host.
void Lsi53c895a::phase_mismatch() {
    sample_phase();
    const u8 expected = s_.regs.get8(DCMD) & 7;
    const bool data = (expected & 2) == 0;
    const bool out = (expected & 1) == 0;
    if (!s_.regs.has(CCNTL0, ccntl0::ENPMJ) || (!data && !s_.regs.has(CCNTL0, ccntl0::ENNDJ)))
        return raise_scsi(sist0::MA, 0);
    const bool second = s_.regs.has(CCNTL0, ccntl0::PMJCTL) ? !out : s_.regs.has(SCNTL2, scntl2::WSR);
    s_.regs.set32(DSP, s_.regs.get32(second ? PMJAD2 : PMJAD1));
}

/// Between the target and memory; what is in the target's buffer is copied here.
u32 Lsi53c895a::data_move(const Move& move, Phase phase) {
    const auto bytes = static_cast<u32>(std::min<u64>(move.count, bus_.data_left()));
    u32 cost = 0;
    if (bus_.direct()) {
        bus_.data_region({move.addr, bytes});
    } else {
        std::array<u8, ScsiTarget::kBufferSize> buffer;
        const auto part = std::span(buffer).first(bytes);
        if (phase == Phase::DataIn) {
            bus_.data_in(part);
            s_.regs.set8(SFBR, part[0]);
            static_cast<void>(write_memory(move.addr, part));
        } else {
            buffer.fill(0xff);
            static_cast<void>(read_memory(move.addr, part));
            bus_.data_out(part);
        }
        cost = bytes / kBytesOfOne;
    }
    moved(move, bytes);
    if (bytes == move.count) return cost;
    if (bus_.phase())
        phase_mismatch();
    else
        wait_for(Wait::Rest);
    return cost;
}

void Lsi53c895a::send_command(const Move& move) {
    scsi::Cdb cdb{};
    const auto part = std::span(cdb).first(std::min<std::size_t>(move.count, cdb.size()));
    if (!read_memory(move.addr, part)) return raise_dma(dstat::BF);
    moved(move, move.count);
    bus_.command(part);
}

/// The chip takes ATN back before the last byte.
void Lsi53c895a::send_message(const Move& move) {
    std::array<u8, kMostMessage> message{};
    const auto part = std::span(message).first(std::min<std::size_t>(move.count, message.size()));
    if (!read_memory(move.addr, part)) return raise_dma(dstat::BF);
    moved(move, move.count);
    s_.regs.set(SOCL, lines::ATN, false);
    bus_.message_out(part);
}

void Lsi53c895a::receive_status(const Move& move) {
    const std::array<u8, 1> status{bus_.status()};
    s_.regs.set8(SFBR, status[0]);
    moved(move, move.count);
    static_cast<void>(write_memory(move.addr, status));
}

void Lsi53c895a::receive_message(const Move& move) {
    std::array<u8, 8> message{};
    const auto part = std::span(message).first(std::min<std::size_t>(move.count, message.size()));
    const std::size_t count = bus_.message_in(part);
    s_.regs.set8(SFBR, message[0]);
    s_.regs.set8(SIDL, message[count - 1]); // Linux takes the tag from there
    s_.acknowledge = true;
    moved(move, move.count);
    static_cast<void>(write_memory(move.addr, part.first(count)));
}

u32 Lsi53c895a::load_store(u32 insn, u32 addr) {
    const unsigned reg = insn >> 16 & 0xff;
    const unsigned count = insn & 7;
    if (count == 0 || (reg & 3) + count > 4) return raise_dma(dstat::IID), 0;
    const bool loads = (insn & LOAD) != 0;
    u64 place = join(s_.regs.get32(loads ? MMRS : MMWS), addr);
    if ((insn & DSA_RELATIVE) != 0) place = join(s_.regs.get32(DRS), s_.regs.get32(DSA) + displacement(addr));
    std::array<u8, 4> bytes{};
    const auto part = std::span(bytes).first(count);
    if (loads) {
        if (!read_memory(place, part)) return raise_dma(dstat::BF), 0;
        for (unsigned i = 0; i < count; ++i)
            write_register(reg + i, part[i]);
        return 0;
    }
    for (unsigned i = 0; i < count; ++i)
        part[i] = peek(reg + i);
    read_effects(reg, count);
    if (!write_memory(place, part)) raise_dma(dstat::BF);
    return 0;
}

/// In pieces from the lowest address on, also over itself. TEMP is left alone: drivers rely on it.
u32 Lsi53c895a::memory_move(u32 insn, u32 addr) {
    const u32 next = s_.regs.get32(DSP);
    const auto destination = read_word(join(s_.regs.get32(SFS), next));
    if (!destination) return raise_dma(dstat::BF), 0;
    s_.regs.set32(DSP, next + 4);
    if (s_.regs.has(DMODE, dmode::SIOM | dmode::DIOM)) {
        log_.unimplemented("memory moves to and from I/O space");
        return raise_dma(dstat::BF), 0;
    }
    u64 from = join(s_.regs.get32(MMRS), addr);
    u64 to = join(s_.regs.get32(MMWS), *destination);
    std::array<u8, kPageSize> buffer;
    for (u32 left = insn & kCount; left > 0;) {
        const auto part = std::span(buffer).first(std::min<std::size_t>(left, buffer.size()));
        if (!read_memory(from, part) || !write_memory(to, part)) return raise_dma(dstat::BF), 0;
        from += part.size();
        to += part.size();
        left -= static_cast<u32>(part.size());
    }
    return (insn & kCount) / kBytesOfOne;
}

} // namespace dm
