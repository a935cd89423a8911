// Registers and structures in memory of an AHCI controller (Serial ATA AHCI 1.3.1, chapters 3 and 4).
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/types.hpp"

namespace dm::ahci {

inline constexpr unsigned kPorts = 6;
inline constexpr unsigned kSlots = 32;
inline constexpr u64 kRegistersLength = 0x1000; ///< of the block in BAR5
inline constexpr u64 kPortBase = 0x100;         ///< in it: the first port's registers
inline constexpr u64 kPortLength = 0x80;

/// Generic host control.
enum class HbaReg : u8 {
    CAP = 0x00,
    GHC = 0x04,
    IS = 0x08,
    PI = 0x0c,
    VS = 0x10,
    CCC_CTL = 0x14,
    CCC_PORTS = 0x18,
    EM_LOC = 0x1c,
    EM_CTL = 0x20,
    CAP2 = 0x24,
    BOHC = 0x28,
};

enum class Ghc : u32 { HR = 0x0000'0001, IE = 0x0000'0002, AE = 0x8000'0000 };

/// 64-bit addresses, queuing, first generation (1.5 Gb/s), no legacy mode; 32 slots, 6 ports.
inline constexpr u32 kCap = 0xc014'0000 | (kSlots - 1) << 8 | (kPorts - 1);
inline constexpr u32 kPortsImplemented = (1U << kPorts) - 1;
inline constexpr u32 kVersion = 0x0001'0000;

/// Of one port.
enum class PortReg : u8 {
    PxCLB = 0x00,
    PxCLBU = 0x04,
    PxFB = 0x08,
    PxFBU = 0x0c,
    PxIS = 0x10,
    PxIE = 0x14,
    PxCMD = 0x18,
    PxTFD = 0x20,
    PxSIG = 0x24,
    PxSSTS = 0x28,
    PxSCTL = 0x2c,
    PxSERR = 0x30,
    PxSACT = 0x34,
    PxCI = 0x38,
    PxSNTF = 0x3c,
    PxFBS = 0x40,
    PxDEVSLP = 0x44,
};

/// PxIS and PxIE.
enum class PortIrq : u32 {
    DHRS = 0x0000'0001, ///< Register frame
    PSS = 0x0000'0002,  ///< PIO Setup frame
    DSS = 0x0000'0004,
    SDBS = 0x0000'0008, ///< Set Device Bits frame
    UFS = 0x0000'0010,
    DPS = 0x0000'0020,
    PCS = 0x0000'0040,
    DMPS = 0x0000'0080,
    PRCS = 0x0040'0000,
    IPMS = 0x0080'0000,
    OFS = 0x0100'0000, ///< the scatter list is shorter than the transfer
    INFS = 0x0400'0000,
    IFS = 0x0800'0000,
    HBDS = 0x1000'0000,
    HBFS = 0x2000'0000, ///< the command cannot be fetched
    TFES = 0x4000'0000, ///< the device reported an error
    CPDS = 0x8000'0000,
};
inline constexpr u32 kPortIrqs = 0xfdc0'00ff;

/// PxCMD.
enum class PortCmd : u32 {
    ST = 0x0000'0001,
    SUD = 0x0000'0002,
    POD = 0x0000'0004,
    FRE = 0x0000'0010,
    FR = 0x0000'4000,
    CR = 0x0000'8000,
    ATAPI = 0x0100'0000,
    DLAE = 0x0200'0000,
};
inline constexpr u32 kPortCmdWritable = 0x0300'0011; // ST, FRE, ATAPI, DLAE
inline constexpr unsigned kPortCmdCcsShift = 8;

inline constexpr u32 kTfdNoDevice = 0x7f; ///< PxTFD before the device has sent its first frame
inline constexpr u32 kNoSignature = 0xffff'ffff;
inline constexpr u32 kSstsUp = 0x113; ///< interface active, 1.5 Gb/s, device there
inline constexpr u32 kSstsOffline = 0x004;
inline constexpr u32 kSctlWritable = 0xfff;
inline constexpr u32 kSctlDet = 0x00f;
inline constexpr u32 kSctlDetReset = 0x001;
inline constexpr u32 kSctlDetOffline = 0x004;

// In memory.
inline constexpr u32 kCommandListAlign = 0x3ff;
inline constexpr u32 kReceivedFisAlign = 0xff;
inline constexpr u32 kHeaderSize = 32;     ///< of a command in the command list
inline constexpr u32 kHeaderByteCount = 4; ///< in it: PRDBC
inline constexpr u32 kTableFrame = 0x00;   ///< in a command table: the command frame
inline constexpr u32 kTablePacket = 0x40;  ///< ... the packet of a packet command
inline constexpr u32 kTablePrdt = 0x80;    ///< ... the scatter list
inline constexpr u32 kPrdSize = 16;        ///< of an entry
inline constexpr u32 kReceivedPioSetup = 0x20;
inline constexpr u32 kReceivedRegister = 0x40;
inline constexpr u32 kReceivedDeviceBits = 0x58;

} // namespace dm::ahci
