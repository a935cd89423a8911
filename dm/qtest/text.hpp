// The words of the test protocol: numbers in C's notation, bytes in hexadecimal and base64.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dm::qtest {

/// A line's words: separated by exactly one space, so two spaces hold an empty word between them.
class Words {
public:
    explicit Words(std::string_view line);
    std::size_t count() const { return count_; }
    std::string_view operator[](std::size_t i) const { return words_[i]; }

private:
    static constexpr std::size_t kMost = 6; ///< what stands behind the last one stays a part of it
    std::array<std::string_view, kMost> words_;
    std::size_t count_ = 0;
};

/// "12", "0x1f", "017"; nothing when that is no number of 64 bits.
std::optional<u64> parse_number(std::string_view word);
/// As above, with a sign.
std::optional<s64> parse_signed(std::string_view word);

void append_hex(std::string& out, std::span<const u8> bytes);
/// "0x" and pairs of digits; the rest of `out` is zero where the word is shorter. False: not hexadecimal, or
/// more than `out` holds.
bool parse_hex(std::string_view word, std::span<u8> out);

void append_base64(std::string& out, std::span<const u8> bytes);
/// As parse_hex().
bool parse_base64(std::string_view word, std::span<u8> out);

} // namespace dm::qtest
