#include "dm/devices/ahci/ncq.hpp"

#include "dm/core/check.hpp"

#include <cerrno>

namespace dm::ahci {
namespace {

constexpr u8 kForceUnitAccess = 0x80;  // in the device register
constexpr u32 kLargestCount = 0x10000; // a count of 0

void add_checksum(LogPage& page) {
    u8 sum = 0;
    for (std::size_t i = 0; i + 1 < page.size(); ++i)
        sum = static_cast<u8>(sum + page[i]);
    page.back() = static_cast<u8>(0x100 - sum);
}

} // namespace

/// Count and tag are elsewhere than in other commands: in the features and in the count (13.6.4).
QueuedCommand decode_queued(u8 opcode, const ata::TaskFile& task, bool write_cache) {
    const bool write = opcode == kWriteQueued;
    const bool forced = (task.device & kForceUnitAccess) != 0;
    const u32 count = task.features.now | u32{task.features.before} << 8;
    return {.op = write ? BlockIo::Op::Write : BlockIo::Op::Read,
            .tag = static_cast<u8>(task.count.now >> 3),
            .on_medium = write && (forced || !write_cache),
            .lba = task.lba48(),
            .sectors = count != 0 ? count : kLargestCount};
}

class CommandQueue::Slot final : public MediumIo::Client {
public:
    explicit Slot(CommandQueue& queue) : queue_(queue) {}

    void start(BlockBackend& medium, const QueuedCommand& command, const CommandHeader& header) {
        medium_ = &medium;
        command_ = command;
        moved_ = 0;
        flushing_ = false;
        data_.begin(header.table + kTablePrdt, header.entries);
        next_piece();
    }
    void cancel() {
        io_.cancel();
        data_.clear();
    }

private:
    void next_piece() {
        const auto direction =
            command_.op == BlockIo::Op::Read ? DmaDirection::ToGuest : DmaDirection::FromGuest;
        const std::span<const iovec> piece =
            data_.pin_next(queue_.memory_, direction, command_.bytes() - moved_);
        if (piece.empty())
            return finish({.error = EIO, .moved = moved_}); // the guest took the list away meanwhile
        io_.submit(*medium_, command_.op, command_.lba * ata::kSectorSize + moved_, piece, *this);
    }
    void io_done(int error) override {
        const u64 bytes = data_.piece_bytes();
        data_.unpin();
        if (queue_.abandoning_) return;
        const auto op = flushing_ ? BlockIo::Op::Flush : command_.op;
        if (error != 0) return finish({.error = error, .moved = moved_, .host_failed = op});
        if (flushing_) return finish({.moved = moved_});
        moved_ += bytes;
        if (moved_ < command_.bytes()) return next_piece();
        if (!command_.on_medium) return finish({.moved = moved_});
        flushing_ = true;
        io_.submit(*medium_, BlockIo::Op::Flush, 0, {}, *this);
    }
    void finish(const QueuedResult& result) {
        data_.clear();
        queue_.finish(command_, result);
    }

    CommandQueue& queue_;
    BlockBackend* medium_ = nullptr;
    QueuedCommand command_;
    u64 moved_ = 0;
    bool flushing_ = false;
    CommandData data_;
    MediumIo io_; // last: its destructor waits for a request that uses the members above
};

CommandQueue::CommandQueue(GuestMemory& memory, Owner& owner) : memory_(memory), owner_(owner) {}

CommandQueue::~CommandQueue() {
    abandon();
}

void CommandQueue::start(BlockBackend& medium, const QueuedCommand& command, const CommandHeader& header) {
    DM_CHECK(command.tag < kSlots && !busy(command.tag));
    std::unique_ptr<Slot>& slot = slots_[command.tag];
    if (slot == nullptr) slot = std::make_unique<Slot>(*this);
    active_ |= 1U << command.tag;
    slot->start(medium, command, header);
}

void CommandQueue::finish(const QueuedCommand& command, const QueuedResult& result) {
    active_ &= ~(1U << command.tag);
    owner_.queued_command_done(QueuedCommand(command), result);
}

void CommandQueue::abandon() {
    abandoning_ = true;
    for (unsigned tag = 0; tag < kSlots; ++tag)
        if (busy(static_cast<u8>(tag))) slots_[tag]->cancel();
    active_ = 0;
    abandoning_ = false;
}

LogPage queue_error_log(const QueueError& e) {
    LogPage page{};
    page[0] = e.tag;
    page[2] = e.status;
    page[3] = e.error;
    page[4] = byte_of(e.lba, 0);
    page[5] = byte_of(e.lba, 1);
    page[6] = byte_of(e.lba, 2);
    page[7] = e.device;
    page[8] = byte_of(e.lba, 3);
    page[9] = byte_of(e.lba, 4);
    page[10] = byte_of(e.lba, 5);
    page[12] = byte_of(e.count, 0);
    page[13] = byte_of(e.count, 1);
    add_checksum(page);
    return page;
}

LogPage log_directory() {
    LogPage page{};
    page[0] = 1;        // version of the directory
    page[2 * 0x10] = 1; // log 10h has one page
    return page;
}

} // namespace dm::ahci
