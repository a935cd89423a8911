#include "dm/vnc/update_window.hpp"

#include <algorithm>

namespace dm::vnc {

u32 UpdateWindow::sent(u64 bytes, u64 now_ns) {
    Fence& fence = fences_[next_ % kMostFences];
    // Full only where an update was sent that open() did not allow: the oldest is not waited for.
    if (count_ == kMostFences)
        under_way_ -= fence.bytes;
    else
        ++count_;
    under_way_ += bytes;
    fence = {bytes, now_ns, under_way_ >= window_ / 2};
    return next_++;
}

void UpdateWindow::returned(u32 number, u64 now_ns) {
    const u32 oldest = next_ - static_cast<u32>(count_);
    if (number - oldest >= count_) return;
    const Fence& last = fences_[number % kMostFences];
    judge(last, now_ns - std::min(now_ns, last.sent_ns));
    for (u32 n = oldest; n - oldest <= number - oldest; ++n) {
        under_way_ -= fences_[n % kMostFences].bytes;
        --count_;
    }
}

void UpdateWindow::judge(const Fence& fence, u64 took_ns) {
    quickest_ns_ = std::min(quickest_ns_, took_ns);
    if (took_ns > 2 * quickest_ns_ + kSlackNs)
        window_ = std::max(kLeast, window_ - window_ / 4);
    else if (fence.filled) // otherwise the window was not what held anything back
        window_ = std::min(kMost, window_ + fence.bytes);
}

} // namespace dm::vnc
