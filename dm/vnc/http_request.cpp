#include "dm/vnc/http_request.hpp"

#include <algorithm>

namespace dm::vnc {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

/// RFC 9110's tchar.
bool is_token(std::string_view text) {
    constexpr std::string_view kAlso = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || kAlso.find(c) != kAlso.npos;
    });
}

/// No control characters: a NUL or a bare CR or LF would be read differently by others on the way.
bool is_text(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
}

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
    return -1;
}

/// Path of an origin-form target, decoded. Nothing: another form, or characters that no file of ours has.
std::optional<std::string> path_of(std::string_view target) {
    target = target.substr(0, target.find('?'));
    if (target.empty() || target.front() != '/') return std::nullopt;
    std::string path;
    for (std::size_t i = 0; i < target.size(); ++i) {
        char c = target[i];
        if (c == '%') {
            if (i + 2 >= target.size() || hex(target[i + 1]) < 0 || hex(target[i + 2]) < 0)
                return std::nullopt;
            c = static_cast<char>(hex(target[i + 1]) << 4 | hex(target[i + 2]));
            i += 2;
        }
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f || c == '\\') return std::nullopt;
        path.push_back(c);
    }
    return path;
}

bool take_request_line(std::string_view line, HttpRequest& request) {
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    if (first == line.npos || second == line.npos) return false;
    request.method = line.substr(0, first);
    const auto path = path_of(line.substr(first + 1, second - first - 1));
    const std::string_view version = line.substr(second + 1);
    if (!is_token(request.method) || !path || (version != "HTTP/1.1" && version != "HTTP/1.0")) return false;
    request.path = *path;
    request.http_1_1 = version == "HTTP/1.1";
    request.keep_alive = request.http_1_1;
    return true;
}

struct Upgrade {
    bool in_connection = false;
    bool to_websocket = false;
};

bool take_header(std::string_view line, HttpRequest& request, Upgrade& upgrade) {
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return false;
    const std::string_view name = line.substr(0, colon); // a folded line begins with a blank: no token
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!is_token(name) || !is_text(value)) return false;
    if (same_word(name, "Host")) {
        if (!request.host.empty()) return false;
        request.host = value;
    } else if (same_word(name, "Origin")) {
        request.origin = value;
    } else if (same_word(name, "Connection")) {
        if (has_token(value, "close")) request.keep_alive = false;
        upgrade.in_connection |= has_token(value, "upgrade");
    } else if (same_word(name, "Upgrade")) {
        upgrade.to_websocket |= has_token(value, "websocket");
    } else if (same_word(name, "Content-Length")) {
        request.has_body |= value != "0";
    } else if (same_word(name, "Transfer-Encoding")) {
        request.has_body = true;
    } else if (same_word(name, "Sec-WebSocket-Key")) {
        if (!request.websocket_key.empty()) return false;
        request.websocket_key = value;
    } else if (same_word(name, "Sec-WebSocket-Version")) {
        request.websocket_version = value;
    } else if (same_word(name, "Sec-WebSocket-Protocol")) {
        if (!request.websocket_protocols.empty()) request.websocket_protocols += ", ";
        request.websocket_protocols += value;
    }
    return true;
}

} // namespace

bool has_token(std::string_view list, std::string_view token) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (same_word(trimmed(list.substr(0, comma)), token)) return true;
        if (comma == list.npos) return false;
        list.remove_prefix(comma + 1);
    }
    return false;
}

std::optional<std::size_t> find_http_head_end(std::string_view received) {
    const std::size_t at = received.find("\r\n\r\n");
    if (at == received.npos) return std::nullopt;
    return at + 4;
}

std::optional<HttpRequest> parse_http_request(std::string_view head) {
    HttpRequest request;
    Upgrade upgrade;
    std::size_t end = head.find(kLineEnd);
    if (head.size() > kMostHttpHead || !take_request_line(head.substr(0, end), request)) return std::nullopt;
    for (unsigned headers = 0; end != head.npos; ++headers) {
        head.remove_prefix(end + kLineEnd.size());
        end = head.find(kLineEnd);
        if (headers == kMostHttpHeaders || !take_header(head.substr(0, end), request, upgrade))
            return std::nullopt;
    }
    if (request.http_1_1 && request.host.empty()) return std::nullopt;
    request.upgrade_websocket = upgrade.in_connection && upgrade.to_websocket;
    return request;
}

} // namespace dm::vnc
