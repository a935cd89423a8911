#include "dm/replay/stage.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>
#include <cstring>

namespace dm::replay {

void Stage::run() {
    while (!difference_) {
        const Record* next = script_.peek();
        if (next == nullptr) return;
        if (!is_entrance(next->kind) || next->depth != 0)
            return differ(fmt::format("the recording goes on with {}, which nothing leads to", words(next)));
        if (next->kind == Kind::End) {
            ended_ = true;
            return;
        }
        play();
        if (between_ && !difference_) between_();
    }
}

void Stage::play() {
    Record& record = playing_[depth_] = script_.take();
    ++operations_;
    if (audience_ != nullptr) audience_->entrance(operations_, time_ns_, record);
    ++depth_;
    perform_(record);
    if (depth_ == 1 && !difference_) { // inside others, what follows may be the outer one's
        const Record* next = script_.peek();
        if (next != nullptr && !is_entrance(next->kind))
            differ(fmt::format("recorded next was {}, the board does nothing more", words(next)));
    }
    --depth_;
}

void Stage::play_nested() {
    for (;;) {
        const Record* next = script_.peek();
        if (difference_ || next == nullptr || !is_entrance(next->kind) || next->depth != depth_) return;
        if (depth_ + 1 >= kMostDepth || next->kind == Kind::End)
            return differ("an entrance inside others that cannot be");
        play();
    }
}

std::string Stage::words(const Record* record) const {
    if (record == nullptr) return script_.error() ? "damaged" : "the end";
    return describe_ ? describe_(*record) : std::string(info(record->kind).name);
}

void Stage::differ(std::string text) {
    if (difference_) return;
    if (depth_ > 0) text = fmt::format("{}: {}", words(&playing_[depth_ - 1]), text);
    difference_ = {.operation = operations_, .text = std::move(text)};
}

void Stage::take_over(const Record& record) {
    if (audience_ != nullptr) audience_->happened(depth_, record);
}

std::vector<u8> Stage::content(const Record& record) {
    if (record.pieces.empty()) return record.bytes;
    std::vector<u8> out(record.length);
    std::span<const u8> literal = record.bytes;
    std::size_t at = 0;
    for (const Piece& piece : record.pieces) {
        const std::span<u8> part = std::span(out).subspan(at, piece.length);
        switch (piece.source) {
        case Source::Literal:
            std::copy_n(literal.begin(), part.size(), part.begin());
            literal = literal.subspan(part.size());
            break;
        case Source::Medium:
            if (!echo.take(piece, part)) differ("the recording names a disk's content that was never read");
            break;
        case Source::Unchanged: shadow.read(record.where + at, part); break;
        }
        at += piece.length;
    }
    return out;
}

bool Stage::same(const Record& recorded, const Record& done) {
    if (recorded.kind != done.kind || recorded.size != done.size || recorded.where != done.where ||
        recorded.value != done.value || recorded.extra != done.extra || recorded.length != done.length)
        return false;
    if (recorded.pieces.empty()) return recorded.bytes == done.bytes;
    return content(recorded) == done.bytes;
}

void Stage::effect(const Record& done) {
    if (!inside()) return;
    const Record* recorded = script_.peek();
    if (recorded == nullptr || !same(*recorded, done))
        return differ(fmt::format("the board does {}; recorded was {}", words(&done), words(recorded)));
    take_over(*recorded);
    script_.pop();
    play_nested();
}

std::optional<Record> Stage::input(Kind kind, u64 where) {
    if (!inside()) return std::nullopt;
    const Record* recorded = script_.peek();
    if (recorded == nullptr || recorded->kind != kind || recorded->where != where) {
        const Record asked{.kind = kind, .where = where};
        differ(fmt::format("the board asks for {}; recorded was {}", words(&asked), words(recorded)));
        return std::nullopt;
    }
    take_over(*recorded);
    return script_.take();
}

std::optional<Record> Stage::optional_input(Kind kind) {
    if (!inside()) return std::nullopt;
    const Record* recorded = script_.peek();
    if (recorded == nullptr || recorded->kind != kind) return std::nullopt;
    take_over(*recorded);
    return script_.take();
}

std::optional<Record> Stage::reply_record(Kind kind) {
    std::optional<Record> recorded = optional_input(kind);
    if (!recorded && !difference_)
        differ(fmt::format("the board has answered; recorded was {}", words(script_.peek())));
    return recorded;
}

void Stage::reply(const Record& entrance, u64 value) {
    if (!inside()) return;
    const u64 got = value & ones(entrance.size);
    std::optional<Record> apart;
    if (entrance.open && !(apart = reply_record(Kind::Reply))) return;
    const Record& recorded = apart ? *apart : entrance;
    u64 wanted = recorded.value;
    if (recorded.medium) {
        std::array<u8, 8> bytes{};
        const Piece piece{.source = Source::Medium,
                          .disk = static_cast<u8>(recorded.value >> 2),
                          .skip = static_cast<u8>(recorded.value & 3),
                          .length = std::min<u32>(entrance.size, bytes.size())};
        if (!echo.take(piece, std::span(bytes).first(piece.length)))
            return differ("the recording names a disk's content that was never read");
        if (piece.length == 1) echo.lose_byte(piece.disk);
        wanted = 0;
        for (unsigned i = 0; i < piece.length; ++i)
            wanted |= u64{bytes[i]} << (8 * i);
    }
    if (got != wanted)
        differ(
            fmt::format("expected {:0{}x}, got {:0{}x}", wanted, entrance.size * 2, got, entrance.size * 2));
}

void Stage::reply(const Record& entrance, std::span<const u8> bytes) {
    if (!inside()) return;
    std::optional<Record> apart;
    if (entrance.open && !(apart = reply_record(Kind::ReplyString))) return;
    const std::vector<u8> wanted = content(apart ? *apart : entrance);
    if (wanted.size() != bytes.size())
        return differ(fmt::format("expected {} bytes, got {}", wanted.size(), bytes.size()));
    const auto [w, g] = std::mismatch(wanted.begin(), wanted.end(), bytes.begin());
    if (w != wanted.end())
        differ(fmt::format("byte {} of {}: expected {:02x}, got {:02x}", w - wanted.begin(), wanted.size(),
                           *w, *g));
}

} // namespace dm::replay
