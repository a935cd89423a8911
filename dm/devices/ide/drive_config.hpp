// How a machine describes a drive of its IDE controller.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/devices/ide/ata_identify.hpp"

#include <optional>
#include <string>

namespace dm {

enum class DriveKind : u8 { Disk, Cdrom };

struct DriveConfig {
    DriveKind kind = DriveKind::Disk;
    BlockBackend* medium = nullptr; ///< outlives the drive or its detachment; a CD-ROM's may be missing
    std::string serial;             ///< empty: from the place on the controller, the same at every start
    std::string model;              ///< empty: ours
    std::string firmware = "1.0";
    std::optional<ata::Geometry> geometry; ///< nothing: from the size
};

} // namespace dm
