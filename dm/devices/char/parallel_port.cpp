#include "dm/devices/char/parallel_port.hpp"

namespace dm {
namespace {

constexpr u8 kAlwaysOne = 0xc0; ///< of CONTROL

} // namespace

ParallelPort::ParallelPort(std::string_view name, IrqLine irq, CharBackend& printer)
    : Device(name), irq_(std::move(irq)), printer_(printer) {
    printer_.set_frontend(this);
}

ParallelPort::~ParallelPort() {
    printer_.set_frontend(nullptr);
}

void ParallelPort::reset() {
    state_ = {};
    sync();
}

dm::Status ParallelPort::load(StateReader& in) {
    DM_TRY(load_section(in, name(), state_, [this](const State& s) -> dm::Status {
        if (s.handshake > Handshake::Acknowledging || (s.control.raw() & kAlwaysOne) != kAlwaysOne)
            return fail("saved state: {}: a value that no port has", name());
        if (s.waiting && s.handshake == Handshake::Ready)
            return fail("saved state: {}: a printer that has a byte to take and is ready", name());
        return {};
    }));
    print();
    sync();
    return {};
}

u64 ParallelPort::read(u64 offset, unsigned) {
    switch (offset) {
    case DATA: return state_.control.has(Control::DIR) ? ones(1) : state_.data;
    case STATUS: return read_status();
    case CONTROL: return state_.control.raw();
    default: return ones(1);
    }
}

void ParallelPort::write(u64 offset, unsigned, u64 value) {
    if (offset == DATA) state_.data = byte_of(value, 0);
    if (offset == CONTROL) write_control(byte_of(value, 0));
}

/// Once the strobe is over a busy printer pulses nACK and is ready again.
u8 ParallelPort::read_status() {
    State& s = state_;
    Bits<Status> pins = Bits<Status>(Status::nERROR) | Status::SELECT;
    pins.set(Status::TIMEOUT, s.timeout);
    pins.set(Status::nBUSY, s.handshake == Handshake::Ready);
    pins.set(Status::nACK, s.handshake != Handshake::Acknowledging);
    if (!s.control.has(Control::STROBE) && !s.waiting) {
        if (s.handshake == Handshake::Acknowledging) s.handshake = Handshake::Ready;
        if (s.handshake == Handshake::Busy) s.handshake = Handshake::Acknowledging;
    }
    s.interrupt = false;
    sync();
    return pins.raw();
}

void ParallelPort::write_control(u8 value) {
    State& s = state_;
    const Bits<Control> before = s.control;
    s.control = Bits<Control>{static_cast<u8>(value | kAlwaysOne)};
    if (!s.control.has(Control::nINIT)) {
        s.handshake = Handshake::Ready;
        s.timeout = s.waiting = false;
    } else if (s.control.has(Control::SELECT_IN) && s.control.has(Control::STROBE)) {
        if (s.handshake == Handshake::Ready) s.handshake = Handshake::Busy;
        if (!before.has(Control::STROBE)) {
            s.latched = s.data;
            s.waiting = true;
            print();
        }
    } else if (s.control.has(Control::SELECT_IN) && before.has(Control::INTEN)) {
        s.interrupt = true;
    }
    sync();
}

/// A printer that cannot take the byte now stays busy.
void ParallelPort::print() {
    if (state_.waiting && printer_.write({&state_.latched, 1}) == 1) state_.waiting = false;
}

} // namespace dm
