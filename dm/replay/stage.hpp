// Where a recording is played: what the board does is held against the records, and what it is told comes
// from them.
#pragma once

#include "dm/replay/medium_echo.hpp"
#include "dm/replay/recording.hpp"
#include "dm/replay/shadow.hpp"

#include <functional>

namespace dm::replay {

/// Told what is played, for a trace.
class Audience {
public:
    virtual ~Audience() = default;
    /// Before the board hears of it.
    virtual void entrance(u64 operation, u64 time_ns, const Record& record) = 0;
    /// An input or effect, inside `depth` entrances.
    virtual void happened(unsigned depth, const Record& record) = 0;
};

/// Words for a record: "in COM1.LSR (port 3fd), 1 byte".
using Describe = std::function<std::string(const Record&)>;

/// The first thing that was not as recorded.
struct Difference {
    u64 operation = 0;
    std::string text;
};

class Stage {
public:
    explicit Stage(const Recording& recording) : script_(recording) {}

    void set_describe(Describe describe) { describe_ = std::move(describe); }
    void set_audience(Audience* audience) { audience_ = audience; }
    /// Makes the board do what an entrance says.
    void set_perform(std::function<void(const Record&)> perform) { perform_ = std::move(perform); }

    /// Runs between operations: no entrance is under way.
    void set_between(std::function<void()> between) { between_ = std::move(between); }

    /// Plays until the end or the first difference.
    void run();

    /// The board is at work, and nothing differed so far.
    bool inside() const { return depth_ > 0 && !difference_; }
    /// The board did `done`, whose content is literal: the next record must be that. Entrances that happened
    /// meanwhile follow.
    void effect(const Record& done);
    /// The board asks for something: the next record must be of that kind and place, and says what it gets.
    /// Nothing after a difference.
    std::optional<Record> input(Kind kind, u64 where);
    /// The same where there may be none.
    std::optional<Record> optional_input(Kind kind);
    /// What the board answered to a read.
    void reply(const Record& entrance, u64 value);
    void reply(const Record& entrance, std::span<const u8> bytes);
    /// The bytes that the record's content stands for.
    std::vector<u8> content(const Record& record);
    void differ(std::string text);

    u64 time_ns() const { return time_ns_; }
    void set_time(u64 now) { time_ns_ = now; }
    u64 operations() const { return operations_; }
    bool ended_in_order() const { return ended_; }
    const std::optional<Difference>& difference() const { return difference_; }
    const std::optional<Error>& damage() const { return script_.error(); }

    MediumEcho echo;
    Shadow shadow;

private:
    void play();
    void play_nested();
    void take_over(const Record& record);
    bool same(const Record& recorded, const Record& done);
    std::optional<Record> reply_record(Kind kind);
    std::string words(const Record* record) const;

    Script script_;
    Describe describe_;
    Audience* audience_ = nullptr;
    std::function<void(const Record&)> perform_;
    std::function<void()> between_;
    unsigned depth_ = 0;
    u64 time_ns_ = 0;
    u64 operations_ = 0;
    bool ended_ = false;
    std::array<Record, kMostDepth> playing_; ///< the entrances that the board is in
    std::optional<Difference> difference_;
};

} // namespace dm::replay
