// The machine's removable media, and what happens when the host fails a drive's request.
#include "dm/board/machine.hpp"

#include "dm/devices/ide/atapi_cdrom.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dm {
namespace {

constexpr u64 kLookAtDiscDrives = 2 * kSecond; // only where there is one

} // namespace

/// Hears of one drive and tells the machine by the drive's name.
class Machine::DriveWatch final : public DriveEvents {
public:
    DriveWatch(Machine& machine, std::string drive) : machine_(machine), drive_(std::move(drive)) {}
    void medium_failed(BlockIo::Op op, int error, OnError action) override {
        machine_.medium_failed(drive_, op, error, action);
    }
    void tray_moved(bool open) override { machine_.tray_moved(drive_, open); }
    void tray_locked(bool locked) override { machine_.tray_locked(drive_, locked); }

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
    place.disk.source.reset();
    place.disk.options.file.clear();
    return {};
}

/// The new medium is opened first: as long as that may fail, the old one stays where it is.
Status Machine::change_medium(MediumChange change) {
    DM_TRY_ASSIGN(const Removable place, removable(change.drive));
    const std::string drive = change.drive;
    const bool force = change.force;
    DM_TRY_ASSIGN(Disk medium, open_medium(std::move(change)));
    DM_TRY(eject(drive, force));
    place.disk.options.file = medium.options.file;
    place.disk.options.read_only = medium.options.read_only;
    place.disk.file = std::move(medium.file);
    place.disk.source = std::move(medium.source);
    place.drive.insert(place.disk.file.get());
    watch_disc_drives();
    log_.info("drive {}: {} inserted", drive, place.disk.options.file);
    return {};
}

Result<Machine::Disk> Machine::open_medium(MediumChange change) {
    if (!change.format.empty() && change.format != "raw" && change.format != "host_device")
        return fail("{}: format {} is not supported for removable media; use a raw image", change.drive,
                    change.format);
    if (change.filename.empty()) return fail("{}: the name of the image is missing", change.drive);
    Disk medium;
    medium.options.file = change.filename;
    medium.options.read_only = change.read_only;
    medium.options.media = toolstack::DiskMedia::Cdrom;
    medium.source = host::DiscDrive::find(change.filename, change.fd.get());
    if (medium.source != nullptr) {
        if (medium.source->look() != host::DiscDrive::Event::Inserted) return medium;
        DM_TRY_ASSIGN(medium.file, medium.source->medium(*block_engine_));
        return medium;
    }
    const auto access = change.read_only ? host::RawFile::Access::ReadOnly : host::RawFile::Access::ReadWrite;
    DM_TRY_ASSIGN(medium.file,
                  host::RawFile::open(change.filename, access, *block_engine_, std::move(change.fd)));
    return medium;
}

/// At start: a drive of the host may be empty.
Status Machine::find_disc_drive(Disk& disk) {
    if (disk.options.media != toolstack::DiskMedia::Cdrom || disk.options.file.empty()) return {};
    disk.source = host::DiscDrive::find(disk.options.file);
    if (disk.source == nullptr || disk.source->look() != host::DiscDrive::Event::Inserted) return {};
    DM_TRY_ASSIGN(disk.file, disk.source->medium(*block_engine_));
    return {};
}

void Machine::watch_disc_drives() {
    const bool any =
        std::any_of(disks_.begin(), disks_.end(), [](const Disk& disk) { return disk.source != nullptr; });
    if (any) disc_look_.arm(loop_.host_timers().now_ns() + kLookAtDiscDrives);
}

void Machine::look_at_disc_drives() {
    for (Disk& disk : disks_) {
        AtapiCdrom* drive = cdrom(disk);
        if (disk.source == nullptr || drive == nullptr) continue;
        disc_moved(disk, *drive, disk.source->look());
    }
    watch_disc_drives();
}

/// A person did something to the host's drive. The guest's lock was passed on to it, so what happens happens.
void Machine::disc_moved(Disk& disk, AtapiCdrom& drive, host::DiscDrive::Event event) {
    using Event = host::DiscDrive::Event;
    if (event == Event::None) return;
    media_change_ends_recording();
    std::unique_ptr<host::RawFile> medium;
    if (event == Event::Inserted) {
        auto opened = disk.source->medium(*block_engine_);
        if (!opened.ok()) return log_.error("drive {}: {}", disk.options.id, opened.error().message);
        medium = std::move(opened).value();
    }
    if (event == Event::TrayOpened)
        static_cast<void>(drive.eject(/*force=*/true)); // cannot fail when forced
    else
        drive.insert(medium.get());
    disk.file = std::move(medium); // the drive has let go of the old one
}

void Machine::tray_moved(const std::string& drive, bool open) {
    if (qmp_ != nullptr) qmp_->tray_moved(drive, open);
    for (const Disk& disk : disks_)
        if (disk.options.id == drive && disk.source != nullptr) disk.source->move_tray(open);
}

void Machine::tray_locked(const std::string& drive, bool locked) {
    for (const Disk& disk : disks_)
        if (disk.options.id == drive && disk.source != nullptr) disk.source->lock(locked);
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
    log_.error("drive {}: a {} failed: {}; the machine stops and repeats it when it goes on (xl unpause)",
               drive, operation, reason);
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
