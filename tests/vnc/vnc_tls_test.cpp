// VeNCrypt with libvncclient, which has it, and with viewers that do it wrong.
#include "tests/vnc/certificates.hpp"
#include "tests/vnc/vnc_rig.hpp"

#include <csignal>
#include <filesystem>
#include <gmock/gmock.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HVMDM_LEAKS_ARE_LOOKED_FOR
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HVMDM_LEAKS_ARE_LOOKED_FOR
#endif
#ifdef HVMDM_LEAKS_ARE_LOOKED_FOR
#include <sanitizer/lsan_interface.h>
#endif

namespace dm::vnc::test {
namespace {

using testing::HasSubstr;

/// What libvncclient and GnuTLS send to a server that has hung up.
[[maybe_unused]] const auto ignored = signal(SIGPIPE, SIG_IGN);

const Certificates& pki() {
    static const Certificates made;
    return made;
}

VncOptions encrypted(bool x509, bool verify_peer, bool password) {
    VncOptions options = VncRig::defaults();
    options.tls = VncTlsOptions{"tls0", x509, pki().directory(), verify_peer, ""};
    options.password_required = password;
    return options;
}

char* copy(const std::string& text) {
    return strdup(text.c_str());
}

/// What a viewer has for certificates; `name`: of its own, empty: none.
std::function<void(rfbClient*)> with_certificate(const std::string& name) {
    return [name](rfbClient* client) {
        static thread_local std::string mine;
        mine = name;
        client->GetCredential = [](rfbClient*, int type) -> rfbCredential* {
            if (type != rfbCredentialTypeX509) return nullptr;
            auto* credential = static_cast<rfbCredential*>(std::calloc(1, sizeof(rfbCredential)));
            credential->x509Credential.x509CACertFile = copy(pki().file("ca-cert.pem"));
            if (!mine.empty()) {
                credential->x509Credential.x509ClientCertFile = copy(pki().file(mine + "-cert.pem"));
                credential->x509Credential.x509ClientKeyFile = copy(pki().file(mine + "-key.pem"));
            }
            return credential;
        };
    };
}

/// libvncclient never frees its certificates.
struct LeakyFromHere {
    LeakyFromHere() {
#ifdef HVMDM_LEAKS_ARE_LOOKED_FOR
        __lsan_disable();
#endif
    }
};

class TlsViewer : LeakyFromHere, public Viewer {
public:
    TlsViewer(int port, const Options& options) : Viewer(port, options) {
#ifdef HVMDM_LEAKS_ARE_LOOKED_FOR
        __lsan_enable();
#endif
    }
};

TEST(VncTls, AViewerSeesTheScreenWithX509) {
    VncRig rig(encrypted(true, false, false));
    ASSERT_NE(rig.server, nullptr) << rig.error;
    EXPECT_EQ(rig.info().auth, "vencrypt+x509+none");
    TlsViewer viewer(rig.port(), {.encodings = "tight zrle raw", .prepare = with_certificate("")});
    ASSERT_TRUE(viewer.connected());
    EXPECT_TRUE(viewer.shows(1, 320, 200));
    rig.draw(2, 1024, 768);
    EXPECT_TRUE(viewer.shows(2, 1024, 768));
    SendKeyEvent(viewer.get(), 'a', TRUE);
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 1; }));
}

TEST(VncTls, ThePasswordIsAskedForBehindTls) {
    VncRig rig(encrypted(true, false, true));
    EXPECT_EQ(rig.info().auth, "vencrypt+x509+vnc");
    EXPECT_TRUE(rig.password("1234"));
    EXPECT_FALSE(TlsViewer(rig.port(), {.password = "1235", .prepare = with_certificate("")}).connected());
    TlsViewer viewer(rig.port(), {.password = "1234", .prepare = with_certificate("")});
    ASSERT_TRUE(viewer.connected());
    EXPECT_TRUE(viewer.shows(1, 320, 200));
}

TEST(VncTls, AnonymousTlsNeedsNoCertificates) {
    for (const bool password : {false, true}) {
        VncRig rig(encrypted(false, false, password));
        EXPECT_EQ(rig.info().auth, password ? "vencrypt+tls+vnc" : "vencrypt+tls+none");
        if (password) rig.password("1234");
        TlsViewer viewer(rig.port(), {.password = "1234", .prepare = with_certificate("")});
        ASSERT_TRUE(viewer.connected());
        EXPECT_TRUE(viewer.shows(1, 320, 200));
    }
}

TEST(VncTls, WithVerifyPeerTheViewerNeedsACertificateOfTheCa) {
    VncRig rig(encrypted(true, true, false));
    TlsViewer known(rig.port(), {.prepare = with_certificate("client")});
    ASSERT_TRUE(known.connected());
    EXPECT_TRUE(known.shows(1, 320, 200));
    EXPECT_FALSE(TlsViewer(rig.port(), {.prepare = with_certificate("stranger")}).connected());
    EXPECT_FALSE(TlsViewer(rig.port(), {.prepare = with_certificate("")}).connected());
    EXPECT_EQ(rig.info().clients.size(), 1U);
}

TEST(VncTls, NobodyEntersWithoutEncryption) {
    VncRig rig(encrypted(true, false, false));
    RawViewer viewer(rig.port());
    viewer.receive(12);
    viewer.send("RFB 003.008\n");
    EXPECT_EQ(viewer.receive(2), std::string("\x01\x13"));
    viewer.send({1}); // None
    EXPECT_EQ(viewer.receive(4), std::string("\0\0\0\1", 4));
    EXPECT_TRUE(viewer.hung_up());
    RawViewer old(rig.port());
    old.receive(12);
    old.send("RFB 003.003\n");
    EXPECT_EQ(old.receive(4), std::string(4, '\0'));
    EXPECT_THAT(old.receive(200, 1000), HasSubstr("encryption"));
    EXPECT_TRUE(old.hung_up());
}

/// Up to the choice of the VeNCrypt type.
void begin(RawViewer& viewer, std::initializer_list<unsigned> version = {0, 2}) {
    viewer.receive(12);
    viewer.send("RFB 003.008\n");
    viewer.receive(2);
    viewer.send({19});
    EXPECT_EQ(viewer.receive(2), std::string("\0\2", 2));
    viewer.send(version);
}

TEST(VncTls, AVencryptTypeThatWasNotOfferedIsRefused) {
    VncRig rig(encrypted(true, false, true));
    for (const unsigned type : {256U, 257U, 258U, 260U, 262U, 0U}) { // Plain, without TLS, among them
        RawViewer viewer(rig.port());
        begin(viewer);
        EXPECT_EQ(viewer.receive(1), std::string(1, '\0'));
        EXPECT_EQ(viewer.receive(5), std::string("\1\0\0\1\5", 5)); // X509Vnc
        viewer.send({0, 0, type >> 8, type & 255});
        EXPECT_EQ(viewer.receive(1), std::string(1, '\0'));
        EXPECT_TRUE(viewer.hung_up());
    }
}

TEST(VncTls, AnotherVersionOfVencryptIsRefused) {
    VncRig rig(encrypted(true, false, true));
    RawViewer viewer(rig.port());
    begin(viewer, {0, 1});
    EXPECT_EQ(viewer.receive(1), "\xff");
    EXPECT_TRUE(viewer.hung_up());
}

TEST(VncTls, GarbageAndSilenceInsteadOfAHandshakeDelayNobody) {
    VncRig rig(encrypted(true, false, false));
    std::vector<std::unique_ptr<RawViewer>> bad;
    for (int i = 0; i < 12; ++i) {
        bad.push_back(std::make_unique<RawViewer>(rig.port()));
        begin(*bad.back());
        bad.back()->receive(6);
        bad.back()->send({0, 0, 1, 4}); // X509None
        EXPECT_EQ(bad.back()->receive(1), "\1");
        if (i % 3 == 1) bad.back()->send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03"); // half a ClientHello
        if (i % 3 == 2) bad.back()->send(std::string(3000, '\xa5'));
    }
    const auto start = steady_clock::now();
    TlsViewer viewer(rig.port(), {.prepare = with_certificate("")});
    ASSERT_TRUE(viewer.connected());
    EXPECT_TRUE(viewer.shows(1, 320, 200));
    EXPECT_LT(steady_clock::now() - start, 5s);
    EXPECT_LT(rig.loop.latency(), 3s);
    rig.end();
    EXPECT_LT(steady_clock::now() - start, 15s);
}

TEST(VncTls, AViewerBehindTlsThatNeverReadsDelaysNobody) {
    VncRig rig(encrypted(true, false, false));
    rig.draw(1, 2000, 1500);
    TlsViewer stalled(rig.port(), {.prepare = with_certificate("")});
    ASSERT_TRUE(stalled.connected());
    for (int i = 0; i < 20; ++i)
        SendFramebufferUpdateRequest(stalled.get(), 0, 0, 2000, 1500, FALSE);
    std::this_thread::sleep_for(200ms);
    TlsViewer other(rig.port(), {.prepare = with_certificate("")});
    for (u32 seed = 2; seed < 6; ++seed) {
        const auto start = steady_clock::now();
        rig.draw(seed, 640, 480);
        EXPECT_TRUE(other.shows(seed, 640, 480));
        EXPECT_LT(steady_clock::now() - start, 3s);
        EXPECT_LT(rig.loop.latency(), 3s);
    }
    const auto start = steady_clock::now();
    rig.end();
    EXPECT_LT(steady_clock::now() - start, 3s);
}

// ---- errors at the start

std::string start_error(const VncTlsOptions& tls) {
    VncOptions options = VncRig::defaults();
    options.tls = tls;
    return VncRig(options).error;
}

TEST(VncTlsFiles, WhatIsMissingOrWrongIsNamed) {
    const VncTlsOptions good{"tls0", true, pki().directory(), true, ""};
    EXPECT_EQ(start_error(good), "");
    VncTlsOptions nowhere = good;
    nowhere.directory = "/nonexistent";
    EXPECT_THAT(start_error(nowhere), HasSubstr("/nonexistent/server-cert.pem"));
    EXPECT_THAT(start_error(nowhere), HasSubstr("id=tls0"));
    VncTlsOptions words = good;
    words.priority = "NORMAL:+NONSENSE";
    EXPECT_THAT(start_error(words), HasSubstr("NONSENSE"));
    for (const char* file : {"ca-cert.pem", "server-cert.pem", "server-key.pem"}) {
        const Certificates broken;
        VncTlsOptions tls = good;
        tls.directory = broken.directory();
        broken.write(file, "nonsense");
        EXPECT_THAT(start_error(tls), HasSubstr(broken.directory())) << file;
        std::filesystem::remove(broken.file(file));
        EXPECT_THAT(start_error(tls), HasSubstr(broken.file(file))) << file;
    }
    const Certificates other;
    other.write("server-key.pem", [] {
        std::ifstream key(pki().file("server-key.pem"));
        return std::string(std::istreambuf_iterator<char>(key), {});
    }());
    VncTlsOptions mismatched = good;
    mismatched.directory = other.directory();
    EXPECT_THAT(start_error(mismatched), HasSubstr("server-key.pem"));
}

} // namespace
} // namespace dm::vnc::test
