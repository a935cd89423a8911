#include "dm/toolstack/unix_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace dm::toolstack {
namespace {

constexpr int kBacklog = 16;
constexpr std::size_t kMostFdsAtOnce = 253; // the kernel's SCM_MAX_FD

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return fail("{}: the path of a socket has at most {} characters", path, sizeof(address.sun_path) - 1);
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Status remove_stale(const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return {}; // bind() reports what matters
    if (!S_ISSOCK(info.st_mode)) return fail("{} exists and is no socket: remove it", path);
    if (unlink(path.c_str()) != 0)
        return fail("{}: cannot remove the old socket: {}", path, std::strerror(errno));
    return {};
}

void take_fds(const msghdr& message, std::vector<UniqueFd>& fds) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            fds.emplace_back(fd);
        }
    }
}

} // namespace

Result<UniqueFd> listen_at(const std::string& path) {
    DM_TRY_ASSIGN(const sockaddr_un address, address_of(path));
    UniqueFd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return fail("{}: {}", path, std::strerror(errno));
    DM_TRY(remove_stale(path));
    // Only the owner may give commands; nobody can connect before listen().
    if (bind(fd.get(), generic(address), sizeof address) != 0 || chmod(path.c_str(), 0600) != 0 ||
        listen(fd.get(), kBacklog) != 0)
        return fail("{}: cannot listen there: {}", path, std::strerror(errno));
    return fd;
}

Result<UniqueFd> adopt_listener(int number) {
    int listening = 0;
    socklen_t length = sizeof listening;
    if (getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0)
        return fail("file descriptor {}: {}", number, std::strerror(errno));
    if (listening == 0) return fail("file descriptor {} is not a listening socket", number);
    UniqueFd fd{number};
    const int flags = fcntl(number, F_GETFL);
    // libxl listens with room for one; a second client would be turned away.
    if (flags < 0 || fcntl(number, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(number, F_SETFD, FD_CLOEXEC) != 0 || listen(number, kBacklog) != 0)
        return fail("file descriptor {}: {}", number, std::strerror(errno));
    return fd;
}

Result<UniqueFd> connect_to(const std::string& path) {
    DM_TRY_ASSIGN(const sockaddr_un address, address_of(path));
    UniqueFd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!fd || connect(fd.get(), generic(address), sizeof address) != 0)
        return fail("{}: cannot connect: {}", path, std::strerror(errno));
    const int flags = fcntl(fd.get(), F_GETFL);
    if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        return fail("{}: {}", path, std::strerror(errno));
    return fd;
}

Result<UniqueFd> accept_one(int listener) {
    UniqueFd fd{accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (fd) return fd;
    switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return fail("cannot accept a connection: {}", std::strerror(errno));
    default: return UniqueFd(); // nobody there, or gone again
    }
}

Received receive_with_fds(int socket, std::span<char> buffer) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostFdsAtOnce * sizeof(int))> control{};
    iovec piece{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t length = 0;
    do {
        length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (length < 0 && errno == EINTR);

    Received out;
    if (length < 0) {
        const bool empty = errno == EAGAIN || errno == EWOULDBLOCK;
        out.outcome = empty ? Received::Outcome::Nothing : Received::Outcome::End;
        return out;
    }
    take_fds(message, out.fds);
    out.length = static_cast<std::size_t>(length);
    out.outcome = length == 0 ? Received::Outcome::End : Received::Outcome::Data;
    return out;
}

std::ptrdiff_t send_some(int socket, std::string_view bytes) {
    for (;;) {
        const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) return sent;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
        if (errno != EINTR) return -1;
    }
}

} // namespace dm::toolstack
