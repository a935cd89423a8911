#include "dm/toolstack/qemu_opts.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace dm::toolstack {
namespace {

/// Takes a value off the front of `text`: up to a comma that is not doubled. That comma goes too.
std::string take_value(std::string_view& text) {
    std::string value;
    while (!text.empty()) {
        if (text[0] == ',') {
            if (text.size() < 2 || text[1] != ',') break;
            text.remove_prefix(1);
        }
        value += text[0];
        text.remove_prefix(1);
    }
    if (!text.empty()) text.remove_prefix(1);
    return value;
}

std::optional<u64> factor_of(char suffix) {
    switch (suffix) {
    case 'b':
    case 'B': return 1;
    case 'k':
    case 'K': return u64{1} << 10;
    case 'm':
    case 'M': return u64{1} << 20;
    case 'g':
    case 'G': return u64{1} << 30;
    case 't':
    case 'T': return u64{1} << 40;
    case 'p':
    case 'P': return u64{1} << 50;
    case 'e':
    case 'E': return u64{1} << 60;
    default: return std::nullopt;
    }
}

bool all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Error bad_size(std::string_view text) {
    return fail("'{}' is not a size: expected a number, perhaps with one of the suffixes k M G T", text);
}

} // namespace

Result<bool> parse_bool(std::string_view text) {
    for (const std::string_view yes : {"on", "yes", "true", "y"})
        if (text == yes) return true;
    for (const std::string_view no : {"off", "no", "false", "n"})
        if (text == no) return false;
    return fail("'{}' is neither on nor off", text);
}

Result<u64> parse_number(std::string_view text, u64 most) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const std::string_view digits = hex ? text.substr(2) : text;
    u64 value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, hex ? 16 : 10);
    if (digits.empty() || stop != end || error == std::errc::invalid_argument)
        return fail("'{}' is not a number", text);
    if (error != std::errc{} || value > most) return fail("'{}' is more than {}", text, most);
    return value;
}

Result<u64> parse_size(std::string_view text, u64 unit) {
    if (text.starts_with("0x") || text.starts_with("0X")) return parse_number(text);
    std::string_view number = text;
    u64 factor = unit;
    if (!number.empty())
        if (const auto given = factor_of(number.back())) {
            factor = *given;
            number.remove_suffix(1);
        }
    const std::size_t dot = number.find('.');
    const std::string_view whole = number.substr(0, dot);
    if (!all_digits(whole)) return bad_size(text);
    auto value = parse_number(whole);
    if (!value || *value > ~u64{0} / factor) return fail("'{}' does not fit into 64 bits", text);
    u64 bytes = *value * factor;
    if (dot != std::string_view::npos) {
        const std::string_view fraction = number.substr(dot + 1);
        if (!all_digits(fraction) || fraction.size() > 15) return bad_size(text);
        auto digits = parse_number(fraction);
        if (!digits) return bad_size(text);
        const double part =
            static_cast<double>(*digits) / std::pow(10.0, static_cast<double>(fraction.size()));
        bytes += static_cast<u64>(part * static_cast<double>(factor)); // below one factor, which still fits
    }
    return bytes;
}

Result<QemuOpts> QemuOpts::parse(std::string_view text, std::string_view implied_key) {
    QemuOpts opts;
    bool first = true;
    while (!text.empty()) {
        const std::size_t stop = text.find_first_of("=,");
        const bool has_value = stop != std::string_view::npos && text[stop] == '=';
        Item item;
        if (has_value) {
            item.key = text.substr(0, stop);
            if (item.key.empty()) return fail("there is a value without a name before '='");
            text.remove_prefix(stop + 1);
            item.value = take_value(text);
        } else if (first && !implied_key.empty()) {
            item.key = implied_key;
            item.value = take_value(text);
        } else {
            item.key = text.substr(0, stop); // names hold no commas, doubled or not
            text.remove_prefix(std::min(text.size(), item.key.size() + 1));
            item.value = "on";
            item.bare = true;
        }
        first = false;
        if (!item.key.empty()) opts.items_.push_back(std::move(item));
    }
    return opts;
}

bool QemuOpts::wants_help() const {
    const auto is_help = [](std::string_view word) { return word == "help" || word == "?"; };
    return std::any_of(items_.begin(), items_.end(), [&](const Item& item) {
        return (item.bare && is_help(item.key)) || (&item == &items_.front() && is_help(item.value));
    });
}

bool QemuOpts::has(std::string_view key) const {
    return std::any_of(items_.begin(), items_.end(), [&](const Item& item) {
        return item.key == key || (item.bare && item.key.starts_with("no") && item.key.substr(2) == key);
    });
}

const QemuOpts::Item* QemuOpts::find(std::string_view key) {
    const Item* found = nullptr;
    for (Item& item : items_) {
        if (item.bare && item.key != key && item.key.starts_with("no") && item.key.substr(2) == key) {
            item.key = key;
            item.value = "off";
        }
        if (item.key != key) continue;
        item.taken = true;
        found = &item;
    }
    return found;
}

std::optional<std::string> QemuOpts::take(std::string_view key) {
    const Item* item = find(key);
    if (item == nullptr) return std::nullopt;
    return item->value;
}

std::string QemuOpts::take_or(std::string_view key, std::string_view fallback) {
    return take(key).value_or(std::string(fallback));
}

Result<bool> QemuOpts::take_bool(std::string_view key, bool fallback) {
    const auto text = take(key);
    if (!text) return fallback;
    auto value = parse_bool(*text);
    if (!value) return fail("{}: {}", key, value.error().message);
    return value;
}

Result<std::optional<u64>> QemuOpts::take_number(std::string_view key, u64 most) {
    const auto text = take(key);
    if (!text) return std::optional<u64>{};
    auto value = parse_number(*text, most);
    if (!value) return fail("{}: {}", key, value.error().message);
    return std::optional<u64>{*value};
}

Result<std::optional<u64>> QemuOpts::take_size(std::string_view key, u64 unit) {
    const auto text = take(key);
    if (!text) return std::optional<u64>{};
    auto value = parse_size(*text, unit);
    if (!value) return fail("{}: {}", key, value.error().message);
    return std::optional<u64>{*value};
}

void QemuOpts::ignore(std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys)
        find(key);
}

std::vector<std::string> QemuOpts::rest() const {
    std::vector<std::string> keys;
    for (const Item& item : items_)
        if (!item.taken) keys.push_back(item.key);
    return keys;
}

Status QemuOpts::finish() const {
    for (const Item& item : items_)
        if (!item.taken) return fail("'{}' is not known here", item.key);
    return {};
}

std::vector<std::pair<std::string, std::string>> QemuOpts::pairs() const {
    std::vector<std::pair<std::string, std::string>> all;
    for (const Item& item : items_)
        all.emplace_back(item.key, item.value);
    return all;
}

std::string without_secrets(std::string text) {
    constexpr std::string_view kSecret = "password=";
    for (std::size_t at = text.find(kSecret); at != std::string::npos; at = text.find(kSecret, at)) {
        at += kSecret.size();
        std::size_t end = at;
        while (end < text.size() && (text[end] != ',' || text.substr(end, 2) == ",,"))
            end += text[end] == ',' ? 2 : 1;
        const std::string value = text.substr(at, end - at);
        if (value != "on" && value != "off") text.replace(at, value.size(), "***"); // those ask for one
    }
    return text;
}

} // namespace dm::toolstack
