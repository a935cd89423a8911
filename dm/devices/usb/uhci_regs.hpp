// Registers and structures of a UHCI controller (Intel, Universal Host Controller Interface Design Guide 1.1,
// sections 2 and 3; 82371FB/82371SB datasheet 290550, USB host interface).
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/types.hpp"

namespace dm::uhci {

inline constexpr unsigned kRootPorts = 2;
inline constexpr u64 kFrame = kMillisecond;
inline constexpr u16 kFrameNumberMask = 0x07ff;
inline constexpr unsigned kFrameListEntries = 1024;

/// Offsets in the I/O block.
enum Reg : u8 {
    USBCMD = 0x00,
    USBSTS = 0x02,
    USBINTR = 0x04,
    FRNUM = 0x06,
    FLBASEADD = 0x08,
    SOFMOD = 0x0c,
    PORTSC1 = 0x10,
    PORTSC2 = 0x12,
};
inline constexpr unsigned kRegisters = 32;

enum class Cmd : u16 {
    RS = 0x0001,
    HCRESET = 0x0002,
    GRESET = 0x0004,
    EGSM = 0x0008,
    FGR = 0x0010,
    SWDBG = 0x0020,
    CF = 0x0040,
    MAXP = 0x0080,
};
inline constexpr u16 kCmdMask = 0x00fd; // HCRESET clears itself

enum class Sts : u16 {
    USBINT = 0x0001,
    ERROR = 0x0002,
    RESUME = 0x0004,
    HSE = 0x0008,
    HCPE = 0x0010,
    HCHALTED = 0x0020,
};
inline constexpr u16 kStsMask = 0x003f;
inline constexpr u16 kStsClearable = 0x001f;

enum class Intr : u16 { TIMEOUT_CRC = 0x0001, RESUME = 0x0002, IOC = 0x0004, SHORT_PACKET = 0x0008 };
inline constexpr u16 kIntrMask = 0x000f;

enum class Portsc : u16 {
    CCS = 0x0001,
    CSC = 0x0002,
    PED = 0x0004,
    PEDC = 0x0008,
    LINE_D_PLUS = 0x0010,
    LINE_D_MINUS = 0x0020,
    RD = 0x0040,
    ALWAYS_ONE = 0x0080,
    LSDA = 0x0100,
    PR = 0x0200,
    SUSP = 0x1000,
};
inline constexpr u16 kPortStored = 0x124f; // CCS, CSC, PED, PEDC, RD, PR, SUSP
inline constexpr u16 kPortWritable = 0x1244;
inline constexpr u16 kPortClearable = 0x000a;

/// Bits of all link pointers.
enum Link : u32 { T = 1, Q = 2, VF = 4, kAddress = 0xfffffff0 };

/// Control and status of a transfer descriptor.
enum class Td : u32 {
    BITSTUFF = 1U << 17,
    CRC_TIMEOUT = 1U << 18,
    NAK = 1U << 19,
    BABBLE = 1U << 20,
    BUFFER_ERROR = 1U << 21,
    STALLED = 1U << 22,
    ACTIVE = 1U << 23,
    IOC = 1U << 24,
    IOS = 1U << 25,
    LS = 1U << 26,
    SPD = 1U << 29,
};
inline constexpr u32 kActualLength = 0x7ff;
inline constexpr u32 kTdErrors = 0x00760000; // all of the status but ACTIVE and NAK
inline constexpr unsigned kErrorCounterShift = 27;
inline constexpr u32 kErrorCounter = 3U << kErrorCounterShift;

// Bounds. What a schedule holds beyond them waits for the next frame.

/// Data bytes of a frame: what is left of its 1500 bytes of time when packets have had theirs.
inline constexpr unsigned kFrameBytes = 1280;
/// Queue heads and descriptors that are looked at in a frame. A list that is longer never fits.
inline constexpr unsigned kMostLinks = 256;
/// The same for all frames that are caught up with at once.
inline constexpr unsigned kMostLinksTogether = 4096;
/// Frames that are caught up with one by one; of older ones each schedule is looked at once.
inline constexpr u64 kCatchUp = 16;
/// Frames whose schedules are looked at at all when time has passed.
inline constexpr u64 kMostFramesTogether = 320;

// How often the schedule is looked at: docs/devices/uhci.md.

/// While nothing happens, at intervals of this part of the time since the last event ...
inline constexpr u64 kRestPart = 4;
/// ... up to this.
inline constexpr u64 kSlowestFrames = 300;
static_assert(kSlowestFrames <= kMostFramesTogether);

} // namespace dm::uhci
