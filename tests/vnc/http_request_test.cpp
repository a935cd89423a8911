#include "dm/vnc/http_request.hpp"

#include <gmock/gmock.h>

namespace dm::vnc {
namespace {

TEST(HttpRequest, ThePartsThatMatter) {
    const auto r = parse_http_request(
        "GET /core/rfb.js?v=1 HTTP/1.1\r\nHost: a:5800\r\norigin:  http://a:5800 \r\nX: y");
    ASSERT_TRUE(r);
    EXPECT_EQ(r->method, "GET");
    EXPECT_EQ(r->path, "/core/rfb.js");
    EXPECT_EQ(r->host, "a:5800");
    EXPECT_EQ(r->origin, "http://a:5800");
    EXPECT_TRUE(r->keep_alive);
    EXPECT_FALSE(r->upgrade_websocket);
    EXPECT_FALSE(r->has_body);
}

TEST(HttpRequest, PathsAreDecodedOnce) {
    EXPECT_EQ(parse_http_request("GET /a%20b%2fc HTTP/1.0")->path, "/a b/c");
    EXPECT_EQ(parse_http_request("GET /%2e%2e/%252e HTTP/1.0")->path, "/../%2e");
    for (const char* target :
         {"", "x", "http://h/", "*", "/%", "/%4", "/%zz", "/%00", "/%0a", "/a\\b", "/\x80", "/\x01"})
        EXPECT_FALSE(parse_http_request(std::string("GET ") + target + " HTTP/1.0")) << target;
}

TEST(HttpRequest, ConnectionsAreKeptWhereBothWantThat) {
    EXPECT_FALSE(parse_http_request("GET / HTTP/1.0")->keep_alive);
    EXPECT_TRUE(parse_http_request("GET / HTTP/1.1\r\nHost: a")->keep_alive);
    EXPECT_FALSE(parse_http_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close")->keep_alive);
}

TEST(HttpRequest, ABodyIsNoticed) {
    EXPECT_FALSE(parse_http_request("GET / HTTP/1.0\r\nContent-Length: 0")->has_body);
    EXPECT_TRUE(parse_http_request("GET / HTTP/1.0\r\nContent-Length: 5")->has_body);
    EXPECT_TRUE(parse_http_request("GET / HTTP/1.0\r\nTransfer-Encoding: chunked")->has_body);
}

TEST(HttpRequest, AnUpgradeNeedsBothHeaders) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    EXPECT_TRUE(
        parse_http_request(head + "Connection: x, upgrade\r\nUpgrade: h2c, WEBSOCKET")->upgrade_websocket);
    EXPECT_FALSE(parse_http_request(head + "Connection: upgrade")->upgrade_websocket);
    EXPECT_FALSE(parse_http_request(head + "Upgrade: websocket")->upgrade_websocket);
    EXPECT_FALSE(parse_http_request(head + "Connection: upgrades\r\nUpgrade: websocket2")->upgrade_websocket);
}

TEST(HttpRequest, WhatIsNotUnderstoodIsRefused) {
    const std::string many = [] {
        std::string text = "GET / HTTP/1.0";
        for (unsigned i = 0; i <= kMostHttpHeaders; ++i)
            text += "\r\nX: y";
        return text;
    }();
    for (const std::string& head :
         {std::string(), std::string("GET"), std::string("GET /"), std::string("GET / HTTP/2.0"),
          std::string("GET  / HTTP/1.1\r\nHost: a"), std::string("G(T / HTTP/1.0"),
          std::string("GET / HTTP/1.1"), std::string("GET / HTTP/1.1\r\nHost: a\r\nHost: b"),
          std::string("GET / HTTP/1.0\r\nno colon"), std::string("GET / HTTP/1.0\r\nX: a\r\n folded: b"),
          std::string("GET / HTTP/1.0\r\nX : y"), std::string("GET / HTTP/1.0\r\nX: a\nY: b"),
          std::string("GET / HTTP/1.0\r\nX: a\0b", 22), std::string("GET / HTTP/1.0\r\n\r\n"), many,
          "GET /" + std::string(kMostHttpHead, 'x') + " HTTP/1.0"})
        EXPECT_FALSE(parse_http_request(head)) << head.substr(0, 60);
}

TEST(HttpRequest, TheEndOfAHead) {
    EXPECT_FALSE(find_http_head_end("GET / HTTP/1.0\r\nX: y\r\n"));
    EXPECT_EQ(find_http_head_end("ab\r\n\r\ncd"), 6U);
}

} // namespace
} // namespace dm::vnc
