#pragma once

#include "dm/devices/ide/drive_config.hpp"

#include <vector>

namespace dm::test {

/// What the machine hears of its drives.
struct DriveLog final : DriveEvents {
    struct Failure {
        BlockIo::Op op;
        int error;
        OnError action;
        bool operator==(const Failure&) const = default;
    };
    void medium_failed(BlockIo::Op op, int error, OnError action) override {
        failures.push_back({op, error, action});
    }
    void tray_moved(bool open) override { tray.push_back(open); }
    void tray_locked(bool on) override { locked = on; }

    std::vector<Failure> failures;
    std::vector<bool> tray; ///< each time it moved: open or closed
    bool locked = false;
};

} // namespace dm::test
