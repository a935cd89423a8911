// noVNC, as Debian has it, in a real browser. Skipped where one of them is not installed.
#include "dm/vnc/web_files.hpp"
#include "tests/vnc/certificates.hpp"
#include "tests/vnc/vnc_rig.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <gmock/gmock.h>

namespace dm::vnc::test {
namespace {

std::string chromium() {
    for (const char* path : {"/usr/bin/chromium-headless-shell", "/usr/bin/chromium"})
        if (access(path, X_OK) == 0) return path;
    return {};
}

/// What the script prints.
std::string drive(const std::string& url, const std::string& password) {
    const std::string command =
        fmt::format("timeout 200 python3 tests/vnc/browser.py {} '{}' '{}' 2>&1", chromium(), url, password);
    FILE* const pipe = popen(command.c_str(), "r");
    std::string text;
    std::array<char, 512> piece{};
    while (std::fgets(piece.data(), piece.size(), pipe) != nullptr)
        text += piece.data();
    pclose(pipe);
    return text;
}

class VncBrowser : public testing::Test {
protected:
    void SetUp() override {
        if (chromium().empty()) GTEST_SKIP() << "no chromium here: apt-get install chromium-headless-shell";
        if (access("/usr/share/novnc/vnc.html", R_OK) != 0)
            GTEST_SKIP() << "no noVNC here: apt-get install novnc";
    }
    static void expect_a_user(VncRig& rig, const std::string& scheme, unsigned port) {
        const std::string said = drive(fmt::format("{}://127.0.0.1:{}/", scheme, port), "1234");
        ASSERT_THAT(said, testing::EndsWith("done\n"));
        EXPECT_THAT(said, testing::HasSubstr("size 320x200\n"));
        unsigned pixels = 0;
        for (std::size_t at = said.find("pixel "); at != said.npos; at = said.find("pixel ", at + 1)) {
            unsigned x = 0;
            unsigned y = 0;
            u32 colour = 0;
            ASSERT_EQ(std::sscanf(&said[at], "pixel %u %u %x", &x, &y, &colour), 3); // NOLINT(cert-err34-c)
            ++pixels;
            for (const unsigned shift : {0U, 8U, 16U}) // noVNC asks for JPEG
                EXPECT_NEAR(colour >> shift & 255, TestSource::pixel(x, y, 1) >> shift & 255, 12)
                    << x << "," << y;
        }
        EXPECT_EQ(pixels, 5U);
        EXPECT_THAT(rig.input.seen(), testing::ElementsAre(0x1e, -0x1e));
        ASSERT_FALSE(rig.input.moves().empty());
        const auto last = rig.input.moves().back();
        EXPECT_NEAR(last[0], 160, 2);
        EXPECT_NEAR(last[1], 100, 2);
        bool clicked = false;
        for (const auto& move : rig.input.moves())
            clicked |= move[4] == 1;
        EXPECT_TRUE(clicked);
    }
    static constexpr unsigned kPort = 29'800;
};

TEST_F(VncBrowser, LogsInSeesTypesAndPoints) {
    VncOptions options = VncRig::defaults();
    options.password_required = true;
    options.web = door_at(kPort);
    VncRig rig(options);
    ASSERT_NE(rig.server, nullptr) << rig.error;
    rig.password("1234");
    expect_a_user(rig, "http", kPort);
}

TEST_F(VncBrowser, DoesTheSameByHttps) {
    const Certificates pki;
    VncOptions options = VncRig::defaults();
    options.password_required = true;
    options.web = door_at(kPort + 1);
    options.tls = VncTlsOptions{"t", true, pki.directory(), false, ""};
    VncRig rig(options);
    ASSERT_NE(rig.server, nullptr) << rig.error;
    rig.password("1234");
    expect_a_user(rig, "https", kPort + 1);
}

} // namespace
} // namespace dm::vnc::test
