#include "dm/host/raw_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#if defined(__linux__)
#include <linux/fs.h>
#elif defined(__FreeBSD__)
#include <sys/disk.h>
#endif

namespace dm::host {
namespace {

constexpr unsigned kMostStalls = 3;
constexpr unsigned kLoggedErrors = 20; // of one file: a dying disk must not fill the log's

Error cannot_open(const std::string& path, RawFile::Access access, int error) {
    switch (error) {
    case ENOENT:
        return fail("disk {}: there is no such file; check the path in the domain's disk= list", path);
    case EACCES:
    case EPERM:
        return fail("disk {}: no permission to open it for {}; check its owner and mode, and those of the "
                    "folders above it",
                    path, access == RawFile::Access::ReadOnly ? "reading" : "reading and writing");
    case EROFS:
        return fail("disk {}: it is on a read-only file system; make it writable or use mode r", path);
    case EISDIR: return fail("disk {}: this is a directory; name an image file or a block device", path);
#ifdef ENOMEDIUM
    case ENOMEDIUM: return fail("disk {}: there is no medium in the drive", path);
#endif
    case ETXTBSY:
    case EBUSY: return fail("disk {}: it is in use by something that excludes others", path);
    default: return fail("disk {}: cannot be opened: {}", path, std::strerror(error));
    }
}

/// Bytes of a block device.
Result<u64> device_size(const std::string& path, int fd) {
    u64 size = 0;
#if defined(__linux__)
    const int result = ::ioctl(fd, BLKGETSIZE64, &size);
#elif defined(__FreeBSD__)
    off_t media = 0;
    const int result = ::ioctl(fd, DIOCGMEDIASIZE, &media);
    size = static_cast<u64>(media);
#else
    const off_t end = ::lseek(fd, 0, SEEK_END);
    const int result = end < 0 ? -1 : 0;
    size = static_cast<u64>(end);
#endif
    if (result < 0) return fail("disk {}: the device does not tell its size: {}", path, std::strerror(errno));
    return size;
}

Result<u64> medium_size(const std::string& path, int fd) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return fail("disk {}: {}", path, std::strerror(errno));
    if (S_ISDIR(st.st_mode)) return cannot_open(path, RawFile::Access::ReadOnly, EISDIR);
    bool device = S_ISBLK(st.st_mode);
#ifdef __FreeBSD__
    device = device || S_ISCHR(st.st_mode); // disks are character devices there
#endif
    if (!device && !S_ISREG(st.st_mode))
        return fail("disk {}: neither a file nor a block device; name an image file or a block device", path);
    u64 size = static_cast<u64>(st.st_size);
    if (device) {
        DM_TRY_ASSIGN(size, device_size(path, fd));
    }
    if (size == 0)
        return fail("disk {}: it is empty; make it as large as the disk is to be (truncate -s)", path);
    return size;
}

} // namespace

Result<std::unique_ptr<RawFile>> RawFile::open(const std::string& path, Access access, BlockEngine& engine,
                                               UniqueFd given) {
    const int mode = access == Access::ReadOnly ? O_RDONLY : O_RDWR;
    UniqueFd fd = std::move(given);
    // O_NONBLOCK only for the opening itself: a pipe must not make us wait.
    if (!fd) fd = UniqueFd(::open(path.c_str(), mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!fd) return cannot_open(path, access, errno);
    const int granted = ::fcntl(fd.get(), F_GETFL);
    if (granted < 0) return cannot_open(path, access, errno);
    if ((granted & O_ACCMODE) != O_RDWR && (granted & O_ACCMODE) != mode)
        return fail("disk {}: the file descriptor for it was not opened for {}", path,
                    access == Access::ReadOnly ? "reading" : "reading and writing");
    DM_TRY_ASSIGN(const u64 size, medium_size(path, fd.get()));
    if (::fcntl(fd.get(), F_SETFL, 0) != 0) return cannot_open(path, access, errno);
    return std::unique_ptr<RawFile>(new RawFile(path, access, std::move(fd), size, engine));
}

RawFile::RawFile(std::string path, Access access, UniqueFd fd, u64 size, BlockEngine& engine)
    : path_(std::move(path)), log_("disk " + path_), access_(access), fd_(std::move(fd)), size_(size),
      engine_(engine) {}

RawFile::~RawFile() {
    drain();
}

/// An errno value for what cannot be done at all.
int RawFile::refusal(const BlockIo& io, u64 length) const {
    if (io.op == BlockIo::Op::Flush) return flush_error_;
    if (io.op != BlockIo::Op::Read && read_only()) return EROFS;
    if (io.op == BlockIo::Op::WriteZeroes) return EOPNOTSUPP;
    if (io.offset > size_ || length > size_ - io.offset) return EINVAL;
    return 0;
}

void RawFile::submit(BlockIo& io) {
    u64 length = 0;
    for (const iovec& v : io.iov)
        length += v.iov_len;
    const int error = refusal(io, length);
    const bool nothing = length == 0 && io.op != BlockIo::Op::Flush;
    if (error != 0 || nothing) {
        stats_.errors += error != 0 ? 1 : 0;
        io.done(io, error);
    } else if (in_flight_ == kMostInFlight) {
        waiting_.push_back(&io);
    } else {
        begin(io, length);
    }
}

void RawFile::begin(BlockIo& io, u64 length) {
    if (free_.empty()) {
        requests_.push_back(std::make_unique<Request>());
        free_.push_back(requests_.back().get());
    }
    Request& request = *free_.back();
    free_.pop_back();
    request.io = &io;
    request.file = this;
    request.length = length;
    request.moved = 0;
    request.stalls = 0;
    request.fd = fd_.get();
    request.owner = this;
    request.iov = io.iov;
    request.offset = io.offset;
    request.done = [](BlockEngine::Task& task) {
        auto& ours = static_cast<Request&>(task);
        ours.file->step_done(ours);
    };
    switch (io.op) {
    case BlockIo::Op::Read: request.kind = BlockEngine::Task::Kind::Read; break;
    case BlockIo::Op::Write: request.kind = BlockEngine::Task::Kind::Write; break;
    case BlockIo::Op::Flush: request.kind = BlockEngine::Task::Kind::Sync; break;
    case BlockIo::Op::Discard:
    case BlockIo::Op::WriteZeroes: break; // answered in submit()
    }
    ++in_flight_;
    engine_.start(request);
}

void RawFile::step_done(Request& request) {
    const int verdict = judge(request);
    if (verdict >= 0) return finish(request, verdict);
    // The rest of a short transfer, or an interrupted attempt again.
    request.rest.clear();
    u64 skip = request.moved;
    for (const iovec& v : request.io->iov) {
        const u64 cut = std::min<u64>(skip, v.iov_len);
        skip -= cut;
        if (cut < v.iov_len)
            request.rest.push_back(
                {static_cast<u8*>(v.iov_base) + cut, static_cast<std::size_t>(v.iov_len - cut)});
    }
    request.iov = request.rest;
    request.offset = request.io->offset + request.moved;
    engine_.start(request);
}

/// 0 or an errno value when the request is over, -1 when it goes on.
int RawFile::judge(Request& request) {
    const s64 result = request.result;
    const bool again = result == -EINTR || result == -EAGAIN;
    if (result < 0 && !again) return static_cast<int>(-result);
    if (request.io->op == BlockIo::Op::Flush && !again) return 0;
    if (result > 0) {
        request.moved += static_cast<u64>(result);
        request.stalls = 0;
        return request.moved >= request.length ? 0 : -1;
    }
    if (result == 0) return EIO; // the file ends here: somebody made it shorter
    return ++request.stalls > kMostStalls ? EIO : -1;
}

void RawFile::count(const Request& request, int error) {
    if (error != 0) {
        const u64 seen = ++stats_.errors;
        if (seen <= kLoggedErrors)
            log_.error("{} of {} bytes at {}: {}{}",
                       request.io->op == BlockIo::Op::Read    ? "read"
                       : request.io->op == BlockIo::Op::Write ? "write"
                                                              : "flush",
                       request.length, request.io->offset, std::strerror(error),
                       seen == kLoggedErrors ? " (no more such messages for this disk)" : "");
        return;
    }
    switch (request.io->op) {
    case BlockIo::Op::Read:
        ++stats_.reads;
        stats_.read_bytes += request.length;
        break;
    case BlockIo::Op::Write:
        ++stats_.writes;
        stats_.written_bytes += request.length;
        break;
    case BlockIo::Op::Flush: ++stats_.flushes; break;
    case BlockIo::Op::Discard:
    case BlockIo::Op::WriteZeroes: break;
    }
}

void RawFile::finish(Request& request, int error) {
    BlockIo& io = *request.io;
    count(request, error);
    // The kernel tells of lost writes once and then forgets: so must we not.
    if (io.op == BlockIo::Op::Flush && error != 0) flush_error_ = error;
    free_.push_back(&request);
    --in_flight_;
    io.done(io, error);
    feed();
}

void RawFile::feed() {
    if (std::exchange(feeding_, true)) return; // a request that completed at once came back here
    while (!waiting_.empty() && in_flight_ < kMostInFlight) {
        BlockIo* next = waiting_.front();
        waiting_.pop_front();
        submit(*next);
    }
    feeding_ = false;
}

void RawFile::drain() {
    while (in_flight_ > 0)
        engine_.wait(this);
}

} // namespace dm::host
