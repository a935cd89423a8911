// Who moves bytes between files and memory without making the device thread wait.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/result.hpp"

#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <sys/uio.h>

namespace dm::host {

/// Carries out file operations of all disks. Device thread only; done() runs there too.
class BlockEngine {
public:
    /// One system call's worth of work. The caller keeps it and what it points to until done().
    struct Task {
        enum class Kind : u8 {
            Read,
            Write,
            Sync,
            Discard,   ///< result 0: done
            Zero,      ///< space stays reserved; result 0: done
            ZeroUnmap, ///< space may be given back; result 0: done
            Size       ///< result: bytes
        };

        Kind kind = Kind::Read;
        int fd = -1;
        std::span<const iovec> iov;
        u64 offset = 0;
        u64 length = 0;              ///< of Discard, Zero and ZeroUnmap
        bool device = false;         ///< `fd` is a block device
        const void* owner = nullptr; ///< whose tasks wait() looks for
        /// Called once, perhaps before start() returns. `result`: bytes moved, or a negative errno value.
        void (*done)(Task& task) = nullptr;
        s64 result = 0;
    };

    static constexpr std::size_t kMostVectors = 1024; ///< Linux's and FreeBSD's IOV_MAX

    explicit BlockEngine(EventLoop& loop);
    virtual ~BlockEngine();
    BlockEngine(const BlockEngine&) = delete;
    BlockEngine& operator=(const BlockEngine&) = delete;

    virtual std::string_view name() const = 0;
    virtual void start(Task& task) = 0;
    /// Blocks until at least one task of `owner` is done and runs the done() of all that are. Tasks of others
    /// wait for the loop: their owners do not expect to be called from here.
    void wait(const void* owner);

    /// Does the task in this thread, however long that takes: where nobody else can.
    static s64 perform(const Task& task);

protected:
    /// Blocks until collect() has something to report, or for a while.
    virtual void block() = 0;
    /// Hands every task that finished to finished().
    virtual void collect() = 0;

    /// `task` has its result; its done() runs from the loop.
    void finished(Task& task);
    /// From the loop: collects what is done and runs the done() of all of it.
    void dispatch();
    EventLoop& loop() { return loop_; }
    /// Runs `task` from the loop, if this engine still exists then. Any thread.
    void post(std::function<void()> task);

private:
    EventLoop& loop_;
    std::deque<Task*> finished_;
    bool dispatching_ = false;
    bool dispatch_posted_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

enum class BlockEngineKind : u8 { Best, Uring, Threads };

/// The best one that this system lets us have. HVMDM_BLOCK_ENGINE=uring or =threads insists on one.
Result<std::unique_ptr<BlockEngine>> make_block_engine(EventLoop& loop,
                                                       BlockEngineKind kind = BlockEngineKind::Best);

} // namespace dm::host
