#include "dm/vnc/entrance.hpp"

#include "dm/vnc/http_door.hpp"
#include "dm/vnc/websocket.hpp"

#include <poll.h>
#include <sys/socket.h>

namespace dm::vnc {
namespace {

#ifdef POLLRDHUP
constexpr short kHungUp = POLLRDHUP;
#else
constexpr short kHungUp = 0; // seen when both directions are closed
#endif

} // namespace

bool Entrance::end(std::string why) {
    why_ = std::move(why);
    return false;
}

bool Entrance::pass() {
    if (door_ != Door::Rfb && !come_by_web()) return false;
    // A browser has TLS from its first byte on; VeNCrypt inside it would be the second.
    TlsStarter* const tls = door_ == Door::Rfb && means_.tls != nullptr ? this : nullptr;
    RfbHandshake handshake(fd(), porter_, tls);
    const bool passed = handshake.pass();
    minor_ = handshake.minor();
    return passed || end(handshake.why());
}

bool Entrance::come_by_web() {
    std::unique_ptr<Stream> stream = std::make_unique<SocketStream>(fd_.get());
    if (means_.tls != nullptr) {
        std::string why;
        stream = encrypted(after_ms(RfbHandshake::kTlsMs), why);
        if (stream == nullptr) return end(why);
    }
    HttpDoor http(*stream, door_ == Door::Web ? means_.files : nullptr);
    if (!http.serve()) {
        stream->close();
        return end(http.why());
    }
    return start_relay(std::make_unique<WebSocketStream>(std::move(stream), http.early())) ||
           end("no thread to be had");
}

std::unique_ptr<TlsStream> Entrance::encrypted(Moment end, std::string& why) {
    auto stream = TlsStream::create(*means_.tls, fd_.get());
    why = stream == nullptr ? "no memory for TLS" : stream->shake_hands(end);
    if (!why.empty()) return nullptr;
    return stream;
}

int Entrance::start_tls(Moment end, std::string& why) {
    auto stream = encrypted(end, why);
    if (stream == nullptr) return -1;
    if (start_relay(std::move(stream))) return fd();
    why = "no thread to be had";
    return -1;
}

bool Entrance::start_relay(std::unique_ptr<Stream> stream) {
    auto relay = Relay::start(std::move(stream));
    if (relay == nullptr) return false;
    const std::lock_guard lock(mutex_);
    if (hung_up_) relay->stop();
    relay_ = std::move(relay);
    return true;
}

bool Entrance::abandoned() const {
    char byte = 0;
    return recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool Entrance::hung_up_on() const {
    pollfd p{fd_.get(), kHungUp, 0};
    return poll(&p, 1, 0) > 0;
}

void Entrance::hang_up() {
    const std::lock_guard lock(mutex_);
    hung_up_ = true;
    if (relay_ != nullptr) relay_->stop();
    // The descriptor stays open until the threads are gone; this ends whatever they wait for on it.
    shutdown(fd_.get(), SHUT_RDWR);
}

void Entrance::finish() {
    if (relay_ != nullptr) relay_->finish();
}

} // namespace dm::vnc
