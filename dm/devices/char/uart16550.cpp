#include "dm/devices/char/uart16550.hpp"

#include <algorithm>
#include <array>

namespace dm {
namespace {

constexpr u16 kBreakMark = 0x100; // in the receive FIFO
constexpr u32 kCrystalHz = 1'843'200;
constexpr u32 kClocksPerBit = 16;
constexpr unsigned kTimeoutCharacters = 4;
constexpr u8 kModemLines = 0xf0;
constexpr u8 kIirFifos = 0xc0;

constexpr u8 bit(Uart16550::Msr b) {
    return static_cast<u8>(b);
}

} // namespace

Uart16550::Uart16550(std::string_view name, IrqLine irq, TimerQueue& timers, CharBackend& wire)
    : Device(name), log_(name), irq_(std::move(irq)), timers_(timers), wire_(wire),
      rx_timer_(timers, [this] { rx_timed_out(); }), tx_timer_(timers, [this] { give_up(); }),
      modem_timer_(timers, [this] {
          ask_modem();
          sync();
      }) {
    wire_.set_frontend(this);
}

Uart16550::~Uart16550() {
    wire_.set_frontend(nullptr);
}

void Uart16550::reset() {
    const State before = state_;
    state_ = {};
    state_.told_divisor = before.told_divisor;
    state_.told_lcr = before.told_lcr;
    sync();
    wire_.accept_input();
}

Status Uart16550::load(StateReader& in) {
    DM_TRY(load_section(in, name(), state_, [this](const State& s) -> Status {
        const std::size_t room = s.fcr.has(Fcr::FIFO_ENABLE) ? kFifo : 1;
        if (s.rx.size() > room || s.tx.size() > room)
            return fail("saved state: {}: more characters than the FIFOs hold", name());
        if (s.tx.empty() == s.tx_give_up_at_ns.has_value())
            return fail("saved state: {}: the transmitter waits for nothing", name());
        if (s.modem_poll_at_ns && !s.ier.has(Ier::EDSSI))
            return fail("saved state: {}: modem lines are asked for nobody", name());
        if ((s.rx_timeout && s.rx.empty()) || s.modem_deltas > 0x0f)
            return fail("saved state: {}: an interrupt that nothing can end", name());
        return {};
    }));
    wire_.set_line(line_of(state_.told_lcr, state_.told_divisor));
    sync();
    wire_.accept_input();
    return {};
}

// ----------------------------------------------------------------------------------------- computed from
// State

/// Receive FIFO level that interrupts, FCR bits 7:6.
std::size_t Uart16550::trigger() const {
    constexpr std::array<std::size_t, 4> kLevels{1, 4, 8, 14};
    return fifos_on() ? kLevels[state_.fcr.raw() >> 6] : 1;
}

LineSettings Uart16550::line_of(Bits<Lcr> format, u16 divisor) {
    using Parity = LineSettings::Parity;
    constexpr std::array<Parity, 4> kParities{Parity::Odd, Parity::Even, Parity::Mark, Parity::Space};
    const u8 lcr = format.raw();
    LineSettings line;
    line.baud = kCrystalHz / kClocksPerBit / std::max<u32>(divisor, 1);
    line.data_bits = static_cast<u8>(5 + (lcr & 3U));
    line.stop_bits = format.has(Lcr::STB) ? 2 : 1;
    line.parity = format.has(Lcr::PEN) ? kParities[lcr >> 4 & 3U] : Parity::None;
    return line;
}

u64 Uart16550::character_ns() const {
    const LineSettings l = line();
    const u64 bits = 1U + l.data_bits + l.stop_bits + (l.parity == LineSettings::Parity::None ? 0U : 1U);
    return bits * kClocksPerBit * std::max<u64>(state_.divisor, 1) * kSecond / kCrystalHz;
}

/// In loopback the outputs of MCR take the place of the pins.
u8 Uart16550::modem_lines() const {
    if (!loop()) return state_.modem_in & kModemLines;
    unsigned lines = 0;
    if (state_.mcr.has(Mcr::RTS)) lines |= bit(Msr::CTS);
    if (state_.mcr.has(Mcr::DTR)) lines |= bit(Msr::DSR);
    if (state_.mcr.has(Mcr::OUT1)) lines |= bit(Msr::RI);
    if (state_.mcr.has(Mcr::OUT2)) lines |= bit(Msr::DCD);
    return static_cast<u8>(lines);
}

u8 Uart16550::modem_outputs() const {
    return loop() ? 0 : state_.mcr.raw() & (ModemLine::DTR | ModemLine::RTS);
}

Bits<Uart16550::Lsr> Uart16550::line_status() const {
    Bits<Lsr> lsr = state_.errors;
    lsr.set(Lsr::DR, !state_.rx.empty());
    lsr.set(Lsr::THRE, state_.tx.empty());
    lsr.set(Lsr::TEMT, state_.tx.empty());
    bool error_inside = state_.errors.has(Lsr::BI);
    for (std::size_t i = 0; i < state_.rx.size(); ++i)
        error_inside = error_inside || (state_.rx.at(i) & kBreakMark) != 0;
    lsr.set(Lsr::FIFO_ERROR, fifos_on() && error_inside);
    return lsr;
}

/// By priority, table "Interrupt Control Functions".
Uart16550::Iir Uart16550::interrupt() const {
    if (state_.ier.has(Ier::ELSI) && state_.errors.raw() != 0) return LINE;
    if (state_.ier.has(Ier::ERBFI) && state_.rx_timeout) return RX_TIMEOUT;
    if (state_.ier.has(Ier::ERBFI) && state_.rx.size() >= trigger()) return RX_DATA;
    if (state_.ier.has(Ier::ETBEI) && state_.thre_interrupt) return THR_EMPTY;
    if (state_.ier.has(Ier::EDSSI) && state_.modem_deltas != 0) return MODEM;
    return NONE;
}

/// All outputs: the interrupt, the timers, and how the wire is driven.
void Uart16550::sync() {
    irq_.set(interrupt() != NONE);
    rx_timer_.arm(state_.rx_timeout_at_ns);
    tx_timer_.arm(state_.tx_give_up_at_ns);
    modem_timer_.arm(state_.modem_poll_at_ns);
    if (!dlab() &&
        line() != line_of(state_.told_lcr, state_.told_divisor)) { // not while the divisor is half written
        state_.told_divisor = state_.divisor;
        state_.told_lcr = state_.lcr;
        wire_.set_line(line());
    }
    const bool break_now = state_.lcr.has(Lcr::BREAK) && !loop();
    if (break_now != break_told_) {
        break_told_ = break_now;
        wire_.set_break(break_now);
    }
    const u8 outputs = modem_outputs();
    if (outputs != outputs_told_) {
        outputs_told_ = outputs;
        wire_.set_modem_outputs(outputs);
    }
}

// ---------------------------------------------------------------------------------------------------
// registers

u64 Uart16550::read(u64 offset, unsigned) {
    switch (static_cast<Reg>(offset)) {
    case RBR_THR_DLL: return dlab() ? byte_of(state_.divisor, 0) : read_rbr();
    case IER_DLM: return dlab() ? byte_of(state_.divisor, 1) : state_.ier.raw();
    case IIR_FCR: return read_iir();
    case LCR: return state_.lcr.raw();
    case MCR: return state_.mcr.raw();
    case LSR: return read_lsr();
    case MSR: return read_msr();
    case SCR: return state_.scr;
    }
    return ones(1);
}

void Uart16550::write(u64 offset, unsigned, u64 value) {
    const auto v = static_cast<u8>(value);
    switch (static_cast<Reg>(offset)) {
    case RBR_THR_DLL:
        if (dlab())
            state_.divisor = with_byte(state_.divisor, 0, v);
        else
            transmit({&v, 1});
        break;
    case IER_DLM:
        if (dlab())
            state_.divisor = with_byte(state_.divisor, 1, v);
        else
            write_ier(v);
        break;
    case IIR_FCR: write_fcr(v); break;
    case LCR: state_.lcr = Bits<Lcr>{v}; break;
    case MCR: {
        const bool was_looped = loop();
        state_.mcr = Bits<Mcr>{static_cast<u8>(v & 0x1f)};
        note_modem_changes();
        sync();
        if (was_looped && !loop()) wire_.accept_input();
        break;
    }
    case LSR:
    case MSR: log_.guest("write of {:#04x} to read-only register {}", v, offset); break;
    case SCR: state_.scr = v; break;
    }
    sync();
}

void Uart16550::write_string(u64 offset, unsigned size, std::span<const u8> bytes) {
    if (offset != RBR_THR_DLL || size != 1 || dlab()) return IoHandler::write_string(offset, size, bytes);
    if (!bytes.empty()) transmit(bytes);
    sync();
}

u8 Uart16550::read_rbr() {
    const bool had = !state_.rx.empty();
    const auto c = static_cast<u8>(state_.rx.pop());
    if (!had) return fifos_on() ? c : state_.rbr;
    show_break_at_top();
    restart_rx_timeout();
    sync();
    wire_.accept_input();
    return c;
}

u8 Uart16550::read_iir() {
    const Iir source = interrupt();
    if (source == THR_EMPTY) state_.thre_interrupt = false;
    sync();
    return static_cast<u8>(source | (fifos_on() ? kIirFifos : 0));
}

u8 Uart16550::read_lsr() {
    const u8 value = line_status().raw();
    state_.errors = {};
    sync();
    return value;
}

u8 Uart16550::read_msr() {
    if (!loop()) ask_modem();
    const auto value = static_cast<u8>(modem_lines() | state_.modem_deltas);
    state_.modem_deltas = 0;
    sync();
    return value;
}

void Uart16550::write_ier(u8 value) {
    const Bits<Ier> now{static_cast<u8>(value & 0x0f)};
    if (now.has(Ier::ETBEI) && !state_.ier.has(Ier::ETBEI)) state_.thre_interrupt = state_.tx.empty();
    const bool other_edssi = now.has(Ier::EDSSI) != state_.ier.has(Ier::EDSSI);
    state_.ier = now;
    if (other_edssi) ask_modem();
}

/// The other bits take effect only together with FIFO_ENABLE; the two resets clear themselves.
void Uart16550::write_fcr(u8 value) {
    Bits<Fcr> now{static_cast<u8>(value & 0xcf)};
    const bool toggled = now.has(Fcr::FIFO_ENABLE) != fifos_on();
    const bool enabled = now.has(Fcr::FIFO_ENABLE);
    const bool clears_rx = toggled || (enabled && now.has(Fcr::RX_RESET));
    const bool clears_tx = toggled || (enabled && now.has(Fcr::TX_RESET));
    now.clear(Fcr::RX_RESET);
    now.clear(Fcr::TX_RESET);
    state_.fcr = enabled ? now : Bits<Fcr>{};
    if (clears_rx) clear_rx();
    if (clears_tx) clear_tx();
    sync();
    if (clears_rx) wire_.accept_input();
}

// ----------------------------------------------------------------------------------------------------
// transmit

/// The datasheet's transmitter with a wire that is infinitely fast, or infinitely slow.
void Uart16550::transmit(std::span<const u8> bytes) {
    state_.thre_interrupt = false;
    irq_.set(interrupt() != NONE); // an interrupt that this write answers makes a new edge below
    if (loop()) {
        for (const u8 c : bytes)
            store(c);
        state_.thre_interrupt = true;
        return;
    }
    flush_tx();
    std::size_t taken = state_.tx.empty() ? send(bytes) : 0;
    if (state_.tx_dropping) taken = bytes.size();
    for (const u8 c : bytes.subspan(taken)) // a full FIFO loses what is written to it
        if (state_.tx.size() < fifo_size()) state_.tx.push(c);
    if (state_.tx.empty())
        state_.thre_interrupt = true;
    else if (!state_.tx_give_up_at_ns)
        state_.tx_give_up_at_ns = timers_.now_ns() + kPatienceNs;
}

std::size_t Uart16550::send(std::span<const u8> bytes) {
    const std::size_t taken = wire_.write(bytes);
    if (taken > 0) state_.tx_dropping = false;
    return taken;
}

/// True when a part was sent: a back end that is slow is waited for anew.
bool Uart16550::flush_tx() {
    bool sent = false;
    while (!state_.tx.empty()) {
        const u8 c = state_.tx.front();
        if (send({&c, 1}) == 0) {
            if (sent) state_.tx_give_up_at_ns = timers_.now_ns() + kPatienceNs;
            return sent;
        }
        sent = true;
        state_.tx.pop();
        if (state_.tx.empty()) clear_tx();
    }
    return false;
}

void Uart16550::clear_tx() {
    state_.tx.clear();
    state_.tx_give_up_at_ns.reset();
    state_.thre_interrupt = true;
}

void Uart16550::writable() {
    state_.tx_dropping = false;
    flush_tx();
    sync();
}

void Uart16550::give_up() {
    if (!flush_tx() && !state_.tx.empty()) {
        log_.guest("output is dropped: {} takes nothing", wire_.description());
        state_.tx_dropping = true;
        clear_tx();
    }
    sync();
}

// -----------------------------------------------------------------------------------------------------
// receive

/// Up to the trigger level, so that the guest's choice of it keeps its meaning; then one by one.
std::size_t Uart16550::can_receive() const {
    if (loop()) return 0;
    const std::size_t held = state_.rx.size();
    if (held >= fifo_size()) return 0;
    return held < trigger() ? trigger() - held : 1;
}

void Uart16550::receive(std::span<const u8> bytes) {
    for (const u8 c : bytes)
        store(c);
    sync();
}

void Uart16550::break_received() {
    if (loop()) return;
    store(kBreakMark);
    sync();
}

void Uart16550::store(u16 character) {
    if (state_.rx.size() >= fifo_size()) {
        state_.errors.set(Lsr::OE);
        if (fifos_on()) return; // the FIFO keeps what it has
        state_.rx.clear();      // the holding register is overwritten
    }
    state_.rx.push(character);
    if (!fifos_on()) state_.rbr = static_cast<u8>(character);
    if (state_.rx.size() == 1) show_break_at_top();
    if (!state_.rx_timeout) restart_rx_timeout();
}

/// A break shows in LSR when its character has come to the top of the FIFO.
void Uart16550::show_break_at_top() {
    if (state_.rx.empty() || (state_.rx.front() & kBreakMark) == 0) return;
    state_.errors.set(Lsr::BI);
    const u16 c = state_.rx.pop();
    state_.rx.push_front(static_cast<u16>(c & ~kBreakMark));
}

/// Characters below the trigger level are announced when nothing came or went for four character times.
void Uart16550::restart_rx_timeout() {
    state_.rx_timeout = false;
    state_.rx_timeout_at_ns.reset();
    if (fifos_on() && !state_.rx.empty())
        state_.rx_timeout_at_ns = timers_.now_ns() + kTimeoutCharacters * character_ns();
}

void Uart16550::rx_timed_out() {
    state_.rx_timeout_at_ns.reset();
    state_.rx_timeout = !state_.rx.empty();
    sync();
}

void Uart16550::clear_rx() {
    state_.rx.clear();
    state_.errors.clear(Lsr::BI);
    restart_rx_timeout();
}

// ------------------------------------------------------------------------------------------------ modem
// control

/// And again before long, while the guest wants to hear of changes.
void Uart16550::ask_modem() {
    state_.modem_poll_at_ns.reset();
    const std::optional<u8> lines = wire_.modem_inputs();
    if (!lines) return;
    state_.modem_in = *lines & kModemLines;
    note_modem_changes();
    if (state_.ier.has(Ier::EDSSI)) state_.modem_poll_at_ns = timers_.now_ns() + kModemPollNs;
}

/// DCTS, DDSR and DDCD tell of any change, TERI of the end of a ring only.
void Uart16550::note_modem_changes() {
    const u8 now = modem_lines();
    const auto changed = static_cast<u8>(now ^ state_.modem_seen);
    const auto ended_ring = static_cast<u8>(changed & state_.modem_seen & bit(Msr::RI));
    const auto told = static_cast<u8>((changed & ~bit(Msr::RI)) | ended_ring);
    state_.modem_deltas = static_cast<u8>(state_.modem_deltas | told >> 4);
    state_.modem_seen = now;
}

} // namespace dm
