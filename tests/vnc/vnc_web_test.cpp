// The doors for browsers: the WebSocket's port and the web console's.
#include "dm/vnc/vnc_auth.hpp"
#include "tests/support/free_port.hpp"
#include "tests/vnc/certificates.hpp"
#include "tests/vnc/vnc_rig.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <optional>

namespace dm::vnc::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kUpgrade =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A folder that looks like noVNC's.
class Site {
public:
    Site() {
        std::string pattern = std::filesystem::temp_directory_path() / "hvmdm-web-XXXXXX";
        directory_ = mkdtemp(pattern.data());
        std::filesystem::create_directories(directory_ + "/core/deep");
        write("vnc.html", "<html>console</html>");
        write("core/rfb.js", std::string(100'000, 'j'));
        write("core/deep/x.css", "css");
        write("core/secret.key", "not for the web");
        write(".hidden.html", "hidden");
        std::filesystem::create_symlink("/etc/passwd", directory_ + "/link.html");
        std::filesystem::create_symlink("/etc", directory_ + "/etc");
    }
    ~Site() { std::filesystem::remove_all(directory_); }
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;
    const std::string& directory() const { return directory_; }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(directory_ + "/" + name) << text;
    }

private:
    std::string directory_;
};

struct WebRig {
    explicit WebRig(bool password = false, bool tls = false) {
        VncOptions options = VncRig::defaults();
        options.password_required = password;
        options.websocket = door_at(socket_port());
        options.web = door_at(web_port(), site.directory());
        if (tls) options.tls = VncTlsOptions{"tls0", true, pki->directory(), false, ""};
        rig.emplace(options);
    }
    static u16 socket_port() {
        static const u16 port = dm::test::free_port();
        return port;
    }
    static u16 web_port() {
        static const u16 port = dm::test::free_port();
        return port;
    }
    Site site;
    std::optional<Certificates> pki{std::in_place};
    std::optional<VncRig> rig;
};

/// Head and body of the answer.
std::string ask(RawViewer& viewer, std::string_view request) {
    viewer.send(request);
    std::string got;
    while (got.find("\r\n\r\n") == got.npos) {
        const std::string byte = viewer.receive(1, 5000);
        if (byte.empty()) return got;
        got += byte;
    }
    const std::size_t at = got.find("Content-Length: ");
    return at == got.npos ? got : got + viewer.receive(std::stoul(got.substr(at + 16)));
}

std::string get(std::string_view target) {
    RawViewer viewer(WebRig::web_port());
    return ask(viewer, fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", target));
}

/// A masked frame.
std::string frame(std::string_view payload, unsigned first = 0x82) {
    std::string f{static_cast<char>(first)};
    if (payload.size() < 126) {
        f += static_cast<char>(0x80 | payload.size());
    } else {
        f += static_cast<char>(0xfe);
        f += static_cast<char>(payload.size() >> 8);
        f += static_cast<char>(payload.size());
    }
    const std::string mask = "\x11\x22\x33\x44";
    f += mask;
    for (std::size_t i = 0; i < payload.size(); ++i)
        f += static_cast<char>(payload[i] ^ mask[i % 4]);
    return f;
}

/// A viewer that speaks WebSocket.
class WebViewer {
public:
    explicit WebViewer(int port, std::string_view path = "/", std::string_view more = "") : raw(port) {
        answer = ask(raw, fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n{}{}", path, more, kUpgrade));
    }
    /// Bytes of the messages, whatever their limits.
    std::string receive(std::size_t n) {
        while (have_.size() < n) {
            const std::string head = raw.receive(2);
            if (head.size() < 2 || head[0] != '\x82') break;
            std::size_t size = static_cast<unsigned char>(head[1]);
            if (size == 126) {
                const std::string more = raw.receive(2);
                size = static_cast<unsigned char>(more[0]) * 256U + static_cast<unsigned char>(more[1]);
            }
            have_ += raw.receive(size);
        }
        const std::string got = have_.substr(0, n);
        have_.erase(0, got.size());
        return got;
    }
    void send(std::string_view bytes) { raw.send(frame(bytes)); }
    bool enter(const std::string& password = "") {
        if (receive(12) != "RFB 003.008\n") return false;
        send("RFB 003.008\n");
        const std::string types = receive(2);
        if (types.size() != 2) return false;
        send(types.substr(1));
        if (types[1] == 2) {
            const std::string text = receive(kChallengeBytes);
            if (text.size() != kChallengeBytes) return false;
            std::array<u8, kChallengeBytes> challenge{};
            std::copy(text.begin(), text.end(), challenge.begin());
            const auto right = vnc_response(password, challenge);
            send(std::string(right.begin(), right.end()));
        }
        if (receive(4) != std::string(4, '\0')) return false;
        send("\1");
        return receive(24 + 7).ends_with("guest-7");
    }
    RawViewer raw;
    std::string answer;

private:
    std::string have_;
};

/// 16x1 pixels of the top left corner, raw.
void expect_picture(WebViewer& viewer, u32 seed) {
    viewer.send(std::string("\3\0\0\0\0\0\0\x10\0\1", 10));
    const std::string update = viewer.receive(16 + 64);
    ASSERT_EQ(update.size(), 80U);
    for (unsigned x = 0; x < 16; ++x) {
        u32 pixel = 0;
        std::memcpy(&pixel, &update[16 + x * 4], 4);
        EXPECT_EQ(pixel, TestSource::pixel(x, 0, seed));
    }
}

TEST(VncWebSocket, AViewerSeesAndTypes) {
    WebRig web;
    ASSERT_NE(web.rig->server, nullptr) << web.rig->error;
    WebViewer viewer(WebRig::socket_port(), "/any", "Sec-WebSocket-Protocol: binary\r\n");
    EXPECT_THAT(viewer.answer, StartsWith("HTTP/1.1 101 "));
    EXPECT_THAT(viewer.answer, HasSubstr("Sec-WebSocket-Protocol: binary"));
    ASSERT_TRUE(viewer.enter());
    expect_picture(viewer, 1);
    const std::string key("\4\1\0\0\0\0\0a", 8);
    viewer.raw.send(frame(key.substr(0, 3), 0x02) + frame("", 0x89) +
                    frame(key.substr(3), 0x80)); // in fragments
    EXPECT_TRUE(eventually([&] { return web.rig->input.seen().size() == 1; }));
    const VncInfo info = web.rig->info();
    ASSERT_EQ(info.clients.size(), 1U);
    EXPECT_TRUE(info.clients[0].websocket);
}

TEST(VncWebSocket, ThePasswordIsTheSame) {
    WebRig web(true);
    web.rig->password("1234");
    EXPECT_FALSE(WebViewer(WebRig::socket_port()).enter("1235"));
    EXPECT_TRUE(WebViewer(WebRig::socket_port()).enter("1234"));
    EXPECT_TRUE(WebViewer(WebRig::web_port(), "/websockify").enter("1234"));
}

TEST(VncWebSocket, PingsAreAnsweredAndAClosingIsClosed) {
    WebRig web;
    WebViewer viewer(WebRig::socket_port());
    ASSERT_TRUE(viewer.enter());
    viewer.raw.send(frame("hello", 0x89));
    EXPECT_EQ(viewer.raw.receive(7), "\x8a\x05hello");
    viewer.raw.send(frame("\x03\xe8", 0x88));
    EXPECT_EQ(viewer.raw.receive(4), "\x88\x02\x03\xe8");
    EXPECT_TRUE(viewer.raw.hung_up());
}

TEST(VncWebSocket, WrongFramesEndTheConnectionWithTheirStatus) {
    WebRig web;
    WebViewer viewer(WebRig::socket_port());
    ASSERT_TRUE(viewer.enter());
    viewer.raw.send("\x82\x01x......"); // not masked
    EXPECT_EQ(viewer.raw.receive(4), "\x88\x02\x03\xea");
    EXPECT_TRUE(viewer.raw.hung_up());
}

TEST(VncWebSocket, RequestsThatAreNoneAreRefused) {
    WebRig web;
    for (const auto& [request, status] :
         {std::pair{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "426"}, std::pair{"RFB 003.008\n\r\n\r\n", "400"},
          std::pair{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "400"}}) {
        RawViewer viewer(WebRig::socket_port());
        EXPECT_EQ(ask(viewer, request).substr(9, 3), status);
        EXPECT_TRUE(viewer.hung_up());
    }
}

TEST(VncWebSocket, AHeadWithoutEndIsCutOff) {
    WebRig web;
    RawViewer viewer(WebRig::socket_port());
    viewer.send("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x'));
    EXPECT_TRUE(viewer.hung_up(5000));
}

TEST(VncWebSocket, GarbageInFramesHarmsNobody) {
    WebRig web;
    u32 noise = 7;
    for (int i = 0; i < 20; ++i) {
        WebViewer viewer(WebRig::socket_port());
        if (i % 2 == 0) viewer.enter();
        std::string bytes;
        for (int n = 0; n < 2000; ++n) {
            noise = noise * 1664525 + 1013904223;
            bytes.push_back(static_cast<char>(noise >> 24));
        }
        viewer.raw.send(i % 4 < 2 ? frame(bytes) : bytes);
    }
    WebViewer viewer(WebRig::socket_port());
    ASSERT_TRUE(viewer.enter());
    expect_picture(viewer, 1);
    EXPECT_LT(web.rig->loop.latency(), 3s);
}

TEST(VncWebSocket, AViewerThatNeverReadsDelaysNobody) {
    WebRig web;
    web.rig->draw(1, 2000, 1500);
    WebViewer stalled(WebRig::socket_port());
    ASSERT_TRUE(stalled.enter());
    for (int i = 0; i < 20; ++i)
        stalled.send(std::string("\3\0\0\0\0\0\x07\xd0\x05\xdc", 10));
    for (int i = 0; i < 2000; ++i)
        stalled.raw.send(frame("are you there", 0x89));
    std::this_thread::sleep_for(200ms);
    Viewer other(web.rig->port(), {});
    web.rig->draw(5, 640, 480);
    const auto start = steady_clock::now();
    EXPECT_TRUE(other.shows(5, 640, 480));
    web.rig->end();
    EXPECT_LT(steady_clock::now() - start, 6s);
}

TEST(VncWebConsole, ServesTheFilesOfTheViewer) {
    WebRig web;
    EXPECT_THAT(get("/vnc.html?x=y"), testing::AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("text/html"),
                                                     testing::EndsWith("<html>console</html>")));
    EXPECT_THAT(get("/core/rfb.js"),
                testing::AllOf(HasSubstr("text/javascript"), HasSubstr("Content-Length: 100000"),
                               testing::EndsWith("jjjj")));
    EXPECT_THAT(get("/core/deep/x.css"), HasSubstr("text/css"));
    EXPECT_THAT(get("/"), testing::AllOf(StartsWith("HTTP/1.1 302"), HasSubstr("Location: /vnc.html")));
}

TEST(VncWebConsole, NothingElseIsServed) {
    WebRig web;
    for (const char* target : {"/core/secret.key", "/.hidden.html", "/link.html", "/etc/passwd",
                               "/../etc/passwd", "/core/../vnc.html", "/%2e%2e/%2e%2e/etc/passwd",
                               "//vnc.html", "/vnc.html/", "/core", "/core/", "/core/rfb.js%20", "/vnc.htm"})
        EXPECT_THAT(get(target), StartsWith("HTTP/1.1 404")) << target;
    EXPECT_THAT(get("/vnc.html%00.js"), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(get("vnc.html"), StartsWith("HTTP/1.1 400"));
}

TEST(VncWebConsole, AConnectionServesSeveralRequestsAndHeadsWithoutBodies) {
    WebRig web;
    RawViewer viewer(WebRig::web_port());
    EXPECT_THAT(ask(viewer, "GET /vnc.html HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("console"));
    viewer.send("HEAD /core/rfb.js HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(
        ask(viewer, "PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
        testing::AllOf(HasSubstr("Content-Length: 100000"), testing::Not(HasSubstr("jj")), HasSubstr("405")));
    EXPECT_TRUE(viewer.hung_up());
}

TEST(VncWebConsole, APageOfAnotherSiteMayNotUseIt) {
    WebRig web;
    EXPECT_THAT(WebViewer(WebRig::web_port(), "/websockify", "Origin: http://evil\r\n").answer,
                StartsWith("HTTP/1.1 403"));
    EXPECT_THAT(WebViewer(WebRig::web_port(), "/other").answer, StartsWith("HTTP/1.1 403"));
    WebViewer viewer(WebRig::web_port(), "/websockify", "Origin: http://h\r\n");
    EXPECT_TRUE(viewer.enter());
}

TEST(VncWebConsole, SlowAndSilentRequestsKeepNobodyOut) {
    WebRig web;
    std::vector<std::unique_ptr<RawViewer>> slow;
    for (int i = 0; i < 70; ++i) {
        slow.push_back(
            std::make_unique<RawViewer>(WebRig::web_port(), fmt::format("127.0.1.{}", i / 5 + 1).c_str()));
        if (i % 2 == 0) slow.back()->send("GET / HTT");
    }
    EXPECT_THAT(get("/vnc.html"), HasSubstr("console"));
    EXPECT_TRUE(Viewer(web.rig->port(), {}).connected());
}

TEST(VncWebConsole, IsNotThereUnlessAskedFor) {
    VncRig rig;
    RawViewer viewer(rig.port());
    viewer.receive(12);
    viewer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(viewer.receive(100), "");
}

TEST(VncWebConsole, WithoutNovncTheErrorNamesThePackage) {
    VncOptions options = VncRig::defaults();
    options.web = door_at(dm::test::free_port(), "/nonexistent");
    VncRig rig(options);
    EXPECT_THAT(rig.error, testing::AllOf(HasSubstr("package novnc"), HasSubstr("/nonexistent"),
                                          HasSubstr("-hvmdm-web")));
}

TEST(VncWebConsole, ItsDefaultPortsFollowTheDisplay) {
    const Site site;
    VncOptions options = VncRig::defaults();
    options.websocket.emplace();
    options.web = door_at(0, site.directory());
    VncRig rig(options);
    ASSERT_NE(rig.server, nullptr) << rig.error;
    const int display = rig.port() - static_cast<int>(kVncBasePort);
    EXPECT_TRUE(RawViewer(static_cast<int>(kVncWebSocketBasePort) + display).connected());
    EXPECT_TRUE(RawViewer(static_cast<int>(kVncWebBasePort) + display).connected());
    VncRig second(options); // its display is the next one
    EXPECT_NE(second.server, nullptr) << second.error;
}

TEST(VncWebConsole, BrowsersWantCertificates) {
    VncOptions options = VncRig::defaults();
    options.websocket.emplace();
    options.tls = VncTlsOptions{"tls0", false, "", false, ""};
    EXPECT_THAT(VncRig(options).error, HasSubstr("tls-creds-x509"));
}

/// GnuTLS's client over a RawViewer's socket.
class HttpsClient {
public:
    explicit HttpsClient(int port) : raw_(port) {
        gnutls_certificate_allocate_credentials(&credentials_);
        gnutls_init(&session_, GNUTLS_CLIENT);
        gnutls_set_default_priority(session_);
        gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, credentials_);
        gnutls_transport_set_int(session_, raw_.fd());
        ok = gnutls_handshake(session_) == 0;
    }
    ~HttpsClient() {
        gnutls_deinit(session_);
        gnutls_certificate_free_credentials(credentials_);
    }
    HttpsClient(const HttpsClient&) = delete;
    HttpsClient& operator=(const HttpsClient&) = delete;
    std::string ask(std::string_view request, std::string_view until) {
        gnutls_record_send(session_, request.data(), request.size());
        std::string got;
        std::array<char, 4096> piece{};
        while (got.find(until) == got.npos) {
            const ssize_t n = gnutls_record_recv(session_, piece.data(), piece.size());
            if (n <= 0) break;
            got.append(piece.data(), static_cast<std::size_t>(n));
        }
        return got;
    }
    bool ok = false;

private:
    RawViewer raw_;
    gnutls_session_t session_ = nullptr;
    gnutls_certificate_credentials_t credentials_ = nullptr;
};

TEST(VncWebConsole, WithTlsItIsHttps) {
    WebRig web(false, true);
    ASSERT_NE(web.rig->server, nullptr) << web.rig->error;
    HttpsClient client(WebRig::web_port());
    ASSERT_TRUE(client.ok);
    EXPECT_THAT(client.ask("GET /vnc.html HTTP/1.1\r\nHost: h\r\n\r\n", "</html>"), HasSubstr("console"));
    HttpsClient viewer(WebRig::socket_port());
    const std::string answer =
        viewer.ask(fmt::format("GET / HTTP/1.1\r\nHost: h\r\n{}", kUpgrade), "RFB 003.008\n");
    EXPECT_THAT(answer, HasSubstr("101"));
    EXPECT_THAT(answer, testing::EndsWith("RFB 003.008\n"));
    RawViewer plain(WebRig::web_port());
    plain.send("GET /vnc.html HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(plain.hung_up());
}

} // namespace
} // namespace dm::vnc::test
