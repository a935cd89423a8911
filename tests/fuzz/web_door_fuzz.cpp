// What a browser sends: HTTP until it asks for a WebSocket, then frames.
#include "dm/core/unique_fd.hpp"
#include "dm/vnc/http_door.hpp"
#include "dm/vnc/websocket.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/target.hpp"

#include <algorithm>
#include <sys/socket.h>

namespace dm::fuzz {
namespace {

void judge(std::string_view head) {
    const auto request = vnc::parse_http_request(head);
    if (!request) return;
    if (!request->path.starts_with('/')) finding("a path that begins nowhere");
    const auto odd = [](char c) { return c < ' ' || c > '~' || c == '\\'; };
    if (std::any_of(request->path.begin(), request->path.end(), odd)) finding("a path of odd characters");
    const vnc::WebSocketAnswer answer = vnc::answer_websocket(*request);
    if (answer.response.find("\r\n\r\n") == answer.response.npos) finding("an answer without end");
    if (answer.accepted && !request->upgrade_websocket) finding("a WebSocket that nobody asked for");
}

void converse(int fd) {
    vnc::SocketStream stream(fd);
    vnc::HttpDoor door(stream, nullptr);
    if (!door.serve()) {
        if (door.why().empty()) finding("a connection ended for no reason");
        return;
    }
    vnc::WebSocketStream socket(std::make_unique<vnc::SocketStream>(fd), door.early());
    std::array<u8, 512> bytes{};
    for (unsigned i = 0; i < 10000; ++i) {
        const int n = socket.read(bytes);
        if (n == vnc::Stream::kEnded) {
            socket.close();
            return;
        }
        if (!socket.flush()) return;
    }
    finding("a connection that is over does not end");
}

void run(const Target&, std::span<const u8> input) {
    constexpr std::size_t kMostInput = std::size_t{32} * 1024; // fits into the socket at once
    const auto text = [] { return std::string_view("a browser's requests"); };
    const Operating operating(text);
    judge({reinterpret_cast<const char*>(input.data()), input.size()});
    std::array<int, 2> ends{};
    if (input.empty() ||
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
        return;
    const UniqueFd ours(ends[0]);
    const UniqueFd theirs(ends[1]);
    const auto sent = input.first(std::min(kMostInput, input.size()));
    if (::send(theirs.get(), sent.data(), sent.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(sent.size()))
        return;
    ::shutdown(theirs.get(), SHUT_WR); // nothing more will come
    converse(ours.get());
}

const Registered web_door{{"web-door", run}};

} // namespace
} // namespace dm::fuzz
