// Page-aligned memory for data on its way between guest and medium, kept for the next request, but not much
// of it for long.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <memory>
#include <vector>

namespace dm::xen {

class IoBuffers {
public:
    static constexpr u32 kLargest = 1 << 20;
    static constexpr u64 kKeptBusy = 4 << 20;  ///< bytes kept while there are requests in flight
    static constexpr u64 kKeptIdle = 64 << 10; ///< bytes kept after trim()

    struct Free {
        void operator()(u8* p) const;
    };
    using Memory = std::unique_ptr<u8[], Free>;

    /// What take(bytes) takes.
    static u32 rounded(u32 bytes);
    /// At least `bytes`, 1 to kLargest of them; what is in it is of no meaning.
    Memory take(u32 bytes);
    /// Takes back what take(bytes) gave.
    void give(Memory memory, u32 bytes);
    /// Nothing is in flight.
    void trim();
    u64 kept_bytes() const { return kept_; }

private:
    static constexpr unsigned kClasses = 9; // 4 KiB to 1 MiB
    static unsigned class_of(u32 bytes);

    std::array<std::vector<Memory>, kClasses> free_;
    u64 kept_ = 0;
};

} // namespace dm::xen
