#include "dm/host/raw_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace dm::host {
namespace {

constexpr unsigned kMostStalls = 3;

alignas(4096) constinit std::array<u8, 65536> zeros{}; // written out, never written to
constexpr u64 kZeroVectors = 256;                      // 16 MiB in one task

} // namespace

RawFile::~RawFile() {
    drain();
    while (size_task_.busy)
        engine_.wait(this);
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
    request.moved = 0;
    request.stalls = 0;
    request.zeroing = false;
    request.fd = fd_.get();
    request.device = device_;
    request.owner = this;
    request.iov = io.iov;
    request.offset = io.offset;
    request.length = length;
    request.Task::length = length;
    request.done = [](BlockEngine::Task& task) {
        auto& ours = static_cast<Request&>(task);
        ours.file->step_done(ours);
    };
    switch (io.op) {
    case BlockIo::Op::Read: request.kind = Kind::Read; break;
    case BlockIo::Op::Write:
        request.kind = Kind::Write;
        if (options_.detect_zeroes != DetectZeroes::Off && all_zeros(io.iov)) {
            request.may_unmap = options_.discard && options_.detect_zeroes == DetectZeroes::Unmap;
            start_zeroing(request);
        }
        break;
    case BlockIo::Op::Flush: request.kind = Kind::Sync; break;
    case BlockIo::Op::Discard:
        request.kind = Kind::Discard;
        if (!clip_discard(request)) return finish(request, 0);
        break;
    case BlockIo::Op::WriteZeroes:
        request.may_unmap = options_.discard && io.unmap;
        start_zeroing(request);
        break;
    }
    engine_.start(request);
}

/// Only whole granules can be given back.
bool RawFile::clip_discard(Request& request) const {
    const u64 mask = discard_granularity_ - 1;
    const u64 begin = (request.io->offset + mask) & ~mask;
    const u64 end = (request.io->offset + request.length) & ~mask;
    if (begin >= end) return false;
    request.offset = begin;
    request.Task::length = end - begin;
    return true;
}

void RawFile::start_zeroing(Request& request) {
    request.zeroing = true;
    request.kind = request.may_unmap ? Kind::ZeroUnmap : Kind::Zero;
}

/// Zeros one by one, where nothing quicker is possible.
void RawFile::write_zeros(Request& request) {
    request.kind = Kind::Write;
    request.rest.clear();
    for (u64 left = request.length - request.moved; left > 0 && request.rest.size() < kZeroVectors;) {
        const u64 piece = std::min<u64>(left, zeros.size());
        request.rest.push_back({zeros.data(), piece});
        left -= piece;
    }
    request.iov = request.rest;
    request.offset = request.io->offset + request.moved;
}

/// The next best way of what the medium cannot do; false: there is none and it does not matter.
bool RawFile::fall_back(Request& request) {
    switch (request.kind) {
    case Kind::ZeroUnmap: request.kind = Kind::Zero; return true;
    case Kind::Zero: write_zeros(request); return true;
    case Kind::Discard:
    case Kind::Read:
    case Kind::Write:
    case Kind::Sync:
    case Kind::Size: break;
    }
    return false;
}

void RawFile::step_done(Request& request) {
    if (request.kind != Kind::Read && request.result == -EOPNOTSUPP) {
        if (fall_back(request)) return engine_.start(request);
        if (request.kind == Kind::Discard) return finish(request, 0);
    }
    const int verdict = judge(request);
    // O_DSYNC is for written bytes only.
    const bool promised = options_.write_through && request.zeroing && request.kind != Kind::Sync;
    if (verdict == 0 && promised) {
        request.kind = Kind::Sync;
        return engine_.start(request);
    }
    if (verdict >= 0) return finish(request, verdict);
    go_on(request);
    engine_.start(request);
}

/// The rest of a short transfer, or an interrupted attempt again.
void RawFile::go_on(Request& request) {
    if (request.kind != Kind::Read && request.kind != Kind::Write) return;
    if (request.zeroing) return write_zeros(request);
    request.rest.clear();
    u64 skip = request.moved;
    for (const iovec& v : request.io->iov) {
        if (skip >= v.iov_len) {
            skip -= v.iov_len;
            continue;
        }
        request.rest.push_back({static_cast<u8*>(v.iov_base) + skip, v.iov_len - skip});
        skip = 0;
    }
    request.iov = request.rest;
    request.offset = request.io->offset + request.moved;
}

/// 0 or an errno value when the step is over, -1 when it goes on.
int RawFile::judge(Request& request) {
    const s64 result = request.result;
    const bool again = result == -EINTR || result == -EAGAIN;
    if (again) return ++request.stalls > kMostStalls ? EIO : -1;
    if (result < 0) return static_cast<int>(-result);
    if (request.kind != Kind::Read && request.kind != Kind::Write) return 0;
    if (result == 0) return EIO; // the file ends here: somebody made it shorter
    request.moved += static_cast<u64>(result);
    request.stalls = 0;
    return request.moved >= request.length ? 0 : -1;
}

void RawFile::finish(Request& request, int error) {
    // The kernel tells of lost writes once and then forgets: so must we not. Not even room on the disk
    // (ENOSPC) brings them back, so from the second time on it is an error that nobody is to wait out.
    if (request.kind == Kind::Sync && error != 0) flush_error_ = EIO;
    free_.push_back(&request);
    ended(*request.io, request.length, error);
}

void RawFile::wait() {
    if (in_flight() > 0) engine_.wait(this);
}

} // namespace dm::host
