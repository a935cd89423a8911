// The far end of a serial line.
#pragma once

#include "dm/core/types.hpp"

#include <optional>
#include <span>
#include <string>

namespace dm {

/// How characters look on the wire, for back ends that have one.
struct LineSettings {
    enum class Parity : u8 { None, Odd, Even, Mark, Space };
    u32 baud = 115200;
    u8 data_bits = 8; ///< 5..8
    u8 stop_bits = 1; ///< 1 or 2
    Parity parity = Parity::None;
    bool operator==(const LineSettings&) const = default;
};

/// Modem lines as a 16550 has them: outputs in MCR, inputs in MSR.
struct ModemLine {
    static constexpr u8 DTR = 0x01, RTS = 0x02;
    static constexpr u8 CTS = 0x10, DSR = 0x20, RI = 0x40, DCD = 0x80;
};

/// What the back end tells the port; called in the device thread.
class CharFrontend {
public:
    virtual ~CharFrontend() = default;
    /// How many bytes receive() would take now; 0 stops the back end until it is asked to accept_input().
    virtual std::size_t can_receive() const = 0;
    virtual void receive(std::span<const u8> bytes) = 0;
    /// The back end takes output again after write() took less than offered.
    virtual void writable() = 0;
    /// The far end held the line low for longer than a character.
    virtual void break_received() {}
};

class CharBackend {
public:
    virtual ~CharBackend() = default;
    /// Takes output; returns how many bytes were taken. Never blocks. Less than all is for a far end that is
    /// slow: a back end nobody reads drops old output rather than make the guest wait.
    virtual std::size_t write(std::span<const u8> bytes) = 0;
    /// The port has room again.
    virtual void accept_input() = 0;
    /// The guest changed the format of its characters, or began or ended a break. Most back ends do not care.
    virtual void set_line(const LineSettings&) {}
    virtual void set_break(bool) {}
    /// DTR and RTS; false: there are no such lines.
    virtual bool set_modem_outputs(u8) { return false; }
    /// CTS, DSR, RI and DCD as they are now; nothing: there are no such lines.
    virtual std::optional<u8> modem_inputs() { return std::nullopt; }
    /// At most one; may be null.
    virtual void set_frontend(CharFrontend* frontend) = 0;
    /// As QMP query-chardev shows it: "pty:/dev/pts/3", "file:/tmp/x", "null".
    virtual std::string description() const = 0;
};

} // namespace dm
