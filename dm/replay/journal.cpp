#include "dm/replay/journal.hpp"

#include "dm/core/bits.hpp"

#include <utility>

namespace dm::replay {
namespace {

bool reads(Kind kind) {
    return kind == Kind::PortIn || kind == Kind::PortInString || kind == Kind::MemoryIn ||
           kind == Kind::MemoryInSpan || kind == Kind::ConfigIn;
}

} // namespace

void Journal::start(const MachineShape& shape, const Clock& clock) {
    clock_ = &clock;
    writer_->put({.kind = BlockKind::Machine, .number = block_++}, write_shape(shape));
    recording_ = true;
}

void Journal::finish() {
    if (!recording_) return;
    write({.kind = Kind::End});
    flush();
    recording_ = false;
    writer_.reset(); // waits until all is written
}

void Journal::note(const Record& record) {
    if (!inside()) return;
    write_pending();
    write(record);
}

void Journal::write(const Record& record) {
    if (is_entrance(record.kind) && record.kind != Kind::End) ++operations_;
    encoder_.put(record);
}

void Journal::write_pending() {
    if (!pending_) return;
    pending_->open = true;
    write(*pending_);
    pending_.reset();
}

void Journal::flush() {
    reminded_ = false;
    if (!recording_ || encoder_.empty()) return;
    if (writer_->failed()) return stop();
    writer_->put({.kind = BlockKind::Events,
                  .number = block_++,
                  .time_ns = clock_->now_ns(),
                  .operations = operations_},
                 encoder_.take());
}

void Journal::stop() {
    recording_ = false;
    pending_.reset();
}

void Journal::enter(Record record) {
    const unsigned depth = depth_++;
    if (!recording_) return;
    if (depth >= kMostDepth) {
        log_.error("recording stops: {} entrances inside one another", depth);
        return stop();
    }
    write_pending();
    record.depth = static_cast<u8>(depth);
    if (reads(record.kind))
        pending_ = std::move(record);
    else
        write(record);
}

void Journal::leave() {
    write_pending(); // a read without a reply: nothing comes of it
    if (--depth_ > 0) return;
    if (recording_ && encoder_.size() >= kBlockSize) flush();
    if (recording_ && !reminded_ && !encoder_.empty()) {
        reminded_ = true;
        writer_->remind_later();
    }
    if (after_) after_();
}

Journal::Entrance::Entrance(Journal& journal, Record record) : journal_(journal), size_(record.size) {
    journal_.enter(std::move(record));
}

Journal::Entrance::~Entrance() {
    journal_.leave();
}

/// The entrance itself when nothing happened since; else a record of its own.
Record Journal::Entrance::take_reply(Kind kind) {
    if (journal_.pending_) return *std::exchange(journal_.pending_, std::nullopt);
    return {.kind = kind};
}

void Journal::Entrance::reply(u64 value, bool medium) {
    if (!journal_.recording_) return;
    Record record = take_reply(Kind::Reply);
    record.value = value;
    if (medium) {
        std::array<u8, 8> bytes{};
        for (unsigned i = 0; i < size_; ++i)
            bytes[i] = byte_of(value, i);
        const auto pieces = journal_.echo.split(std::span(bytes).first(size_), size_, true);
        record.medium = pieces.size() == 1;
        if (record.medium) record.value = u64{pieces[0].disk} << 2 | pieces[0].skip;
        if (record.medium && size_ == 1) journal_.echo.lose_byte(pieces[0].disk);
    }
    journal_.write(record);
}

void Journal::Entrance::reply(std::span<const u8> bytes, bool medium) {
    if (!journal_.recording_) return;
    Record record = take_reply(Kind::ReplyString);
    if (medium) record.pieces = journal_.echo.split(bytes, kLeastMediumPiece, true);
    set_content(record, bytes);
    journal_.write(record);
}

void set_content(Record& record, std::span<const u8> bytes) {
    record.length = bytes.size();
    record.bytes.clear();
    if (record.pieces.empty()) record.bytes.assign(bytes.begin(), bytes.end());
    for (const Piece& piece : record.pieces) {
        const std::span<const u8> part = bytes.first(piece.length);
        if (piece.source == Source::Literal)
            record.bytes.insert(record.bytes.end(), part.begin(), part.end());
        bytes = bytes.subspan(piece.length);
    }
}

} // namespace dm::replay
