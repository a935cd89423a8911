#include "dm/qtest/session.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>

namespace dm::qtest {
namespace {

/// The one interrupt controller whose inputs a test can watch: "ioapic", "/machine/i440fx/ioapic".
bool is_ioapic(std::string_view path) {
    return path.substr(path.rfind('/') + 1) == "ioapic";
}

/// What came from a peer, fit for a reply and a log.
std::string printable(std::string_view word) {
    constexpr std::size_t kMost = 40;
    std::string out(word.substr(0, kMost));
    std::ranges::replace_if(
        out, [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

} // namespace

struct Session::Command {
    std::string_view name;
    std::size_t words; ///< at least, with the name
    void (Session::*run)(const Words&, unsigned);
    unsigned argument = 0;
};

const Session::Command* Session::find(std::string_view name) {
    static constexpr std::array kCommands{
        Command{"inb", 2, &Session::in, 1},
        Command{"inw", 2, &Session::in, 2},
        Command{"inl", 2, &Session::in, 4},
        Command{"outb", 3, &Session::out, 1},
        Command{"outw", 3, &Session::out, 2},
        Command{"outl", 3, &Session::out, 4},
        Command{"readb", 2, &Session::read_value, 1},
        Command{"readw", 2, &Session::read_value, 2},
        Command{"readl", 2, &Session::read_value, 4},
        Command{"readq", 2, &Session::read_value, 8},
        Command{"writeb", 3, &Session::write_value, 1},
        Command{"writew", 3, &Session::write_value, 2},
        Command{"writel", 3, &Session::write_value, 4},
        Command{"writeq", 3, &Session::write_value, 8},
        Command{"read", 3, &Session::read_bytes},
        Command{"write", 4, &Session::write_bytes},
        Command{"b64read", 3, &Session::read_base64},
        Command{"b64write", 4, &Session::write_base64},
        Command{"memset", 4, &Session::fill},
        Command{"clock_step", 1, &Session::clock_step},
        Command{"clock_set", 2, &Session::clock_set},
        Command{"irq_intercept_in", 2, &Session::intercept},
        Command{"irq_intercept_out", 2, &Session::refuse_intercept},
        Command{"set_irq_in", 5, &Session::set_irq},
        Command{"endianness", 1, &Session::endianness},
        Command{"module_load", 1, &Session::refuse_module},
    };
    const auto* const found = std::ranges::find(kCommands, name, &Command::name);
    return found == kCommands.end() ? nullptr : found;
}

void Session::execute(std::string_view line) {
    const Words words(line);
    const Command* const command = find(words[0]);
    if (command == nullptr) return fail_with("Unknown command '{}'", printable(words[0]));
    if (words.count() < command->words)
        return fail_with("{} needs {} arguments", command->name, command->words - 1);
    executing_ = true;
    (this->*command->run)(words, command->argument);
    time_.run_due(); // what a device wants done at once
    executing_ = false;
}

std::optional<u16> Session::port_in(const Words& words) {
    const auto port = parse_number(words[1]);
    if (port && *port <= 0xffff) return static_cast<u16>(*port);
    fail_with("'{}' is no port", printable(words[1]));
    return std::nullopt;
}

std::optional<Session::Range> Session::range_in(const Words& words, u64 most) {
    const auto addr = parse_number(words[1]);
    const auto length = parse_number(words[2]);
    if (addr && length && *length > 0 && *length <= most && *addr <= ~u64{0} - (*length - 1))
        return Range{*addr, *length};
    fail_with("{} bytes from '{}' on cannot be reached", printable(words[2]), printable(words[1]));
    return std::nullopt;
}

void Session::in(const Words& words, unsigned size) {
    if (const auto port = port_in(words)) ok_with("{:#06x}", bus_.in(*port, size));
}

void Session::out(const Words& words, unsigned size) {
    const auto port = port_in(words);
    if (!port) return;
    const auto value = parse_number(words[2]);
    if (!value) return fail_with("'{}' is no number", printable(words[2]));
    bus_.out(*port, size, static_cast<u32>(*value & ones(size)));
    ok();
}

void Session::read_value(const Words& words, unsigned size) {
    const auto addr = parse_number(words[1]);
    if (!addr) return fail_with("'{}' is no number", printable(words[1]));
    std::array<u8, 8> bytes{};
    bus_.read(*addr, std::span(bytes).first(size));
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{bytes[i]} << (i * 8);
    ok_with("{:#018x}", value);
}

void Session::write_value(const Words& words, unsigned size) {
    const auto addr = parse_number(words[1]);
    const auto value = parse_number(words[2]);
    if (!addr || !value)
        return fail_with("'{}' or '{}' is no number", printable(words[1]), printable(words[2]));
    std::array<u8, 8> bytes{};
    for (unsigned i = 0; i < size; ++i)
        bytes[i] = byte_of(*value, i);
    bus_.write(*addr, std::span(bytes).first(size));
    ok();
}

void Session::read_bytes(const Words& words, unsigned) {
    const auto range = range_in(words, kMostBytes);
    if (!range) return;
    std::vector<u8> bytes(range->length);
    bus_.read(range->addr, bytes);
    output_ += "OK 0x";
    append_hex(output_, bytes);
    output_ += '\n';
}

void Session::write_bytes(const Words& words, unsigned) {
    const auto range = range_in(words, kMostBytes);
    if (!range) return;
    std::vector<u8> bytes(range->length);
    if (!parse_hex(words[3], bytes)) return fail_with("these are not {} bytes in hexadecimal", range->length);
    bus_.write(range->addr, bytes);
    ok();
}

void Session::read_base64(const Words& words, unsigned) {
    const auto range = range_in(words, kMostBytes);
    if (!range) return;
    std::vector<u8> bytes(range->length);
    bus_.read(range->addr, bytes);
    output_ += "OK ";
    append_base64(output_, bytes);
    output_ += '\n';
}

void Session::write_base64(const Words& words, unsigned) {
    const auto range = range_in(words, kMostBytes);
    if (!range) return;
    std::vector<u8> bytes(range->length);
    if (!parse_base64(words[3], bytes)) return fail_with("these are not {} bytes in base64", range->length);
    bus_.write(range->addr, bytes);
    ok();
}

void Session::fill(const Words& words, unsigned) {
    if (parse_number(words[2]) == u64{0}) return ok(); // QEMU's ahci-test clears buffers of no length
    const auto range = range_in(words, kMostFill);
    if (!range) return;
    const auto value = parse_number(words[3]);
    if (!value) return fail_with("'{}' is no number", printable(words[3]));
    constexpr u64 kPiece = 1 << 16;
    const std::vector<u8> piece(std::min(range->length, kPiece), static_cast<u8>(*value));
    for (u64 done = 0; done < range->length; done += kPiece)
        bus_.write(range->addr + done, std::span(piece).first(std::min(kPiece, range->length - done)));
    ok();
}

void Session::clock_step(const Words& words, unsigned) {
    if (words.count() < 2) {
        time_.advance_to_next();
        return ok_with("{}", time_.now_ns());
    }
    const auto step = parse_signed(words[1]);
    if (!step) return fail_with("'{}' is no number of nanoseconds", printable(words[1]));
    if (*step > 0) time_.advance_to(time_.now_ns() + static_cast<u64>(*step));
    ok_with("{}", time_.now_ns());
}

void Session::clock_set(const Words& words, unsigned) {
    const auto when = parse_signed(words[1]);
    if (!when) return fail_with("'{}' is no number of nanoseconds", printable(words[1]));
    if (*when > 0) time_.advance_to(static_cast<u64>(*when));
    ok_with("{}", time_.now_ns());
}

void Session::intercept(const Words& words, unsigned) {
    if (!is_ioapic(words[1])) return fail_with("Unknown device");
    if (!std::exchange(intercepting_, true))
        irqs_.set_listener([this](unsigned input, bool level) { irq_changed(input, level); });
    ok();
}

/// An I/O APIC's outputs lead to CPUs, and no other controller is ours.
void Session::refuse_intercept(const Words&, unsigned) {
    fail_with("Unknown device");
}

void Session::set_irq(const Words& words, unsigned) {
    if (!is_ioapic(words[1]) || words[2] != "unnamed-gpio-in") return fail_with("Unknown device");
    const auto input = parse_number(words[3]);
    const auto level = parse_signed(words[4]);
    if (!input || *input >= IrqRouter::kInputs || !level)
        return fail_with("'{}' is no input, or '{}' no level", printable(words[3]), printable(words[4]));
    irqs_.force(static_cast<unsigned>(*input), *level != 0);
    ok();
}

void Session::endianness(const Words&, unsigned) {
    ok_with("little");
}

void Session::refuse_module(const Words&, unsigned) {
    fail_with("there are no modules");
}

void Session::irq_changed(unsigned input, bool level) {
    output_ += fmt::format("IRQ {} {}\n", level ? "raise" : "lower", input);
    if (!executing_ && on_event_) on_event_();
}

} // namespace dm::qtest
