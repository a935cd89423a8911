// NbdImage: the connection, its place in the event loop, and its end.
#ifdef HVMDM_NBD
#include "dm/core/block_flush.hpp"
#include "dm/host/aligned_image.hpp"
#include "dm/host/nbd_image.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>

namespace dm::host {
namespace {

constexpr u64 kMostData = 32 << 20;   // what every server takes in one command
constexpr unsigned kLoggedWords = 50; // of one server
constexpr u32 kUsualGranularity = 4096;
constexpr u32 kLargestGranularity = 1 << 16;

/// A power of two between the sector and what a guest can use.
u32 sane(s64 size, u32 otherwise) {
    if (size <= 0) return otherwise;
    return std::clamp(std::bit_floor(static_cast<u32>(std::min<s64>(size, kLargestGranularity))),
                      NbdImage::kSector, kLargestGranularity);
}

} // namespace

Result<std::unique_ptr<Image>> open_nbd_image(const ImageOptions& options, EventLoop& loop) {
    DM_TRY_ASSIGN(std::unique_ptr<NbdImage> image, NbdImage::open(options, loop));
    const u32 granule = image->granule();
    if (granule <= NbdImage::kSector) return std::unique_ptr<Image>(std::move(image));
    return std::unique_ptr<Image>(std::make_unique<AlignedImage>(std::move(image), granule, 1));
}

Result<std::unique_ptr<NbdImage>> NbdImage::open(const ImageOptions& options, EventLoop& loop,
                                                 const NbdPatience& patience) {
    Result<const LibNbd*> library = LibNbd::load();
    if (!library.ok()) return fail("disk {}: {}", options.file, library.error().message);
    std::unique_ptr<NbdImage> image(new NbdImage(options, loop, **library, patience));
    DM_TRY(image->connect());
    return image;
}

NbdImage::NbdImage(const ImageOptions& options, EventLoop& loop, const LibNbd& library,
                   const NbdPatience& patience)
    : QueuedImage(options), loop_(loop), nbd_(library), patience_(patience),
      qemu_(is_qemu_format(options.format)) {}

NbdImage::~NbdImage() {
    if (const Status released = release(); !released.ok()) log_.error("{}", released.error().message);
    *alive_ = false;
}

Status NbdImage::connect() {
    DM_TRY_ASSIGN(NbdServer server, connect_nbd(nbd_, options_, patience_));
    nbd_handle* handle = server.handle.get();
    const s64 size = nbd_.get_size(handle);
    if (size <= 0) return fail("disk {}: the server says that it is empty", name());
    if (size_ != 0 && static_cast<u64>(size) != size_)
        return fail("disk {}: it has {} bytes now, it had {}", name(), size, size_);
    if (nbd_.is_read_only(handle) == 1 && !read_only())
        return fail("disk {}: the server lets nobody write; give the disk mode r, or serve it for writing",
                    name());
    size_ = static_cast<u64>(size);
    if (!qemu_) {
        const s64 block = nbd_.get_block_size(handle, LIBNBD_SIZE_MINIMUM);
        if (block > kLargestGranularity || (block > 0 && !std::has_single_bit(static_cast<u64>(block))))
            return fail("disk {}: the server wants blocks of {} bytes, which no drive has", name(), block);
        granule_ = block > 0 ? static_cast<u32>(block) : 1;
    }
    const s64 most = nbd_.get_block_size(handle, LIBNBD_SIZE_MAXIMUM);
    most_in_command_ = most > kSector ? std::min<u64>(static_cast<u64>(most), kMostData) : kMostData;
    most_in_command_ -= most_in_command_ % std::max(granule_, kSector);
    discard_granularity_ = sane(nbd_.get_block_size(handle, LIBNBD_SIZE_PREFERRED), kUsualGranularity);
    can_flush_ = nbd_.can_flush(handle) == 1;
    can_fua_ = nbd_.can_fua(handle) == 1;
    can_trim_ = nbd_.can_trim(handle) == 1;
    can_zero_ = nbd_.can_zero(handle) == 1;
    adopt(std::move(server));
    return {};
}

void NbdImage::adopt(NbdServer server) {
    handle_ = std::move(server.handle);
    process_ = std::move(server.process);
    watched_ = nbd_.aio_get_fd(handle_.get());
    direction_ = LIBNBD_AIO_DIRECTION_READ;
    loop_.watch(watched_, FdEvents::Readable, [this](FdReady what) { ready(what); });
    watched_words_ = process_.words_fd();
    if (watched_words_ >= 0)
        loop_.watch(watched_words_, FdEvents::Readable, [this](FdReady) { server_spoke(); });
}

void NbdImage::ready(FdReady what) {
    const unsigned direction = nbd_.aio_get_direction(handle_.get());
    if ((what.readable || what.hangup) && (direction & LIBNBD_AIO_DIRECTION_READ) != 0)
        static_cast<void>(nbd_.aio_notify_read(handle_.get()));
    else if ((what.writable || what.hangup) && (direction & LIBNBD_AIO_DIRECTION_WRITE) != 0)
        static_cast<void>(nbd_.aio_notify_write(handle_.get()));
    after_work();
    dispatch();
}

/// After every call that may have moved libnbd on.
void NbdImage::after_work() {
    if (handle_.get() != nullptr &&
        (nbd_.aio_is_dead(handle_.get()) != 0 || nbd_.aio_is_closed(handle_.get()) != 0)) {
        gone(last_error());
    }
    watch_again();
    if (!done_.empty()) post_dispatch();
}

std::string NbdImage::last_error() const {
    const char* why = nbd_.get_error();
    return why != nullptr ? why : "the server closed the connection";
}

void NbdImage::watch_again() {
    if (handle_.get() == nullptr) return;
    const unsigned direction = nbd_.aio_get_direction(handle_.get());
    if (direction == direction_) return;
    direction_ = direction;
    loop_.change(watched_, static_cast<FdEvents>(direction)); // the same numbers
}

/// Finishes what is done. Never from submit(): others' done() must not run in there.
void NbdImage::dispatch() {
    while (!done_.empty()) {
        Request* request = done_.front();
        done_.pop_front();
        finish(*request);
    }
    after_work();
}

void NbdImage::post_dispatch() {
    if (std::exchange(dispatch_posted_, true)) return;
    loop_.post([this, alive = alive_] {
        if (!*alive) return;
        dispatch_posted_ = false;
        dispatch();
    });
}

/// The server does not exist any more for us. Its handle goes first: nothing writes to memory after that.
void NbdImage::gone(std::string_view why) {
    log_.error("the server is gone ({}); for the guest the drive has died", why);
    loop_.unwatch(std::exchange(watched_, -1));
    handle_.reset();
    flush_error_ = EIO;
    for (const auto& request : requests_) {
        const bool listed = std::find(done_.begin(), done_.end(), request.get()) != done_.end();
        if (!request->busy || listed) continue;
        request->error = EIO;
        request->commands = 0;
        done_.push_back(request.get());
    }
}

void NbdImage::wait() {
    if (in_flight() == 0) return;
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::milliseconds(patience_.answer_ms);
    while (done_.empty()) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (handle_.get() == nullptr) break;
        if (left <= 0 || nbd_.poll(handle_.get(), static_cast<int>(left)) < 0) {
            gone(left <= 0 ? "no answer" : last_error());
            break;
        }
        after_work();
    }
    dispatch();
}

Status NbdImage::activate() {
    if (handle_.get() != nullptr) return {};
    patience_.lock_ms = options_.hand_over_ms;
    DM_TRY(connect());
    flush_error_ = 0;
    return {};
}

Status NbdImage::release() {
    drain();
    if (handle_.get() == nullptr) {
        disconnect();
        return {};
    }
    const int error = flush_and_wait(*this);
    disconnect();
    if (error != 0) return fail("disk {}: not all of it reached the medium", name());
    return {};
}

/// Says goodbye, and waits until qemu-nbd has closed the image and others can have it.
void NbdImage::disconnect() {
    if (watched_ >= 0) loop_.unwatch(std::exchange(watched_, -1));
    if (handle_.get() != nullptr) static_cast<void>(nbd_.aio_disconnect(handle_.get(), 0));
    handle_.reset();
    if (process_.running() && !process_.wait_for_end(patience_.end_ms))
        log_.warning("qemu-nbd (process {}) is still busy with it", process_.pid());
    if (watched_words_ < 0) return;
    server_spoke();
    if (watched_words_ >= 0) loop_.unwatch(std::exchange(watched_words_, -1));
}

void NbdImage::server_spoke() {
    for (const std::string& line : process_.new_words()) {
        if (++words_logged_ <= kLoggedWords) log_.warning("{}", line);
    }
    if (process_.silent() && watched_words_ >= 0) loop_.unwatch(std::exchange(watched_words_, -1));
}

Status NbdImage::resize(u64 bytes) {
    return fail(
        "disk {}: while a guest uses it, it cannot be made {} bytes long: only raw images and block devices "
        "can; shut the guest down and use qemu-img resize",
        name(), bytes);
}

} // namespace dm::host

#else
#include "dm/host/nbd_image.hpp"

namespace dm::host {

Result<std::unique_ptr<Image>> open_nbd_image(const ImageOptions& options, EventLoop&) {
    return fail(
        "disk {}: this program was built without libnbd, which it needs for that; use format=raw and a "
        "file or block device",
        options.file);
}

} // namespace dm::host

#endif
