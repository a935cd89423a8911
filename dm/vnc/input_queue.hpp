// Key and pointer events of one viewer on their way to the device thread: bounded, whatever it sends. Nothing
// is lost because it comes quickly: what the devices have no room for waits here, and while there is none
// here either the viewer's own reading thread does, so that TCP holds that viewer and nobody else.
//
// A guest that takes no keys at all does not hold it for ever. From some time on (`late`) nobody waits: keys
// that find no place are lost, and the pointer goes past those that wait.
#pragma once

#include "dm/core/fifo.hpp"
#include "dm/core/input.hpp"

#include <bitset>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace dm::vnc {

class InputQueue {
public:
    static constexpr std::size_t kCapacity = 4096;

    // The viewer's threads.

    /// Waits so long until an event finds a place. True: it does, or waiting for that is over.
    bool wait_for_place(unsigned ms);
    // True: the device thread has to be told.
    bool push_key(KeyCode code, bool down);
    bool push_pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons);
    bool push_motion(s32 dx, s32 dy, u8 buttons);
    /// Nothing more will come.
    void close();

    // The device thread.

    enum class Until : u8 {
        Room,   ///< keys wait until there is room for them
        Nobody, ///< so do they, but nobody waits for them: `late`
        Never,  ///< everything goes, also where there is no room
    };
    /// Hands over what there is room for. False when that was nothing.
    bool drain(InputSink& sink, Until until = Until::Room);
    enum class Left : u8 {
        Something, ///< waits
        Nothing,
        Closed, ///< nothing, and nothing will come
    };
    Left left();

private:
    enum class Kind : u8 { Key, Place, Motion };
    struct Event {
        Kind kind = Kind::Key;
        bool down = false;
        u8 code_or_buttons = 0;
        u16 width = 0; ///< of the screen with the place
        u16 height = 0;
        s32 x = 0; ///< the place, or how far the pointer moved
        s32 y = 0;
    };

    bool empty() const { return items_.empty() && !owed_pointer_ && owed_releases_.none(); }
    bool tell();
    Event* last_of(Kind kind, u8 buttons);
    void add_pointer(const Event& event);
    void only_keys_wait();
    static void hand_over(const Event& event, InputSink& sink);

    std::mutex mutex_;
    std::condition_variable place_;
    Fifo<Event, kCapacity> items_;
    /// The latest that did not fit: its buttons may be up.
    std::optional<Event> owed_pointer_;
    /// Keys whose release did not fit: a key must not stay down because of us. What is owed comes after
    /// `items_`.
    std::bitset<256> owed_releases_;
    bool told_ = false; ///< the device thread is about to come
    bool late_ = false;
    bool closed_ = false;
};

} // namespace dm::vnc
