// A CD drive of the host behind an emulated one: its disc is read as a raw image, the drive is watched, and
// moves with the guest's.
//
// Linux tells what is in a drive (CDROM ioctls). Elsewhere a disc is there when the device has a size, and
// tray and lock are left to people.
#pragma once

#include "dm/core/types.hpp"
#include "dm/core/unique_fd.hpp"

#include <memory>
#include <optional>
#include <string>

namespace dm::host {

enum class DiscState : u8 { Empty, Disc, TrayOpen };

/// What the system lets us do with the drive.
class DiscControl {
public:
    virtual ~DiscControl() = default;
    virtual DiscState state() = 0;
    /// Another disc is in the drive than when this was asked last.
    virtual bool changed() = 0;
    virtual void lock(bool locked) = 0;
    virtual void move_tray(bool open) = 0;
};

/// Knows a disc by the size of the device alone. `fd` stays the caller's.
std::unique_ptr<DiscControl> make_size_disc_control(int fd);

class DiscDrive {
public:
    /// Null: `path` (or `given`, when it is open already) is no CD drive but a medium in itself.
    static std::unique_ptr<DiscDrive> find(const std::string& path, int given = -1);
    DiscDrive(std::string path, UniqueFd fd, std::unique_ptr<DiscControl> control)
        : path_(std::move(path)), fd_(std::move(fd)), control_(std::move(control)) {}
    DiscDrive(const DiscDrive&) = delete;
    DiscDrive& operator=(const DiscDrive&) = delete;

    enum class Event : u8 { None, Inserted, Removed, TrayOpened };
    /// What happened since it was asked last; the first answer says what there is.
    Event look();
    /// The disc that is in the drive now, to be read as an image.
    UniqueFd open_disc() const;
    void lock(bool locked) { control_->lock(locked); }
    /// Does nothing where it is so already.
    void move_tray(bool open);
    const std::string& path() const { return path_; }

private:
    std::string path_;
    UniqueFd fd_;
    std::unique_ptr<DiscControl> control_;
    std::optional<DiscState> known_;
};

} // namespace dm::host
