#include "dm/board/key_presses.hpp"

namespace dm {

KeyPresses::KeyPresses(InputSink& keyboard, TimerQueue& timers)
    : keyboard_(keyboard), timers_(timers), timer_(timers, [this] { go_up(); }) {}

Status KeyPresses::press(std::vector<KeyCode> keys, unsigned hold_ms) {
    if (chords_.size() >= kMostWaiting) return fail("{} keys wait to be pressed: try again", kMostWaiting);
    chords_.push_back({std::move(keys), hold_ms});
    if (chords_.size() == 1) go_down();
    return {};
}

void KeyPresses::go_down() {
    for (const KeyCode key : chords_.front().keys)
        keyboard_.key(key, true);
    timer_.arm(timers_.now_ns() + chords_.front().hold_ms * (kSecond / 1000));
}

void KeyPresses::go_up() {
    const std::vector<KeyCode>& keys = chords_.front().keys;
    for (auto key = keys.rbegin(); key != keys.rend(); ++key)
        keyboard_.key(*key, false);
    chords_.pop_front();
    if (!chords_.empty()) go_down();
}

} // namespace dm
