// Key and pointer events on their way from the viewers' threads to the device thread: bounded, whatever
// viewers send.
#pragma once

#include "dm/core/input.hpp"

#include <bitset>
#include <mutex>
#include <optional>
#include <vector>

namespace dm::vnc {

class InputQueue {
public:
    static constexpr std::size_t kCapacity = 2048; ///< a second of a thousand keys

    // Producers. True: the queue was empty, the device thread has to be told.
    bool push_key(KeyCode code, bool down);
    bool push_pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons);
    bool push_motion(s32 dx, s32 dy, u8 buttons);

    /// Device thread: hands everything over. False when there was nothing.
    bool drain(InputSink& sink);

private:
    enum class Kind : u8 { Key, Place, Motion };
    struct Event {
        Kind kind = Kind::Key;
        bool down = false;
        u8 code_or_buttons = 0;
        unsigned x = 0;
        unsigned y = 0;
        unsigned width = 0;
        unsigned height = 0;
        s32 dx = 0;
        s32 dy = 0;
    };
    struct Events {
        std::vector<Event> items; ///< at most kCapacity
        /// The latest that did not fit: its buttons may be up.
        std::optional<Event> owed_pointer;
        /// Keys whose release did not fit: a key must not stay down because of us.
        std::bitset<256> owed_releases;
        bool empty() const { return items.empty() && !owed_pointer && owed_releases.none(); }
    };

    Event* last_of(Kind kind, u8 buttons);
    void add(const Event& event);
    static void hand_over(const Event& event, InputSink& sink);

    std::mutex mutex_;
    Events waiting_;
    Events taken_; ///< by the device thread alone; empty between its drain()s
};

} // namespace dm::vnc
