// The server with real viewers over the loopback interface.
#include "dm/vnc/vnc_auth.hpp"
#include "tests/vnc/vnc_rig.hpp"

#include <fstream>
#include <gmock/gmock.h>
#include <sys/un.h>

namespace dm::vnc::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(VncServer, TellsWhereItListensAndWhoIsThere) {
    VncRig rig;
    VncInfo info = rig.info();
    EXPECT_EQ(info.host, "127.0.0.1");
    EXPECT_EQ(info.family, "ipv4");
    EXPECT_EQ(info.auth, "none");
    EXPECT_GE(std::stoi(info.service), 5900);
    EXPECT_THAT(info.clients, IsEmpty());
    Viewer viewer(rig.port(), {});
    ASSERT_TRUE(viewer.connected());
    info = rig.info();
    ASSERT_EQ(info.clients.size(), 1U);
    EXPECT_EQ(info.clients[0].host, "127.0.0.1");
    viewer.leave();
    EXPECT_TRUE(eventually([&] { return rig.info().clients.empty(); }));
}

TEST(VncServer, AViewerSeesTheScreenInEveryEncoding) {
    VncRig rig;
    for (const char* encoding : {"raw", "hextile", "zlib", "zrle", "tight", "copyrect"}) {
        Viewer viewer(rig.port(), {.encodings = encoding});
        ASSERT_TRUE(viewer.connected()) << encoding;
        EXPECT_STREQ(viewer->desktopName, "guest-7");
        EXPECT_TRUE(viewer.shows(rig.source.seed, 320, 200)) << encoding;
        rig.draw(rig.source.seed + 1);
        EXPECT_TRUE(viewer.shows(rig.source.seed, 320, 200)) << encoding;
    }
}

TEST(VncServer, AViewerMayHaveItsOwnPixelFormat) {
    VncRig rig;
    Viewer viewer(rig.port(), {.encodings = "zrle", .native_format = false});
    ASSERT_TRUE(viewer.connected());
    EXPECT_TRUE(viewer.shows(1, 320, 200));
}

TEST(VncServer, AChangeOfModeReachesTheViewer) {
    VncRig rig;
    Viewer viewer(rig.port(), {});
    ASSERT_TRUE(viewer.shows(1, 320, 200));
    rig.draw(2, 1024, 768);
    EXPECT_TRUE(viewer.shows(2, 1024, 768));
    rig.draw(3, 8, 1);
    EXPECT_TRUE(viewer.shows(3, 8, 1));
    rig.draw(4, 720, 400);
    EXPECT_TRUE(viewer.shows(4, 720, 400));
}

TEST(VncServer, AModeThatIsTooLargeIsCropped) {
    VncRig rig;
    Viewer viewer(rig.port(), {});
    rig.draw(5, 4000, 3000);
    EXPECT_TRUE(viewer.shows(5, 2560, 1600));
}

TEST(VncServer, ManyModeChangesWithSeveralViewers) {
    VncRig rig;
    Viewer a(rig.port(), {.encodings = "tight"});
    Viewer b(rig.port(), {.encodings = "zrle"});
    for (u32 i = 0; i < 40; ++i) {
        rig.draw(i, 8 + i * 37 % 800, 1 + i * 53 % 600);
        a.until([] { return false; }, 10ms);
        b.until([] { return false; }, 5ms);
    }
    rig.draw(99, 640, 480);
    EXPECT_TRUE(a.shows(99, 640, 480));
    EXPECT_TRUE(b.shows(99, 640, 480));
}

TEST(VncServer, NothingIsDrawnWhileNobodyLooks) {
    VncRig rig;
    std::this_thread::sleep_for(100ms);
    EXPECT_EQ(rig.source.refreshes, 0U);
    {
        Viewer viewer(rig.port(), {});
        ASSERT_TRUE(viewer.shows(1, 320, 200));
        EXPECT_TRUE(eventually([&] { return rig.source.refreshes > 3; }));
    }
    EXPECT_TRUE(eventually([&] { return rig.source.unwatches > 0; }));
    const unsigned before = rig.source.refreshes;
    std::this_thread::sleep_for(150ms);
    EXPECT_EQ(rig.source.refreshes, before);
}

TEST(VncServer, TheFirstViewerGetsThePictureAndItsSizeAtOnce) {
    VncRig rig;
    rig.draw(9, 1000, 500);
    Viewer viewer(rig.port(), {});
    EXPECT_EQ(viewer->width, 1000); // by ServerInit, not by a change of size
    EXPECT_TRUE(viewer.shows(9, 1000, 500));
}

TEST(VncServer, AMachineWithoutADisplayShowsBlack) {
    TestLoop loop;
    TestInput input;
    std::unique_ptr<VncServer> server;
    int port = 0;
    loop.call([&] {
        auto made = VncServer::create(VncRig::defaults(), "headless", loop, nullptr, input);
        ASSERT_TRUE(made.ok());
        server = std::move(made).value();
        port = std::stoi(server->info().service);
    });
    Viewer viewer(port, {});
    EXPECT_EQ(viewer->width, 720);
    loop.call([&] { server.reset(); });
}

// ---- input

TEST(VncServer, KeySymbolsBecomeKeys) {
    VncRig rig;
    Viewer viewer(rig.port(), {});
    SendKeyEvent(viewer.get(), 'a', TRUE);
    SendKeyEvent(viewer.get(), 'a', FALSE);
    SendKeyEvent(viewer.get(), 0xff0d, TRUE); // Return
    SendKeyEvent(viewer.get(), 0xff0d, FALSE);
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 4; }));
    EXPECT_THAT(rig.input.seen(), ElementsAre(0x1e, -0x1e, 0x1c, -0x1c));
}

TEST(VncServer, ExtendedKeyEventsCarryTheKeyItself) {
    VncRig rig;
    RawViewer viewer(rig.port());
    ASSERT_TRUE(viewer.enter());
    viewer.send({2, 0, 0, 1, 0xff, 0xff, 0xfe, 0xfe}); // SetEncodings: -258
    const std::string ack = viewer.receive(16);
    EXPECT_EQ(ack, std::string("\0\0\0\1\0\0\0\0\0\0\0\0\xff\xff\xfe\xfe", 16));
    viewer.send({255, 0, 0, 1, 0, 0, 0, 'q', 0, 0, 0, 0x1e}); // on a French keyboard
    viewer.send({255, 0, 0, 0, 0, 0, 0, 'q', 0, 0, 0, 0x1e});
    viewer.send({255, 0, 0, 1, 0, 0, 0xff, 0x51, 0, 0, 0xe0, 0x4b}); // Left, with its prefix
    viewer.send({255, 0, 0, 0, 0, 0, 0xff, 0x51, 0, 0, 0, 0xcb});
    viewer.send({255, 0, 0, 1, 0, 0, 0, 'b', 0, 0, 0, 0}); // no key: by its symbol
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 5; }));
    EXPECT_THAT(rig.input.seen(), ElementsAre(0x1e, -0x1e, 0xcb, -0xcb, 0x30));
}

TEST(VncServer, LibvncclientSendsExtendedKeysToo) {
    VncRig rig;
    Viewer viewer(rig.port(), {});
    ASSERT_TRUE(viewer.shows(1, 320, 200));
    SendExtendedKeyEvent(viewer.get(), 'z', 0x15, TRUE);
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 1; }));
    EXPECT_THAT(rig.input.seen(), ElementsAre(0x15));
}

TEST(VncServer, TheKeymapOptionNamesTheGuestsLayout) {
    VncOptions options = VncRig::defaults();
    options.keymap = "de";
    VncRig rig(options);
    Viewer viewer(rig.port(), {});
    SendKeyEvent(viewer.get(), 'z', TRUE);
    SendKeyEvent(viewer.get(), 'z', FALSE);
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 2; }));
    EXPECT_THAT(rig.input.seen(), ElementsAre(0x15, -0x15));
}

TEST(VncServer, AnUnknownKeymapIsAnErrorThatNamesTheOthers) {
    VncOptions options = VncRig::defaults();
    options.keymap = "klingon";
    VncRig rig(options);
    EXPECT_EQ(rig.server, nullptr);
    EXPECT_THAT(rig.error, HasSubstr("-k klingon"));
    EXPECT_THAT(rig.error, HasSubstr("de-ch, en-gb, en-us"));
}

TEST(VncServer, KeysOfAViewerThatLeavesAreReleased) {
    VncRig rig;
    Viewer viewer(rig.port(), {});
    SendKeyEvent(viewer.get(), 0xffe3, TRUE); // Control_L
    SendKeyEvent(viewer.get(), 'c', TRUE);
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 2; }));
    viewer.leave();
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 4; }));
    EXPECT_THAT(rig.input.seen(), testing::UnorderedElementsAre(0x1d, 0x2e, -0x1d, -0x2e));
}

TEST(VncServer, KeysThatAreDownWhenTheServerEndsAreReleased) {
    VncRig rig;
    Viewer viewer(rig.port(), {});
    SendKeyEvent(viewer.get(), 'c', TRUE);
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 1; }));
    rig.end();
    EXPECT_THAT(rig.input.seen(), ElementsAre(0x2e, -0x2e));
}

TEST(VncServer, PointersAreAbsoluteAndStayOnTheScreen) {
    VncRig rig;
    Viewer viewer(rig.port(), {});
    ASSERT_TRUE(viewer.shows(1, 320, 200));
    SendPointerEvent(viewer.get(), 10, 20, 1);
    EXPECT_TRUE(eventually([&] { return rig.input.moves().size() == 1; }));
    SendPointerEvent(viewer.get(), 5000, 5000, 4);
    EXPECT_TRUE(eventually([&] { return rig.input.moves().size() == 2; }));
    EXPECT_THAT(rig.input.moves(),
                ElementsAre(ElementsAre(10U, 20U, 320U, 200U, 1U), ElementsAre(319U, 199U, 320U, 200U, 4U)));
}

TEST(VncServer, ButtonsOfAViewerThatLeavesAreReleased) {
    VncRig rig;
    Viewer viewer(rig.port(), {});
    ASSERT_TRUE(viewer.shows(1, 320, 200));
    SendPointerEvent(viewer.get(), 10, 20, 5);
    EXPECT_TRUE(eventually([&] { return rig.input.moves().size() == 1; }));
    viewer.leave();
    EXPECT_TRUE(eventually([&] { return rig.input.moves().size() == 2; }));
    EXPECT_THAT(rig.input.moves(),
                ElementsAre(ElementsAre(10U, 20U, 320U, 200U, 5U), ElementsAre(10U, 20U, 320U, 200U, 0U)));
}

// ---- who may enter

VncOptions with_password() {
    VncOptions options = VncRig::defaults();
    options.password_required = true;
    return options;
}

/// libvncclient does not even answer with an empty one.
bool lets_in_with_empty_password(int port) {
    RawViewer viewer(port);
    viewer.receive(12);
    viewer.send("RFB 003.008\n");
    viewer.receive(2);
    viewer.send({2});
    const std::string text = viewer.receive(kChallengeBytes);
    if (text.size() != kChallengeBytes) return false;
    std::array<u8, kChallengeBytes> challenge{};
    std::copy(text.begin(), text.end(), challenge.begin());
    const auto answer = vnc_response("", challenge);
    viewer.send(std::string_view(reinterpret_cast<const char*>(answer.data()), answer.size()));
    return viewer.receive(4) == std::string(4, '\0');
}

TEST(VncServer, NobodyEntersBeforeAPasswordWasSet) {
    VncRig rig(with_password());
    EXPECT_EQ(rig.info().auth, "vnc");
    EXPECT_FALSE(Viewer(rig.port(), {.password = "secret"}).connected());
    EXPECT_FALSE(lets_in_with_empty_password(rig.port()));
}

TEST(VncServer, TheRightPasswordOpensAndAWrongOneDoesNot) {
    VncRig rig(with_password());
    EXPECT_TRUE(rig.password("1234"));
    EXPECT_FALSE(Viewer(rig.port(), {.password = "1235"}).connected());
    Viewer viewer(rig.port(), {.password = "1234"});
    ASSERT_TRUE(viewer.connected());
    EXPECT_TRUE(viewer.shows(1, 320, 200));
}

TEST(VncServer, ThePasswordCanBeChangedAndTakenBack) {
    VncRig rig(with_password());
    EXPECT_TRUE(rig.password("first"));
    EXPECT_TRUE(Viewer(rig.port(), {.password = "first"}).connected());
    EXPECT_TRUE(rig.password("longer than eight"));
    EXPECT_FALSE(Viewer(rig.port(), {.password = "first"}).connected());
    EXPECT_TRUE(Viewer(rig.port(), {.password = "longer than eight"}).connected());
    EXPECT_TRUE(rig.password(""));
    EXPECT_FALSE(lets_in_with_empty_password(rig.port()));
}

TEST(VncServer, APasswordWithoutPasswordOnIsRefused) {
    VncRig rig;
    EXPECT_FALSE(rig.password("1234"));
}

TEST(VncServer, ThoseWhoGuessHaveToWaitEvenWithTheRightPassword) {
    VncRig rig(with_password());
    EXPECT_TRUE(rig.password("1234"));
    for (unsigned i = 0; i < 5; ++i)
        EXPECT_FALSE(Viewer(rig.port(), {.password = "guess"}).connected());
    EXPECT_FALSE(Viewer(rig.port(), {.password = "1234"}).connected());
}

TEST(VncServer, OldProtocolVersionsAuthenticateToo) {
    VncRig rig(with_password());
    EXPECT_TRUE(rig.password("1234"));
    RawViewer viewer(rig.port());
    viewer.receive(12);
    viewer.send("RFB 003.003\n");
    EXPECT_EQ(viewer.receive(4), std::string("\0\0\0\2", 4));
    EXPECT_EQ(viewer.receive(16).size(), 16U);
    viewer.send("0123456789abcdef");
    EXPECT_EQ(viewer.receive(4), std::string("\0\0\0\1", 4));
    EXPECT_TRUE(viewer.hung_up());
}

TEST(VncServer, ASecurityTypeThatWasNotOfferedIsRefused) {
    VncRig rig(with_password());
    RawViewer viewer(rig.port());
    viewer.receive(12);
    viewer.send("RFB 003.008\n");
    EXPECT_EQ(viewer.receive(2), std::string("\x01\x02"));
    viewer.send({1}); // None
    EXPECT_TRUE(viewer.hung_up());
}

// ---- several viewers

TEST(VncServer, AnExclusiveViewerDisconnectsTheOthers) {
    VncRig rig;
    Viewer first(rig.port(), {});
    ASSERT_TRUE(first.shows(1, 320, 200));
    Viewer second(rig.port(), {.shared = false});
    ASSERT_TRUE(second.connected());
    EXPECT_TRUE(eventually([&] { return rig.info().clients.size() == 1; }));
    EXPECT_TRUE(second.shows(1, 320, 200));
}

TEST(VncServer, SharePoliciesThatKeepEverybody) {
    for (const VncShare share : {VncShare::ForceShared, VncShare::Ignore}) {
        VncOptions options = VncRig::defaults();
        options.share = share;
        VncRig rig(options);
        Viewer first(rig.port(), {});
        Viewer second(rig.port(), {.shared = false});
        rig.draw(7);
        EXPECT_TRUE(first.shows(7, 320, 200));
        EXPECT_TRUE(second.shows(7, 320, 200));
    }
}

TEST(VncServer, ALimitOfViewers) {
    VncRig rig;
    std::vector<std::unique_ptr<RawViewer>> viewers;
    for (std::size_t i = 0; i < VncServer::kMostViewers; ++i) {
        viewers.push_back(std::make_unique<RawViewer>(rig.port()));
        ASSERT_TRUE(viewers.back()->enter()) << i;
    }
    RawViewer more(rig.port());
    more.receive(12);
    more.send("RFB 003.008\n");
    more.receive(2);
    more.send({1});
    EXPECT_EQ(more.receive(4), std::string("\0\0\0\1", 4));
    EXPECT_THAT(more.receive(100), HasSubstr("too many viewers"));
    EXPECT_TRUE(more.hung_up());
    viewers.pop_back();
    EXPECT_TRUE(eventually([&] { return rig.info().clients.size() == VncServer::kMostViewers - 1; }));
    EXPECT_TRUE(RawViewer(rig.port()).enter());
}

TEST(VncServer, ConnectionsThatSayNothingKeepNobodyOut) {
    VncRig rig;
    std::vector<std::unique_ptr<RawViewer>> silent;
    for (unsigned i = 0; i < 60; ++i)
        silent.push_back(std::make_unique<RawViewer>(rig.port()));
    Viewer viewer(rig.port(), {});
    ASSERT_TRUE(viewer.connected());
    EXPECT_TRUE(viewer.shows(1, 320, 200));
}

// ---- listening

TEST(VncServer, ATakenPortIsAnErrorThatNamesItAndTheRemedy) {
    VncRig first;
    VncOptions options = VncRig::defaults();
    options.display = static_cast<unsigned>(first.port()) - kVncBasePort;
    options.to.reset();
    VncRig second(options);
    EXPECT_EQ(second.server, nullptr);
    EXPECT_THAT(second.error, HasSubstr("127.0.0.1"));
    EXPECT_THAT(second.error, HasSubstr(std::to_string(first.port())));
    EXPECT_THAT(second.error, HasSubstr("-vnc"));
    EXPECT_THAT(second.error, HasSubstr("vncunused=1"));
}

TEST(VncServer, WithARangeTheNextFreePortIsTaken) {
    VncRig first;
    VncOptions options = VncRig::defaults();
    options.display = static_cast<unsigned>(first.port()) - kVncBasePort;
    options.to = options.display + 20;
    VncRig second(options);
    ASSERT_NE(second.server, nullptr);
    EXPECT_GT(second.port(), first.port());
    options.to = options.display;
    EXPECT_THAT(VncRig(options).error, HasSubstr("taken"));
}

TEST(VncServer, AddressesThatCannotBeListenedOnAreErrors) {
    VncOptions options = VncRig::defaults();
    options.host = "192.0.2.1";
    EXPECT_THAT(VncRig(options).error, HasSubstr("no address of this host"));
    options.host = "no such name";
    EXPECT_THAT(VncRig(options).error, HasSubstr("vnclisten"));
    options.host = "127.0.0.1";
    options.display = 60000;
    options.to.reset();
    EXPECT_THAT(VncRig(options).error, HasSubstr("vncdisplay"));
}

TEST(VncServer, ListensOnIpv6OnlyWhenToldSo) {
    VncOptions options = VncRig::defaults();
    options.host = "::1";
    VncRig rig(options);
    if (rig.server == nullptr) GTEST_SKIP() << "no IPv6 here: " << rig.error;
    EXPECT_EQ(rig.info().family, "ipv6");
    EXPECT_EQ(rig.info().host, "::1");
    EXPECT_FALSE(RawViewer(rig.port()).connected()); // not on 127.0.0.1
}

TEST(VncServer, ListensOnAUnixSocketAndRemovesIt) {
    VncOptions options = VncRig::defaults();
    options.unix_path = testing::TempDir() + "hvmdm-vnc-" + std::to_string(getpid());
    {
        VncRig rig(options);
        ASSERT_NE(rig.server, nullptr) << rig.error;
        EXPECT_EQ(rig.info().family, "unix");
        EXPECT_EQ(rig.info().host, options.unix_path);
        Viewer viewer(0, {.host = options.unix_path});
        ASSERT_TRUE(viewer.connected());
        EXPECT_TRUE(viewer.shows(1, 320, 200));
        EXPECT_THAT(VncRig(options).error, HasSubstr(options.unix_path)); // in use
    }
    EXPECT_NE(access(options.unix_path.c_str(), F_OK), 0);
}

TEST(VncServer, ASocketThatADeadProcessLeftBehindIsReplaced) {
    VncOptions options;
    options.enabled = true;
    options.unix_path = testing::TempDir() + "hvmdm-vnc-dead-" + std::to_string(getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    options.unix_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    close(dead);
    EXPECT_EQ(VncRig(options).error, "");
}

TEST(VncServer, OnlySocketsAreReplaced) {
    VncOptions options;
    options.enabled = true;
    options.unix_path = testing::TempDir() + "hvmdm-vnc-file-" + std::to_string(getpid());
    std::ofstream(options.unix_path) << "precious";
    EXPECT_THAT(VncRig(options).error,
                testing::AllOf(HasSubstr(options.unix_path), HasSubstr("Address already in use")));
    std::string content;
    std::ifstream(options.unix_path) >> content;
    EXPECT_EQ(content, "precious");
    unlink(options.unix_path.c_str());
}

} // namespace
} // namespace dm::vnc::test
