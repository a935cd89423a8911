#include "dm/xen/pv/blk_ring.hpp"

#include "dm/core/check.hpp"

#include <atomic>
#include <bit>
#include <cstring>

namespace dm::xen {
namespace {

// struct blkif_sring
constexpr std::size_t kReqProd = 0;
constexpr std::size_t kReqEvent = 4;
constexpr std::size_t kRspProd = 8;
constexpr std::size_t kRspEvent = 12;
constexpr std::size_t kFirstEntry = 64;

} // namespace

BlkRing::BlkRing(std::span<u8> pages, BlkAbi abi)
    : pages_(pages), abi_(abi),
      entries_(std::bit_floor(static_cast<u32>((pages.size() - kFirstEntry) / abi.request_size))),
      request_cons_(load(kRspProd)), response_prod_(request_cons_), published_(request_cons_) {
    DM_CHECK(pages.size() >= kPageSize && pages.size() <= kMostPages * kPageSize);
}

u32 BlkRing::load(std::size_t offset) const {
    return std::atomic_ref<u32>(*reinterpret_cast<u32*>(pages_.data() + offset))
        .load(std::memory_order_acquire);
}

void BlkRing::store(std::size_t offset, u32 value) {
    std::atomic_ref<u32>(*reinterpret_cast<u32*>(pages_.data() + offset))
        .store(value, std::memory_order_release);
}

std::span<u8> BlkRing::entry(u32 index) const {
    return pages_.subspan(kFirstEntry + std::size_t{index & (entries_ - 1)} * abi_.request_size,
                          abi_.request_size);
}

u32 BlkRing::claimed() const {
    return load(kReqProd) - response_prod_;
}

BlkRing::Next BlkRing::next(BlkRequest& request) {
    const u32 there = claimed();
    if (there > entries_) return Next::Broken;
    const u32 taken = request_cons_ - response_prod_;
    // Fewer than were taken: the index went backwards.
    if (there < taken) return Next::Broken;
    if (there == taken) return Next::None;
    std::array<u8, BlkAbi::kMostRequest> copy{};
    std::memcpy(copy.data(), entry(request_cons_).data(), abi_.request_size);
    std::atomic_signal_fence(std::memory_order_seq_cst); // no second look at what the guest can change
    request = decode_request(copy, abi_);
    ++request_cons_;
    return Next::Request;
}

void BlkRing::respond(const BlkResponse& response) {
    DM_CHECK(response_prod_ != request_cons_);
    encode_response(response, entry(response_prod_++));
}

bool BlkRing::publish() {
    if (published_ == response_prod_) return false;
    const u32 before = published_;
    published_ = response_prod_;
    store(kRspProd, published_);
    std::atomic_thread_fence(std::memory_order_seq_cst); // the guest sees them before we look at its wish
    return published_ - load(kRspEvent) < published_ - before;
}

bool BlkRing::rearm() {
    if (claimed() != request_cons_ - response_prod_) return true;
    store(kReqEvent, request_cons_ + 1);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return claimed() != request_cons_ - response_prod_;
}

} // namespace dm::xen
