// A PC's parallel port (IEEE 1284-1994, compatibility mode; IBM PC/AT Technical Reference, "Parallel printer
// adapter") with a printer on it that prints on a character device. See docs/devices/parallel.md.
//
// Not here: EPP and ECP, and bytes from the printer (the pins read as ones). A printer takes a byte at once:
// what takes time is told by reads of STATUS, each of which is a step of the handshake, as in QEMU.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/char_backend.hpp"
#include "dm/core/device.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/irq.hpp"

namespace dm {

class ParallelPort final : public Device, public IoHandler, private CharFrontend {
public:
    enum Reg : u8 { DATA = 0, STATUS = 1, CONTROL = 2 };
    /// Levels of the pins: BUSY is inverted on its way.
    enum class Status : u8 { TIMEOUT = 0x01, nERROR = 0x08, SELECT = 0x10, nACK = 0x40, nBUSY = 0x80 };
    enum class Control : u8 {
        STROBE = 0x01,
        AUTOFEED = 0x02,
        nINIT = 0x04,
        SELECT_IN = 0x08,
        INTEN = 0x10,
        DIR = 0x20
    };

    /// The printer, after a byte came.
    enum class Handshake : u8 { Ready, Busy, Acknowledging };

    struct State {
        u8 data = 0xff;              ///< as QEMU's after a reset; the chips leave it open
        Bits<Control> control{0xcc}; ///< bits 6 and 7 are ones
        Handshake handshake = Handshake::Ready;
        bool timeout = true; ///< EPP's, which nothing sets again
        u8 latched = 0;
        bool waiting = false; ///< the printer has not taken `latched` yet
        bool interrupt = false;
        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("data", s.data);
            v("control", s.control);
            v("handshake", s.handshake);
            v("timeout", s.timeout);
            v("latched", s.latched);
            v("waiting", s.waiting);
            v("interrupt", s.interrupt);
        }
    };

    /// Map 3 bytes, byte access. The printer outlives the port.
    ParallelPort(std::string_view name, IrqLine irq, CharBackend& printer);
    ~ParallelPort() override;

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

    void reset() override;
    void save(StateWriter& out) const override { out.section(name(), state_); }
    dm::Status load(StateReader& in) override;

private:
    // CharFrontend: a printer has nothing to say.
    std::size_t can_receive() const override { return kAnyLength; }
    void receive(std::span<const u8>) override {}
    void writable() override { print(); }

    static constexpr std::size_t kAnyLength = 4096; ///< taken and forgotten

    u8 read_status();
    void write_control(u8 value);
    void print();
    void sync() { irq_.set(state_.interrupt); }

    IrqLine irq_;
    CharBackend& printer_;
    State state_;
};
static_assert(covers_every_field<ParallelPort::State>);

} // namespace dm
