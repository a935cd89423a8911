// Key and pointer events on their way from the viewers' threads to the device thread: bounded, whatever
// viewers send.
#pragma once

#include "dm/core/input.hpp"

#include <array>
#include <bitset>
#include <mutex>

namespace dm::vnc {

class InputQueue {
public:
    static constexpr std::size_t kCapacity = 256;

    // Producers. True: the queue was empty, the device thread has to be told.
    bool push_key(KeyCode code, bool down);
    bool push_pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons);

    /// Device thread: hands everything over. False when there was nothing.
    bool drain(InputSink& sink);

private:
    struct Event {
        bool is_key = false;
        bool down = false;
        u8 code_or_buttons = 0;
        unsigned x = 0;
        unsigned y = 0;
        unsigned width = 0;
        unsigned height = 0;
    };
    struct Events {
        std::array<Event, kCapacity> items{};
        std::size_t count = 0;
        /// Keys whose release did not fit: a key must not stay down because of us.
        std::bitset<256> owed_releases;
        bool empty() const { return count == 0 && owed_releases.none(); }
    };

    std::mutex mutex_;
    Events waiting_;
};

} // namespace dm::vnc
