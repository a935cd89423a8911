// A guest that has no room for frames: they are better off in the back end's queue than lost, for it is a
// matter of microseconds until the guest's driver has been at its ring. The card looks again when the driver
// writes a register, and by itself, each time after twice the time; then nobody is there, and frames are
// counted as missed until one finds room.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/fields.hpp"

#include <optional>

namespace dm {

class RoomWait {
public:
    static constexpr u64 kFirstLook = kMillisecond;
    static constexpr u8 kLooks = 7;

    struct State {
        std::optional<u64> look_at; ///< frames wait in the back end until then
        u8 looks = 0;
        bool dropping = false; ///< the guest was given up; frames are counted and lost

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("look_at", s.look_at);
            v("looks", s.looks);
            v("dropping", s.dropping);
        }
    };

    /// After each frame that was taken; `room`: for the next one. `now` is asked only if it matters.
    static void taken(State& s, bool room, auto&& now) {
        if (room) {
            s.dropping = false;
        } else if (!s.dropping) {
            s.look_at = now() + kFirstLook;
            s.looks = 1;
        }
    }
    /// A look that was due was in vain. False: it was the last one; the wait is to end.
    static bool look_again(State& s, u64 now) {
        s.dropping = s.looks >= kLooks;
        if (s.dropping) return false;
        s.look_at = now + (kFirstLook << s.looks);
        ++s.looks;
        return true;
    }
    /// What comes is taken, or lost if the guest was given up.
    static void end(State& s) {
        s.look_at.reset();
        s.looks = 0;
    }

    static bool valid(const State& s) { return s.looks <= kLooks; }
};
static_assert(covers_every_field<RoomWait::State>);

} // namespace dm
