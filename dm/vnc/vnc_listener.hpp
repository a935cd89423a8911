// The sockets that viewers connect to.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/vnc_options.hpp"
#include "dm/vnc/posix.hpp"

#include <string>
#include <sys/socket.h>

namespace dm::vnc {

/// An address as query-vnc shows it.
struct Endpoint {
    std::string host;
    std::string service; ///< port as text; the path of a Unix socket is the host, and this is empty
    std::string family;  ///< "ipv4", "ipv6", "unix"
};
Endpoint describe(const sockaddr_storage& address, socklen_t length);

/// Where to listen, and how errors call that.
struct ListenPlace {
    std::string option; ///< "-vnc 127.0.0.1:0"
    std::string host;   ///< address or name; empty: all of IPv4
    unsigned first = 0; ///< ports: the first free one is taken
    unsigned last = 0;
    std::string unix_path; ///< not empty: there, the rest does not matter
    std::string if_taken;  ///< what to do about it
    std::string if_wrong;  ///< about an address that is none of ours
};

class VncListener {
public:
    /// Of the display: exactly that address, and the first free display of the range.
    static Result<VncListener> open(const VncOptions& options);
    static Result<VncListener> open(const ListenPlace& place);
    VncListener(VncListener&&) = default;
    VncListener& operator=(VncListener&&) = default;
    ~VncListener();

    int fd() const { return fd_.get(); }
    const Endpoint& endpoint() const { return endpoint_; }
    /// 0: of a Unix socket.
    unsigned port() const { return port_; }

private:
    VncListener() = default;
    static Result<VncListener> open_unix(const ListenPlace& place);
    static Result<VncListener> open_tcp(const ListenPlace& place);

    UniqueFd fd_;
    Endpoint endpoint_;
    unsigned port_ = 0;
    std::string path_; ///< to be removed in the end
};

} // namespace dm::vnc
