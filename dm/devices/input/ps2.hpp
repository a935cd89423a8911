// The cable between the 8042 and a PS/2 device: one byte at a time, pulled by the controller.
#pragma once

#include "dm/core/types.hpp"

namespace dm {

enum class Ps2Pending : u8 {
    Nothing,
    Reply, ///< the answer to a command
    Event, ///< something that the user did
};

/// The controller's end.
class Ps2Host {
public:
    virtual ~Ps2Host() = default;
    /// A device has a byte to send; the controller takes it when it has room for it.
    virtual void ps2_ready() = 0;
};

/// The device's end.
class Ps2Device {
public:
    virtual ~Ps2Device() = default;
    virtual Ps2Pending ps2_pending() const = 0;
    /// The next byte, replies before events; 0 when nothing is pending.
    virtual u8 ps2_take() = 0;
    /// A command or its parameter, from the guest.
    virtual void ps2_write(u8 byte) = 0;
    /// At most one; may be null.
    virtual void ps2_attach(Ps2Host* host) = 0;
};

} // namespace dm
