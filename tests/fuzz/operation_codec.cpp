// Operations as bytes.
#include "tests/fuzz/operation.hpp"

#include <array>
#include <bit>
#include <optional>

namespace dm::fuzz {
namespace {

using Kind = Operation::Kind;
using Space = test::Target::Kind;

/// By the low four bits of the first byte: accesses are most of what a guest does.
constexpr std::array<Kind, 16> kKinds{Kind::Write,      Kind::Write,     Kind::Write,     Kind::Write,
                                      Kind::Read,       Kind::Read,      Kind::Read,      Kind::WriteString,
                                      Kind::ReadString, Kind::Stimulate, Kind::Stimulate, Kind::Advance,
                                      Kind::Ram,        Kind::Restore,   Kind::Damage,    Kind::Reset};

// Field b of a write: how its value follows.
constexpr unsigned kValueFull = 0; // all bytes
constexpr unsigned kValueByte = 1; // one byte, the rest zero
constexpr unsigned kValueBit = 2;  // one byte: the number of the one bit that is set
constexpr unsigned kValueOnes = 3; // one byte: how much less than all ones

constexpr u64 kPast = 7;               // an access may begin so far behind a target's last byte
constexpr unsigned kDeadlineField = 3; // of field a, instead of a time
constexpr unsigned kWakeField = 1;     // of field a, instead of a reset
constexpr unsigned kMostShift = 36;    // of the times that pass: about two hours
constexpr u64 kHole = u64{64} * 1024;  // Ram operations may fall behind the end of memory

unsigned width_for(u64 values) {
    if (values <= u64{1} << 8) return 1;
    if (values <= u64{1} << 16) return 2;
    return 4;
}

/// A place that accesses can be aimed at: the rig's targets, all ports, all (32-bit) memory.
struct Aim {
    test::Target target;
    u64 reach; ///< offsets are below it
};

std::size_t aims(const Layout& layout) {
    return layout.targets.size() + 2;
}

Aim aim(const Layout& layout, std::size_t index) {
    if (index < layout.targets.size()) {
        const test::Target& t = layout.targets[index];
        return {t, t.length + (t.kind == Space::Config ? 3 : kPast)};
    }
    if (index == layout.targets.size()) return {{Space::Ports, 0, 0x10000}, 0x10000};
    return {{Space::Memory, 0, u64{1} << 32}, u64{1} << 32};
}

unsigned widest(Space space) {
    return space == Space::Memory ? 8 : 4;
}

void decode_place(Input& input, const Layout& layout, unsigned a, Operation& op) {
    const Aim at = aim(layout, input.byte() % aims(layout));
    const u64 offset = input.number(width_for(at.reach)) % at.reach;
    op.space = at.target.kind;
    op.size = std::min(1U << a, widest(op.space));
    if (op.space == Space::Config) {
        op.devfn = static_cast<u8>(at.target.base);
        op.addr = offset;
    } else {
        op.addr = at.target.base + offset;
    }
}

u64 decode_value(Input& input, unsigned b, unsigned size) {
    switch (b) {
    case kValueByte: return input.byte();
    case kValueBit: return u64{1} << input.byte() % (size * 8);
    case kValueOnes: return ones(size) - input.byte();
    default: return input.number(size);
    }
}

void put(std::vector<u8>& out, u64 value, unsigned width) {
    for (unsigned i = 0; i < width; ++i)
        out.push_back(byte_of(value, i));
}

void put_head(std::vector<u8>& out, Kind kind, unsigned a = 0, unsigned b = 0) {
    const auto index = static_cast<unsigned>(std::find(kKinds.begin(), kKinds.end(), kind) - kKinds.begin());
    out.push_back(static_cast<u8>(index | a << 4 | b << 6));
}

Status put_bytes(std::vector<u8>& out, std::span<const u8> bytes) {
    if (bytes.size() > kMostBytes) return fail("{} bytes are more than {}", bytes.size(), kMostBytes);
    put(out, bytes.size(), 1);
    out.insert(out.end(), bytes.begin(), bytes.end());
    return {};
}

Status put_place(const Operation& op, const Layout& layout, std::vector<u8>& out) {
    for (std::size_t i = 0; i < aims(layout); ++i) {
        const Aim at = aim(layout, i);
        if (at.target.kind != op.space) continue;
        const bool config = op.space == Space::Config;
        if (config && at.target.base != op.devfn) continue;
        const u64 base = config ? 0 : at.target.base;
        if (op.addr < base || op.addr - base >= at.reach) continue;
        put(out, i, 1);
        put(out, op.addr - base, width_for(at.reach));
        return {};
    }
    return fail("no target of this rig reaches {:#x}", op.addr);
}

Status put_access(const Operation& op, const Layout& layout, std::vector<u8>& out) {
    const auto a = static_cast<unsigned>(std::countr_zero(op.size));
    const u64 value = op.value & ones(op.size);
    const u64 missing = ones(op.size) - value;
    unsigned form = kValueFull;
    u64 short_value = value;
    if (op.kind == Kind::Write && op.size > 1) {
        if (value < 256) {
            form = kValueByte;
        } else if (std::has_single_bit(value)) {
            form = kValueBit;
            short_value = static_cast<u64>(std::countr_zero(value));
        } else if (missing < 256) {
            form = kValueOnes;
            short_value = missing;
        }
    }
    put_head(out, op.kind, a, form);
    DM_TRY(put_place(op, layout, out));
    if (op.kind == Kind::Write) put(out, short_value, form == kValueFull ? op.size : 1);
    if (op.kind != Kind::ReadString && op.kind != Kind::WriteString) return {};
    if (op.count > kMostElements) return fail("{} elements are more than {}", op.count, kMostElements);
    put(out, op.count, 2);
    return op.kind == Kind::WriteString ? put_bytes(out, op.bytes) : Status{};
}

/// Eight significant bits, rounded down.
void put_time(u64 ns, std::vector<u8>& out) {
    unsigned shift = 0;
    while (ns >> shift > 0xff && shift + 1 < kMostShift)
        ++shift;
    put_head(out, Kind::Advance);
    put(out, shift, 1);
    put(out, std::min<u64>(ns >> shift, 0xff), 1);
}

} // namespace

Operation decode(Input& input, const Layout& layout) {
    const u8 head = input.byte();
    const unsigned a = head >> 4 & 3;
    Operation op;
    op.kind = kKinds[head & 0xf];
    switch (op.kind) {
    case Kind::Read:
    case Kind::Write:
        decode_place(input, layout, a, op);
        if (op.kind == Kind::Write) op.value = decode_value(input, head >> 6, op.size);
        break;
    case Kind::ReadString:
    case Kind::WriteString:
        decode_place(input, layout, a, op);
        if (op.space == Space::Config) { // has no strings
            op.kind = op.kind == Kind::ReadString ? Kind::Read : Kind::Write;
            op.value = input.number(op.size);
            break;
        }
        op.count = static_cast<u32>(input.number(2) % (kMostElements + 1));
        if (op.kind == Kind::WriteString) op.bytes = input.take(input.byte() % (kMostBytes + 1));
        break;
    case Kind::Stimulate: op.bytes = input.take(input.byte() % (kMostBytes + 1)); break;
    case Kind::Advance: {
        if (a == kDeadlineField) {
            op.kind = Kind::Deadline;
            break;
        }
        const unsigned shift = input.byte() % kMostShift;
        op.value = u64{input.byte()} << shift;
        break;
    }
    case Kind::Ram:
        op.addr = input.number(3) % (layout.ram_bytes + kHole);
        op.bytes = input.take(input.byte() % (kMostBytes + 1));
        break;
    case Kind::Damage: op.bytes = input.take(kDamageBytes * (1 + a)); break;
    case Kind::Reset:
        if (a == kWakeField) op.kind = Kind::Wake;
        break;
    case Kind::Restore:
    case Kind::Deadline:
    case Kind::Wake: break;
    }
    return op;
}

Status encode(const Operation& op, const Layout& layout, std::vector<u8>& out) {
    switch (op.kind) {
    case Kind::Read:
    case Kind::Write:
    case Kind::ReadString:
    case Kind::WriteString: return put_access(op, layout, out);
    case Kind::Stimulate: put_head(out, op.kind); return put_bytes(out, op.bytes);
    case Kind::Advance: put_time(op.value, out); return {};
    case Kind::Deadline: put_head(out, Kind::Advance, kDeadlineField); return {};
    case Kind::Ram:
        if (op.addr >= layout.ram_bytes + kHole) return fail("{:#x} is far from all memory", op.addr);
        put_head(out, op.kind);
        put(out, op.addr, 3);
        return put_bytes(out, op.bytes);
    case Kind::Damage: {
        const std::size_t places = op.bytes.size() / kDamageBytes;
        if (places < 1 || places > 4 || op.bytes.size() % kDamageBytes != 0)
            return fail("a state is damaged in one to four places");
        put_head(out, op.kind, static_cast<unsigned>(places - 1));
        out.insert(out.end(), op.bytes.begin(), op.bytes.end());
        return {};
    }
    case Kind::Wake: put_head(out, Kind::Reset, kWakeField); return {};
    case Kind::Reset:
    case Kind::Restore: put_head(out, op.kind); return {};
    }
    return {};
}

} // namespace dm::fuzz
