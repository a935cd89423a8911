// Bytes as a block holds them: numbers in as few bytes as they need (seven bits each, least significant
// first, the top bit says that more follow; at most ten bytes).
#pragma once

#include "dm/core/types.hpp"

#include <optional>
#include <span>
#include <vector>

namespace dm::replay {

inline void put_number(std::vector<u8>& out, u64 value) {
    for (; value >= 0x80; value >>= 7)
        out.push_back(static_cast<u8>(value | 0x80));
    out.push_back(static_cast<u8>(value));
}

/// Small distances in both directions become small numbers: 0, -1, 1, -2, ...
constexpr u64 fold_sign(u64 distance) {
    return distance << 1 ^ (distance >> 63 != 0 ? ~u64{0} : 0);
}
constexpr u64 unfold_sign(u64 folded) {
    return folded >> 1 ^ ((folded & 1) != 0 ? ~u64{0} : 0);
}

/// Reads from a column; what lies past its end is nothing.
class Column {
public:
    Column() = default;
    explicit Column(std::span<const u8> bytes) : bytes_(bytes) {}

    std::optional<u64> number() {
        u64 value = 0;
        for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
            const u8 byte = bytes_[at_++];
            value |= u64{byte & 0x7fU} << shift;
            if (byte < 0x80) return value;
        }
        return std::nullopt;
    }
    std::optional<std::span<const u8>> take(u64 length) {
        if (length > bytes_.size() - at_) return std::nullopt;
        const std::span<const u8> taken = bytes_.subspan(at_, length);
        at_ += length;
        return taken;
    }
    bool at_end() const { return at_ == bytes_.size(); }

private:
    std::span<const u8> bytes_;
    std::size_t at_ = 0;
};

} // namespace dm::replay
