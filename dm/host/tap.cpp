#include "dm/host/tap.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace dm::host {

Result<std::size_t> Tap::read(std::span<u8> buffer) const {
    const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN || errno == EINTR || errno == EIO)
        return std::size_t{0}; // EIO: the interface is down
    return fail("tap: {}", std::strerror(errno));
}

Result<Tap::Sent> Tap::write(std::span<const u8> frame) const {
    const iovec piece{const_cast<u8*>(frame.data()), frame.size()}; // writev() only reads it
    return write(std::span(&piece, 1));
}

Result<Tap::Sent> Tap::write(std::span<const iovec> pieces) const {
    if (::writev(fd_.get(), pieces.data(), static_cast<int>(pieces.size())) >= 0) return Sent::Yes;
    switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case EINTR: return Sent::Later;
    case EIO:      // down
    case EINVAL:   // shorter than an Ethernet header, or a header that makes no sense
    case EMSGSIZE: //
    case ENETDOWN: return Sent::Yes;
    default: return fail("tap: {}", std::strerror(errno));
    }
}

Status Tap::discard(unsigned frames) const {
    std::array<u8, 2048> sink{};
    for (; frames > 0; --frames) {
        DM_TRY_ASSIGN(const std::size_t length, read(sink));
        if (length == 0) break;
    }
    return {};
}

} // namespace dm::host
