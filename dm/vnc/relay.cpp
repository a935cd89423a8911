#include "dm/vnc/relay.hpp"

#include <poll.h>
#include <sys/socket.h>

namespace dm::vnc {

std::unique_ptr<Relay> Relay::start(std::unique_ptr<Stream> stream) {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return nullptr;
    std::unique_ptr<Relay> relay(new Relay(std::move(stream), UniqueFd(ends[0]), UniqueFd(ends[1])));
    if (!relay->thread_.start("vnc-relay", [r = relay.get()] { r->run(); })) return nullptr;
    return relay;
}

Relay::Relay(std::unique_ptr<Stream> stream, UniqueFd near, UniqueFd far)
    : stream_(std::move(stream)), near_(std::move(near)), far_(std::move(far)), inside_(far_.get()) {}

Relay::~Relay() {
    stop();
    thread_.join();
}

void Relay::finish() {
    shutdown(near_.get(), SHUT_WR);
    thread_.join();
}

void Relay::stop() {
    shutdown(near_.get(), SHUT_RDWR);
    shutdown(stream_->fd(), SHUT_RDWR);
}

bool Relay::wait() {
    const bool see_more = !in_.room().empty();
    if (see_more && stream_->buffered()) return true;
    pollfd viewer{stream_->fd(), static_cast<short>(see_more ? POLLIN : 0), 0};
    pollfd inside{far_.get(), static_cast<short>(!last_ && !out_.room().empty() ? POLLIN : 0), 0};
    if (!out_.empty() || stream_->unsent()) viewer.events |= POLLOUT;
    if (!in_.empty()) inside.events |= POLLOUT;
    if (last_) inside.fd = -1; // it would say again and again that it is closed
    std::array<pollfd, 2> both = {viewer, inside};
    poll(both.data(), both.size(), last_ ? ms_until(farewell_) : -1);
    return see_more || (both[0].revents & (POLLERR | POLLHUP)) == 0; // read() tells otherwise
}

bool Relay::from_viewer() {
    if (!in_.room().empty()) {
        const int n = stream_->read(in_.room());
        if (n == Stream::kEnded) return false;
        in_.filled(n);
    }
    if (in_.empty() || last_) return true;
    const int n = inside_.write(in_.content());
    if (n != Stream::kEnded) in_.taken(n);
    return true; // whoever is inside may still have something to say
}

bool Relay::to_viewer() {
    if (!last_ && !out_.room().empty()) {
        const int n = inside_.read(out_.room());
        if (n == Stream::kEnded) {
            last_ = true;
            farewell_ = after_ms(kFarewellMs);
        } else {
            out_.filled(n);
        }
    }
    if (!stream_->flush()) return false;
    if (out_.empty()) return !last_;
    const int n = stream_->write(out_.content());
    if (n == Stream::kEnded) return false;
    out_.taken(n);
    return !last_ || ms_until(farewell_) > 0;
}

void Relay::run() {
    while (from_viewer() && to_viewer() && wait()) {
    }
    // What came before the end is still delivered, if there is room for it.
    if (!in_.empty()) inside_.write(in_.content());
    stream_->close();
    // Not shut down: whoever waits in select() to write more inside is woken only by room for it.
    far_.reset();
    shutdown(stream_->fd(), SHUT_RDWR);
}

} // namespace dm::vnc
