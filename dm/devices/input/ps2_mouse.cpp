#include "dm/devices/input/ps2_mouse.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr u8 kLeft = 1;
constexpr u8 kRight = 2;
constexpr u8 kMiddle = 4;
constexpr u8 kSide = 8;
constexpr u8 kExtra = 16;
constexpr u8 kAlwaysOne = 0x08; // byte 0 of a report
constexpr u8 kXNegative = 0x10;
constexpr u8 kYNegative = 0x20;

/// Takes as much of `counter` as one report can carry.
s32 take_counts(s32& counter, s32 most) {
    const s32 taken = std::clamp(counter, -most, most);
    counter -= taken;
    return taken;
}

/// Scaling 2:1 as the reference tables it: small movements stay precise, larger ones are doubled.
s32 scaled(s32 counts) {
    constexpr std::array<s32, 6> kSmall{0, 1, 1, 3, 6, 9};
    const s32 magnitude = std::abs(counts);
    const s32 out = magnitude < 6 ? kSmall[static_cast<std::size_t>(magnitude)] : 2 * magnitude;
    return counts < 0 ? -out : out;
}

bool has_parameter(u8 command) {
    return command == Ps2Mouse::SET_RESOLUTION || command == Ps2Mouse::SET_RATE;
}

bool possible(const Ps2Mouse::Motion& m) {
    const auto near = [](s32 v) { return v >= -Ps2Mouse::kFarthest && v <= Ps2Mouse::kFarthest; };
    return near(m.dx) && near(m.dy) && near(m.dz);
}

} // namespace

Status Ps2Mouse::load(StateReader& in) {
    return load_section(in, name(), state_, [this](const State& s) -> Status {
        if (s.id != kPlain && s.id != kIntelliMouse && s.id != kExplorer)
            return fail("saved state: {}: there is no mouse with id {}", name(), s.id);
        if (s.parameter_of != 0 && !has_parameter(s.parameter_of))
            return fail("saved state: {}: command {:#04x} has no parameter", name(), s.parameter_of);
        for (std::size_t i = 0; i < s.motions.size(); ++i)
            if (!possible(s.motions.at(i))) return fail("saved state: {}: impossible movement", name());
        const u32 most = static_cast<u32>(kFarthest);
        if (s.x > most || s.y > most || s.width > most || s.height > most)
            return fail("saved state: {}: impossible screen", name());
        return {};
    });
}

// ------------------------------------------------------------------------------------------------ the cable

Ps2Pending Ps2Mouse::ps2_pending() const {
    if (!state_.replies.empty()) return Ps2Pending::Reply;
    return state_.packet.empty() ? Ps2Pending::Nothing : Ps2Pending::Event;
}

u8 Ps2Mouse::ps2_take() {
    if (ps2_pending() == Ps2Pending::Nothing) return 0;
    state_.last_sent = state_.replies.empty() ? state_.packet.pop() : state_.replies.pop();
    const u8 byte = state_.last_sent;
    refill();
    return byte;
}

void Ps2Mouse::ps2_write(u8 byte) {
    state_.replies.clear(); // a mouse that is spoken to stops speaking
    if (!state_.packet.empty()) {
        // The rest of a report would be taken for the beginning of the next one. What it said about the
        // buttons must not get lost.
        state_.packet.clear();
        if (state_.motions.empty()) state_.motions.push({.buttons = state_.buttons});
    }
    const u8 waiting = state_.parameter_of;
    state_.parameter_of = 0;
    if (state_.wrap && byte != RESET && byte != RESET_WRAP)
        reply(byte);
    else if (waiting != 0)
        parameter(waiting, byte);
    else
        command(byte);
    refill();
    offer();
}

void Ps2Mouse::command(u8 byte) {
    switch (byte) {
    case SET_SCALING_1_1: state_.mode.clear(Mode::Scaling21); break;
    case SET_SCALING_2_1: state_.mode.set(Mode::Scaling21); break;
    case SET_RESOLUTION:
    case SET_RATE: state_.parameter_of = byte; break;
    case STATUS_REQUEST: return reply_status();
    case SET_STREAM: state_.mode.clear(Mode::Remote); break;
    case SET_REMOTE: state_.mode.set(Mode::Remote); break;
    case READ_DATA: {
        reply(ACK);
        Fifo<u8, 4> packet = next_packet();
        while (!packet.empty())
            reply(packet.pop());
        return;
    }
    case RESET_WRAP: state_.wrap = false; break;
    case SET_WRAP: state_.wrap = true; break;
    case READ_ID:
        reply(ACK);
        reply(state_.id);
        return;
    case ENABLE: state_.mode.set(Mode::Reporting); break;
    case DISABLE: state_.mode.clear(Mode::Reporting); break;
    case SET_DEFAULT: set_defaults(); break;
    case RESEND: reply(state_.last_sent); return;
    case RESET:
        set_defaults();
        state_.id = kPlain;
        state_.rates_before = {};
        reply(ACK);
        reply(SELF_TEST_OK);
        reply(state_.id);
        return;
    default:
        log_.guest("command {:#04x}, which no mouse knows", byte);
        reply(ASK_AGAIN);
        return;
    }
    reply(ACK);
}

void Ps2Mouse::parameter(u8 command, u8 byte) {
    if (command == SET_RATE) return set_rate(byte);
    const bool ok = byte <= 3;
    if (ok)
        state_.resolution = byte;
    else
        state_.parameter_of = command;
    reply(ok ? ACK : ASK_AGAIN);
}

void Ps2Mouse::set_rate(u8 rate) {
    const auto [first, second] = state_.rates_before;
    if (rate == 80 && first == 200 && second == 100) state_.id = kIntelliMouse;
    if (rate == 80 && first == 200 && second == 200) state_.id = kExplorer;
    state_.rates_before = {second, rate};
    state_.rate = rate;
    reply(ACK);
}

void Ps2Mouse::reply_status() {
    const u8 b = state_.buttons;
    const unsigned buttons =
        ((b & kLeft) != 0 ? 4U : 0U) | ((b & kMiddle) != 0 ? 2U : 0U) | ((b & kRight) != 0 ? 1U : 0U);
    reply(ACK);
    reply(static_cast<u8>(state_.mode.raw() | buttons));
    reply(state_.resolution);
    reply(state_.rate);
}

void Ps2Mouse::set_defaults() {
    state_.mode = {};
    state_.wrap = false;
    state_.resolution = 2;
    state_.rate = 100;
    state_.motions.clear();
}

// ---------------------------------------------------------------------------------------------- the movement

void Ps2Mouse::pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    const PointerMotion moved = motion_to(state_, x, y, width, height);
    Motion motion{.dx = moved.dx, .dy = -moved.dy, .buttons = numbered_buttons(buttons)};
    turn_wheel(motion, buttons);
    record(motion);
}

void Ps2Mouse::motion(s32 dx, s32 dy, u8 buttons) {
    Motion motion{.dx = limited_motion(dx), .dy = -limited_motion(dy), .buttons = numbered_buttons(buttons)};
    turn_wheel(motion, buttons);
    record(motion);
}

void Ps2Mouse::turn_wheel(Motion& motion, u8 buttons) {
    motion.dz = -wheel_notches(state_.wheel, buttons);
    state_.wheel = buttons & kWheelButtons;
}

void Ps2Mouse::release_all() {
    state_.wheel = 0;
    record({});
}

/// Movements add up while the guest is away; each change of the buttons stays an event of its own as long as
/// there is room, and the last state of the buttons always gets through.
void Ps2Mouse::record(const Motion& motion) {
    const bool new_buttons = motion.buttons != state_.buttons;
    state_.buttons = motion.buttons;
    if (!state_.mode.has(Mode::Reporting) && !state_.mode.has(Mode::Remote)) return;
    const Motion seen{motion.dx, motion.dy, state_.id == kPlain ? 0 : motion.dz, motion.buttons};
    if (!new_buttons && seen.dx == 0 && seen.dy == 0 && seen.dz == 0) return;
    auto& motions = state_.motions;
    const bool append = motions.empty() || (motions.back().buttons != seen.buttons && !motions.full());
    if (append) {
        motions.push(seen);
    } else {
        Motion& last = motions.back();
        last.dx = limited_motion(last.dx + seen.dx);
        last.dy = limited_motion(last.dy + seen.dy);
        last.dz = limited_motion(last.dz + seen.dz);
        last.buttons = seen.buttons;
    }
    refill();
    offer();
}

bool Ps2Mouse::streams() const {
    return state_.mode.has(Mode::Reporting) && !state_.mode.has(Mode::Remote) && !state_.wrap;
}

/// One report: as much of the oldest motion as fits. Counts are kept within a signed byte, because some
/// drivers do not look at the sign bits.
Fifo<u8, 4> Ps2Mouse::next_packet() {
    const bool scaling = streams() && state_.mode.has(Mode::Scaling21);
    const s32 most = scaling ? 63 : 127;
    Motion m = state_.motions.empty() ? Motion{.buttons = state_.buttons} : state_.motions.pop();
    s32 dx = take_counts(m.dx, most);
    s32 dy = take_counts(m.dy, most);
    const s32 dz = take_counts(m.dz, state_.id == kExplorer ? 7 : 127);
    if (state_.id == kPlain) m.dz = 0; // the id changed while notches were waiting
    if (m.dx != 0 || m.dy != 0 || m.dz != 0) state_.motions.push_front(m);
    if (scaling) {
        dx = scaled(dx);
        dy = scaled(dy);
    }
    Fifo<u8, 4> packet;
    packet.push(static_cast<u8>(kAlwaysOne | (m.buttons & (kLeft | kRight | kMiddle)) |
                                (dx < 0 ? kXNegative : 0) | (dy < 0 ? kYNegative : 0)));
    packet.push(static_cast<u8>(dx));
    packet.push(static_cast<u8>(dy));
    if (state_.id == kIntelliMouse) packet.push(static_cast<u8>(dz));
    if (state_.id == kExplorer)
        packet.push(static_cast<u8>((dz & 0x0f) | (m.buttons & (kSide | kExtra)) << 1));
    return packet;
}

void Ps2Mouse::refill() {
    if (state_.packet.empty() && streams() && !state_.motions.empty()) state_.packet = next_packet();
}

void Ps2Mouse::offer() {
    if (host_ != nullptr && ps2_pending() != Ps2Pending::Nothing) host_->ps2_ready();
}

} // namespace dm
