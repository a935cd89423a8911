// A raw disk image or a block device of the host as a disk's medium.
//
// The format is what the configuration says, never guessed: a guest could write the header of another format
// and have its disk read as that (CVE-2018-10472). The PV back end in the kernel may have the same image
// open; other guests may not (image_lock.hpp).
#pragma once

#include "dm/host/image_lock.hpp"
#include "dm/host/queued_image.hpp"

#include <cerrno>
#include <vector>

namespace dm::host {

class RawFile final : public QueuedImage {
public:
    enum class Access : u8 { ReadOnly, ReadWrite };
    using Stats = BlockStats;

    /// `given`: the file itself, open. The engine outlives the file.
    static Result<std::unique_ptr<RawFile>> open(const ImageOptions& options, BlockEngine& engine,
                                                 UniqueFd given = {});
    /// With nothing out of the ordinary.
    static Result<std::unique_ptr<RawFile>> open(const std::string& path, Access access, BlockEngine& engine,
                                                 UniqueFd given = {});
    /// Waits for what is in flight.
    ~RawFile() override;

    /// What offsets, lengths and addresses of reads and writes must be multiples of; 1: nothing.
    u32 granule() const { return granule_; }

    // BlockBackend
    u32 discard_granularity() const override { return options_.discard ? discard_granularity_ : 0; }

    // Image
    void wait() override;
    Status activate() override;
    Status release() override;
    void look_at_size() override;
    Status resize(u64 bytes) override;

private:
    using Kind = BlockEngine::Task::Kind;

    struct Request : BlockEngine::Task {
        BlockIo* io = nullptr;
        RawFile* file = nullptr;
        u64 length = 0; ///< of the request
        u64 moved = 0;
        unsigned stalls = 0;    ///< attempts in a row that moved nothing
        bool zeroing = false;   ///< Write: zeros, whatever `io` is
        bool may_unmap = false; ///< of these zeros
        std::vector<iovec> rest;
    };
    struct SizeTask : BlockEngine::Task {
        RawFile* file = nullptr;
        bool busy = false;
    };

    RawFile(const ImageOptions& options, BlockEngine& engine, UniqueFd fd);
    Status examine();
    Result<u32> find_granule();

    // Each step of a request is a task of the engine; step_done() decides what follows.
    int unusable(BlockIo::Op op) const override { return active_ || op == BlockIo::Op::Flush ? 0 : EIO; }
    void begin(BlockIo& io, u64 length) override;
    bool clip_discard(Request& request) const;
    void start_zeroing(Request& request);
    void write_zeros(Request& request);
    void step_done(Request& request);
    static int judge(Request& request);
    void go_on(Request& request);
    bool fall_back(Request& request);
    void finish(Request& request, int error);
    void size_known(s64 size);
    void adopt_size(u64 size);
    int flush_now();

    BlockEngine& engine_;
    UniqueFd fd_;
    bool device_ = false;
    u32 granule_ = 1;
    u32 discard_granularity_ = 0;
    ImageLock lock_;
    bool active_ = false;
    bool shrank_ = false;

    std::vector<std::unique_ptr<Request>> requests_;
    std::vector<Request*> free_;
    SizeTask size_task_;
};

} // namespace dm::host
