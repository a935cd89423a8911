// The machine's disk images: each is opened once, whoever uses it.
#pragma once

#include "dm/board/disk_port.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/disk_source.hpp"
#include "dm/core/log.hpp"
#include "dm/core/machine_control.hpp"
#include "dm/host/disc_drive.hpp"
#include "dm/toolstack/options.hpp"

#include <map>
#include <span>

namespace dm {

class Disks final : public DiskSource {
public:
    /// What is in a drive, as far as a drive can know.
    using Medium = std::unique_ptr<DiskPort>;

    struct Disk {
        toolstack::DiskOptions options;          ///< file: of the medium that is in it now
        Medium medium;                           ///< null: a CD-ROM drive without one
        std::unique_ptr<host::DiscDrive> source; ///< the host's drive whose discs these are, if it is so
    };

    explicit Disks(EventLoop& loop);

    /// All images of drives that are emulated. Errors name the file and the remedy.
    Status open(const std::vector<toolstack::DiskOptions>& disks);

    std::span<Disk> all() { return disks_; }
    /// By the drive's name ("ide0-hd0", "ide-5632"), by what xl calls it ("hda", "xvda", "sdb") or by the
    /// image's path; null: there is none.
    Disk* find(std::string_view name);
    std::vector<DriveInfo> info() const;

    /// A medium for a drive, which may be shared with others. `given`: the image itself, open.
    Result<Medium> open_medium(const ImageOptions& options, UniqueFd given = {});
    /// Opens what `disk.options` say: an image, or what is in a CD drive of the host at the moment.
    Status fill(Disk& disk, UniqueFd given = {});
    // DiskSource, for the PV back end
    Result<std::unique_ptr<BlockBackend>> open_disk(const DiskRequest& request) override;

    /// Makes the images ours, and lets others have them. Nothing is in flight.
    Status activate();
    Status release();
    /// Whether a process that was locked down gets them all back after release(); the error names one that it
    /// does not, and the remedy.
    Status come_back_locked_down() const;
    /// Until what guests wrote is on the media. The error names the first one that failed.
    Status flush();
    /// Bytes of the largest file that guests write to; devices are none.
    u64 largest_written_file() const;
    /// QMP's block_resize. `name` as for find().
    Status resize(std::string_view name, u64 bytes);

private:
    Result<host::BlockEngine*> engine(DiskAio aio);
    std::shared_ptr<SharedImage> opened(const std::string& path) const;
    Result<std::shared_ptr<SharedImage>> open_image(const ImageOptions& options, UniqueFd given);
    void look_at_sizes();
    /// Every image that somebody still uses.
    std::vector<std::shared_ptr<SharedImage>> images() const;

    EventLoop& loop_;
    std::map<DiskAio, std::unique_ptr<host::BlockEngine>> engines_; ///< outlive the images
    std::vector<std::weak_ptr<SharedImage>> images_;
    std::vector<Disk> disks_;
    Timer size_timer_;
};

} // namespace dm
