// A viewer's pointer on its way to a guest's PV driver: places or movements, the wheel and buttons become
// events in the driver's ring. While that is full, of several places only the last counts and movements add
// up, but a click stays where it was, and the last state of the buttons always gets through.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/fifo.hpp"
#include "dm/core/pointer.hpp"
#include "dm/xen/pv/kbd_ring.hpp"

#include <functional>
#include <string>

namespace dm::xen {

class PointerQueue {
public:
    static constexpr std::size_t kReports = 32; ///< that wait beside those in the ring
    static constexpr unsigned kButtons = 5;     ///< BTN_LEFT and those after it

    struct Wiring {
        std::function<void()> notify{}; ///< there is something in the ring
        /// The ring cannot be right; it is detached already.
        std::function<void(const std::string& why)> broken{};
    };
    /// What the driver understands.
    struct Mode {
        bool absolute = false;
        u32 width = 0; ///< the largest coordinates
        u32 height = 0;
    };

    PointerQueue(TimerQueue& timers, Wiring wiring);

    /// The page is there; nothing is written before start().
    void attach(KbdRing ring) { ring_ = ring; }
    bool attached() const { return ring_.has_value(); }
    /// The driver listens. Lets all buttons go: it may remember one from before a restore.
    void start(Mode mode);
    /// The driver does not listen any more. The page is not touched until the next start().
    void stop();
    void detach();
    /// The driver may have made room. True: it put something into its own ring, where nothing is defined.
    bool kick();
    /// Nothing is written between these two.
    void pause() { paused_ = true; }
    void resume();

    // As InputTarget; nothing before start().
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons);
    void motion(s32 dx, s32 dy, u8 buttons);
    void release_all();
    void forget_place() { place_ = {}; }

private:
    struct Report {
        s32 x = 0; ///< a place, kNowhere if it is not known; or a movement
        s32 y = 0;
        s32 wheel = 0;     ///< notches, towards the user
        u8 buttons = 0;    ///< numbered_buttons()
        bool kept = false; ///< something was pressed, let go or turned at this very place
    };
    struct Place {
        bool placed = false;
        u32 x = 0;
        u32 y = 0;
        u32 width = 0;
        u32 height = 0;
    };
    static constexpr s32 kNowhere = -1;

    void record(Report next, u8 pointer_buttons);
    void flush();
    bool moves() const;
    u8 changed_buttons() const { return static_cast<u8>(current_.buttons ^ sent_.buttons); }
    bool next_event();
    void retry_later(bool waits, bool went_on);

    Wiring wiring_;
    std::optional<KbdRing> ring_;
    std::optional<Mode> mode_; ///< nothing: the driver does not listen
    bool paused_ = false;

    Fifo<Report, kReports> waiting_;
    Report current_; ///< is being sent
    Report sent_;    ///< what the driver knows: place and buttons
    Report now_;     ///< what was recorded last
    Place place_;    ///< of the viewer's pointer, to tell movements
    u8 wheel_held_ = 0;
    TimerQueue& timers_;
    u64 delay_ns_;
    Timer retry_;
};

} // namespace dm::xen
