// Viewers that stall, babble and flood: they harm themselves only.
#include "tests/vnc/vnc_rig.hpp"

#include <gmock/gmock.h>

namespace dm::vnc::test {
namespace {

// Much more than a busy test machine needs, much less than LibVNCServer's time limits of 5 and 20 seconds.
constexpr auto kSoon = 3s;

/// Others see the screen and the device thread answers while `stall` goes on.
void expect_no_harm(VncRig& rig) {
    Viewer other(rig.port(), {});
    ASSERT_TRUE(other.connected());
    for (u32 seed = 100; seed < 110; ++seed) {
        const auto start = steady_clock::now();
        rig.draw(seed, 640, 480 + seed % 2 * 8);
        EXPECT_TRUE(other.shows(seed, 640, static_cast<int>(480 + seed % 2 * 8)));
        EXPECT_LT(steady_clock::now() - start, kSoon);
        EXPECT_LT(rig.loop.latency(), kSoon);
    }
}

TEST(VncHostile, AViewerThatNeverReadsDelaysNobody) {
    VncRig rig;
    rig.draw(1, 2000, 1500);
    RawViewer stalled(rig.port());
    ASSERT_TRUE(stalled.enter());
    for (int i = 0; i < 20; ++i)
        stalled.send({3, 0, 0, 0, 0, 0, 0x07, 0xd0, 0x05, 0xdc}); // 12 MB each
    std::this_thread::sleep_for(200ms);
    expect_no_harm(rig);
}

TEST(VncHostile, AViewerThatStopsInTheMiddleOfAMessageDelaysNobody) {
    VncRig rig;
    RawViewer encodings(rig.port());
    ASSERT_TRUE(encodings.enter());
    encodings.send({2});
    RawViewer cut_text(rig.port());
    ASSERT_TRUE(cut_text.enter());
    cut_text.send({6, 0, 0, 0, 0, 0x10, 0, 0, 'x'});
    RawViewer version(rig.port());
    version.send("RFB");
    RawViewer response(rig.port());
    response.receive(12);
    response.send("RFB 003.008\n");
    expect_no_harm(rig);
}

TEST(VncHostile, KeysArriveWhileAnUpdateIsStuck) {
    VncRig rig;
    rig.draw(1, 2000, 1500);
    RawViewer stalled(rig.port());
    ASSERT_TRUE(stalled.enter());
    for (int i = 0; i < 20; ++i)
        stalled.send({3, 0, 0, 0, 0, 0, 0x07, 0xd0, 0x05, 0xdc});
    std::this_thread::sleep_for(200ms);
    stalled.send({4, 1, 0, 0, 0, 0, 0, 'a'});
    EXPECT_TRUE(eventually([&] { return !rig.input.seen().empty(); }, kSoon));
}

TEST(VncHostile, TheServerEndsSoonWhateverItsViewersDo) {
    VncRig rig;
    rig.draw(1, 2000, 1500);
    RawViewer stalled(rig.port());
    ASSERT_TRUE(stalled.enter());
    for (int i = 0; i < 20; ++i)
        stalled.send({3, 0, 0, 0, 0, 0, 0x07, 0xd0, 0x05, 0xdc});
    RawViewer half(rig.port());
    ASSERT_TRUE(half.enter());
    half.send({2, 0});
    RawViewer silent(rig.port());
    std::this_thread::sleep_for(200ms);
    const auto start = steady_clock::now();
    rig.end();
    EXPECT_LT(steady_clock::now() - start, kSoon);
}

TEST(VncHostile, VersionsThatAreNotRfb3AreRefused) {
    VncRig rig;
    for (const char* version : {"RFB 999.999\n", "RFB 004.000\n", "RFB 003.xx8\n", "GET / HTTP/1.1\r\n\r\n",
                                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00", "RFB 003.008 "}) {
        RawViewer viewer(rig.port());
        EXPECT_EQ(viewer.receive(12), "RFB 003.008\n");
        viewer.send(std::string_view(version, std::max<std::size_t>(12, strlen(version))));
        EXPECT_TRUE(viewer.hung_up(5000)) << version;
    }
}

TEST(VncHostile, MessagesThatAreNotOfferedEndTheConnection) {
    VncRig rig;
    for (const unsigned type : {1U, 7U, 11U, 100U, 250U, 252U}) {
        RawViewer viewer(rig.port());
        ASSERT_TRUE(viewer.enter());
        viewer.send({type, 0, 0, 0, 0, 0, 0, 0});
        EXPECT_TRUE(viewer.hung_up(5000)) << type;
    }
}

TEST(VncHostile, MessagesThatOldViewersSendUnaskedAreSkipped) {
    VncRig rig;
    RawViewer viewer(rig.port());
    ASSERT_TRUE(viewer.enter());
    viewer.send({8, 0, 0, 0});        // SetScale by 0
    viewer.send({15, 0, 0, 0});       // PalmVNC's
    viewer.send({9, 1, 0, 0});        // SetServerInput
    viewer.send({10, 0, 0, 1, 0, 1}); // SetSingleWindow
    viewer.send({6, 0, 0, 0, 0, 0, 0, 3, 'a', 'b', 'c'});
    viewer.send({6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 1, 2, 3, 4}); // extended clipboard
    viewer.send({4, 1, 0, 0, 0, 0, 0, 'a'});
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 1; }));
}

TEST(VncHostile, ImpossiblePixelFormatsEndTheConnection) {
    VncRig rig;
    struct Format {
        unsigned bits, true_colour, max_high, max_low, shift;
    };
    for (const Format f : {Format{0, 1, 0, 255, 0}, Format{7, 1, 0, 255, 0}, Format{24, 1, 0, 255, 0},
                           Format{33, 1, 0, 255, 0}, Format{255, 1, 0, 255, 0}, Format{32, 1, 0, 0, 0},
                           Format{32, 1, 0, 254, 0}, Format{32, 1, 0, 255, 32}, Format{32, 1, 0, 255, 255},
                           Format{8, 1, 0xff, 0xff, 0}, Format{16, 0, 0, 255, 0}}) {
        RawViewer viewer(rig.port());
        ASSERT_TRUE(viewer.enter());
        viewer.send(
            {0,          0,         0,          0,         f.bits,     24,        0,       f.true_colour,
             f.max_high, f.max_low, f.max_high, f.max_low, f.max_high, f.max_low, f.shift, f.shift,
             f.shift,    0,         0,          0});
        EXPECT_TRUE(viewer.hung_up(5000)) << f.bits << " " << f.max_low << " " << f.shift;
    }
}

TEST(VncHostile, OddButPossiblePixelFormatsWork) {
    VncRig rig;
    struct Format {
        unsigned bits, big, true_colour, max, r, g, b;
    };
    for (const Format f :
         {Format{8, 0, 0, 0, 0, 0, 0}, Format{8, 0, 1, 3, 0, 2, 4}, Format{16, 1, 1, 31, 10, 5, 0},
          Format{32, 1, 1, 255, 0, 8, 16}, Format{32, 0, 1, 255, 24, 16, 8}}) {
        RawViewer viewer(rig.port());
        ASSERT_TRUE(viewer.enter());
        viewer.send({0,     0,   0,   0,   f.bits, f.bits, f.big, f.true_colour, 0, f.max, 0, f.max, 0,
                     f.max, f.r, f.g, f.b, 0,      0,      0});
        viewer.send({3, 0, 0, 0, 0, 0, 0, 16, 0, 1});
        if (f.true_colour == 0) viewer.receive(6 + 256 * 6); // the colour map
        EXPECT_EQ(viewer.receive(16 + 16 * f.bits / 8).size(), 16 + 16 * f.bits / 8) << f.bits;
    }
}

TEST(VncHostile, RequestsOutsideTheScreenAreClipped) {
    VncRig rig;
    RawViewer viewer(rig.port());
    ASSERT_TRUE(viewer.enter());
    viewer.send({3, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
    viewer.send({3, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    viewer.send({3, 0, 1, 0, 0, 0, 0xff, 0xff, 0, 1}); // 64 pixels of the first line are left
    EXPECT_EQ(viewer.receive(16 + 64 * 4).size(), 16U + 64 * 4);
}

TEST(VncHostile, ListsOfEncodingsOfAnyLength) {
    VncRig rig;
    RawViewer viewer(rig.port());
    ASSERT_TRUE(viewer.enter());
    std::string message("\x02\x00\xff\xff", 4);
    for (unsigned i = 0; i < 65535; ++i) {
        const u32 encoding = i * 2654435761U | 0x00800000; // none that we have
        for (int shift = 24; shift >= 0; shift -= 8)
            message.push_back(static_cast<char>(encoding >> shift));
    }
    viewer.send(message);
    viewer.send({3, 0, 0, 0, 0, 0, 0, 1, 0, 1});
    EXPECT_EQ(viewer.receive(20).size(), 20U); // raw
}

TEST(VncHostile, ARequestForAnotherDesktopSizeIsAnsweredWithNo) {
    VncRig rig;
    RawViewer viewer(rig.port());
    ASSERT_TRUE(viewer.enter());
    viewer.send({2, 0, 0, 1, 0xff, 0xff, 0xfe, 0xcc}); // -308
    viewer.send(
        {251, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0});
    const std::string answer = viewer.receive(16);
    ASSERT_EQ(answer.size(), 16U);
    EXPECT_EQ(answer.substr(12), std::string("\xff\xff\xfe\xcc"));
    EXPECT_EQ(answer[5], 1);                                            // asked for by this viewer
    EXPECT_EQ(answer[7], 2);                                            // out of resources
    EXPECT_EQ(answer.substr(8, 4), std::string("\x01\x40\x00\xc8", 4)); // as it was: 320x200
}

TEST(VncHostile, GarbageAfterTheHandshake) {
    u32 noise = 1;
    VncRig rig;
    for (int i = 0; i < 60; ++i) {
        RawViewer viewer(rig.port());
        ASSERT_TRUE(viewer.enter());
        std::string bytes;
        for (int n = 0; n < 3000; ++n) {
            noise = noise * 1664525 + 1013904223;
            bytes.push_back(static_cast<char>(noise >> 24 & (n % 7 == 0 ? 7 : 255)));
        }
        viewer.send(bytes);
    }
    Viewer viewer(rig.port(), {});
    EXPECT_TRUE(viewer.shows(1, 320, 200));
}

TEST(VncHostile, ViewersThatComeAndGoWhileTheGuestDraws) {
    VncRig rig;
    std::atomic<bool> stop = false;
    std::thread guest([&] {
        for (u32 i = 0; !stop; ++i) {
            rig.draw(i, 200 + i % 5 * 16, 100 + i % 3 * 10);
            std::this_thread::sleep_for(3ms);
        }
    });
    for (int i = 0; i < 60; ++i) {
        RawViewer viewer(rig.port());
        if (i % 3 == 0) continue; // gone before the handshake
        if (i % 3 == 1) viewer.receive(12);
        if (i % 3 == 2) {
            viewer.enter();
            viewer.send({3, 0, 0, 0, 0, 0, 1, 0, 1, 0});
        }
    }
    stop = true;
    guest.join();
    rig.draw(500, 320, 200);
    Viewer viewer(rig.port(), {});
    EXPECT_TRUE(viewer.shows(500, 320, 200));
    EXPECT_LT(rig.loop.latency(), kSoon);
}

TEST(VncHostile, AFloodOfInputWaitsForTheDeviceThread) {
    VncRig rig;
    RawViewer viewer(rig.port());
    ASSERT_TRUE(viewer.enter());
    std::mutex gate;
    gate.lock();
    rig.loop.post([&] { const std::lock_guard wait(gate); }); // the device thread is busy
    std::string flood;
    for (unsigned i = 0; i < 5000; ++i) {
        flood.append(std::string("\x04\x01\0\0\0\0\0", 7) + static_cast<char>('a' + i % 26));
        flood.append(std::string("\x04\x00\0\0\0\0\0", 7) + static_cast<char>('a' + i % 26));
    }
    viewer.send(flood);
    viewer.send({4, 1, 0, 0, 0, 0, 0xff, 0x0d});
    std::this_thread::sleep_for(300ms);
    gate.unlock();
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 10001; }));
    std::array<int, 256> down{};
    for (const int key : rig.input.seen())
        down[static_cast<unsigned>(std::abs(key))] = key > 0 ? 1 : 0;
    for (unsigned code = 0; code < 256; ++code) {
        if (code == 0x1c) continue;
        EXPECT_EQ(down[code], 0) << "key stays down: " << code;
    }
}

} // namespace
} // namespace dm::vnc::test
