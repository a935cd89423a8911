// Registers, bits and addressing of the command block (ATA/ATAPI-6, T13 1410D, chapter 7).
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/fields.hpp"
#include "dm/core/types.hpp"

namespace dm::ata {

inline constexpr u32 kSectorSize = 512;

/// Offsets in the command block; two names where reads and writes differ.
enum class Reg : u8 {
    DATA = 0,
    ERROR_FEATURES = 1,
    SECTOR_COUNT = 2,
    LBA_LOW = 3,
    LBA_MID = 4,
    LBA_HIGH = 5,
    DEVICE = 6,
    STATUS_COMMAND = 7,
};

enum class StatusBit : u8 { ERR = 0x01, DRQ = 0x08, DSC = 0x10, DF = 0x20, DRDY = 0x40, BSY = 0x80 };
enum class ErrorBit : u8 { ABRT = 0x04, IDNF = 0x10, UNC = 0x40 };
enum class ControlBit : u8 { nIEN = 0x02, SRST = 0x04, HOB = 0x80 };

inline constexpr u8 kDeviceDev = 0x10;  ///< DEVICE register: selects device 1
inline constexpr u8 kDeviceLba = 0x40;  ///< DEVICE register: LBA instead of CHS
inline constexpr u8 kDeviceOnes = 0xa0; ///< DEVICE register: obsolete bits that read as ones
inline constexpr u8 kDiagnosticPassed = 0x01;

inline constexpr Bits<StatusBit> kReady = Bits<StatusBit>{StatusBit::DRDY} | StatusBit::DSC;

/// A register of the "previous content" kind: two writes in a row make 16 bits (6.20, 48-bit addresses).
struct TwoDeep {
    u8 now = 0;
    u8 before = 0;

    constexpr void write(u8 value) {
        before = now;
        now = value;
    }
    bool operator==(const TwoDeep&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("now", s.now);
        v("before", s.before);
    }
};
static_assert(covers_every_field<TwoDeep>);

/// What one device on the cable keeps of the command block.
struct TaskFile {
    TwoDeep features;
    TwoDeep count; ///< of a packet device: the interrupt reason
    TwoDeep low;
    TwoDeep mid;  ///< of a packet device: byte count, low half
    TwoDeep high; ///< of a packet device: byte count, high half
    u8 device = kDeviceOnes;
    u8 error = 0;
    Bits<StatusBit> status;

    bool operator==(const TaskFile&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("features", s.features);
        v("count", s.count);
        v("low", s.low);
        v("mid", s.mid);
        v("high", s.high);
        v("device", s.device);
        v("error", s.error);
        v("status", s.status);
    }

    u32 lba28() const {
        return low.now | u32{mid.now} << 8 | u32{high.now} << 16 | (u32{device} & 0x0f) << 24;
    }
    u64 lba48() const {
        const u32 upper = low.before | u32{mid.before} << 8 | u32{high.before} << 16;
        const u32 lower = low.now | u32{mid.now} << 8 | u32{high.now} << 16;
        return u64{upper} << 24 | lower;
    }
    u32 cylinder() const { return mid.now | u32{high.now} << 8; }
    u32 head() const { return device & 0x0fU; }

    void set_lba28(u64 lba) {
        low.now = byte_of(lba, 0);
        mid.now = byte_of(lba, 1);
        high.now = byte_of(lba, 2);
        device = static_cast<u8>((device & 0xf0) | (byte_of(lba, 3) & 0x0f));
    }
    void set_lba48(u64 lba) {
        low = {byte_of(lba, 0), byte_of(lba, 3)};
        mid = {byte_of(lba, 1), byte_of(lba, 4)};
        high = {byte_of(lba, 2), byte_of(lba, 5)};
    }
    /// Which kind of device answers here (9.12): cylinder 0000 a disk, EB14 a packet device.
    void set_signature(bool packet) {
        count = {1, 0};
        low = {1, 0};
        mid = {packet ? u8{0x14} : u8{0}, 0};
        high = {packet ? u8{0xeb} : u8{0}, 0};
        device = static_cast<u8>(kDeviceOnes | (device & kDeviceDev));
    }
};
static_assert(covers_every_field<TaskFile>);

} // namespace dm::ata
