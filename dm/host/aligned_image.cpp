#include "dm/host/aligned_image.hpp"

#include "dm/core/check.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dm::host {
namespace {

u64 bytes_of(const BlockIo& io) {
    u64 length = has_data(io.op) ? 0 : io.length;
    for (const iovec& v : io.iov)
        length += v.iov_len;
    return length;
}

} // namespace

AlignedImage::AlignedImage(std::unique_ptr<Image> below, u32 block, u32 memory)
    : below_(std::move(below)), block_(block), memory_(memory) {
    below_->set_size_changed([this] { size_changed(); });
}

AlignedImage::~AlignedImage() {
    drain();
}

bool AlignedImage::fits(const BlockIo& io) const {
    if (io.op == BlockIo::Op::Flush || io.op == BlockIo::Op::Discard) return true;
    if (io.offset % block_ != 0 || bytes_of(io) % block_ != 0) return false;
    return std::all_of(io.iov.begin(), io.iov.end(), [this](const iovec& v) {
        return reinterpret_cast<std::uintptr_t>(v.iov_base) % memory_ == 0 && v.iov_len % memory_ == 0;
    });
}

void AlignedImage::submit(BlockIo& io) {
    const u64 length = bytes_of(io);
    const u64 size = size_bytes();
    // What will be refused needs no alignment.
    const bool nothing = length == 0 || io.offset > size || length > size - io.offset ||
                         (io.op != BlockIo::Op::Read && read_only());
    const bool queued = !waiting_.empty() || (slow_ != nullptr && partial_);
    if (nothing || (!queued && fits(io))) return pass(io);
    waiting_.push_back(&io);
    pump();
}

void AlignedImage::pass(BlockIo& io) {
    if (free_.empty()) {
        passings_.push_back(std::make_unique<Passing>());
        free_.push_back(passings_.back().get());
    }
    Passing& passing = *free_.back();
    free_.pop_back();
    ++passing_;
    passing.io = io;
    passing.io.done = [](BlockIo& ours, int error) {
        auto& owner = *static_cast<Passing*>(ours.owner);
        owner.image->passed(owner, error);
    };
    passing.io.owner = &passing;
    passing.theirs = &io;
    passing.image = this;
    below_->submit(passing.io);
}

void AlignedImage::passed(Passing& passing, int error) {
    BlockIo& io = *passing.theirs;
    free_.push_back(&passing);
    --passing_;
    io.done(io, error);
    pump();
}

/// Whether the first that waits may go on.
bool AlignedImage::may_begin() const {
    if (waiting_.empty() || slow_ != nullptr) return false;
    const BlockIo& io = *waiting_.front();
    const bool partial = io.op != BlockIo::Op::Read && (io.offset | bytes_of(io)) % block_ != 0;
    return fits(io) || !partial || passing_ == 0;
}

void AlignedImage::pump() {
    if (std::exchange(pumping_, true)) return;
    while (true) {
        if (slow_ != nullptr && !in_step_) {
            if (moved_ < slow_length_)
                next_piece();
            else
                finish(0);
            continue;
        }
        if (!may_begin()) break;
        BlockIo& io = *waiting_.front();
        waiting_.pop_front();
        if (fits(io)) {
            pass(io);
            continue;
        }
        slow_ = &io;
        slow_length_ = bytes_of(io);
        partial_ = io.op != BlockIo::Op::Read && (io.offset | slow_length_) % block_ != 0;
        moved_ = 0;
    }
    pumping_ = false;
}

void AlignedImage::next_piece() {
    if (buffer_ == nullptr) {
        void* memory = nullptr;
        if (::posix_memalign(&memory, std::max<std::size_t>(block_, 4096), kBuffer) != 0)
            return finish(ENOMEM);
        buffer_.reset(static_cast<u8*>(memory));
    }
    const u64 mask = block_ - 1;
    const u64 begin = slow_->offset + moved_;
    const u64 end = slow_->offset + slow_length_;
    first_ = begin & ~mask;
    last_ = std::min((end + mask) & ~mask, first_ + kBuffer);
    const bool reads = slow_->op == BlockIo::Op::Read || begin != first_ || end < last_;
    if (reads) return step(Step::Fetch, BlockIo::Op::Read);
    copy(BlockIo::Op::Write);
    step(Step::Store, BlockIo::Op::Write);
}

void AlignedImage::step(Step what, BlockIo::Op op) {
    step_ = what;
    in_step_ = true;
    vector_ = {buffer_.get(), last_ - first_};
    io_ =
        BlockIo{.op = op,
                .offset = first_,
                .iov = {&vector_, 1},
                .done = [](BlockIo& io, int error) { static_cast<AlignedImage*>(io.owner)->stepped(error); },
                .owner = this};
    below_->submit(io_);
}

void AlignedImage::stepped(int error) {
    if (error != 0) {
        in_step_ = false;
        finish(error);
    } else if (step_ == Step::Fetch && slow_->op != BlockIo::Op::Read) {
        copy(BlockIo::Op::Write);
        step(Step::Store, BlockIo::Op::Write);
    } else {
        in_step_ = false;
        if (slow_->op == BlockIo::Op::Read) copy(BlockIo::Op::Read);
        piece_done();
    }
    pump();
}

void AlignedImage::piece_done() {
    moved_ = std::min(last_, slow_->offset + slow_length_) - slow_->offset;
}

void AlignedImage::finish(int error) {
    BlockIo& io = *std::exchange(slow_, nullptr);
    partial_ = false;
    io.done(io, error);
}

/// Between the buffer and the request's memory, what both have of the piece.
void AlignedImage::copy(BlockIo::Op direction) {
    const u64 begin = slow_->offset + moved_;
    u8* ours = buffer_.get() + (begin - first_);
    u64 left = std::min(last_, slow_->offset + slow_length_) - begin;
    if (slow_->op == BlockIo::Op::WriteZeroes) {
        std::memset(ours, 0, left);
        return;
    }
    u64 skip = moved_;
    for (const iovec& v : slow_->iov) {
        if (skip >= v.iov_len) {
            skip -= v.iov_len;
            continue;
        }
        auto* theirs = static_cast<u8*>(v.iov_base) + skip;
        const u64 length = std::min<u64>(v.iov_len - skip, left);
        std::memcpy(direction == BlockIo::Op::Read ? theirs : ours,
                    direction == BlockIo::Op::Read ? ours : theirs, length);
        skip = 0;
        ours += length;
        left -= length;
        if (left == 0) break;
    }
}

void AlignedImage::wait() {
    below_->wait();
}

void AlignedImage::drain() {
    while (passing_ > 0 || slow_ != nullptr || !waiting_.empty())
        below_->wait();
}

Status AlignedImage::release() {
    drain();
    return below_->release();
}

} // namespace dm::host
