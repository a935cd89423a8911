// What `-vnc` and `-k` ask for, as plain data: the toolstack room fills it in, the VNC room acts on it.
#pragma once

#include "dm/core/types.hpp"

#include <optional>
#include <string>

namespace dm {

inline constexpr unsigned kVncBasePort = 5900; ///< TCP port of display 0
inline constexpr unsigned kVncMaxDisplay = 65535 - kVncBasePort;

/// What happens to the viewers that are there when another one comes.
enum class VncShare : u8 {
    AllowExclusive, ///< a viewer that asks for an exclusive session gets it: the others are disconnected
    ForceShared,    ///< an exclusive session is never granted
    Ignore,         ///< everybody is let in, whatever they ask for, nobody is disconnected
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
};

} // namespace dm
