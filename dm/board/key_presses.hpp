// Keys that the toolstack presses and, a moment later, releases.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/input.hpp"
#include "dm/core/result.hpp"

#include <deque>
#include <vector>

namespace dm {

class KeyPresses {
public:
    static constexpr std::size_t kMostWaiting = 256;

    KeyPresses(InputSink& keyboard, TimerQueue& timers);

    /// All go down, in order, when those before are up; after `hold_ms` they go up, the last first. An error
    /// when too many wait.
    Status press(std::vector<KeyCode> keys, unsigned hold_ms);

private:
    struct Chord {
        std::vector<KeyCode> keys;
        unsigned hold_ms = 0;
    };
    void go_down();
    void go_up();

    InputSink& keyboard_;
    std::deque<Chord> chords_; ///< the first is down
    TimerQueue& timers_;
    Timer timer_;
};

} // namespace dm
