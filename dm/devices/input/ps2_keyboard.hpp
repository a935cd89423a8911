// PS/2 keyboard with 101/102/104 keys (IBM PS/2 Hardware Interface Technical Reference, "Keyboard").
// Notes: docs/devices/ps2_keyboard.md
//
// Missing: the half second of the self-test; the shifts that keyboards make up around the grey cursor keys
// (every driver knows these keys by their E0 alone).
//
// Quirks: a viewer's own key repeats are ignored, the keyboard repeats at the rate that the guest set.
// Commands 00 and 05 are answered as QEMU does, which guests were written against.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/device.hpp"
#include "dm/core/log.hpp"
#include "dm/devices/input/ps2.hpp"
#include "dm/devices/input/scan_codes.hpp"

#include <functional>
#include <optional>

namespace dm {

class Ps2Keyboard final : public Device, public Ps2Device {
public:
    enum Command : u8 {
        SET_LEDS = 0xed,
        ECHO = 0xee,
        SET_SCAN_SET = 0xf0,
        READ_ID = 0xf2,
        SET_TYPEMATIC = 0xf3,
        ENABLE = 0xf4,
        DEFAULT_DISABLE = 0xf5,
        SET_DEFAULT = 0xf6,
        ALL_TYPEMATIC = 0xf7,
        ALL_MAKE_BREAK = 0xf8,
        ALL_MAKE_ONLY = 0xf9,
        ALL_TYPEMATIC_MAKE_BREAK = 0xfa,
        KEY_TYPEMATIC = 0xfb,
        KEY_MAKE_BREAK = 0xfc,
        KEY_MAKE_ONLY = 0xfd,
        RESEND = 0xfe,
        RESET = 0xff,
    };
    enum Reply : u8 { SELF_TEST_OK = 0xaa, ID_1 = 0xab, ID_2 = 0x83, ACK = 0xfa, ASK_AGAIN = 0xfe };
    enum Led : u8 { SCROLL_LOCK = 1, NUM_LOCK = 2, CAPS_LOCK = 4 };

    /// Events that wait for a slow guest.
    static constexpr std::size_t kEvents = 2048;
    /// Of them, for presses from those who do not ask whether there is room.
    static constexpr std::size_t kReserve = 128;

    struct State {
        Fifo<u8, 4> replies;
        ScanBytes sending;              ///< the event that is on its way
        Fifo<KeyEvent, kEvents> events; ///< those after it
        KeySet down{};                  ///< by KeyCode: keys whose make was queued, whose break is owed
        u8 last_sent = 0;               ///< for RESEND
        u8 parameter_of = 0;            ///< command that waits for its parameter; 0: none
        bool scanning = true;
        u8 scan_set = 2;
        u8 leds = 0;
        u8 typematic = 0x2b;            ///< 500 ms, then 10.9 a second
        Bits<KeyModifier> print_screen; ///< as it was made, so that its break fits
        KeyCode repeat_code = 0;
        std::optional<u64> repeat_at_ns; ///< machine time
        KeySet set3_typematic = set3_default_typematic();
        KeySet set3_breaks = set3_default_breaks();

        static constexpr void fields(auto&& v, auto& s) {
            v("replies", s.replies);
            v("sending", s.sending);
            v("events", s.events);
            v("down", s.down);
            v("last_sent", s.last_sent);
            v("parameter_of", s.parameter_of);
            v("scanning", s.scanning);
            v("scan_set", s.scan_set);
            v("leds", s.leds);
            v("typematic", s.typematic);
            v("print_screen", s.print_screen);
            v("repeat_code", s.repeat_code);
            v("repeat_at_ns", s.repeat_at_ns);
            v("set3_typematic", s.set3_typematic);
            v("set3_breaks", s.set3_breaks);
        }
    };

    /// `leds`: told the Led bits whenever they change; may be empty.
    Ps2Keyboard(std::string_view name, TimerQueue& timers, std::function<void(u8)> leds = {});

    void reset() override;
    void save(StateWriter& out) const override { out.section(name(), state_); }
    Status load(StateReader& in) override;

    Ps2Pending ps2_pending() const override;
    u8 ps2_take() override;
    void ps2_write(u8 byte) override;
    void ps2_attach(Ps2Host* host) override { host_ = host; }

    /// A key went down or up at the viewer; repeated downs are ignored.
    void key(KeyCode code, bool down);
    /// As InputSink::key_room. A keyboard that was told to be silent does not make anybody wait.
    bool key_room() const { return !state_.scanning || can_press(kReserve); }
    /// The viewer left: nothing is held down any more.
    void release_all();

private:
    void command(u8 byte);
    void parameter(u8 command, u8 byte);
    bool set_key_type(u8 command, u8 code);
    void set_all_key_types(bool typematic, bool breaks);
    void reply(u8 byte) { state_.replies.push(byte); }
    void set_defaults();
    void drop_events();

    bool can_press(std::size_t reserve) const;
    void press(KeyCode code);
    void release(KeyCode code);
    void queue(KeyCode code, bool down, bool repeat);
    bool is_down(KeyCode code) const { return test_key(state_.down, code); }
    Bits<KeyModifier> modifiers() const;
    bool repeats(KeyCode code) const;
    void repeat();

    ScanBytes encode(const KeyEvent& event) const;
    void sync();

    Log log_;
    TimerQueue& timers_;
    std::function<void(u8)> leds_;
    Ps2Host* host_ = nullptr;
    State state_;
    u8 leds_shown_ = 0;
    Timer repeat_timer_;
};
static_assert(covers_every_field<Ps2Keyboard::State>);
static_assert(covers_every_field<KeyEvent>);

} // namespace dm
