// One request of a SCSI command to its medium, straight into guest pages where there is data.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/core/guest_memory.hpp"

#include <memory>
#include <vector>

namespace dm {

/// Where in guest RAM some of a command's data is.
struct ScsiRegion {
    GuestPhys addr = 0;
    u32 length = 0;
};

/// Keeps memory mapped and the place on the medium until the medium is done, whatever becomes of the command
/// meanwhile. Parts that are not RAM swallow what is written there and read as ones.
class ScsiTransfer {
public:
    static constexpr std::size_t kMostSegments = 512; ///< below every system's IOV_MAX
    static constexpr u64 kMostBytes = u64{2} << 20;
    static constexpr u64 kMostScratch = kMostSegments * kPageSize;

    class Client {
    public:
        virtual ~Client() = default;
        /// The host failed it. OnError::Stop: it stays as it is, memory mapped, until retry().
        virtual OnError transfer_failed(const ScsiTransfer& transfer, int error) = 0;
        /// Perhaps before start() or retry() returns.
        virtual void transfer_done(ScsiTransfer& transfer) = 0;
    };

    ScsiTransfer(Client& client, u8 task, BlockBackend& medium, BlockIo::Op op, u64 offset);
    ScsiTransfer(const ScsiTransfer&) = delete;
    ScsiTransfer& operator=(const ScsiTransfer&) = delete;

    // Before start(): what it is to move.

    /// Maps a region; false when no more segments fit: start a new transfer with the rest.
    bool add(GuestMemory& memory, ScsiRegion& region, DmaDirection direction);
    /// Reads `bytes`, at most kMostScratch, that nobody wants.
    void add_nowhere(u64 bytes);
    /// Discard and WriteZeroes.
    void set_length(u64 bytes, bool unmap);

    void start();
    /// One that is kept is given to the medium again.
    void retry();

    u8 task() const { return task_; }
    /// What the medium has to move.
    u64 bytes() const { return bytes_; }
    BlockIo::Op op() const { return io_.op; }
    bool started() const { return started_; }
    bool done() const { return done_; }
    bool kept() const { return kept_; }
    /// The medium has it.
    bool in_flight() const { return started_ && !done_ && !kept_; }
    int error() const { return error_; }
    BlockBackend& medium() const { return medium_; }

private:
    void ended(int error);

    Client& client_;
    BlockBackend& medium_;
    BlockIo io_;
    std::vector<iovec> segments_;
    std::vector<Pin> pins_;
    u64 bytes_ = 0;
    u8 task_;
    bool started_ = false;
    bool done_ = false;
    bool kept_ = false;
    int error_ = 0;
};

} // namespace dm
