// A viewer in a browser: the upgrade from HTTP (RFC 6455, section 4.2) and the stream after it.
#pragma once

#include "dm/vnc/http_request.hpp"
#include "dm/vnc/stream.hpp"
#include "dm/vnc/websocket_frame.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace dm::vnc {

/// What the server says to a request for a WebSocket.
struct WebSocketAnswer {
    bool accepted = false;
    std::string response; ///< head of the HTTP response
};
WebSocketAnswer answer_websocket(const HttpRequest& request);

/// Sec-WebSocket-Accept for a key.
std::string websocket_accept(std::string_view key);

/// Binary messages over another stream, as a stream of bytes.
class WebSocketStream final : public Stream {
public:
    /// `early`: what came behind the request already.
    WebSocketStream(std::unique_ptr<Stream> under, std::span<const u8> early);

    int read(std::span<u8> out) override;
    int write(std::span<const u8> bytes) override;
    int fd() const override { return under_->fd(); }
    bool buffered() const override { return begin_ != end_ || under_->buffered(); }
    bool unsent() const override { return sent_ != to_send_.size() || under_->unsent(); }
    bool flush() override;
    void close() override;

    static constexpr std::size_t kMostUnsent = 64 * 1024; ///< with which pings are still answered
    /// Bytes that wait to be sent, and those before them that are still kept.
    std::size_t held() const { return to_send_.size(); }

private:
    void say(WebSocketOpcode opcode, std::span<const u8> payload);
    void say_goodbye(u16 status);

    std::unique_ptr<Stream> under_;
    WebSocketDecoder decoder_;
    std::array<u8, 16384> received_{};
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::vector<u8> to_send_; ///< frames, sent up to sent_
    std::size_t sent_ = 0;
    bool goodbye_said_ = false;
};

} // namespace dm::vnc
