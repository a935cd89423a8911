// A raw disk image or a block device of the host as a disk's medium.
//
// The format is what the configuration says, never guessed: a guest could write the header of another format
// and have its disk read as that (CVE-2018-10472). No locks are taken: the PV back end in the kernel has the
// same image open.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/core/log.hpp"
#include "dm/core/unique_fd.hpp"
#include "dm/host/block_engine.hpp"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace dm::host {

class RawFile final : public BlockBackend {
public:
    enum class Access : u8 { ReadOnly, ReadWrite };
    static constexpr std::size_t kMostInFlight = 64; ///< further requests wait here

    struct Stats {
        u64 read_bytes = 0;
        u64 written_bytes = 0;
        u64 reads = 0;
        u64 writes = 0;
        u64 flushes = 0;
        u64 errors = 0;
    };

    /// `given`: the file itself, open; `path` is then its name. The error names the path and what to do about
    /// it. The engine outlives the file.
    static Result<std::unique_ptr<RawFile>> open(const std::string& path, Access access, BlockEngine& engine,
                                                 UniqueFd given = {});
    /// Waits for what is in flight.
    ~RawFile() override;

    u64 size_bytes() const override { return size_; }
    bool read_only() const override { return access_ == Access::ReadOnly; }
    void submit(BlockIo& io) override;
    void drain() override;

    const std::string& path() const { return path_; }
    const Stats& stats() const { return stats_; }

private:
    struct Request : BlockEngine::Task {
        BlockIo* io = nullptr;
        RawFile* file = nullptr;
        u64 length = 0;
        u64 moved = 0;
        unsigned stalls = 0; ///< attempts in a row that moved nothing
        std::vector<iovec> rest;
    };

    RawFile(std::string path, Access access, UniqueFd fd, u64 size, BlockEngine& engine);

    int refusal(const BlockIo& io, u64 length) const;
    void begin(BlockIo& io, u64 length);
    void start(Request& request);
    void step_done(Request& request);
    static int judge(Request& request);
    void feed();
    void finish(Request& request, int error);
    void count(const Request& request, int error);

    std::string path_;
    Log log_;
    Access access_;
    UniqueFd fd_;
    u64 size_;
    BlockEngine& engine_;
    Stats stats_;
    int flush_error_ = 0; ///< once stable storage was missed, no later flush can promise it
    std::vector<std::unique_ptr<Request>> requests_;
    std::vector<Request*> free_;
    std::deque<BlockIo*> waiting_;
    std::size_t in_flight_ = 0;
    bool feeding_ = false;
};

} // namespace dm::host
