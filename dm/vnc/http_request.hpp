// The head of an HTTP/1.1 request (RFC 9112), as far as a static file or a WebSocket needs it. Strict: what
// is not understood is refused, not guessed.
#pragma once

#include "dm/core/types.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dm::vnc {

inline constexpr std::size_t kMostHttpHead = 8192;
inline constexpr unsigned kMostHttpHeaders = 64;

struct HttpRequest {
    std::string method;
    std::string path; ///< decoded, without the query; begins with '/'
    bool http_1_1 = true;
    bool keep_alive = true;
    bool has_body = false;
    std::string host;
    std::string origin;

    bool upgrade_websocket = false; ///< both Connection and Upgrade say so
    std::string websocket_key;
    std::string websocket_version;
    std::string websocket_protocols;
};

/// `head`: everything before the empty line, that excluded. Nothing: not a request that we answer with
/// anything but 400.
std::optional<HttpRequest> parse_http_request(std::string_view head);

/// Where the head ends, the empty line included; nothing: more must come.
std::optional<std::size_t> find_http_head_end(std::string_view received);

/// Whether a list of tokens ("keep-alive, Upgrade") has this one, in any case.
bool has_token(std::string_view list, std::string_view token);

} // namespace dm::vnc
