#include "dm/vnc/websocket.hpp"

#include "dm/vnc/libgnutls.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace dm::vnc {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455, section 1.3
constexpr std::size_t kKeyCharacters = 24;                                 // 16 bytes in base64
constexpr std::size_t kSha1Bytes = 20;

std::string refusal(std::string_view status, std::string_view headers, std::string_view text) {
    return fmt::format(
        "HTTP/1.1 {}\r\n{}Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}\n",
        status, headers, text.size() + 1, text);
}

bool is_key(std::string_view key) {
    return key.size() == kKeyCharacters && key.ends_with("==") &&
           std::all_of(key.begin(), key.end() - 2, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '/';
           });
}

} // namespace

std::string websocket_accept(std::string_view key) {
    const auto found = LibGnuTls::load(); // the door did, when it was opened
    if (!found.ok()) return {};
    const LibGnuTls& tls = *found.value();
    const std::string text = std::string(key) + std::string(kGuid);
    std::array<u8, kSha1Bytes> hash{};
    if (tls.hash_fast(GNUTLS_DIG_SHA1, text.data(), text.size(), hash.data()) != 0) return {};
    const gnutls_datum_t data{hash.data(), static_cast<unsigned>(hash.size())};
    gnutls_datum_t encoded{};
    if (tls.base64_encode2(&data, &encoded) != 0) return {};
    std::string accept(reinterpret_cast<const char*>(encoded.data), encoded.size);
    (*tls.free)(encoded.data);
    return accept;
}

WebSocketAnswer answer_websocket(const HttpRequest& request) {
    if (request.method != "GET" || !request.http_1_1 || request.has_body)
        return {false, refusal("400 Bad Request", "", "This is no request for a WebSocket.")};
    if (!request.upgrade_websocket)
        return {false, refusal("426 Upgrade Required", "Upgrade: websocket\r\n",
                               "VNC is spoken here, in a WebSocket.")};
    if (request.websocket_version != "13")
        return {false, refusal("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n",
                               "Only version 13 is spoken.")};
    const std::string accept = is_key(request.websocket_key) ? websocket_accept(request.websocket_key) : "";
    if (accept.empty()) return {false, refusal("400 Bad Request", "", "The key is none.")};
    const bool binary = has_token(request.websocket_protocols, "binary");
    return {true,
            fmt::format("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: {}\r\n{}\r\n",
                        accept, binary ? "Sec-WebSocket-Protocol: binary\r\n" : "")};
}

WebSocketStream::WebSocketStream(std::unique_ptr<Stream> under, std::span<const u8> early)
    : under_(std::move(under)), end_(std::min(early.size(), received_.size())) {
    std::copy_n(early.begin(), end_, received_.begin());
}

void WebSocketStream::say(WebSocketOpcode opcode, std::span<const u8> payload) {
    if (goodbye_said_) return;
    if (sent_ == to_send_.size()) {
        to_send_.clear();
        sent_ = 0;
    } else if (sent_ >= kMostUnsent) { // whoever always leaves a few bytes would never let it be cleared
        to_send_.erase(to_send_.begin(), to_send_.begin() + static_cast<std::ptrdiff_t>(sent_));
        sent_ = 0;
    }
    const WebSocketHead head = websocket_head(opcode, payload.size());
    to_send_.insert(to_send_.end(), head.view().begin(), head.view().end());
    to_send_.insert(to_send_.end(), payload.begin(), payload.end());
}

void WebSocketStream::say_goodbye(u16 status) {
    std::array<u8, 2> code{};
    put16(code, 0, status);
    say(WebSocketOpcode::Close, code);
    goodbye_said_ = true;
}

int WebSocketStream::read(std::span<u8> out) {
    for (bool asked = false;;) {
        if (begin_ == end_) {
            if (std::exchange(asked, true)) return kAgain; // others wait, however many empty frames come
            const int n = under_->read(received_);
            if (n <= 0) return n;
            begin_ = 0;
            end_ = static_cast<std::size_t>(n);
        }
        const auto result = decoder_.decode(std::span(received_).subspan(begin_, end_ - begin_), out);
        begin_ += result.taken;
        switch (result.event) {
        case WebSocketDecoder::Event::Data:
            if (result.produced > 0) return static_cast<int>(result.produced);
            break;
        case WebSocketDecoder::Event::Ping:
            // Whoever pings and does not read is answered less often.
            if (to_send_.size() - sent_ < kMostUnsent) say(WebSocketOpcode::Pong, decoder_.control());
            break;
        case WebSocketDecoder::Event::Close: say_goodbye(NORMAL_CLOSURE); return kEnded;
        case WebSocketDecoder::Event::Error: say_goodbye(decoder_.status()); return kEnded;
        }
    }
}

int WebSocketStream::write(std::span<const u8> bytes) {
    if (!flush()) return kEnded;
    if (unsent()) return kAgain;
    say(WebSocketOpcode::Binary, bytes);
    return flush() ? static_cast<int>(bytes.size()) : kEnded;
}

bool WebSocketStream::flush() {
    while (sent_ < to_send_.size()) {
        const int n = under_->write(std::span<const u8>(to_send_).subspan(sent_));
        if (n == kEnded) return false;
        if (n == kAgain) break;
        sent_ += static_cast<std::size_t>(n);
    }
    return under_->flush();
}

void WebSocketStream::close() {
    say_goodbye(NORMAL_CLOSURE);
    flush();
    under_->close();
}

} // namespace dm::vnc
