// What the replay knows of guest memory: what devices read and wrote there so far. The recorder keeps the
// same account, and so notes only what the guest changed since.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <memory>
#include <span>
#include <unordered_map>

namespace dm::replay {

class Shadow {
public:
    /// Never touched memory is zeros.
    void read(GuestPhys addr, std::span<u8> out) const;
    bool equals(GuestPhys addr, std::span<const u8> bytes) const;
    void write(GuestPhys addr, std::span<const u8> bytes);

private:
    static constexpr std::size_t kMostPages = 4096; ///< beyond that it starts over

    using Page = std::array<u8, kPageSize>;
    const Page& page(Gfn gfn) const;

    std::unordered_map<Gfn, std::unique_ptr<Page>> pages_;
};

} // namespace dm::replay
