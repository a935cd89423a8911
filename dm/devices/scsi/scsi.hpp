// What every SCSI device speaks of: commands, status, messages and sense data (SAM-3, SPC-3, SPI-3 of T10).
#pragma once

#include "dm/core/fields.hpp"

#include <array>
#include <span>

namespace dm::scsi {

inline constexpr unsigned kIds = 16;     ///< on a wide bus, the host's own among them
inline constexpr u16 kUntagged = 0x0100; ///< instead of a tag, which is a byte

enum class Status : u8 { Good = 0x00, CheckCondition = 0x02, TaskSetFull = 0x28 };

/// Of information transfer: MSG, C/D and I/O.
enum class Phase : u8 { DataOut = 0, DataIn = 1, Command = 2, Status = 3, MessageOut = 6, MessageIn = 7 };
constexpr bool is_data(Phase phase) {
    return phase == Phase::DataOut || phase == Phase::DataIn;
}

enum class Message : u8 {
    COMMAND_COMPLETE = 0x00,
    EXTENDED = 0x01,
    SAVE_DATA_POINTER = 0x02,
    DISCONNECT = 0x04,
    INITIATOR_DETECTED_ERROR = 0x05,
    ABORT_TASK_SET = 0x06,
    MESSAGE_REJECT = 0x07,
    NO_OPERATION = 0x08,
    MESSAGE_PARITY_ERROR = 0x09,
    TARGET_RESET = 0x0c,
    ABORT_TASK = 0x0d,
    CLEAR_TASK_SET = 0x0e,
    SIMPLE_TAG = 0x20,
    HEAD_OF_QUEUE_TAG = 0x21,
    ORDERED_TAG = 0x22,
    IDENTIFY = 0x80,
};
inline constexpr u8 kIdentifyDisconnect = 0x40; ///< bit of IDENTIFY: the target may disconnect
inline constexpr u8 kIdentifyLun = 0x07;

/// Byte 0 of a command; its top three bits tell the command's length.
namespace op {
enum Opcode : u8 {
    TEST_UNIT_READY = 0x00,
    REZERO_UNIT = 0x01,
    REQUEST_SENSE = 0x03,
    FORMAT_UNIT = 0x04,
    READ_6 = 0x08,
    WRITE_6 = 0x0a,
    SEEK_6 = 0x0b,
    INQUIRY = 0x12,
    MODE_SELECT_6 = 0x15,
    RESERVE_6 = 0x16,
    RELEASE_6 = 0x17,
    MODE_SENSE_6 = 0x1a,
    START_STOP_UNIT = 0x1b,
    SEND_DIAGNOSTIC = 0x1d,
    PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1e,
    READ_CAPACITY_10 = 0x25,
    READ_10 = 0x28,
    WRITE_10 = 0x2a,
    SEEK_10 = 0x2b,
    WRITE_AND_VERIFY_10 = 0x2e,
    VERIFY_10 = 0x2f,
    SYNCHRONIZE_CACHE_10 = 0x35,
    WRITE_SAME_10 = 0x41,
    UNMAP = 0x42,
    MODE_SELECT_10 = 0x55,
    MODE_SENSE_10 = 0x5a,
    READ_16 = 0x88,
    WRITE_16 = 0x8a,
    WRITE_AND_VERIFY_16 = 0x8e,
    VERIFY_16 = 0x8f,
    SYNCHRONIZE_CACHE_16 = 0x91,
    WRITE_SAME_16 = 0x93,
    SERVICE_ACTION_IN_16 = 0x9e,
    REPORT_LUNS = 0xa0,
    READ_12 = 0xa8,
    WRITE_12 = 0xaa,
    WRITE_AND_VERIFY_12 = 0xae,
    VERIFY_12 = 0xaf,
};
} // namespace op

/// Command descriptor block; what a command does not have is zero.
using Cdb = std::array<u8, 16>;

/// A big-endian number of `width` bytes.
constexpr u64 be(std::span<const u8> bytes, std::size_t at, unsigned width) {
    u64 value = 0;
    for (unsigned i = 0; i < width; ++i)
        value = value << 8 | bytes[at + i];
    return value;
}

/// Sense key, additional sense code and its qualifier; where it went wrong, when that is known.
struct Sense {
    u8 key = 0;
    u8 asc = 0;
    u8 ascq = 0;
    bool has_address = false;
    u64 address = 0;

    bool operator==(const Sense&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("key", s.key);
        v("asc", s.asc);
        v("ascq", s.ascq);
        v("has_address", s.has_address);
        v("address", s.address);
    }
    constexpr bool any() const { return key != 0 || asc != 0; }
    constexpr Sense at(u64 block) const { return {key, asc, ascq, true, block}; }
};
static_assert(covers_every_field<Sense>);

inline constexpr u8 kNotReady = 0x02;
inline constexpr u8 kMediumError = 0x03;
inline constexpr u8 kHardwareError = 0x04;
inline constexpr u8 kIllegalRequest = 0x05;
inline constexpr u8 kUnitAttention = 0x06;
inline constexpr u8 kDataProtect = 0x07;
inline constexpr u8 kAbortedCommand = 0x0b;

inline constexpr Sense kNoSense{};
inline constexpr Sense kStopped{kNotReady, 0x04, 0x02};
inline constexpr Sense kNoMedium{kNotReady, 0x3a, 0x00};
inline constexpr Sense kWriteError{kMediumError, 0x0c, 0x00};
inline constexpr Sense kReadError{kMediumError, 0x11, 0x00};
inline constexpr Sense kFormatFailed{kMediumError, 0x31, 0x01};
inline constexpr Sense kTargetFailure{kHardwareError, 0x44, 0x00};
inline constexpr Sense kParameterListLength{kIllegalRequest, 0x1a, 0x00};
inline constexpr Sense kInvalidOpcode{kIllegalRequest, 0x20, 0x00};
inline constexpr Sense kLbaOutOfRange{kIllegalRequest, 0x21, 0x00};
inline constexpr Sense kInvalidField{kIllegalRequest, 0x24, 0x00};
inline constexpr Sense kNoSuchLun{kIllegalRequest, 0x25, 0x00};
inline constexpr Sense kInvalidParameter{kIllegalRequest, 0x26, 0x00};
inline constexpr Sense kSavingUnsupported{kIllegalRequest, 0x39, 0x00};
inline constexpr Sense kRemovalPrevented{kIllegalRequest, 0x53, 0x02};
inline constexpr Sense kWrongModeForTrack{kIllegalRequest, 0x64, 0x00};
inline constexpr Sense kMediumChanged{kUnitAttention, 0x28, 0x00};
inline constexpr Sense kPowerOn{kUnitAttention, 0x29, 0x00};
inline constexpr Sense kBusReset{kUnitAttention, 0x29, 0x02};
inline constexpr Sense kTargetReset{kUnitAttention, 0x29, 0x03};
inline constexpr Sense kModeChanged{kUnitAttention, 0x2a, 0x01};
inline constexpr Sense kCapacityChanged{kUnitAttention, 0x2a, 0x09};
inline constexpr Sense kWriteProtected{kDataProtect, 0x27, 0x00};
inline constexpr Sense kNoSpace{kDataProtect, 0x27, 0x07}; ///< space allocation failed
inline constexpr Sense kCommandAborted{kAbortedCommand, 0x00, 0x00};
inline constexpr Sense kOverlapped{kAbortedCommand, 0x4e, 0x00};

} // namespace dm::scsi
