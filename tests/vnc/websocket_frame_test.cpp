// Frames by RFC 6455, with the examples of its section 5.7.
#include "dm/vnc/websocket.hpp"

#include <gmock/gmock.h>

namespace dm::vnc {
namespace {

using Event = WebSocketDecoder::Event;

/// What a decoder makes of some bytes.
struct Heard {
    std::string data;
    std::vector<std::string> pings;
    bool closed = false;
    unsigned error = 0;
};

Heard hear(WebSocketDecoder& decoder, std::span<const u8> in, std::size_t room = 7) {
    Heard heard;
    std::vector<u8> out(room);
    while (!in.empty()) {
        const auto result = decoder.decode(in, out);
        in = in.subspan(result.taken);
        heard.data.append(reinterpret_cast<const char*>(out.data()), result.produced);
        if (result.event == Event::Ping)
            heard.pings.emplace_back(decoder.control().begin(), decoder.control().end());
        if (result.event == Event::Close) heard.closed = true;
        if (result.event == Event::Error) heard.error = decoder.status();
        if (heard.closed || heard.error != 0) break;
    }
    return heard;
}

constexpr std::array<u8, 4> kMask = {0x37, 0xfa, 0x21, 0x3d};

std::vector<u8> frame(unsigned first, std::string_view payload, unsigned length_code = 0) {
    std::vector<u8> f{static_cast<u8>(first)};
    const std::size_t n = payload.size();
    if (length_code == 127 || n > 0xffff) {
        f.push_back(0x80 | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            f.push_back(static_cast<u8>(u64{n} >> shift));
    } else if (length_code == 126 || n > 125) {
        f.push_back(0x80 | 126);
        f.push_back(static_cast<u8>(n >> 8));
        f.push_back(static_cast<u8>(n));
    } else {
        f.push_back(static_cast<u8>(0x80 | n));
    }
    f.insert(f.end(), kMask.begin(), kMask.end());
    for (std::size_t i = 0; i < n; ++i)
        f.push_back(static_cast<u8>(static_cast<u8>(payload[i]) ^ kMask[i % 4]));
    return f;
}

std::vector<u8> operator+(std::vector<u8> a, const std::vector<u8>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Heard hear_new(const std::vector<u8>& in) {
    WebSocketDecoder decoder;
    return hear(decoder, in);
}

TEST(WebSocketFrame, APayloadIsUnmasked) {
    EXPECT_EQ(hear_new(frame(0x82, "Hello")).data, "Hello");
    EXPECT_EQ(hear_new({0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}).data, "Hello");
}

TEST(WebSocketFrame, AllFormsOfLengthAndAnyCutting) {
    for (const std::size_t n : {0U, 1U, 125U, 126U, 65535U, 65536U, 200000U}) {
        std::string payload(n, 'x');
        for (std::size_t i = 0; i < n; ++i)
            payload[i] = static_cast<char>(i * 7);
        const auto bytes = frame(0x82, payload) + frame(0x82, "end");
        WebSocketDecoder whole;
        EXPECT_EQ(hear(whole, bytes, 4096).data, payload + "end") << n;
        WebSocketDecoder pieces;
        std::string data;
        for (std::size_t at = 0; at < bytes.size(); at += 3)
            data += hear(pieces, std::span(bytes).subspan(at, std::min<std::size_t>(3, bytes.size() - at)), 2)
                        .data;
        EXPECT_EQ(data, payload + "end") << n;
    }
}

TEST(WebSocketFrame, FragmentsAreOneMessageAndPingsMayComeBetween) {
    const Heard heard =
        hear_new(frame(0x02, "Hel") + frame(0x89, "are you there") + frame(0x00, "l") + frame(0x80, "o"));
    EXPECT_EQ(heard.data, "Hello");
    EXPECT_THAT(heard.pings, testing::ElementsAre("are you there"));
    EXPECT_EQ(heard.error, 0U);
}

TEST(WebSocketFrame, PongsAreIgnoredAndACloseEnds) {
    const Heard heard =
        hear_new(frame(0x8a, "x") + frame(0x82, "a") + frame(0x88, "\x03\xe8") + frame(0x82, "b"));
    EXPECT_EQ(heard.data, "a");
    EXPECT_TRUE(heard.closed);
}

TEST(WebSocketFrame, WhatIsForbiddenEndsTheConnection) {
    EXPECT_EQ(hear_new({0x82, 0x05, 'H', 'e', 'l', 'l', 'o', 0, 0}).error, PROTOCOL_ERROR); // not masked
    EXPECT_EQ(hear_new(frame(0xc2, "x")).error, PROTOCOL_ERROR);                            // reserved bit
    EXPECT_EQ(hear_new(frame(0x83, "x")).error, PROTOCOL_ERROR);                            // reserved opcode
    EXPECT_EQ(hear_new(frame(0x8b, "x")).error, PROTOCOL_ERROR);
    EXPECT_EQ(hear_new(frame(0x81, "x")).error, UNSUPPORTED_DATA); // text
    EXPECT_EQ(hear_new(frame(0x80, "x")).error, PROTOCOL_ERROR);   // continues nothing
    EXPECT_EQ(hear_new(frame(0x02, "x") + frame(0x82, "y")).error,
              PROTOCOL_ERROR);                                   // a message inside another
    EXPECT_EQ(hear_new(frame(0x09, "x")).error, PROTOCOL_ERROR); // half a ping
    EXPECT_EQ(hear_new(frame(0x89, std::string(126, 'x'))).error, PROTOCOL_ERROR);
    EXPECT_EQ(hear_new(frame(0x82, "x", 126)).error, PROTOCOL_ERROR); // not the shortest form
    EXPECT_EQ(hear_new(frame(0x82, std::string(300, 'x'), 127)).error, PROTOCOL_ERROR);
    EXPECT_EQ(hear_new({0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}).error,
              MESSAGE_TOO_BIG);
    EXPECT_EQ(hear_new({0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0}).error, MESSAGE_TOO_BIG);
}

TEST(WebSocketFrame, AfterAnErrorNothingIsTaken) {
    WebSocketDecoder decoder;
    EXPECT_NE(hear(decoder, frame(0xc2, "x")).error, 0U);
    const Heard more = hear(decoder, frame(0x82, "x"));
    EXPECT_EQ(more.data, "");
    EXPECT_NE(more.error, 0U);
}

TEST(WebSocketFrame, HeadsOfWhatIsSent) {
    const auto head = [](std::size_t n) {
        const auto h = websocket_head(WebSocketOpcode::Binary, n);
        return std::vector<u8>(h.view().begin(), h.view().end());
    };
    using testing::ElementsAre;
    EXPECT_THAT(head(5), ElementsAre(0x82, 5));
    EXPECT_THAT(head(125), ElementsAre(0x82, 125));
    EXPECT_THAT(head(126), ElementsAre(0x82, 126, 0, 126));
    EXPECT_THAT(head(65535), ElementsAre(0x82, 126, 255, 255));
    EXPECT_THAT(head(65536), ElementsAre(0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0));
}

/// A browser that pings all the time and takes 4 KiB at a time of what it is answered: less than that.
class Pinger final : public Stream {
public:
    int read(std::span<u8> out) override {
        std::size_t n = 0;
        for (; n < 6000 && n + ping_.size() <= out.size(); n += ping_.size())
            std::copy(ping_.begin(), ping_.end(), out.begin() + static_cast<std::ptrdiff_t>(n));
        return static_cast<int>(n);
    }
    int write(std::span<const u8> bytes) override {
        if (std::exchange(full_, !full_)) return kAgain;
        const std::size_t n = std::min<std::size_t>(bytes.size(), 4096);
        taken += n;
        return static_cast<int>(n);
    }
    int fd() const override { return -1; }

    std::size_t taken = 0;

private:
    const std::vector<u8> ping_ = frame(0x89, std::string(125, 'p'));
    bool full_ = false;
};

TEST(WebSocketStream, WhatWasSentIsNotKeptForWhoeverNeverTakesItAll) {
    constexpr std::size_t kMuch = 16 << 20;
    auto pinger = std::make_unique<Pinger>();
    const Pinger& browser = *pinger;
    WebSocketStream stream(std::move(pinger), {});
    std::array<u8, 16384> data{};
    std::size_t most = 0;
    while (browser.taken < kMuch) {
        ASSERT_EQ(stream.read(data), Stream::kAgain);
        ASSERT_TRUE(stream.flush());
        most = std::max(most, stream.held());
    }
    EXPECT_LE(most, 3 * WebSocketStream::kMostUnsent);
}

TEST(WebSocketUpgrade, TheKeyIsAnsweredAsInTheRfc) {
    EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

HttpRequest upgrade() {
    return *parse_http_request(
        "GET /x HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: chat, binary");
}

TEST(WebSocketUpgrade, IsAcceptedWithTheBinaryProtocol) {
    const WebSocketAnswer answer = answer_websocket(upgrade());
    EXPECT_TRUE(answer.accepted);
    EXPECT_THAT(answer.response, testing::StartsWith("HTTP/1.1 101 "));
    EXPECT_THAT(answer.response, testing::HasSubstr("Sec-WebSocket-Protocol: binary\r\n"));
    EXPECT_THAT(answer.response, testing::EndsWith("\r\n\r\n"));
    HttpRequest none = upgrade();
    none.websocket_protocols = "";
    EXPECT_THAT(answer_websocket(none).response, testing::Not(testing::HasSubstr("Protocol: binary")));
}

TEST(WebSocketUpgrade, WhatIsNoUpgradeIsRefused) {
    const auto refused = [](auto change) {
        HttpRequest request = upgrade();
        change(request);
        const WebSocketAnswer answer = answer_websocket(request);
        EXPECT_FALSE(answer.accepted);
        return answer.response.substr(9, 3);
    };
    EXPECT_EQ(refused([](HttpRequest& r) { r.upgrade_websocket = false; }), "426");
    EXPECT_EQ(refused([](HttpRequest& r) { r.websocket_version = "8"; }), "426");
    EXPECT_EQ(refused([](HttpRequest& r) { r.websocket_key = "short"; }), "400");
    EXPECT_EQ(refused([](HttpRequest& r) { r.websocket_key = ""; }), "400");
    EXPECT_EQ(refused([](HttpRequest& r) { r.method = "POST"; }), "400");
    EXPECT_EQ(refused([](HttpRequest& r) { r.http_1_1 = false; }), "400");
}

} // namespace
} // namespace dm::vnc
