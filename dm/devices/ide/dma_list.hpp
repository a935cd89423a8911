// Where in guest RAM a transfer goes.
#pragma once

#include "dm/core/guest_memory.hpp"

#include <array>
#include <span>
#include <sys/uio.h>
#include <vector>

namespace dm {

/// The regions of one transfer, handed out in pieces that stay mapped while the medium works on them. Parts
/// that are not RAM swallow what is written there and read as ones, like a bus where nobody answers.
class DmaList {
public:
    static constexpr std::size_t kMostSegments = 512; ///< of one piece; below every system's IOV_MAX
    static constexpr u64 kMostBytes = u64{2} << 20;   ///< of one piece

    DmaList();
    DmaList(const DmaList&) = delete;
    DmaList& operator=(const DmaList&) = delete;

    void clear();
    /// Not beyond the end of the address space.
    void add(GuestPhys addr, u32 length, bool reachable);
    bool at_end() const { return index_ == regions_.size(); }

    /// Maps the next piece, at most `limit` bytes of it, and moves past it. Empty at the end of the list.
    std::span<const iovec> pin_next(GuestMemory& memory, DmaDirection direction, u64 limit);
    /// Length of the piece that pin_next() returned.
    u64 piece_bytes() const { return piece_bytes_; }
    /// Unmaps the piece; written pages become known to live migration here.
    void unpin();

    /// Between `bytes` and the next places of the list; both return how many bytes had one.
    u64 copy_to_guest(GuestMemory& memory, std::span<const u8> bytes);
    u64 copy_from_guest(GuestMemory& memory, std::span<u8> bytes);

private:
    static constexpr std::size_t kNowhereSize = 4096;
    struct Region {
        GuestPhys addr;
        u32 length;
        bool reachable;
    };

    void advance(u64 bytes);

    std::vector<Region> regions_;
    std::size_t index_ = 0;
    u32 offset_ = 0; ///< in regions_[index_]
    std::vector<iovec> segments_;
    std::vector<Pin> pins_;
    u64 piece_bytes_ = 0;
    std::array<u8, kNowhereSize> sink_{}; ///< written, never read
    std::array<u8, kNowhereSize> ones_;   ///< read, never written
};

} // namespace dm
