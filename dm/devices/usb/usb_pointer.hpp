// USB tablet and mouse (HID 1.11, appendices B.2 and E.10). The tablet takes places, so the guest's pointer
// is where the viewer points; the mouse takes movements.  Notes: docs/devices/usb_hid.md
#pragma once

#include "dm/core/fifo.hpp"
#include "dm/core/pointer.hpp"
#include "dm/devices/usb/usb_hid.hpp"

namespace dm {

class UsbTablet final : public UsbHid {
public:
    static constexpr u16 kMost = 0x7fff; ///< right and bottom border
    static constexpr std::size_t kReports = 16;

    struct Report {
        u16 x = 0;
        u16 y = 0;
        s8 wheel = 0;
        u8 buttons = 0;    ///< left 1, right 2, middle 4
        bool kept = false; ///< something was pressed, let go or turned at this very place
        static constexpr void fields(auto&& v, auto& s) {
            v("x", s.x);
            v("y", s.y);
            v("wheel", s.wheel);
            v("buttons", s.buttons);
            v("kept", s.kept);
        }
        bool operator==(const Report&) const = default;
    };
    struct State {
        Fifo<Report, kReports> waiting;
        Report now;        ///< without wheel
        u8 wheel_held = 0; ///< PointerButton bits of the wheel that were down
        static constexpr void fields(auto&& v, auto& s) {
            v("waiting", s.waiting);
            v("now", s.now);
            v("wheel_held", s.wheel_held);
        }
    };

    UsbTablet(std::string_view name, std::string serial, TimerQueue& timers);

    Kind kind() const override { return Kind::Pointer; }
    void key(KeyCode, bool) override {}
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) override;
    /// A tablet cannot be moved, only its buttons are.
    void motion(s32 dx, s32 dy, u8 buttons) override;
    void release_all() override;
    InputStatus status() const override { return {.leds = 0, .absolute = true}; }

    void save(StateWriter& out) const override;
    Status prepare(StateReader& in) override;
    void commit() override;

private:
    std::size_t report(std::span<u8> out) const override;
    std::size_t next_report(std::span<u8> out) override;
    bool reports_wait() const override { return !s_.waiting.empty(); }
    void forget() override { s_ = {}; }
    void drop_reports() override;
    void record(Report next, u8 pointer_buttons);

    State s_;
    State loaded_;
};
static_assert(covers_every_field<UsbTablet::State> && covers_every_field<UsbTablet::Report>);

class UsbMouse final : public UsbHid {
public:
    static constexpr std::size_t kMotions = 16;
    static constexpr s32 kFarthest = kFarthestMotion;

    struct Motion {
        s32 dx = 0;
        s32 dy = 0;
        s32 wheel = 0;
        u8 buttons = 0;    ///< left 1, right 2, middle 4, side 8, extra 16
        bool kept = false; ///< as UsbTablet::Report::kept
        static constexpr void fields(auto&& v, auto& s) {
            v("dx", s.dx);
            v("dy", s.dy);
            v("wheel", s.wheel);
            v("buttons", s.buttons);
            v("kept", s.kept);
        }
    };
    struct State {
        Fifo<Motion, kMotions> waiting;
        u8 buttons = 0; ///< as Motion::buttons
        u8 wheel_held = 0;
        bool placed = false; ///< what follows is known
        u32 x = 0;
        u32 y = 0;
        u32 width = 0;
        u32 height = 0;
        static constexpr void fields(auto&& v, auto& s) {
            v("waiting", s.waiting);
            v("buttons", s.buttons);
            v("wheel_held", s.wheel_held);
            v("placed", s.placed);
            v("x", s.x);
            v("y", s.y);
            v("width", s.width);
            v("height", s.height);
        }
    };

    UsbMouse(std::string_view name, std::string serial, TimerQueue& timers);

    Kind kind() const override { return Kind::Pointer; }
    Rank rank() const override { return Rank::Relative; }
    void key(KeyCode, bool) override {}
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) override;
    void motion(s32 dx, s32 dy, u8 buttons) override;
    void release_all() override;
    void forget_place() override { s_.placed = false; }

    void save(StateWriter& out) const override;
    Status prepare(StateReader& in) override;
    void commit() override;

private:
    std::size_t report(std::span<u8> out) const override;
    std::size_t next_report(std::span<u8> out) override;
    bool reports_wait() const override { return !s_.waiting.empty(); }
    void forget() override { s_ = {}; }
    void drop_reports() override;
    std::size_t put(const Motion& motion, std::span<u8> out) const;
    void record(Motion motion, u8 pointer_buttons);

    State s_;
    State loaded_;
};
static_assert(covers_every_field<UsbMouse::State> && covers_every_field<UsbMouse::Motion>);

} // namespace dm
