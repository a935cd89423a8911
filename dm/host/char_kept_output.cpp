#include "dm/host/char_kept_output.hpp"

#include <algorithm>
#include <array>
#include <sys/ioctl.h>
#include <unistd.h>

namespace dm::host {
namespace {

constexpr u64 kLookEveryNs = 10 * kMillisecond; // while the port waits
constexpr std::size_t kSpare = 4096;            // a pipe tells of room when a page of it is free

/// A terminal gives room back by the pieces that were written: of small ones a slow reader's progress shows.
constexpr std::size_t kPiece = 256;

/// A terminal may hold as much as this beside what FIONREAD tells (Linux: up to 9.5 KiB).
constexpr std::size_t kHidden = std::size_t{16} * 1024;

} // namespace

KeptOutput::KeptOutput(TimerQueue& timers, CharChannel& channel, int read_back, ChannelOwner& owner)
    : timers_(timers), channel_(channel), read_back_(read_back),
      look_timer_(timers, [&owner] { owner.output_ready(); }) {}

KeptOutput::~KeptOutput() = default;

std::size_t KeptOutput::write(std::span<const u8> bytes) {
    std::size_t done = size_ == 0 ? pass(bytes) : 0;
    std::span<const u8> rest = bytes.subspan(done);
    if (rest.size() > room() && !anybody_reads()) {
        keep_newest(rest);
        return bytes.size();
    }
    rest = rest.first(std::min(rest.size(), room()));
    if (!rest.empty()) append(rest);
    done += rest.size();
    if (done < bytes.size()) hold();
    return done;
}

void KeptOutput::append(std::span<const u8> bytes) {
    ring_.resize(kRing + kSpare);
    const std::size_t tail = (head_ + size_) % ring_.size();
    const std::size_t first = std::min(bytes.size(), ring_.size() - tail);
    std::copy_n(bytes.begin(), first, ring_.begin() + static_cast<std::ptrdiff_t>(tail));
    std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(first), bytes.end(), ring_.begin());
    size_ += bytes.size();
}

/// To the system; returns how many bytes it took.
std::size_t KeptOutput::pass(std::span<const u8> bytes) {
    std::size_t taken = 0;
    for (std::size_t n = kPiece; n == kPiece;) {
        const auto piece = bytes.subspan(taken, std::min(kPiece, bytes.size() - taken));
        if (piece.empty()) break;
        n = channel_.write(piece);
        taken += n;
    }
    unread_ += taken;
    spare_ -= std::min(spare_, taken);
    return taken;
}

/// True when the system took something.
bool KeptOutput::flush() {
    const std::size_t before = size_;
    while (size_ > 0) {
        const std::size_t piece = std::min(size_, ring_.size() - head_);
        const std::size_t taken = pass(std::span<const u8>(ring_).subspan(head_, piece));
        head_ = (head_ + taken) % ring_.size();
        size_ -= taken;
        if (taken < piece) break;
    }
    return size_ < before;
}

// -------------------------------------------------------------------------------------------------- waiting

void KeptOutput::hold() {
    if (held_) return;
    held_ = true;
    last_sign_ns_ = timers_.now_ns();
    last_seen_ = in_system();
    look_timer_.arm(last_sign_ns_ + kLookEveryNs);
}

bool KeptOutput::ready() {
    bool sign = flush();
    if (!held_) return false;
    const std::size_t seen = in_system();
    if (seen < last_seen_) {
        sign = true;
        spare_ = std::min(kSpare, spare_ + last_seen_ - seen);
    }
    last_seen_ = seen;
    const u64 now = timers_.now_ns();
    if (sign) last_sign_ns_ = now;
    if (room() == 0) {
        if (now - last_sign_ns_ < kPatienceNs) {
            look_timer_.arm(now + kLookEveryNs);
            return false;
        }
        unread_ = seen + kHidden / 2; // nobody
    }
    held_ = false;
    look_timer_.disarm();
    return true;
}

/// Whoever has read more lately than what cannot be seen of the system's buffer.
bool KeptOutput::anybody_reads() {
    if (held_) ready();
    return unread_ > in_system() + kHidden;
}

// ------------------------------------------------------------------------------------------------- throwing

void KeptOutput::keep_newest(std::span<const u8> bytes) {
    if (bytes.size() > kRing) { // then nothing of what came before is among the newest
        bytes = bytes.last(kRing);
        size_ = 0;
        while (discard_oldest()) {
        }
        bytes = bytes.subspan(pass(bytes));
    }
    while (bytes.size() > room() && discard_oldest())
        flush();
    if (bytes.size() > room()) { // what was in the system's buffer went to a reader meanwhile
        const std::size_t excess = bytes.size() - room();
        head_ = (head_ + excess) % ring_.size();
        size_ -= excess;
    }
    append(bytes);
}

/// What the system's buffer shows that it holds.
std::size_t KeptOutput::in_system() const {
    int bytes = 0;
    return ::ioctl(read_back_, FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

/// False when the system's buffer holds nothing more.
bool KeptOutput::discard_oldest() {
    std::array<u8, 4096> sink{};
    const ssize_t n = ::read(read_back_, sink.data(), sink.size());
    if (n <= 0) return false;
    unread_ -= std::min(unread_, static_cast<u64>(n));
    return true;
}

} // namespace dm::host
