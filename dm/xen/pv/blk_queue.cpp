#include "dm/xen/pv/blk_queue.hpp"

#include "dm/core/check.hpp"

#include <algorithm>

namespace dm::xen {

BlkQueue::BlkQueue(std::string_view name, Wiring wiring, Rights rights)
    : wiring_(std::move(wiring)), rights_(rights), log_(name) {}

BlkQueue::~BlkQueue() {
    detach();
    wiring_.idle = {};
    wiring_.medium.drain();
}

void BlkQueue::attach(BlkRing ring) {
    DM_CHECK(!ring_ && !busy());
    ring_ = ring;
}

void BlkQueue::detach() {
    ring_.reset();
    ++life_;
    if (barrier_ != nullptr && barrier_step_ == BarrierStep::Waits) release(std::move(barrier_));
}

void BlkQueue::pause() {
    paused_ = true;
    wiring_.medium.drain();
    // The steps of a barrier follow each other; the last one is over when nothing new is begun.
    while (busy())
        wiring_.medium.drain();
}

void BlkQueue::resume() {
    paused_ = false;
    serve();
}

void BlkQueue::serve() {
    if (std::exchange(serving_, true)) return; // a completion inside submit() came back here
    serve_ring();
    publish(); // what was refused
    serving_ = false;
    if (!busy()) buffers_.trim();
}

void BlkQueue::serve_ring() {
    const u64 last = stats_.requests + kMostAtOnce;
    while (may_take()) {
        if (stats_.requests >= last) {
            // A guest that fills the ring as fast as it is emptied must not stop everything else.
            if (!std::exchange(postponed_, true)) wiring_.later();
            return;
        }
        postponed_ = false;
        if (!take_batch()) return;
        submit_batch();
        if (barrier_ != nullptr && !busy()) start_barrier();
    }
}

bool BlkQueue::may_take() const {
    return ring_ && !paused_ && barrier_ == nullptr && bytes_in_flight_ < kMostInFlight;
}

bool BlkQueue::take_batch() {
    BlkRequest request;
    while (may_take() && batch_.size() < kMostBatch) {
        switch (ring_->next(request)) {
        case BlkRing::Next::Broken:
            break_off("it claims more requests than its ring can hold");
            return true; // what was taken before is dropped with the rest
        case BlkRing::Next::None: return !batch_.empty() || ring_->rearm();
        case BlkRing::Next::Request:
            ++stats_.requests;
            accept(request);
            break;
        }
    }
    return true;
}

/// After it the ring is not there any more: callers look.
void BlkQueue::break_off(std::string why) {
    detach();
    wiring_.broken(std::move(why));
}

void BlkQueue::refuse(const BlkRequest& request, BlkStatus status) {
    ++stats_.refused;
    ring_->respond({.id = request.id, .operation = request.answered_operation(), .status = status});
}

void BlkQueue::accept(const BlkRequest& request) {
    constexpr u8 kLastOperation = static_cast<u8>(BlkOp::INDIRECT);
    if (request.operation > kLastOperation) return refuse(request, BlkStatus::NOT_SUPPORTED);
    const std::span<const BlkSegment> direct =
        std::span(request.segments).first(std::min<std::size_t>(request.nr_segments, kBlkDirectSegments));
    switch (static_cast<BlkOp>(request.operation)) {
    case BlkOp::READ: return accept_data(request, BlockIo::Op::Read, direct);
    case BlkOp::WRITE: return accept_data(request, BlockIo::Op::Write, direct);
    case BlkOp::WRITE_BARRIER:
    case BlkOp::FLUSH_DISKCACHE: return accept_flush(request);
    case BlkOp::DISCARD: return accept_discard(request);
    case BlkOp::INDIRECT: return accept_indirect(request);
    case BlkOp::RESERVED_1: return refuse(request, BlkStatus::NOT_SUPPORTED);
    }
}

bool BlkQueue::within(u64 sector, u64 count) const {
    const u64 sectors = wiring_.medium.size_bytes() / kBlkSector;
    return sector <= sectors && count <= sectors - sector;
}

std::unique_ptr<BlkQueue::Part> BlkQueue::data_part(const BlkRequest& request, BlockIo::Op op,
                                                    std::span<const BlkSegment> segments) {
    u64 length = 0;
    for (const BlkSegment& segment : segments) {
        if (!segment.valid()) return nullptr;
        length += segment.length();
    }
    if (segments.size() != request.nr_segments || length == 0 || !within(request.sector, length / kBlkSector))
        return nullptr;
    if (op == BlockIo::Op::Write && !rights_.write) return nullptr;
    std::unique_ptr<Part> part = new_part(request, op);
    part->length = length;
    part->memory = buffers_.take(static_cast<u32>(length));
    u8* at = part->memory.get();
    for (const BlkSegment& segment : segments) {
        part->pieces.push_back(
            {.gref = segment.gref, .offset = segment.offset(), .length = segment.length(), .ours = at});
        at += segment.length();
    }
    bytes_in_flight_ += IoBuffers::rounded(static_cast<u32>(length));
    return part;
}

void BlkQueue::accept_data(const BlkRequest& request, BlockIo::Op op, std::span<const BlkSegment> segments) {
    std::unique_ptr<Part> part = data_part(request, op, segments);
    if (part == nullptr) return refuse(request, BlkStatus::ERROR);
    batch_.push_back(std::move(part));
}

void BlkQueue::accept_indirect(const BlkRequest& request) {
    const auto op = static_cast<BlkOp>(request.flag_or_op);
    const bool known = op == BlkOp::READ || op == BlkOp::WRITE;
    if (!known || request.nr_segments == 0 || request.nr_segments > kMostSegments || !fetch_segments(request))
        return refuse(request, BlkStatus::ERROR);
    accept_data(request, op == BlkOp::READ ? BlockIo::Op::Read : BlockIo::Op::Write, segments_);
}

/// Into segments_: a copy of our own.
bool BlkQueue::fetch_segments(const BlkRequest& request) {
    static_assert(kMostSegments <= kBlkSegmentsPerPage, "they stand in the first indirect page");
    std::array<u8, kMostSegments * BlkSegment::kSize> raw{};
    const std::size_t size = request.nr_segments * BlkSegment::kSize;
    GrantPiece piece{.gref = request.indirect_grefs[0], .length = static_cast<u32>(size), .ours = raw.data()};
    wiring_.grants.copy_in({&piece, 1});
    if (!piece.ok) return false;
    segments_.clear();
    for (std::size_t at = 0; at < size; at += BlkSegment::kSize)
        segments_.push_back(decode_segment(std::span(raw).subspan(at, BlkSegment::kSize)));
    return true;
}

void BlkQueue::accept_flush(const BlkRequest& request) {
    const bool barrier = request.is(BlkOp::WRITE_BARRIER);
    if (request.nr_segments == 0 && !barrier) {
        batch_.push_back(new_part(request, BlockIo::Op::Flush));
        return;
    }
    std::unique_ptr<Part> part;
    if (request.nr_segments == 0) {
        part = new_part(request, BlockIo::Op::Flush);
    } else {
        const std::size_t count = std::min<std::size_t>(request.nr_segments, kBlkDirectSegments);
        part = data_part(request, BlockIo::Op::Write, std::span(request.segments).first(count));
        if (part == nullptr) return refuse(request, BlkStatus::ERROR);
        part->flush_after = barrier;
    }
    barrier_ = std::move(part);
    barrier_step_ = BarrierStep::Waits;
}

void BlkQueue::accept_discard(const BlkRequest& request) {
    if (!rights_.discard || !rights_.write || !wiring_.medium.can_discard())
        return refuse(request, BlkStatus::NOT_SUPPORTED);
    if (!within(request.sector, request.nr_sectors)) return refuse(request, BlkStatus::ERROR);
    std::unique_ptr<Part> part = new_part(request, BlockIo::Op::Discard);
    part->length = request.nr_sectors * kBlkSector;
    batch_.push_back(std::move(part));
}

} // namespace dm::xen
