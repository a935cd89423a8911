// Packet commands of a CD-ROM/DVD-ROM drive and the shape of their answers (MMC-3, T10 1363D; SPC-2 for
// INQUIRY and REQUEST SENSE). Pure functions: what a command answers depends only on their arguments.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace dm::mmc {

inline constexpr u32 kSectorSize = 2048;
inline constexpr u32 kRawSectorSize = 2352;     ///< sync, header, user data, error correction
inline constexpr u32 kRawUserData = 16;         ///< where the user data starts in a raw sector
inline constexpr u32 kLargestCd = 80 * 60 * 75; ///< sectors; a larger disc is a DVD
inline constexpr u32 kSpeed = 704;              ///< KiB/s: what every host takes for a CD-ROM's
inline constexpr u32 kPerformanceHeader = 8;    ///< bytes
inline constexpr u32 kPerformanceDescriptor = 16;

enum class Opcode : u8 {
    TEST_UNIT_READY = 0x00,
    REQUEST_SENSE = 0x03,
    INQUIRY = 0x12,
    START_STOP_UNIT = 0x1b,
    PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1e,
    READ_CAPACITY = 0x25,
    READ_10 = 0x28,
    SEEK_10 = 0x2b,
    READ_SUBCHANNEL = 0x42,
    READ_TOC = 0x43,
    PLAY_AUDIO_10 = 0x45,
    GET_CONFIGURATION = 0x46,
    PLAY_AUDIO_MSF = 0x47,
    GET_EVENT_STATUS_NOTIFICATION = 0x4a,
    PAUSE_RESUME = 0x4b,
    STOP_PLAY_SCAN = 0x4e,
    READ_DISC_INFORMATION = 0x51,
    READ_TRACK_INFORMATION = 0x52,
    MODE_SENSE_10 = 0x5a,
    READ_12 = 0xa8,
    GET_PERFORMANCE = 0xac,
    READ_DVD_STRUCTURE = 0xad,
    READ_CD_MSF = 0xb9,
    SET_CD_SPEED = 0xbb,
    MECHANISM_STATUS = 0xbd,
    READ_CD = 0xbe,
};

/// Command descriptor block.
using Cdb = std::array<u8, 12>;

constexpr u32 be16(const Cdb& cdb, unsigned at) {
    return u32{cdb[at]} << 8 | cdb[at + 1];
}
constexpr u32 be24(const Cdb& cdb, unsigned at) {
    return u32{cdb[at]} << 16 | be16(cdb, at + 1);
}
constexpr u32 be32(const Cdb& cdb, unsigned at) {
    return be16(cdb, at) << 16 | be16(cdb, at + 2);
}

/// Sense key, additional sense code and its qualifier.
struct Sense {
    u8 key = 0;
    u8 asc = 0;
    u8 ascq = 0;

    bool operator==(const Sense&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("key", s.key);
        v("asc", s.asc);
        v("ascq", s.ascq);
    }
};

inline constexpr u8 kNotReady = 0x02;
inline constexpr u8 kMediumError = 0x03;
inline constexpr u8 kIllegalRequest = 0x05;
inline constexpr u8 kUnitAttention = 0x06;
inline constexpr Sense kNoMedium{kNotReady, 0x3a, 0x01}; ///< tray closed
inline constexpr Sense kNoMediumTrayOpen{kNotReady, 0x3a, 0x02};
inline constexpr Sense kReadError{kMediumError, 0x11, 0x00};
inline constexpr Sense kInvalidOpcode{kIllegalRequest, 0x20, 0x00};
inline constexpr Sense kLbaOutOfRange{kIllegalRequest, 0x21, 0x00};
inline constexpr Sense kInvalidField{kIllegalRequest, 0x24, 0x00};
inline constexpr Sense kSequenceError{kIllegalRequest, 0x2c, 0x00};
inline constexpr Sense kIncompatibleFormat{kIllegalRequest, 0x30, 0x02};
inline constexpr Sense kSavingUnsupported{kIllegalRequest, 0x39, 0x00};
inline constexpr Sense kRemovalPrevented{kIllegalRequest, 0x53, 0x02};
inline constexpr Sense kIllegalModeForTrack{kIllegalRequest, 0x64, 0x00};
inline constexpr Sense kMediumChanged{kUnitAttention, 0x28, 0x00};

/// Class "media" of GET EVENT STATUS NOTIFICATION.
enum class MediaEvent : u8 { None = 0, EjectRequest = 1, NewMedia = 2, MediaRemoval = 3 };

/// What the answers depend on.
struct Drive {
    std::string_view model;
    std::string_view firmware;
    std::string_view serial;
    u32 sectors = 0; ///< 0: no medium
    bool tray_open = false;
    bool tray_locked = false;
};

/// An answer, or the reason why there is none. Shortened to the allocation length by the caller.
struct Answer {
    std::array<u8, kSectorSize + 4> bytes{};
    u32 length = 0;
    std::optional<Sense> error;
};

Answer request_sense(const Sense& sense);
Answer inquiry(const Cdb& cdb, const Drive& drive);
Answer read_capacity(const Drive& drive);
Answer read_toc(const Cdb& cdb, const Drive& drive);
Answer get_configuration(const Cdb& cdb, const Drive& drive);
Answer event_status(const Cdb& cdb, const Drive& drive, MediaEvent event);
Answer disc_information(const Cdb& cdb);
Answer track_information(const Cdb& cdb, const Drive& drive);
Answer subchannel(const Cdb& cdb);
Answer performance(const Cdb& cdb, const Drive& drive);
Answer mode_sense(const Cdb& cdb, const Drive& drive);
Answer dvd_structure(const Cdb& cdb, const Drive& drive);
Answer mechanism_status(const Drive& drive);
bool is_dvd(const Drive& drive);

/// The sector at minutes, seconds and frames in the command; nothing when there is no such time.
std::optional<u32> lba_of_msf(const Cdb& cdb, unsigned at);

/// How many bytes the host takes at most, from the command's own field.
u32 allocation_length(const Cdb& cdb);

/// Fills sync pattern and header of a mode 1 raw sector. Error correction stays zero.
void raw_sector_frame(std::span<u8, kRawSectorSize> sector, u32 lba);

} // namespace dm::mmc
