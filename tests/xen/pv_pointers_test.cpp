#include "dm/xen/pv/pv_pointers.hpp"

#include "tests/support/fake_libxen.hpp"
#include "tests/support/kbd_front.hpp"
#include "tests/support/poll_loop.hpp"

#include <gmock/gmock.h>
#include <sys/mman.h>

namespace dm::xen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr u8 kLeft = static_cast<u8>(PointerButton::Left);
const std::string kBack = "backend/vkbd/5/0";
const std::string kFront = "/local/domain/5/device/vkbd/0";

/// The switch, as far as a pointer sees it: gives its events to whoever is in use.
class Viewers final : public InputTargets, public InputObserver {
public:
    void add(InputTarget& target) override {
        targets.push_back(&target);
        target.observe(this);
    }
    void remove(InputTarget& target) override {
        target.observe(nullptr);
        std::erase(targets, &target);
    }
    void input_status(const InputStatus& now) override {
        ++told;
        absolute = now.absolute;
        for (InputTarget* target : targets)
            if (!target->in_use()) target->release_all();
    }
    bool in_use() const {
        return std::ranges::any_of(targets, [](const InputTarget* target) { return target->in_use(); });
    }
    /// On a screen of 32768 x 32768.
    void point(unsigned x, unsigned y, u8 buttons = 0) {
        for (InputTarget* target : targets)
            if (target->in_use()) return target->pointer(x, y, 32768, 32768, buttons);
        ++elsewhere;
    }

    std::vector<InputTarget*> targets;
    unsigned told = 0;
    bool absolute = false;
    unsigned elsewhere = 0; ///< events that went to the PS/2 mouse
};

struct PvPointersTest : testing::Test {
    PvPointersTest() {
        xen.add_ram(0, 8);
        page = map_page();
        Log::set_sink([this](LogLevel, std::string_view line) { lines.emplace_back(line); });
    }
    ~PvPointersTest() override {
        Log::set_sink({});
        front.reset();
        pointers.reset();
        world.reset();
        ::munmap(page.data(), page.size());
        EXPECT_THAT(xen.violations, IsEmpty());
        EXPECT_EQ(xen.open_handles, 0);
        EXPECT_EQ(xen.grant_mappings, 0);
        EXPECT_EQ(xen.watches, 0U);
        EXPECT_EQ(memory.pins, 0);
        EXPECT_EQ(loop.watched(), 0U);
        EXPECT_THAT(viewers.targets, IsEmpty());
    }

    void run() {
        loop.run([this] { return xen.take_unmasked(); });
    }
    void back(const std::string& key, const std::string& value) { xen.store_write(kBack + "/" + key, value); }
    void say(const std::string& key, const std::string& value) { xen.store_write(kFront + "/" + key, value); }
    /// libxl's nodes.
    void attach() {
        say("backend", "/local/domain/0/" + kBack);
        say("state", "1");
        back("frontend", kFront);
        back("online", "1");
        back("state", "1");
    }
    void start(bool offered = true, bool restored = false) {
        auto opened = PvWorld::open(loop, 5);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        world = std::move(opened).value();
        pointers = std::make_unique<PvPointers>(
            *world,
            PointerPlace{.memory = memory, .targets = viewers, .offered = offered, .restored = restored});
    }
    std::string state() { return xen.node(kBack + "/state"); }
    std::string driver(int state) {
        say("state", std::to_string(state));
        run();
        return this->state();
    }
    /// The nodes of a driver that has cleared a page and granted it.
    void offer_page() {
        front.emplace(page);
        port = xen.new_guest_port();
        say("page-gref", std::to_string(xen.grant(0)));
        say("page-ref", "0");
        say("event-channel", std::to_string(port));
    }
    /// As Linux' driver does.
    void connect(bool requests = true) {
        if (requests) say("request-abs-pointer", "1");
        offer_page();
        EXPECT_EQ(driver(3), "4");
        EXPECT_FALSE(viewers.in_use()) << "not before the driver says that it is connected";
        EXPECT_EQ(driver(4), "4");
    }
    /// What the driver heard, those buttons aside that are let go when it connects.
    std::vector<std::string> take() {
        std::vector<std::string> heard;
        for (std::string& event : front->take())
            if (!event.starts_with('-') || pressed) heard.push_back(std::move(event));
        xen.notify_back_end(port);
        run();
        return heard;
    }
    /// The test's own view of the guest's first page.
    std::span<u8> map_page() const {
        return {
            static_cast<u8*>(::mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, xen.backing_, 0)),
            kPageSize};
    }

    test::FakeXen xen;
    test::PollLoop loop;
    test::FlatMemory memory{64 << 10};
    Viewers viewers;
    std::vector<std::string> lines;
    std::unique_ptr<PvWorld> world;
    std::unique_ptr<PvPointers> pointers;
    std::span<u8> page;
    std::optional<test::KbdFront> front;
    u32 port = 0;
    bool pressed = false; ///< releases count
};

TEST_F(PvPointersTest, AGuestThatStartsFindsAPointerWithoutKeys) {
    attach();
    start();
    EXPECT_EQ(state(), "2") << "at once: Linux waits for it at boot";
    EXPECT_EQ(xen.node(kBack + "/feature-disable-keyboard"), "1");
    EXPECT_EQ(xen.node(kBack + "/feature-abs-pointer"), "1");
    EXPECT_EQ(xen.node(kBack + "/feature-raw-pointer"), "1");
    EXPECT_EQ(xen.node(kBack + "/width"), "32767") << "the largest coordinate, as the raw ones have it";
    EXPECT_EQ(xen.node(kBack + "/height"), "32767");
    EXPECT_EQ(xen.node(kBack + "/feature-disable-pointer"), "-");
    EXPECT_EQ(xen.node(kBack + "/feature-multi-touch"), "-");
    EXPECT_FALSE(viewers.in_use());
}

TEST_F(PvPointersTest, ADriverThatConnectsGetsTheViewersPlaces) {
    attach();
    start();
    connect();
    EXPECT_TRUE(viewers.absolute);
    EXPECT_EQ(xen.grant_mappings, 1);
    viewers.point(32767, 0);
    viewers.point(5, 6, kLeft);
    EXPECT_GT(xen.events_for_guest(port), 0U);
    EXPECT_THAT(take(), ElementsAre("at 32767,0", "at 5,6", "+272"));
    EXPECT_EQ(viewers.elsewhere, 0U);
}

TEST_F(PvPointersTest, ADriverThatIsConnectedAtOnceIsServedToo) {
    attach();
    start();
    say("request-abs-pointer", "1");
    offer_page();
    EXPECT_EQ(driver(4), "4"); // some say 3 only for a moment
    viewers.point(1, 2);
    EXPECT_THAT(take(), ElementsAre("at 1,2"));
}

TEST_F(PvPointersTest, ADriverThatRequestsItLateGetsPlaces) {
    attach();
    start();
    offer_page();
    EXPECT_EQ(driver(3), "4");
    say("request-abs-pointer", "1"); // Linux before 4.12
    driver(4);
    EXPECT_TRUE(viewers.absolute);
}

TEST_F(PvPointersTest, ADriverThatRequestsNoPlacesGetsMovements) {
    attach();
    start();
    say("request-abs-pointer", "0");
    connect(false);
    EXPECT_TRUE(viewers.in_use());
    EXPECT_FALSE(viewers.absolute);
    viewers.point(100, 100);
    viewers.point(103, 99);
    EXPECT_THAT(take(), ElementsAre("by 3,-1"));
}

TEST_F(PvPointersTest, TheToolstacksSizeIsTheEndOfTheAxesUnlessRawPlacesAreRequested) {
    attach();
    back("width", "800");
    back("height", "600");
    start();
    EXPECT_EQ(xen.node(kBack + "/width"), "800");
    connect();
    viewers.point(32767, 32767);
    EXPECT_THAT(take(), ElementsAre("at 800,600"));
    EXPECT_EQ(driver(6), "6");
    say("request-raw-pointer", "1");
    driver(1);
    connect();
    viewers.point(32767, 32767);
    EXPECT_THAT(take(), ElementsAre("at 32767,32767"));
}

TEST_F(PvPointersTest, WhatTheToolstackNamesIsObeyedOrLogged) {
    attach();
    back("width", "0");
    back("height", "99999999999");
    back("feature-multi-touch", "1");
    start();
    EXPECT_EQ(xen.node(kBack + "/width"), "32767");
    EXPECT_EQ(xen.node(kBack + "/height"), "32767");
    EXPECT_EQ(xen.node(kBack + "/feature-multi-touch"), "0");
    EXPECT_THAT(lines, ElementsAre(HasSubstr("multi-touch"), HasSubstr("width = 0"), HasSubstr("height = ")));
}

TEST_F(PvPointersTest, APointerThatTheConfigurationSwitchesOffIsAnsweredAndNoMore) {
    attach();
    back("feature-disable-pointer", "1");
    start();
    EXPECT_EQ(state(), "2");
    EXPECT_EQ(xen.node(kBack + "/feature-abs-pointer"), "-");
    EXPECT_THAT(lines, ElementsAre(HasSubstr("switches this PV pointer off")));
    connect();
    EXPECT_FALSE(viewers.in_use());
    EXPECT_EQ(xen.grant_mappings, 0);
    EXPECT_EQ(driver(6), "6");
}

TEST_F(PvPointersTest, WhereNothingIsOfferedTheDriverIsStillFollowed) {
    attach();
    start(false);
    EXPECT_EQ(xen.node(kBack + "/feature-disable-keyboard"), "1");
    EXPECT_EQ(xen.node(kBack + "/feature-disable-pointer"), "1");
    EXPECT_EQ(state(), "2");
    EXPECT_EQ(driver(3), "4");
    EXPECT_EQ(driver(5), "5");
    EXPECT_EQ(driver(6), "6");
    EXPECT_EQ(driver(1), "2");
    EXPECT_EQ(driver(77), "6");
}

TEST_F(PvPointersTest, AProcessThatLosesItsRightsLeavesItBehind) {
    attach();
    start(false);
    pointers->leave_behind();
    pointers.reset();
    EXPECT_EQ(state(), "2");
    EXPECT_EQ(xen.watches, 0U);
}

TEST_F(PvPointersTest, AGuestThatGrantsNothingNamesItsPage) {
    memory.ram.assign(64 << 10, 0);
    attach();
    start();
    say("request-abs-pointer", "1");
    front.emplace(std::span(memory.ram).subspan(3 * kPageSize, kPageSize));
    port = xen.new_guest_port();
    say("page-ref", "3");
    say("event-channel", std::to_string(port));
    driver(3);
    EXPECT_EQ(driver(4), "4");
    EXPECT_EQ(memory.pins, 1);
    memory.dirty.clear();
    viewers.point(8, 9);
    EXPECT_THAT(memory.dirty, ElementsAre(std::pair<GuestPhys, u64>{3 * kPageSize, kPageSize}))
        << "for live migration";
    EXPECT_THAT(take(), ElementsAre("at 8,9"));
    EXPECT_EQ(driver(6), "6");
    EXPECT_EQ(memory.pins, 0);
}

TEST_F(PvPointersTest, WithoutGrantTablesThePageIsMappedByItsNumber) {
    xen.gntdev_present = false;
    attach();
    start();
    connect();
    EXPECT_TRUE(viewers.absolute);
    EXPECT_EQ(memory.pins, 1);
}

TEST_F(PvPointersTest, ARestoredGuestsDriverHasRequestedPlacesBefore) {
    attach();
    start(true, true);
    connect(false); // Linux' driver connects again, and writes only where its page is
    EXPECT_TRUE(viewers.absolute);
    viewers.point(1, 2);
    EXPECT_THAT(take(), ElementsAre("at 1,2"));
    EXPECT_EQ(driver(6), "6");
    driver(1);
    connect(false); // another driver: it would have said so
    EXPECT_TRUE(viewers.in_use());
    EXPECT_FALSE(viewers.absolute);
}

TEST_F(PvPointersTest, ARestoredDriverThatWantsMovementsSaysSo) {
    attach();
    start(true, true);
    say("request-abs-pointer", "0");
    connect(false);
    EXPECT_FALSE(viewers.absolute);
}

TEST_F(PvPointersTest, ADriverThatGoesLeavesThePointerToPs2AndMayComeBack) {
    attach();
    start();
    connect();
    viewers.point(1, 1, kLeft);
    take();
    EXPECT_EQ(driver(5), "5");
    EXPECT_FALSE(viewers.in_use());
    EXPECT_FALSE(viewers.absolute);
    EXPECT_THAT(front->take(), IsEmpty()) << "its page is left alone";
    viewers.point(2, 2);
    EXPECT_EQ(viewers.elsewhere, 1U);
    EXPECT_EQ(driver(6), "6");
    EXPECT_EQ(xen.grant_mappings, 0);
    EXPECT_EQ(driver(1), "2");
    pressed = true;
    connect();
    EXPECT_THAT(take(), ElementsAre("-272", "-273", "-274", "-275", "-276"));
    EXPECT_EQ(driver(6), "6"); // Linux' driver unbound from the device, and bound again
    connect();
    viewers.point(3, 3);
    EXPECT_TRUE(viewers.absolute);
}

TEST_F(PvPointersTest, ADriverThatCrashedAndStartsAnewIsServed) {
    attach();
    start();
    connect();
    EXPECT_EQ(driver(1), "2");
    EXPECT_FALSE(viewers.in_use());
    EXPECT_EQ(xen.grant_mappings, 0);
    connect();
    viewers.point(1, 2);
    EXPECT_THAT(take(), ElementsAre("at 1,2"));
}

TEST_F(PvPointersTest, ADriverThatMakesANewPageWithoutClosingIsReconnected) {
    attach();
    start();
    connect();
    const u32 old = port;
    offer_page(); // it slept, but this process did not
    EXPECT_EQ(driver(3), "4");
    EXPECT_FALSE(viewers.in_use());
    driver(4);
    const unsigned before = xen.events_for_guest(old);
    viewers.point(1, 2);
    EXPECT_THAT(take(), ElementsAre("at 1,2"));
    EXPECT_EQ(xen.events_for_guest(old), before);
    EXPECT_EQ(xen.grant_mappings, 1);
}

TEST_F(PvPointersTest, LiesOfADriverAreRefusedAndAnotherMayCome) {
    attach();
    start();
    const std::vector<std::pair<std::string, std::string>> lies{{"page-gref", "999"},
                                                                {"page-gref", "4294967295"},
                                                                {"event-channel", "777"},
                                                                {"event-channel", "-1"},
                                                                {"event-channel", ""}};
    for (const auto& [key, value] : lies) {
        offer_page();
        say(key, value);
        EXPECT_EQ(driver(3), "5") << key << " = " << value;
        EXPECT_EQ(driver(4), "5");
        EXPECT_FALSE(viewers.in_use());
        EXPECT_EQ(xen.grant_mappings, 0);
        EXPECT_EQ(driver(6), "6");
        EXPECT_EQ(driver(1), "2");
    }
    for (const char* lie : {"16", "4503599627370496", "18446744073709551615", "0x3", ""}) {
        offer_page();
        xen.store_remove(kFront + "/page-gref");
        say("page-ref", lie);
        EXPECT_EQ(driver(3), "5") << "page-ref = " << lie;
        EXPECT_EQ(memory.pins, 0);
        EXPECT_EQ(driver(6), "6");
        EXPECT_EQ(driver(1), "2");
    }
    connect();
    EXPECT_TRUE(viewers.absolute);
}

TEST_F(PvPointersTest, ABrokenRingDisconnectsThePointer) {
    attach();
    start();
    connect();
    take();
    front->indices().in_cons += 1000;
    viewers.point(1, 2);
    EXPECT_EQ(state(), "5");
    EXPECT_FALSE(viewers.in_use());
    EXPECT_EQ(xen.grant_mappings, 0);
    viewers.point(1, 2);
    EXPECT_EQ(viewers.elsewhere, 1U);
    EXPECT_EQ(driver(4), "5") << "it has to close first";
    EXPECT_EQ(driver(6), "6");
    EXPECT_EQ(driver(1), "2");
    connect();
    EXPECT_TRUE(viewers.absolute);
    take();
    front->indices().in_cons += 1000; // seen when the driver sends its event
    xen.notify_back_end(port);
    run();
    EXPECT_EQ(state(), "5");
    EXPECT_FALSE(viewers.in_use());
}

TEST_F(PvPointersTest, WhatADriverSendsIsNoLoop) {
    attach();
    start();
    connect();
    take();
    const unsigned before = xen.events_for_guest(port);
    for (u32 i = 1; i <= 1000; ++i) {
        front->indices().out_prod = i * 77;
        xen.notify_back_end(port);
        run();
    }
    EXPECT_EQ(xen.events_for_guest(port), before) << "no answer";
    EXPECT_EQ(front->indices().out_cons, 77'000U);
    EXPECT_LT(lines.size(), 50U);
}

TEST_F(PvPointersTest, StatesThatFlapCostNoConnectionAndNoLog) {
    attach();
    start();
    offer_page();
    for (int i = 0; i < 2000; ++i) {
        say("state", std::to_string(i % 12));
        if (i % 3 == 0) run();
    }
    run();
    EXPECT_LT(lines.size(), 50U);
    driver(6);
    EXPECT_EQ(xen.grant_mappings, 0);
    EXPECT_EQ(driver(1), "2");
    connect();
    EXPECT_TRUE(viewers.absolute);
}

TEST_F(PvPointersTest, AMachineThatStandsWritesNothing) {
    attach();
    start();
    connect();
    take();
    const auto copy = [this] { return std::vector<u8>(page.begin(), page.end()); };
    pointers->pause();
    const auto before = copy();
    viewers.point(1, 2, kLeft);
    xen.notify_back_end(port);
    run();
    EXPECT_EQ(copy(), before);
    pointers->resume();
    EXPECT_THAT(take(), ElementsAre("at 1,2", "+272"));
}

TEST_F(PvPointersTest, OneThatIsAttachedLaterIsFoundAndOneThatIsDetachedGoes) {
    start();
    EXPECT_EQ(xen.node("backend/vkbd"), "-");
    attach();
    run();
    EXPECT_EQ(pointers->count(), 1U);
    EXPECT_EQ(state(), "2");
    connect();
    back("online", "0"); // xl vkb-detach
    back("state", "5");
    run();
    EXPECT_EQ(state(), "5") << "the driver's turn";
    EXPECT_EQ(driver(5), "5");
    EXPECT_EQ(driver(6), "6");
    EXPECT_FALSE(viewers.in_use());
    xen.store_remove(kFront);
    xen.store_remove(kBack);
    run();
    EXPECT_EQ(pointers->count(), 0U);
    EXPECT_THAT(viewers.targets, IsEmpty());
}

TEST_F(PvPointersTest, OneThatTheToolstackRemovedIsForgotten) {
    attach();
    start();
    connect();
    xen.store_remove(kFront);
    xen.store_remove(kBack);
    run();
    EXPECT_EQ(pointers->count(), 0U);
    EXPECT_EQ(xen.grant_mappings, 0);
    EXPECT_FALSE(viewers.in_use());
    EXPECT_EQ(state(), "-") << "nothing was written into what is gone";
}

TEST_F(PvPointersTest, QuittingTakesItOutOfTheGuest) {
    attach();
    start();
    connect();
    pointers.reset();
    EXPECT_EQ(xen.node("backend/vkbd/5"), "-");
    EXPECT_EQ(xen.node(kFront + "/state"), "-");
    EXPECT_THAT(viewers.targets, IsEmpty());
}

TEST_F(PvPointersTest, AGuestWithoutDriverCostsNothingAndOneWithIsNotAskedForEachEvent) {
    attach();
    start();
    run();
    const unsigned rounds = loop.rounds;
    unsigned calls = xen.store_calls;
    run();
    viewers.point(1, 1);
    EXPECT_EQ(loop.rounds, rounds);
    EXPECT_EQ(xen.store_calls, calls);
    connect();
    run();
    calls = xen.store_calls;
    viewers.point(1, 2);
    take();
    EXPECT_EQ(xen.store_calls, calls);
}

TEST_F(PvPointersTest, APointerWithoutAFrontEndIsLeftAlone) {
    back("online", "1");
    back("state", "1");
    start();
    run();
    EXPECT_EQ(state(), "1");
    EXPECT_THAT(lines, SizeIs(1));
}

} // namespace
} // namespace dm::xen
