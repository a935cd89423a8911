#include "dm/vnc/vnc_listener.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace dm::vnc {
namespace {

constexpr int kBacklog = 32;

UniqueFd stream_socket(int family) {
    return UniqueFd{socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
}

/// True when nobody listens behind the socket file `address`: left over from a process that died.
bool abandoned(const sockaddr_un& address) {
    const UniqueFd probe = stream_socket(AF_UNIX);
    return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
           errno == ECONNREFUSED;
}

struct AddressList {
    ~AddressList() {
        if (first != nullptr) freeaddrinfo(first);
    }
    addrinfo* first = nullptr;
};

/// 0, or errno.
int listen_at(const addrinfo& info, unsigned port, UniqueFd& out) {
    sockaddr_storage address{};
    std::memcpy(&address, info.ai_addr, info.ai_addrlen);
    if (info.ai_family == AF_INET6)
        reinterpret_cast<sockaddr_in6&>(address).sin6_port = htons(static_cast<u16>(port));
    else
        reinterpret_cast<sockaddr_in&>(address).sin_port = htons(static_cast<u16>(port));
    UniqueFd fd = stream_socket(info.ai_family);
    if (!fd) return errno;
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); // connections of a former run linger
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), info.ai_addrlen) != 0) return errno;
    if (listen(fd.get(), kBacklog) != 0) return errno;
    out = std::move(fd);
    return 0;
}

Error cannot_listen(const VncOptions& options, const std::string& host, unsigned last, int error) {
    const unsigned first = options.display;
    if (error == EADDRINUSE) {
        if (last == first)
            return fail("-vnc {}:{}: port {} is taken; choose another vncdisplay, or set vncunused=1", host,
                        first, kVncBasePort + first);
        return fail(
            "-vnc {}:{},to={}: ports {} to {} are all taken: end some guests, or choose a higher vncdisplay",
            host, first, last, kVncBasePort + first, kVncBasePort + last);
    }
    if (error == EADDRNOTAVAIL)
        return fail("-vnc {}:{}: {} is no address of this host: correct vnclisten", host, first, host);
    return fail("-vnc {}:{}: cannot listen on port {}: {}", host, first, kVncBasePort + first,
                std::strerror(error));
}

} // namespace

Endpoint describe(const sockaddr_storage& address, socklen_t length) {
    if (address.ss_family == AF_UNIX) {
        const auto& unix_address = reinterpret_cast<const sockaddr_un&>(address);
        return {unix_address.sun_path, "", "unix"};
    }
    char host[NI_MAXHOST] = "";
    char service[NI_MAXSERV] = "";
    getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, host, sizeof(host), service,
                sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV);
    return {host, service, address.ss_family == AF_INET6 ? "ipv6" : "ipv4"};
}

Result<VncListener> VncListener::open(const VncOptions& options) {
    return options.unix_path.empty() ? open_tcp(options) : open_unix(options);
}

Result<VncListener> VncListener::open_unix(const VncOptions& options) {
    const std::string& path = options.unix_path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return fail("-vnc unix:{}: the path is longer than {} characters: choose a shorter one", path,
                    sizeof(address.sun_path) - 1);
    std::memcpy(address.sun_path, path.data(), path.size());
    const auto* const where = reinterpret_cast<const sockaddr*>(&address);

    VncListener listener;
    listener.fd_ = stream_socket(AF_UNIX);
    if (!listener.fd_) return fail("-vnc unix:{}: {}", path, std::strerror(errno));
    if (bind(listener.fd_.get(), where, sizeof(address)) != 0) {
        if (errno != EADDRINUSE || !abandoned(address))
            return fail("-vnc unix:{}: cannot bind: {}: remove the file or choose another path", path,
                        std::strerror(errno));
        unlink(path.c_str());
        if (bind(listener.fd_.get(), where, sizeof(address)) != 0)
            return fail("-vnc unix:{}: cannot bind: {}", path, std::strerror(errno));
    }
    listener.path_ = path;
    if (listen(listener.fd_.get(), kBacklog) != 0)
        return fail("-vnc unix:{}: cannot listen: {}", path, std::strerror(errno));
    listener.endpoint_ = {path, "", "unix"};
    return listener;
}

Result<VncListener> VncListener::open_tcp(const VncOptions& options) {
    const std::string host = options.host.empty() ? "0.0.0.0" : options.host;
    const unsigned last = std::max(options.display, options.to.value_or(options.display));
    if (last > kVncMaxDisplay)
        return fail("-vnc {}:{}: displays end at {}: choose a smaller vncdisplay", host, last,
                    kVncMaxDisplay);

    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    AddressList list;
    const int unresolved = getaddrinfo(host.c_str(), nullptr, &hints, &list.first);
    if (unresolved != 0)
        return fail("-vnc {}:{}: {}: correct vnclisten", host, options.display, gai_strerror(unresolved));
    // A name may stand for several addresses; one is listened on, of the family that all viewers have.
    const addrinfo* chosen = list.first;
    for (const addrinfo* info = list.first; info != nullptr; info = info->ai_next)
        if (info->ai_family == AF_INET) {
            chosen = info;
            break;
        }
    if (chosen->ai_family != AF_INET && chosen->ai_family != AF_INET6)
        return fail("-vnc {}:{}: neither IPv4 nor IPv6: correct vnclisten", host, options.display);

    VncListener listener;
    int error = EADDRINUSE;
    for (unsigned display = options.display; display <= last && error == EADDRINUSE; ++display)
        error = listen_at(*chosen, kVncBasePort + display, listener.fd_);
    if (error != 0) return cannot_listen(options, host, last, error);

    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    getsockname(listener.fd_.get(), reinterpret_cast<sockaddr*>(&bound), &length);
    listener.endpoint_ = describe(bound, length);
    return listener;
}

VncListener::~VncListener() {
    if (fd_ && !path_.empty()) unlink(path_.c_str());
}

} // namespace dm::vnc
