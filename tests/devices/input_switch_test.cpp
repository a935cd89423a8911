#include "dm/devices/input/input_switch.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <string>

namespace dm {
namespace {

struct FakeTarget final : InputTarget {
    explicit FakeTarget(Kind k, bool used = false) : kind_(k), used_(used) {}
    Kind kind() const override { return kind_; }
    bool in_use() const override { return used_; }
    void release_all() override { heard += "released "; }
    void key(KeyCode code, bool down) override { heard += fmt::format("key {} {} ", code, down); }
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
    bool used_;
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
    EXPECT_EQ(mouse.heard, "released ");
    EXPECT_EQ(tablet.heard, "at 3,4 ");
    ASSERT_EQ(watcher.heard.size(), 1U);
    EXPECT_TRUE(watcher.heard[0].absolute);
    tablet.use(false);
    EXPECT_EQ(tablet.heard, "at 3,4 released ");
    tested.pointer(3, 4, 10, 10, 0);
    EXPECT_EQ(mouse.heard, "released at 3,4 ");
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
    EXPECT_EQ(tablet.heard, "at 7,8 released ");
}

TEST_F(InputSwitchTest, NoKeyStaysDownOnTheKeyboardThatIsLeft) {
    tested.key(30, true);
    usb_keyboard.use(true);
    tested.key(30, false);
    EXPECT_EQ(keyboard.heard, "key 30 true released ");
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

TEST_F(InputSwitchTest, WhatIsRemovedHearsNothingAnyMore) {
    tablet.use(true);
    tested.remove(tablet);
    tested.pointer(1, 1, 10, 10, 0);
    EXPECT_EQ(tablet.heard, "released ");
    EXPECT_EQ(tablet.observer, nullptr);
    EXPECT_EQ(mouse.heard, "released at 1,1 ");
    tested.add(tablet);
}

} // namespace
} // namespace dm
