// The machine that a recording was made on, as far as the replay must build the same.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dm::replay {

struct DiskShape {
    unsigned place = 0; ///< 0..3: primary master to secondary slave
    bool cdrom = false;
    bool medium = true; ///< false: a CD-ROM drive with nothing in it
    bool read_only = false;
    u64 size = 0; ///< bytes
    u32 discard_granularity = 0;
    std::string serial{};
    std::string model{};
    std::string firmware{};
    bool operator==(const DiskShape&) const = default;
};

struct VgaShape {
    std::string model = "std";
    u64 memory = 0; ///< bytes
    std::optional<unsigned> slot{};
    std::vector<u8> rom{};
    bool operator==(const VgaShape&) const = default;
};

struct MachineShape {
    std::string program; ///< which version recorded
    unsigned cpus = 1;
    unsigned max_cpus = 1;
    u64 ram_below_4g = 0;
    u64 ram_above_4g = 0;
    std::string boot_order;
    bool xen_platform = true;
    std::array<bool, 4> serials{};
    std::vector<DiskShape> disks;
    std::optional<VgaShape> vga;

    bool operator==(const MachineShape&) const = default;
};

/// Lines "key value", an empty line, the graphics adapter's ROM.
std::vector<u8> write_shape(const MachineShape& shape);
/// The lines alone, for people.
std::string shape_text(const MachineShape& shape);
Result<MachineShape> read_shape(std::span<const u8> payload);

} // namespace dm::replay
