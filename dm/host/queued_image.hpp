// An image that serves so many requests at a time; the others wait, in order. What every such image has in
// common: which requests it refuses, which are no work at all, how they are counted and what the log says.
#pragma once

#include "dm/core/log.hpp"
#include "dm/host/image.hpp"

#include <deque>

namespace dm::host {

class QueuedImage : public Image {
public:
    static constexpr std::size_t kMostInFlight = 64; ///< further requests wait here

    // BlockBackend
    u64 size_bytes() const final { return size_; }
    bool read_only() const final { return options_.read_only; }
    void submit(BlockIo& io) final;
    void drain() final;

    // Image
    const std::string& name() const final { return options_.file; }
    const BlockStats& stats() const final { return stats_; }

protected:
    explicit QueuedImage(const ImageOptions& options) : options_(options), log_("disk " + options.file) {}

    /// An errno value while no such request can be served at all, else 0.
    virtual int unusable(BlockIo::Op op) const = 0;
    virtual bool can_flush() const { return true; }
    /// Takes up a request of so many bytes, and calls ended() once.
    virtual void begin(BlockIo& io, u64 length) = 0;
    /// Of a request that was begun: tells its owner, who may submit further ones, and takes up what waits.
    void ended(BlockIo& io, u64 length, int error);

    std::size_t in_flight() const { return in_flight_; }

    ImageOptions options_;
    Log log_;
    u64 size_ = 0;
    int flush_error_ = 0; ///< EIO: stable storage was missed once, no later flush can promise it

private:
    int refusal(const BlockIo& io, u64 length) const;
    bool is_no_work(const BlockIo& io, u64 length) const;
    void count(const BlockIo& io, u64 length, int error);
    void feed();

    BlockStats stats_;
    std::deque<BlockIo*> waiting_;
    std::size_t in_flight_ = 0;
    bool feeding_ = false;
};

} // namespace dm::host
