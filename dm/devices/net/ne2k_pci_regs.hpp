// Registers and bits of the RTL8029AS (Realtek, LS009.0, chapter 5) and of the DP8390D that it contains
// (National Semiconductor TL/F/8582, chapter 10), by their names there.
#pragma once

#include "dm/core/types.hpp"

namespace dm::ne2k_pci {

inline constexpr unsigned kBarBytes = 256; ///< as guests know it from QEMU; registers are in the first 32
// Places in the BAR: 16 registers, then two ports that each answer at eight of them.
inline constexpr unsigned kCr = 0x00;
inline constexpr unsigned kDataPort = 0x10;
inline constexpr unsigned kResetPort = 0x18;
inline constexpr unsigned kEnd = 0x20;

/// What a register is when it is read: CR.PS, then its place.
enum class In : u8 {
    CLDA0 = 0x01,
    CLDA1 = 0x02,
    BNRY = 0x03,
    TSR = 0x04,
    NCR = 0x05,
    FIFO = 0x06,
    ISR = 0x07,
    CRDA0 = 0x08,
    CRDA1 = 0x09,
    ID0 = 0x0a, ///< 8029ID0
    ID1 = 0x0b,
    RSR = 0x0c,
    CNTR0 = 0x0d,
    CNTR1 = 0x0e,
    CNTR2 = 0x0f,
    PAR0 = 0x11, ///< to PAR5 at 16
    CURR = 0x17,
    MAR0 = 0x18, ///< to MAR7 at 1f
    PSTART = 0x21,
    PSTOP = 0x22,
    TPSR = 0x24,
    RCR = 0x2c,
    TCR = 0x2d,
    DCR = 0x2e,
    IMR = 0x2f,
    CR9346 = 0x31,
    CONFIG0 = 0x33,
    CONFIG2 = 0x35,
    CONFIG3 = 0x36,
    ASID0 = 0x3e, ///< 8029ASID0
    ASID1 = 0x3f,
};
/// And when it is written.
enum class Out : u8 {
    PSTART = 0x01,
    PSTOP = 0x02,
    BNRY = 0x03,
    TPSR = 0x04,
    TBCR0 = 0x05,
    TBCR1 = 0x06,
    ISR = 0x07,
    RSAR0 = 0x08,
    RSAR1 = 0x09,
    RBCR0 = 0x0a,
    RBCR1 = 0x0b,
    RCR = 0x0c,
    TCR = 0x0d,
    DCR = 0x0e,
    IMR = 0x0f,
    PAR0 = 0x11,
    CURR = 0x17,
    MAR0 = 0x18,
    CR9346 = 0x31,
    CONFIG2 = 0x35,
    CONFIG3 = 0x36,
    HLTCLK = 0x39,
};

enum class Cr : u8 { STP = 0x01, STA = 0x02, TXP = 0x04, RD0 = 0x08, RD1 = 0x10, RD2 = 0x20 };
inline constexpr u8 kCrAtReset = 0x21; ///< STP, RD2
inline constexpr u8 kCrPage = 0xc0;    ///< PS1, PS0

enum class Isr : u8 {
    PRX = 0x01,
    PTX = 0x02,
    RXE = 0x04,
    TXE = 0x08,
    OVW = 0x10,
    CNT = 0x20,
    RDC = 0x40,
    RST = 0x80, ///< tells a state, and is no cause of interrupts
};
inline constexpr u8 kCauses = 0x7f;

enum class Rcr : u8 { SEP = 0x01, AR = 0x02, AB = 0x04, AM = 0x08, PRO = 0x10, MON = 0x20 };
inline constexpr u8 kRcrWritable = 0x3f; ///< the others read as ones, as in the next three
enum class Tcr : u8 { CRC = 0x01, LB0 = 0x02, LB1 = 0x04, ATD = 0x08, OFST = 0x10 };
inline constexpr u8 kTcrWritable = 0x1f;
inline constexpr u8 kTcrLoopback = 0x06;
enum class Dcr : u8 { WTS = 0x01, BOS = 0x02, LAS = 0x04, LS = 0x08, ARM = 0x10 };
inline constexpr u8 kDcrWritable = 0x7f;
inline constexpr u8 kDcrAtReset = 0x04; ///< LAS
inline constexpr u8 kImrWritable = 0x7f;

enum class Tsr : u8 { PTX = 0x01, COL = 0x04, ABT = 0x08, CRS = 0x10, CDH = 0x40, OWC = 0x80 };
inline constexpr u8 kTsrAlways = 0x02;
enum class Rsr : u8 {
    PRX = 0x01,
    CRC = 0x02,
    MPA = 0x10,
    PHY = 0x20, ///< multicast or broadcast
    DIS = 0x40,
};

inline constexpr u8 kCounterMost = 0xc0; ///< the tally counters stop there
inline constexpr u8 kCounterTells = 0x80;

inline constexpr u8 kId0 = 'P';
inline constexpr u8 kId1 = 'C';
inline constexpr u8 kAsid0 = 0x29;
inline constexpr u8 kAsid1 = 0x80;

/// 9346CR: the mode.
inline constexpr u8 kEem = 0xc0;
inline constexpr u8 kEemAutoLoad = 0x40;
inline constexpr u8 kEemWriteConfig = 0xc0;
inline constexpr u8 kEeWritable = 0xce; ///< mode and the wires that go to the EEPROM
inline constexpr u8 kEedo = 0x01;

// What the EEPROM would load: 10BASE-T, both ways at once.
inline constexpr u8 kConfig2AtReset = 0x40;
inline constexpr u8 kConfig2Writable = 0xe0; ///< medium, flow control
inline constexpr u8 kConfig3AtReset = 0x40;
inline constexpr u8 kConfig3Writable = 0x76; ///< duplex, LEDs, sleep, power-down

// Addresses as the chip's DMA sees them: A15 is not decoded, A14 tells the memory from the PROM.
inline constexpr u16 kPageBytes = 256;
inline constexpr u8 kRamPage = 0x40; ///< the bit of a page's number
inline constexpr u16 kRamBytes = 0x4000;
inline constexpr unsigned kPromBytes = 32; ///< 16 bytes, each twice
inline constexpr u8 kPromSignature = 0x57; ///< behind the address: a card of 16 bits

/// In front of a frame in the receive ring: status, page of the next one, length with FCS.
inline constexpr unsigned kRxHeader = 4;

} // namespace dm::ne2k_pci
