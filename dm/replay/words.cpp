#include "dm/replay/words.hpp"

#include "dm/replay/columns.hpp"
#include "dm/replay/segments.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace dm::replay {
namespace {

constexpr std::size_t kBytesShown = 32;

std::string named(const std::string& address, const std::string& name) {
    return name.empty() ? address : address + " " + name;
}

std::string bytes_text(std::span<const u8> bytes) {
    std::string text;
    for (const u8 byte : bytes.first(std::min(bytes.size(), kBytesShown)))
        text += fmt::format(" {:02x}", byte);
    return bytes.size() > kBytesShown ? text + " ..." : text;
}

std::string content_text(const Record& r) {
    if (r.open) return fmt::format("{} bytes", r.length);
    std::string text = fmt::format("{} bytes", r.length);
    if (r.pieces.empty()) return text + ":" + bytes_text(r.bytes);
    std::span<const u8> literal = r.bytes;
    for (const Piece& piece : r.pieces)
        switch (piece.source) {
        case Source::Literal:
            text += fmt::format(", {}:", piece.length) + bytes_text(literal.first(piece.length));
            literal = literal.subspan(piece.length);
            break;
        case Source::Medium: text += fmt::format(", {} of disk {}", piece.length, piece.disk); break;
        case Source::Unchanged: text += ", unchanged"; break;
        }
    return text;
}

std::string value_text(const Record& r, std::string_view arrow) {
    if (r.open) return "";
    if (r.medium) return fmt::format(" {} of disk {}", arrow, r.value >> 2);
    return fmt::format(" {} {:0{}x}", arrow, r.value, r.size * 2);
}

std::string characters(const Record& r) {
    std::string text;
    for (const u8 c : r.bytes)
        text += c >= ' ' && c < 0x7f ? std::string(1, static_cast<char>(c)) : fmt::format("\\x{:02x}", c);
    return "\"" + text + "\"";
}

std::string numbers(const Record& r) {
    std::string text;
    Column column(r.bytes);
    while (const std::optional<u64> number = column.number())
        text += fmt::format(" {}", *number);
    return text;
}

std::string address(const Record& r, const Names* names) {
    switch (r.kind) {
    case Kind::PortIn:
    case Kind::PortOut:
    case Kind::PortInString:
    case Kind::PortOutString:
        return named(fmt::format("{:x}", r.where), names != nullptr ? names->port(r.where) : "");
    case Kind::ConfigIn:
    case Kind::ConfigOut: {
        const auto place = static_cast<unsigned>(r.where >> 32);
        const Bdf bdf{static_cast<u8>(place >> 8), static_cast<u8>(place >> 3 & 31),
                      static_cast<u8>(place & 7)};
        const auto reg = static_cast<unsigned>(r.where & 0xffffffff);
        return named(fmt::format("{:02x}:{:02x}.{}/{:02x}", bdf.bus, bdf.dev, bdf.fn, reg),
                     names != nullptr ? names->config(bdf, reg) : "");
    }
    default: // NOLINT: all that have no other kind of address
        return named(fmt::format("{:x}", r.where), names != nullptr ? names->memory(r.where) : "");
    }
}

std::string line_text(const Record& r) {
    const char* level = r.value != 0 ? "high" : "low";
    if (r.where < kIntxBase) return fmt::format("line IRQ{} {}", r.where, level);
    const u64 line = r.where - kIntxBase;
    return fmt::format("line INT{} of device {} {}", "ABCD"[line % 4], line / 4, level);
}

std::string range_text(const Record& r) {
    constexpr std::array kWords{"ports given back", "ports taken", "memory given back", "memory taken"};
    return fmt::format("{} {:x}-{:x}", kWords[r.size % kWords.size()], r.where, r.where + r.value);
}

std::string submit_text(const Record& r) {
    constexpr std::array kWords{"read", "write", "flush", "discard", "zeroes"};
    const BlockIo::Op op = submit_op(r.size);
    return fmt::format("disk {} {} at {:x}, {} bytes: {}", submit_disk(r.size),
                       kWords[static_cast<unsigned>(op)], r.where, r.value,
                       segments_text(r.bytes, op == BlockIo::Op::Write));
}

} // namespace

std::string describe(const Record& r, const Names* names) {
    const std::string_view name = info(r.kind).name;
    switch (r.kind) {
    case Kind::PortIn:
    case Kind::MemoryIn:
    case Kind::ConfigIn: return fmt::format("{} {}{}", name, address(r, names), value_text(r, "->"));
    case Kind::PortOut:
    case Kind::MemoryOut:
    case Kind::ConfigOut: return fmt::format("{} {}{}", name, address(r, names), value_text(r, "<-"));
    case Kind::PortInString:
    case Kind::MemoryInSpan:
    case Kind::PortOutString:
    case Kind::MemoryOutSpan:
        return fmt::format("{} {} by {}, {}", name, address(r, names), r.size, content_text(r));
    case Kind::Timers:
    case Kind::End: return std::string(name);
    case Kind::Completed:
        return r.value == 0 ? fmt::format("disk {} completed", r.where)
                            : fmt::format("disk {} failed with errno {}", r.where, r.value);
    case Kind::Received:
    case Kind::Sent: return fmt::format("serial{} {} {}", r.where, name, characters(r));
    case Kind::Writable:
    case Kind::BreakReceived:
    case Kind::AcceptInput: return fmt::format("serial{} {}", r.where, name);
    case Kind::ModemOutputs:
    case Kind::ModemInputs: return fmt::format("serial{} {} {:02x}", r.where, name, r.value);
    case Kind::Taken: return fmt::format("serial{} took {} bytes only", r.where, r.value);
    case Kind::Break: return fmt::format("serial{} break {}", r.where, r.value != 0 ? "on" : "off");
    case Kind::LineSettings:
    case Kind::Pointer: return fmt::format("{}{}", name, numbers(r));
    case Kind::Key: return fmt::format("key {:02x} {}", r.where, r.value != 0 ? "down" : "up");
    case Kind::Look: return fmt::format("time {}.{:09}", r.value / 1'000'000'000, r.value % 1'000'000'000);
    case Kind::GuestRead:
    case Kind::GuestWrite:
    case Kind::VideoChanged: return fmt::format("{} {:x}, {}", name, r.where, content_text(r));
    case Kind::Mapped: return fmt::format("map {:x}, {} of {} bytes", r.where, r.extra, r.value);
    case Kind::Reply: return fmt::format("reply{}", value_text(r, "->"));
    case Kind::ReplyString: return fmt::format("reply, {}", content_text(r));
    case Kind::Line: return line_text(r);
    case Kind::RouteLink: return fmt::format("link {} to IRQ {}", r.where, r.value);
    case Kind::Shutdown:
    case Kind::LockRoms:
    case Kind::SleepState: return fmt::format("{} {}", name, r.value);
    case Kind::Range: return range_text(r);
    case Kind::Function:
        return fmt::format("function {:02x}.{} {}", r.where >> 3, r.where & 7,
                           r.value != 0 ? "added" : "removed");
    case Kind::PlaceVideo:
        return r.value == 0 ? "video memory hidden" : fmt::format("video memory at {:x}", r.value - 1);
    case Kind::Submit: return submit_text(r);
    case Kind::Drain: return fmt::format("disk {} waits for all", r.where);
    }
    return std::string(name);
}

} // namespace dm::replay
