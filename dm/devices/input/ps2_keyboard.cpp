#include "dm/devices/input/ps2_keyboard.hpp"

#include <bit>

namespace dm {
namespace {

/// Keys that are down, which is the number of breaks that the queue still has to take.
std::size_t count(const KeySet& keys) {
    std::size_t n = 0;
    for (const u8 byte : keys)
        n += static_cast<std::size_t>(std::popcount(byte));
    return n;
}

/// Bits 6:5 of the typematic byte, in steps of 250 ms.
u64 typematic_delay_ns(u8 typematic) {
    return (u64{1} + (typematic >> 5 & 3U)) * 250 * kMillisecond;
}

/// (8 + bits 2:0) * 2^(bits 4:3) * 4.17 ms
u64 typematic_period_ns(u8 typematic) {
    return ((u64{8} + (typematic & 7U)) << (typematic >> 3 & 3U)) * 4170 * kMicrosecond;
}

bool has_parameter(u8 command) {
    switch (command) {
    case Ps2Keyboard::SET_LEDS:
    case Ps2Keyboard::SET_SCAN_SET:
    case Ps2Keyboard::SET_TYPEMATIC:
    case Ps2Keyboard::KEY_TYPEMATIC:
    case Ps2Keyboard::KEY_MAKE_BREAK:
    case Ps2Keyboard::KEY_MAKE_ONLY: return true;
    default: return false; // any byte a guest likes to send
    }
}

} // namespace

Ps2Keyboard::Ps2Keyboard(std::string_view name, TimerQueue& timers, std::function<void(u8)> leds)
    : Device(name), log_(name), timers_(timers), leds_(std::move(leds)),
      repeat_timer_(timers, [this] { repeat(); }) {}

void Ps2Keyboard::reset() {
    state_ = {};
    sync();
}

Status Ps2Keyboard::load(StateReader& in) {
    DM_TRY(load_section(in, name(), state_, [this](const State& s) -> Status {
        if (s.scan_set < 1 || s.scan_set > 3)
            return fail("saved state: {}: there is no scan code set {}", name(), s.scan_set);
        if (s.parameter_of != 0 && !has_parameter(s.parameter_of))
            return fail("saved state: {}: command {:#04x} has no parameter", name(), s.parameter_of);
        if (s.events.size() + count(s.down) > kEvents)
            return fail("saved state: {}: more keys are down than fit in the queue", name());
        if (s.sending.empty() && !s.events.empty())
            return fail("saved state: {}: the queue has stopped", name());
        return {};
    }));
    sync();
    return {};
}

/// Outputs from State: the repeat timer, the lights, and a byte on offer.
void Ps2Keyboard::sync() {
    repeat_timer_.arm(state_.repeat_at_ns);
    if (leds_shown_ != state_.leds) {
        leds_shown_ = state_.leds;
        if (leds_) leds_(leds_shown_);
    }
}

// ------------------------------------------------------------------------------------------------ the cable

Ps2Pending Ps2Keyboard::ps2_pending() const {
    if (!state_.replies.empty()) return Ps2Pending::Reply;
    return state_.sending.empty() ? Ps2Pending::Nothing : Ps2Pending::Event;
}

u8 Ps2Keyboard::ps2_take() {
    const bool from_replies = !state_.replies.empty();
    if (!from_replies && state_.sending.empty()) return 0;
    const u8 byte = from_replies ? state_.replies.pop() : state_.sending.pop();
    while (state_.sending.empty() && !state_.events.empty()) // an event may have no code in the scan set
        state_.sending = encode(state_.events.pop());
    state_.last_sent = byte;
    return byte;
}

void Ps2Keyboard::ps2_write(u8 byte) {
    state_.replies.clear(); // a keyboard that is spoken to stops speaking
    // A command instead of a parameter ends the command before it.
    const u8 waiting = state_.parameter_of;
    state_.parameter_of = 0;
    const bool is_parameter = waiting != 0 && byte < SET_LEDS;
    if (is_parameter)
        parameter(waiting, byte);
    else
        command(byte);
    sync();
    if (host_ != nullptr && ps2_pending() != Ps2Pending::Nothing) host_->ps2_ready();
}

void Ps2Keyboard::command(u8 byte) {
    switch (byte) {
    case 0x00: reply(ACK); return;
    case ECHO: reply(ECHO); return;
    case RESEND: reply(state_.last_sent); return;
    case SET_LEDS:
    case SET_SCAN_SET:
    case SET_TYPEMATIC: break;
    case READ_ID:
        reply(ACK);
        reply(ID_1);
        reply(ID_2);
        return;
    case ENABLE:
        drop_events();
        state_.scanning = true;
        break;
    case DEFAULT_DISABLE:
        set_defaults();
        state_.scanning = false;
        break;
    case SET_DEFAULT:
        set_defaults();
        state_.scanning = true;
        break;
    case ALL_TYPEMATIC: set_all_key_types(true, false); break;
    case ALL_MAKE_BREAK: set_all_key_types(false, true); break;
    case ALL_MAKE_ONLY: set_all_key_types(false, false); break;
    case ALL_TYPEMATIC_MAKE_BREAK: set_all_key_types(true, true); break;
    case KEY_TYPEMATIC:
    case KEY_MAKE_BREAK:
    case KEY_MAKE_ONLY: drop_events(); break;
    case RESET:
        set_defaults();
        state_.scanning = true;
        reply(ACK);
        reply(SELF_TEST_OK);
        return;
    default:
        log_.guest("command {:#04x}, which no keyboard knows", byte);
        reply(ASK_AGAIN);
        return;
    }
    reply(ACK);
    if (has_parameter(byte)) state_.parameter_of = byte;
}

void Ps2Keyboard::parameter(u8 command, u8 byte) {
    bool ok = true;
    switch (command) {
    case SET_LEDS: state_.leds = byte & (SCROLL_LOCK | NUM_LOCK | CAPS_LOCK); break;
    case SET_TYPEMATIC: state_.typematic = byte & 0x7f; break;
    case SET_SCAN_SET:
        if (byte == 0) {
            reply(ACK);
            reply(state_.scan_set);
            return;
        }
        ok = byte <= 3;
        if (ok) {
            drop_events();
            state_.scan_set = byte;
        }
        break;
    default: ok = set_key_type(command, byte); break;
    }
    reply(ok ? ACK : ASK_AGAIN);
    if (!ok) state_.parameter_of = command;
}

/// Any number of codes of set 3 may follow, until the next command.
bool Ps2Keyboard::set_key_type(u8 command, u8 code) {
    state_.parameter_of = command;
    set_key(state_.set3_typematic, code, command == KEY_TYPEMATIC);
    set_key(state_.set3_breaks, code, command == KEY_MAKE_BREAK);
    return true;
}

void Ps2Keyboard::set_all_key_types(bool typematic, bool breaks) {
    drop_events();
    state_.set3_typematic.fill(typematic ? 0xff : 0);
    state_.set3_breaks.fill(breaks ? 0xff : 0);
}

void Ps2Keyboard::set_defaults() {
    static constexpr State fresh;
    drop_events();
    state_.scan_set = fresh.scan_set;
    state_.leds = fresh.leds;
    state_.typematic = fresh.typematic;
    state_.set3_typematic = fresh.set3_typematic;
    state_.set3_breaks = fresh.set3_breaks;
}

/// Keys that are held stay held: their breaks will follow.
void Ps2Keyboard::drop_events() {
    state_.events.clear();
    state_.sending.clear();
    state_.repeat_code = 0;
    state_.repeat_at_ns.reset();
}

// -------------------------------------------------------------------------------------------------- the keys

void Ps2Keyboard::key(KeyCode code, bool down) {
    if (!is_key(code) || is_down(code) == down) return;
    if (down)
        press(code);
    else
        release(code);
    sync();
    if (host_ != nullptr && ps2_pending() != Ps2Pending::Nothing) host_->ps2_ready();
}

void Ps2Keyboard::release_all() {
    for (unsigned code = 0; code < 256; ++code)
        key(static_cast<KeyCode>(code), false);
}

/// A make is taken only when its break, and those of all keys that are down, will still find room: a guest
/// that was away for long misses keys, but no key stays down in it.
bool Ps2Keyboard::can_press(std::size_t reserve) const {
    return state_.events.size() + 1 + count(state_.down) + 1 + reserve <= kEvents;
}

void Ps2Keyboard::press(KeyCode code) {
    if (!state_.scanning || !can_press(0)) return;
    set_key(state_.down, code, true);
    queue(code, true, false);
    state_.repeat_code = 0;
    state_.repeat_at_ns.reset();
    if (!repeats(code)) return;
    state_.repeat_code = code;
    state_.repeat_at_ns = timers_.now_ns() + typematic_delay_ns(state_.typematic);
}

void Ps2Keyboard::release(KeyCode code) {
    set_key(state_.down, code, false);
    if (state_.repeat_code == code) {
        state_.repeat_code = 0;
        state_.repeat_at_ns.reset();
    }
    if (state_.scanning) queue(code, false, false);
}

Bits<KeyModifier> Ps2Keyboard::modifiers() const {
    Bits<KeyModifier> bits;
    bits.set(KeyModifier::Ctrl, is_down(kKeyLeftCtrl) || is_down(kKeyRightCtrl));
    bits.set(KeyModifier::Shift, is_down(kKeyLeftShift) || is_down(kKeyRightShift));
    bits.set(KeyModifier::Alt, is_down(kKeyLeftAlt) || is_down(kKeyRightAlt));
    return bits;
}

void Ps2Keyboard::queue(KeyCode code, bool down, bool repeat) {
    KeyEvent event{.code = code, .down = down, .repeat = repeat, .modifiers = modifiers()};
    if (code == kKeyPrintScreen) {
        if (down && !repeat)
            state_.print_screen = event.modifiers;
        else
            event.modifiers = state_.print_screen;
    }
    state_.events.push(event);
    while (state_.sending.empty() && !state_.events.empty())
        state_.sending = encode(state_.events.pop());
}

bool Ps2Keyboard::repeats(KeyCode code) const {
    if (code == kKeyPause) return false;
    return state_.scan_set != 3 || test_key(state_.set3_typematic, set3_code(code));
}

void Ps2Keyboard::repeat() {
    state_.repeat_at_ns = timers_.now_ns() + typematic_period_ns(state_.typematic);
    // Repeats do not pile up behind a guest that has not seen the last one.
    const bool idle = state_.sending.empty() && state_.events.empty();
    if (idle) queue(state_.repeat_code, true, true);
    sync();
    if (idle && host_ != nullptr) host_->ps2_ready();
}

ScanBytes Ps2Keyboard::encode(const KeyEvent& event) const {
    if (state_.scan_set == 1) return set1_bytes(event);
    if (state_.scan_set == 2) return set2_bytes(event);
    ScanBytes bytes;
    const u8 code = set3_code(event.code);
    if (code == 0 || (!event.down && !test_key(state_.set3_breaks, code))) return bytes;
    if (!event.down) bytes.push(0xf0);
    bytes.push(code);
    return bytes;
}

} // namespace dm
