#include "dm/host/char_kept_output.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>

namespace dm::host {

void KeptOutput::write(std::span<const u8> bytes) {
    if (size_ == 0) bytes = bytes.subspan(channel_.write(bytes));
    if (bytes.empty()) return;
    if (bytes.size() > kRing) { // then nothing of what came before is among the newest
        bytes = bytes.last(kRing);
        size_ = 0;
        while (discard_oldest()) {
        }
    }
    while (size_ + bytes.size() > kRing && discard_oldest())
        flush();
    append(bytes);
}

void KeptOutput::append(std::span<const u8> bytes) {
    ring_.resize(kRing);
    const std::size_t excess = size_ + bytes.size() > kRing ? size_ + bytes.size() - kRing : 0;
    head_ = (head_ + excess) % kRing;
    size_ -= excess;
    const std::size_t tail = (head_ + size_) % kRing;
    const std::size_t first = std::min(bytes.size(), kRing - tail);
    std::copy_n(bytes.begin(), first, ring_.begin() + static_cast<std::ptrdiff_t>(tail));
    std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(first), bytes.end(), ring_.begin());
    size_ += bytes.size();
}

void KeptOutput::flush() {
    while (size_ > 0) {
        const std::size_t piece = std::min(size_, kRing - head_);
        const std::size_t taken = channel_.write(std::span<const u8>(ring_).subspan(head_, piece));
        head_ = (head_ + taken) % kRing;
        size_ -= taken;
        if (taken < piece) return;
    }
}

/// False when the system's buffer holds nothing more.
bool KeptOutput::discard_oldest() const {
    std::array<u8, 4096> sink{};
    return ::read(read_back_, sink.data(), sink.size()) > 0;
}

} // namespace dm::host
