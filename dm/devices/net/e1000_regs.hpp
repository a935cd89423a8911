// Registers of the 82540EM (8254x Family of Gigabit Ethernet Controllers Software Developer's Manual, 317453,
// chapter 13).
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/reg_spec.hpp"

#include <array>

namespace dm::e1000 {

inline constexpr u64 kRegistersLength = 0x20000; ///< BAR0
inline constexpr u64 kPortsLength = 64;          ///< BAR1: IOADDR, IODATA, nothing

/// The registers that code names; kRegisters has those that hold what was written.
enum class Reg : u32 {
    CTRL = 0x0000,
    STATUS = 0x0008,
    EECD = 0x0010,
    EERD = 0x0014,
    MDIC = 0x0020,
    VET = 0x0038,
    ICR = 0x00c0,
    ITR = 0x00c4,
    ICS = 0x00c8,
    IMS = 0x00d0,
    IMC = 0x00d8,
    RCTL = 0x0100,
    TCTL = 0x0400,
    RDBAL = 0x2800,
    RDBAH = 0x2804,
    RDLEN = 0x2808,
    RDH = 0x2810,
    RDT = 0x2818,
    RDTR = 0x2820,
    RXDCTL = 0x2828,
    RADV = 0x282c,
    RSRPD = 0x2c00,
    TDBAL = 0x3800,
    TDBAH = 0x3804,
    TDLEN = 0x3808,
    TDH = 0x3810,
    TDT = 0x3818,
    TIDV = 0x3820,
    TXDCTL = 0x3828,
    TADV = 0x382c,
    RXCSUM = 0x5000,
};

/// All that hold what was written. SDM chapter 13; the masks are also what Linux's self test expects.
inline constexpr std::array kRegisters{
    RegSpec{"CTRL", 0x0000, 4, 0x0014'0240, 0x7bfc'1bed},
    RegSpec{"CTRL_EXT", 0x0018, 4, 0, 0x00c0'cfff},
    RegSpec{"FLA", 0x001c, 4, 0, 0x0000'0000},
    RegSpec{"FCAL", 0x0028, 4, 0, 0xffff'ffff},
    RegSpec{"FCAH", 0x002c, 4, 0, 0x0000'ffff},
    RegSpec{"FCT", 0x0030, 4, 0, 0x0000'ffff},
    RegSpec{"VET", 0x0038, 4, 0x0000'8100, 0x0000'ffff},
    RegSpec{"ITR", 0x00c4, 4, 0, 0x0000'ffff},
    RegSpec{"RCTL", 0x0100, 4, 0, 0x06df'b3fe},
    RegSpec{"FCTTV", 0x0170, 4, 0, 0x0000'ffff},
    RegSpec{"TXCW", 0x0178, 4, 0, 0xc000'ffff},
    RegSpec{"TCTL", 0x0400, 4, 0, 0x037f'fffa},
    RegSpec{"TIPG", 0x0410, 4, 0x0060'2008, 0x3fff'ffff},
    RegSpec{"AIT", 0x0458, 4, 0, 0x0000'ffff},
    RegSpec{"LEDCTL", 0x0e00, 4, 0x0000'0602, 0xcfcf'cfcf},
    RegSpec{"PBA", 0x1000, 4, 0x0010'0030, 0x0000'ffff},
    RegSpec{"FCRTL", 0x2160, 4, 0, 0x8000'fff8},
    RegSpec{"FCRTH", 0x2168, 4, 0, 0x0000'fff8},
    RegSpec{"RDFH", 0x2410, 4, 0, 0x0000'1fff},
    RegSpec{"RDFT", 0x2418, 4, 0, 0x0000'1fff},
    RegSpec{"RDFHS", 0x2420, 4, 0, 0x0000'1fff},
    RegSpec{"RDFTS", 0x2428, 4, 0, 0x0000'1fff},
    RegSpec{"RDFPC", 0x2430, 4, 0, 0x0000'1fff},
    RegSpec{"RDBAL", 0x2800, 4, 0, 0xffff'fff0},
    RegSpec{"RDBAH", 0x2804, 4, 0, 0xffff'ffff},
    RegSpec{"RDLEN", 0x2808, 4, 0, 0x000f'ff80},
    RegSpec{"RDH", 0x2810, 4, 0, 0x0000'ffff},
    RegSpec{"RDT", 0x2818, 4, 0, 0x0000'ffff},
    RegSpec{"RDTR", 0x2820, 4, 0, 0x0000'ffff},
    RegSpec{"RXDCTL", 0x2828, 4, 0x0001'0000, 0x013f'3f3f},
    RegSpec{"RADV", 0x282c, 4, 0, 0x0000'ffff},
    RegSpec{"RSRPD", 0x2c00, 4, 0, 0x0000'0fff},
    RegSpec{"TXDMAC", 0x3000, 4, 0, 0x0000'0001},
    RegSpec{"TDFH", 0x3410, 4, 0, 0x0000'1fff},
    RegSpec{"TDFT", 0x3418, 4, 0, 0x0000'1fff},
    RegSpec{"TDFHS", 0x3420, 4, 0, 0x0000'1fff},
    RegSpec{"TDFTS", 0x3428, 4, 0, 0x0000'1fff},
    RegSpec{"TDFPC", 0x3430, 4, 0, 0x0000'1fff},
    RegSpec{"TDBAL", 0x3800, 4, 0, 0xffff'fff0},
    RegSpec{"TDBAH", 0x3804, 4, 0, 0xffff'ffff},
    RegSpec{"TDLEN", 0x3808, 4, 0, 0x000f'ff80},
    RegSpec{"TDH", 0x3810, 4, 0, 0x0000'ffff},
    RegSpec{"TDT", 0x3818, 4, 0, 0x0000'ffff},
    RegSpec{"TIDV", 0x3820, 4, 0, 0x0000'ffff},
    RegSpec{"TXDCTL", 0x3828, 4, 0, 0xff3f'3f3f},
    RegSpec{"TADV", 0x382c, 4, 0, 0x0000'ffff},
    RegSpec{"TSPMT", 0x3830, 4, 0x0100'0400, 0xffff'ffff},
    RegSpec{"RXCSUM", 0x5000, 4, 0, 0x0000'07ff},
    RegSpec{"WUC", 0x5800, 4, 0, 0x0000'000f},
    RegSpec{"WUFC", 0x5808, 4, 0, 0x000f'80ff},
    RegSpec{"WUS", 0x5810, 4, 0, 0, 0x000f'00ff},
    RegSpec{"MANC", 0x5820, 4, 0, 0xffff'ffff},
    RegSpec{"IPAV", 0x5838, 4, 0, 0x0001'000f},
    RegSpec{"IP4AT0", 0x5840, 4, 0, 0xffff'ffff},
    RegSpec{"IP4AT1", 0x5848, 4, 0, 0xffff'ffff},
    RegSpec{"IP4AT2", 0x5850, 4, 0, 0xffff'ffff},
    RegSpec{"IP4AT3", 0x5858, 4, 0, 0xffff'ffff},
    RegSpec{"IP6AT0", 0x5880, 4, 0, 0xffff'ffff},
    RegSpec{"IP6AT1", 0x5884, 4, 0, 0xffff'ffff},
    RegSpec{"IP6AT2", 0x5888, 4, 0, 0xffff'ffff},
    RegSpec{"IP6AT3", 0x588c, 4, 0, 0xffff'ffff},
    RegSpec{"SWSM", 0x5b50, 4, 0, 0x0000'0003},
};
static_assert(well_formed(kRegisters, 0x8000));

/// Place of a register in kRegisters and in the state; kRegisters.size() when there is none at the offset.
constexpr std::size_t place_of(u32 offset) {
    std::size_t low = 0;
    for (std::size_t high = kRegisters.size(); low < high;) {
        const std::size_t middle = (low + high) / 2;
        if (kRegisters[middle].offset == offset) return middle;
        if (kRegisters[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return kRegisters.size();
}

// Tables of registers.
inline constexpr u32 kStatistics = 0x4000;
inline constexpr std::size_t kStatisticsCount = 64;
inline constexpr u32 kMta = 0x5200;
inline constexpr std::size_t kMtaCount = 128;
inline constexpr u32 kRa = 0x5400;
inline constexpr std::size_t kRaCount = 32; ///< 16 addresses, low and high
inline constexpr u32 kVfta = 0x5600;
inline constexpr std::size_t kVftaCount = 128;
inline constexpr u32 kRahWritable = 0x8003'ffff;
inline constexpr u32 kRahValid = 0x8000'0000; ///< AV

enum class Ctrl : u32 {
    FD = 0x0000'0001,
    SLU = 0x0000'0040,
    RST = 0x0400'0000,
    VME = 0x4000'0000,
    PHY_RST = 0x8000'0000
};

/// STATUS without LU: full duplex, 1000 Mb/s, as the card that guests know reports itself.
inline constexpr u32 kStatus = 0x8008'0781;
inline constexpr u32 kStatusLinkUp = 0x0000'0002;

/// ICR, ICS, IMS, IMC.
enum class Cause : u32 {
    TXDW = 0x0000'0001,
    TXQE = 0x0000'0002,
    LSC = 0x0000'0004,
    RXSEQ = 0x0000'0008,
    RXDMT0 = 0x0000'0010,
    RXO = 0x0000'0040,
    RXT0 = 0x0000'0080,
    MDAC = 0x0000'0200,
    TXD_LOW = 0x0000'8000,
    SRPD = 0x0001'0000,
};
/// Those of the table in 13.4.17, and bits 5 and 8, which Linux' self test raises like all others up to
/// bit 9.
inline constexpr u32 kCauses = 0x0001'f7ff;

enum class Rctl : u32 {
    EN = 0x0000'0002,
    SBP = 0x0000'0004,
    UPE = 0x0000'0008,
    MPE = 0x0000'0010,
    LPE = 0x0000'0020,
    BAM = 0x0000'8000,
    VFE = 0x0004'0000,
    CFIEN = 0x0008'0000,
    CFI = 0x0010'0000,
    BSEX = 0x0200'0000,
    SECRC = 0x0400'0000,
};
inline constexpr unsigned kRctlLbm = 6;   ///< shift: 1 is the MAC's loopback
inline constexpr unsigned kRctlRdmts = 8; ///< shift: interrupt at 1/2, 1/4, 1/8 of the ring
inline constexpr unsigned kRctlMo = 12;   ///< shift: which bits of an address index MTA
inline constexpr unsigned kRctlBsize = 16;

enum class Tctl : u32 { EN = 0x0000'0002, PSP = 0x0000'0008 };

enum class Rxcsum : u32 { IPOFL = 0x0000'0100, TUOFL = 0x0000'0200 };

enum class Eecd : u32 {
    SK = 0x0000'0001,
    CS = 0x0000'0002,
    DI = 0x0000'0004,
    DO = 0x0000'0008,
    REQ = 0x0000'0040,
    GNT = 0x0000'0080,
    PRES = 0x0000'0100
};
inline constexpr u32 kEecdWritable = 0x77; ///< SK, CS, DI, FWE, REQ
inline constexpr u32 kEecdReset = 0x10;    ///< FWE: no writes to the flash

enum class Eerd : u32 { START = 0x0000'0001, DONE = 0x0000'0010 };
inline constexpr unsigned kEerdAddress = 8; ///< shift
inline constexpr unsigned kEerdData = 16;   ///< shift

enum class Mdic : u32 {
    WRITE = 0x0400'0000,
    READ = 0x0800'0000,
    READY = 0x1000'0000,
    I = 0x2000'0000, ///< MDAC when ready
    E = 0x4000'0000
};
inline constexpr unsigned kMdicReg = 16;
inline constexpr unsigned kMdicPhy = 21;
inline constexpr u32 kMdicWritable = 0x6fff'ffff;
inline constexpr u32 kPhyAddress = 1;

inline constexpr u32 kDelayUnitNs = 1024; ///< of TIDV, TADV, RDTR, RADV
/// Shorter ones save a guest nothing and cost us a timer and a wake-up each. Linux asks for 8 units.
inline constexpr u32 kLeastDelay = 32;
inline constexpr u32 kItrUnitNs = 256;
inline constexpr u32 kRdtrFlush = 0x8000'0000;
inline constexpr u32 kDescriptorSize = 16;

} // namespace dm::e1000
