// CMOS RAM of the PC's real-time clock (Motorola MC146818A; IBM PC/AT Technical Reference for the contents),
// without the clock: under Xen the registers below 0x0e are Xen's and never arrive here. Not kept between
// power-ons: hvmdm makes the contents anew from the machine's configuration.
// See docs/devices/cmos.md.
//
// Quirks: SeaBIOS under Xen takes the boot order from 0x3d and 0x38, and after S3 the shutdown code from
// 0x0f.
#pragma once

#include "dm/core/device.hpp"
#include "dm/core/io_space.hpp"

#include <array>
#include <optional>
#include <string_view>

namespace dm {

/// Types of floppy drives as CMOS byte 0x10 has them.
enum class CmosFloppy : u8 { None = 0, F360K = 1, F1200K = 2, F720K = 3, F1440K = 4, F2880K = 5 };

/// How the BIOS presents a disk's geometry to INT 13h.
enum class CmosTranslation : u8 { None = 0, Lba = 1, Large = 2 };

/// What the machine's configuration puts into the CMOS.
struct CmosContents {
    struct Disk {
        u16 cylinders = 0;
        u8 heads = 0;
        u8 sectors = 0;
        CmosTranslation translation = CmosTranslation::None;
    };
    std::string_view boot_order = "c"; ///< letters a, c, d, n; others are skipped, and so is a fourth
    u64 memory_below_4g = 0;           ///< bytes, the first MiB included
    u64 memory_above_4g = 0;
    unsigned vcpus = 1;
    std::array<CmosFloppy, 2> floppies{};
    std::array<std::optional<Disk>, 4> ide_disks{}; ///< primary master first; hard disks only
};

class Cmos final : public Device, public IoHandler {
public:
    static constexpr unsigned kSize = 128;
    static constexpr u8 kFirst = 0x0e; ///< below are the clock's registers
    using Bytes = std::array<u8, kSize>;

    enum Reg : u8 {
        DIAGNOSTIC = 0x0e,
        SHUTDOWN_CODE = 0x0f,
        FLOPPY_TYPES = 0x10,
        DISK_TYPES = 0x12,
        EQUIPMENT = 0x14,
        BASE_MEMORY = 0x15,
        EXTENDED_MEMORY = 0x17,
        DISK0_TYPE = 0x19,
        DISK1_TYPE = 0x1a,
        DISK0_GEOMETRY = 0x1b,
        DISK1_GEOMETRY = 0x24,
        CHECKSUM = 0x2e,
        EXTENDED_MEMORY_2 = 0x30,
        CENTURY = 0x32,
        MEMORY_ABOVE_16M = 0x34,
        CENTURY_PS2 = 0x37,
        BOOT_ORDER_3 = 0x38,
        DISK_TRANSLATION = 0x39,
        BOOT_ORDER_1_2 = 0x3d,
        MEMORY_ABOVE_4G = 0x5b,
        VCPUS = 0x5f,
    };

    static constexpr u8 kWakesFromS3 = 0xfe; ///< of SHUTDOWN_CODE

    struct State {
        u8 index = 0;
        Bytes bytes{};
        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("index", s.index);
            v("bytes", s.bytes);
        }
    };

    /// Map 2 bytes at 0x70, byte access.
    Cmos(std::string_view name, const CmosContents& contents);

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

    void reset() override { state_ = {.bytes = contents_}; }
    /// The battery keeps the contents. The shutdown code tells SeaBIOS what it has to do, as on QEMU's board.
    void wake_reset() override {
        state_.index = 0;
        state_.bytes[SHUTDOWN_CODE] = kWakesFromS3;
    }
    void save(StateWriter& out) const override { out.section(name(), state_); }
    Status load(StateReader& in) override;

private:
    Bytes contents_;
    State state_;
};
static_assert(covers_every_field<Cmos::State>);

} // namespace dm
