#ifdef HVMDM_NBD
#include "dm/host/nbd_image.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dm::host {
namespace {

constexpr u64 kMostRange = 128 << 20;  // of one trim or zero command
constexpr unsigned kMostCommands = 32; // of one request at a time
constexpr u64 kGoodPiece = 64 << 10;   // worth a command of its own

alignas(4096) constinit std::array<u8, 1 << 20> zeros{}; // sent, never written to

/// What a drive may make of it.
int drive_error(int error) {
    const bool passes =
        error == EIO || error == ENOSPC || error == EPERM || error == EROFS || error == EINVAL;
    return passes ? error : EIO;
}

} // namespace

void NbdImage::begin(BlockIo& io, u64 length) {
    if (free_.empty()) {
        requests_.push_back(std::make_unique<Request>());
        free_.push_back(requests_.back().get());
    }
    Request& request = *free_.back();
    free_.pop_back();
    request = {.io = &io, .image = this, .length = length, .busy = true};
    // qemu-nbd looks for zeros itself, and writes through itself.
    const bool zeros_written = !qemu_ && io.op == BlockIo::Op::Write &&
                               options_.detect_zeroes != DetectZeroes::Off && all_zeros(io.iov);
    request.zeroing = io.op == BlockIo::Op::WriteZeroes || zeros_written;
    request.may_unmap =
        options_.discard && (zeros_written ? options_.detect_zeroes == DetectZeroes::Unmap : io.unmap);
    const bool writes = io.op == BlockIo::Op::Write || io.op == BlockIo::Op::WriteZeroes;
    request.flush_follows = writes && options_.write_through && !qemu_ && can_flush_ && !can_fua_;
    issue(request);
    after_work();
}

/// Sends the next commands of the request. Its end is noticed in dispatch(), whatever happens here.
void NbdImage::issue(Request& request) {
    request.commands = 1; // ours: it keeps the request while commands are being sent
    switch (request.io->op) {
    case BlockIo::Op::Read: issue_data(request); break;
    case BlockIo::Op::Write:
        if (request.zeroing)
            issue_zeros(request);
        else
            issue_data(request);
        break;
    case BlockIo::Op::Flush:
        request.issued = request.length;
        ++request.commands;
        sent(request, nbd_.aio_flush(handle_.get(), answer_to(request), 0));
        break;
    case BlockIo::Op::Discard: issue_range(request); break;
    case BlockIo::Op::WriteZeroes: issue_zeros(request); break;
    }
    if (--request.commands == 0) done_.push_back(&request);
}

/// A command that could not even be sent calls nobody back.
void NbdImage::sent(Request& request, s64 cookie) {
    if (cookie >= 0) return;
    --request.commands;
    const int error = nbd_.get_errno();
    if (request.error == 0) request.error = drive_error(error != 0 ? error : EIO);
    request.issued = request.length;
}

nbd_completion_callback NbdImage::answer_to(Request& request) {
    return {.callback = command_done, .user_data = &request, .free = nullptr};
}

/// In libnbd, which must not be called from here.
int NbdImage::command_done(void* user, int* error) {
    auto& request = *static_cast<Request*>(user);
    if (*error != 0 && request.error == 0) request.error = drive_error(*error);
    if (--request.commands == 0) request.image->done_.push_back(&request);
    return 1; // libnbd may forget the command
}

/// Scattered small pieces cost less when copied together than as commands of their own.
u8* NbdImage::take_bounce(const Request& request) {
    const std::span<const iovec> iov = request.io->iov;
    if (iov.size() == 1 || request.length > kBounce || request.length / iov.size() >= kGoodPiece)
        return nullptr;
    if (free_bounces_.empty() && bounces_.size() < kBounces) {
        bounces_.push_back(std::make_unique<std::array<u8, kBounce>>());
        free_bounces_.push_back(bounces_.back()->data());
    }
    if (free_bounces_.empty()) return nullptr;
    u8* bounce = free_bounces_.back();
    free_bounces_.pop_back();
    if (request.io->op == BlockIo::Op::Read) return bounce;
    u8* to = bounce;
    for (const iovec& v : iov) {
        std::memcpy(to, v.iov_base, v.iov_len);
        to += v.iov_len;
    }
    return bounce;
}

void NbdImage::return_bounce(Request& request) {
    if (request.bounce == nullptr) return;
    if (request.io->op == BlockIo::Op::Read && request.error == 0) {
        const u8* from = request.bounce;
        for (const iovec& v : request.io->iov) {
            std::memcpy(v.iov_base, from, v.iov_len);
            from += v.iov_len;
        }
    }
    free_bounces_.push_back(std::exchange(request.bounce, nullptr));
}

void NbdImage::issue_data(Request& request) {
    const BlockIo& io = *request.io;
    if (request.issued == 0) request.bounce = take_bounce(request);
    iovec copied{request.bounce, request.length};
    const std::span<const iovec> iov =
        request.bounce != nullptr ? std::span<const iovec>(&copied, 1) : io.iov;
    const nbd_completion_callback done = answer_to(request);
    const u32 flags = options_.write_through && can_fua_ && !qemu_ ? LIBNBD_CMD_FLAG_FUA : 0;
    u64 skip = request.issued;
    for (const iovec& v : iov) {
        while (skip < v.iov_len && request.commands <= kMostCommands && request.error == 0) {
            auto* at = static_cast<u8*>(v.iov_base) + skip;
            const u64 length = std::min<u64>(v.iov_len - skip, most_in_command_);
            const u64 offset = io.offset + request.issued;
            ++request.commands;
            request.issued += length;
            skip += length;
            sent(request, io.op == BlockIo::Op::Read
                              ? nbd_.aio_pread(handle_.get(), at, length, offset, done, 0)
                              : nbd_.aio_pwrite(handle_.get(), at, length, offset, done, flags));
        }
        if (skip < v.iov_len) break;
        skip -= v.iov_len;
    }
}

/// Only whole granules can be given back.
void NbdImage::issue_range(Request& request) {
    const u64 mask = discard_granularity_ - 1;
    const u64 begin = (request.io->offset + request.issued + mask) & ~mask;
    const u64 end = (request.io->offset + request.length) & ~mask;
    const u64 length = begin < end ? std::min(end - begin, kMostRange) : 0;
    request.issued = begin + length >= end ? request.length : begin + length - request.io->offset;
    if (length == 0) return;
    ++request.commands;
    sent(request, nbd_.aio_trim(handle_.get(), length, begin, answer_to(request), 0));
}

void NbdImage::issue_zeros(Request& request) {
    const nbd_completion_callback done = answer_to(request);
    u32 flags = options_.write_through && can_fua_ && !qemu_ ? LIBNBD_CMD_FLAG_FUA : 0;
    if (can_zero_ && !request.may_unmap) flags |= LIBNBD_CMD_FLAG_NO_HOLE;
    while (request.issued < request.length && request.commands <= kMostCommands && request.error == 0) {
        const u64 offset = request.io->offset + request.issued;
        const u64 most = can_zero_ ? kMostRange : std::min<u64>(zeros.size(), most_in_command_);
        const u64 length = std::min(request.length - request.issued, most);
        ++request.commands;
        request.issued += length;
        sent(request, can_zero_ ? nbd_.aio_zero(handle_.get(), length, offset, done, flags)
                                : nbd_.aio_pwrite(handle_.get(), zeros.data(), length, offset, done, flags));
    }
}

/// All commands that were sent are answered.
void NbdImage::finish(Request& request) {
    const bool more = request.issued < request.length;
    if (request.error == 0 && handle_.get() != nullptr && (more || request.flush_follows)) {
        if (more) return issue(request);
        request.flush_follows = false;
        request.commands = 2; // as issue() counts
        sent(request, nbd_.aio_flush(handle_.get(), answer_to(request), 0));
        if (--request.commands == 0) done_.push_back(&request);
        return;
    }
    if (request.error == 0 && more) request.error = EIO;
    return_bounce(request);
    if (request.io->op == BlockIo::Op::Flush && request.error != 0) flush_error_ = EIO; // as RawFile
    request.busy = false;
    free_.push_back(&request);
    ended(*request.io, request.length, request.error);
}

} // namespace dm::host

#endif
