// Registers and structures of an EHCI controller (Intel, Enhanced Host Controller Interface Specification for
// Universal Serial Bus 1.0, sections 2 and 3).
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/types.hpp"

namespace dm::ehci {

inline constexpr unsigned kRootPorts = 6;
inline constexpr u64 kRegisters = 4096;
inline constexpr u64 kMicroframe = 125 * kMicrosecond;
inline constexpr u64 kMicroframes = 8; ///< of a frame
inline constexpr u64 kFrame = kMicroframes * kMicroframe;
inline constexpr unsigned kFrameListEntries = 1024;
inline constexpr u64 kFrindexMask = 0x3fff;
inline constexpr u64 kRollover = 0x2000; ///< microframes after which the frame list begins again

/// Capability registers.
enum Cap : u8 { CAPLENGTH = 0x00, HCSPARAMS = 0x04, HCCPARAMS = 0x08 };
inline constexpr u8 kCapLength = 0x20;
inline constexpr u32 kCapLengthVersion = 0x01000000 | kCapLength;
inline constexpr unsigned kLegacyCapability = 0x68; ///< in config space
/// The whole frame is read ahead; a frame list of 1024 entries only; 32-bit addresses.
inline constexpr u32 kHccParams = kLegacyCapability << 8 | 0x80;

/// Operational registers, from CAPLENGTH on.
enum Reg : u8 {
    USBCMD = 0x00,
    USBSTS = 0x04,
    USBINTR = 0x08,
    FRINDEX = 0x0c,
    CTRLDSSEGMENT = 0x10,
    PERIODICLISTBASE = 0x14,
    ASYNCLISTADDR = 0x18,
    CONFIGFLAG = 0x40,
    PORTSC = 0x44,
};

enum class Cmd : u32 { RS = 0x01, HCRESET = 0x02, PSE = 0x10, ASE = 0x20, IAAD = 0x40 };
inline constexpr u32 kCmdMask = 0x00ff0031; // with the interrupt threshold
inline constexpr u32 kCmdReset = 0x00080000;

enum class Sts : u32 {
    USBINT = 0x0001,
    USBERRINT = 0x0002,
    PCD = 0x0004,
    FLR = 0x0008,
    HSE = 0x0010,
    IAA = 0x0020,
    HCHALTED = 0x1000,
    PSS = 0x4000,
    ASS = 0x8000,
};
inline constexpr u32 kStsClearable = 0x3f; // also what USBINTR has

enum class Portsc : u32 {
    CCS = 0x0001,
    CSC = 0x0002,
    PED = 0x0004,
    PEDC = 0x0008,
    FPR = 0x0040,
    SUSP = 0x0080,
    PR = 0x0100,
    LINE_J = 0x0800,
    PP = 0x1000,
    PO = 0x2000,
};
inline constexpr u32 kPortWakes = 0x00700000; // WKOC_E, WKDSCNNT_E, WKCNNT_E: storage
inline constexpr u32 kPortStored = kPortWakes | 0x21ce;
inline constexpr u32 kPortClearable = 0x000a;

/// Bits of all link pointers.
enum Link : u32 { T = 1, kAddress = 0xffffffe0 };
enum class LinkType : u8 { Itd, Qh, Sitd, Fstn };
constexpr LinkType type_of(u32 link) {
    return static_cast<LinkType>(link >> 1 & 3);
}

/// Words of a queue head (3.6); from NextQtd on as in a transfer descriptor (3.5).
enum Qh : u8 { Horizontal, Characteristics, Capabilities, CurrentQtd, NextQtd, AltNextQtd, Token, Buffers };
inline constexpr unsigned kQhWords = 12;
inline constexpr unsigned kQtdWords = 8;
inline constexpr unsigned kQtdToken = 2; ///< word
inline constexpr unsigned kPages = 5;
inline constexpr u32 kPage = 4096;

/// Characteristics.
inline constexpr u32 kInactivate = 0x80;
inline constexpr u32 kToggleFromQtd = 0x4000;
inline constexpr u32 kReclamationHead = 0x8000;
inline constexpr u32 kHighSpeed = 2; ///< of EPS
inline constexpr u32 kMostPacket = 1024;

/// Token.
enum class Tok : u32 {
    XACTERR = 0x08,
    BABBLE = 0x10,
    BUFFER_ERROR = 0x20,
    HALTED = 0x40,
    ACTIVE = 0x80,
    IOC = 0x8000,
    TOGGLE = 0x80000000,
};
inline constexpr unsigned kErrorCounterShift = 10;
inline constexpr u32 kErrorCounter = 3U << kErrorCounterShift;
inline constexpr unsigned kPageFieldShift = 12;
inline constexpr u32 kPageField = 7U << kPageFieldShift;
inline constexpr unsigned kBytesShift = 16;
inline constexpr u32 kBytes = 0x7fffU << kBytesShift;

// Isochronous descriptors (3.3, 3.4).
inline constexpr unsigned kItdWords = 16;
inline constexpr unsigned kItdTransactions = 8; ///< words 1 to 8
inline constexpr unsigned kItdDirection = 10;   ///< word with the bit
inline constexpr u32 kItdIn = 0x800;
inline constexpr u32 kItdActive = 0x80000000;
inline constexpr u32 kItdXactErr = 0x10000000;
inline constexpr u32 kItdLength = 0x0fff0000;
inline constexpr u32 kItdIoc = 0x8000;
inline constexpr unsigned kSitdWords = 7;
inline constexpr unsigned kSitdStatus = 3; ///< word
inline constexpr u32 kSitdIoc = 0x80000000;

// Bounds. What the schedules hold beyond them waits for the next look.

/// Queue heads and descriptors of a frame's list or of the asynchronous one.
inline constexpr unsigned kMostLinks = 256;
/// The same for all that one look finds.
inline constexpr unsigned kMostLinksTogether = 4096;
/// Data bytes of a look.
inline constexpr unsigned kMostBytes = 128 * 1024;
/// Frames that are caught up with one by one; of older ones each schedule is looked at once.
inline constexpr u64 kCatchUp = 16;
inline constexpr u64 kMostFramesTogether = 320;

// How often the schedules are looked at: docs/devices/ehci.md.

inline constexpr u64 kRestPart = 4;
inline constexpr u64 kSlowestAsync = 50 * kMillisecond; ///< until 2 s of rest
inline constexpr u64 kLongRestPart = 40;
inline constexpr u64 kSlowestAsyncAtRest = 200 * kMillisecond; ///< from 8 s on
inline constexpr u64 kSlowestPeriodic = 300 * kMillisecond;
static_assert(kSlowestAsyncAtRest <= kSlowestPeriodic && kSlowestPeriodic / kFrame <= kMostFramesTogether);

} // namespace dm::ehci
