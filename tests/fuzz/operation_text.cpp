// Operations as people write them:
//
//     inb 0x1f7                   outw 0x1f0 0x1234           ports; b, w, l: 1, 2, 4 bytes
//     insw 0x1f0 256              outsw 0x1f0 6 28000000      strings: count, bytes that are repeated
//     readl 0xfebf0500            writeq 0xa0000 0x1          memory; q: 8 bytes; readsb, writesb: strings
//     cfgreadw 01.1 0x04          cfgwritel 01.1 0x20 0xc000  configuration space of device 1, function 1
//     stimulate 0102  advance 1000000  deadline  ram 0x1000 00112233  restore  damage 100 0x40  reset  wake
#include "tests/fuzz/operation.hpp"

#include <array>
#include <charconv>

namespace dm::fuzz {
namespace {

using Kind = Operation::Kind;
using Space = test::Target::Kind;

constexpr std::string_view kSizes = "bwlq";

struct Verb {
    std::string_view text;
    Kind kind;
    Space space;
};
/// Before the size's letter.
constexpr std::array<Verb, 10> kVerbs{{{"ins", Kind::ReadString, Space::Ports},
                                       {"in", Kind::Read, Space::Ports},
                                       {"outs", Kind::WriteString, Space::Ports},
                                       {"out", Kind::Write, Space::Ports},
                                       {"reads", Kind::ReadString, Space::Memory},
                                       {"read", Kind::Read, Space::Memory},
                                       {"writes", Kind::WriteString, Space::Memory},
                                       {"write", Kind::Write, Space::Memory},
                                       {"cfgread", Kind::Read, Space::Config},
                                       {"cfgwrite", Kind::Write, Space::Config}}};

struct Word {
    std::string_view text;
    Kind kind;
};
constexpr std::array<Word, 8> kWords{{{"stimulate", Kind::Stimulate},
                                      {"advance", Kind::Advance},
                                      {"deadline", Kind::Deadline},
                                      {"ram", Kind::Ram},
                                      {"restore", Kind::Restore},
                                      {"damage", Kind::Damage},
                                      {"reset", Kind::Reset},
                                      {"wake", Kind::Wake}}};

std::string_view verb_of(Kind kind, Space space) {
    for (const Verb& verb : kVerbs)
        if (verb.kind == kind && verb.space == space) return verb.text;
    return "?";
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t begin = line.find_first_not_of(" \t\r");
        if (begin == std::string_view::npos) return words;
        line.remove_prefix(begin);
        words.push_back(line.substr(0, line.find_first_of(" \t\r")));
        line.remove_prefix(words.back().size());
    }
}

Result<u64> parse_number(std::string_view text) {
    const bool hex = text.starts_with("0x");
    const std::string_view digits = hex ? text.substr(2) : text;
    u64 value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
    if (error != std::errc{} || end != digits.data() + digits.size()) return fail("{} is no number", text);
    return value;
}

/// "01.1": hexadecimal device number and function.
Result<u8> parse_devfn(std::string_view text) {
    if (text.size() != 4 || text[2] != '.') return fail("{} is no DEVICE.FUNCTION", text);
    DM_TRY_ASSIGN(const u64 device, parse_number("0x" + std::string(text.substr(0, 2))));
    DM_TRY_ASSIGN(const u64 function, parse_number("0x" + std::string(text.substr(3))));
    if (device > 31 || function > 7) return fail("{} is no place on a bus", text);
    return static_cast<u8>(device << 3 | function);
}

Result<Operation> parse_access(const Verb& verb, unsigned size, std::span<const std::string_view> words,
                               std::vector<u8>& storage) {
    Operation op;
    op.kind = verb.kind;
    op.space = verb.space;
    op.size = size;
    const bool write = op.kind == Kind::Write || op.kind == Kind::WriteString;
    const bool string = op.kind == Kind::ReadString || op.kind == Kind::WriteString;
    const std::size_t place = op.space == Space::Config ? 2 : 1;
    const std::size_t needed = place + (write ? 1 : 0) + (string ? 1 : 0);
    if (words.size() != needed) return fail("{} words are wanted behind the first", needed);
    if (op.space == Space::Config) {
        DM_TRY_ASSIGN(op.devfn, parse_devfn(words[0]));
    }
    DM_TRY_ASSIGN(op.addr, parse_number(words[place - 1]));
    if (string) {
        DM_TRY_ASSIGN(const u64 count, parse_number(words[place]));
        op.count = static_cast<u32>(std::min<u64>(count, kMostElements + 1));
        if (write) {
            DM_TRY_ASSIGN(storage, parse_hex(words[place + 1]));
            op.bytes = storage;
        }
    } else if (write) {
        DM_TRY_ASSIGN(op.value, parse_number(words[place]));
    }
    return op;
}

Result<std::vector<u8>> parse_damage(std::span<const std::string_view> words) {
    std::vector<u8> bytes;
    if (words.empty() || words.size() % 2 != 0) return fail("pairs of place and inverted bits are wanted");
    for (std::size_t i = 0; i < words.size(); i += 2) {
        DM_TRY_ASSIGN(const u64 place, parse_number(words[i]));
        DM_TRY_ASSIGN(const u64 bits, parse_number(words[i + 1]));
        bytes.push_back(byte_of(place, 0));
        bytes.push_back(byte_of(place, 1));
        bytes.push_back(byte_of(bits, 0));
    }
    return bytes;
}

} // namespace

Result<std::vector<u8>> parse_hex(std::string_view text) {
    std::vector<u8> bytes;
    if (text == "-") return bytes;
    if (text.size() % 2 != 0) return fail("{} has half a byte", text);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        DM_TRY_ASSIGN(const u64 byte, parse_number("0x" + std::string(text.substr(i, 2))));
        bytes.push_back(static_cast<u8>(byte));
    }
    return bytes;
}

Result<Operation> parse_operation(std::string_view line, std::vector<u8>& storage) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.empty()) return fail("an empty line");
    const std::span<const std::string_view> rest = std::span(words).subspan(1);
    for (const Verb& verb : kVerbs) {
        if (!words[0].starts_with(verb.text) || words[0].size() != verb.text.size() + 1) continue;
        const std::size_t size = kSizes.find(words[0].back());
        if (size > (verb.space == Space::Memory ? 3U : 2U)) continue;
        return parse_access(verb, 1U << size, rest, storage);
    }
    Operation op;
    const auto word =
        std::find_if(kWords.begin(), kWords.end(), [&](const Word& w) { return w.text == words[0]; });
    if (word == kWords.end()) return fail("{} is no operation", words[0]);
    op.kind = word->kind;
    if (op.kind == Kind::Damage) {
        DM_TRY_ASSIGN(storage, parse_damage(rest));
        op.bytes = storage;
        return op;
    }
    const bool number = op.kind == Kind::Advance || op.kind == Kind::Ram;
    const bool bytes = op.kind == Kind::Stimulate || op.kind == Kind::Ram;
    if (rest.size() != (number ? 1U : 0U) + (bytes ? 1U : 0U)) return fail("{} has other operands", words[0]);
    if (number) {
        DM_TRY_ASSIGN(const u64 value, parse_number(rest[0]));
        (op.kind == Kind::Ram ? op.addr : op.value) = value;
    }
    if (bytes) {
        DM_TRY_ASSIGN(storage, parse_hex(rest.back()));
        op.bytes = storage;
    }
    return op;
}

template <class... A> void OperationText::add(fmt::format_string<A...> format, A&&... args) {
    const std::size_t room = buffer_.size() - length_;
    const auto result = fmt::format_to_n(buffer_.data() + length_, room, format, std::forward<A>(args)...);
    length_ += std::min(result.size, room);
}

void OperationText::add_hex(std::span<const u8> bytes) {
    add(" ");
    if (bytes.empty()) add("-");
    for (const u8 byte : bytes)
        add("{:02x}", byte);
}

void OperationText::access(const Operation& op) {
    add("{}{}", verb_of(op.kind, op.space), kSizes[static_cast<unsigned>(std::countr_zero(op.size))]);
    if (op.space == Space::Config) add(" {:02x}.{}", op.devfn >> 3, op.devfn & 7);
    add(" {:#x}", op.addr);
    if (op.kind == Kind::Write) add(" {:#x}", op.value);
    if (op.kind != Kind::ReadString && op.kind != Kind::WriteString) return;
    add(" {}", op.count);
    if (op.kind == Kind::WriteString) add_hex(op.bytes);
}

OperationText::OperationText(const Operation& op) {
    switch (op.kind) {
    case Kind::Read:
    case Kind::Write:
    case Kind::ReadString:
    case Kind::WriteString: access(op); return;
    case Kind::Stimulate:
        add("stimulate");
        add_hex(op.bytes);
        return;
    case Kind::Advance: add("advance {}", op.value); return;
    case Kind::Deadline: add("deadline"); return;
    case Kind::Ram:
        add("ram {:#x}", op.addr);
        add_hex(op.bytes);
        return;
    case Kind::Restore: add("restore"); return;
    case Kind::Damage:
        add("damage");
        for (std::size_t i = 0; i + kDamageBytes <= op.bytes.size(); i += kDamageBytes)
            add(" {} {:#x}", op.bytes[i] | op.bytes[i + 1] << 8, op.bytes[i + 2]);
        return;
    case Kind::Reset: add("reset"); return;
    case Kind::Wake: add("wake"); return;
    }
}

} // namespace dm::fuzz
