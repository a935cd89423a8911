#include "dm/vnc/vnc_listener.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace dm::vnc {
namespace {

constexpr int kBacklog = 128; // others may be knocking all the time

UniqueFd stream_socket(int family) {
    return UniqueFd{socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
}

/// True for a socket file behind which nobody listens: left over from a process that died. Files of other
/// kinds refuse connections too, and are somebody's.
bool abandoned(const sockaddr_un& address) {
    struct stat file {};
    if (lstat(address.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
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

Error cannot_listen(const ListenPlace& place, const std::string& host, int error) {
    if (error == EADDRINUSE && place.first == place.last)
        return fail("{}: port {} is taken; {}", place.option, place.first, place.if_taken);
    if (error == EADDRINUSE)
        return fail("{}: ports {} to {} are all taken: {}", place.option, place.first, place.last,
                    place.if_taken);
    if (error == EADDRNOTAVAIL)
        return fail("{}: {} is no address of this host: {}", place.option, host, place.if_wrong);
    return fail("{}: cannot listen on port {}: {}", place.option, place.first, std::strerror(error));
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
    ListenPlace place;
    place.unix_path = options.unix_path;
    place.host = options.host.empty() ? "0.0.0.0" : options.host;
    const unsigned last = std::max(options.display, options.to.value_or(options.display));
    place.option = options.unix_path.empty() ? fmt::format("-vnc {}:{}", place.host, options.display)
                                             : "-vnc unix:" + options.unix_path;
    if (last > kVncMaxDisplay)
        return fail("-vnc {}:{}: displays end at {}: choose a smaller vncdisplay", place.host, last,
                    kVncMaxDisplay);
    place.first = kVncBasePort + options.display;
    place.last = kVncBasePort + last;
    if (last > options.display) place.option += fmt::format(",to={}", last);
    place.if_taken = last == options.display ? "choose another vncdisplay, or set vncunused=1"
                                             : "end some guests, or choose a higher vncdisplay";
    place.if_wrong = "correct vnclisten";
    return open(place);
}

Result<VncListener> VncListener::open(const ListenPlace& place) {
    return place.unix_path.empty() ? open_tcp(place) : open_unix(place);
}

Result<VncListener> VncListener::open_unix(const ListenPlace& place) {
    const std::string& path = place.unix_path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return fail("{}: the path is longer than {} characters: choose a shorter one", place.option,
                    sizeof(address.sun_path) - 1);
    std::memcpy(address.sun_path, path.data(), path.size());
    const auto* const where = reinterpret_cast<const sockaddr*>(&address);

    VncListener listener;
    listener.fd_ = stream_socket(AF_UNIX);
    if (!listener.fd_) return fail("{}: {}", place.option, std::strerror(errno));
    if (bind(listener.fd_.get(), where, sizeof(address)) != 0) {
        const int error = errno;
        if (error != EADDRINUSE || !abandoned(address))
            return fail("{}: cannot bind: {}: remove the file or choose another path", place.option,
                        std::strerror(error));
        unlink(path.c_str());
        if (bind(listener.fd_.get(), where, sizeof(address)) != 0)
            return fail("{}: cannot bind: {}", place.option, std::strerror(errno));
    }
    listener.path_ = path;
    if (listen(listener.fd_.get(), kBacklog) != 0)
        return fail("{}: cannot listen: {}", place.option, std::strerror(errno));
    listener.endpoint_ = {path, "", "unix"};
    return listener;
}

Result<VncListener> VncListener::open_tcp(const ListenPlace& place) {
    const std::string host = place.host.empty() ? "0.0.0.0" : place.host;
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    AddressList list;
    const int unresolved = getaddrinfo(host.c_str(), nullptr, &hints, &list.first);
    if (unresolved != 0) return fail("{}: {}: {}", place.option, gai_strerror(unresolved), place.if_wrong);
    // A name may stand for several addresses; one is listened on, of the family that all viewers have.
    const addrinfo* chosen = list.first;
    for (const addrinfo* info = list.first; info != nullptr; info = info->ai_next)
        if (info->ai_family == AF_INET) {
            chosen = info;
            break;
        }
    if (chosen->ai_family != AF_INET && chosen->ai_family != AF_INET6)
        return fail("{}: neither IPv4 nor IPv6: {}", place.option, place.if_wrong);

    VncListener listener;
    int error = EADDRINUSE;
    for (unsigned port = place.first; port <= place.last && error == EADDRINUSE; ++port) {
        error = listen_at(*chosen, port, listener.fd_);
        listener.port_ = port;
    }
    if (error != 0) return cannot_listen(place, host, error);

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
