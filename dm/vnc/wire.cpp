#include "dm/vnc/wire.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace dm::vnc {

int ms_until(Moment end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

bool wait_for(int fd, short events, Moment end) {
    pollfd p{fd, events, 0};
    for (;;) {
        const int n = poll(&p, 1, ms_until(end));
        if (n > 0) return true;
        if (n == 0) return false;
        if (errno != EINTR) return true; // what follows tells
    }
}

bool read_exactly(int fd, std::span<u8> out, Moment end) {
    while (!out.empty()) {
        const ssize_t n = recv(fd, out.data(), out.size(), MSG_DONTWAIT);
        if (n > 0) {
            out = out.subspan(static_cast<std::size_t>(n));
            continue;
        }
        if (n == 0) return false;
        if (errno == EINTR) continue;
        if ((errno != EAGAIN && errno != EWOULDBLOCK) || !wait_for(fd, POLLIN, end)) return false;
    }
    return true;
}

bool write_exactly(int fd, std::span<const u8> bytes, Moment end) {
    while (!bytes.empty()) {
        const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            continue;
        }
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
        if (!wait_for(fd, POLLOUT, end)) return false;
    }
    return true;
}

void put16(std::span<u8> out, std::size_t at, unsigned value) {
    out[at] = static_cast<u8>(value >> 8);
    out[at + 1] = static_cast<u8>(value);
}

void put32(std::span<u8> out, std::size_t at, u32 value) {
    put16(out, at, value >> 16);
    put16(out, at + 2, value & 0xffff);
}

u32 get32(std::span<const u8> bytes, std::size_t at) {
    return u32{bytes[at]} << 24 | u32{bytes[at + 1]} << 16 | u32{bytes[at + 2]} << 8 | u32{bytes[at + 3]};
}

std::span<const u8> as_bytes(std::string_view text) {
    return {reinterpret_cast<const u8*>(text.data()), text.size()};
}

} // namespace dm::vnc
