// How a machine describes a drive of its IDE controller.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/devices/ide/ata_identify.hpp"

#include <optional>
#include <string>

namespace dm {

/// Who hears of what happens to a drive. Device thread only.
class DriveEvents {
public:
    virtual ~DriveEvents() = default;
    /// The host failed a request. OnError::Stop: the drive keeps it, the machine is to stop, and
    /// Piix3Ide::retry() repeats it.
    virtual void medium_failed(BlockIo::Op op, int error, OnError action) = 0;
    virtual void tray_moved(bool open) = 0;
    virtual void tray_locked(bool locked) = 0;
};

enum class DriveKind : u8 { Disk, Cdrom };

struct DriveConfig {
    DriveKind kind = DriveKind::Disk;
    BlockBackend* medium = nullptr; ///< outlives the drive or its detachment; a CD-ROM's may be missing
    std::string serial;             ///< empty: from the place on the controller, the same at every start
    std::string model;              ///< empty: ours
    std::string firmware = "1.0";
    std::optional<ata::Geometry> geometry; ///< nothing: from the size
    ErrorPolicy errors{};
    DriveEvents* events =
        nullptr; ///< outlives the drive; null: nobody could stop the machine, so errors are reported
};

} // namespace dm
