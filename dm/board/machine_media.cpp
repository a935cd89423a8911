// The machine's removable media, and what happens when the host fails a drive's request.
#include "dm/board/machine.hpp"

#include "dm/devices/ide/atapi_cdrom.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dm {

/// Hears of one drive and tells the machine by the drive's name.
class Machine::DriveWatch final : public DriveEvents {
public:
    DriveWatch(Machine& machine, std::string drive) : machine_(machine), drive_(std::move(drive)) {}
    void medium_failed(BlockIo::Op op, int error, OnError action) override {
        machine_.medium_failed(drive_, op, error, action);
    }
    void tray_moved(bool open) override {
        if (machine_.qmp_ != nullptr) machine_.qmp_->tray_moved(drive_, open);
    }
    void tray_locked(bool) override {}

private:
    Machine& machine_;
    std::string drive_;
};

DriveEvents* Machine::watch(const Disk& disk) {
    return watches_.emplace_back(std::make_unique<DriveWatch>(*this, disk.options.id)).get();
}

AtapiCdrom* Machine::cdrom(const Disk& disk) const {
    if (board_ == nullptr || disk.options.bus != toolstack::DiskBus::Ide) return nullptr;
    return board_->ide().cdrom(disk.options.channel * 2 + disk.options.unit);
}

Result<Machine::Removable> Machine::removable(const std::string& name) {
    const auto disk =
        std::find_if(disks_.begin(), disks_.end(), [&](const Disk& d) { return d.options.id == name; });
    if (disk == disks_.end()) return fail("there is no drive {}", name);
    AtapiCdrom* drive = cdrom(*disk);
    if (drive == nullptr) return fail("{} is no drive with removable media", name);
    return Removable{*disk, *drive};
}

/// A recording names the media that it began with.
void Machine::media_change_ends_recording() {
    if (recorder_ == nullptr) return;
    log_.warning("the recording ends here: a medium is changed");
    recorder_->finish();
}

Status Machine::eject(const std::string& drive, bool force) {
    DM_TRY_ASSIGN(const Removable place, removable(drive));
    media_change_ends_recording();
    if (const Status opened = place.drive.eject(force); !opened.ok())
        return fail("{}: {}", drive, opened.error().message);
    if (place.disk.file != nullptr) log_.info("drive {}: {} ejected", drive, place.disk.options.file);
    place.disk.file.reset();
    place.disk.options.file.clear();
    return {};
}

/// The new medium is opened first: as long as that may fail, the old one stays where it is.
Status Machine::change_medium(MediumChange change) {
    DM_TRY_ASSIGN(const Removable place, removable(change.drive));
    const std::string drive = change.drive;
    const std::string name = change.filename;
    const bool force = change.force;
    const bool read_only = change.read_only;
    DM_TRY_ASSIGN(auto medium, open_medium(std::move(change)));
    DM_TRY(eject(drive, force));
    place.disk.file = std::move(medium);
    place.disk.options.file = name;
    place.disk.options.read_only = read_only;
    place.drive.insert(place.disk.file.get());
    log_.info("drive {}: {} inserted", drive, name);
    return {};
}

Result<std::unique_ptr<host::RawFile>> Machine::open_medium(MediumChange change) {
    if (!change.format.empty() && change.format != "raw" && change.format != "host_device")
        return fail("{}: format {} is not supported for removable media; use a raw image", change.drive,
                    change.format);
    if (change.filename.empty()) return fail("{}: the name of the image is missing", change.drive);
    const auto access =
        change.read_only ? host::RawFile::Access::ReadOnly : host::RawFile::Access::ReadWrite;
    return host::RawFile::open(change.filename, access, *block_engine_, std::move(change.fd));
}

/// The drive has answered the guest, or keeps the request (OnError::Stop). In that case no further access may
/// be served, but the machine cannot be stopped from inside one.
void Machine::medium_failed(const std::string& drive, BlockIo::Op op, int error, OnError action) {
    const std::string_view operation = op == BlockIo::Op::Read ? "read" : "write";
    const std::string_view word = action == OnError::Stop     ? "stop"
                                  : action == OnError::Ignore ? "ignore"
                                                              : "report";
    const char* reason = std::strerror(error);
    if (qmp_ != nullptr)
        qmp_->block_io_error(drive, {.operation = operation,
                                     .action = word,
                                     .no_space = error == ENOSPC || error == EDQUOT,
                                     .reason = reason});
    if (action != OnError::Stop) return;
    log_.error("drive {}: a {} failed: {}; the machine stops and repeats it when it goes on (xl unpause)", drive,
               operation, reason);
    accelerator_->hold(true);
    error_stop_.arm(loop_.host_timers().now_ns());
}

/// The domain runs on: its accesses wait until resume(). Were they given up, the guest would read ones
/// everywhere.
void Machine::stop_for_error() {
    if (state_ != RunState::Running) return;
    if (recorder_ != nullptr) recorder_->finish();
    close_gates();
    board_->quiesce();
    loop_.machine_clock().stop();
    state_ = RunState::IoError;
    qmp_->stopped();
}

} // namespace dm
