// Registers, contexts and request blocks of an xHCI controller (Intel, eXtensible Host Controller Interface
// for Universal Serial Bus 1.1, chapters 5 and 6).
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/types.hpp"

#include <array>

namespace dm::xhci {

inline constexpr u64 kMicroframe = 125 * kMicrosecond;
inline constexpr u32 kFrameIndexMask = 0x3fff;

// What this controller has of everything.
inline constexpr unsigned kSlots = 32;     ///< as the uPD720200
inline constexpr unsigned kEndpoints = 64; ///< of all devices together; what is beyond is a Resource Error
inline constexpr unsigned kInterrupters = 4;
inline constexpr unsigned kMostSegments = 4;     ///< of an event ring
inline constexpr unsigned kMostPortsOfKind = 15; ///< USB 2 and USB 3 each
inline constexpr unsigned kMostPorts = 2 * kMostPortsOfKind;
inline constexpr unsigned kMostContexts = 31; ///< endpoint contexts of a device

// Where the register sets are in the BAR.
inline constexpr u64 kBarSize = 0x4000;
inline constexpr u64 kOperational = 0x40;
inline constexpr u64 kPortSets = 0x440;
inline constexpr u64 kRuntime = 0x1000;
inline constexpr u64 kInterrupterSets = 0x1020;
inline constexpr u64 kDoorbells = 0x2000;

/// Capability registers (5.3), and the extended ones behind them (7.2).
enum CapReg : u8 {
    CAPLENGTH = 0x00, ///< and HCIVERSION
    HCSPARAMS1 = 0x04,
    HCSPARAMS2 = 0x08,
    HCSPARAMS3 = 0x0c,
    HCCPARAMS = 0x10,
    DBOFF = 0x14,
    RTSOFF = 0x18,
    PROTOCOL_USB2 = 0x20,
    PROTOCOL_USB3 = 0x30,
};

/// Operational registers (5.4), from kOperational on.
enum OpReg : u8 {
    USBCMD = 0x00,
    USBSTS = 0x04,
    PAGESIZE = 0x08,
    DNCTRL = 0x14,
    CRCR = 0x18,
    CRCR_HIGH = 0x1c,
    DCBAAP = 0x30,
    DCBAAP_HIGH = 0x34,
    CONFIG = 0x38,
};

/// Of an interrupter's register set (5.5.2).
enum IntReg : u8 {
    IMAN = 0x00,
    IMOD = 0x04,
    ERSTSZ = 0x08,
    ERSTBA = 0x10,
    ERSTBA_HIGH = 0x14,
    ERDP = 0x18,
    ERDP_HIGH = 0x1c,
};
inline constexpr u64 kInterrupterStride = 0x20;
inline constexpr u64 kPortStride = 0x10;

enum class Cmd : u32 {
    RS = 1U << 0,
    HCRST = 1U << 1,
    INTE = 1U << 2,
    HSEE = 1U << 3,
    CSS = 1U << 8,
    CRS = 1U << 9,
    EWE = 1U << 10,
    EU3S = 1U << 11,
};
inline constexpr u32 kCmdMask = 0x0c0d; // the others clear themselves

enum class Sts : u32 {
    HCH = 1U << 0,
    HSE = 1U << 2,
    EINT = 1U << 3,
    PCD = 1U << 4,
    SRE = 1U << 10,
    HCE = 1U << 12,
};
inline constexpr u32 kStsMask = 0x141d;
inline constexpr u32 kStsClearable = 0x041c;

/// Bits of CRCR.
enum Crcr : u32 { RCS = 1, CS = 2, CA = 4, CRR = 8 };
inline constexpr u32 kRingPointer = 0xffffffc0;

/// Bits of IMAN and ERDP.
enum Iman : u32 { IP = 1, IE = 2 };
inline constexpr u32 EHB = 8;
inline constexpr u64 kModeration = 250; ///< ns, unit of IMODI
inline constexpr u32 kModerationReset = 4000;

enum class Portsc : u32 {
    CCS = 1U << 0,
    PED = 1U << 1,
    PR = 1U << 4,
    PP = 1U << 9,
    LWS = 1U << 16,
    CSC = 1U << 17,
    PEC = 1U << 18,
    PRC = 1U << 21,
    PLC = 1U << 22,
    WPR = 1U << 31,
};
inline constexpr u32 kPortStored = 0x0efec1e3; // all but speed and PP, which is 1
inline constexpr u32 kPortClearable = 0x00fe0000;
inline constexpr u32 kPortWritable = 0x0e00c000; // wake bits, indicators
inline constexpr u32 kSpeedFull = 1U << 10;
inline constexpr u32 kSpeedHigh = 3U << 10;

/// PLS.
enum class Link : u8 { U0 = 0, U3 = 3, RxDetect = 5, Polling = 7, Resume = 15 };
inline constexpr unsigned kLinkShift = 5;
inline constexpr u32 kLinkMask = 15U << kLinkShift;

enum class TrbType : u8 {
    Normal = 1,
    Setup = 2,
    Data = 3,
    Status = 4,
    Isoch = 5,
    Link = 6,
    EventData = 7,
    NoOp = 8,
    EnableSlot = 9,
    DisableSlot = 10,
    AddressDevice = 11,
    ConfigureEndpoint = 12,
    EvaluateContext = 13,
    ResetEndpoint = 14,
    StopEndpoint = 15,
    SetTrDequeue = 16,
    ResetDevice = 17,
    GetPortBandwidth = 21,
    NoOpCommand = 23,
    TransferEvent = 32,
    CommandCompletion = 33,
    PortStatusChange = 34,
    HostController = 37,
    FrameIndexWrap = 39,
    NecCompletion = 48,       ///< NEC's own, as its and other systems' drivers know them
    NecFirmwareRevision = 49, ///< a command
    NecChallenge = 50,        ///< a command
};

/// Completion codes (table 6-90).
enum class Code : u8 {
    Success = 1,
    BabbleDetected = 3,
    UsbTransactionError = 4,
    TrbError = 5,
    StallError = 6,
    ResourceError = 7,
    NoSlotsAvailable = 9,
    SlotNotEnabled = 11,
    EndpointNotEnabled = 12,
    ShortPacket = 13,
    ParameterError = 17,
    ContextStateError = 19,
    EventRingFull = 21,
    CommandRingStopped = 24,
    Stopped = 26,
};

/// Bits of a request block's last word.
enum class TrbBit : u32 {
    C = 1U << 0,
    TC_ENT = 1U << 1, ///< toggle cycle; evaluate next
    ISP_ED = 1U << 2, ///< interrupt on short packet; of an event: data of an event data block
    CH = 1U << 4,
    IOC = 1U << 5,
    IDT = 1U << 6,
    BSR_BEI = 1U << 9, ///< block SET_ADDRESS, deconfigure; block event interrupt
    DIR = 1U << 16,    ///< of control transfers: to the host
};
inline constexpr unsigned kTrbTypeShift = 10;
inline constexpr u32 kTransferLength = 0x1ffff;
inline constexpr unsigned kInterrupterShift = 22;
inline constexpr std::size_t kTrbSize = 16;

struct Trb {
    u64 parameter = 0;
    u32 status = 0;
    u32 control = 0;
    constexpr bool has(TrbBit bit) const { return (control & static_cast<u32>(bit)) != 0; }
    constexpr TrbType type() const { return static_cast<TrbType>(control >> kTrbTypeShift & 63); }
    constexpr u32 length() const { return status & kTransferLength; }
    constexpr u8 slot() const { return static_cast<u8>(control >> 24); }
    constexpr u8 endpoint() const { return static_cast<u8>(control >> 16 & 31); }
};

// Contexts (6.2), of 32 bytes.
inline constexpr u64 kContextSize = 32;
using Context = std::array<u32, kContextSize / 4>;

enum class SlotState : u8 { Disabled, Enabled, Default, Addressed, Configured };
/// As a slot context has it: disabled and enabled are one.
constexpr u32 slot_state_field(SlotState state) {
    return state <= SlotState::Enabled ? 0 : static_cast<u32>(state) - 1;
}
inline constexpr unsigned kSlotStateShift = 27;
inline constexpr unsigned kContextEntriesShift = 27;

enum class EpState : u8 { Disabled, Running, Halted, Stopped, Error };
/// Endpoint types; those with bit 2 are IN or both ways.
enum class EpType : u8 { None, IsochOut, BulkOut, InterruptOut, Control, IsochIn, BulkIn, InterruptIn };

constexpr bool isochronous(EpType type) {
    return type == EpType::IsochOut || type == EpType::IsochIn;
}
constexpr bool interrupt(EpType type) {
    return type == EpType::InterruptOut || type == EpType::InterruptIn;
}

constexpr bool bulk(EpType type) {
    return type == EpType::BulkOut || type == EpType::BulkIn;
}

/// Interval of an endpoint context: so many microframes to the power of two (6.2.3.6).
inline constexpr unsigned kMostInterval = 15;

// Bounds. What is beyond them waits for the next frame.

/// Request blocks and packets that are worked on at once.
inline constexpr unsigned kWorkAtOnce = 1024;
/// Links one after the other; more lead nowhere.
inline constexpr unsigned kMostLinks = 32;
/// Request blocks that one packet is spread over; more are a TRB Error.
inline constexpr unsigned kMostPieces = 8;
inline constexpr unsigned kMostPacket = 1024;

} // namespace dm::xhci
