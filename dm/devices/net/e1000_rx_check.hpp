// Checksums of a received frame, as an 82540EM reports them in a descriptor (SDM 3.2.3 and 3.2.9).
#pragma once

#include "dm/core/bits.hpp"
#include "dm/devices/net/e1000_regs.hpp"

#include <span>

namespace dm::e1000 {

enum class RxStatus : u8 {
    DD = 0x01,
    EOP = 0x02,
    IXSM = 0x04, ///< nothing was checked
    VP = 0x08,
    TCPCS = 0x20,
    IPCS = 0x40,
    PIF = 0x80 ///< passed an inexact filter
};
enum class RxError : u8 { TCPE = 0x20, IPE = 0x40 };

struct RxVerdict {
    Bits<RxStatus> status;
    Bits<RxError> errors;
    u16 checksum = 0; ///< of the bytes from RXCSUM.PCSS on
};

/// Of a frame of at least 60 bytes, without FCS; `vet` is the type of tagged ones.
RxVerdict check_received(std::span<const u8> frame, u32 rxcsum, u16 vet);

} // namespace dm::e1000
