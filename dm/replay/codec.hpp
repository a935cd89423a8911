// Records to bytes and back. Both sides keep the same model of what came before, so that what repeats costs
// next to nothing: docs/recording.md, "Inside a block".
#pragma once

#include "dm/core/result.hpp"
#include "dm/replay/columns.hpp"
#include "dm/replay/record.hpp"

#include <unordered_map>

namespace dm::replay {

/// The columns of a block, in their order in the file.
enum ColumnIndex : unsigned { TOKENS, PLACES, VALUES, TIMES, DATA, COLUMNS };

/// What two records of one site have in common.
struct Site {
    Kind kind = Kind::End;
    u8 depth = 0;
    bool open = false;
    bool medium = false;
    u8 size = 0;
    u64 where = 0; ///< unless it moves

    bool operator==(const Site&) const = default;
};

/// All that is known of the records so far.
class Model {
public:
    static constexpr std::size_t kMostSites = 65536;
    /// Tokens: a site comes up for the first time; the last token again, a number of times; then two for each
    /// site: with a value of its own, and with the one it had last.
    static constexpr u64 kNewSite = 0;
    static constexpr u64 kRepeat = 1;
    static constexpr u64 kFirstSite = 2;

    struct Memory {
        Site site;
        u64 last_value = 0;
        u64 next_where = 0;
    };

    static Site site_of(const Record& record);
    /// Where the next record of this site will be if nothing jumps.
    static u64 end_of(const Record& record);

    Memory& at(std::size_t index) { return sites_[index]; }
    std::size_t size() const { return sites_.size(); }
    std::size_t add(const Site& site);
    std::optional<std::size_t> find(const Site& site) const;

    u64 last_time = 0;

private:
    struct Hash {
        std::size_t operator()(const Site& s) const;
    };
    std::vector<Memory> sites_;
    std::unordered_map<Site, std::size_t, Hash> index_;
};

class Encoder {
public:
    void put(const Record& record);
    /// Bytes in the block so far.
    std::size_t size() const;
    bool empty() const { return size() == 0; }
    /// The block's payload; the next one starts.
    std::vector<u8> take();

private:
    bool put_token(u64 token, bool bare);
    void end_run();
    void put_content(const Record& record);

    Model model_;
    std::array<std::vector<u8>, COLUMNS> columns_;
    u64 last_token_ = 0;
    u64 run_ = 0;
    bool run_possible_ = false;
};

class Decoder {
public:
    /// Starts on the next block's payload, which must stay until the last record was taken.
    Status start(std::span<const u8> payload);
    /// False: the block is used up.
    Result<bool> next(Record& record);

private:
    Status new_site();
    Model::Memory& begin(Record& record);
    Status fill(Record& record);
    Status fill_content(Record& record);
    Result<bool> repeat(Record& record);
    static Error damaged(std::string_view what);

    Model model_;
    std::array<Column, COLUMNS> columns_;
    u64 token_ = 0;
    bool token_valid_ = false;
    u64 repeats_ = 0;
};

} // namespace dm::replay
