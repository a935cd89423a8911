// The far end of a serial line.
#pragma once

#include "dm/core/types.hpp"

#include <span>
#include <string>

namespace dm {

/// What the back end tells the port; called in the device thread.
class CharFrontend {
public:
    virtual ~CharFrontend() = default;
    /// How many bytes receive() would take now; 0 stops the back end until it is asked to accept_input().
    virtual std::size_t can_receive() const = 0;
    virtual void receive(std::span<const u8> bytes) = 0;
    /// The back end takes output again after write() took less than offered.
    virtual void writable() = 0;
};

class CharBackend {
public:
    virtual ~CharBackend() = default;
    /// Takes output; returns how many bytes were taken. Never blocks; a back end nobody reads drops old
    /// output rather than make the guest wait.
    virtual std::size_t write(std::span<const u8> bytes) = 0;
    /// The port has room again.
    virtual void accept_input() = 0;
    /// At most one; may be null.
    virtual void set_frontend(CharFrontend* frontend) = 0;
    /// As QMP query-chardev shows it: "pty:/dev/pts/3", "file:/tmp/x", "null".
    virtual std::string description() const = 0;
};

} // namespace dm
