// The data of one command: the scatter list (PRDT) in its command table (AHCI 1.3.1, 4.2.3.3).
#pragma once

#include "dm/devices/ahci/ahci_regs.hpp"
#include "dm/devices/ide/dma_list.hpp"

namespace dm::ahci {

/// A command header as the port fetched it (4.2.2). Length of the frame and the bits that tell the port what
/// the command itself tells are not looked at.
struct CommandHeader {
    bool clear_busy = false; ///< C: the frame has no answer
    u16 entries = 0;         ///< of the scatter list
    GuestPhys table = 0;

    static CommandHeader decode(std::span<const u8, kHeaderSize> bytes);
};

/// Reads the list as it goes, a bounded piece at a time, so that a list of the greatest length costs no more
/// memory than a short one. The guest may change it meanwhile: what was read once is not read again.
class CommandData {
public:
    static constexpr u32 kMostEntries = 0xffff;

    void begin(GuestPhys list, u16 entries);
    void clear() { begin(0, 0); }
    /// Whether the list as it is now has room for `bytes`.
    bool covers(GuestMemory& memory, u64 bytes) const;

    /// Maps the next piece, at most `limit` bytes of it, and moves past it. Empty at the end of the list.
    std::span<const iovec> pin_next(GuestMemory& memory, DmaDirection direction, u64 limit);
    u64 piece_bytes() const { return list_.piece_bytes(); }
    void unpin() { list_.unpin(); }

    /// Between `bytes` and the next places of the list; both return how many bytes had one.
    u64 copy_to_guest(GuestMemory& memory, std::span<const u8> bytes);
    u64 copy_from_guest(GuestMemory& memory, std::span<u8> bytes);

private:
    bool more(GuestMemory& memory);

    GuestPhys list_addr_ = 0;
    u32 entries_ = 0;
    u32 next_ = 0; ///< entry
    DmaList list_;
};

} // namespace dm::ahci
