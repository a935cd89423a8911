#include "dm/vnc/stream.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace dm::vnc {
namespace {

int outcome(ssize_t n) {
    if (n > 0) return static_cast<int>(n);
    const bool later = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    return later ? Stream::kAgain : Stream::kEnded;
}

} // namespace

int SocketStream::read(std::span<u8> out) {
    return outcome(recv(fd_, out.data(), out.size(), MSG_DONTWAIT));
}

int SocketStream::write(std::span<const u8> bytes) {
    return outcome(send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

bool read_some(Stream& stream, std::span<u8> out, std::size_t& got, Moment end) {
    for (;;) {
        const int n = stream.read(out);
        if (n == Stream::kEnded || (stream.unsent() && !stream.flush())) return false;
        if (n > 0) {
            got = static_cast<std::size_t>(n);
            return true;
        }
        const short events = static_cast<short>(stream.unsent() ? POLLIN | POLLOUT : POLLIN);
        if (!stream.buffered() && !wait_for(stream.fd(), events, end)) return false;
    }
}

bool write_all(Stream& stream, std::span<const u8> bytes, Moment end) {
    while (!bytes.empty() || stream.unsent()) {
        const int n = bytes.empty() ? Stream::kAgain : stream.write(bytes);
        if (n == Stream::kEnded || !stream.flush()) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        if ((!bytes.empty() || stream.unsent()) && n == 0 && !wait_for(stream.fd(), POLLOUT, end))
            return false;
    }
    return true;
}

} // namespace dm::vnc
