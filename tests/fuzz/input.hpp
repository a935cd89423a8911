// A fuzzer's input: operations are read from its front, what guest memory holds from its back, so that one
// can grow without moving the other.
#pragma once

#include "dm/core/types.hpp"

#include <algorithm>
#include <span>

namespace dm::fuzz {

class Input {
public:
    explicit Input(std::span<const u8> bytes) : bytes_(bytes) {}

    bool empty() const { return bytes_.empty(); }
    std::size_t size() const { return bytes_.size(); }

    /// Little-endian; what is missing counts as zero.
    u64 number(unsigned width) {
        u64 value = 0;
        const std::span<const u8> bytes = take(width);
        for (std::size_t i = 0; i < bytes.size(); ++i)
            value |= u64{bytes[i]} << (i * 8);
        return value;
    }
    u8 byte() { return static_cast<u8>(number(1)); }
    /// Fewer at the end.
    std::span<const u8> take(std::size_t count) {
        const std::span<const u8> taken = bytes_.first(std::min(count, bytes_.size()));
        bytes_ = bytes_.subspan(taken.size());
        return taken;
    }
    /// From the back; zero when there is none.
    u8 last_byte() {
        if (bytes_.empty()) return 0;
        const u8 last = bytes_.back();
        bytes_ = bytes_.first(bytes_.size() - 1);
        return last;
    }

private:
    std::span<const u8> bytes_;
};

} // namespace dm::fuzz
