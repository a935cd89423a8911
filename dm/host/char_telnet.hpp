// The telnet protocol on a serial line (RFC 854): as little of it as makes a client pass on each character as
// it is typed, all eight bits of it (RFC 856), without an echo of its own (RFC 857, 858).
#pragma once

#include "dm/core/types.hpp"

#include <array>

namespace dm::host {

inline constexpr u8 kTelnetIac = 0xff; ///< "interpret as command"; sent twice it is a character

/// IAC WILL BINARY, IAC DO BINARY; a server goes on with IAC WILL ECHO, IAC WILL SUPPRESS-GO-AHEAD.
inline constexpr std::array<u8, 12> kTelnetGreeting{0xff, 251, 0, 0xff, 253, 0, 0xff, 251, 1, 0xff, 251, 3};
inline constexpr std::size_t kTelnetClientGreeting = 6;

/// Takes what a peer sends apart. Its answers are not needed, whatever else it asks for is not answered: then
/// it is not in force.
class TelnetInput {
public:
    enum class Is : u8 { Nothing, Character, Break };
    Is next(u8 byte);

private:
    enum class In : u8 { Data, Command, Option, Parameters, CommandInParameters };
    Is command(u8 byte);

    In in_ = In::Data;
    u8 verb_ = 0;
    bool binary_ = false; ///< the peer agreed; else a return comes with NUL or LF behind it
    bool after_return_ = false;
};

} // namespace dm::host
