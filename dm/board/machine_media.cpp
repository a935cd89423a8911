// The machine's removable media, and what happens when the host fails a drive's request.
#include "dm/board/machine.hpp"

#include "dm/devices/ide/atapi_cdrom.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dm {
namespace {

constexpr u64 kLookAtDiscDrives = 2 * kSecond; // only where there is one

bool is_floppy(const toolstack::DiskOptions& disk) {
    return disk.bus == toolstack::DiskBus::Floppy;
}

/// Nothing: Auto.
std::optional<floppy::DriveType> drive_type(toolstack::FloppyType type) {
    switch (type) {
    case toolstack::FloppyType::Auto: return std::nullopt;
    case toolstack::FloppyType::None: return floppy::DriveType::None;
    case toolstack::FloppyType::F1200K: return floppy::DriveType::F1200K;
    case toolstack::FloppyType::F1440K: return floppy::DriveType::F1440K;
    case toolstack::FloppyType::F2880K: return floppy::DriveType::F2880K;
    }
    return std::nullopt;
}

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

DriveEvents* Machine::watch(const std::string& drive) {
    return watches_.emplace_back(std::make_unique<DriveWatch>(*this, drive)).get();
}

/// Null: no drive of that name has removable media.
AtapiCdrom* Machine::cdrom(const std::string& drive) const {
    if (board_ == nullptr) return nullptr;
    for (const toolstack::DiskOptions& disk : options_.disks) {
        if (disk.id != drive) continue;
        if (disk.bus == toolstack::DiskBus::Ide) return board_->ide().cdrom(disk.channel * 2 + disk.unit);
        if (disk.bus == toolstack::DiskBus::Ahci && board_->ahci() != nullptr)
            return board_->ahci()->cdrom(disk.channel);
    }
    return nullptr;
}

void Machine::add_floppies(BoardParts& parts) {
    for (const Disks::Disk& disk : disks_.all()) {
        if (!is_floppy(disk.options)) continue;
        FloppyConfig& drive = parts.floppies[disk.options.unit].emplace();
        drive.medium = disk.medium.get();
        drive.type = drive_type(disk.options.floppy_type);
        drive.fallback = drive_type(options_.floppy_fallback).value_or(drive.fallback);
        drive.events = watch(disk.options.id);
    }
}

std::vector<DriveInfo> Machine::drives() const {
    std::vector<DriveInfo> found = disks_.info();
    for (DriveInfo& info : found) {
        const AtapiCdrom* drive = cdrom(info.device);
        const bool floppy = std::ranges::any_of(options_.disks, [&](const toolstack::DiskOptions& disk) {
            return disk.id == info.device && is_floppy(disk);
        });
        info.removable = floppy || drive != nullptr;
        info.tray_open = drive != nullptr && drive->tray_open();
        info.locked = drive != nullptr && drive->tray_locked();
    }
    return found;
}

Result<Machine::Removable> Machine::removable(const std::string& name) {
    Disks::Disk* disk = disks_.find(name);
    if (disk == nullptr) return fail("there is no drive {}", name);
    AtapiCdrom* drive = cdrom(disk->options.id);
    if (drive == nullptr && !is_floppy(disk->options))
        return fail("{} is no drive with removable media", name);
    return Removable{*disk, drive};
}

void Machine::insert(const Removable& place) {
    BlockBackend* medium = place.disk.medium.get();
    if (place.cdrom != nullptr)
        place.cdrom->insert(medium);
    else
        board_->fdc().insert(place.disk.options.unit, medium);
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
    if (place.cdrom == nullptr)
        board_->fdc().insert(place.disk.options.unit, nullptr);
    else if (const Status opened = place.cdrom->eject(force); !opened.ok())
        return fail("{}: {}", drive, opened.error().message);
    if (place.disk.medium != nullptr) log_.info("drive {}: {} ejected", drive, place.disk.options.file);
    place.disk.medium.reset();
    place.disk.source.reset();
    place.disk.options.file.clear();
    return {};
}

/// The new medium is opened first: as long as that may fail, the old one stays where it is.
Status Machine::change_medium(MediumChange change) {
    DM_TRY_ASSIGN(const Removable place, removable(change.drive));
    const std::string drive = change.drive;
    const bool force = change.force;
    const auto media = place.cdrom != nullptr ? toolstack::DiskMedia::Cdrom : toolstack::DiskMedia::Disk;
    DM_TRY_ASSIGN(Disks::Disk medium, open_medium(std::move(change), media));
    DM_TRY(eject(drive, force));
    place.disk.options.file = medium.options.file;
    place.disk.options.read_only = medium.options.read_only;
    place.disk.medium = std::move(medium.medium);
    place.disk.source = std::move(medium.source);
    insert(place);
    watch_disc_drives();
    log_.info("drive {}: {} inserted", drive, place.disk.options.file);
    return {};
}

Result<Disks::Disk> Machine::open_medium(MediumChange change, toolstack::DiskMedia media) {
    const bool raw = change.format.empty() || change.format == "raw" || change.format == "host_device";
    if (!raw && change.fd)
        return fail("{}: an image of format {} cannot be handed over as a file descriptor; use a raw image",
                    change.drive, change.format);
    if (change.filename.empty()) return fail("{}: the name of the image is missing", change.drive);
    Disks::Disk medium;
    medium.options.file = change.filename;
    medium.options.read_only = change.read_only;
    medium.options.media = media;
    if (!raw) medium.options.format = change.format;
    DM_TRY(disks_.fill(medium, std::move(change.fd)));
    return medium;
}

void Machine::watch_disc_drives() {
    const std::span<Disks::Disk> disks = disks_.all();
    const bool any = std::any_of(disks.begin(), disks.end(),
                                 [](const Disks::Disk& disk) { return disk.source != nullptr; });
    if (any) disc_look_.arm(loop_.host_timers().now_ns() + kLookAtDiscDrives);
}

void Machine::look_at_disc_drives() {
    for (Disks::Disk& disk : disks_.all()) {
        AtapiCdrom* drive = cdrom(disk.options.id);
        if (disk.source == nullptr || drive == nullptr) continue;
        disc_moved(disk, *drive, disk.source->look());
    }
    watch_disc_drives();
}

/// A person did something to the host's drive. The guest's lock was passed on to it, so what happens happens.
void Machine::disc_moved(Disks::Disk& disk, AtapiCdrom& drive, host::DiscDrive::Event event) {
    using Event = host::DiscDrive::Event;
    if (event == Event::None) return;
    media_change_ends_recording();
    Disks::Medium medium;
    if (event == Event::Inserted) {
        auto opened = disks_.open_medium(disk.options, disk.source->open_disc());
        if (!opened.ok()) return log_.error("drive {}: {}", disk.options.id, opened.error().message);
        medium = std::move(opened).value();
    }
    if (event == Event::TrayOpened)
        static_cast<void>(drive.eject(/*force=*/true)); // cannot fail when forced
    else
        drive.insert(medium.get());
    disk.medium = std::move(medium); // the drive has let go of the old one
}

void Machine::tray_moved(const std::string& drive, bool open) {
    if (qmp_ != nullptr) qmp_->tray_moved(drive, open);
    const Disks::Disk* disk = disks_.find(drive);
    if (disk != nullptr && disk->source != nullptr) disk->source->move_tray(open);
}

void Machine::tray_locked(const std::string& drive, bool locked) {
    const Disks::Disk* disk = disks_.find(drive);
    if (disk != nullptr && disk->source != nullptr) disk->source->lock(locked);
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
    pause_pv_devices();
    loop_.machine_clock().stop();
    state_ = RunState::IoError;
    qmp_->stopped();
}

} // namespace dm
