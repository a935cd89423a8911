// Viewers that type quicker than the guest reads.
#include "dm/vnc/input_queue.hpp"
#include "tests/vnc/vnc_rig.hpp"

#include <gmock/gmock.h>

namespace dm::vnc::test {
namespace {

constexpr auto kSoon = 1s;
constexpr KeyCode kKeyOfA = 0x1e;

/// The alphabet, again and again.
std::string taps(unsigned count) {
    std::string out;
    for (unsigned i = 0; i < count; ++i)
        for (const char down : {'\1', '\0'})
            out += std::string("\4") + down + std::string(5, '\0') + static_cast<char>('a' + i % 26);
    return out;
}

/// Sends in a thread of its own: sooner or later the server does not read on.
struct Typist {
    Typist(int port, std::string text) : viewer(std::make_unique<RawViewer>(port)) {
        EXPECT_TRUE(viewer->enter());
        thread = std::thread([this, all = std::move(text)] { viewer->send(all); });
    }
    ~Typist() { leave(); }
    void leave() {
        if (viewer != nullptr) shutdown(viewer->fd(), SHUT_RDWR);
        if (thread.joinable()) thread.join();
    }
    /// What is on its way does not arrive.
    void die() {
        const linger at_once{1, 0};
        setsockopt(viewer->fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        leave();
        viewer.reset();
    }
    std::unique_ptr<RawViewer> viewer;
    std::thread thread;
};

constexpr unsigned kTooMany = 5000; // for the queue
constexpr unsigned kMuch = 200'000; // more than the queue and all buffers of a connection hold

bool alone(VncRig& rig) {
    return eventually([&] { return rig.info().clients.empty(); }, kSoon);
}

TEST(VncTyping, NoKeyIsLostHoweverFewTheGuestTakesAtOnce) {
    VncRig rig;
    rig.input.room = 0;
    Typist typist(rig.port(), taps(20'000));
    for (std::size_t taken = 0; taken < 40'000; taken = rig.input.seen().size()) {
        rig.input.room = 1000;
        ASSERT_TRUE(eventually([&] { return rig.input.seen().size() > taken; }));
    }
    const std::vector<int> seen = rig.input.seen();
    ASSERT_EQ(seen.size(), 40'000U);
    for (std::size_t i = 0; i < seen.size(); i += 2)
        ASSERT_EQ(seen[i], -seen[i + 1]) << i;
    EXPECT_EQ(seen[0], kKeyOfA);
    EXPECT_EQ(seen[52 * 700], kKeyOfA);
}

TEST(VncTyping, OnlyTheViewerThatTypesIsHeld) {
    VncRig rig;
    rig.input.room = 0;
    Typist typist(rig.port(), taps(kMuch));
    std::this_thread::sleep_for(100ms);
    Viewer other(rig.port(), {});
    rig.draw(5);
    EXPECT_TRUE(other.shows(5, 320, 200));
    SendPointerEvent(other.get(), 9, 9, 0);
    EXPECT_TRUE(eventually([&] { return !rig.input.moves().empty(); }, kSoon));
    EXPECT_LT(rig.loop.latency(), kSoon);
    rig.input.room = 100; // both get on
    SendKeyEvent(other.get(), '1', TRUE);
    EXPECT_TRUE(eventually(
        [&] {
            rig.input.room = 100;
            const auto seen = rig.input.seen();
            return std::find(seen.begin(), seen.end(), 2) != seen.end();
        },
        kSoon));
}

TEST(VncTyping, AHeldViewerThatLeavesIsGoneAtOnce) {
    VncRig rig;
    rig.input.room = 0;
    Typist typist(rig.port(), taps(kTooMany));
    std::this_thread::sleep_for(100ms);
    ASSERT_EQ(rig.info().clients.size(), 1U);
    typist.leave();
    EXPECT_TRUE(alone(rig));
    rig.input.room = -1;
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() >= InputQueue::kCapacity; }));
    const auto seen = rig.input.seen();
    EXPECT_LE(seen.size(), InputQueue::kCapacity + 256) << "what came after the gap is not typed";
    std::array<int, 256> down{};
    for (const int key : seen)
        down[static_cast<unsigned>(std::abs(key))] = key > 0 ? 1 : 0;
    EXPECT_THAT(down, testing::Each(0));
}

TEST(VncTyping, SoIsOneThatIsKilled) {
    VncRig rig;
    rig.input.room = 0;
    Typist typist(rig.port(), taps(kMuch));
    std::this_thread::sleep_for(100ms);
    ASSERT_EQ(rig.info().clients.size(), 1U);
    typist.die();
    EXPECT_TRUE(alone(rig));
}

TEST(VncTyping, TheServerEndsAtOnceWhileAViewerIsHeld) {
    VncRig rig;
    rig.input.room = 0;
    Typist typist(rig.port(), taps(kMuch));
    std::this_thread::sleep_for(100ms);
    const auto start = steady_clock::now();
    rig.end();
    EXPECT_LT(steady_clock::now() - start, kSoon);
}

TEST(VncTyping, AGuestThatTakesNoKeysDoesNotFreezeThePictureForEver) {
    VncRig rig;
    rig.input.room = 0;
    RawViewer viewer(rig.port());
    ASSERT_TRUE(viewer.enter());
    viewer.send(taps(kTooMany));
    viewer.send({5, 0, 0, 3, 0, 4});
    viewer.send({3, 0, 0, 0, 0, 0, 0, 16, 0, 1});
    EXPECT_EQ(viewer.receive(16 + 16 * 4).size(), 16U + 16 * 4);
    EXPECT_TRUE(eventually([&] { return rig.input.moves().size() == 1; }));
    EXPECT_TRUE(rig.input.seen().empty());
    rig.input.room = -1; // it takes them after all
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() >= InputQueue::kCapacity; }));
}

TEST(VncTyping, KeysWaitForAMachineThatStandsStillForAMoment) {
    VncRig rig;
    rig.input.room = 0;
    rig.input.still = true;
    RawViewer viewer(rig.port());
    ASSERT_TRUE(viewer.enter());
    viewer.send(taps(3));
    std::this_thread::sleep_for(100ms);
    EXPECT_TRUE(rig.input.seen().empty());
    rig.input.room = -1;
    rig.input.still = false;
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 6; }, kSoon));
    rig.input.room = 0;
    rig.input.still = true;
    viewer.send(taps(3));
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 12; }, 5s))
        << "they go where none arrives";
}

} // namespace
} // namespace dm::vnc::test
