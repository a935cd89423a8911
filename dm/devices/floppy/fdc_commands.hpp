// The commands of the 82078: first byte, how many follow, and what each does with bytes.
#pragma once

#include "dm/core/types.hpp"

namespace dm::fdc {

inline constexpr unsigned kMostBytes = 18; ///< of a command: RESTORE
inline constexpr unsigned kFormatId = 4;   ///< bytes that a format takes for each sector: C, H, R, N
inline constexpr unsigned kMostDriveSpecs = 5;

enum class Code : u8 {
    ReadTrack,
    Specify,
    SenseDriveStatus,
    WriteData,
    ReadData,
    Recalibrate,
    SenseInterrupt,
    WriteDeletedData,
    ReadId,
    ReadDeletedData,
    FormatTrack,
    DumpReg,
    Seek,
    Version,
    ScanEqual,
    PerpendicularMode,
    Configure,
    Lock,
    Verify,
    PowerdownMode,
    PartId,
    ScanLowOrEqual,
    ScanHighOrEqual,
    Save,
    Option,
    Restore,
    DriveSpecification,
    RelativeSeek,
    Invalid
};

Code code_of(u8 first_byte);
/// Bytes that follow the first one; at most kMostBytes - 1. DriveSpecification: the most.
unsigned parameters_of(u8 first_byte);

// First byte of the commands that move data, second byte of all with a drive.
inline constexpr u8 kMultiTrack = 0x80;
inline constexpr u8 kSkip = 0x20;
inline constexpr u8 kHeadSelect = 0x04;
inline constexpr u8 kEnableCount = 0x80; ///< EC of VERIFY, in the second byte

// Status bytes
inline constexpr u8 ST0_NORMAL = 0x00;
inline constexpr u8 ST0_ABNORMAL = 0x40;
inline constexpr u8 ST0_INVALID = 0x80;
inline constexpr u8 ST0_POLLED = 0xc0;
inline constexpr u8 ST0_SE = 0x20;
inline constexpr u8 ST0_EC = 0x10;
inline constexpr u8 ST1_EN = 0x80;
inline constexpr u8 ST1_DE = 0x20;
inline constexpr u8 ST1_ND = 0x04;
inline constexpr u8 ST1_NW = 0x02;
inline constexpr u8 ST1_MA = 0x01;
inline constexpr u8 ST2_CM = 0x40;
inline constexpr u8 ST2_DD = 0x20;
inline constexpr u8 ST2_SH = 0x08;
inline constexpr u8 ST2_SN = 0x04;
inline constexpr u8 ST3_WP = 0x40;
inline constexpr u8 ST3_READY = 0x20; ///< always one, as the next
inline constexpr u8 ST3_T0 = 0x10;
inline constexpr u8 ST3_TWO_SIDED = 0x08;

/// In the execution phase something goes on that takes time.
constexpr bool moves_data(Code code) {
    switch (code) {
    case Code::ReadTrack:
    case Code::WriteData:
    case Code::ReadData:
    case Code::WriteDeletedData:
    case Code::ReadDeletedData:
    case Code::FormatTrack:
    case Code::ScanEqual:
    case Code::ScanLowOrEqual:
    case Code::ScanHighOrEqual:
    case Code::Verify: return true;
    case Code::Specify:
    case Code::SenseDriveStatus:
    case Code::Recalibrate:
    case Code::SenseInterrupt:
    case Code::ReadId:
    case Code::DumpReg:
    case Code::Seek:
    case Code::Version:
    case Code::PerpendicularMode:
    case Code::Configure:
    case Code::Lock:
    case Code::PowerdownMode:
    case Code::PartId:
    case Code::Save:
    case Code::Option:
    case Code::Restore:
    case Code::DriveSpecification:
    case Code::RelativeSeek:
    case Code::Invalid: return false;
    }
    return false;
}
/// The host gives bytes that go to the medium.
constexpr bool writes(Code code) {
    return code == Code::WriteData || code == Code::WriteDeletedData || code == Code::FormatTrack;
}
/// The host gives bytes that are compared.
constexpr bool scans(Code code) {
    return code == Code::ScanEqual || code == Code::ScanLowOrEqual || code == Code::ScanHighOrEqual;
}

} // namespace dm::fdc
