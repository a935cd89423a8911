#include "dm/vnc/input_queue.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dm::vnc {

bool InputQueue::wait_for_place(unsigned ms) {
    std::unique_lock lock(mutex_);
    return place_.wait_for(lock, std::chrono::milliseconds(ms),
                           [this] { return late_ || (!items_.full() && owed_releases_.none()); });
}

bool InputQueue::tell() {
    return !std::exchange(told_, true);
}

bool InputQueue::push_key(KeyCode code, bool down) {
    const std::lock_guard lock(mutex_);
    // Behind a release that is owed nothing may go down: it would be that key's own.
    const bool fits = owed_releases_.none() && items_.push({.down = down, .code_or_buttons = code});
    if (!fits && !down) owed_releases_[code] = true;
    return tell();
}

/// The event that one more of this kind becomes part of. Behind a full queue the newest buttons replace the
/// last ones.
InputQueue::Event* InputQueue::last_of(Kind kind, u8 buttons) {
    if (owed_pointer_) return owed_pointer_->kind == kind ? &*owed_pointer_ : nullptr;
    if (items_.empty()) return nullptr;
    Event& last = items_.back();
    return last.kind == kind && last.code_or_buttons == buttons ? &last : nullptr;
}

void InputQueue::add_pointer(const Event& event) {
    if (late_ || owed_pointer_ || !items_.push(event)) owed_pointer_ = event;
}

bool InputQueue::push_pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    const std::lock_guard lock(mutex_);
    const Event event{.kind = Kind::Place,
                      .code_or_buttons = buttons,
                      .width = static_cast<u16>(width),
                      .height = static_cast<u16>(height),
                      .x = static_cast<s32>(x),
                      .y = static_cast<s32>(y)};
    if (Event* const last = last_of(Kind::Place, buttons)) // of several places only the last counts
        *last = event;
    else
        add_pointer(event);
    return tell();
}

bool InputQueue::push_motion(s32 dx, s32 dy, u8 buttons) {
    constexpr s32 kFarthest = 1 << 20;
    const std::lock_guard lock(mutex_);
    if (Event* const last = last_of(Kind::Motion, buttons)) {
        last->x = std::clamp(last->x + dx, -kFarthest, kFarthest);
        last->y = std::clamp(last->y + dy, -kFarthest, kFarthest);
        last->code_or_buttons = buttons;
    } else {
        add_pointer({.kind = Kind::Motion, .code_or_buttons = buttons, .x = dx, .y = dy});
    }
    return tell();
}

void InputQueue::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
}

void InputQueue::hand_over(const Event& e, InputSink& sink) {
    switch (e.kind) {
    case Kind::Key: sink.key(e.code_or_buttons, e.down); break;
    case Kind::Place:
        sink.pointer(static_cast<unsigned>(e.x), static_cast<unsigned>(e.y), e.width, e.height,
                     e.code_or_buttons);
        break;
    case Kind::Motion: sink.motion(e.x, e.y, e.code_or_buttons); break;
    }
}

/// Where the pointer is and which of its buttons are down now is worth more than how it came there.
void InputQueue::only_keys_wait() {
    const std::optional<Event> newest = owed_pointer_;
    for (std::size_t n = items_.size(); n > 0; --n) {
        const Event event = items_.pop();
        if (event.kind == Kind::Key)
            items_.push(event);
        else
            owed_pointer_ = event;
    }
    if (newest) owed_pointer_ = newest;
}

bool InputQueue::drain(InputSink& sink, Until until) {
    std::unique_lock lock(mutex_);
    bool gave = false;
    const auto give = [&](const Event& event) {
        lock.unlock(); // the devices take their time, and may have something to say to viewers
        hand_over(event, sink);
        lock.lock();
        gave = true;
    };
    told_ = false;
    const bool was_late = std::exchange(late_, until != Until::Room);
    const bool all = until == Until::Never || (late_ && closed_); // whoever typed it has gone
    const bool keys_stay = late_ && !all;
    if (keys_stay && !was_late) only_keys_wait();
    if ((keys_stay || was_late) && owed_pointer_) give(*std::exchange(owed_pointer_, std::nullopt));
    for (std::size_t n = keys_stay ? 0 : items_.size(); n > 0; --n) {
        const Event event = items_.front();
        if (!all && event.kind == Kind::Key && event.down && !sink.key_room()) break;
        items_.pop();
        give(event);
    }
    if (items_.empty() && owed_pointer_) give(*std::exchange(owed_pointer_, std::nullopt));
    for (unsigned code = 0; code < owed_releases_.size() && items_.empty(); ++code) {
        if (!owed_releases_[code]) continue;
        owed_releases_[code] = false;
        give({.code_or_buttons = static_cast<KeyCode>(code)});
    }
    lock.unlock();
    place_.notify_all();
    return gave;
}

InputQueue::Left InputQueue::left() {
    const std::lock_guard lock(mutex_);
    if (!empty()) return Left::Something;
    return closed_ ? Left::Closed : Left::Nothing;
}

} // namespace dm::vnc
