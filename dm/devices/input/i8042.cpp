#include "dm/devices/input/i8042.hpp"

#include "dm/devices/input/scan_codes.hpp"

namespace dm {
namespace {

constexpr u64 kKeyboardDistanceNs = 250 * kMicrosecond;
constexpr u64 kChainedDistanceNs = kMillisecond;
constexpr u8 kBreakPrefix = 0xf0; // scan code set 2
constexpr u8 kBreakBit = 0x80;    // scan code set 1
constexpr u8 kSelfTestPassed = 0x55;
constexpr u8 kPortTestPassed = 0x00;
constexpr u8 kNoPassword = 0xf1;
constexpr u8 kInputPort = 0x80; // the keyboard is not locked

bool takes_parameter(u8 command) {
    if (command >= I8042::WRITE_RAM && command < I8042::WRITE_RAM + 0x20) return true;
    return command >= I8042::WRITE_OUTPUT_PORT && command <= I8042::WRITE_AUX;
}

} // namespace

I8042::I8042(std::string_view name, TimerQueue& timers, Wiring wiring)
    : Device(name), log_(name), timers_(timers), wires_(std::move(wiring)),
      keyboard_timer_(timers, [this] { update(); }) {
    wires_.keyboard.ps2_attach(this);
    wires_.aux.ps2_attach(this);
}

I8042::~I8042() {
    wires_.keyboard.ps2_attach(nullptr);
    wires_.aux.ps2_attach(nullptr);
}

void I8042::reset() {
    state_ = {};
    derive_outputs();
}

Status I8042::load(StateReader& in) {
    DM_TRY(load_section(in, name(), state_, [this](const State& s) -> Status {
        if (s.parameter_of != 0 && !takes_parameter(s.parameter_of))
            return fail("saved state: {}: command {:#04x} has no parameter", name(), s.parameter_of);
        return {};
    }));
    derive_outputs();
    return {};
}

u64 I8042::read(u64 offset, unsigned) {
    if (offset == DATA) return read_data();
    return state_.status.raw();
}

void I8042::write(u64 offset, unsigned, u64 value) {
    const auto byte = static_cast<u8>(value);
    const bool is_command = offset != DATA;
    state_.status.set(Stat::CMD, is_command);
    if (is_command)
        write_command(byte);
    else
        write_data(byte);
}

u8 I8042::read_data() {
    const u8 byte = state_.data;
    if (state_.status.has(Stat::OBF)) {
        if (!state_.status.has(Stat::AUX))
            state_.keyboard_after_ns =
                timers_.now_ns() + (state_.chained ? kChainedDistanceNs : kKeyboardDistanceNs);
        state_.status.clear(Stat::OBF);
        state_.status.clear(Stat::AUX);
        derive_outputs(); // the line falls before it rises again: the interrupt controller wants an edge
        update();
    } else {
        looked_at_again();
        derive_outputs();
    }
    return byte;
}

/// By a handler that comes after the one that has read the byte: the next byte leaves them more time, too.
void I8042::looked_at_again() {
    if (state_.chained || !state_.keyboard_after_ns) return;
    state_.chained = true;
    *state_.keyboard_after_ns += kChainedDistanceNs - kKeyboardDistanceNs;
}

/// DATA takes the parameter of a command, or a byte for the keyboard. Speaking to a device switches it on.
void I8042::write_data(u8 byte) {
    const u8 command = state_.parameter_of;
    state_.parameter_of = 0;
    if (command == WRITE_OUTPUT_PORT) return write_output_port(byte);
    if (command == WRITE_RAM) {
        state_.mode = Bits<Mode>{byte};
        state_.chained = false;
    } else if (command > WRITE_RAM && command < WRITE_RAM + 0x20) {
        state_.ram[command - WRITE_RAM] = byte;
    } else if (command == WRITE_KBD_BUFFER || command == WRITE_AUX_BUFFER) {
        answer(byte, command == WRITE_AUX_BUFFER);
    } else if (command == WRITE_AUX) {
        state_.mode.clear(Mode::AUX_DISABLE);
        wires_.aux.ps2_write(byte);
    } else {
        state_.mode.clear(Mode::KBD_DISABLE);
        wires_.keyboard.ps2_write(byte);
    }
    update();
}

void I8042::write_command(u8 byte) {
    state_.parameter_of = takes_parameter(byte) ? byte : 0;
    if (!takes_parameter(byte) && !run_command(byte)) log_.unimplemented("command {:#04x}", byte);
    update();
    // Last, because it may reset this very device.
    if (byte >= PULSE && !Bits<Out>{byte}.has(Out::RESET) && wires_.reset_machine) wires_.reset_machine();
}

bool I8042::run_command(u8 byte) {
    if (byte >= PULSE) return true;
    if (byte == READ_RAM) return answer(state_.mode.raw()), true;
    if (byte > READ_RAM && byte < READ_RAM + 0x20) return answer(state_.ram[byte - READ_RAM]), true;
    switch (byte) {
    case TEST_PASSWORD: answer(kNoPassword); return true;
    case AUX_OFF: state_.mode.set(Mode::AUX_DISABLE); return true;
    case AUX_ON: state_.mode.clear(Mode::AUX_DISABLE); return true;
    case TEST_AUX:
    case TEST_KBD: answer(kPortTestPassed); return true;
    case SELF_TEST:
        state_.status.set(Stat::SYS);
        answer(kSelfTestPassed);
        return true;
    case KBD_OFF: state_.mode.set(Mode::KBD_DISABLE); return true;
    case KBD_ON:
        looked_at_again(); // interrupt 9 has done its work
        state_.mode.clear(Mode::KBD_DISABLE);
        return true;
    case READ_INPUT_PORT: answer(kInputPort); return true;
    case READ_OUTPUT_PORT: {
        const bool full = state_.status.has(Stat::OBF);
        const bool aux = state_.status.has(Stat::AUX);
        Bits<Out> port{state_.output_port};
        port.set(Out::KBD_OBF, full && !aux);
        port.set(Out::AUX_OBF, full && aux);
        answer(port.raw());
        return true;
    }
    case A20_OFF: set_a20(false); return true;
    case A20_ON: set_a20(true); return true;
    case READ_TEST_INPUTS: answer(0); return true;
    default: return false;
    }
}

void I8042::write_output_port(u8 value) {
    state_.output_port = value | static_cast<u8>(Out::RESET);
    derive_outputs();
    update();
    if (!Bits<Out>{value}.has(Out::RESET) && wires_.reset_machine) wires_.reset_machine();
}

void I8042::set_a20(bool on) {
    Bits<Out> port{state_.output_port};
    port.set(Out::A20, on);
    state_.output_port = port.raw();
}

/// The controller has one byte to say at a time; a newer answer replaces one that was never fetched.
void I8042::answer(u8 byte, bool is_aux) {
    state_.reply = byte;
    state_.reply_is_aux = is_aux;
}

// ---------------------------------------------------------------------------------------- the output buffer

void I8042::put(u8 byte, bool is_aux) {
    state_.data = byte;
    state_.status.set(Stat::OBF);
    state_.status.set(Stat::AUX, is_aux);
}

bool I8042::fill_from_reply() {
    if (!state_.reply) return false;
    put(*state_.reply, state_.reply_is_aux);
    state_.reply.reset();
    return true;
}

bool I8042::fill_from_keyboard() {
    if (state_.mode.has(Mode::KBD_DISABLE)) return false;
    const Ps2Pending pending = wires_.keyboard.ps2_pending();
    if (pending == Ps2Pending::Nothing) return false;
    if (pending == Ps2Pending::Event && state_.keyboard_after_ns.value_or(0) > timers_.now_ns()) return false;
    u8 byte = wires_.keyboard.ps2_take();
    if (state_.mode.has(Mode::TRANSLATE)) {
        // F0 is not passed on, it turns the code that follows into a break. Both are taken in one go, so that
        // no command can come between them.
        u8 break_bit = 0;
        while (byte == kBreakPrefix && wires_.keyboard.ps2_pending() == Ps2Pending::Event) {
            break_bit = kBreakBit;
            byte = wires_.keyboard.ps2_take();
        }
        byte = translate_set2(byte) | break_bit;
    }
    put(byte, false);
    return true;
}

bool I8042::fill_from_aux() {
    if (state_.mode.has(Mode::AUX_DISABLE)) return false;
    if (wires_.aux.ps2_pending() == Ps2Pending::Nothing) return false;
    put(wires_.aux.ps2_take(), true);
    return true;
}

/// Fills the output buffer when it is empty: own answers first, then the keyboard, then the mouse.
void I8042::update() {
    while (!state_.status.has(Stat::OBF))
        if (!fill_from_reply() && !fill_from_keyboard() && !fill_from_aux()) break;
    derive_outputs();
}

void I8042::derive_outputs() {
    const bool full = state_.status.has(Stat::OBF);
    const bool aux = state_.status.has(Stat::AUX);
    wires_.keyboard_irq.set(full && !aux && state_.mode.has(Mode::KBD_INT) &&
                            !state_.mode.has(Mode::KBD_DISABLE));
    wires_.aux_irq.set(full && aux && state_.mode.has(Mode::AUX_INT));

    const bool a20 = Bits<Out>{state_.output_port}.has(Out::A20);
    if (a20 != a20_shown_) {
        a20_shown_ = a20;
        if (wires_.set_a20) wires_.set_a20(a20);
    }

    // Only a key that waits for its turn needs the timer. The clock is not looked at again here: the turn may
    // have come since update() looked, and then the timer fires at once.
    const bool waits =
        !full && !state_.mode.has(Mode::KBD_DISABLE) && wires_.keyboard.ps2_pending() == Ps2Pending::Event;
    keyboard_timer_.arm(waits ? state_.keyboard_after_ns : std::nullopt);
}

} // namespace dm
