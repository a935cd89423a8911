#include "dm/host/char_channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dm::host {
namespace {

bool try_later(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

bool names_socket(int fd) {
    int type = 0;
    socklen_t length = sizeof(type);
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}

} // namespace

CharChannel::CharChannel(EventLoop& loop, UniqueFd fd, ChannelOwner& owner)
    : loop_(loop), fd_(std::move(fd)), owner_(owner), is_socket_(names_socket(fd_.get())) {
    ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
}

CharChannel::~CharChannel() {
    want(false, false);
}

void CharChannel::want(bool input, bool output) {
    if (input == wants_input_ && output == wants_output_) return;
    const bool watched = wants_input_ || wants_output_;
    wants_input_ = input;
    wants_output_ = output;
    if (!input && !output) return loop_.unwatch(fd_.get());
    const FdEvents events = input && output ? FdEvents::Both
                            : input         ? FdEvents::Readable
                                            : FdEvents::Writable;
    if (watched)
        loop_.change(fd_.get(), events);
    else
        loop_.watch(fd_.get(), events, [this](FdReady what) { ready(what); });
}

void CharChannel::accept_input() {
    if (!input_over_) want(true, wants_output_);
}

void CharChannel::ready(FdReady what) {
    if (wants_output_ && (what.writable || what.hangup)) {
        want(wants_input_, false);
        owner_.output_ready();
    }
    if (wants_input_ && (what.readable || what.hangup)) read_some(); // the last: it may end the channel
}

void CharChannel::read_some() {
    std::array<u8, kMostInput> buffer{};
    const std::size_t room = std::min(owner_.input_room(), buffer.size());
    if (room == 0) return want(false, wants_output_);
    const ssize_t n = ::read(fd_.get(), buffer.data(), room);
    if (n > 0) return owner_.input(std::span(buffer).first(static_cast<std::size_t>(n)));
    if (n < 0 && try_later(errno)) return;
    want(false, false);
    input_over_ = true;
    owner_.closed();
}

/// Sockets must not raise SIGPIPE; other descriptors here cannot, see how they are opened.
ssize_t CharChannel::send(std::span<const u8> bytes) const {
    if (is_socket_) return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return ::write(fd_.get(), bytes.data(), bytes.size());
}

std::size_t CharChannel::write(std::span<const u8> bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !output_dead_) {
        const ssize_t n = send(bytes.subspan(taken));
        if (n > 0) {
            taken += static_cast<std::size_t>(n);
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n == 0 || try_later(errno)) {
            want(wants_input_, true);
            return taken;
        } else {
            output_dead_ = true; // what was sent to us may still be read; reading finds the end
        }
    }
    return bytes.size();
}

} // namespace dm::host
