#include "dm/board/disks.hpp"

#include "dm/core/block_flush.hpp"

#include <algorithm>
#include <cstring>
#include <sys/stat.h>

namespace dm {
namespace {

/// A guest's disk grows rarely and nobody waits for it: PV disks are told, IDE has no words for it. So the
/// host is asked now and then, by a worker, and on block_resize.
constexpr u64 kSizePeriod = 10 * kSecond;

/// Whether xl's "hda", "xvda" or "sda" means this drive.
bool is_called(const toolstack::DiskOptions& disk, std::string_view vdev) {
    const auto letter = [&](std::string_view prefix, unsigned index) {
        return index < 26 && vdev.starts_with(prefix) && vdev.size() == prefix.size() + 1 &&
               vdev.back() == static_cast<char>('a' + index);
    };
    switch (disk.bus) {
    case toolstack::DiskBus::Ide: {
        const unsigned index = disk.channel * 2 + disk.unit;
        return letter("hd", index) || letter("xvd", index);
    }
    case toolstack::DiskBus::Ahci: return letter("hd", disk.channel) || letter("xvd", disk.channel);
    case toolstack::DiskBus::Scsi: return letter("sd", disk.unit);
    case toolstack::DiskBus::Usb:
    case toolstack::DiskBus::Floppy:
    case toolstack::DiskBus::Other: break;
    }
    return false;
}

} // namespace

Disks::Disks(EventLoop& loop) : loop_(loop), size_timer_(loop.host_timers(), [this] { look_at_sizes(); }) {}

Status Disks::open(const std::vector<toolstack::DiskOptions>& disks) {
    for (const toolstack::DiskOptions& options : disks) {
        if (!options.emulated) continue;
        Disk disk{.options = options, .medium = nullptr, .source = nullptr};
        if (!options.file.empty()) DM_TRY(fill(disk));
        disks_.push_back(std::move(disk));
    }
    return {};
}

Status Disks::fill(Disk& disk, UniqueFd given) {
    if (disk.options.media == toolstack::DiskMedia::Cdrom)
        disk.source = host::DiscDrive::find(disk.options.file, given.get());
    if (disk.source != nullptr) {
        if (disk.source->look() != host::DiscDrive::Event::Inserted) return {};
        given = disk.source->open_disc();
    }
    DM_TRY_ASSIGN(disk.medium, open_medium(disk.options, std::move(given)));
    return {};
}

Disks::Disk* Disks::find(std::string_view name) {
    const auto by = [&](auto&& matches) -> Disk* {
        const auto it = std::find_if(disks_.begin(), disks_.end(), matches);
        return it != disks_.end() ? &*it : nullptr;
    };
    if (name.empty()) return nullptr;
    if (Disk* found = by([&](const Disk& d) { return d.options.id == name; })) return found;
    if (Disk* found = by([&](const Disk& d) { return is_called(d.options, name); })) return found;
    return by([&](const Disk& d) { return d.options.file == name; });
}

std::vector<DriveInfo> Disks::info() const {
    std::vector<DriveInfo> found;
    for (const Disk& disk : disks_) {
        const host::BlockStats stats =
            disk.medium != nullptr ? disk.medium->image().stats() : host::BlockStats{};
        found.push_back({.device = disk.options.id,
                         .file = disk.medium != nullptr ? disk.options.file : std::string(),
                         .removable = disk.options.media == toolstack::DiskMedia::Cdrom,
                         .read_only = disk.options.read_only,
                         .read_bytes = stats.read_bytes,
                         .written_bytes = stats.written_bytes,
                         .read_operations = stats.reads,
                         .write_operations = stats.writes});
    }
    return found;
}

u64 Disks::largest_written_file() const {
    u64 most = 0;
    for (const Disk& disk : disks_) {
        struct stat file {};
        // Block devices, which are character devices on FreeBSD. What was handed over open has no path: a
        // file.
        const bool device = ::stat(disk.options.file.c_str(), &file) == 0 && !S_ISREG(file.st_mode);
        if (disk.medium != nullptr && !disk.medium->read_only() && !device)
            most = std::max(most, disk.medium->size_bytes());
    }
    return most;
}

Result<host::BlockEngine*> Disks::engine(DiskAio aio) {
    std::unique_ptr<host::BlockEngine>& engine = engines_[aio];
    if (engine == nullptr) {
        const auto kind =
            aio == DiskAio::Threads ? host::BlockEngineKind::Threads : host::BlockEngineKind::Best;
        DM_TRY_ASSIGN(engine, host::make_block_engine(loop_, kind));
    }
    return engine.get();
}

std::vector<std::shared_ptr<SharedImage>> Disks::images() const {
    std::vector<std::shared_ptr<SharedImage>> found;
    for (const std::weak_ptr<SharedImage>& image : images_)
        if (auto held = image.lock()) found.push_back(std::move(held));
    return found;
}

std::shared_ptr<SharedImage> Disks::opened(const std::string& path) const {
    for (std::shared_ptr<SharedImage>& shared : images())
        if (shared->image->name() == path) return std::move(shared);
    return nullptr;
}

Result<std::shared_ptr<SharedImage>> Disks::open_image(const ImageOptions& options, UniqueFd given) {
    DM_TRY_ASSIGN(host::BlockEngine* const with, engine(options.aio));
    DM_TRY_ASSIGN(auto image, host::open_image(options, loop_, *with, std::move(given)));
    auto shared = std::make_shared<SharedImage>(std::move(image));
    std::erase_if(images_, [](const std::weak_ptr<SharedImage>& old) { return old.expired(); });
    images_.push_back(shared);
    if (!size_timer_.deadline()) size_timer_.arm(loop_.host_timers().now_ns() + kSizePeriod);
    return shared;
}

Result<Disks::Medium> Disks::open_medium(const ImageOptions& options, UniqueFd given) {
    std::shared_ptr<SharedImage> shared = given ? nullptr : opened(options.file);
    ImageOptions wish = options;
    // Whether a drive may discard is its own affair; the image must be able to, because the PV side may.
    wish.discard = true;
    if (!options.discard && options.detect_zeroes == DetectZeroes::Unmap)
        wish.detect_zeroes = DetectZeroes::On;
    // Two drives that read the same disc may share it; two that write are for the locks to refuse.
    if (shared == nullptr || !options.read_only || !shared->image->read_only()) {
        DM_TRY_ASSIGN(shared, open_image(wish, std::move(given)));
    }
    const DiskPort::Rights rights{.read_only = options.read_only, .discard = options.discard};
    return std::make_unique<DiskPort>(std::move(shared), rights);
}

Result<std::unique_ptr<BlockBackend>> Disks::open_disk(const DiskRequest& request) {
    std::shared_ptr<SharedImage> shared = opened(request.path);
    if (shared != nullptr && shared->image->read_only() && !request.read_only)
        return fail("disk {}: the emulated drive has it open for reading only", request.path);
    if (shared == nullptr) {
        ImageOptions options;
        options.file = request.path;
        options.format = request.format;
        options.read_only = request.read_only;
        options.discard = true;
        options.direct = request.direct;
        DM_TRY_ASSIGN(shared, open_image(options, {}));
    }
    const DiskPort::Rights rights{.read_only = request.read_only, .discard = request.discard};
    return std::unique_ptr<BlockBackend>(std::make_unique<DiskPort>(std::move(shared), rights));
}

Status Disks::activate() {
    for (const auto& shared : images())
        DM_TRY(shared->image->activate());
    return {};
}

Status Disks::release() {
    Status first;
    for (const auto& shared : images())
        if (Status released = shared->image->release(); !released.ok() && first.ok())
            first = std::move(released);
    return first;
}

Status Disks::come_back_locked_down() const {
    for (const auto& shared : images())
        if (shared->image->needs_host_again())
            return fail(
                "disk {}: without rights (dm_restrict=1) it could not be opened again if the other host "
                "fails: use a raw image or a block device, or xl save and xl restore",
                shared->image->name());
    return {};
}

Status Disks::flush() {
    Status first;
    for (const auto& shared : images()) {
        const int error = flush_and_wait(*shared->image);
        if (error != 0 && first.ok())
            first = fail("disk {}: not all of it reached the medium: {}", shared->image->name(),
                         std::strerror(error));
    }
    return first;
}

Status Disks::resize(std::string_view name, u64 bytes) {
    Disk* disk = find(name);
    if (disk == nullptr) return fail("there is no drive '{}'", name);
    if (disk->medium == nullptr) return fail("the drive {} is empty", name);
    return disk->medium->image().resize(bytes);
}

void Disks::look_at_sizes() {
    const auto all = images();
    for (const auto& shared : all)
        shared->image->look_at_size();
    if (!all.empty()) size_timer_.arm(loop_.host_timers().now_ns() + kSizePeriod);
}

} // namespace dm
