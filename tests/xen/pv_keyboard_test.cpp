#include "dm/xen/pv/pv_keyboard.hpp"

#include "tests/support/fake_libxen.hpp"
#include "tests/support/poll_loop.hpp"

#include <gmock/gmock.h>

namespace dm::xen {
namespace {

using testing::IsEmpty;

const std::string kBack = "backend/vkbd/5/0";
const std::string kFront = "/local/domain/5/device/vkbd/0";

struct PvKeyboardTest : testing::Test {
    ~PvKeyboardTest() override {
        keyboard.reset();
        EXPECT_THAT(xen.violations, IsEmpty());
        EXPECT_EQ(xen.open_handles, 0);
        EXPECT_EQ(xen.watches, 0U);
        EXPECT_EQ(loop.watched(), 0U);
    }
    /// libxl's nodes.
    void attach() {
        xen.store_write(kFront + "/backend", "/local/domain/0/" + kBack);
        xen.store_write(kFront + "/state", "1");
        xen.store_write(kBack + "/frontend", kFront);
        xen.store_write(kBack + "/online", "1");
        xen.store_write(kBack + "/state", "1");
    }
    void start() {
        auto made = PvKeyboard::create(loop, 5);
        ASSERT_TRUE(made.ok()) << made.error().message;
        keyboard = std::move(made).value();
    }
    std::string after_front(int state) {
        xen.store_write(kFront + "/state", std::to_string(state));
        loop.run([this] { return xen.take_unmasked(); });
        return xen.node(kBack + "/state");
    }
    test::FakeXen xen;
    test::PollLoop loop;
    std::unique_ptr<PvKeyboard> keyboard;
};

TEST_F(PvKeyboardTest, AGuestThatStartsFindsItWithoutKeys) {
    attach();
    start();
    EXPECT_EQ(xen.node(kBack + "/state"), "2") << "at once: Linux waits for it at boot";
    EXPECT_EQ(xen.node(kBack + "/feature-disable-keyboard"), "1");
    EXPECT_EQ(xen.node(kBack + "/feature-disable-pointer"), "1");
}

TEST_F(PvKeyboardTest, ItFollowsTheDriver) {
    attach();
    start();
    EXPECT_EQ(after_front(3), "4");
    EXPECT_EQ(after_front(4), "4");
    EXPECT_EQ(after_front(5), "5");
    EXPECT_EQ(after_front(6), "6");
    EXPECT_EQ(after_front(1), "2") << "a driver that is loaded again";
    EXPECT_EQ(after_front(4), "4");
    EXPECT_EQ(after_front(77), "6");
}

TEST_F(PvKeyboardTest, QuittingTakesItOutOfTheGuest) {
    attach();
    start();
    keyboard.reset();
    EXPECT_EQ(xen.node("backend/vkbd/5"), "-");
    EXPECT_EQ(xen.node(kFront + "/state"), "-");
}

TEST_F(PvKeyboardTest, AProcessThatLosesItsRightsLeavesItBehind) {
    attach();
    start();
    keyboard->leave_behind();
    keyboard.reset();
    EXPECT_EQ(xen.node(kBack + "/state"), "2");
}

TEST_F(PvKeyboardTest, OneThatTheToolstackRemovedIsLeftAlone) {
    attach();
    start();
    xen.store_remove(kBack);
    EXPECT_EQ(after_front(6), "-");
}

TEST_F(PvKeyboardTest, AGuestWithoutOneHasNone) {
    start();
    EXPECT_EQ(xen.node("backend/vkbd"), "-");
    EXPECT_EQ(xen.watches, 0U);
}

TEST_F(PvKeyboardTest, WithoutXenstoreItIsAnError) {
    xen.devices_present = false;
    EXPECT_FALSE(PvKeyboard::create(loop, 5).ok());
}

} // namespace
} // namespace dm::xen
