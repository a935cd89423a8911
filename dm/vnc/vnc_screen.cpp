#include "dm/vnc/vnc_screen.hpp"

#include <algorithm>

namespace dm::vnc {

VncScreen::VncScreen(EventLoop& loop, DisplaySource* source, u32* pixels, Publish publish)
    : loop_(loop), source_(source), pixels_(pixels), publish_(std::move(publish)),
      timer_(loop.host_timers(), [this] { tick(); }) {}

VncScreen::~VncScreen() {
    watch(false);
}

void VncScreen::watch(bool on) {
    if (on == watched_) return;
    watched_ = on;
    if (!on) {
        timer_.disarm();
        if (source_ != nullptr) source_->unwatched();
        return;
    }
    interval_ = kFastest;
    published_ = {};
    refresh(true);
    timer_.arm(loop_.host_timers().now_ns() + interval_);
}

void VncScreen::hasten() {
    if (!watched_) return;
    interval_ = kFastest;
    const u64 soon = loop_.host_timers().now_ns() + kAfterInput;
    if (timer_.deadline().value_or(~u64{0}) > soon) timer_.arm(soon);
}

Surface VncScreen::resize(unsigned width, unsigned height) {
    const ScreenSize wanted{width, height};
    size_ = {std::min(width, PixelBuffer::kMaxWidth), std::min(height, PixelBuffer::kMaxHeight)};
    if (size_ != wanted && wanted != cropped_) {
        log_.guest("the guest's screen of {}x{} is larger than {}x{}: viewers see its top left part", width,
                   height, PixelBuffer::kMaxWidth, PixelBuffer::kMaxHeight);
        cropped_ = wanted;
    }
    return {pixels_, size_.width, size_.height, PixelBuffer::kMaxWidth};
}

void VncScreen::refresh(bool full) {
    changed_.clear();
    if (source_ != nullptr) source_->refresh(*this, full);
    if (changed_.empty() && size_ == published_) return;
    published_ = size_;
    publish_(size_, changed_);
}

void VncScreen::tick() {
    refresh(false);
    interval_ = changed_.empty() ? std::min(interval_ + kSlowDown, kSlowest) : kFastest;
    timer_.arm(loop_.host_timers().now_ns() + interval_);
}

} // namespace dm::vnc
