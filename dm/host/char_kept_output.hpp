// Output that somebody may read later or never: the guest never waits for it, the newest is kept.
#pragma once

#include "dm/host/char_channel.hpp"

#include <vector>

namespace dm::host {

/// The operating system's buffer holds the oldest output, a ring of ours what follows it. When both are full
/// the oldest is thrown away, first from the system's buffer: by reading it back.
class KeptOutput {
public:
    static constexpr std::size_t kRing = std::size_t{64} * 1024;

    /// `read_back`: a non-blocking descriptor that reads what was written to `channel`.
    KeptOutput(CharChannel& channel, int read_back) : channel_(channel), read_back_(read_back) {}

    void write(std::span<const u8> bytes);
    /// The channel takes output again.
    void flush();

private:
    void append(std::span<const u8> bytes);
    bool discard_oldest() const;

    CharChannel& channel_;
    int read_back_;
    std::vector<u8> ring_; // allocated when output is kept for the first time
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

} // namespace dm::host
