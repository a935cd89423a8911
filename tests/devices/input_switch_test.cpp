#include "dm/devices/input/input_switch.hpp"

#include "dm/devices/input/ps2_input.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <string>

namespace dm {
namespace {

struct FakeTarget final : InputTarget {
    explicit FakeTarget(Kind k, bool used = false) : kind_(k), used_(used) {}
    Kind kind() const override { return kind_; }
    Rank rank() const override { return rank_; }
    bool in_use() const override { return used_; }
    void release_all() override { heard += "released "; }
    void forget_place() override { heard += "away "; }
    void key(KeyCode code, bool down) override { heard += fmt::format("key {} {} ", code, down); }
    bool key_room() const override { return room; }
    void pointer(unsigned x, unsigned y, unsigned, unsigned, u8) override {
        heard += fmt::format("at {},{} ", x, y);
    }
    void motion(s32 dx, s32 dy, u8) override { heard += fmt::format("by {},{} ", dx, dy); }
    InputStatus status() const override { return now; }
    void observe(InputObserver* o) override { observer = o; }
    void use(bool used) {
        used_ = used;
        if (observer != nullptr) observer->input_status(now);
    }
    Kind kind_;
    Rank rank_ = Rank::Usual;
    bool used_;
    bool room = true;
    InputStatus now;
    InputObserver* observer = nullptr;
    std::string heard;
};

struct Watcher final : InputObserver {
    void input_status(const InputStatus& now) override { heard.push_back(now); }
    std::vector<InputStatus> heard;
};

struct InputSwitchTest : testing::Test {
    InputSwitchTest() {
        tablet.now.absolute = true;
        tested.observe(&watcher);
        tested.add(tablet);
        tested.add(usb_keyboard);
    }
    FakeTarget keyboard{InputTarget::Kind::Keyboard, true};
    FakeTarget mouse{InputTarget::Kind::Pointer, true};
    FakeTarget tablet{InputTarget::Kind::Pointer};
    FakeTarget usb_keyboard{InputTarget::Kind::Keyboard};
    Watcher watcher;
    InputSwitch tested{keyboard, mouse};
};

TEST_F(InputSwitchTest, EventsGoToThePlainDevicesWhileNothingElseIsInUse) {
    tested.key(30, true);
    tested.pointer(3, 4, 10, 10, 0);
    tested.motion(1, 2, 0);
    EXPECT_EQ(keyboard.heard, "key 30 true ");
    EXPECT_EQ(mouse.heard, "at 3,4 by 1,2 ");
    EXPECT_EQ(tablet.heard + usb_keyboard.heard, "");
    EXPECT_FALSE(tested.status().absolute);
}

TEST_F(InputSwitchTest, ATabletThatIsReadTakesOverAndViewersAreTold) {
    tablet.use(true);
    tested.pointer(3, 4, 10, 10, 0);
    EXPECT_EQ(mouse.heard, "released away ");
    EXPECT_EQ(tablet.heard, "at 3,4 ");
    ASSERT_EQ(watcher.heard.size(), 1U);
    EXPECT_TRUE(watcher.heard[0].absolute);
    tablet.use(false);
    EXPECT_EQ(tablet.heard, "at 3,4 released away ");
    EXPECT_EQ(mouse.heard, "released away at 3,4 ");
    ASSERT_EQ(watcher.heard.size(), 2U);
    EXPECT_FALSE(watcher.heard[1].absolute);
}

TEST_F(InputSwitchTest, ATabletThatTakesOverIsToldWhereThePointerIs) {
    tested.pointer(7, 8, 10, 10, 0);
    tablet.use(true);
    EXPECT_EQ(tablet.heard, "at 7,8 ");
    tablet.use(false);
    tested.motion(1, 1, 0); // nobody knows where that is
    tablet.use(true);
    EXPECT_EQ(tablet.heard, "at 7,8 released away ");
}

TEST_F(InputSwitchTest, AMouseThatTakesOverAgainGoesOnFromWhereTheTabletWas) {
    Ps2Mouse real("mouse");
    Ps2MouseInput target(real);
    InputSwitch both(keyboard, target);
    real.ps2_write(Ps2Mouse::ENABLE);
    EXPECT_EQ(real.ps2_take(), Ps2Mouse::ACK);
    both.add(tablet);
    both.pointer(9, 9, 100, 100, 0);
    tablet.use(true);
    both.pointer(50, 60, 100, 100, 0);
    tablet.use(false);
    both.pointer(53, 58, 100, 100, 0);
    ASSERT_EQ(real.ps2_pending(), Ps2Pending::Event);
    EXPECT_EQ(real.ps2_take(), 0x08);
    EXPECT_EQ(real.ps2_take(), 3);
    EXPECT_EQ(real.ps2_take(), 2);
    EXPECT_EQ(real.ps2_pending(), Ps2Pending::Nothing);
    both.remove(tablet);
}

TEST_F(InputSwitchTest, NoKeyStaysDownOnTheKeyboardThatIsLeft) {
    tested.key(30, true);
    usb_keyboard.use(true);
    tested.key(30, false);
    EXPECT_EQ(keyboard.heard, "key 30 true released away ");
    EXPECT_EQ(usb_keyboard.heard, "key 30 false ");
}

TEST_F(InputSwitchTest, ReleasingAllReachesEveryTargetAlsoThoseThatAreNotInUse) {
    tablet.use(true);
    keyboard.heard = mouse.heard = tablet.heard = usb_keyboard.heard = "";
    tested.release_all();
    for (const FakeTarget* target : {&keyboard, &mouse, &tablet, &usb_keyboard})
        EXPECT_EQ(target->heard, "released ");
    tested.motion(1, 2, 0);
    EXPECT_EQ(tablet.heard, "released by 1,2 ");
}

TEST_F(InputSwitchTest, TheRoomIsThatOfTheKeyboardInUseAndItGetsWhatAnotherOneLeftUnread) {
    usb_keyboard.room = false;
    EXPECT_TRUE(tested.key_room());
    usb_keyboard.use(true);
    EXPECT_FALSE(tested.key_room());
    usb_keyboard.use(false);
    keyboard.heard = "";
    tested.key_unread(30, true);
    EXPECT_EQ(keyboard.heard, "key 30 true ");
}

TEST_F(InputSwitchTest, TheLightsAreThoseOfTheKeyboardInUse) {
    keyboard.now.leds = 1;
    usb_keyboard.now.leds = 4;
    keyboard.use(true);
    EXPECT_EQ(tested.status().leds, 1);
    usb_keyboard.use(true);
    EXPECT_EQ(tested.status().leds, 4);
    EXPECT_EQ(watcher.heard.back().leds, 4);
}

TEST_F(InputSwitchTest, TheOneAddedFirstIsPreferred) {
    FakeTarget second{InputTarget::Kind::Pointer, true};
    tested.add(second);
    tablet.use(true);
    tested.pointer(1, 1, 10, 10, 0);
    EXPECT_EQ(tablet.heard, "at 1,1 ");
    tested.remove(second);
}

TEST_F(InputSwitchTest, ATabletComesBeforeThePvPointerAndAMouseAfterItWhoeverWasThereFirst) {
    FakeTarget usb_mouse{InputTarget::Kind::Pointer, true};
    FakeTarget pv{InputTarget::Kind::Pointer, true};
    FakeTarget late_tablet{InputTarget::Kind::Pointer};
    usb_mouse.rank_ = InputTarget::Rank::Relative;
    pv.rank_ = InputTarget::Rank::Paravirtual;
    pv.now.absolute = late_tablet.now.absolute = true;
    tested.add(usb_mouse);
    EXPECT_FALSE(tested.status().absolute);
    tested.add(pv);
    EXPECT_TRUE(tested.status().absolute);
    tested.pointer(1, 1, 10, 10, 0);
    tested.add(late_tablet);
    late_tablet.use(true);
    EXPECT_EQ(pv.heard, "at 1,1 released away ");
    EXPECT_EQ(late_tablet.heard, "at 1,1 ");
    late_tablet.use(false);
    pv.use(false);
    EXPECT_EQ(usb_mouse.heard, "released away at 1,1 ");
    for (FakeTarget* target : {&usb_mouse, &pv, &late_tablet})
        tested.remove(*target);
}

TEST_F(InputSwitchTest, WhatIsRemovedHearsNothingAnyMore) {
    tablet.use(true);
    tested.remove(tablet);
    tested.pointer(1, 1, 10, 10, 0);
    EXPECT_EQ(tablet.heard, "released away ");
    EXPECT_EQ(tablet.observer, nullptr);
    EXPECT_EQ(mouse.heard, "released away at 1,1 ");
    tested.add(tablet);
}

} // namespace
} // namespace dm
