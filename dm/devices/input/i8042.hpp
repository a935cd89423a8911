// Keyboard controller of a PS/2: Intel 8042 with the firmware of the IBM PS/2 Hardware Interface Technical
// Reference ("Keyboard and Auxiliary Device Controller"). It knows its two PS/2 devices by Ps2Device only.
// Notes: docs/devices/i8042.md
//
// Missing: the password commands (A4 says that none is installed), polling of the input port (C1, C2).
//
// Quirks: keyboard events keep a distance of 250 us, because handlers may read port 60 twice and must find
// the same byte there. It becomes 1 ms where that was seen, or where each byte is followed by AE, as
// interrupt 9 of every BIOS does: DOS programs chain it. The mode byte, which every system's driver writes
// first, ends that. Status bit 2 stays set once a self-test has passed, whatever is written to the mode byte:
// SeaBIOS leaves that bit out. IRQ 1 is off while the keyboard is disabled.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/device.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/irq.hpp"
#include "dm/devices/input/ps2.hpp"

#include <array>
#include <functional>
#include <optional>

namespace dm {

class I8042 final : public Device, public IoHandler, public Ps2Host {
public:
    enum Reg : u8 { DATA = 0, STATUS_COMMAND = 4 }; ///< ports 60 and 64

    enum class Stat : u8 {
        OBF = 0x01, ///< output buffer full: the guest may read DATA
        IBF = 0x02,
        SYS = 0x04,
        CMD = 0x08, ///< the last write went to STATUS_COMMAND
        UNLOCKED = 0x10,
        AUX = 0x20, ///< what is in the output buffer belongs to the mouse
        TIMEOUT = 0x40,
        PARITY = 0x80,
    };
    enum class Mode : u8 {
        KBD_INT = 0x01,
        AUX_INT = 0x02,
        SYS = 0x04,
        KBD_DISABLE = 0x10,
        AUX_DISABLE = 0x20,
        TRANSLATE = 0x40,
    };
    enum class Out : u8 { RESET = 0x01, A20 = 0x02, KBD_OBF = 0x10, AUX_OBF = 0x20 };
    enum Command : u8 {
        READ_RAM = 0x20,  ///< to 3F; 20 is the mode byte
        WRITE_RAM = 0x60, ///< to 7F
        TEST_PASSWORD = 0xa4,
        AUX_OFF = 0xa7,
        AUX_ON = 0xa8,
        TEST_AUX = 0xa9,
        SELF_TEST = 0xaa,
        TEST_KBD = 0xab,
        KBD_OFF = 0xad,
        KBD_ON = 0xae,
        READ_INPUT_PORT = 0xc0,
        READ_OUTPUT_PORT = 0xd0,
        WRITE_OUTPUT_PORT = 0xd1,
        WRITE_KBD_BUFFER = 0xd2,
        WRITE_AUX_BUFFER = 0xd3,
        WRITE_AUX = 0xd4,
        A20_OFF = 0xdd,
        A20_ON = 0xdf,
        READ_TEST_INPUTS = 0xe0,
        PULSE = 0xf0, ///< to FF: a clear bit 0 pulses RESET
    };

    struct State {
        Bits<Stat> status = Bits<Stat>{Stat::CMD} | Stat::UNLOCKED;
        Bits<Mode> mode = Bits<Mode>{Mode::KBD_INT} | Mode::AUX_INT;
        u8 output_port = 0xcf;   ///< bits 4 and 5 are those of `status`
        u8 data = 0;             ///< the output buffer; keeps its byte after it was read
        u8 parameter_of = 0;     ///< command that waits for a byte on DATA; 0: none
        std::optional<u8> reply; ///< the controller's own answer, waiting for the output buffer
        bool reply_is_aux = false;
        std::optional<u64> keyboard_after_ns; ///< machine time of the next keyboard event
        std::array<u8, 32> ram{};             ///< byte 0 is `mode`
        bool chained = false;                 ///< several handlers look at each byte of the keyboard

        static constexpr void fields(auto&& v, auto& s) {
            v("status", s.status);
            v("mode", s.mode);
            v("output_port", s.output_port);
            v("data", s.data);
            v("parameter_of", s.parameter_of);
            v("reply", s.reply);
            v("reply_is_aux", s.reply_is_aux);
            v("keyboard_after_ns", s.keyboard_after_ns);
            v("ram", s.ram);
            v("chained", s.chained, kAddedLater);
        }
    };

    struct Wiring {
        IrqLine keyboard_irq; ///< IRQ 1
        IrqLine aux_irq;      ///< IRQ 12
        Ps2Device& keyboard;
        Ps2Device& aux;
        /// The guest pulls the CPU's reset; called as the last thing that the write does.
        std::function<void()> reset_machine;
        std::function<void(bool)> set_a20; ///< may be empty
    };
    I8042(std::string_view name, TimerQueue& timers, Wiring wiring);
    ~I8042() override;

    void reset() override;
    void save(StateWriter& out) const override { out.section(name(), state_); }
    dm::Status load(StateReader& in) override; ///< after what is on its cables

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

    void ps2_ready() override { update(); }

private:
    u8 read_data();
    void write_data(u8 byte);
    void write_command(u8 byte);
    bool run_command(u8 byte);
    void write_output_port(u8 value);
    void set_a20(bool on);
    void answer(u8 byte, bool is_aux = false);

    bool fill_from_reply();
    bool fill_from_keyboard();
    bool fill_from_aux();
    void put(u8 byte, bool is_aux);
    void looked_at_again();
    void update();
    void derive_outputs();

    Log log_;
    TimerQueue& timers_;
    Wiring wires_;
    State state_;
    bool a20_shown_ = true;
    Timer keyboard_timer_;
};
static_assert(covers_every_field<I8042::State>);

} // namespace dm
