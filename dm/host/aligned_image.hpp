// An image that moves whole blocks only, for drives that do not care: past the page cache (O_DIRECT), and on
// NBD servers with large blocks.
//
// What is aligned goes straight through. The rest goes through one buffer, one request after the other; a
// write that covers a part of a block reads the rest of it first, and meanwhile nothing else is in flight.
#pragma once

#include "dm/host/image.hpp"

#include <cstdlib>
#include <deque>

namespace dm::host {

class AlignedImage final : public Image {
public:
    static constexpr u64 kBuffer = 1 << 20;

    /// `block`: what offsets and lengths must be multiples of; `memory`: addresses and lengths of pieces.
    /// Both are powers of two.
    AlignedImage(std::unique_ptr<Image> below, u32 block, u32 memory);
    /// Waits for what is in flight.
    ~AlignedImage() override;

    // BlockBackend
    u64 size_bytes() const override { return below_->size_bytes(); }
    bool read_only() const override { return below_->read_only(); }
    u32 discard_granularity() const override { return below_->discard_granularity(); }
    void submit(BlockIo& io) override;
    void drain() override;

    // Image
    const std::string& name() const override { return below_->name(); }
    const BlockStats& stats() const override { return below_->stats(); }
    void wait() override;
    Status activate() override { return below_->activate(); }
    Status release() override;
    bool needs_host_again() const override { return below_->needs_host_again(); }
    void look_at_size() override { below_->look_at_size(); }
    Status resize(u64 bytes) override { return below_->resize(bytes); }

private:
    enum class Step : u8 { Fetch, Store };
    struct Passing {
        BlockIo io;
        BlockIo* theirs = nullptr;
        AlignedImage* image = nullptr;
    };

    bool fits(const BlockIo& io) const;
    void pass(BlockIo& io);
    void passed(Passing& passing, int error);

    // The request that goes through the buffer.
    void pump();
    bool may_begin() const;
    void next_piece();
    void step(Step step, BlockIo::Op op);
    void stepped(int error);
    void piece_done();
    void finish(int error);
    void copy(BlockIo::Op direction);

    std::unique_ptr<Image> below_;
    u32 block_;
    u32 memory_;
    std::unique_ptr<u8, decltype(&std::free)> buffer_{nullptr, &std::free}; ///< made when it is first needed

    std::vector<std::unique_ptr<Passing>> passings_;
    std::vector<Passing*> free_;
    std::size_t passing_ = 0;
    std::deque<BlockIo*> waiting_;

    BlockIo* slow_ = nullptr; ///< goes through the buffer
    u64 slow_length_ = 0;
    bool partial_ = false; ///< it writes parts of blocks
    u64 moved_ = 0;
    u64 first_ = 0; ///< of the piece in the buffer, whole blocks
    u64 last_ = 0;  ///< one past it
    Step step_ = Step::Fetch;
    bool in_step_ = false;
    iovec vector_{};
    BlockIo io_;
    bool pumping_ = false;
};

} // namespace dm::host
