// One channel of the bus-master IDE function (Intel SFF-8038i rev 1.0; PIIX3 datasheet 290550, 2.6).
//
// Differs from hardware: byte count and direction are those of the drive's command, the direction bit of the
// command register is storage; a PRD table shorter than the command stops it before any data moves.
// Notes: docs/devices/piix3_ide.md
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/fields.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/core/result.hpp"
#include "dm/devices/ide/dma_list.hpp"

namespace dm {

class BusMaster {
public:
    /// Offsets in the channel's 8 bytes.
    enum Reg : u8 { BMICX = 0, BMISX = 2, BMIDTPX = 4 };
    enum class CommandBit : u8 { SSBM = 0x01, RWCON = 0x08 };
    enum class StatusBit : u8 { BMIDEA = 0x01, ERROR = 0x02, IDEINTS = 0x04, DMA0CAP = 0x20, DMA1CAP = 0x40 };

    static constexpr u32 kMostEntries = 8192; ///< a table cannot cross a 64 KiB boundary

    struct State {
        Bits<CommandBit> command;
        Bits<StatusBit> status;
        u32 table = 0;
        // Where the walk of the table stands.
        u32 next_entry = 0;
        u32 entries_read = 0;
        u32 region_addr = 0;
        u32 region_left = 0;
        bool last_entry = false;

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("command", s.command);
            v("status", s.status);
            v("table", s.table);
            v("next_entry", s.next_entry);
            v("entries_read", s.entries_read);
            v("region_addr", s.region_addr);
            v("region_left", s.region_left);
            v("last_entry", s.last_entry);
        }
    };
    static Status valid(const State& state, std::string_view where);

    /// How the PRD table compares with the transfer.
    enum class Reach : u8 { Short, Exact, Long };

    explicit BusMaster(GuestMemory& memory) : memory_(memory) {}

    u8 read(unsigned reg) const;
    /// True when this write started (SSBM 0 to 1) or stopped (1 to 0) the engine: then the channel acts.
    /// After a stop it calls stopped().
    enum class Edge : u8 { None, Start, Stop };
    Edge write(unsigned reg, u8 value);

    bool active() const { return s_.status.has(StatusBit::BMIDEA); }
    /// Fills `list` with the next `bytes` of the PRD table. Short: `list` is not to be used.
    Reach gather(u64 bytes, DmaList& list);
    /// The walk of the table begins at its head again: a transfer that failed is repeated as a whole.
    void rewind();
    /// The drive is done; the engine stays active when the host gave it more room than the drive needed.
    void transfer_ended(bool room_left) { s_.status.set(StatusBit::BMIDEA, room_left); }
    void stopped() { s_.status.clear(StatusBit::BMIDEA); }
    /// The channel's interrupt line rose.
    void latch_interrupt() { s_.status.set(StatusBit::IDEINTS); }

    /// PCI command register, MASTER bit. Without it the engine reaches no memory: PRDs read as zeros, data
    /// goes nowhere, and the command still completes, so that no drive hangs.
    void set_bus_enabled(bool enabled) { bus_enabled_ = enabled; }

    void reset() { s_ = {}; }
    const State& state() const { return s_; }
    void restore(const State& state) { s_ = state; }

private:
    bool fetch_entry();

    GuestMemory& memory_;
    bool bus_enabled_ = false;
    State s_;
};
static_assert(covers_every_field<BusMaster::State>);

} // namespace dm
