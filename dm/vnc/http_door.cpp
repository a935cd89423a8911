#include "dm/vnc/http_door.hpp"

#include "dm/vnc/websocket.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace dm::vnc {
namespace {

/// Nobody guesses what a file is, no other site shows the console in a frame.
constexpr std::string_view kAlways =
    "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: frame-ancestors 'self'\r\n";

/// A page of another site must not use the console of a user who is allowed to.
bool of_this_site(const HttpRequest& request) {
    if (request.origin.empty()) return true; // not a browser
    const std::size_t scheme = request.origin.find("://");
    return scheme != std::string::npos && has_token(request.origin.substr(scheme + 3), request.host);
}

/// What stands for a request that is not served.
HttpRequest nothing_more() {
    HttpRequest request;
    request.keep_alive = false;
    return request;
}

} // namespace

bool HttpDoor::end(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
}

bool HttpDoor::serve() {
    HttpRequest request;
    for (unsigned n = 0; n < kMostRequests; ++n) {
        std::string head;
        if (!receive_head(head, n == 0)) return false;
        auto parsed = parse_http_request(head);
        if (!parsed) {
            say("400 Bad Request", "", "This is not understood.", nothing_more());
            return end("sent no HTTP that is understood");
        }
        request = std::move(*parsed);
        if (files_ == nullptr || request.upgrade_websocket) return upgrade(request);
        if (!answer(request)) return end("disconnected");
        if (!request.keep_alive || request.has_body) break;
    }
    return end("has its files");
}

bool HttpDoor::receive_head(std::string& head, bool first) {
    Moment last = after_ms(first ? kHeadMs : kIdleMs);
    for (bool begun = !received_.empty();;) {
        if (const auto size = find_http_head_end(received_)) {
            head = received_.substr(0, *size - 4);
            received_.erase(0, *size);
            return true;
        }
        if (received_.size() >= kMostHttpHead) return end("sent a request without end");
        std::array<u8, 2048> bytes{};
        std::size_t got = 0;
        if (!read_some(stream_, bytes, got, last))
            return end(received_.empty() ? "said nothing more" : "sent half a request");
        received_.append(reinterpret_cast<const char*>(bytes.data()), got);
        if (!begun && !first) last = after_ms(kHeadMs);
        begun = true;
    }
}

bool HttpDoor::upgrade(const HttpRequest& request) {
    if (files_ != nullptr && (!of_this_site(request) || request.path != kWebSocketPath)) {
        say("403 Forbidden", "", "Only the console of this place may do that.", nothing_more());
        return end("asked from another site");
    }
    const WebSocketAnswer said = answer_websocket(request);
    if (!write_all(stream_, as_bytes(said.response), after_ms(kHeadMs))) return end("disconnected");
    return said.accepted || end("asked for no WebSocket");
}

bool HttpDoor::say(std::string_view status, std::string_view headers, std::string_view text,
                   const HttpRequest& request) {
    const bool body = request.method != "HEAD";
    const std::string response =
        fmt::format("HTTP/1.1 {}\r\n{}{}Content-Type: text/plain\r\nContent-Length: {}\r\n{}\r\n{}", status,
                    headers, kAlways, text.size(),
                    request.keep_alive && !request.has_body ? "" : "Connection: close\r\n", body ? text : "");
    return write_all(stream_, as_bytes(response), after_ms(kHeadMs));
}

bool HttpDoor::answer(const HttpRequest& request) {
    if (request.method != "GET" && request.method != "HEAD")
        return say("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "Only GET and HEAD.", request);
    if (request.path == "/") return say("302 Found", fmt::format("Location: {}\r\n", kConsole), "", request);
    const auto file = files_->find(request.path);
    if (!file) return say("404 Not Found", "", "There is no such file.", request);
    return send_file(*file, request);
}

bool HttpDoor::send_file(const WebFiles::File& file, const HttpRequest& request) {
    const Moment last = after_ms(kFileMs);
    const std::string head = fmt::format(
        "HTTP/1.1 200 OK\r\n{}Content-Type: {}\r\nContent-Length: {}\r\nCache-Control: max-age=600\r\n{}\r\n",
        kAlways, file.type, file.size, request.keep_alive ? "" : "Connection: close\r\n");
    if (!write_all(stream_, as_bytes(head), last)) return false;
    std::array<u8, 16384> piece{};
    for (u64 left = request.method == "HEAD" ? 0 : file.size; left > 0;) {
        const ssize_t n = ::read(file.fd.get(), piece.data(), std::min<u64>(left, piece.size()));
        if (n <= 0) return false; // it has become shorter: what was promised cannot be kept
        if (!write_all(stream_, std::span(piece).first(static_cast<std::size_t>(n)), last)) return false;
        left -= static_cast<u64>(n);
    }
    return true;
}

} // namespace dm::vnc
