// QEMU's option grammar: "first,key=value,flag,noflag,path=/a,,b".
//
//   - a comma ends a value, two commas are one comma inside it;
//   - the first element may be a bare value when the option has an implied key;
//   - later bare words are truth values: "flag" is on, "noflag" is off;
//   - a key that comes twice has the last value.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dm::toolstack {

Result<bool> parse_bool(std::string_view text);
/// Decimal, or hexadecimal with 0x; `text` is nothing else.
Result<u64> parse_number(std::string_view text, u64 most = ~u64{0});
/// A number with an optional fraction and one suffix of B k M G T P E (powers of 1024). Without a suffix the
/// number counts `unit` bytes.
Result<u64> parse_size(std::string_view text, u64 unit = 1);

/// The same option with "***" for each password in it: for a log that others may read.
std::string without_secrets(std::string text);

/// The keys of one option. Take what is known; finish() then complains about the rest.
class QemuOpts {
public:
    /// `implied_key`: the key of a bare first element; empty: there is none.
    static Result<QemuOpts> parse(std::string_view text, std::string_view implied_key);

    /// Whether the option asks for help: "help" or "?" as the first element or as a key.
    bool wants_help() const;

    bool has(std::string_view key) const;
    /// Each key may be taken more than once.
    std::optional<std::string> take(std::string_view key);
    std::string take_or(std::string_view key, std::string_view fallback);
    Result<bool> take_bool(std::string_view key, bool fallback);
    Result<std::optional<u64>> take_number(std::string_view key, u64 most = ~u64{0});
    Result<std::optional<u64>> take_size(std::string_view key, u64 unit = 1);
    /// Takes keys that change nothing here.
    void ignore(std::initializer_list<std::string_view> keys);

    /// The keys nobody took, in order.
    std::vector<std::string> rest() const;
    /// An error that names the first key nobody took.
    Status finish() const;

    /// All keys and values, in order.
    std::vector<std::pair<std::string, std::string>> pairs() const;

private:
    struct Item {
        std::string key;
        std::string value;
        bool bare = false; ///< "flag" or "noflag"
        bool taken = false;
    };
    const Item* find(std::string_view key);

    std::vector<Item> items_;
};

} // namespace dm::toolstack
