// What the parts of the recorder write into: knows whether the board is at work, and turns records into
// blocks.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/replay/codec.hpp"
#include "dm/replay/machine_shape.hpp"
#include "dm/replay/medium_echo.hpp"
#include "dm/replay/shadow.hpp"
#include "dm/replay/writer.hpp"

#include <functional>
#include <memory>

namespace dm::replay {

/// Bytes that are like a disk's by chance are fewer than these.
inline constexpr std::size_t kLeastMediumPiece = 16;

/// The content of `record` is `bytes`; its pieces say what need not be kept.
void set_content(Record& record, std::span<const u8> bytes);

class Journal {
public:
    explicit Journal(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}

    /// `clock` tells the time of blocks. From here on entrances are recorded.
    void start(const MachineShape& shape, const Clock& clock);
    /// Ends the recording in order.
    void finish();

    bool recording() const { return recording_; }
    /// The board is at work: what it does is recorded.
    bool inside() const { return depth_ > 0 && recording_; }
    void note(const Record& record);

    /// An entrance, from before the board is called until it has returned.
    class Entrance {
    public:
        Entrance(Journal& journal, Record record);
        ~Entrance();
        Entrance(const Entrance&) = delete;
        Entrance& operator=(const Entrance&) = delete;
        /// What a read gave. `medium`: the bytes may be a disk's.
        void reply(u64 value, bool medium = false);
        void reply(std::span<const u8> bytes, bool medium = false);

    private:
        Record take_reply(Kind kind);

        Journal& journal_;
        u8 size_;
    };

    /// Called after each outermost entrance, recorded or not.
    void set_after(std::function<void()> after) { after_ = std::move(after); }
    /// `remind` is called from another thread when flush() should be called in this one.
    void set_reminder(std::function<void()> remind) { writer_->set_reminder(std::move(remind)); }
    void flush();

    MediumEcho echo;
    Shadow shadow;

private:
    static constexpr std::size_t kBlockSize = 128 << 10;

    void enter(Record record);
    void leave();
    void write_pending();
    void write(const Record& record);
    void stop();

    std::unique_ptr<Writer> writer_;
    const Clock* clock_ = nullptr;
    bool recording_ = false;
    unsigned depth_ = 0;
    bool reminded_ = false;         ///< flush() will be called
    std::optional<Record> pending_; ///< a read whose reply may still join it
    u32 block_ = 0;
    u64 operations_ = 0;
    Encoder encoder_;
    std::function<void()> after_;
    Log log_{"record"};
};

} // namespace dm::replay
