// The driver's side of a ring of block requests, written from public/io/blkif.h and ring.h on their own: the
// layout for 64 bits is the header's, the one for 32 bits what a compiler without padding makes of it.
#pragma once

#include "dm/core/types.hpp"

#include <atomic>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

extern "C" {
#include <xen/xen.h>

#include <xen/io/blkif.h>
}

namespace dm::test {

struct FrontSegment {
    u32 gref = 0;
    u8 first = 0;
    u8 last = 7;
};

/// A request in words; what the operation does not use is not written.
struct FrontRequest {
    u8 operation = BLKIF_OP_READ;
    u64 id = 0;
    u64 sector = 0;
    std::vector<FrontSegment> segments{};
    int nr_segments = -1; ///< instead of how many there are
    u8 indirect_op = BLKIF_OP_READ;
    std::vector<u32> indirect_grefs{};
    u64 nr_sectors = 0; ///< DISCARD
    u8 flag = 0;        ///< DISCARD
};

struct FrontResponse {
    u64 id = 0;
    u8 operation = 0;
    s16 status = 0;
    bool operator==(const FrontResponse&) const = default;
};

namespace detail {

struct __attribute__((packed, aligned(4))) Segment32 {
    u32 gref;
    u8 first;
    u8 last;
    u16 pad;
};
struct __attribute__((packed, aligned(4))) Request32 {
    u8 operation;
    u8 nr_segments;
    u16 handle;
    u64 id;
    u64 sector_number;
    Segment32 seg[11]; // NOLINT: as in the header
};
struct __attribute__((packed, aligned(4))) Discard32 {
    u8 operation;
    u8 flag;
    u16 handle;
    u64 id;
    u64 sector_number;
    u64 nr_sectors;
};
struct __attribute__((packed, aligned(4))) Indirect32 {
    u8 operation;
    u8 indirect_op;
    u16 nr_segments;
    u64 id;
    u64 sector_number;
    u16 handle;
    u16 pad;
    u32 indirect_grefs[8]; // NOLINT
};
static_assert(sizeof(Request32) == 108);

template <class R, class D, class I> void encode(const FrontRequest& from, std::span<u8> entry) {
    const auto count = from.nr_segments >= 0 ? from.nr_segments : static_cast<int>(from.segments.size());
    const auto put = [&](const auto& request) { std::memcpy(entry.data(), &request, sizeof(request)); };
    if (from.operation == BLKIF_OP_DISCARD) {
        D d{};
        d.operation = from.operation;
        d.flag = from.flag;
        d.id = from.id;
        d.sector_number = from.sector;
        d.nr_sectors = from.nr_sectors;
        put(d);
    } else if (from.operation == BLKIF_OP_INDIRECT) {
        I i{};
        i.operation = from.operation;
        i.indirect_op = from.indirect_op;
        i.nr_segments = static_cast<u16>(count);
        i.id = from.id;
        i.sector_number = from.sector;
        for (std::size_t n = 0; n < from.indirect_grefs.size() && n < 8; ++n)
            i.indirect_grefs[n] = from.indirect_grefs[n];
        put(i);
    } else {
        R r{};
        r.operation = from.operation;
        r.nr_segments = static_cast<u8>(count);
        r.id = from.id;
        r.sector_number = from.sector;
        for (std::size_t n = 0; n < from.segments.size() && n < 11; ++n) {
            r.seg[n] = {};
            std::memcpy(&r.seg[n], &from.segments[n].gref, 4);
            auto* bytes = reinterpret_cast<u8*>(&r.seg[n]);
            bytes[4] = from.segments[n].first;
            bytes[5] = from.segments[n].last;
        }
        put(r);
    }
}

} // namespace detail

class BlkFront {
public:
    enum class Abi : u8 { X86_64, X86_32 };

    /// Makes an empty ring of the pages.
    explicit BlkFront(std::span<u8> pages, Abi abi = Abi::X86_64)
        : pages_(pages), abi_(abi),
          entries_(std::bit_floor(static_cast<u32>((pages.size() - 64) / entry_size()))) {
        std::memset(pages_.data(), 0, 64);
        set(4, 1);  // req_event
        set(12, 1); // rsp_event
    }

    u32 entries() const { return entries_; }
    std::size_t entry_size() const {
        return abi_ == Abi::X86_64 ? sizeof(blkif_request_t) : sizeof(detail::Request32);
    }
    /// Writes it into the ring; true when the back end asked for an event.
    bool put(const FrontRequest& request) {
        const std::span<u8> entry = at(produced_);
        if (abi_ == Abi::X86_64)
            detail::encode<blkif_request_t, blkif_request_discard_t, blkif_request_indirect_t>(request,
                                                                                               entry);
        else
            detail::encode<detail::Request32, detail::Discard32, detail::Indirect32>(request, entry);
        const u32 before = produced_++;
        set(0, produced_);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return produced_ - get(4) < produced_ - before;
    }
    /// Everything that is new; asks for an event with the next one.
    std::vector<FrontResponse> take() {
        std::vector<FrontResponse> found;
        for (u32 n = 0; consumed_ != get(8) && n < entries_; ++n) {
            const std::span<u8> entry = at(consumed_++);
            FrontResponse r;
            std::memcpy(&r.id, entry.data() + offsetof(blkif_response_t, id), 8);
            r.operation = entry[offsetof(blkif_response_t, operation)];
            std::memcpy(&r.status, entry.data() + offsetof(blkif_response_t, status), 2);
            found.push_back(r);
        }
        consumed_ = get(8); // a test may have written nonsense there
        set(12, consumed_ + 1);
        return found;
    }
    /// Any of the four shared indices, at their offsets: req_prod 0, req_event 4, rsp_prod 8, rsp_event 12.
    void set(std::size_t offset, u32 value) { std::memcpy(pages_.data() + offset, &value, 4); }
    u32 get(std::size_t offset) const {
        u32 value = 0;
        std::memcpy(&value, pages_.data() + offset, 4);
        return value;
    }
    u32 produced() const { return produced_; }

private:
    std::span<u8> at(u32 index) const {
        return pages_.subspan(64 + (index & (entries_ - 1)) * entry_size(), entry_size());
    }
    std::span<u8> pages_;
    Abi abi_;
    u32 entries_;
    u32 produced_ = 0;
    u32 consumed_ = 0;
};

} // namespace dm::test
