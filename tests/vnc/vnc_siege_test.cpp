// Many hostile viewers at once, and one that may come in.
#include "tests/vnc/vnc_rig.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

namespace dm::vnc::test {
namespace {

constexpr unsigned kHostile = 64;

VncOptions with_password() {
    VncOptions options = VncRig::defaults();
    options.password_required = true;
    return options;
}

std::string address(unsigned i) {
    return fmt::format("127.0.2.{}", i + 1);
}

/// What one hostile viewer does until it is told to stop.
void attack(unsigned i, int port, const std::atomic<bool>& stop) {
    u32 noise = i;
    while (!stop) {
        RawViewer viewer(port, address(i).c_str());
        switch (i % 5) {
        case 0: viewer.send("RFB"); break; // half a handshake
        case 1: continue;                  // connects and goes, as fast as it can
        case 2:                            // guesses
        case 3:
            viewer.receive(12, 1000);
            viewer.send("RFB 003.008\n");
            viewer.receive(2, 1000);
            viewer.send({2});
            viewer.receive(16, 1000);
            viewer.send("0123456789abcdef");
            viewer.receive(4, 2000);
            continue;
        case 4: // garbage
            for (int n = 0; n < 100; ++n) {
                noise = noise * 1664525 + 1013904223;
                viewer.send(std::string(100, static_cast<char>(noise >> 24)));
            }
            break;
        }
        for (int n = 0; n < 20 && !stop; ++n)
            std::this_thread::sleep_for(50ms);
    }
}

TEST(VncSiege, TheRightfulViewerEntersAndSeesWhatChanges) {
    VncRig rig(with_password());
    rig.password("right");
    std::atomic<bool> stop = false;
    std::vector<std::thread> hostile;
    for (unsigned i = 0; i < kHostile; ++i)
        hostile.emplace_back([&, i] { attack(i, rig.server ? rig.port() : 0, stop); });
    std::this_thread::sleep_for(1s);
    auto start = steady_clock::now();
    Viewer viewer(rig.port(), {.password = "right"});
    EXPECT_TRUE(viewer.connected());
    EXPECT_LT(steady_clock::now() - start, 12s); // the test machine is busy with the attack itself
    for (u32 seed = 10; seed < 15 && viewer.connected(); ++seed) {
        if (seed == 14) std::this_thread::sleep_for(5s); // quiet
        start = steady_clock::now();
        rig.draw(seed, 640, 480);
        EXPECT_TRUE(viewer.shows(seed, 640, 480));
        EXPECT_LT(steady_clock::now() - start, 3s);
        EXPECT_LT(rig.loop.latency(), 500ms);
    }
    stop = true;
    for (std::thread& thread : hostile)
        thread.join();
}

TEST(VncSiege, ViewersThatAreInAndMisbehaveDelayNobody) {
    VncRig rig;
    rig.draw(1, 1600, 1200);
    std::vector<std::unique_ptr<RawViewer>> bad;
    for (unsigned i = 0; i + 1 < VncServer::kMostViewers; ++i) {
        bad.push_back(std::make_unique<RawViewer>(rig.port()));
        ASSERT_TRUE(bad.back()->enter());
        if (i % 3 == 0)
            for (int n = 0; n < 20; ++n) // asks and does not read
                bad.back()->send({3, 0, 0, 0, 0, 0, 0x06, 0x40, 0x04, 0xb0});
        if (i % 3 == 1)
            bad.back()->send({6, 0, 0, 0, 0, 0x0f, 0xff, 0xff, 'x'}); // most of a clipboard is missing
    }
    std::atomic<bool> stop = false;
    std::thread flood([&] {
        std::string events;
        for (unsigned i = 0; i < 1000; ++i)
            events += std::string("\5\0\0", 3) + static_cast<char>(i) + std::string("\0\7", 2);
        while (!stop) {
            for (std::size_t i = 2; i < bad.size(); i += 3)
                ::send(bad[i]->fd(), events.data(), events.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            std::this_thread::sleep_for(1ms);
        }
    });
    Viewer viewer(rig.port(), {});
    for (u32 seed = 20; seed < 25; ++seed) {
        const auto start = steady_clock::now();
        rig.draw(seed, 640, 480);
        EXPECT_TRUE(viewer.shows(seed, 640, 480));
        EXPECT_LT(steady_clock::now() - start, 3s);
        EXPECT_LT(rig.loop.latency(), 500ms);
    }
    stop = true;
    flood.join();
}

TEST(VncSiege, AThousandReconnectsLeaveNothingBehind) {
    VncRig rig;
    const auto descriptors = [] {
        unsigned n = 0;
        for (int fd = 0; fd < 1000; ++fd)
            n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
        return n;
    };
    const unsigned before = descriptors();
    for (unsigned i = 0; i < 1000; ++i) {
        RawViewer viewer(rig.port(), address(i % 200).c_str());
        if (i % 10 == 0) viewer.enter();
    }
    EXPECT_TRUE(eventually([&] { return descriptors() <= before; })) << descriptors() << " " << before;
    EXPECT_TRUE(rig.info().clients.empty());
}

TEST(VncSiege, WrongPasswordsByTheThousandAreHardlyHeardAndTheRightOneIs) {
    VncRig rig(with_password());
    rig.password("right");
    std::vector<std::unique_ptr<RawViewer>> waiting;
    for (unsigned i = 0; i < 1000; ++i) {
        auto viewer = std::make_unique<RawViewer>(rig.port(), address(i % 200).c_str());
        viewer->receive(12, 1000);
        viewer->send("RFB 003.008\n");
        viewer->receive(2, 1000);
        viewer->send({2});
        if (viewer->receive(16, 1000).size() == 16) viewer->send("0123456789abcdef");
        if (i % 10 == 0) waiting.push_back(std::move(viewer)); // the others go before they know
    }
    const auto start = steady_clock::now();
    EXPECT_TRUE(Viewer(rig.port(), {.password = "right"}).connected());
    EXPECT_LT(steady_clock::now() - start, 8s);
}

} // namespace
} // namespace dm::vnc::test
