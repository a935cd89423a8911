// What `-vnc` and `-k` ask for, as plain data: the toolstack room fills it in, the VNC room acts on it.
#pragma once

#include "dm/core/types.hpp"

#include <optional>
#include <string>

namespace dm {

inline constexpr unsigned kVncBasePort = 5900; ///< TCP port of display 0
inline constexpr unsigned kVncMaxDisplay = 65535 - kVncBasePort;
inline constexpr unsigned kVncWebSocketBasePort = 5700;
inline constexpr unsigned kVncWebBasePort = 5800;

/// What happens to the viewers that are there when another one comes.
enum class VncShare : u8 {
    AllowExclusive, ///< a viewer that asks for an exclusive session gets it: the others are disconnected
    ForceShared,    ///< an exclusive session is never granted
    Ignore,         ///< everybody is let in, whatever they ask for, nobody is disconnected
};

/// `-object tls-creds-x509` or `tls-creds-anon`: what `tls-creds=` names.
struct VncTlsOptions {
    std::string id;
    bool x509 = true;        ///< false: encrypted, but nobody proves who they are
    std::string directory;   ///< ca-cert.pem, server-cert.pem, server-key.pem; ca-crl.pem if it is there
    bool verify_peer = true; ///< viewers need a certificate of that CA
    std::string priority;    ///< GnuTLS's words for versions and ciphers; empty: its defaults
};

/// A port beside the display's.
struct VncDoorOptions {
    std::string host;             ///< empty: the display's address
    std::optional<unsigned> port; ///< nothing: the usual base + display
    std::string unix_path;        ///< not empty: listen there
    std::string directory;        ///< of the web console: noVNC's files
};

struct VncOptions {
    bool enabled = false; ///< false: `-vnc none` or no such option
    std::string host =
        "127.0.0.1";            ///< IPv4 or IPv6 address without brackets, or a name; "" means all addresses
    unsigned display = 0;       ///< TCP port 5900 + display
    std::optional<unsigned> to; ///< last display to try when ports are taken; nothing: only `display`
    std::string unix_path;      ///< not empty: listen there, host and display do not matter
    bool password_required = false; ///< password=on: nobody may enter before a password was set
    std::string keymap = "en-us";   ///< `-k`: the viewers' layout, for those that send key symbols only
    VncShare share = VncShare::AllowExclusive;
    std::optional<VncTlsOptions> tls;        ///< nobody enters without
    std::optional<VncDoorOptions> websocket; ///< for viewers in browsers
    std::optional<VncDoorOptions> web;       ///< that, and the viewer itself
};

} // namespace dm
