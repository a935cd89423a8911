// The socket that viewers connect to.
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

class VncListener {
public:
    /// Binds what `options` ask for: exactly that address, and the first free display of the range.
    static Result<VncListener> open(const VncOptions& options);
    VncListener(VncListener&&) = default;
    VncListener& operator=(VncListener&&) = default;
    ~VncListener();

    int fd() const { return fd_.get(); }
    const Endpoint& endpoint() const { return endpoint_; }

private:
    VncListener() = default;
    static Result<VncListener> open_unix(const VncOptions& options);
    static Result<VncListener> open_tcp(const VncOptions& options);

    UniqueFd fd_;
    Endpoint endpoint_;
    std::string path_; ///< to be removed in the end
};

} // namespace dm::vnc
