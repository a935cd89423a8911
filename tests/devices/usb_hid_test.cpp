#include "tests/devices/usb_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace usb_rig;
using testing::ElementsAre;
using testing::Optional;

constexpr u8 kTablet = 1;
constexpr u8 kKeyboard = 2;
constexpr KeyCode kA = 0x1e, kLeftShift = 0x2a, kCtrlRight = 0x9d;

struct Watcher final : InputObserver {
    void input_status(const InputStatus& now) override {
        ++calls;
        last = now;
    }
    unsigned calls = 0;
    InputStatus last;
};

struct UsbHidTest : testing::Test, UsbTabletRig {
    UsbHidTest() {
        start();
        EXPECT_TRUE(configure(0, kTablet));
        EXPECT_TRUE(configure(1, kKeyboard));
    }
    Bytes place() {
        const auto got = next_report(kTablet);
        return got ? *got : Bytes{};
    }
    static Bytes at(u16 x, u16 y, u8 buttons = 0, u8 wheel = 0) {
        return {buttons, byte_of(x, 0), byte_of(x, 1), byte_of(y, 0), byte_of(y, 1), wheel};
    }
    std::string text(u8 address, u8 index) {
        const auto got = control(address, {0x80, 6, static_cast<u16>(0x0300 | index), 0x0409, 255});
        std::string out;
        for (std::size_t i = 2; got && i + 1 < got->size(); i += 2)
            out += static_cast<char>((*got)[i]);
        return out;
    }
};

TEST_F(UsbHidTest, DevicesSayOfThemselvesWhatGuestsOfXenKnow) {
    EXPECT_EQ(text(kTablet, 1), "QEMU");
    EXPECT_EQ(text(kTablet, 2), "QEMU USB Tablet");
    EXPECT_EQ(text(kTablet, 3), "1");
    EXPECT_EQ(text(kTablet, 4), "HID Tablet");
    EXPECT_EQ(text(kKeyboard, 2), "QEMU USB Keyboard");
    EXPECT_FALSE(control(kTablet, {0x80, 6, 0x0305, 0x0409, 255}));
    const auto device = control(kTablet, {0x80, 6, 0x0100, 0, 18});
    ASSERT_TRUE(device);
    EXPECT_THAT(*device, ElementsAre(18, 1, 0, 1, 0, 0, 0, 8, 0x27, 6, 1, 0, 0, 0, 1, 2, 3, 1));
}

TEST_F(UsbHidTest, TheConfigurationHoldsInterfaceClassDescriptorAndEndpoint) {
    const auto all = control(kTablet, {0x80, 6, 0x0200, 0, 255});
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 34U);
    EXPECT_THAT(std::span(*all).first(9), ElementsAre(9, 2, 34, 0, 1, 1, 4, 0xa0, 50));
    EXPECT_THAT(std::span(*all).subspan(9, 9), ElementsAre(9, 4, 0, 0, 1, 3, 0, 0, 0));
    EXPECT_THAT(std::span(*all).subspan(18, 9), ElementsAre(9, 0x21, 1, 0, 0, 1, 0x22, 74, 0));
    EXPECT_THAT(std::span(*all).subspan(27, 7), ElementsAre(7, 5, 0x81, 3, 8, 0, 10));
    const auto report_descriptor = control(kTablet, {0x81, 6, 0x2200, 0, 200});
    ASSERT_TRUE(report_descriptor);
    EXPECT_EQ(report_descriptor->size(), 74U);
    const auto hid = control(kTablet, {0x81, 6, 0x2100, 0, 9});
    EXPECT_THAT(hid, Optional(ElementsAre(9, 0x21, 1, 0, 0, 1, 0x22, 74, 0)));
    const auto boot = control(kKeyboard, {0x80, 6, 0x0200, 0, 255});
    ASSERT_TRUE(boot);
    EXPECT_THAT(std::span(*boot).subspan(14, 3), ElementsAre(3, 1, 1)); // a boot keyboard
}

TEST_F(UsbHidTest, StandardRequestsAreAnsweredAsChapterNineSays) {
    EXPECT_THAT(control(kTablet, {0x80, 0, 0, 0, 2}), Optional(ElementsAre(0, 0)));
    EXPECT_TRUE(control(kTablet, {0x00, 3, 1, 0, 0}));
    EXPECT_THAT(control(kTablet, {0x80, 0, 0, 0, 2}), Optional(ElementsAre(2, 0)));
    EXPECT_TRUE(control(kTablet, {0x00, 1, 1, 0, 0}));
    EXPECT_THAT(control(kTablet, {0x80, 8, 0, 0, 1}), Optional(ElementsAre(1)));
    EXPECT_THAT(control(kTablet, {0x81, 10, 0, 0, 1}), Optional(ElementsAre(0)));
    EXPECT_FALSE(control(kTablet, {0x00, 9, 2, 0, 0}));  // no such configuration
    EXPECT_FALSE(control(kTablet, {0x01, 11, 1, 0, 0})); // no such setting
    EXPECT_FALSE(control(kTablet, {0x00, 5, 128, 0, 0}));
    EXPECT_TRUE(control(kTablet, {0x00, 9, 0, 0, 0}));
    EXPECT_FALSE(control(kTablet, {0x81, 10, 0, 0, 1})); // not configured
}

TEST_F(UsbHidTest, WindowsHearsThatItMayLetAnIdleDeviceSleep) {
    for (const u8 address : {kTablet, kKeyboard}) {
        EXPECT_THAT(
            control(address, {0x80, 6, 0x03ee, 0, 18}),
            Optional(ElementsAre(18, 3, 'M', 0, 'S', 0, 'F', 0, 'T', 0, '1', 0, '0', 0, '0', 0, 'Q', 0)));
        Bytes ids{40, 0, 0, 0, 0, 1, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        ids.resize(40);
        EXPECT_EQ(control(address, {0xc0, 'Q', 0, 4, 40}), ids);
        Bytes properties{76, 0, 0, 0, 0, 1, 5, 0, 1, 0, 66, 0, 0, 0, 4, 0, 0, 0, 48, 0};
        for (const char c : std::string("SelectiveSuspendEnabled") + '\0') {
            properties.push_back(static_cast<u8>(c));
            properties.push_back(0);
        }
        for (const u8 byte : Bytes{4, 0, 0, 0, 1, 0, 0, 0})
            properties.push_back(byte);
        EXPECT_EQ(control(address, {0xc1, 'Q', 0, 5, 200}), properties);
        EXPECT_EQ(control(address, {0xc0, 'Q', 0, 5, 200}), properties);
        properties.resize(10); // Windows asks for the header first
        EXPECT_EQ(control(address, {0xc1, 'Q', 0, 5, 10}), properties);
    }
}

TEST_F(UsbHidTest, OtherRequestsOfAVendorAreRefused) {
    EXPECT_FALSE(control(kTablet, {0xc0, 'Q', 0, 1, 40}));
    EXPECT_FALSE(control(kTablet, {0xc0, 'Q', 0, 6, 40}));
    EXPECT_FALSE(control(kTablet, {0xc1, 'Q', 1, 5, 40}));      // another page
    EXPECT_FALSE(control(kTablet, {0xc1, 'Q', 0x0100, 5, 40})); // of another interface
    EXPECT_FALSE(control(kTablet, {0xc2, 'Q', 0, 5, 40}));
    EXPECT_FALSE(control(kTablet, {0xc0, 'R', 0, 4, 40}));
    EXPECT_FALSE(control(kTablet, {0x40, 'Q', 0, 4, 0}));
    EXPECT_FALSE(control(kTablet, {0x80, 6, 0x03ef, 0, 18}));
}

TEST_F(UsbHidTest, AHaltedEndpointStallsUntilItIsCleared) {
    EXPECT_TRUE(control(kTablet, {0x02, 3, 0, 0x81, 0}));
    EXPECT_THAT(control(kTablet, {0x82, 0, 0, 0x81, 2}), Optional(ElementsAre(1, 0)));
    poll(kTablet);
    frames(2);
    EXPECT_NE(get32(kInterruptTd + 4) & STALLED, 0U);
    EXPECT_TRUE(control(kTablet, {0x02, 1, 0, 0x81, 0}));
    tablet.pointer(1, 1, 10, 10, 0);
    EXPECT_TRUE(next_report(kTablet));
    EXPECT_FALSE(control(kTablet, {0x02, 3, 0, 0x82, 0})); // no such endpoint
}

// -------------------------------------------------------------------------------------------------- tablet

TEST_F(UsbHidTest, TheCornersOfAnyScreenAreTheCornersOfTheTablet) {
    for (const auto& [width, height] :
         {std::pair{640U, 480U}, {720U, 400U}, {1024U, 768U}, {2560U, 1600U}, {2U, 2U}}) {
        tablet.pointer(width - 1, height - 1, width, height, 0);
        EXPECT_EQ(place(), at(0x7fff, 0x7fff)) << width;
        tablet.pointer(0, 0, width, height, 0);
        EXPECT_EQ(place(), at(0, 0)) << width;
    }
}

TEST_F(UsbHidTest, AGuestThatDividesByTheRangeIsAtTheViewersPixelOnEveryScreen) {
    for (const unsigned width : {2U, 320U, 640U, 720U, 800U, 1024U, 1280U, 1366U, 1920U, 2560U}) {
        UsbTabletRig fresh;
        for (unsigned x = 0; x < width; ++x) {
            fresh.tablet.pointer(x, 0, width, 10, 0);
            std::array<u8, 8> reply{};
            std::array<u8, 8> setup{0xa1, 1, 0, 1, 0, 0, 6, 0};
            static_cast<void>(fresh.tablet.transact(usb::Pid::Setup, 0, setup));
            ASSERT_EQ(fresh.tablet.transact(usb::Pid::In, 0, reply).length, 6U);
            const unsigned value = reply[1] | static_cast<unsigned>(reply[2]) << 8;
            ASSERT_EQ(value * width / 32768, x) << width;
        }
    }
}

TEST_F(UsbHidTest, OfManyPlacesTheLastCountsButAClickStaysWhereItWas) {
    for (unsigned x = 0; x < 100; ++x)
        tablet.pointer(x, 0, 101, 101, 0);
    tablet.pointer(50, 50, 101, 101, 1);
    for (unsigned x = 50; x < 101; ++x)
        tablet.pointer(x, 50, 101, 101, 1);
    tablet.pointer(100, 50, 101, 101, 0);
    EXPECT_EQ(place(), at(99 * 0x7fff / 100 + 1, 0));
    EXPECT_EQ(place(), at(0x4000, 0x4000, 1));
    EXPECT_EQ(place(), at(0x7fff, 0x4000, 1));
    EXPECT_EQ(place(), at(0x7fff, 0x4000, 0));
    EXPECT_EQ(place(), Bytes{});
}

TEST_F(UsbHidTest, AllThreeButtonsAndTheWheelAreReported) {
    tablet.pointer(0, 0, 100, 100, 1 | 2 | 4);
    EXPECT_EQ(place(), at(0, 0, 7));
    tablet.pointer(0, 0, 100, 100, 4);
    EXPECT_EQ(place(), at(0, 0, 2)); // right
    tablet.pointer(0, 0, 100, 100, 2);
    EXPECT_EQ(place(), at(0, 0, 4)); // middle
    tablet.pointer(0, 0, 100, 100, 0);
    EXPECT_EQ(place(), at(0, 0));
    tablet.pointer(0, 0, 100, 100, 8);
    EXPECT_EQ(place(), at(0, 0, 0, 1));
    tablet.pointer(0, 0, 100, 100, 0);
    tablet.pointer(0, 0, 100, 100, 16);
    EXPECT_EQ(place(), at(0, 0, 0, 0xff));
    EXPECT_EQ(place(), Bytes{});
}

TEST_F(UsbHidTest, AFloodOfClicksKeepsTheLastStateOfTheButtons) {
    for (unsigned i = 0; i < 100000; ++i)
        tablet.pointer(i % 100, 0, 100, 100, i % 2 == 0 ? 1 : 0);
    Bytes last;
    for (std::size_t i = 0; i < UsbTablet::kReports; ++i)
        last = place();
    EXPECT_EQ(last, at(0x7fff, 0, 0));
    EXPECT_EQ(place(), Bytes{});
}

TEST_F(UsbHidTest, MovementsDoNotMoveATablet) {
    tablet.pointer(99, 99, 100, 100, 0);
    EXPECT_EQ(place(), at(0x7fff, 0x7fff));
    tablet.motion(-50, -50, 1);
    EXPECT_EQ(place(), at(0x7fff, 0x7fff, 1));
}

TEST_F(UsbHidTest, TheTabletIsInUseFromTheFirstPollUntilTheGuestLetsItGo) {
    Watcher watcher;
    tablet.observe(&watcher);
    EXPECT_FALSE(tablet.in_use());
    poll(kTablet);
    frames(2);
    EXPECT_TRUE(tablet.in_use());
    EXPECT_EQ(watcher.calls, 1U);
    reg(uhci::PORTSC1, 0); // disabled
    EXPECT_FALSE(tablet.in_use());
    EXPECT_EQ(watcher.calls, 2U);
    reg(uhci::PORTSC1, PED);
    EXPECT_TRUE(tablet.in_use());
    EXPECT_TRUE(control(kTablet, {0x00, 9, 0, 0, 0}));
    EXPECT_FALSE(tablet.in_use());
    tablet.observe(nullptr);
}

TEST_F(UsbHidTest, AnIdleRateRepeatsTheReportInTime) {
    EXPECT_TRUE(control(kTablet, {0x21, 0x0a, 25 << 8, 0, 0})); // 100 ms
    EXPECT_THAT(control(kTablet, {0xa1, 2, 0, 0, 1}), Optional(ElementsAre(25)));
    tablet.pointer(99, 99, 100, 100, 0);
    EXPECT_EQ(place(), at(0x7fff, 0x7fff));
    poll(kTablet);
    frames(95);
    EXPECT_FALSE(report());
    frames(10);
    EXPECT_THAT(report(), Optional(at(0x7fff, 0x7fff)));
    EXPECT_TRUE(control(kTablet, {0x21, 0x0a, 0, 0, 0}));
    poll(kTablet);
    frames(500);
    EXPECT_FALSE(report());
}

// ------------------------------------------------------------------------------------------------ keyboard

TEST_F(UsbHidTest, KeysAndModifiersAreReportedAsTheyGoDownAndUp) {
    const auto keys = [&] { return next_report(kKeyboard).value_or(Bytes{}); };
    keyboard.key(kLeftShift, true);
    keyboard.key(kA, true);
    keyboard.key(kA, true); // a viewer's own repetition
    keyboard.key(kA, false);
    keyboard.key(kLeftShift, false);
    keyboard.key(kCtrlRight, true);
    EXPECT_THAT(keys(), ElementsAre(2, 0, 4, 0, 0, 0, 0, 0)) << "Shift is looked at first";
    EXPECT_THAT(keys(), ElementsAre(2, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0x10, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre());
}

TEST_F(UsbHidTest, MoreThanSixKeysRollOver) {
    Bytes last;
    for (KeyCode code = 0x10; code < 0x17; ++code) {
        keyboard.key(code, true);
        last = next_report(kKeyboard).value_or(Bytes{});
    }
    EXPECT_THAT(last, ElementsAre(0, 0, 1, 1, 1, 1, 1, 1));
    keyboard.key(0x10, false);
    EXPECT_EQ(next_report(kKeyboard)->at(2), 0x08); // E, the lowest of those that are left
}

TEST_F(UsbHidTest, AReportHoldsWhatNoOrderIsLostBy) {
    const auto keys = [&] { return next_report(kKeyboard).value_or(Bytes{}); };
    const auto tap = [&](KeyCode code) {
        keyboard.key(code, true);
        keyboard.key(code, false);
    };
    tap(0x30); // b, and again: both are seen
    tap(0x30);
    keyboard.key(kLeftShift, true); // does not overtake b on its way up
    tap(kA);
    keyboard.key(kLeftShift, false); // may overtake A
    tap(0x2e);                       // c
    EXPECT_THAT(keys(), ElementsAre(0, 0, 5, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0, 0, 5, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(2, 0, 4, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0, 0, 6, 0, 0, 0, 0, 0)) << "A and Shift go up, c goes down";
    EXPECT_THAT(keys(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre());
    tap(kLeftShift); // alone it means something
    EXPECT_THAT(keys(), ElementsAre(2, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
    tap(0x30);
    tap(kCtrlRight); // and so it does behind another key
    EXPECT_THAT(keys(), ElementsAre(0, 0, 5, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0x10, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(keys(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
}

TEST_F(UsbHidTest, AThousandKeysWaitForASlowGuestAndItIsToldInTimeThatThereIsNoRoom) {
    std::size_t taps = 0;
    for (; keyboard.key_room(); ++taps) {
        keyboard.key(kA, true);
        keyboard.key(kA, false);
    }
    EXPECT_GT(taps, 900U);
    keyboard.key(kLeftShift, true); // of somebody who cannot wait
    std::size_t reports = 0;
    while (next_report(kKeyboard))
        ++reports;
    EXPECT_EQ(reports, 2 * taps + 1);
    EXPECT_TRUE(keyboard.key_room());
}

/// A guest's letters as it makes them of reports: modifiers first, then what went up, then what went down.
std::string typed(const Bytes& before, const Bytes& now) {
    std::string out;
    for (std::size_t i = 2; i < now.size(); ++i)
        if (now[i] >= 4 && std::find(before.begin() + 2, before.end(), now[i]) == before.end())
            out += static_cast<char>(((now[0] & 0x22) != 0 ? 'A' : 'a') + now[i] - 4);
    return out;
}

TEST_F(UsbHidTest, MixedTextIsReadAsItWasTypedAndInFewerReportsThanEvents) {
    static constexpr std::array<KeyCode, 6> kAToF{0x1e, 0x30, 0x2e, 0x20, 0x12, 0x21};
    Rng rng(3);
    std::string text;
    std::size_t events = 0;
    while (keyboard.key_room()) {
        const u64 letter = rng.below(kAToF.size());
        const bool shift = rng.one_in(2);
        text += static_cast<char>((shift ? 'A' : 'a') + letter);
        events += shift ? 4 : 2;
        if (shift) keyboard.key(kLeftShift, true);
        keyboard.key(kAToF[letter], true);
        keyboard.key(kAToF[letter], false);
        if (shift) keyboard.key(kLeftShift, false);
    }
    std::string read;
    Bytes before(8);
    std::size_t reports = 0;
    for (; const auto next = next_report(kKeyboard); ++reports) {
        read += typed(before, *next);
        before = *next;
    }
    EXPECT_EQ(read, text);
    EXPECT_EQ(before, Bytes(8));
    EXPECT_LT(reports, events * 2 / 3);
}

TEST_F(UsbHidTest, NoKeyStaysDownHoweverManyEventsThereWere) {
    for (int round = 0; round < 100; ++round)
        for (KeyCode code = 0x10; code < 0x30; ++code)
            keyboard.key(code, round % 2 == 0);
    for (unsigned code = 0; code < 256; ++code)
        keyboard.key(static_cast<KeyCode>(code), false);
    Bytes last{1};
    while (const auto next = next_report(kKeyboard))
        last = *next;
    EXPECT_THAT(last, ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
    keyboard.key(kA, true);
    keyboard.release_all();
    while (const auto next = next_report(kKeyboard))
        last = *next;
    EXPECT_THAT(last, ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
}

TEST_F(UsbHidTest, TheGuestsLightsAreShownToViewers) {
    Watcher watcher;
    keyboard.observe(&watcher);
    EXPECT_TRUE(control(kKeyboard, {0x21, 9, 0x0200, 0, 1}, {0x03})); // Num and Caps Lock
    EXPECT_EQ(watcher.last.leds,
              static_cast<u8>(KeyboardLed::NumLock) | static_cast<u8>(KeyboardLed::CapsLock));
    EXPECT_FALSE(control(kKeyboard, {0x21, 9, 0x0300, 0, 1}, {0x03})); // no feature report
    EXPECT_FALSE(control(kTablet, {0x21, 9, 0x0200, 0, 1}, {0x03}));   // a tablet has no lights
    keyboard.observe(nullptr);
}

TEST_F(UsbHidTest, OnlyBootDevicesHaveAProtocolToChoose) {
    EXPECT_THAT(control(kKeyboard, {0xa1, 3, 0, 0, 1}), Optional(ElementsAre(1)));
    EXPECT_TRUE(control(kKeyboard, {0x21, 0x0b, 0, 0, 0}));
    EXPECT_THAT(control(kKeyboard, {0xa1, 3, 0, 0, 1}), Optional(ElementsAre(0)));
    EXPECT_FALSE(control(kKeyboard, {0x21, 0x0b, 2, 0, 0}));
    EXPECT_FALSE(control(kTablet, {0xa1, 3, 0, 0, 1}));
    EXPECT_FALSE(control(kTablet, {0x21, 0x0b, 0, 0, 0}));
}

// --------------------------------------------------------------------------------- guests that stop to come

/// What a guest has beside USB.
struct Plain final : InputTarget {
    explicit Plain(Kind k) : kind_(k) {}
    Kind kind() const override { return kind_; }
    bool in_use() const override { return true; }
    void release_all() override {}
    void key(KeyCode code, bool down) override { keys.push_back(down ? int{code} : -int{code}); }
    void pointer(unsigned, unsigned, unsigned, unsigned, u8) override { ++moves; }
    Kind kind_;
    std::vector<int> keys;
    unsigned moves = 0;
};

struct UsbHidLeft : UsbHidTest {
    UsbHidLeft() {
        input.add(tablet);
        input.add(keyboard);
        for (const u8 address : {kTablet, kKeyboard}) {
            poll(address);
            frames(3);
        }
        close();
    }
    ~UsbHidLeft() override {
        input.remove(tablet);
        input.remove(keyboard);
    }
    /// Linux kills its request.
    void close() { put32(kInterruptQueue + 4, T); }
    Plain plain_keyboard{InputTarget::Kind::Keyboard};
    Plain mouse{InputTarget::Kind::Pointer};
    InputSwitch input{plain_keyboard, mouse};
};

TEST_F(UsbHidLeft, APointerThatWasClosedIsLeftAndAnotherOneMoves) {
    EXPECT_TRUE(tablet.in_use());
    input.pointer(5, 5, 10, 10, 1);
    frames(1499);
    EXPECT_TRUE(tablet.in_use());
    frames(1);
    EXPECT_FALSE(tablet.in_use());
    EXPECT_FALSE(input.status().absolute);
    EXPECT_EQ(mouse.moves, 1U) << "it is told where the viewer points";
    input.pointer(6, 6, 10, 10, 1);
    EXPECT_EQ(mouse.moves, 2U);
    EXPECT_TRUE(keyboard.in_use());

    EXPECT_EQ(place()[0], 0) << "a click of that day is not made now";
    EXPECT_TRUE(tablet.in_use());
    EXPECT_TRUE(input.status().absolute);
    place();
    input.pointer(9, 9, 10, 10, 0);
    EXPECT_EQ(place(), at(0x7fff, 0x7fff));
    EXPECT_EQ(mouse.moves, 2U);
}

TEST_F(UsbHidLeft, KeysThatNobodyFetchedGoToTheKeyboardThatIsRead) {
    input.key(kLeftShift, true);
    input.key(kA, true);
    input.key(kA, false);
    frames(1500);
    EXPECT_FALSE(keyboard.in_use());
    EXPECT_THAT(plain_keyboard.keys, ElementsAre(kLeftShift, kA, -kA, -kLeftShift));
    EXPECT_FALSE(next_report(kKeyboard)) << "they are not typed twice";
    EXPECT_TRUE(keyboard.in_use());
    keyboard.key(kA, true);
    EXPECT_THAT(next_report(kKeyboard), Optional(ElementsAre(0, 0, 4, 0, 0, 0, 0, 0)));
}

TEST_F(UsbHidLeft, AKeyThatTheGuestBelievesToBeDownGoesUpWhenItComesBack) {
    input.key(kA, true);
    EXPECT_TRUE(next_report(kKeyboard));
    poll(kKeyboard); // asks again
    frames(3);
    close();
    input.key(kA, false);
    frames(1500);
    EXPECT_FALSE(keyboard.in_use());
    EXPECT_THAT(next_report(kKeyboard), Optional(ElementsAre(0, 0, 0, 0, 0, 0, 0, 0)));
}

TEST_F(UsbHidLeft, WhileNothingWaitsNothingIsDecidedAndNoTimerRuns) {
    reg(uhci::USBCMD, 0); // nor does the controller's
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
    frames(20'000);
    EXPECT_TRUE(tablet.in_use() && keyboard.in_use());
    input.pointer(5, 5, 10, 10, 0);
    EXPECT_EQ(timers.next_deadline(), clock.now + 1500 * kMillisecond);
    frames(1000);
    input.pointer(6, 6, 10, 10, 0); // does not put it off
    frames(500);
    EXPECT_FALSE(tablet.in_use()) << "as when firmware stops its controller for good";
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

TEST_F(UsbHidLeft, AGuestThatComesForTheReportsKeepsTheDeviceHoweverSlowItIs) {
    for (unsigned i = 0; i < 10; ++i) {
        input.pointer(9 - i, i, 10, 10, 0);
        frames(1100);
        for (int request = 0; request < 2; ++request) {
            poll(kTablet);
            frames(310); // after a rest the controller looks so seldom
            ASSERT_EQ(report().has_value(), request == 0) << i;
        }
        close();
        ASSERT_TRUE(tablet.in_use()) << i;
    }
}

TEST_F(UsbHidLeft, AGuestThatStandsStillAsAWholeHasMoreTime) {
    input.key(kA, true);
    EXPECT_TRUE(next_report(kKeyboard)); // what its request was waiting for
    input.key(kA, false);
    frames(9'999);
    EXPECT_TRUE(keyboard.in_use());
    EXPECT_THAT(plain_keyboard.keys, ElementsAre());
    frames(2);
    EXPECT_FALSE(keyboard.in_use());
}

TEST_F(UsbHidLeft, ADeviceThatSleepsAndMayWakeTheGuestIsInUse) {
    EXPECT_TRUE(control(kTablet, {0x00, 3, 1, 0, 0}));
    reg(uhci::PORTSC1, PED | SUSP);
    frames(3);
    input.pointer(5, 5, 10, 10, 0);
    EXPECT_NE(reg(uhci::PORTSC1) & RD, 0);
    frames(5000);
    EXPECT_TRUE(tablet.in_use()) << "it takes its time to wake up";
    reg(uhci::PORTSC1, PED);
    EXPECT_TRUE(control(kTablet, {0x00, 1, 1, 0, 0}));
    frames(1400);
    EXPECT_TRUE(tablet.in_use());
    frames(200);
    EXPECT_FALSE(tablet.in_use()) << "awake, and it does not come";
}

TEST_F(UsbHidLeft, ARestoredOneIsLeftAtTheSameTime) {
    input.key(kA, true);
    frames(1000);
    UsbTabletRig twin;
    twin.copy_surroundings(*this);
    const std::vector<u8> image = snapshot(*this);
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.dev.load(*reader).ok());
    EXPECT_TRUE(twin.keyboard.in_use());
    twin.frames(499);
    EXPECT_TRUE(twin.keyboard.in_use());
    twin.frames(1);
    EXPECT_FALSE(twin.keyboard.in_use());
}

// --------------------------------------------------------------------------------------------------- mouse

struct UsbMouseTest : testing::Test, UsbRig {
    UsbMouseTest() {
        start();
        EXPECT_TRUE(configure(0, 1));
    }
    UsbMouse& mouse = plug<UsbMouse>(0, "usb-mouse");
    Bytes next() { return next_report(1).value_or(Bytes{}); }
};

TEST_F(UsbMouseTest, PlacesBecomeMovementsAndLongOnesSeveralReports) {
    mouse.pointer(100, 100, 800, 600, 0); // where the guest's pointer is taken to be
    EXPECT_THAT(next(), ElementsAre());
    mouse.pointer(400, 90, 800, 600, 0);
    EXPECT_THAT(next(), ElementsAre(0, 127, 0xf6, 0));
    EXPECT_THAT(next(), ElementsAre(0, 127, 0, 0));
    EXPECT_THAT(next(), ElementsAre(0, 46, 0, 0));
    mouse.pointer(0, 0, 1024, 768, 0); // another mode
    EXPECT_THAT(next(), ElementsAre());
}

TEST_F(UsbMouseTest, ThePlaceIsKnownUntilItIsForgottenWhateverIsReleased) {
    mouse.pointer(100, 100, 800, 600, 1);
    EXPECT_THAT(next(), ElementsAre(1, 0, 0, 0));
    mouse.release_all();
    EXPECT_THAT(next(), ElementsAre(0, 0, 0, 0));
    mouse.pointer(103, 98, 800, 600, 0);
    EXPECT_THAT(next(), ElementsAre(0, 3, 0xfe, 0));
    mouse.forget_place();
    mouse.pointer(200, 200, 800, 600, 0);
    EXPECT_THAT(next(), ElementsAre());
}

TEST_F(UsbMouseTest, ReportsFiveButtonsAndTheWheelAndFirmwareGetsThreeBytes) {
    mouse.motion(1, -1, 32 | 64 | 8);
    EXPECT_THAT(next(), ElementsAre(0x18, 1, 0xff, 1));
    EXPECT_TRUE(control(1, {0x21, 0x0b, 0, 0, 0}));
    mouse.motion(2, 3, 1 | 32);
    EXPECT_THAT(next(), ElementsAre(1, 2, 3));
}

TEST_F(UsbMouseTest, MovementsAddUpButAClickStaysWhereItWas) {
    for (int i = 0; i < 10; ++i)
        mouse.motion(1, 0, 0);
    mouse.motion(0, 0, 1);
    mouse.motion(5, 5, 1);
    mouse.motion(5, 5, 0);
    EXPECT_THAT(next(), ElementsAre(0, 10, 0, 0));
    EXPECT_THAT(next(), ElementsAre(1, 0, 0, 0));
    EXPECT_THAT(next(), ElementsAre(1, 5, 5, 0));
    EXPECT_THAT(next(), ElementsAre(0, 5, 5, 0));
}

// ----------------------------------------------------------------------------------------------------- hub

struct UsbHubTest : testing::Test, UsbHubRig {
    static constexpr u8 kHub = 1;
    static constexpr u8 kMouse = 2;
    UsbHubTest() {
        start();
        EXPECT_TRUE(configure(1, kHub));
    }
    u32 port_status(u16 port) {
        const auto got = control(kHub, {0xa3, 0, 0, port, 4});
        return got && got->size() == 4 ? static_cast<u32>((*got)[0] | (*got)[1] << 8 | (*got)[2] << 16) : 0;
    }
    bool set(u16 feature, u16 port = 3) { return control(kHub, {0x23, 3, feature, port, 0}).has_value(); }
    bool clear(u16 feature, u16 port = 3) { return control(kHub, {0x23, 1, feature, port, 0}).has_value(); }
    void configure_mouse() {
        EXPECT_TRUE(set(8));
        EXPECT_TRUE(set(4));
        EXPECT_TRUE(set_up(kMouse));
    }
};

TEST_F(UsbHubTest, ShowsADeviceOnceItsPortHasPowerAndReachesItAfterAReset) {
    EXPECT_THAT(control(kHub, {0xa0, 6, 0x2900, 0, 255}),
                Optional(ElementsAre(11, 0x29, 8, 0x0a, 0, 1, 0, 0, 0, 255, 255)));
    EXPECT_FALSE(control(kHub, {0x80, 6, 0x03ee, 0, 18})); // nothing that Windows need know
    EXPECT_EQ(port_status(3), 0U);
    EXPECT_TRUE(set(8));
    EXPECT_EQ(port_status(3), 0x10101U);
    EXPECT_THAT(next_report(kHub), Optional(ElementsAre(1 << 3, 0)));
    EXPECT_TRUE(clear(16));
    EXPECT_TRUE(set(4));
    EXPECT_EQ(port_status(3), 0x100103U);
    EXPECT_TRUE(clear(20));
    EXPECT_FALSE(next_report(kHub));
    EXPECT_TRUE(set_up(kMouse));
    mouse->motion(3, 4, 0);
    EXPECT_THAT(next_report(kMouse), Optional(ElementsAre(0, 3, 4, 0)));
}

TEST_F(UsbHubTest, ADisabledOrSuspendedPortIsNotHeard) {
    configure_mouse();
    EXPECT_TRUE(clear(20));
    EXPECT_TRUE(set(2));
    EXPECT_FALSE(control(kMouse, {0x80, 8, 0, 0, 1}));
    EXPECT_TRUE(clear(2));
    EXPECT_EQ(port_status(3), 0x050103U); // with its change, and that of the power
    EXPECT_TRUE(control(kMouse, {0x80, 8, 0, 0, 1}));
    EXPECT_TRUE(clear(1));
    EXPECT_FALSE(control(kMouse, {0x80, 8, 0, 0, 1}));
    EXPECT_FALSE(set(99));
    EXPECT_FALSE(set(8, 9)); // there is no such port
    EXPECT_FALSE(set(8, 0));
}

TEST_F(UsbHubTest, ASuspendedDeviceWakesItsPort) {
    configure_mouse();
    EXPECT_TRUE(control(kMouse, {0x00, 3, 1, 0, 0}));
    EXPECT_TRUE(clear(16) && clear(20));
    EXPECT_TRUE(set(2));
    poll(kHub);
    frames(2);
    EXPECT_FALSE(report());
    mouse->motion(1, 1, 0);
    frames(3);
    EXPECT_THAT(report(), Optional(ElementsAre(1 << 3, 0)));
    EXPECT_EQ(port_status(3), 0x040103U);
}

TEST_F(UsbHubTest, PluggingAndUnpluggingBehindItIsTold) {
    configure_mouse();
    EXPECT_TRUE(clear(16) && clear(20));
    poll(kHub);
    frames(2);
    const auto gone = hub->detach(2);
    frames(3);
    EXPECT_THAT(report(), Optional(ElementsAre(1 << 3, 0)));
    EXPECT_EQ(port_status(3), 0x010100U);
    EXPECT_FALSE(control(kMouse, {0x80, 8, 0, 0, 1}));
}

} // namespace
} // namespace dm::test
