// RawFile: opening, locks and size.
#include "dm/host/medium_ops.hpp"
#include "dm/host/raw_file.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

namespace dm::host {
namespace {

constexpr std::array<u32, 4> kGranules{512, 1024, 2048, 4096};

Error cannot_open(const ImageOptions& o, int error) {
    switch (error) {
    case ENOENT:
        return fail("disk {}: there is no such file; check the path in the domain's disk= list", o.file);
    case EACCES:
    case EPERM:
        return fail("disk {}: no permission to open it for {}; check its owner and mode, and those of the "
                    "folders above it",
                    o.file, o.read_only ? "reading" : "reading and writing");
    case EROFS:
        return fail("disk {}: it is on a read-only file system; make it writable or use mode r", o.file);
    case EISDIR: return fail("disk {}: this is a directory; name an image file or a block device", o.file);
#ifdef ENOMEDIUM
    case ENOMEDIUM: return fail("disk {}: there is no medium in the drive", o.file);
#endif
    case ETXTBSY:
    case EBUSY: return fail("disk {}: it is in use by something that excludes others", o.file);
    case EINVAL:
        if (o.direct)
            return fail("disk {}: its file system cannot go past the page cache; use cache=writeback",
                        o.file);
        [[fallthrough]];
    default: return fail("disk {}: cannot be opened: {}", o.file, std::strerror(error));
    }
}

int open_flags(const ImageOptions& o) {
    int flags = (o.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY;
#ifdef O_DSYNC
    if (o.write_through && !o.read_only) flags |= O_DSYNC;
#else
    if (o.write_through && !o.read_only) flags |= O_SYNC;
#endif
    if (o.direct) flags |= O_DIRECT;
    return flags;
}

} // namespace

Result<std::unique_ptr<RawFile>> RawFile::open(const ImageOptions& options, BlockEngine& engine,
                                               UniqueFd given) {
    const int flags = open_flags(options);
    UniqueFd fd = std::move(given);
    // O_NONBLOCK only for the opening itself: a pipe must not make us wait.
    if (!fd) fd.reset(::open(options.file.c_str(), flags | O_NONBLOCK));
    if (!fd) return cannot_open(options, errno);
    if (::fcntl(fd.get(), F_SETFL, flags & O_DIRECT) != 0) return cannot_open(options, errno);
    std::unique_ptr<RawFile> file(new RawFile(options, engine, std::move(fd)));
    DM_TRY(file->examine());
    if (!options.inactive) DM_TRY(file->activate());
    return file;
}

Result<std::unique_ptr<RawFile>> RawFile::open(const std::string& path, Access access, BlockEngine& engine,
                                               UniqueFd given) {
    ImageOptions options;
    options.file = path;
    options.read_only = access == Access::ReadOnly;
    return open(options, engine, std::move(given));
}

RawFile::RawFile(const ImageOptions& options, BlockEngine& engine, UniqueFd fd)
    : QueuedImage(options), engine_(engine), fd_(std::move(fd)) {
    size_task_.kind = Kind::Size;
    size_task_.fd = fd_.get();
    size_task_.owner = this;
    size_task_.file = this;
    size_task_.done = [](BlockEngine::Task& task) {
        auto& ours = static_cast<SizeTask&>(task);
        ours.busy = false;
        ours.file->size_known(ours.result);
    };
}

/// What kind of medium this is.
Status RawFile::examine() {
    struct stat st {};
    if (::fstat(fd_.get(), &st) != 0) return fail("disk {}: {}", name(), std::strerror(errno));
    if (S_ISDIR(st.st_mode)) return cannot_open(options_, EISDIR);
    device_ = S_ISBLK(st.st_mode);
#ifdef __FreeBSD__
    device_ = device_ || S_ISCHR(st.st_mode); // disks are character devices there
#endif
    if (!device_ && !S_ISREG(st.st_mode))
        return fail("disk {}: neither a file nor a block device; name an image file or a block device",
                    name());
    const s64 size = medium_ops::size(fd_.get(), device_);
    if (size < 0)
        return fail("disk {}: it does not tell its size: {}", name(), std::strerror(static_cast<int>(-size)));
    if (size == 0)
        return fail("disk {}: it is empty; make it as large as the disk is to be (truncate -s)", name());
    size_ = static_cast<u64>(size);
    size_task_.device = device_;
    discard_granularity_ = medium_ops::discard_granularity(fd_.get(), device_);
    if (options_.direct) {
        DM_TRY_ASSIGN(granule_, find_granule());
    }
    return {};
}

/// What the kernel wants multiples of, where reads go past the page cache: found by trying, because no call
/// tells it for every file system.
Result<u32> RawFile::find_granule() {
    constexpr u32 kLargest = kGranules.back();
    void* memory = nullptr;
    if (::posix_memalign(&memory, kLargest, kLargest) != 0) return fail("disk {}: out of memory", name());
    const std::unique_ptr<void, decltype(&std::free)> buffer(memory, &std::free);
    for (const u32 granule : kGranules) {
        if (::pread(fd_.get(), memory, granule, 0) < 0 && errno == EINVAL) continue;
        if (size_ % granule != 0)
            return fail("disk {}: its size is no multiple of {} bytes, as cache=none needs it; use "
                        "cache=writeback",
                        name(), granule);
        return granule;
    }
    return cannot_open(options_, EINVAL);
}

Status RawFile::activate() {
    if (active_) return {};
    const ImageLock::Wish wish{.write = !options_.read_only, .share_writers = options_.share_writers};
    const unsigned patience = options_.inactive ? options_.hand_over_ms : ImageLock::kPatienceMs;
    DM_TRY(lock_.take(fd_.get(), name(), wish, options_.locking, patience));
    if (options_.inactive) medium_ops::drop_cache(fd_.get()); // it came from another host, perhaps
    active_ = true;
    return {};
}

int RawFile::flush_now() {
    if (read_only() || flush_error_ != 0) return flush_error_;
    BlockEngine::Task sync;
    sync.kind = Kind::Sync;
    sync.fd = fd_.get();
    const int error = static_cast<int>(-BlockEngine::perform(sync));
    if (error != 0) flush_error_ = EIO;
    return error;
}

Status RawFile::release() {
    drain();
    if (!active_) return {};
    const int error = flush_now();
    active_ = false;
    options_.inactive = true; // who has it next may change it
    lock_.release(fd_.get());
    if (error != 0)
        return fail("disk {}: not all of it reached the medium: {}", name(), std::strerror(error));
    return {};
}

void RawFile::look_at_size() {
    if (!std::exchange(size_task_.busy, true)) engine_.start(size_task_);
}

/// Someone who cuts the image off is not obeyed: the guest would lose more than what was cut. It sees errors
/// there.
void RawFile::size_known(s64 size) {
    if (size < 0) return;
    const auto now = static_cast<u64>(size);
    if (now > size_ && now % granule_ == 0) adopt_size(now);
    if (now < size_ && !std::exchange(shrank_, true))
        log_.warning("somebody cut it from {} to {} bytes; the guest sees errors where it is gone", size_,
                     now);
}

void RawFile::adopt_size(u64 size) {
    log_.info("now {} bytes long, before {}", size, size_);
    size_ = size;
    shrank_ = false;
    size_changed();
}

Status RawFile::resize(u64 bytes) {
    if (read_only()) return fail("disk {}: it is read-only", name());
    if (bytes < size_)
        return fail("disk {}: it has {} bytes already; shrink it while no guest uses it", name(), size_);
    if (bytes % granule_ != 0)
        return fail("disk {}: with cache=none its size must be a multiple of {}", name(), granule_);
    if (!device_ && ::ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0)
        return fail("disk {}: it cannot be made {} bytes long: {}", name(), bytes, std::strerror(errno));
    const s64 now = medium_ops::size(fd_.get(), device_);
    if (now < 0 || static_cast<u64>(now) < bytes)
        return fail("disk {}: the device has {} bytes; make it larger first (lvextend)", name(), now);
    if (bytes > size_) adopt_size(bytes);
    return {};
}

} // namespace dm::host
