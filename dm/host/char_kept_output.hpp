// Output that somebody may read later or never: a reader that is slow is waited for, nobody is not.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/host/char_channel.hpp"

#include <vector>

namespace dm::host {

/// The operating system's buffer holds the oldest output, a ring of ours what follows it. When both are full
/// the port waits for as long as a reader takes something now and then. After kPatienceNs without that nobody
/// reads: the oldest is thrown away, first from the system's buffer, by reading it back, and the port waits
/// no more until somebody has read again.
class KeptOutput {
public:
    static constexpr std::size_t kRing = std::size_t{64} * 1024;
    static constexpr u64 kPatienceNs = 200 * kMillisecond; ///< not more than the port's own

    /// `read_back`: a non-blocking descriptor that reads what was written to `channel`. `owner` is told by
    /// output_ready() also when it is time to ask ready().
    KeptOutput(TimerQueue& timers, CharChannel& channel, int read_back, ChannelOwner& owner);
    ~KeptOutput();
    KeptOutput(const KeptOutput&) = delete;
    KeptOutput& operator=(const KeptOutput&) = delete;

    /// As CharBackend::write().
    std::size_t write(std::span<const u8> bytes);
    /// The channel takes output again, or it is time to look. True: so does write(), which had refused some.
    bool ready();

private:
    std::size_t room() const { return kRing + spare_ - size_; }
    void append(std::span<const u8> bytes);
    std::size_t pass(std::span<const u8> bytes);
    bool flush();
    bool anybody_reads();
    void hold();
    void keep_newest(std::span<const u8> bytes);
    std::size_t in_system() const;
    bool discard_oldest();

    TimerQueue& timers_;
    CharChannel& channel_;
    int read_back_;
    std::vector<u8> ring_; // allocated when output is kept for the first time
    std::size_t head_ = 0;
    std::size_t size_ = 0;

    /// What the system's buffer would hold if nobody had read. At first somebody is supposed to read.
    u64 unread_ = u64{1} << 62;
    bool held_ = false; ///< the port waits
    Timer look_timer_;
    u64 last_sign_ns_ = 0;      ///< of a reader, while the port waits
    std::size_t last_seen_ = 0; ///< in_system() when that was looked at last
    std::size_t spare_ = 0;     ///< room that a reader has made where the system does not tell yet
};

} // namespace dm::host
