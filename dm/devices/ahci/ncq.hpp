// Native command queuing (Serial ATA 3.1, 13.6): reads and writes of which up to 32 are in the medium's hands
// at once, straight between it and guest RAM, finished in any order.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/devices/ahci/command_data.hpp"
#include "dm/devices/ide/ata.hpp"
#include "dm/devices/ide/medium_io.hpp"

#include <array>
#include <memory>
#include <optional>

namespace dm::ahci {

inline constexpr u8 kReadQueued = 0x60;  ///< READ FPDMA QUEUED
inline constexpr u8 kWriteQueued = 0x61; ///< WRITE FPDMA QUEUED
constexpr bool is_queued(u8 opcode) {
    return opcode == kReadQueued || opcode == kWriteQueued;
}

struct QueuedCommand {
    BlockIo::Op op = BlockIo::Op::Read;
    u8 tag = 0;
    bool on_medium = false; ///< a write that is to survive a power loss when it is done (FUA)
    u64 lba = 0;
    u32 sectors = 0;

    bool operator==(const QueuedCommand&) const = default;
    u64 bytes() const { return u64{sectors} * ata::kSectorSize; }
};
QueuedCommand decode_queued(u8 opcode, const ata::TaskFile& task, bool write_cache);

/// How a queued command ended.
struct QueuedResult {
    int error = 0;                            ///< or an errno value
    u64 moved = 0;                            ///< bytes before the error
    std::optional<BlockIo::Op> host_failed{}; ///< of an error; nothing: the guest took the scatter list away
};

/// The commands in flight: empty whenever the state is saved.
class CommandQueue {
public:
    class Owner {
    public:
        virtual ~Owner() = default;
        virtual void queued_command_done(const QueuedCommand& command, const QueuedResult& result) = 0;
    };

    CommandQueue(GuestMemory& memory, Owner& owner);
    ~CommandQueue();
    CommandQueue(const CommandQueue&) = delete;
    CommandQueue& operator=(const CommandQueue&) = delete;

    bool empty() const { return active_ == 0; }
    bool busy(u8 tag) const { return (active_ >> tag & 1) != 0; }
    /// The tag is not busy. The owner may hear of the end before this returns.
    void start(BlockBackend& medium, const QueuedCommand& command, const CommandHeader& header);
    /// Waits for what is in flight and forgets it. Not from queued_command_done().
    void abandon();

private:
    class Slot;

    void finish(const QueuedCommand& command, const QueuedResult& result);

    GuestMemory& memory_;
    Owner& owner_;
    u32 active_ = 0; ///< a bit for each tag
    bool abandoning_ = false;
    std::array<std::unique_ptr<Slot>, kSlots> slots_; ///< made when first used
};

/// What is told of the last failure in the log of the queue's errors (log address 10h, ATA8-ACS A.14).
struct QueueError {
    bool pending = false; ///< until the log is read or the device reset, other commands are aborted
    u8 tag = 0;
    u8 status = 0;
    u8 error = 0;
    u8 device = 0;
    u64 lba = 0;
    u16 count = 0;

    bool operator==(const QueueError&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("pending", s.pending);
        v("tag", s.tag);
        v("status", s.status);
        v("error", s.error);
        v("device", s.device);
        v("lba", s.lba);
        v("count", s.count);
    }
};
static_assert(covers_every_field<QueueError>);

using LogPage = std::array<u8, 512>;
LogPage queue_error_log(const QueueError& error);
/// Log address 0: which logs there are.
LogPage log_directory();

} // namespace dm::ahci
