// The extensions, byte by byte: fences, continuous updates, sizes, lights, kinds of pointer, cursors.
#include "dm/vnc/update_window.hpp"
#include "tests/vnc/rfb_viewer.hpp"

#include <gmock/gmock.h>

namespace dm::vnc::test {
namespace {

using testing::ElementsAre;

std::string bytes(std::initializer_list<unsigned> values) {
    std::string text;
    for (const unsigned v : values)
        text.push_back(static_cast<char>(v));
    return text;
}

// ---- fences

TEST(VncFence, IsOfferedOnceByARequest) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, FENCE});
    const SeenMessage offer = viewer.next();
    EXPECT_EQ(offer.type, SERVER_FENCE);
    EXPECT_EQ(offer.flags, REQUEST);
    EXPECT_EQ(offer.payload, "");
    viewer.set_encodings({RAW, FENCE});
    EXPECT_TRUE(viewer.silent());
}

TEST(VncFence, IsAnsweredWithItsPayloadAndTheFlagsThatAreKnown) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, FENCE});
    viewer.next();
    viewer.fence(0xffffffff & ~u32{SYNC_NEXT}, "some payload");
    const SeenMessage answer = viewer.next();
    EXPECT_EQ(answer.type, SERVER_FENCE);
    EXPECT_EQ(answer.flags, BLOCK_BEFORE | BLOCK_AFTER);
    EXPECT_EQ(answer.payload, "some payload");
    viewer.fence(REQUEST, std::string(64, 'x'));
    EXPECT_EQ(viewer.next().payload, std::string(64, 'x'));
    viewer.fence(BLOCK_BEFORE, "an answer to nothing");
    EXPECT_TRUE(viewer.silent());
}

TEST(VncFence, ManyAreAnsweredInTheirOrder) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, FENCE});
    viewer.next();
    for (unsigned i = 0; i < 100; ++i)
        viewer.fence(REQUEST | (i % 3 == 0 ? u32{BLOCK_AFTER} : 0U) | (i % 5 == 0 ? u32{SYNC_NEXT} : 0U),
                     std::to_string(i));
    viewer.request(true);
    for (unsigned i = 0; i < 100; ++i) {
        SeenMessage m = viewer.next();
        while (m.type == FRAMEBUFFER_UPDATE)
            m = viewer.next();
        EXPECT_EQ(m.payload, std::to_string(i));
    }
}

TEST(VncFence, OneThatIsTooLongEndsTheConnection) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, FENCE});
    viewer.fence(REQUEST, std::string(65, 'x'));
    EXPECT_TRUE(viewer.hung_up(5000));
}

// TigerVNC does so after its first update, and says nothing more before the next.
TEST(VncFence, ASynchronousOneDoesNotHoldUpThePicture) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, FENCE});
    viewer.next();
    viewer.fence(REQUEST | SYNC_NEXT, "");
    viewer.request(false);
    SeenMessage m = viewer.next();
    EXPECT_EQ(m.type, SERVER_FENCE);
    EXPECT_EQ(viewer.next().type, FRAMEBUFFER_UPDATE);
    viewer.request(true);
    viewer.fence(REQUEST | SYNC_NEXT, "");
    rig.draw(2);
    EXPECT_EQ(viewer.next().type, FRAMEBUFFER_UPDATE);
    viewer.request(true);
    EXPECT_EQ(viewer.next().type, SERVER_FENCE);
}

// Everything before the answer is in the old format, everything after it in the new one.
TEST(VncFence, TheMessageAfterASynchronousOneTakesEffectWithTheAnswer) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, FENCE, CONTINUOUS_UPDATES});
    viewer.next();
    viewer.next();
    viewer.continuous(true);
    std::atomic<bool> stop = false;
    std::thread guest([&] {
        for (u32 seed = 1; !stop; ++seed) {
            rig.draw(seed, 16, 16);
            std::this_thread::sleep_for(2ms);
        }
    });
    const auto until_answer = [&](std::string_view payload) {
        for (;;) {
            const SeenMessage m = viewer.next();
            if (m.type != SERVER_FENCE) {
                ASSERT_EQ(m.type, FRAMEBUFFER_UPDATE);
                continue;
            }
            if ((m.flags & REQUEST) != 0) viewer.fence(m.flags & ~u32{REQUEST}, m.payload);
            if ((m.flags & REQUEST) == 0 && m.payload == payload) return;
        }
    };
    for (unsigned i = 0; i < 20; ++i) {
        const std::string name = "format " + std::to_string(i);
        viewer.fence(REQUEST | SYNC_NEXT, name);
        std::this_thread::sleep_for(std::chrono::milliseconds(i % 4 * 10));
        const unsigned before = viewer.bytes_per_pixel;
        viewer.set_format(i % 2 == 0 ? 16 : 32, false, 31, 10, 5, 0);
        const unsigned after = std::exchange(viewer.bytes_per_pixel, before);
        until_answer(name);
        viewer.bytes_per_pixel = after;
    }
    stop = true;
    guest.join();
}

// ---- continuous updates

struct Continuous : testing::Test {
    VncRig rig;
    RfbViewer viewer{rig.port(), {RAW, FENCE, CONTINUOUS_UPDATES}};
    Continuous() {
        EXPECT_EQ(viewer.next().type, SERVER_FENCE);
        EXPECT_EQ(viewer.next().type, END_OF_CONTINUOUS_UPDATES); // the offer
    }
};

TEST_F(Continuous, ChangesComeWithoutRequests) {
    viewer.continuous(true);
    for (u32 seed = 1; seed < 6; ++seed) {
        rig.draw(seed);
        SeenMessage update = viewer.next();
        while (update.type == SERVER_FENCE) {
            viewer.fence(update.flags & ~u32{REQUEST}, update.payload);
            update = viewer.next();
        }
        ASSERT_EQ(update.type, FRAMEBUFFER_UPDATE);
    }
}

TEST_F(Continuous, TheEndIsConfirmedAndNothingFollowsUnasked) {
    viewer.continuous(true);
    EXPECT_EQ(viewer.next().type, FRAMEBUFFER_UPDATE);
    EXPECT_EQ(viewer.next().type, SERVER_FENCE);
    viewer.continuous(false);
    EXPECT_EQ(viewer.next().type, END_OF_CONTINUOUS_UPDATES);
    rig.draw(2);
    EXPECT_TRUE(viewer.silent());
    viewer.request(true);
    EXPECT_EQ(viewer.next().type, FRAMEBUFFER_UPDATE);
}

TEST_F(Continuous, OnlyTheAreaIsSent) {
    viewer.continuous(true, 10, 5);
    const SeenMessage m = viewer.next();
    ASSERT_EQ(m.rects.size(), 1U);
    EXPECT_EQ(m.rects[0].width, 10U);
    EXPECT_EQ(m.rects[0].height, 5U);
}

// The viewer answers no fence: it gets a few updates, not one for each picture, and its window's worth at
// once.
TEST_F(Continuous, AViewerThatDoesNotKeepUpIsNotFlooded) {
    viewer.continuous(true);
    std::size_t got = 0;
    unsigned fences = 0;
    u32 last_fence = 0;
    for (u32 seed = 1; seed < 40; ++seed) {
        rig.draw(seed, 64, 64); // 16 KiB each
        std::this_thread::sleep_for(10ms);
    }
    for (SeenMessage m = viewer.next(300); m.type >= 0; m = viewer.next(300)) {
        for (const SeenRect& rect : m.rects)
            got += rect.content.size();
        if (m.type != SERVER_FENCE) continue;
        ++fences;
        last_fence = RfbViewer::number(m.payload);
    }
    EXPECT_LE(got, 2 * UpdateWindow::kFirst + 320 * 200 * 4);
    EXPECT_LE(fences, UpdateWindow::kMostFences);
    viewer.fence(BLOCK_BEFORE, std::string(bytes({0, 0, 0, last_fence})));
    SeenRect newest = viewer.next_rect(RAW);
    while (newest.width != 64) // what is black around the picture
        newest = viewer.next_rect(RAW);
    EXPECT_EQ(static_cast<u8>(newest.content.at(2)), TestSource::pixel(0, 0, 39) >> 16);
}

TEST(VncContinuousUpdates, AreOfferedBeforeAnyUpdateBecauseTigerVncDecidesWithTheFirst) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, QEMU_EXTENDED_KEY_EVENT, QEMU_LED_STATE, CONTINUOUS_UPDATES, FENCE});
    EXPECT_EQ(viewer.next().type, SERVER_FENCE);
    EXPECT_EQ(viewer.next().type, END_OF_CONTINUOUS_UPDATES);
    EXPECT_EQ(viewer.next().type, FRAMEBUFFER_UPDATE);
}

TEST(VncContinuousUpdates, AreNotOfferedWithoutFences) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, CONTINUOUS_UPDATES});
    viewer.continuous(true);
    EXPECT_TRUE(viewer.silent());
}

// ---- sizes

TEST(VncSize, IsAnnouncedBeforeThePictureThatHasIt) {
    for (const s32 encoding : {NEW_FB_SIZE, EXTENDED_DESKTOP_SIZE}) {
        VncRig rig;
        RfbViewer viewer(rig.port(), {RAW, encoding});
        viewer.request(false);
        if (encoding == EXTENDED_DESKTOP_SIZE) {
            EXPECT_EQ(viewer.next().rects.at(0).encoding, encoding); // shows that it is there
        }
        EXPECT_EQ(viewer.next().rects.at(0).encoding, RAW);
        rig.draw(2, 64, 48);
        viewer.request(true);
        const SeenMessage size = viewer.next();
        ASSERT_EQ(size.rects.size(), 1U);
        EXPECT_EQ(size.rects[0].encoding, encoding);
        EXPECT_EQ(size.rects[0].width, 64U);
        EXPECT_EQ(size.rects[0].height, 48U);
        EXPECT_EQ(size.rects[0].x, 0U);
        EXPECT_EQ(size.rects[0].y, 0U);
        viewer.request(true);
        EXPECT_EQ(viewer.next().rects.at(0).width, 64U);
    }
}

TEST(VncSize, TheScreenHasANumberOtherThanZero) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, EXTENDED_DESKTOP_SIZE});
    viewer.request(false);
    EXPECT_EQ(viewer.next_rect(EXTENDED_DESKTOP_SIZE).content,
              bytes({1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0x40, 0, 0xc8, 0, 0, 0, 0}));
}

TEST(VncSize, AWishThatTheGuestCannotHearIsProhibited) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, EXTENDED_DESKTOP_SIZE});
    viewer.wish_size(800, 600);
    const SeenRect answer = viewer.next_rect(EXTENDED_DESKTOP_SIZE);
    EXPECT_EQ(answer.x, 1U); // asked for by this viewer
    EXPECT_EQ(answer.y, static_cast<unsigned>(SizeStatus::Prohibited));
    EXPECT_EQ(answer.width, 320U); // as it was
    EXPECT_EQ(answer.height, 200U);
}

TEST(VncSize, WishesHaveTheirOwnAnswersEach) {
    VncRig rig;
    rig.loop.call([&] { rig.source.resizable = true; });
    RfbViewer viewer(rig.port(), {RAW, EXTENDED_DESKTOP_SIZE});
    const auto status = [&] { return static_cast<SizeStatus>(viewer.next_rect(EXTENDED_DESKTOP_SIZE).y); };
    viewer.wish_size(800, 600, 0);
    EXPECT_EQ(status(), SizeStatus::InvalidLayout);
    viewer.wish_size(800, 600, 2);
    EXPECT_EQ(status(), SizeStatus::InvalidLayout);
    viewer.wish_size(0, 600);
    EXPECT_EQ(status(), SizeStatus::InvalidLayout);
    viewer.wish_size(65535, 65535);
    EXPECT_EQ(status(), SizeStatus::OutOfResources);
    viewer.wish_size(800, 600);
    EXPECT_EQ(status(), SizeStatus::Forwarded);
    SeenRect now; // until the guest has done it
    while (now.encoding == RAW) {
        viewer.request(true);
        now = viewer.next().rects.at(0);
    }
    EXPECT_EQ(now.encoding, EXTENDED_DESKTOP_SIZE);
    EXPECT_EQ(now.x, 0U);
    EXPECT_EQ(now.width, 800U);
}

TEST(VncSize, AViewerWithoutSizesSeesTheTopLeftPartOrBlackAroundIt) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW});
    viewer.request(false);
    EXPECT_EQ(viewer.next().rects.at(0).width, 320U);
    rig.draw(2, 400, 300);
    viewer.request(true, 320, 200);
    SeenRect rect = viewer.next_rect(RAW);
    EXPECT_EQ(rect.width, 320U);
    EXPECT_EQ(rect.height, 200U);
    rig.draw(3, 300, 100);
    viewer.request(true, 320, 200);
    SeenRect black = viewer.next_rect(RAW);
    EXPECT_THAT((std::array{black.x, black.y, black.width, black.height}), ElementsAre(300, 0, 20, 100));
    EXPECT_EQ(black.content, std::string(20 * 100 * 4, '\0'));
    black = viewer.next_rect(RAW);
    EXPECT_THAT((std::array{black.x, black.y, black.width, black.height}), ElementsAre(0, 100, 320, 100));
    rect = viewer.next_rect(RAW);
    EXPECT_EQ(rect.width, 300U);
    EXPECT_EQ(rect.height, 100U);
}

// ---- lights and pointers

TEST(VncLights, ReachViewersInBothForms) {
    VncRig rig;
    rig.loop.call([&] { rig.input.become({2, false}); });
    RfbViewer qemu(rig.port(), {RAW, QEMU_LED_STATE});
    RfbViewer vmware(rig.port(), {RAW, VMWARE_LED_STATE});
    EXPECT_EQ(qemu.next_rect(QEMU_LED_STATE).content, bytes({2}));
    EXPECT_EQ(vmware.next_rect(VMWARE_LED_STATE).content, bytes({0, 0, 0, 2}));
    rig.loop.call([&] { rig.input.become({4, false}); });
    EXPECT_EQ(qemu.next_rect(QEMU_LED_STATE).content, bytes({4}));
    EXPECT_EQ(vmware.next_rect(VMWARE_LED_STATE).content, bytes({0, 0, 0, 4}));
    rig.loop.call([&] { rig.input.become({4, true}); });
    EXPECT_TRUE(qemu.silent());
}

TEST(VncLights, TellWhetherKeypadDigitsNeedNumLock) {
    VncRig rig;
    rig.loop.call([&] { rig.input.become({2, false}); });
    RfbViewer viewer(rig.port());
    viewer.send({4, 1, 0, 0, 0, 0, 0xff, 0xb1});
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 1; }));
    EXPECT_THAT(rig.input.seen(), ElementsAre(0x4f));
    rig.loop.call([&] { rig.input.become({0, false}); });
    viewer.send({4, 1, 0, 0, 0, 0, 0xff, 0xb2});
    EXPECT_TRUE(eventually([&] { return rig.input.seen().size() == 4; }));
    EXPECT_THAT(rig.input.seen(), ElementsAre(0x4f, 0x45, -0x45, 0x50));
}

TEST(VncPointer, ARelativeOneTakesMovementsOfViewersThatCanSendThem) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, QEMU_POINTER_MOTION_CHANGE});
    EXPECT_EQ(viewer.next_rect(QEMU_POINTER_MOTION_CHANGE).x, 0U);
    viewer.pointer(0x7fff + 5, 0x7fff - 3, 1);
    viewer.pointer(0x7fff, 0x7fff, 0);
    EXPECT_TRUE(eventually([&] {
        const std::lock_guard lock(rig.input.mutex);
        return rig.input.motions.size() == 2;
    }));
    EXPECT_THAT(rig.input.motions, ElementsAre(ElementsAre(5, -3, 1), ElementsAre(0, 0, 0)));
    EXPECT_TRUE(rig.input.moves().empty());
}

TEST(VncPointer, AChangeOfItsKindIsTold) {
    VncRig rig;
    RfbViewer viewer(rig.port(), {RAW, QEMU_POINTER_MOTION_CHANGE});
    EXPECT_EQ(viewer.next_rect(QEMU_POINTER_MOTION_CHANGE).x, 0U);
    rig.loop.call([&] { rig.input.become({0, true}); });
    const SeenRect told = viewer.next_rect(QEMU_POINTER_MOTION_CHANGE);
    EXPECT_EQ(told.x, 1U);
    EXPECT_EQ(told.width, 320U);
    viewer.pointer(10, 20, 1);
    EXPECT_TRUE(eventually([&] { return rig.input.moves().size() == 1; }));
    EXPECT_THAT(rig.input.moves(), ElementsAre(ElementsAre(10U, 20U, 320U, 200U, 1U)));
}

// ---- cursors

/// An adapter with a hardware cursor: 9x2, red, half transparent.
class CursorSource final : public DisplaySource {
public:
    void refresh(Display& display, bool) override {
        const Surface s = display.resize(32, 16);
        const bool drawn = !display.shows_cursor();
        if (!drawn) display.set_cursor({9, 2, 1, 0, pixels});
        if (drawn == was_drawn_ && s.pixels[0] == 0x112233) return;
        was_drawn_ = drawn;
        for (unsigned y = 0; y < s.height; ++y)
            for (unsigned x = 0; x < s.width; ++x)
                s.pixels[y * s.stride + x] = drawn && x == 5 && y == 5 ? 0xff0000 : 0x112233;
        display.changed({0, 0, s.width, s.height});
    }
    void unwatched() override {}
    std::vector<u32> pixels = std::vector<u32>(18, 0x80ff0000);

private:
    bool was_drawn_ = true;
};

struct Cursors : testing::Test {
    Cursors() {
        loop.call([&] {
            input.now.absolute = true;
            server = std::move(VncServer::create(VncRig::defaults(), "guest", loop, &source, input)).value();
            port = std::stoi(server->info().service);
        });
    }
    ~Cursors() override {
        loop.call([&] { server.reset(); });
    }
    /// The first that is to be seen.
    static SeenRect shape(RfbViewer& viewer, s32 encoding) {
        SeenRect rect;
        while (rect.width == 0 && rect.encoding != -1)
            rect = viewer.next_rect(encoding);
        return rect;
    }
    TestInput input;
    CursorSource source;
    TestLoop loop;
    std::unique_ptr<VncServer> server;
    int port = 0;
};

TEST_F(Cursors, TheShapeGoesToViewersThatDrawItThemselves) {
    RfbViewer alpha(port, {RAW, CURSOR, CURSOR_WITH_ALPHA, X_CURSOR});
    const SeenRect seen = shape(alpha, CURSOR_WITH_ALPHA);
    EXPECT_THAT((std::array{seen.x, seen.y, seen.width, seen.height}), ElementsAre(1, 0, 9, 2));
    EXPECT_EQ(seen.content.substr(0, 8), bytes({0, 0, 0, 0, 0x80, 0, 0, 0x80}));
    RfbViewer rich(port);
    rich.set_format(16, true, 31, 10, 5, 0);
    rich.set_encodings({RAW, X_CURSOR, CURSOR});
    const SeenRect cursor = shape(rich, CURSOR);
    EXPECT_EQ(cursor.content.substr(0, 2), bytes({0x7c, 0}));
    EXPECT_EQ(cursor.content.substr(36), bytes({0xff, 0x80, 0xff, 0x80}));
    RfbViewer two_colours(port, {RAW, X_CURSOR});
    EXPECT_EQ(shape(two_colours, X_CURSOR).content,
              bytes({0, 0, 0, 255, 255, 255, 0xff, 0x80, 0xff, 0x80, 0xff, 0x80, 0xff, 0x80}));
}

TEST_F(Cursors, OneViewerThatCannotHasItDrawnForAll) {
    RfbViewer can(port, {RAW, CURSOR_WITH_ALPHA});
    EXPECT_EQ(shape(can, CURSOR_WITH_ALPHA).width, 9U);
    {
        RfbViewer cannot(port, {RAW});
        EXPECT_EQ(can.next_rect(CURSOR_WITH_ALPHA).width, 0U);
        cannot.request(false);
        std::string picture = cannot.next_rect(RAW).content;
        while (picture.substr((5 * 32 + 5) * 4, 4) != bytes({0, 0, 0xff, 0})) {
            ASSERT_FALSE(picture.empty());
            cannot.request(true);
            picture = cannot.next_rect(RAW).content;
        }
    }
    EXPECT_EQ(shape(can, CURSOR_WITH_ALPHA).width, 9U);
}

TEST_F(Cursors, ARelativePointersCursorIsDrawnBecauseItIsElsewhere) {
    loop.call([&] { input.become({0, false}); });
    RfbViewer viewer(port, {RAW, CURSOR_WITH_ALPHA});
    EXPECT_TRUE(viewer.silent());
    loop.call([&] { input.become({0, true}); });
    EXPECT_EQ(shape(viewer, CURSOR_WITH_ALPHA).width, 9U);
}

} // namespace
} // namespace dm::vnc::test
