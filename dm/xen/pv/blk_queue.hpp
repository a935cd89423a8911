// Serves one ring of block requests: takes them, judges them, moves data between the guest's pages and the
// medium, answers. Everything in the ring is the guest's and may be nonsense.
//
// Requests in flight together are carried out in any order; neighbours that arrive together go to the medium
// as one. A write barrier waits for what came before and holds back what comes after. How much data is in
// flight is bounded; further requests stay in the ring until there is room.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/core/log.hpp"
#include "dm/xen/pv/blk_ring.hpp"
#include "dm/xen/pv/grants.hpp"
#include "dm/xen/pv/io_buffers.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dm::xen {

class BlkQueue {
public:
    static constexpr unsigned kMostSegments = 256; ///< of an INDIRECT: 1 MiB, as Linux's back end offers
    static constexpr u32 kMostInFlight = 4 << 20;  ///< bytes of memory; one request more may be begun
    static constexpr u32 kMostMerged = 1 << 20;    ///< bytes of neighbours that go as one
    static constexpr unsigned kMostBatch = 64;     ///< requests taken before the first goes to the medium
    static constexpr unsigned kMostAtOnce = 1024;  ///< requests taken before others have their turn

    struct Wiring {
        GrantCopier& grants;
        BlockBackend& medium;
        std::function<void()> notify{}; ///< the guest wants an event
        /// The ring cannot be right; it is detached already.
        std::function<void(std::string why)> broken{};
        std::function<void()> later{}; ///< call kick() soon, after others had their turn
        std::function<void()> idle{};  ///< after detach(): nothing is in flight any more
    };
    struct Rights {
        bool write = true;
        bool discard = true; ///< where the medium can
    };
    struct Stats {
        u64 requests = 0;  ///< taken from the ring
        u64 transfers = 0; ///< begun on the medium
        u64 refused = 0;   ///< made no sense
        u64 failed = 0;    ///< on the medium, or the guest's pages could not be reached
    };

    BlkQueue(std::string_view name, Wiring wiring, Rights rights);
    /// Waits for what is in flight.
    ~BlkQueue();
    BlkQueue(const BlkQueue&) = delete;
    BlkQueue& operator=(const BlkQueue&) = delete;

    /// Serves this ring from the next kick() on. Nothing is attached and nothing in flight.
    void attach(BlkRing ring);
    /// From now on nobody touches the ring or the guest's pages; requests in flight end without an answer.
    void detach();
    bool attached() const { return ring_.has_value(); }
    bool busy() const { return in_flight_ != 0; }
    /// Looks at the ring.
    void kick() { serve(); }
    /// No request is in flight when it returns, and none is taken before resume().
    void pause();
    void resume();
    const Stats& stats() const { return stats_; }
    u64 kept_bytes() const { return buffers_.kept_bytes(); }

private:
    /// One request of the ring that was found good.
    struct Part {
        BlockIo::Op op = BlockIo::Op::Read;
        u64 id = 0;
        u8 operation = 0; ///< to be answered
        u64 offset = 0;   ///< bytes
        u64 length = 0;
        IoBuffers::Memory memory;
        std::vector<GrantPiece> pieces;
        bool failed = false; ///< the guest's pages could not be reached
        bool flush_after = false;
    };
    /// What goes to the medium as one.
    struct Transfer : BlockIo {
        BlkQueue* queue = nullptr;
        u64 life = 0; ///< of the attachment
        bool barrier = false;
        std::vector<std::unique_ptr<Part>> parts;
        std::vector<iovec> vectors;
    };
    /// WRITE_BARRIER, and FLUSH_DISKCACHE with data: in this order, alone.
    enum class BarrierStep : u8 { Waits, FlushBefore, Write, FlushAfter };

    void serve();
    void serve_ring();
    bool may_take() const;
    /// False: nothing is there to be done now.
    bool take_batch();
    void accept(const BlkRequest& request);
    void accept_data(const BlkRequest& request, BlockIo::Op op, std::span<const BlkSegment> segments);
    void accept_indirect(const BlkRequest& request);
    void accept_flush(const BlkRequest& request);
    void accept_discard(const BlkRequest& request);
    bool fetch_segments(const BlkRequest& request);
    /// Null: refused.
    std::unique_ptr<Part> data_part(const BlkRequest& request, BlockIo::Op op,
                                    std::span<const BlkSegment> segments);
    bool within(u64 sector, u64 count) const;
    void refuse(const BlkRequest& request, BlkStatus status);

    void submit_batch();
    std::unique_ptr<Part> new_part(const BlkRequest& request, BlockIo::Op op);
    void release(std::unique_ptr<Part> part);
    void copy_chosen(bool in);
    bool joins(const Transfer& transfer, const Part& part) const;
    void begin(std::unique_ptr<Part> part);
    void add(Transfer& transfer, std::unique_ptr<Part> part);
    Transfer& new_transfer(BlockIo::Op op);
    void start(Transfer& transfer);
    void finished(Transfer& transfer, int error);
    void answer(Transfer& transfer, int error);
    void split(Transfer& transfer);
    void recycle(Transfer& transfer);
    void respond(const Part& part, BlkStatus status);
    void publish();
    void break_off(std::string why);

    void start_barrier();
    void start_barrier_step(BarrierStep step);
    void barrier_step_done(bool live, int error);

    Wiring wiring_;
    Rights rights_;
    Log log_;
    std::optional<BlkRing> ring_;
    u64 life_ = 0;
    bool paused_ = false;
    bool serving_ = false;
    bool postponed_ = false; ///< `later` was asked for
    Stats stats_;
    IoBuffers buffers_;

    std::vector<std::unique_ptr<Part>> batch_;
    std::unique_ptr<Part> barrier_;
    BarrierStep barrier_step_ = BarrierStep::Waits;
    std::size_t in_flight_ = 0; ///< transfers
    u64 bytes_in_flight_ = 0;   ///< of memory, that of the batch too

    std::vector<std::unique_ptr<Part>> free_parts_;
    std::vector<std::unique_ptr<Transfer>> transfers_;
    std::vector<Transfer*> free_transfers_;
    std::vector<Part*> chosen_; ///< to be copied
    std::vector<GrantPiece> scratch_;
    std::vector<BlkSegment> segments_; ///< of an INDIRECT
};

} // namespace dm::xen
