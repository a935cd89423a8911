// Serial port: National Semiconductor PC16550D (datasheet TL/C/8652, TI SNLS378).
// Notes: docs/devices/uart16550.md
//
// Modem lines are the back end's, as in QEMU: its inputs are looked at when MSR is read, and every 100 ms
// while EDSSI wants to hear of changes. One without lines is a modem that is always ready.
//
// Missing: parity and framing errors (back ends deliver whole bytes), DMA mode (RXRDY and TXRDY go nowhere on
// a PC), the time that characters take to send: the transmitter is empty as soon as the back end took a byte.
//
// Quirks: OUT2 does not gate the interrupt and is set at reset, as in QEMU. Enabling ETBEI while THRE is set
// raises THRE's interrupt (Windows waits for it). A back end that takes nothing keeps THRE clear, as
// a wire with flow control would, but for kPatienceNs only: then what waits is dropped, and so is all that
// follows until the back end takes something again.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/char_backend.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/device.hpp"
#include "dm/core/fifo.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/irq.hpp"
#include "dm/core/log.hpp"

#include <optional>

namespace dm {

class Uart16550 final : public Device, public IoHandler, public CharFrontend {
public:
    enum Reg : u8 { RBR_THR_DLL, IER_DLM, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

    enum class Ier : u8 { ERBFI = 0x01, ETBEI = 0x02, ELSI = 0x04, EDSSI = 0x08 };
    enum Iir : u8 {
        MODEM = 0x00,
        NONE = 0x01,
        THR_EMPTY = 0x02,
        RX_DATA = 0x04,
        LINE = 0x06,
        RX_TIMEOUT = 0x0c
    };
    enum class Fcr : u8 { FIFO_ENABLE = 0x01, RX_RESET = 0x02, TX_RESET = 0x04, DMA = 0x08, TRIGGER = 0xc0 };
    enum class Lcr : u8 {
        WLS = 0x03,
        STB = 0x04,
        PEN = 0x08,
        EPS = 0x10,
        STICK = 0x20,
        BREAK = 0x40,
        DLAB = 0x80
    };
    enum class Mcr : u8 { DTR = 0x01, RTS = 0x02, OUT1 = 0x04, OUT2 = 0x08, LOOP = 0x10 };
    enum class Lsr : u8 {
        DR = 0x01,
        OE = 0x02,
        PE = 0x04,
        FE = 0x08,
        BI = 0x10,
        THRE = 0x20,
        TEMT = 0x40,
        FIFO_ERROR = 0x80,
    };
    enum class Msr : u8 {
        DCTS = 0x01,
        DDSR = 0x02,
        TERI = 0x04,
        DDCD = 0x08,
        CTS = 0x10,
        DSR = 0x20,
        RI = 0x40,
        DCD = 0x80,
    };

    static constexpr std::size_t kFifo = 16;
    /// How long a back end that takes nothing may hold the guest up.
    static constexpr u64 kPatienceNs = 200 * kMillisecond;
    static constexpr u64 kModemPollNs = 100 * kMillisecond;

    /// Causes only: LSR, IIR, MSR's upper half and the interrupt are computed from these.
    struct State {
        Bits<Ier> ier;
        Bits<Fcr> fcr;
        Bits<Lcr> lcr;
        Bits<Mcr> mcr{Mcr::OUT2};
        u8 scr = 0;
        u16 divisor = 0x0c;   ///< DLM:DLL, 9600 baud
        u16 told_divisor = 1; ///< what the wire was last told: not what it is while DLAB is set
        Bits<Lcr> told_lcr{u8{0x03}};
        u8 modem_in = 0xb0;   ///< CTS, DSR, RI, DCD at the pins, as in MSR
        u8 modem_seen = 0xb0; ///< after loopback, when the deltas were last brought up to date
        u8 modem_deltas = 0;
        Bits<Lsr> errors; ///< OE and BI until LSR is read
        bool thre_interrupt = false;
        bool rx_timeout = false;
        Fifo<u16, kFifo> rx;                 ///< kBreakMark is set on a break
        u8 rbr = 0;                          ///< without FIFOs: the last character, read or not
        std::optional<u64> rx_timeout_at_ns; ///< machine time
        Fifo<u8, kFifo> tx;                  ///< what the back end did not take
        std::optional<u64> tx_give_up_at_ns; ///< set while `tx` waits
        bool tx_dropping = false;            ///< patience has run out
        std::optional<u64> modem_poll_at_ns; ///< set while EDSSI is and the back end has lines

        static constexpr void fields(auto&& v, auto& s) {
            v("ier", s.ier);
            v("fcr", s.fcr);
            v("lcr", s.lcr);
            v("mcr", s.mcr);
            v("scr", s.scr);
            v("divisor", s.divisor);
            v("told_divisor", s.told_divisor);
            v("told_lcr", s.told_lcr);
            v("modem_in", s.modem_in);
            v("modem_seen", s.modem_seen);
            v("modem_deltas", s.modem_deltas);
            v("errors", s.errors);
            v("thre_interrupt", s.thre_interrupt);
            v("rx_timeout", s.rx_timeout);
            v("rx", s.rx);
            v("rbr", s.rbr);
            v("rx_timeout_at_ns", s.rx_timeout_at_ns);
            v("tx", s.tx);
            v("tx_give_up_at_ns", s.tx_give_up_at_ns);
            v("tx_dropping", s.tx_dropping);
            v("modem_poll_at_ns", s.modem_poll_at_ns);
        }
    };

    /// `wire` outlives the port, which becomes its front end.
    Uart16550(std::string_view name, IrqLine irq, TimerQueue& timers, CharBackend& wire);
    ~Uart16550() override;

    void reset() override;
    void save(StateWriter& out) const override { out.section(name(), state_); }
    Status load(StateReader& in) override;

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    void write_string(u64 offset, unsigned size, std::span<const u8> bytes) override;

    std::size_t can_receive() const override;
    void receive(std::span<const u8> bytes) override;
    void writable() override;
    void break_received() override;

private:
    bool dlab() const { return state_.lcr.has(Lcr::DLAB); }
    bool loop() const { return state_.mcr.has(Mcr::LOOP); }
    bool fifos_on() const { return state_.fcr.has(Fcr::FIFO_ENABLE); }
    std::size_t fifo_size() const { return fifos_on() ? kFifo : 1; }
    std::size_t trigger() const;
    static LineSettings line_of(Bits<Lcr> format, u16 divisor);
    LineSettings line() const { return line_of(state_.lcr, state_.divisor); }
    u64 character_ns() const;
    u8 modem_lines() const;
    u8 modem_outputs() const;
    Bits<Lsr> line_status() const;
    Iir interrupt() const;

    u8 read_rbr();
    u8 read_iir();
    u8 read_lsr();
    u8 read_msr();
    void write_fcr(u8 value);
    void write_ier(u8 value);
    void write_lcr(u8 value);

    void transmit(std::span<const u8> bytes);
    std::size_t send(std::span<const u8> bytes);
    bool flush_tx();
    void give_up();
    void store(u16 character);
    void show_break_at_top();
    void clear_rx();
    void clear_tx();
    void note_modem_changes();
    void ask_modem();
    void restart_rx_timeout();
    void rx_timed_out();
    void sync();

    Log log_;
    IrqLine irq_;
    TimerQueue& timers_;
    CharBackend& wire_;
    State state_;
    bool break_told_ = false;
    std::optional<u8> outputs_told_;
    Timer rx_timer_;
    Timer tx_timer_;
    Timer modem_timer_;
};
static_assert(covers_every_field<Uart16550::State>);

} // namespace dm
