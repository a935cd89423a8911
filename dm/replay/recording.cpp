#include "dm/replay/recording.hpp"

#include "dm/core/unique_fd.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <utility>

namespace dm::replay {
namespace {

Result<std::vector<u8>> read_file(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return fail("{}: {}", path, std::strerror(errno));
    std::vector<u8> content;
    std::vector<u8> piece(1 << 20);
    for (;;) {
        const ssize_t n = ::read(fd.get(), piece.data(), piece.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail("{}: {}", path, std::strerror(errno));
        if (n == 0) return content;
        content.insert(content.end(), piece.begin(), piece.begin() + n);
    }
}

} // namespace

Result<Recording> Recording::open(const std::string& path) {
    DM_TRY_ASSIGN(std::vector<u8> file, read_file(path));
    Result<Recording> recording = from(std::move(file));
    if (!recording.ok()) return fail("{} is refused: {}", path, recording.error().message);
    return recording;
}

Result<Recording> Recording::from(std::vector<u8> file) {
    DM_TRY(check_file_header(file));
    Recording self;
    self.file_ = std::move(file);
    BlockWalker walker(self.file_);
    PackedBlock block;
    for (;;) {
        DM_TRY_ASSIGN(const bool more, walker.next(block));
        if (!more) break;
        if (block.info.kind == BlockKind::Machine)
            self.machine_ = block;
        else
            self.blocks_.push_back(block);
        self.duration_ns_ = block.info.time_ns;
        self.operations_ = block.info.operations;
    }
    self.unfinished_ = walker.unfinished();
    if (self.machine_.packed.empty()) return fail("it ends before its first block does");
    BlockUnpacker unpacker;
    DM_TRY_ASSIGN(const std::span<const u8> payload, unpacker.unpack(self.machine_));
    Result<MachineShape> shape = read_shape(payload);
    if (!shape.ok()) return bad_block(self.machine_, shape.error().message);
    self.shape_ = std::move(shape).value();
    return self;
}

Script::Script(const Recording& recording) : recording_(recording) {
    // The first block of records was packed with the machine's description before it.
    const auto machine = unpacker_->unpack(recording.machine_block());
    if (!machine.ok()) error_ = machine.error();
}

bool Script::next_block() {
    if (block_ == recording_.event_blocks().size()) return false;
    const PackedBlock& block = recording_.event_blocks()[block_++];
    const Result<std::span<const u8>> payload = unpacker_->unpack(block);
    const Status started = payload.ok() ? decoder_.start(payload.value()) : payload.error();
    if (!started.ok()) error_ = payload.ok() ? bad_block(block, started.error().message) : payload.error();
    open_ = started.ok();
    return open_;
}

const Record* Script::peek() {
    while (!have_ && !error_) {
        if (!open_ && !next_block()) return nullptr;
        const Result<bool> more = decoder_.next(record_);
        if (!more.ok()) {
            error_ = bad_block(recording_.event_blocks()[block_ - 1], more.error().message);
            return nullptr;
        }
        have_ = more.value();
        open_ = more.value();
    }
    return error_ ? nullptr : &record_;
}

Record Script::take() {
    pop();
    return std::exchange(record_, {});
}

} // namespace dm::replay
