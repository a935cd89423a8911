// One thing that happened to a machine, as the recorder notes it and the player repeats it.
//
// Entrances come from outside and make the board work: an access of the guest, a timer, a completion, a key.
// Everything else happens while the board works: what it asked for and was told (inputs: time, guest memory),
// and what it did (effects: interrupt lines, DMA, requests to disks). docs/recording.md lists them all.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <string_view>
#include <vector>

namespace dm::replay {

enum class Kind : u8 {
    // Entrances
    PortIn,        ///< where: port; value: reply
    PortOut,       ///< where: port; value
    PortInString,  ///< where: port; content: reply
    PortOutString, ///< where: port; content
    MemoryIn,      ///< where: address; value: reply
    MemoryOut,     ///< where: address; value
    MemoryInSpan,  ///< where: address; content: reply
    MemoryOutSpan, ///< where: address; content
    ConfigIn,      ///< where: bus and devfn << 32 | register; value: reply
    ConfigOut,     ///< where: bus and devfn << 32 | register; value
    Timers,        ///< timers that are due fire
    Completed,     ///< where: disk; value: errno; extra: place in its queue; content: see medium_echo.hpp
    Received,      ///< where: serial port; content
    Writable,      ///< where: serial port
    BreakReceived, ///< where: serial port
    Key,           ///< where: code; value: down
    Pointer,       ///< content: x, y, width, height, buttons as numbers
    End,           ///< the recording was ended in order
    // Inputs
    Look,         ///< value: the time that the board saw
    GuestRead,    ///< where: address; content
    Mapped,       ///< where: address; value: bytes asked for; extra: bytes mapped
    VideoChanged, ///< where: offset; content: what the guest wrote past the adapter
    Taken,        ///< where: serial port; value: bytes of the last Sent that were taken
    // Effects
    Reply,        ///< value: of an open PortIn, MemoryIn or ConfigIn
    ReplyString,  ///< content: of an open PortInString or MemoryInSpan
    Line,         ///< where: ISA IRQ, or kIntxBase + INTx line; value: level
    RouteLink,    ///< where: link; value: IRQ
    Shutdown,     ///< value: reason
    LockRoms,     ///< value: locked
    SleepState,   ///< value: state
    Range,        ///< where: first; value: last - first; size: RangeChange
    Function,     ///< where: devfn; value: added
    PlaceVideo,   ///< value: address + 1, or 0 for hidden
    GuestWrite,   ///< where: address; content
    Submit,       ///< where: offset; size: submit_code(); value: bytes; content: see segments.hpp
    Drain,        ///< where: disk
    Sent,         ///< where: serial port; content
    AcceptInput,  ///< where: serial port
    LineSettings, ///< where: serial port; content: baud, data bits, stop bits, parity as numbers
    Break,        ///< where: serial port; value: on
    // Added later, and therefore last: older recordings keep their numbers.
    ModemOutputs, ///< an effect; where: serial port; value: DTR, RTS. Of a port that has such lines only
    ModemInputs,  ///< an input; where: serial port; value: CTS, DSR, RI, DCD
};
inline constexpr unsigned kKinds = static_cast<unsigned>(Kind::ModemInputs) + 1;

inline constexpr unsigned kMostDepth = 16; ///< of entrances inside entrances

inline constexpr u64 kIntxBase = 0x100;

/// Bits of Record::size for Kind::Range.
enum class RangeChange : u8 { RemovePorts = 0, AddPorts = 1, RemoveMemory = 2, AddMemory = 3 };

/// Where a piece of a content comes from.
enum class Source : u8 {
    Literal,   ///< Record::bytes
    Medium,    ///< what a disk delivered last: `disk` and `skip` tell which
    Unchanged, ///< as this part of guest memory was known before
};

struct Piece {
    Source source = Source::Literal;
    u8 disk = 0;
    u8 skip = 0; ///< deliveries to skip before it
    u32 length = 0;
    bool operator==(const Piece&) const = default;
};

struct Record {
    Kind kind = Kind::End;
    u8 depth = 0;        ///< of an entrance: how many others it happened in
    bool open = false;   ///< of an entrance that reads: the reply follows in a record of its own
    bool medium = false; ///< value is no number but disk << 2 | skip: the reply is a disk's content
    u8 size = 0;         ///< bytes of an element
    u64 where = 0;
    u64 value = 0;
    u64 extra = 0;
    u64 length = 0;              ///< of the content
    std::vector<Piece> pieces{}; ///< of the content; none: all of it is literal
    std::vector<u8> bytes{};     ///< the literal parts

    bool operator==(const Record&) const = default;
};

enum class Role : u8 { Entrance, Input, Effect };

struct KindInfo {
    std::string_view name;
    Role role;
    bool moves; ///< `where` walks: it is coded as distance from the end of the one before
    bool has_value;
    bool has_extra;
    bool has_content;
};

const KindInfo& info(Kind kind);

inline bool is_entrance(Kind kind) {
    return info(kind).role == Role::Entrance;
}

} // namespace dm::replay
