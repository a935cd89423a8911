// Key symbols to keys, and the queue to the device thread.
#include "dm/vnc/input_queue.hpp"
#include "dm/vnc/keymap.hpp"

#include <gmock/gmock.h>

namespace dm::vnc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr u32 kShift = 0xffe1;
constexpr u32 kAltGr = 0xfe03;
constexpr u32 kCapsLock = 0xffe5;

struct Keyboard {
    explicit Keyboard(std::string_view layout) : map(*Keymap::find(layout)) {}
    std::vector<int> press(u32 keysym) {
        return act([&] { translator.symbol(keysym, true); });
    }
    std::vector<int> release(u32 keysym) {
        return act([&] { translator.symbol(keysym, false); });
    }
    template <class F> std::vector<int> act(F f) {
        events.clear();
        f();
        return events;
    }
    std::vector<int> extended(u32 keysym, KeyCode code) {
        return act([&] { translator.extended(keysym, code, true); });
    }
    Keymap map;
    LockState locks;
    std::vector<int> events;
    KeyTranslator translator{
        map, locks, [this](KeyCode code, bool down) { events.push_back(down ? int{code} : -int{code}); }};
};

TEST(KeyTranslator, PlainAndNamedKeys) {
    Keyboard k("en-us");
    EXPECT_THAT(k.press('a'), ElementsAre(0x1e));
    EXPECT_THAT(k.release('a'), ElementsAre(-0x1e));
    EXPECT_THAT(k.press(0xff1b), ElementsAre(0x01));
    EXPECT_THAT(k.press(0xff13), ElementsAre(0xc6));
    EXPECT_THAT(k.press(0xff61), ElementsAre(0xb7));
    EXPECT_THAT(k.press(0xffff), ElementsAre(0xd3));
    EXPECT_THAT(k.press(0x01000041), ElementsAre(0x2a, 0x1e, -0x2a)); // 'A' as a Unicode keysym
}

TEST(KeyTranslator, ShiftIsAsTheViewerHoldsItWhenThatFits) {
    Keyboard k("en-us");
    k.press(kShift);
    EXPECT_THAT(k.press('A'), ElementsAre(0x1e));
    EXPECT_THAT(k.press('!'), ElementsAre(0x02));
}

TEST(KeyTranslator, ShiftIsAddedAroundTheKeyWhereTheLayoutNeedsIt) {
    Keyboard k("de"); // the viewer has a layout where '/' is plain
    EXPECT_THAT(k.press('/'), ElementsAre(0x2a, 0x08, -0x2a));
    EXPECT_THAT(k.release('/'), ElementsAre(-0x08));
}

TEST(KeyTranslator, ShiftIsTakenAwayAroundTheKeyWhereTheLayoutDoesNotNeedIt) {
    Keyboard k("fr");
    k.press(kShift);
    EXPECT_THAT(k.press('!'), ElementsAre(-0x2a, 0x35, 0x2a));
}

TEST(KeyTranslator, AltGrIsAddedWhereTheViewerDidNotNeedIt) {
    Keyboard k("de");
    k.press(kShift);
    EXPECT_THAT(k.press('@'), ElementsAre(-0x2a, 0xb8, 0x10, -0xb8, 0x2a)); // Shift+2 at the viewer
    Keyboard own("de");
    EXPECT_THAT(own.press(kAltGr), ElementsAre(0xb8));
    EXPECT_THAT(own.press('@'), ElementsAre(0x10));
}

TEST(KeyTranslator, InLayoutsOfTwoLevelsTheRightAltIsAPlainAlt) {
    Keyboard k("en-us");
    k.press(0xffea); // Alt_R
    EXPECT_THAT(k.press('x'), ElementsAre(0x2d));
}

TEST(KeyTranslator, CapsLockCountsForLetters) {
    Keyboard k("en-us");
    k.press(kCapsLock);
    k.release(kCapsLock);
    EXPECT_THAT(k.press('A'), ElementsAre(0x1e)); // the guest has Caps Lock on too
    EXPECT_THAT(k.press('1'), ElementsAre(0x02));
    k.press(kCapsLock);
    k.release(kCapsLock);
    EXPECT_THAT(k.press('A'), ElementsAre(0x2a, 0x1e, -0x2a)); // the viewer's is on, the guest's is not
}

TEST(KeyTranslator, CapsLockIsTheGuestsNotTheViewers) {
    Keyboard k("en-us");
    k.locks.lit(4); // by another viewer, or by the guest itself
    EXPECT_THAT(k.press('A'), ElementsAre(0x1e));
    k.locks.lit(0);
    EXPECT_THAT(k.press('A'), ElementsAre(0x2a, 0x1e, -0x2a));
}

TEST(KeyTranslator, KeypadDigitsSwitchNumLockOnAndItsArrowsOff) {
    Keyboard k("en-us");
    EXPECT_THAT(k.press(0xffb7), ElementsAre(0x45, -0x45, 0x47)); // KP_7
    EXPECT_THAT(k.release(0xffb7), ElementsAre(-0x47));
    EXPECT_THAT(k.press(0xffb8), ElementsAre(0x48));              // it is on
    EXPECT_THAT(k.press(0xffab), ElementsAre(0x4e));              // KP_Add does not tell
    EXPECT_THAT(k.press(0xff96), ElementsAre(0x45, -0x45, 0x4b)); // KP_Left
    k.locks.lit(2);
    EXPECT_THAT(k.press(0xffb0), ElementsAre(0x52));
}

TEST(KeyTranslator, KeysWithSymbolsMatchTheLocksOfViewersThatDoNotKnowThem) {
    Keyboard k("en-us");
    EXPECT_THAT(k.extended(0xffb1, 0x4f), ElementsAre(0x45, -0x45, 0x4f));
    EXPECT_THAT(k.extended('Q', 0x10), ElementsAre(0x3a, -0x3a, 0x10)); // Shift is not held
    EXPECT_THAT(k.extended('W', 0x11), ElementsAre(0x11));
    EXPECT_THAT(k.extended('e', 0x12), ElementsAre(0x3a, -0x3a, 0x12));
    k.extended(kShift, 0x2a);
    EXPECT_THAT(k.extended('R', 0x13), ElementsAre(0x13));
    EXPECT_THAT(k.extended('!', 0x02), ElementsAre(0x02)); // says nothing
}

TEST(KeyTranslator, ViewersThatShowTheLightsAreBelieved) {
    Keyboard k("en-us");
    k.translator.viewer_has_lights(true);
    EXPECT_THAT(k.extended(0xffb1, 0x4f), ElementsAre(0x4f));
    EXPECT_THAT(k.extended('Q', 0x10), ElementsAre(0x10));
    EXPECT_THAT(k.press(0xffb2), ElementsAre(0x50));
}

TEST(KeyTranslator, DeadKeysAndUnknownSymbols) {
    Keyboard k("de");
    EXPECT_THAT(k.press(0xfe52), ElementsAre(0x29)); // dead_circumflex
    EXPECT_THAT(k.press(0x06c1), IsEmpty());         // a Cyrillic letter
    EXPECT_THAT(k.press(0), IsEmpty());
    EXPECT_THAT(k.press(0xffffffff), IsEmpty());
}

TEST(KeyTranslator, ReleasesOfKeysThatAreNotDownAreDropped) {
    Keyboard k("en-us");
    EXPECT_THAT(k.release('a'), IsEmpty());
    EXPECT_THAT(k.act([&] { k.translator.key(0x1e, false); }), IsEmpty());
}

TEST(KeyTranslator, AllKeysAreReleasedInTheEnd) {
    Keyboard k("en-us");
    k.press(kShift);
    k.press('A');
    k.translator.key(0xcb, true);
    EXPECT_THAT(k.act([&] { k.translator.release_all(); }), ElementsAre(-0x1e, -0x2a, -0xcb));
    EXPECT_THAT(k.act([&] { k.translator.release_all(); }), IsEmpty());
}

struct Sink : InputSink {
    void key(KeyCode code, bool down) override {
        keys.push_back(down ? int{code} : -int{code});
        if (down) --room;
    }
    bool key_room() const override { return room > 0; }
    void pointer(unsigned x, unsigned y, unsigned, unsigned, u8 buttons) override {
        moves.push_back({x, y, buttons});
    }
    void motion(s32 dx, s32 dy, u8 buttons) override { motions.push_back({dx, dy, buttons}); }
    int room = 1 << 30; ///< for keys that go down
    std::vector<int> keys;
    std::vector<std::array<unsigned, 3>> moves;
    std::vector<std::array<s32, 3>> motions;
};

TEST(InputQueue, KeepsTheOrderAndWakesOnce) {
    InputQueue queue;
    Sink sink;
    EXPECT_FALSE(queue.drain(sink));
    EXPECT_TRUE(queue.push_key(1, true));
    EXPECT_FALSE(queue.push_key(1, false));
    EXPECT_FALSE(queue.push_key(2, true));
    EXPECT_TRUE(queue.drain(sink));
    EXPECT_THAT(sink.keys, ElementsAre(1, -1, 2));
    EXPECT_TRUE(queue.push_key(2, false));
}

TEST(InputQueue, OfAMotionOnlyTheEndCounts) {
    InputQueue queue;
    Sink sink;
    for (unsigned i = 0; i < 1000; ++i)
        queue.push_pointer(i, i, 1000, 1000, 0);
    queue.push_pointer(999, 999, 1000, 1000, 1);
    queue.push_pointer(999, 999, 1000, 1000, 0);
    queue.drain(sink);
    EXPECT_THAT(sink.moves, ElementsAre(ElementsAre(999U, 999U, 0U), ElementsAre(999U, 999U, 1U),
                                        ElementsAre(999U, 999U, 0U)));
}

TEST(InputQueue, MotionsAddUpBetweenChangesOfTheButtons) {
    InputQueue queue;
    Sink sink;
    for (unsigned i = 0; i < 1000; ++i)
        queue.push_motion(3, -2, 0);
    queue.push_motion(1, 1, 1);
    queue.push_pointer(5, 5, 10, 10, 1);
    queue.push_motion(1, 1, 1);
    for (unsigned i = 0; i < 100000; ++i)
        queue.push_motion(0x8000, -0x7fff, 2);
    queue.drain(sink);
    EXPECT_THAT(sink.motions, ElementsAre(ElementsAre(3000, -2000, 0), ElementsAre(1, 1, 1),
                                          ElementsAre(1, 1, 1), ElementsAre(1 << 20, -(1 << 20), 2)));
}

TEST(InputQueue, WhenFullNoKeyStaysDown) {
    InputQueue queue;
    Sink sink;
    for (unsigned i = 0; i < InputQueue::kCapacity; ++i)
        queue.push_key(7, i % 2 == 0);
    queue.push_key(8, true);
    queue.push_key(9, false);
    queue.drain(sink);
    EXPECT_EQ(sink.keys.size(), InputQueue::kCapacity + 1);
    EXPECT_EQ(sink.keys.back(), -9);
}

struct FullQueue : testing::Test {
    FullQueue() {
        for (unsigned i = 0; i < InputQueue::kCapacity; ++i)
            queue.push_key(7, i % 2 == 0);
    }
    InputQueue queue;
    Sink sink;
};

TEST_F(FullQueue, NoButtonStaysDown) {
    queue.push_pointer(3, 4, 10, 10, 1);
    queue.push_pointer(5, 6, 10, 10, 0);
    queue.drain(sink);
    EXPECT_THAT(sink.moves, ElementsAre(ElementsAre(5U, 6U, 0U)));
    EXPECT_FALSE(queue.drain(sink));
}

TEST_F(FullQueue, NorDoesOneOfAMouseThatMoves) {
    queue.push_motion(1, 1, 1);
    queue.push_motion(2, -5, 0);
    queue.drain(sink);
    EXPECT_THAT(sink.motions, ElementsAre(ElementsAre(3, -4, 0)));
}

TEST_F(FullQueue, OfPlacesAndMotionsTheLatestCounts) {
    queue.push_motion(1, 1, 1);
    queue.push_pointer(5, 6, 10, 10, 0);
    queue.drain(sink);
    EXPECT_THAT(sink.moves, ElementsAre(ElementsAre(5U, 6U, 0U)));
    EXPECT_THAT(sink.motions, IsEmpty());
}

TEST(InputQueue, ThatFillsWithAPlaceKeepsTheLatestButtons) {
    InputQueue queue;
    Sink sink;
    for (unsigned i = 1; i < InputQueue::kCapacity; ++i)
        queue.push_key(7, i % 2 == 0);
    queue.push_pointer(3, 4, 10, 10, 1);
    queue.push_motion(1, 1, 1);
    queue.push_pointer(5, 6, 10, 10, 0);
    queue.drain(sink);
    EXPECT_THAT(sink.moves, ElementsAre(ElementsAre(3U, 4U, 1U), ElementsAre(5U, 6U, 0U)));
}

struct WaitingQueue : testing::Test {
    using Until = InputQueue::Until;
    using Left = InputQueue::Left;
    void tap(KeyCode code) {
        queue.push_key(code, true);
        queue.push_key(code, false);
    }
    void fill() {
        for (unsigned i = 0; i < InputQueue::kCapacity / 2; ++i)
            tap(7);
    }
    InputQueue queue;
    Sink sink;
};

TEST_F(WaitingQueue, WhatThereIsNoRoomForStaysInOrder) {
    sink.room = 1;
    tap(1);
    tap(2);
    queue.push_pointer(3, 4, 10, 10, 1);
    EXPECT_TRUE(queue.drain(sink));
    EXPECT_THAT(sink.keys, ElementsAre(1, -1)) << "a release needs no room";
    EXPECT_THAT(sink.moves, IsEmpty()) << "a click stays behind its modifier";
    EXPECT_FALSE(queue.drain(sink));
    EXPECT_EQ(queue.left(), Left::Something);
    tap(3);
    sink.room = 5;
    EXPECT_TRUE(queue.drain(sink));
    EXPECT_THAT(sink.keys, ElementsAre(1, -1, 2, -2, 3, -3));
    EXPECT_THAT(sink.moves, ElementsAre(ElementsAre(3U, 4U, 1U)));
    EXPECT_EQ(queue.left(), Left::Nothing);
    queue.close();
    EXPECT_EQ(queue.left(), Left::Closed);
}

TEST_F(WaitingQueue, AViewerWaitsWhileItIsFull) {
    EXPECT_TRUE(queue.wait_for_place(0));
    fill();
    EXPECT_FALSE(queue.wait_for_place(1));
    sink.room = 1;
    queue.drain(sink);
    EXPECT_TRUE(queue.wait_for_place(0));
}

TEST_F(WaitingQueue, AfterAReleaseThatIsOwedNothingGoesDownUntilItIsUp) {
    fill();
    queue.push_key(9, false);
    sink.room = 10;
    queue.drain(sink);
    EXPECT_FALSE(queue.wait_for_place(1));
    queue.push_key(9, true);
    sink.room = 1 << 30;
    queue.drain(sink);
    EXPECT_EQ(sink.keys.back(), -9);
    EXPECT_TRUE(queue.wait_for_place(0));
    queue.push_key(9, true);
    queue.drain(sink);
    EXPECT_EQ(sink.keys.back(), 9);
}

TEST_F(WaitingQueue, ForAGuestThatTakesNoKeysNobodyWaitsAndThePointerMoves) {
    sink.room = 0;
    fill();
    queue.drain(sink);
    queue.drain(sink, Until::Nobody);
    EXPECT_TRUE(queue.wait_for_place(0));
    queue.push_pointer(1, 1, 10, 10, 0);
    queue.push_pointer(2, 2, 10, 10, 1);
    EXPECT_TRUE(queue.drain(sink, Until::Nobody));
    EXPECT_THAT(sink.moves, ElementsAre(ElementsAre(2U, 2U, 1U)));
    tap(8); // is lost
    EXPECT_THAT(sink.keys, IsEmpty());
    sink.room = 1 << 30;
    queue.drain(sink);
    EXPECT_EQ(sink.keys.size(), InputQueue::kCapacity + 1);
    EXPECT_EQ(sink.keys[0], 7);
    EXPECT_EQ(sink.keys.back(), -8);
}

TEST_F(WaitingQueue, WhatThePointerDidAmongKeysThatNobodyTakesIsNotHeldUp) {
    sink.room = 0;
    tap(1);
    queue.push_pointer(1, 1, 10, 10, 1);
    tap(2);
    queue.push_pointer(2, 2, 10, 10, 0);
    queue.drain(sink, Until::Nobody);
    EXPECT_THAT(sink.moves, ElementsAre(ElementsAre(2U, 2U, 0U)));
    queue.push_motion(1, 1, 0);
    sink.room = 5;
    queue.drain(sink);
    EXPECT_THAT(sink.keys, ElementsAre(1, -1, 2, -2));
    EXPECT_THAT(sink.motions, ElementsAre(ElementsAre(1, 1, 0)));
}

TEST_F(WaitingQueue, OfAViewerThatLeftNothingIsLeftBehindForEver) {
    sink.room = 0;
    tap(1);
    queue.close();
    queue.drain(sink);
    EXPECT_THAT(sink.keys, IsEmpty());
    queue.drain(sink, Until::Nobody);
    EXPECT_THAT(sink.keys, ElementsAre(1, -1)) << "the device makes of it what it can";
    EXPECT_EQ(queue.left(), Left::Closed);
}

TEST_F(WaitingQueue, AStoppedMachineGetsEverything) {
    sink.room = 0;
    tap(1);
    queue.push_pointer(1, 1, 10, 10, 0);
    queue.drain(sink, Until::Never);
    EXPECT_THAT(sink.keys, ElementsAre(1, -1));
    EXPECT_EQ(sink.moves.size(), 1U);
    EXPECT_EQ(queue.left(), Left::Nothing);
}

} // namespace
} // namespace dm::vnc
