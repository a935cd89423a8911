#include "dm/qtest/text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace dm::qtest {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef"; // libqtest decodes lower case only
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<u8> nibble(char digit) {
    if (digit >= '0' && digit <= '9') return static_cast<u8>(digit - '0');
    if (digit >= 'a' && digit <= 'f') return static_cast<u8>(digit - 'a' + 10);
    if (digit >= 'A' && digit <= 'F') return static_cast<u8>(digit - 'A' + 10);
    return std::nullopt;
}

bool cut(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

} // namespace

Words::Words(std::string_view line) {
    while (count_ + 1 < kMost) {
        const std::size_t space = line.find(' ');
        words_[count_++] = line.substr(0, space);
        if (space == std::string_view::npos) return;
        line.remove_prefix(space + 1);
    }
    words_[count_++] = line;
}

std::optional<u64> parse_number(std::string_view word) {
    int base = 10;
    if (cut(word, "0x") || cut(word, "0X"))
        base = 16;
    else if (word.size() > 1 && cut(word, "0"))
        base = 8;
    u64 value = 0;
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, value, base);
    if (word.empty() || stop != end || error != std::errc{}) return std::nullopt;
    return value;
}

std::optional<s64> parse_signed(std::string_view word) {
    const bool negative = cut(word, "-");
    const std::optional<u64> size = parse_number(word);
    if (!size || *size > static_cast<u64>(std::numeric_limits<s64>::max())) return std::nullopt;
    const s64 value = static_cast<s64>(*size);
    return negative ? -value : value;
}

void append_hex(std::string& out, std::span<const u8> bytes) {
    for (const u8 byte : bytes) {
        out += kHexDigits[byte >> 4];
        out += kHexDigits[byte & 15];
    }
}

bool parse_hex(std::string_view word, std::span<u8> out) {
    if (!cut(word, "0x") || word.size() % 2 != 0 || word.size() / 2 > out.size()) return false;
    std::ranges::fill(out, u8{0});
    for (std::size_t i = 0; i < word.size(); i += 2) {
        const std::optional<u8> high = nibble(word[i]);
        const std::optional<u8> low = nibble(word[i + 1]);
        if (!high || !low) return false;
        out[i / 2] = static_cast<u8>(*high << 4 | *low);
    }
    return true;
}

void append_base64(std::string& out, std::span<const u8> bytes) {
    while (!bytes.empty()) {
        const std::size_t n = std::min<std::size_t>(bytes.size(), 3);
        u32 group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (i < n ? bytes[i] : 0);
        for (std::size_t i = 0; i < 4; ++i)
            out += i <= n ? kBase64Digits[group >> (18 - 6 * i) & 63] : '=';
        bytes = bytes.subspan(n);
    }
}

bool parse_base64(std::string_view word, std::span<u8> out) {
    if (word.size() % 4 != 0) return false;
    std::size_t padding = 0;
    while (padding < 2 && word.ends_with('=')) {
        word.remove_suffix(1);
        ++padding;
    }
    if (word.size() * 6 / 8 > out.size()) return false;
    std::ranges::fill(out, u8{0});
    u32 group = 0;
    unsigned bits = 0;
    std::size_t at = 0;
    for (const char digit : word) {
        const std::size_t value = kBase64Digits.find(digit);
        if (value == std::string_view::npos) return false;
        group = group << 6 | static_cast<u32>(value);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out[at++] = static_cast<u8>(group >> bits);
    }
    return true;
}

} // namespace dm::qtest
