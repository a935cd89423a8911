// What a floppy disk is, by its size alone: an image says nothing else. The formats are IBM's, those that
// DOS's tools wrote beside them (DMF, 21 sectors and more), and the rates at which each drive reads them.
#pragma once

#include "dm/core/types.hpp"

#include <optional>

namespace dm::floppy {

inline constexpr u32 kSectorSize = 512;
inline constexpr u8 kSizeCode = 2; ///< N in commands: 128 << N bytes

/// Drives by the largest disk that they take.
enum class DriveType : u8 {
    None,
    F1200K, ///< 5.25 inch
    F1440K, ///< 3.5 inch
    F2880K  ///< 3.5 inch
};

/// DRATE SEL of DSR and CCR.
enum class Rate : u8 { K500 = 0, K300 = 1, K250 = 2, M1 = 3 };

struct Geometry {
    u8 cylinders = 0;
    u8 heads = 0;
    u8 sectors = 0; ///< of a track
    Rate rate = Rate::K500;
    DriveType drive = DriveType::F1440K; ///< what such a disk is made for
    bool operator==(const Geometry&) const = default;

    u64 bytes() const { return u64{cylinders} * heads * sectors * kSectorSize; }
    bool has(u8 cylinder, u8 head, u8 sector) const {
        return cylinder < cylinders && head < heads && sector >= 1 && sector <= sectors;
    }
    u64 offset(u8 cylinder, u8 head, u8 sector) const {
        return ((u64{cylinder} * heads + head) * sectors + sector - 1) * kSectorSize;
    }
};

/// The format of a disk of `bytes` in a drive of that type: of several with that size the one that the drive
/// was made for. A size that no format has is the drive's usual format, as far as it goes.
Geometry geometry_of(u64 bytes, DriveType drive);

/// The drive for which such a disk is made; nothing: no format has this size.
std::optional<DriveType> drive_for(u64 bytes);

} // namespace dm::floppy
