// Registers, bits and descriptors of the RTL8139C+ (Realtek, "RTL8139C(L)+ Fast Ethernet Controller with
// Power Management", rev. 1.6, chapters 6 and 9) by their names there.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <cstddef>

namespace dm::rtl8139 {

inline constexpr std::size_t kRegisters = 256; ///< bytes, in I/O and in memory space

/// Offset of each register. Of arrays only the first; of those of 64 bits both halves.
enum class Reg : u8 {
    IDR0 = 0x00,
    MAR0 = 0x08,
    TSD0 = 0x10,  ///< to TSD3 at 1c; in C+ mode DTCCR, 64 bits
    TSAD0 = 0x20, ///< to TSAD3 at 2c; in C+ mode TNPDS and THPDS, 64 bits each
    RBSTART = 0x30,
    ERBCR = 0x34,
    ERSR = 0x36,
    CR = 0x37,
    CAPR = 0x38,
    CBR = 0x3a,
    IMR = 0x3c,
    ISR = 0x3e,
    TCR = 0x40,
    RCR = 0x44,
    TCTR = 0x48,
    MPC = 0x4c,
    CR9346 = 0x50,
    CONFIG0 = 0x51,
    CONFIG1 = 0x52,
    TIMERINT = 0x54,
    MSR = 0x58,
    CONFIG3 = 0x59,
    CONFIG4 = 0x5a,
    HLTCLK = 0x5b, ///< of the RTL8139A; drivers write it
    MULINT = 0x5c,
    RERID = 0x5e,
    TSAD = 0x60,
    BMCR = 0x62,
    BMSR = 0x64,
    ANAR = 0x66,
    ANLPAR = 0x68,
    ANER = 0x6a,
    CSCR = 0x74,
    WAKEUP = 0x84, ///< CRC0 to LSBCRC7: what wakes the machine
    CONFIG5 = 0xd8,
    TPPOLL = 0xd9,
    CPCR = 0xe0,
    RDSAR = 0xe4,
    ETTHR = 0xec,
};

/// Bytes from CRC0 (84) to LSBCRC7 (d3).
inline constexpr std::size_t kWakeupBytes = 0xd4 - 0x84;

enum class Cr : u8 { BUFE = 0x01, TE = 0x04, RE = 0x08, RST = 0x10 };

/// ISR and IMR.
enum class Int : u16 {
    ROK = 0x0001,
    RER = 0x0002,
    TOK = 0x0004,
    TER = 0x0008,
    RXOVW = 0x0010, ///< in C+ mode RDU: no receive descriptor
    LINKCHG = 0x0020,
    FOVW = 0x0040,
    TDU = 0x0080, ///< no transmit descriptor, C+ mode only
    SWINT = 0x0100,
    LENCHG = 0x2000,
    TIMEOUT = 0x4000,
    SERR = 0x8000,
};
inline constexpr u16 kIntReserved = 0x1e00;

enum class Tsd : u32 { OWN = 0x2000, TUN = 0x4000, TOK = 0x8000, TABT = 0x4000'0000, CRS = 0x8000'0000 };
inline constexpr u32 kTsdSize = 0x1fff;
inline constexpr u32 kTsdWritable = 0x003f'3fff; ///< size, OWN, early transmit threshold

inline constexpr u32 kTcrAtReset = 0x7480'0000; ///< the revision: RTL8139C+
inline constexpr u32 kTcrWritable = 0x0307'07f0;
inline constexpr u32 kTcrLoopback = 0x0006'0000;

enum class Rcr : u32 { AAP = 0x01, APM = 0x02, AM = 0x04, AB = 0x08, AR = 0x10, AER = 0x20, WRAP = 0x80 };
inline constexpr u32 kRcrWritable = 0x0f03'ffbf;
constexpr u32 ring_size(u32 rcr) {
    return u32{8192} << (rcr >> 11 & 3);
}

inline constexpr unsigned kTimerPeriod = 30; ///< ns: TCTR counts the PCI clock

inline constexpr u32 kMpcMask = 0x00ff'ffff;

/// 9346CR: the mode in bits 7 and 6, the EEPROM's wires below.
inline constexpr u8 kEem = 0xc0;
inline constexpr u8 kEemAutoLoad = 0x40;
inline constexpr u8 kEemProgram = 0x80;
inline constexpr u8 kEemWriteConfig = 0xc0;
enum class Ee : u8 { EEDO = 0x01, EEDI = 0x02, EESK = 0x04, EECS = 0x08 };
inline constexpr u8 kEeWritable = 0xce;

inline constexpr u8 kConfig0Writable = 0x07;
inline constexpr u8 kConfig1AtReset = 0x0c; ///< MEMMAP, IOMAP
inline constexpr u8 kConfig1Writable = 0xf3;
inline constexpr u8 kConfig3AtReset = 0x01; ///< fast back-to-back
inline constexpr u8 kConfig3Writable = 0x70;
inline constexpr u8 kConfig4Writable = 0xf5;
inline constexpr u8 kConfig5Writable = 0x7f;
inline constexpr u16 kMulintWritable = 0x0fff;

inline constexpr u8 kMsrLinkDown = 0x04; ///< LINKB
inline constexpr u8 kMsr = 0xd0;         ///< flow control both ways, auxiliary power

inline constexpr u8 kRevision = 0x20; ///< RERID and the PCI header's

// The PHY: what a partner that can do 100 Mb/s, both ways at once, has agreed to.
inline constexpr u16 kBmcrAtReset = 0x1000; ///< negotiates
inline constexpr u16 kBmcrReset = 0x8000;
inline constexpr u16 kBmcrWritable = 0x3100; ///< speed, negotiation, duplex
inline constexpr u16 kBmsr = 0x7829;
inline constexpr u16 kBmsrLink = 0x0004;
inline constexpr u16 kAnarAtReset = 0x05e1;
inline constexpr u16 kAnlpar = 0x05e1;
inline constexpr u16 kAner = 0x0001;
inline constexpr u16 kCscr = 0x0340; ///< link, heartbeat

enum class Poll : u8 { FSWINT = 0x01, NPQ = 0x40, HPQ = 0x80 };

enum class Cpcr : u16 { CPTX = 0x01, CPRX = 0x02, MULRW = 0x08, DAC = 0x10, RXCHKSUM = 0x20, RXVLAN = 0x40 };
inline constexpr u16 kCpcrWritable = 0x007b;

inline constexpr u32 kDtccrCommand = 0x08; ///< dump the tally counters
inline constexpr u32 kDtccrAddress = ~u32{0x3f};

// What stands in front of a frame in the receive buffer (C mode): status, then length with FCS.
enum class RxStatus : u16 { ROK = 0x0001, BAR = 0x2000, PAM = 0x4000, MAR = 0x8000 };
inline constexpr u32 kRxHeader = 4;
inline constexpr u32 kRxAlignment = 4;

/// A descriptor of C+ mode, 16 bytes: control, VLAN, address.
struct Descriptor {
    u32 control = 0;
    u32 vlan = 0;
    u64 address = 0;
};
inline constexpr std::size_t kDescriptorBytes = 16;
inline constexpr u8 kRingMost = 64; ///< descriptors; behind the last one the ring begins anew

namespace desc {
inline constexpr u32 OWN = 0x8000'0000;
inline constexpr u32 EOR = 0x4000'0000;
inline constexpr u32 FS = 0x2000'0000;
inline constexpr u32 LS = 0x1000'0000;

// Transmit. What is below LS and above the size belongs to the status once the card has given it back.
inline constexpr u32 LGSEN = 0x0800'0000;
constexpr u16 mss(u32 control) {
    return static_cast<u16>(control >> 16 & 0x7ff);
}
inline constexpr u32 IPCS = 0x0004'0000;
inline constexpr u32 UDPCS = 0x0002'0000;
inline constexpr u32 TCPCS = 0x0001'0000;
inline constexpr u32 kTxStatus = 0x0fff'0000;
inline constexpr u32 kTxSize = 0xffff;
inline constexpr u32 TAGC = 0x0002'0000; ///< of the VLAN word

// Receive.
inline constexpr u32 MAR = 0x0400'0000;
inline constexpr u32 PAM = 0x0200'0000;
inline constexpr u32 BAR = 0x0100'0000;
inline constexpr u32 PID_TCP = 0x0001'0000;
inline constexpr u32 PID_UDP = 0x0002'0000;
inline constexpr u32 PID_IP = 0x0003'0000;
inline constexpr u32 IPF = 0x0000'8000;
inline constexpr u32 UDPF = 0x0000'4000;
inline constexpr u32 TCPF = 0x0000'2000;
inline constexpr u32 kRxSize = 0x1fff;
inline constexpr u32 TAVA = 0x0001'0000; ///< of the VLAN word
} // namespace desc

/// The tag stands in the VLAN word as its bytes stand in the frame.
constexpr u16 swapped(u32 tag) {
    return static_cast<u16>((tag & 0xff) << 8 | (tag >> 8 & 0xff));
}

} // namespace dm::rtl8139
