// What `-serial` and `-chardev` ask for, as plain data: the toolstack room fills it in, the host room makes a
// CharBackend of it.
#pragma once

#include "dm/core/types.hpp"

#include <string>

namespace dm {

enum class CharKind : u8 {
    Null,        ///< null
    Pty,         ///< pty
    File,        ///< file:PATH
    Pipe,        ///< pipe:PATH, two FIFOs named PATH.in and PATH.out
    Unix,        ///< unix:PATH
    Tcp,         ///< tcp:HOST:PORT, telnet:HOST:PORT
    HostSerial,  ///< /dev/...
    Nowhere,     ///< stdio, vc: there is no terminal and no window; null with a warning
    Unsupported, ///< everything else: refused with a list of what there is
};

struct CharOptions {
    CharKind kind = CharKind::Null;
    std::string text{};  ///< the option as the user wrote it, for messages: "-serial tcp::4444,server"
    std::string path{};  ///< File, Pipe, Unix, HostSerial
    std::string host{};  ///< Tcp: address or name without brackets; "" means all when server, else localhost
    std::string port{};  ///< Tcp: number or service name
    bool server = false; ///< Unix, Tcp: listen instead of connect
    bool wait = true;    ///< server: do not start the guest before the first client is there
    bool no_delay = false;    ///< Tcp: send small pieces at once
    bool telnet = false;      ///< Tcp: speak its protocol
    bool append = false;      ///< File: keep what is there instead of truncating
    unsigned reconnect_s = 0; ///< client: try again that many seconds after the peer went; 0: never
    enum class Family : u8 { Any, Ipv4, Ipv6 } family = Family::Any; ///< Tcp
};

} // namespace dm
