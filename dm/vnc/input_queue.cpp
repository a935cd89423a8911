#include "dm/vnc/input_queue.hpp"

#include <utility>

namespace dm::vnc {

bool InputQueue::push_key(KeyCode code, bool down) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = waiting_.empty();
    if (waiting_.count < kCapacity)
        waiting_.items[waiting_.count++] = {.is_key = true, .down = down, .code_or_buttons = code};
    else if (!down)
        waiting_.owed_releases[code] = true;
    return was_empty;
}

bool InputQueue::push_pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = waiting_.empty();
    const Event event{.code_or_buttons = buttons, .x = x, .y = y, .width = width, .height = height};
    Event* const last = waiting_.count > 0 ? &waiting_.items[waiting_.count - 1] : nullptr;
    // Of a motion only the end counts. When there is no room the newest place and buttons replace the last
    // ones.
    const bool replaces =
        last != nullptr && !last->is_key && (last->code_or_buttons == buttons || waiting_.count == kCapacity);
    if (replaces)
        *last = event;
    else if (waiting_.count < kCapacity)
        waiting_.items[waiting_.count++] = event;
    return was_empty;
}

bool InputQueue::drain(InputSink& sink) {
    Events events;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) return false;
        std::swap(events, waiting_);
    }
    for (std::size_t i = 0; i < events.count; ++i) {
        const Event& e = events.items[i];
        if (e.is_key)
            sink.key(e.code_or_buttons, e.down);
        else
            sink.pointer(e.x, e.y, e.width, e.height, e.code_or_buttons);
    }
    for (unsigned code = 0; code < events.owed_releases.size(); ++code)
        if (events.owed_releases[code]) sink.key(static_cast<KeyCode>(code), false);
    return true;
}

} // namespace dm::vnc
