#include "dm/vnc/vnc_screen.hpp"

#include <algorithm>

namespace dm::vnc {

VncScreen::VncScreen(EventLoop& loop, DisplaySource* source, u32* pixels, VncAudience& audience)
    : loop_(loop), source_(source), pixels_(pixels), audience_(audience),
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
    ask_about_cursor();
    if (source_ != nullptr) source_->refresh(*this, full);
    if (changed_.empty() && size_ == published_) return;
    published_ = size_;
    audience_.show(size_, changed_);
}

void VncScreen::ask_about_cursor() {
    cursor_drawn_ = audience_.draws_cursor();
    if (!cursor_drawn_) set_cursor({}); // the adapter draws it, and nobody shall see it twice
}

void VncScreen::set_cursor(const CursorShape& shape) {
    CursorImage image{
        shape.width, shape.height, shape.hot_x, shape.hot_y, {shape.pixels.begin(), shape.pixels.end()}};
    const bool fits = shape.width <= CursorShape::kMost && shape.height <= CursorShape::kMost &&
                      shape.hot_x < shape.width && shape.hot_y < shape.height &&
                      shape.pixels.size() == std::size_t{shape.width} * shape.height;
    if (!fits) image = {};
    if (image == cursor_) return;
    cursor_ = image;
    audience_.show(std::make_shared<const CursorImage>(std::move(image)));
}

SizeStatus VncScreen::propose(const ScreenSize& size) {
    if (size.width > PixelBuffer::kMaxWidth || size.height > PixelBuffer::kMaxHeight)
        return SizeStatus::OutOfResources;
    if (source_ == nullptr || !source_->propose_size(size.width, size.height)) return SizeStatus::Prohibited;
    return SizeStatus::Forwarded; // the guest changes its mode when it likes, or never
}

void VncScreen::tick() {
    refresh(false);
    interval_ = changed_.empty() ? std::min(interval_ + kSlowDown, kSlowest) : kFastest;
    timer_.arm(loop_.host_timers().now_ns() + interval_);
}

} // namespace dm::vnc
