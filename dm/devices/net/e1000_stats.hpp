// Statistics registers of an 82540EM (SDM 13.7): 64 of them, cleared by reading.
#pragma once

#include "dm/core/types.hpp"
#include "dm/devices/net/e1000_regs.hpp"

#include <array>

namespace dm::e1000 {

/// Places in the table; only those that something counts.
enum class Stat : u8 {
    MPC = 0x04,
    PRC64 = 0x17, ///< and five more, by size
    GPRC = 0x1d,
    BPRC = 0x1e,
    MPRC = 0x1f,
    GPTC = 0x20,
    GORCL = 0x22,
    GOTCL = 0x24,
    RNBC = 0x28,
    ROC = 0x2b,
    TORL = 0x30,
    TOTL = 0x32,
    TPR = 0x34,
    TPT = 0x35,
    PTC64 = 0x36, ///< and five more
    MPTC = 0x3c,
    BPTC = 0x3d,
    TSCTC = 0x3e,
    TSCTFC = 0x3f,
};

using Statistics = std::array<u32, kStatisticsCount>;

/// Sticks at its largest value.
void count(Statistics& stats, Stat which, u64 amount = 1);

/// Who a frame is for.
enum class Cast : u8 { Uni, Multi, Broad };

/// `frames` of `bytes` each on the wire, FCS included.
void count_received(Statistics& stats, Cast cast, u64 bytes);
void count_sent(Statistics& stats, Cast cast, u64 bytes, u64 frames);
/// A frame that no filter let in, or that found no room.
void count_not_received(Statistics& stats, u64 bytes);

/// What the guest reads; the high half of a counter of bytes takes the low one along.
u32 read_and_clear(Statistics& stats, std::size_t place);

} // namespace dm::e1000
