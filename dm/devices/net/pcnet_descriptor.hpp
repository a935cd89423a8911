// Descriptors and initialization block of the Am79C970A as they lie in guest memory, in its four software
// styles (datasheet, "Software Access": "Initialization Block", "Receive Descriptors", "Transmit
// Descriptors").
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/devices/net/ethernet.hpp"
#include "dm/devices/net/pcnet_regs.hpp"

#include <optional>

namespace dm::pcnet {

/// TMD1 and RMD1, upper half.
enum DescriptorStatus : u16 {
    OWN = 0x8000,
    ERR = 0x4000,
    ADD_FCS = 0x2000, ///< transmit; NO_FCS in the ILACC's style
    LTINT = 0x1000,   ///< transmit; written back it is MORE
    CRC = 0x0800,     ///< receive
    BUFF = 0x0400,    ///< receive
    OFLO = 0x1000,    ///< receive
    STP = 0x0200,
    ENP = 0x0100,
    PAM = 0x0040, ///< receive, as the next two; not in the LANCE's style
    LAFM = 0x0020,
    BAM = 0x0010,
};
inline constexpr u16 kTxReported = 0x5c00; ///< ERR, MORE, ONE, DEF
inline constexpr u16 kRxReported = 0x7ff0; ///< all but OWN

/// TMD2: why ERR is set.
enum TransmitError : u32 { TX_BUFF = 0x8000'0000, TX_UFLO = 0x4000'0000, TX_LCAR = 0x0800'0000 };

struct Descriptor {
    u32 address = 0;
    u16 length = 0; ///< bytes, 1 to 4096
    u16 status = 0;
    bool owned() const { return (status & OWN) != 0; }
    bool has(DescriptorStatus bit) const { return (status & bit) != 0; }
};

struct InitBlock {
    u16 mode = 0;
    u8 rlen = 0; ///< logarithms of the rings' lengths
    u8 tlen = 0;
    std::array<u16, 3> padr{};
    std::array<u16, 4> ladrf{};
    u32 rdra = 0;
    u32 tdra = 0;
};

constexpr u32 descriptor_bytes(Style style) {
    return style == Style::Lance ? 8 : 16;
}
/// Descriptors of a ring by the logarithm in the block.
constexpr u16 ring_length(u8 log) {
    return log < 9 ? static_cast<u16>(1U << log) : kRingMost;
}

/// `high`: address bits 31 to 24 of the LANCE's style. Nothing: nobody answered there.
std::optional<Descriptor> read_descriptor(GuestMemory& memory, u32 at, Style style, u32 high);
std::optional<InitBlock> read_init_block(GuestMemory& memory, u32 at, Style style, u32 high);
/// Gives a descriptor back. `message`: TMD2 or RMD2, if it changes.
void write_descriptor(GuestMemory& memory, u32 at, Style style, u16 status, std::optional<u32> message);

} // namespace dm::pcnet
