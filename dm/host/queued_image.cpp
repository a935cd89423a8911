#include "dm/host/queued_image.hpp"

#include <cerrno>
#include <cstring>

namespace dm::host {
namespace {

constexpr unsigned kLoggedErrors = 20; // of one image: a dying disk must not fill the log's

std::string_view word_of(BlockIo::Op op) {
    switch (op) {
    case BlockIo::Op::Read: return "read";
    case BlockIo::Op::Write: return "write";
    case BlockIo::Op::Flush: return "flush";
    case BlockIo::Op::Discard: return "discard";
    case BlockIo::Op::WriteZeroes: return "zeroing";
    }
    return "";
}

} // namespace

/// An errno value for what cannot be done at all.
int QueuedImage::refusal(const BlockIo& io, u64 length) const {
    if (const int error = unusable(io.op); error != 0) return error;
    if (io.op == BlockIo::Op::Flush) return flush_error_;
    if (io.op != BlockIo::Op::Read && read_only()) return EROFS;
    if (io.offset > size_ || length > size_ - io.offset) return EINVAL;
    return 0;
}

bool QueuedImage::is_no_work(const BlockIo& io, u64 length) const {
    switch (io.op) {
    case BlockIo::Op::Read:
    case BlockIo::Op::Write:
    case BlockIo::Op::WriteZeroes: return length == 0;
    case BlockIo::Op::Flush: return options_.no_flush || read_only() || !can_flush();
    case BlockIo::Op::Discard: return length == 0 || discard_granularity() == 0;
    }
    return true;
}

void QueuedImage::submit(BlockIo& io) {
    u64 length = has_data(io.op) ? 0 : io.length;
    for (const iovec& v : io.iov)
        length += v.iov_len;
    const int error = refusal(io, length);
    if (error != 0 || is_no_work(io, length)) {
        stats_.errors += error != 0 ? 1 : 0;
        io.done(io, error);
    } else if (in_flight_ == kMostInFlight) {
        waiting_.push_back(&io);
    } else {
        ++in_flight_;
        begin(io, length);
    }
}

void QueuedImage::ended(BlockIo& io, u64 length, int error) {
    count(io, length, error);
    --in_flight_;
    io.done(io, error);
    feed();
}

void QueuedImage::feed() {
    if (std::exchange(feeding_, true)) return; // a request that completed at once came back here
    while (!waiting_.empty() && in_flight_ < kMostInFlight) {
        BlockIo* next = waiting_.front();
        waiting_.pop_front();
        submit(*next);
    }
    feeding_ = false;
}

void QueuedImage::count(const BlockIo& io, u64 length, int error) {
    if (error != 0) {
        const u64 seen = ++stats_.errors;
        // Of an image that is gone the log knows already.
        if (seen <= kLoggedErrors && unusable(io.op) == 0)
            log_.error("{} of {} bytes at {}: {}{}", word_of(io.op), length, io.offset, std::strerror(error),
                       seen == kLoggedErrors ? " (no more such messages for this disk)" : "");
        return;
    }
    switch (io.op) {
    case BlockIo::Op::Read:
        ++stats_.reads;
        stats_.read_bytes += length;
        break;
    case BlockIo::Op::Write:
    case BlockIo::Op::WriteZeroes:
        ++stats_.writes;
        stats_.written_bytes += length;
        break;
    case BlockIo::Op::Flush: ++stats_.flushes; break;
    case BlockIo::Op::Discard: ++stats_.discards; break;
    }
}

void QueuedImage::drain() {
    while (in_flight_ > 0)
        wait();
}

} // namespace dm::host
