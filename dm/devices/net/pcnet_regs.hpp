// Registers and bits of the Am79C970A (AMD, publication 19436 rev. E, "PCnet-PCI II Single-Chip Full-Duplex
// Ethernet Controller for PCI Local Bus Product") by their names there.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <cstddef>

namespace dm::pcnet {

inline constexpr std::size_t kRegisters = 32; ///< bytes, in I/O and in memory space
inline constexpr std::size_t kProm = 16;      ///< bytes of the address PROM, in front

/// Offsets with words (WIO). With dwords (DWIO) the distances are twice as large.
enum class Reg : u8 { RDP = 0x10, RAP = 0x12, RESET = 0x14, BDP = 0x16 };
inline constexpr u8 kRapMask = 0x7f;

// Control and status registers.
inline constexpr std::size_t kCsrs = 128;
enum Csr : u8 {
    STATUS = 0,
    IADRL = 1, ///< of the initialization block
    IADRH = 2,
    MASKS = 3,
    TEST = 4, ///< test and features
    EXTENDED = 5,
    LENGTHS = 6, ///< TLEN, RLEN
    LADRF = 8,   ///< to 11
    PADR = 12,   ///< to 14
    MODE = 15,
    IADRL_ALIAS = 16,
    IADRH_ALIAS = 17,
    BADRL = 24, ///< base address of the receive ring
    BADRH = 25,
    BADXL = 30, ///< base address of the transmit ring
    BADXH = 31,
    SWS = 58, ///< BCR20 again
    RCVRC = 72,
    XMTRC = 74,
    RCVRL = 76,
    XMTRL = 78,
    DMATCFW = 80, ///< FIFO thresholds
    DMABAT = 82,
    CHIP_IDL = 88,
    CHIP_IDH = 89,
    MERRTO = 100,
    MFC = 112, ///< missed frames
};

enum class Csr0 : u16 {
    INIT = 0x0001,
    STRT = 0x0002,
    STOP = 0x0004,
    TDMD = 0x0008,
    TXON = 0x0010,
    RXON = 0x0020,
    IENA = 0x0040,
    INTR = 0x0080,
    IDON = 0x0100,
    TINT = 0x0200,
    RINT = 0x0400,
    MERR = 0x0800,
    MISS = 0x1000,
    CERR = 0x2000,
    BABL = 0x4000,
    ERR = 0x8000,
};
inline constexpr u16 kCsr0Causes = 0x7f00; ///< cleared by ones
inline constexpr u16 kCsr0Interrupts = 0x5f00;
inline constexpr u16 kCsr0Errors = 0x7800; ///< what ERR sums up

inline constexpr u16 kDxsuflo = 0x0040; ///< CSR3: the transmitter goes on after an underflow

enum class Csr4 : u16 {
    TXSTRT = 0x0008,
    UINT = 0x0040,
    UINTCMD = 0x0080,
    MFCO = 0x0200,
    ASTRP_RCV = 0x0400,
    APAD_XMT = 0x0800,
    TXDPOLL = 0x1000,
};
inline constexpr u16 kCsr4Causes = 0x026a;  ///< cleared by ones
inline constexpr u16 kCsr4Stopped = 0x02ea; ///< cleared by STOP
inline constexpr u16 kCsr4Masks = 0x0115;   ///< of the causes but UINT, each in the bit below its cause
inline constexpr u16 kCsr4AtReset = 0x0115; ///< all of them masked

enum class Csr5 : u16 { SPND = 0x0001, MPINT = 0x0010, SINT = 0x0800, LTINTEN = 0x4000, TOKINTD = 0x8000 };
inline constexpr u16 kCsr5Causes = 0x0a90;  ///< cleared by ones
inline constexpr u16 kCsr5Stopped = 0x0011; ///< cleared by STOP
inline constexpr u16 kCsr5Enables = 0x0048; ///< EXDINTE and MPINTE, each in the bit below its cause
inline constexpr u16 kCsr5Always = 0x0500;  ///< SINTE and SLPINTE: these need no IENA

enum class Mode : u16 {
    DRX = 0x0001,
    DTX = 0x0002,
    LOOP = 0x0004,
    DXMTFCS = 0x0008,
    INTL = 0x0040, ///< loopback inside of the chip
    DRCVPA = 0x2000,
    DRCVBC = 0x4000,
    PROM = 0x8000,
};
inline constexpr u16 kModeThroughReset = 0x21c4; ///< bits that a software reset leaves, as in QEMU

inline constexpr u32 kChipId = 0x0262'1003; ///< CSR89 and 88: PCnet-PCI II

/// Bits of a CSR that are stored; those of counters, rings and IDs are not.
constexpr u16 csr_bits(unsigned csr) {
    if ((csr >= LADRF && csr <= MODE) || (csr >= 18 && csr <= 47)) return 0xffff;
    switch (csr) {
    case STATUS: return 0x7f7f;
    case MASKS: return 0x5f7c;
    case TEST: return 0xdf7f;
    case EXTENDED: return 0xcfff;
    case LENGTHS: return 0xff00;
    case DMATCFW: return 0x3fff;
    case IADRL:
    case IADRH:
    case DMABAT:
    case MERRTO:
    case MFC: return 0xffff;
    default: return 0;
    }
}
/// Those that are storage, written while the card is stopped or suspended.
constexpr bool is_plain_csr(unsigned csr) {
    return csr_bits(csr) != 0 && csr != STATUS && csr != LENGTHS && (csr < MASKS || csr > EXTENDED);
}
inline constexpr std::array<u16, kCsrs> kCsrsAtReset = [] {
    std::array<u16, kCsrs> csrs{};
    csrs[STATUS] = static_cast<u16>(Csr0::STOP);
    csrs[TEST] = kCsr4AtReset;
    csrs[DMATCFW] = 0x1410;
    csrs[MERRTO] = 0x0200;
    return csrs;
}();

// Bus configuration registers.
inline constexpr std::size_t kBcrs = 32;
enum Bcr : u8 {
    MSRDA = 0,
    MSWRA = 1,
    MC = 2,
    LNKST = 4,
    LED3 = 7,
    FDC = 9,
    BSBC = 18,
    EECAS = 19,
    SWSTYLE = 20,
    PLAT = 22
};
inline constexpr u16 kAPromWe = 0x0100;   ///< BCR2: the address PROM takes writes
inline constexpr u16 kTmauLoop = 0x4000;  ///< BCR2
inline constexpr u16 kLedOut = 0x8000;    ///< BCR4 to 7: the LED is lit
inline constexpr u16 kLedLink = 0x0040;   ///< it shows the link (LNKSTE)
inline constexpr u16 kDwio = 0x0080;      ///< BCR18: registers are accessed by dwords
inline constexpr u16 kSsize32 = 0x0100;   ///< BCR20: structures in memory have 32-bit addresses
inline constexpr u16 kCsrPcnet = 0x0200;  ///< BCR20: the CSRs are the PCnet's, not the ILACC's
inline constexpr u16 kApErrEn = 0x0400;   ///< BCR20
inline constexpr u16 kStyleMask = 0x00ff; ///< BCR20

/// Bits of a BCR that are stored.
constexpr u16 bcr_bits(unsigned bcr) {
    switch (bcr) {
    case MSRDA:
    case MSWRA: return 0x0005;
    case LNKST:
    case LNKST + 1:
    case LNKST + 2:
    case LED3: return static_cast<u16>(~kLedOut);
    case SWSTYLE: return 0x0703;
    case MC:
    case FDC:
    case BSBC:
    case EECAS:
    case PLAT: return 0xffff;
    default: return 0;
    }
}
inline constexpr std::array<u16, kBcrs> kBcrsAtReset = [] {
    std::array<u16, kBcrs> bcrs{};
    bcrs[MSRDA] = bcrs[MSWRA] = 0x0005;
    bcrs[MC] = 0x0002;    // ASEL
    bcrs[LNKST] = 0x00c0; // the link
    bcrs[LNKST + 1] = 0x0084;
    bcrs[LNKST + 2] = 0x0088;
    bcrs[LED3] = 0x0090;
    bcrs[BSBC] = 0x9001;
    bcrs[EECAS] = 0x0002;
    bcrs[SWSTYLE] = kCsrPcnet;
    bcrs[PLAT] = 0xff06;
    return bcrs;
}();

/// How initialization block and descriptors lie in memory.
enum class Style : u8 { Lance = 0, Ilacc = 1, Pci = 2, PciBurst = 3 };
/// BCR20 as it is stored: what no style has a number for is the LANCE's.
constexpr u16 style_register(u16 value) {
    const u16 kept = value & kApErrEn;
    switch (value & kStyleMask) {
    case 1: return static_cast<u16>(kept | kSsize32 | 1);
    case 2:
    case 3: return static_cast<u16>(kept | kCsrPcnet | kSsize32 | (value & kStyleMask));
    default: return static_cast<u16>(kept | kCsrPcnet);
    }
}

inline constexpr u16 kRingMost = 512; ///< descriptors

} // namespace dm::pcnet
