// IDENTIFY DEVICE and IDENTIFY PACKET DEVICE data (ATA/ATAPI-6, 8.15 and 8.16), and disk geometry.
#pragma once

#include "dm/core/fields.hpp"
#include "dm/core/types.hpp"

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace dm::ata {

/// A translation between CHS and LBA; never zero, so that nothing divides by it.
struct Geometry {
    u32 cylinders = 1;
    u32 heads = 1;
    u32 sectors = 1;
    bool operator==(const Geometry&) const = default;
};

inline constexpr u32 kMostCylinders = 16383; ///< larger disks are reached by LBA only
inline constexpr u8 kMostSectorsPerBlock = 16;
inline constexpr u32 kMostTrimBlocks = 8; ///< of 64 ranges each, in one DATA SET MANAGEMENT command

/// What a drive of that size reports: 16 heads, 63 sectors.
Geometry default_geometry(u64 sectors);

/// How a BIOS translates that geometry for INT 13h, as CMOS byte 0x39 says it: two bits per disk.
enum class BiosTranslation : u8 { None = 0, Lba = 1, Large = 2 };
BiosTranslation bios_translation(const Geometry& geometry);

/// The transfer mode that SET FEATURES 03h chose; one family at a time.
enum class DmaMode : u8 { None, SingleWord, MultiWord, Ultra };
struct TransferMode {
    DmaMode family = DmaMode::Ultra;
    u8 number = 5;

    bool operator==(const TransferMode&) const = default;
    bool valid() const { return number <= (family == DmaMode::Ultra ? 5 : 2) && family <= DmaMode::Ultra; }
    static constexpr void fields(auto&& v, auto& s) {
        v("family", s.family);
        v("number", s.number);
    }
};
static_assert(covers_every_field<TransferMode>);

struct Names {
    std::string_view serial;   ///< at most 20 characters are shown
    std::string_view firmware; ///< at most 8
    std::string_view model;    ///< at most 40
};

struct DiskFacts {
    Names names;
    Geometry physical;
    Geometry current;
    u64 sectors = 0;
    u8 sectors_per_block = 0; ///< SET MULTIPLE MODE; 0: not set
    bool write_cache = true;
    bool smart = true;
    bool trim = false;
    TransferMode mode;
    unsigned queue_depth = 0; ///< not 0: a Serial ATA device with native command queuing
};

using IdentifyData = std::array<u8, 512>;
IdentifyData identify_disk(const DiskFacts& disk);
IdentifyData identify_cdrom(const Names& names, TransferMode mode);

/// The value of SET FEATURES 03h; nothing when the drive has no such mode. PIO modes leave DMA without one.
std::optional<TransferMode> decode_transfer_mode(u8 value);

} // namespace dm::ata
