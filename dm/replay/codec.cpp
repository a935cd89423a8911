#include "dm/replay/codec.hpp"

#include <bit>

namespace dm::replay {
namespace {

constexpr u64 kLongestContent = 1 << 24;
constexpr u64 kMostPieces = 1 << 16;
constexpr u64 kLongestRun = 1 << 24;
constexpr u64 kLatest = u64{1} << 60; // 36 years

// A site's flags as they stand in the column of places.
constexpr u64 kOpen = 1;
constexpr u64 kMedium = 2;
constexpr u64 kDepthShift = 2;

u64 flags_of(const Site& site) {
    return (site.open ? kOpen : 0) | (site.medium ? kMedium : 0) | u64{site.depth} << kDepthShift;
}

/// The sizes of an access that a processor can make.
bool possible(const Site& site) {
    switch (site.kind) {
    case Kind::PortIn:
    case Kind::PortOut:
    case Kind::PortInString:
    case Kind::PortOutString: return std::has_single_bit(site.size) && site.size <= 4 && site.where <= 0xffff;
    case Kind::ConfigIn:
    case Kind::ConfigOut:
        return std::has_single_bit(site.size) && site.size <= 4 && site.where >> 32 <= 0xffff &&
               (site.where & 0xffffffff) <= 0xfff;
    case Kind::MemoryIn:
    case Kind::MemoryOut:
    case Kind::MemoryInSpan:
    case Kind::MemoryOutSpan: return std::has_single_bit(site.size) && site.size <= 8;
    default: return true; // NOLINT: the others have no such size
    }
}

/// What a record adds beside its token, its place and its value.
bool plain(const KindInfo& kind) {
    return !kind.has_content && !kind.has_extra;
}

} // namespace

std::size_t Model::Hash::operator()(const Site& s) const {
    u64 mix = static_cast<u64>(s.kind) | flags_of(s) << 8 | u64{s.size} << 24 | s.where << 32 | s.where >> 32;
    mix = (mix ^ mix >> 31) * 0x9e3779b97f4a7c15;
    return static_cast<std::size_t>(mix ^ mix >> 29);
}

Site Model::site_of(const Record& r) {
    const bool moves = info(r.kind).moves;
    return {.kind = r.kind,
            .depth = r.depth,
            .open = r.open,
            .medium = r.medium,
            .size = r.size,
            .where = moves ? 0 : r.where};
}

u64 Model::end_of(const Record& r) {
    switch (r.kind) {
    case Kind::MemoryIn:
    case Kind::MemoryOut: return r.where + r.size;
    case Kind::Mapped:
    case Kind::Submit: return r.where + r.value;
    case Kind::Range: return r.where;
    default: return r.where + r.length; // NOLINT: the rest that moves has a content
    }
}

std::size_t Model::add(const Site& site) {
    if (sites_.size() == kMostSites) { // an odd guest: start over, as the other side does
        sites_.clear();
        index_.clear();
    }
    index_.emplace(site, sites_.size());
    sites_.push_back({.site = site});
    return sites_.size() - 1;
}

std::optional<std::size_t> Model::find(const Site& site) const {
    const auto it = index_.find(site);
    return it != index_.end() ? std::optional(it->second) : std::nullopt;
}

void Encoder::put(const Record& record) {
    const KindInfo& kind = info(record.kind);
    const Site site = Model::site_of(record);
    std::optional<std::size_t> index = model_.find(site);
    if (!index) {
        end_run();
        put_number(columns_[TOKENS], Model::kNewSite);
        auto& places = columns_[PLACES];
        places.push_back(static_cast<u8>(site.kind));
        places.push_back(site.size);
        put_number(places, flags_of(site));
        put_number(places, site.where);
        index = model_.add(site);
    }
    Model::Memory& memory = model_.at(*index);
    const bool timed = record.kind == Kind::Look;
    const bool same = kind.has_value && !timed && record.value == memory.last_value;
    const u64 jump = kind.moves ? record.where - memory.next_where : 0;
    memory.next_where = Model::end_of(record);
    memory.last_value = record.value;
    const bool bare = plain(kind) && jump == 0 && !timed && (same || !kind.has_value);
    if (put_token(Model::kFirstSite + *index * 2 + (same ? 1 : 0), bare)) return;
    if (kind.moves) put_number(columns_[PLACES], fold_sign(jump));
    if (timed) {
        put_number(columns_[TIMES], fold_sign(record.value - model_.last_time));
        model_.last_time = record.value;
    } else if (kind.has_value && !same) {
        put_number(columns_[VALUES], record.value);
    }
    if (kind.has_extra) put_number(columns_[VALUES], record.extra);
    if (kind.has_content) put_content(record);
}

/// True: the record only prolongs a run.
bool Encoder::put_token(u64 token, bool bare) {
    if (bare && run_possible_ && token == last_token_ && run_ < kLongestRun) {
        ++run_;
        return true;
    }
    end_run();
    put_number(columns_[TOKENS], token);
    last_token_ = token;
    run_possible_ = bare;
    return false;
}

void Encoder::end_run() {
    if (run_ > 0) {
        put_number(columns_[TOKENS], Model::kRepeat);
        put_number(columns_[TOKENS], run_);
    }
    run_ = 0;
    run_possible_ = false;
}

/// Length; number of pieces, 0 when there is one and it is literal; what they are.
void Encoder::put_content(const Record& record) {
    auto& values = columns_[VALUES];
    put_number(values, record.length);
    if (!record.open) {
        put_number(values, record.pieces.size());
        for (const Piece& piece : record.pieces) {
            put_number(values, u64{piece.length} << 2 | static_cast<u64>(piece.source));
            if (piece.source == Source::Medium) put_number(values, u64{piece.disk} << 2 | piece.skip);
        }
    }
    columns_[DATA].insert(columns_[DATA].end(), record.bytes.begin(), record.bytes.end());
}

std::size_t Encoder::size() const {
    std::size_t bytes = 0;
    for (const auto& column : columns_)
        bytes += column.size();
    return bytes;
}

std::vector<u8> Encoder::take() {
    end_run();
    std::vector<u8> payload;
    payload.reserve(size() + 32);
    for (auto& column : columns_) {
        put_number(payload, column.size());
        payload.insert(payload.end(), column.begin(), column.end());
        column.clear();
    }
    return payload;
}

Error Decoder::damaged(std::string_view what) {
    return fail("its content makes no sense ({})", what);
}

Status Decoder::start(std::span<const u8> payload) {
    Column all(payload);
    for (Column& column : columns_) {
        const std::optional<u64> length = all.number();
        const auto bytes = length ? all.take(*length) : std::nullopt;
        if (!bytes) return damaged("columns");
        column = Column(*bytes);
    }
    if (!all.at_end()) return damaged("more than its columns");
    token_valid_ = false;
    repeats_ = 0;
    return {};
}

Result<bool> Decoder::next(Record& record) {
    if (repeats_ > 0) {
        --repeats_;
        return repeat(record);
    }
    if (columns_[TOKENS].at_end()) {
        for (const Column& column : columns_)
            if (!column.at_end()) return damaged("left over");
        return false;
    }
    std::optional<u64> token = columns_[TOKENS].number();
    if (token == Model::kRepeat) {
        const std::optional<u64> count = columns_[TOKENS].number();
        if (!count || *count == 0 || *count > kLongestRun || !token_valid_)
            return damaged("a repetition of nothing");
        repeats_ = *count - 1;
        return repeat(record);
    }
    if (token == Model::kNewSite) {
        DM_TRY(new_site());
        token = columns_[TOKENS].number();
    }
    if (!token || *token < Model::kFirstSite || (*token - Model::kFirstSite) / 2 >= model_.size())
        return damaged("an unknown token");
    token_ = *token - Model::kFirstSite;
    DM_TRY(fill(record));
    return true;
}

Status Decoder::new_site() {
    Column& places = columns_[PLACES];
    const auto head = places.take(2);
    const std::optional<u64> flags = places.number();
    const std::optional<u64> where = places.number();
    if (!head || !flags || !where || (*head)[0] >= kKinds || *flags >> kDepthShift >= kMostDepth)
        return damaged("an impossible kind of record");
    const Site site{.kind = static_cast<Kind>((*head)[0]),
                    .depth = static_cast<u8>(*flags >> kDepthShift),
                    .open = (*flags & kOpen) != 0,
                    .medium = (*flags & kMedium) != 0,
                    .size = (*head)[1],
                    .where = *where};
    if (!possible(site)) return damaged("an access that no processor makes");
    model_.add(site);
    return {};
}

/// What all records of a site have in common.
Model::Memory& Decoder::begin(Record& record) {
    Model::Memory& memory = model_.at(token_ / 2);
    const Site& site = memory.site;
    record.kind = site.kind;
    record.depth = site.depth;
    record.open = site.open;
    record.medium = site.medium;
    record.size = site.size;
    record.where = info(site.kind).moves ? memory.next_where : site.where;
    record.value = memory.last_value;
    record.extra = 0;
    record.length = 0;
    record.pieces.clear();
    record.bytes.clear();
    return memory;
}

Result<bool> Decoder::repeat(Record& record) {
    Model::Memory& memory = begin(record);
    memory.next_where = Model::end_of(record);
    return true;
}

Status Decoder::fill(Record& record) {
    Model::Memory& memory = begin(record);
    const KindInfo& kind = info(record.kind);
    const bool same = (token_ & 1) != 0;
    const bool timed = record.kind == Kind::Look;
    const u64 before = model_.last_time;
    bool whole = true;
    const auto take = [&](ColumnIndex column) {
        const std::optional<u64> number = columns_[column].number();
        whole = whole && number.has_value();
        return number.value_or(0);
    };
    if (kind.moves) record.where += unfold_sign(take(PLACES));
    if (timed)
        record.value = model_.last_time += unfold_sign(take(TIMES));
    else if (!kind.has_value)
        record.value = 0;
    else if (!same)
        record.value = take(VALUES);
    if (kind.has_extra) record.extra = take(VALUES);
    if (!whole) return damaged("a number is missing");
    if (timed && (record.value < before || record.value > kLatest)) return damaged("time that runs wild");
    if (kind.has_content) DM_TRY(fill_content(record));
    memory.next_where = Model::end_of(record);
    memory.last_value = record.value;
    token_valid_ = plain(kind) && !timed && (same || !kind.has_value);
    return {};
}

Status Decoder::fill_content(Record& record) {
    Column& values = columns_[VALUES];
    const std::optional<u64> length = values.number();
    if (!length || *length > kLongestContent) return damaged("a length");
    record.length = *length;
    if (record.open) return {};
    const std::optional<u64> pieces = values.number();
    if (!pieces || *pieces > kMostPieces) return damaged("a number of pieces");
    u64 literal = *pieces == 0 ? *length : 0;
    u64 left = *length;
    for (u64 i = 0; i < *pieces; ++i) {
        const std::optional<u64> what = values.number();
        if (!what || (*what & 3) > 2 || *what >> 2 > left) return damaged("a piece");
        Piece piece{.source = static_cast<Source>(*what & 3), .length = static_cast<u32>(*what >> 2)};
        if (piece.source == Source::Medium) {
            const std::optional<u64> from = values.number();
            if (!from || *from >> 2 > 0xff) return damaged("a piece of a disk");
            piece.disk = static_cast<u8>(*from >> 2);
            piece.skip = static_cast<u8>(*from & 3);
        }
        if (piece.source == Source::Literal) literal += piece.length;
        left -= piece.length;
        record.pieces.push_back(piece);
    }
    if (*pieces != 0 && left != 0) return damaged("pieces that do not add up");
    const auto bytes = columns_[DATA].take(literal);
    if (!bytes) return damaged("data is missing");
    record.bytes.assign(bytes->begin(), bytes->end());
    return {};
}

} // namespace dm::replay
