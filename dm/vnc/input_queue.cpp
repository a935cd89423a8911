#include "dm/vnc/input_queue.hpp"

#include <algorithm>
#include <utility>

namespace dm::vnc {

bool InputQueue::push_key(KeyCode code, bool down) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = waiting_.empty();
    if (waiting_.items.size() < kCapacity)
        add({.kind = Kind::Key, .down = down, .code_or_buttons = code});
    else if (!down)
        waiting_.owed_releases[code] = true;
    return was_empty;
}

/// The event that one more of this kind becomes part of. Behind a full queue the newest buttons replace the
/// last ones.
InputQueue::Event* InputQueue::last_of(Kind kind, u8 buttons) {
    if (waiting_.owed_pointer) return waiting_.owed_pointer->kind == kind ? &*waiting_.owed_pointer : nullptr;
    if (waiting_.items.empty()) return nullptr;
    Event& last = waiting_.items.back();
    return last.kind == kind && last.code_or_buttons == buttons ? &last : nullptr;
}

void InputQueue::add(const Event& event) {
    if (waiting_.items.size() < kCapacity)
        waiting_.items.push_back(event);
    else
        waiting_.owed_pointer = event;
}

bool InputQueue::push_pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = waiting_.empty();
    const Event event{
        .kind = Kind::Place, .code_or_buttons = buttons, .x = x, .y = y, .width = width, .height = height};
    if (Event* const last = last_of(Kind::Place, buttons)) // of several places only the last counts
        *last = event;
    else
        add(event);
    return was_empty;
}

bool InputQueue::push_motion(s32 dx, s32 dy, u8 buttons) {
    constexpr s32 kFarthest = 1 << 20;
    const std::lock_guard lock(mutex_);
    const bool was_empty = waiting_.empty();
    if (Event* const last = last_of(Kind::Motion, buttons)) {
        last->dx = std::clamp(last->dx + dx, -kFarthest, kFarthest);
        last->dy = std::clamp(last->dy + dy, -kFarthest, kFarthest);
        last->code_or_buttons = buttons;
    } else {
        add({.kind = Kind::Motion, .code_or_buttons = buttons, .dx = dx, .dy = dy});
    }
    return was_empty;
}

void InputQueue::hand_over(const Event& e, InputSink& sink) {
    switch (e.kind) {
    case Kind::Key: sink.key(e.code_or_buttons, e.down); break;
    case Kind::Place: sink.pointer(e.x, e.y, e.width, e.height, e.code_or_buttons); break;
    case Kind::Motion: sink.motion(e.dx, e.dy, e.code_or_buttons); break;
    }
}

bool InputQueue::drain(InputSink& sink) {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) return false;
        std::swap(taken_, waiting_);
    }
    for (const Event& event : taken_.items)
        hand_over(event, sink);
    if (taken_.owed_pointer) hand_over(*taken_.owed_pointer, sink);
    for (unsigned code = 0; code < taken_.owed_releases.size(); ++code)
        if (taken_.owed_releases[code]) sink.key(static_cast<KeyCode>(code), false);
    taken_.items.clear();
    taken_.owed_pointer.reset();
    taken_.owed_releases.reset();
    return true;
}

} // namespace dm::vnc
