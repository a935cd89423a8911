// Viewers that people use, under Xvfb. Skipped where they are not installed.
#include "tests/vnc/certificates.hpp"
#include "tests/vnc/vnc_rig.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <gmock/gmock.h>

namespace dm::vnc::test {
namespace {

class VncDesktopViewers : public testing::Test {
protected:
    static void needs(std::initializer_list<const char*> programs) {
        for (const char* program : programs)
            if (access(fmt::format("/usr/bin/{}", program).c_str(), X_OK) != 0)
                GTEST_SKIP() << "no " << program
                             << " here: apt-get install tigervnc-viewer gvncviewer xvfb xdotool imagemagick";
    }
    /// What the script prints.
    static std::string drive(const char* viewer, int port, const std::string& authority) {
        const std::string command = fmt::format(
            "timeout 200 python3 tests/vnc/desktop_viewer.py {} {} 1234 '{}' 2>&1", viewer, port, authority);
        FILE* const pipe = popen(command.c_str(), "r");
        std::string text;
        std::array<char, 512> piece{};
        while (std::fgets(piece.data(), piece.size(), pipe) != nullptr)
            text += piece.data();
        pclose(pipe);
        return text;
    }
    static VncOptions with_password() {
        VncOptions options = VncRig::defaults();
        options.password_required = true;
        return options;
    }
    static void expect_a_user(VncRig& rig, const char* viewer, const std::string& authority) {
        ASSERT_NE(rig.server, nullptr) << rig.error;
        rig.password("1234");
        rig.loop.call([&] { rig.input.become({0, true}); }); // a tablet
        const std::string said = drive(viewer, rig.port(), authority);
        EXPECT_THAT(said, testing::HasSubstr("the picture is seen\n"));
        EXPECT_THAT(said, testing::EndsWith("done\n"));
        EXPECT_THAT(rig.input.seen(), testing::ElementsAre(0x1e, -0x1e));
        bool clicked = false;
        for (const auto& move : rig.input.moves())
            clicked |= move[4] == 1 && move[0] == 160 && move[1] == 100;
        EXPECT_TRUE(clicked);
    }
};

TEST_F(VncDesktopViewers, TigerVnc) {
    needs({"Xvfb", "xdotool", "import", "xtigervncviewer"});
    if (IsSkipped()) return;
    VncRig rig(with_password());
    expect_a_user(rig, "tigervnc", "");
}

TEST_F(VncDesktopViewers, TigerVncWithTls) {
    needs({"Xvfb", "xdotool", "import", "xtigervncviewer"});
    if (IsSkipped()) return;
    const Certificates pki;
    VncOptions options = with_password();
    options.tls = VncTlsOptions{"t", true, pki.directory(), false, ""};
    VncRig rig(options);
    expect_a_user(rig, "tigervnc", pki.file("ca-cert.pem"));
}

TEST_F(VncDesktopViewers, GtkVnc) {
    needs({"Xvfb", "xdotool", "import", "gvncviewer"});
    if (IsSkipped()) return;
    VncRig rig(with_password());
    expect_a_user(rig, "gvncviewer", "");
}

TEST_F(VncDesktopViewers, GtkVncWithAnonymousTls) {
    needs({"Xvfb", "xdotool", "import", "gvncviewer"});
    if (IsSkipped()) return;
    VncOptions options = with_password();
    options.tls = VncTlsOptions{"t", false, "", false, ""};
    VncRig rig(options);
    expect_a_user(rig, "gvncviewer", "");
}

} // namespace
} // namespace dm::vnc::test
