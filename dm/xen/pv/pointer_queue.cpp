#include "dm/xen/pv/pointer_queue.hpp"

#include <bit>

namespace dm::xen {
namespace {

constexpr u32 kBtnLeft = 0x110; // BTN_LEFT, RIGHT, MIDDLE, SIDE, EXTRA: as numbered_buttons() has them
constexpr u8 kAllButtons = (1U << PointerQueue::kButtons) - 1;

// Drivers exist that read the ring without saying so (Windows' xenvkbd): then we look by ourselves.
constexpr u64 kFirstRetry = 20 * kMillisecond;
constexpr u64 kLastRetry = kSecond;

} // namespace

PointerQueue::PointerQueue(TimerQueue& timers, Wiring wiring)
    : wiring_(std::move(wiring)), timers_(timers), delay_ns_(kFirstRetry),
      retry_(timers, [this] { flush(); }) {}

void PointerQueue::start(Mode mode) {
    mode_ = mode;
    waiting_.clear();
    place_ = {};
    wheel_held_ = 0;
    now_ = {};
    if (mode.absolute) now_.x = now_.y = kNowhere;
    current_ = sent_ = now_;
    sent_.buttons = kAllButtons;
    flush();
}

void PointerQueue::stop() {
    mode_.reset();
    retry_.disarm();
}

void PointerQueue::detach() {
    stop();
    ring_.reset();
}

bool PointerQueue::kick() {
    if (!mode_ || !ring_ || paused_) return false;
    const bool odd = ring_->discard_sent();
    flush();
    return odd;
}

void PointerQueue::resume() {
    paused_ = false;
    flush();
}

void PointerQueue::pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    if (!mode_) return;
    if (!mode_->absolute) {
        const PointerMotion moved = motion_to(place_, x, y, width, height);
        return record({.x = moved.dx, .y = moved.dy}, buttons);
    }
    record({.x = static_cast<s32>(tablet_coordinate(x, width, mode_->width)),
            .y = static_cast<s32>(tablet_coordinate(y, height, mode_->height))},
           buttons);
}

/// A tablet cannot be moved, only its buttons are.
void PointerQueue::motion(s32 dx, s32 dy, u8 buttons) {
    if (!mode_) return;
    if (mode_->absolute) return record({.x = now_.x, .y = now_.y}, buttons);
    record({.x = limited_motion(dx), .y = limited_motion(dy)}, buttons);
}

void PointerQueue::release_all() {
    if (!mode_) return;
    wheel_held_ = 0;
    motion(0, 0, 0);
}

void PointerQueue::record(Report next, u8 pointer_buttons) {
    const bool absolute = mode_->absolute;
    next.buttons = numbered_buttons(pointer_buttons);
    if (!absolute || next.x != kNowhere) next.wheel = -wheel_notches(wheel_held_, pointer_buttons);
    wheel_held_ = pointer_buttons & kWheelButtons;
    const bool moved = absolute ? next.x != now_.x || next.y != now_.y : next.x != 0 || next.y != 0;
    next.kept = next.buttons != now_.buttons || next.wheel != 0;
    if (!moved && !next.kept) return;
    now_ = next;
    if (waiting_.empty() || ((next.kept || waiting_.back().kept) && !waiting_.full())) {
        waiting_.push(next);
    } else {
        Report& last = waiting_.back();
        last.x = absolute ? next.x : limited_motion(last.x + next.x);
        last.y = absolute ? next.y : limited_motion(last.y + next.y);
        last.wheel = limited_motion(last.wheel + next.wheel);
        last.buttons = next.buttons;
        last.kept |= next.kept;
    }
    flush();
}

void PointerQueue::flush() {
    if (!mode_ || !ring_ || paused_) return;
    bool written = false;
    KbdRing::Room room = ring_->room();
    for (; room == KbdRing::Room::There; room = ring_->room()) {
        if (next_event())
            written = true;
        else if (waiting_.empty())
            break;
        else
            current_ = waiting_.pop();
    }
    if (room == KbdRing::Room::Broken) {
        detach();
        return wiring_.broken("more events read than were written");
    }
    if (written) {
        ring_->publish();
        wiring_.notify();
    }
    const bool waits = !waiting_.empty() || moves() || changed_buttons() != 0;
    retry_later(waits && room == KbdRing::Room::None, written);
}

/// Or the wheel does.
bool PointerQueue::moves() const {
    if (current_.wheel != 0) return true;
    if (mode_->absolute) return current_.x != sent_.x || current_.y != sent_.y;
    return current_.x != 0 || current_.y != 0;
}

/// The place first, so that a button is pressed there. False: the driver knows all of current_.
bool PointerQueue::next_event() {
    if (moves()) {
        if (mode_->absolute) {
            ring_->position(current_.x, current_.y, current_.wheel);
            sent_.x = current_.x;
            sent_.y = current_.y;
        } else {
            ring_->motion(current_.x, current_.y, current_.wheel);
            current_.x = current_.y = 0;
        }
        current_.wheel = 0;
        return true;
    }
    const u8 changed = changed_buttons();
    if (changed == 0) return false;
    const auto button = static_cast<unsigned>(std::countr_zero(changed));
    sent_.buttons = static_cast<u8>(sent_.buttons ^ 1U << button);
    ring_->key(kBtnLeft + button, (sent_.buttons >> button & 1) != 0);
    return true;
}

/// Seldom for a driver that hangs: it wakes us for nothing.
void PointerQueue::retry_later(bool waits, bool went_on) {
    if (went_on || !waits) delay_ns_ = kFirstRetry;
    if (!waits) return retry_.disarm();
    if (retry_.deadline()) return;
    retry_.arm(timers_.now_ns() + delay_ns_);
    delay_ns_ = std::min(2 * delay_ns_, kLastRetry);
}

} // namespace dm::xen
