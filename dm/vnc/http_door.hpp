// HTTP on a connection, until it has become a WebSocket or is over: the only requests are for files of the
// web console and for the WebSocket itself.
#pragma once

#include "dm/vnc/http_request.hpp"
#include "dm/vnc/stream.hpp"
#include "dm/vnc/web_files.hpp"

#include <string>
#include <vector>

namespace dm::vnc {

class HttpDoor {
public:
    /// `files`: of the web console; null: there is none, every request is for the WebSocket.
    HttpDoor(Stream& stream, const WebFiles* files) : stream_(stream), files_(files) {}

    /// True: the viewer speaks WebSocket now. False: the connection is over; why() tells.
    bool serve();
    const std::string& why() const { return why_; }
    /// What came behind the request already.
    std::span<const u8> early() const { return as_bytes(received_); }

    static constexpr int kHeadMs = 10'000; ///< for a whole request
    static constexpr int kIdleMs = 5'000;  ///< between two
    static constexpr int kFileMs = 30'000; ///< for a whole file
    static constexpr unsigned kMostRequests = 200;
    static constexpr std::string_view kConsole = "/vnc.html?autoconnect=true&resize=scale";
    static constexpr std::string_view kWebSocketPath = "/websockify"; ///< where noVNC looks

private:
    bool end(std::string why);
    bool receive_head(std::string& head, bool first);
    bool upgrade(const HttpRequest& request);
    bool answer(const HttpRequest& request);
    bool send_file(const WebFiles::File& file, const HttpRequest& request);
    bool say(std::string_view status, std::string_view headers, std::string_view text,
             const HttpRequest& request);

    Stream& stream_;
    const WebFiles* files_;
    std::string received_;
    std::string why_;
};

} // namespace dm::vnc
