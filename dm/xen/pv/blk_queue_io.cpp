// The half of BlkQueue behind the judgement: from good requests to the medium and back.
#include "dm/core/check.hpp"
#include "dm/xen/pv/blk_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace dm::xen {

std::unique_ptr<BlkQueue::Part> BlkQueue::new_part(const BlkRequest& request, BlockIo::Op op) {
    std::unique_ptr<Part> part;
    if (free_parts_.empty()) {
        part = std::make_unique<Part>();
    } else {
        part = std::move(free_parts_.back());
        free_parts_.pop_back();
    }
    part->op = op;
    part->id = request.id;
    part->operation = request.answered_operation();
    part->offset = op == BlockIo::Op::Flush ? 0 : request.sector * kBlkSector;
    part->length = 0;
    part->pieces.clear();
    part->failed = false;
    part->flush_after = false;
    return part;
}

void BlkQueue::release(std::unique_ptr<Part> part) {
    if (part->memory) {
        const auto length = static_cast<u32>(part->length);
        bytes_in_flight_ -= IoBuffers::rounded(length);
        buffers_.give(std::move(part->memory), length);
    }
    free_parts_.push_back(std::move(part));
}

void BlkQueue::respond(const Part& part, BlkStatus status) {
    if (status != BlkStatus::OKAY) ++stats_.failed;
    ring_->respond({.id = part.id, .operation = part.operation, .status = status});
}

void BlkQueue::publish() {
    if (ring_ && ring_->publish()) wiring_.notify();
}

/// All pieces of the parts in chosen_ at once; marks the parts that failed.
void BlkQueue::copy_chosen(bool in) {
    scratch_.clear();
    for (const Part* part : chosen_)
        scratch_.insert(scratch_.end(), part->pieces.begin(), part->pieces.end());
    if (scratch_.empty()) return;
    if (in)
        wiring_.grants.copy_in(scratch_);
    else
        wiring_.grants.copy_out(scratch_);
    auto piece = scratch_.cbegin();
    for (Part* part : chosen_) {
        const auto end = piece + static_cast<std::ptrdiff_t>(part->pieces.size());
        part->failed = !std::all_of(piece, end, [](const GrantPiece& p) { return p.ok; });
        piece = end;
    }
}

void BlkQueue::submit_batch() {
    chosen_.clear();
    for (const auto& part : batch_)
        if (ring_ && part->op == BlockIo::Op::Write) chosen_.push_back(part.get());
    copy_chosen(true);
    Transfer* last = nullptr;
    for (auto& part : batch_) {
        if (!ring_ || part->failed) { // without a ring: it broke while the batch was taken
            if (ring_) respond(*part, BlkStatus::ERROR);
            release(std::move(part));
            continue;
        }
        if (last != nullptr && !joins(*last, *part)) start(*std::exchange(last, nullptr));
        if (last == nullptr) last = &new_transfer(part->op);
        add(*last, std::move(part));
    }
    batch_.clear();
    if (last != nullptr) start(*last);
    publish();
}

bool BlkQueue::joins(const Transfer& transfer, const Part& part) const {
    if (transfer.op != part.op || !has_data(part.op)) return false;
    const Part& first = *transfer.parts.front();
    const Part& before = *transfer.parts.back();
    const u64 end = before.offset + before.length;
    return part.offset == end && end + part.length - first.offset <= kMostMerged;
}

BlkQueue::Transfer& BlkQueue::new_transfer(BlockIo::Op op) {
    if (free_transfers_.empty()) {
        transfers_.push_back(std::make_unique<Transfer>());
        free_transfers_.push_back(transfers_.back().get());
    }
    Transfer& transfer = *free_transfers_.back();
    free_transfers_.pop_back();
    transfer.op = op;
    transfer.queue = this;
    transfer.life = life_;
    transfer.barrier = false;
    transfer.offset = 0;
    transfer.length = 0;
    transfer.done = [](BlockIo& io, int error) {
        auto& ours = static_cast<Transfer&>(io);
        ours.queue->finished(ours, error);
    };
    return transfer;
}

void BlkQueue::add(Transfer& transfer, std::unique_ptr<Part> part) {
    if (transfer.parts.empty()) transfer.offset = part->offset;
    if (has_data(transfer.op))
        transfer.vectors.push_back(
            {.iov_base = part->memory.get(), .iov_len = static_cast<std::size_t>(part->length)});
    else
        transfer.length = part->length;
    transfer.parts.push_back(std::move(part));
}

void BlkQueue::start(Transfer& transfer) {
    transfer.iov = transfer.vectors;
    ++in_flight_;
    ++stats_.transfers;
    wiring_.medium.submit(transfer);
}

/// Counts as in flight to the end, so that nothing takes the queue for idle while parts of it go again.
void BlkQueue::finished(Transfer& transfer, int error) {
    const bool live = ring_ && transfer.life == life_;
    if (transfer.barrier)
        barrier_step_done(live, error);
    else if (live && error != 0 && transfer.parts.size() > 1)
        split(transfer);
    else if (live)
        answer(transfer, error);
    recycle(transfer);
    --in_flight_;
    publish();
    if (!ring_ && !busy() && wiring_.idle) wiring_.idle();
    if (barrier_ != nullptr && barrier_step_ == BarrierStep::Waits && !busy() && !serving_) start_barrier();
    serve();
}

void BlkQueue::answer(Transfer& transfer, int error) {
    if (error == 0 && transfer.op == BlockIo::Op::Read) {
        chosen_.clear();
        for (const auto& part : transfer.parts)
            chosen_.push_back(part.get());
        copy_chosen(false);
    }
    for (const auto& part : transfer.parts) {
        BlkStatus status = error != 0 || part->failed ? BlkStatus::ERROR : BlkStatus::OKAY;
        if (error == EOPNOTSUPP) status = BlkStatus::NOT_SUPPORTED;
        respond(*part, status);
    }
}

/// One bad sector must not fail the neighbours' requests: each goes again, alone.
void BlkQueue::split(Transfer& transfer) {
    std::vector<std::unique_ptr<Part>> parts;
    parts.swap(transfer.parts);
    for (auto& part : parts) {
        Transfer& single = new_transfer(part->op);
        add(single, std::move(part));
        start(single);
    }
}

void BlkQueue::recycle(Transfer& transfer) {
    for (auto& part : transfer.parts)
        release(std::move(part));
    transfer.parts.clear();
    transfer.vectors.clear();
    free_transfers_.push_back(&transfer);
}

void BlkQueue::start_barrier() {
    DM_CHECK(!busy());
    start_barrier_step(BarrierStep::FlushBefore);
}

void BlkQueue::barrier_step_done(bool live, int error) {
    if (!live) return release(std::move(barrier_));
    Part& part = *barrier_;
    if (error == 0 && barrier_step_ == BarrierStep::FlushBefore && part.op == BlockIo::Op::Write) {
        chosen_.assign(1, &part);
        copy_chosen(true);
        if (!part.failed) return start_barrier_step(BarrierStep::Write);
    }
    if (error == 0 && barrier_step_ == BarrierStep::Write && part.flush_after)
        return start_barrier_step(BarrierStep::FlushAfter);
    respond(part, error != 0 || part.failed ? BlkStatus::ERROR : BlkStatus::OKAY);
    release(std::move(barrier_));
}

void BlkQueue::start_barrier_step(BarrierStep step) {
    const bool write = step == BarrierStep::Write;
    Transfer& transfer = new_transfer(write ? BlockIo::Op::Write : BlockIo::Op::Flush);
    transfer.barrier = true;
    if (write) {
        transfer.offset = barrier_->offset;
        transfer.vectors.push_back(
            {.iov_base = barrier_->memory.get(), .iov_len = static_cast<std::size_t>(barrier_->length)});
    }
    barrier_step_ = step;
    start(transfer);
}

} // namespace dm::xen
