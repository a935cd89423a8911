#include "dm/xen/xen_hypervisor.hpp"

#include "dm/xen/libxen.hpp"
#include "tests/support/fake_libxen.hpp"
#include "tests/support/fakes.hpp"

#include <cstring>
#include <gmock/gmock.h>
#include <map>
#include <poll.h>

namespace dm::xen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Just enough of a loop: its handlers are called by hand.
class HandLoop final : public EventLoop {
public:
    void watch(int fd, FdEvents, FdHandler h) override { handlers[fd] = std::move(h); }
    void change(int, FdEvents) override {}
    void unwatch(int fd) override { handlers.erase(fd); }
    void post(std::function<void()>) override {}
    TimerQueue& machine_timers() override { return timers; }
    TimerQueue& host_timers() override { return timers; }
    void quit(int) override {}
    bool set_lookout(Lookout* l) override {
        lookout = looks ? l : nullptr;
        return looks;
    }
    void run() const {
        do {
            for (const auto& [fd, handler] : handlers) {
                pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
                while (::poll(&p, 1, 0) == 1)
                    handler({.readable = true});
            }
        } while (test::FakeXen::current().take_unmasked());
    }
    std::map<int, FdHandler> handlers;
    bool looks = false; ///< looks for work by itself
    Lookout* lookout = nullptr;
    test::FakeClock clock;
    TimerQueue timers{clock};
};

struct XenTest : testing::Test {
    XenTest() { xen.add_ram(0, 512); }
    ~XenTest() override {
        hypervisor.reset();
        EXPECT_THAT(xen.violations, IsEmpty());
        EXPECT_EQ(xen.open_handles, 0);
        EXPECT_EQ(xen.foreign_mappings, 0);
        EXPECT_EQ(xen.resource_mappings, 0);
    }
    void create(u64 ram = 512 * kPageSize) {
        auto made = XenHypervisor::create({.domid = 5, .ram_bytes = ram});
        ASSERT_TRUE(made.ok()) << made.error().message;
        hypervisor = std::move(made).value();
    }
    void start() {
        create();
        ASSERT_TRUE(hypervisor->start(loop, ports, memory, pci).ok());
    }

    test::FakeXen xen;
    HandLoop loop;
    IoSpace ports{"ports", 0xffff};
    IoSpace memory{"memory", ~u64{0}};
    PciBus pci;
    std::unique_ptr<XenHypervisor> hypervisor;
};

TEST_F(XenTest, WithoutXenTheErrorSaysWhereToRun) {
    xen.devices_present = false;
    const auto made = XenHypervisor::create({.domid = 5});
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, HasSubstr("/dev/xen/privcmd"));
    EXPECT_THAT(made.error().message, HasSubstr("dom0"));
}

TEST_F(XenTest, AWrongDomainIsNamed) {
    const auto made = XenHypervisor::create({.domid = 77});
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, HasSubstr("-xen-domid 77: there is no such domain"));
}

TEST_F(XenTest, AParavirtualGuestIsRefused) {
    xen.hvm = false;
    const auto made = XenHypervisor::create({.domid = 5});
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, HasSubstr("not an HVM guest"));
}

TEST_F(XenTest, RequestsOfAllVcpusAreServedAndAnswered) {
    struct Chip : IoHandler {
        u64 read(u64 offset, unsigned) override { return 0x40 + offset; }
        void write(u64, unsigned, u64 value) override { written = value; }
        u64 written = 0;
    } chip;
    const IoWindow window = ports.map({.base = 0x70, .length = 2}, chip);
    start();
    EXPECT_EQ(xen.port_ranges, (std::set<std::pair<u64, u64>>{{0x70, 0x71}}));
    xen.post(0, true, IOREQ_TYPE_PIO, 0x71, 1, 0);
    xen.post(1, false, IOREQ_TYPE_PIO, 0x70, 1, 0x99);
    loop.run();
    EXPECT_EQ(xen.take_answer(0), 0x41U);
    EXPECT_TRUE(xen.take_answer(1).has_value());
    EXPECT_EQ(chip.written, 0x99U);
    EXPECT_EQ(xen.notifications, 2U);
    xen.post(0, true, IOREQ_TYPE_PIO, 0x70, 1, 0); // its port was unmasked
    loop.run();
    EXPECT_EQ(xen.take_answer(0), 0x40U);
}

struct OnePort : IoHandler {
    u64 read(u64, unsigned) override { return ++reads; }
    void write(u64, unsigned, u64) override {}
    u64 reads = 0;
};

TEST_F(XenTest, AVcpuThatAsksAgainAtOnceIsHeardAlthoughItsPortIsStillMasked) {
    OnePort chip;
    const IoWindow window = ports.map({.base = 0x70, .length = 1}, chip);
    start();
    std::vector<std::optional<u64>> answers;
    xen.on_notify = [&](unsigned vcpu) {
        answers.push_back(xen.take_answer(vcpu));
        if (answers.size() < 4) xen.post(vcpu, true, IOREQ_TYPE_PIO, 0x70, 1, 0);
    };
    xen.post(0, true, IOREQ_TYPE_PIO, 0x70, 1, 0);
    loop.run();
    EXPECT_THAT(answers, testing::ElementsAre(1, 2, 3, 4));
}

TEST_F(XenTest, AVcpuThatAsksWhileAnotherIsAnsweredIsNotForgotten) {
    OnePort chip;
    const IoWindow window = ports.map({.base = 0x70, .length = 1}, chip);
    start();
    xen.on_notify = [&](unsigned vcpu) {
        if (vcpu == 1) xen.post(0, true, IOREQ_TYPE_PIO, 0x70, 1, 0); // slot 0 was looked at already
    };
    xen.post(1, true, IOREQ_TYPE_PIO, 0x70, 1, 0);
    loop.run();
    EXPECT_EQ(xen.take_answer(1), 1U);
    EXPECT_EQ(xen.take_answer(0), 2U);
}

TEST_F(XenTest, WhileHeldRequestsWaitAndNoneIsForgotten) { // a machine that stops while its domain runs on
    OnePort chip;
    const IoWindow window = ports.map({.base = 0x70, .length = 1}, chip);
    start();
    xen.on_notify = [&](unsigned vcpu) {
        if (vcpu == 0) hypervisor->hold(true); // in the middle of a batch
    };
    xen.post(0, true, IOREQ_TYPE_PIO, 0x70, 1, 0);
    xen.post(1, true, IOREQ_TYPE_PIO, 0x70, 1, 0);
    loop.run();
    EXPECT_EQ(xen.take_answer(0), 1U);
    EXPECT_FALSE(xen.take_answer(1).has_value());
    EXPECT_TRUE(xen.server_enabled) << "a disabled server's guests read ones";
    xen.on_notify = nullptr;
    xen.post(0, true, IOREQ_TYPE_PIO, 0x70, 1, 0);
    loop.run();
    EXPECT_FALSE(xen.take_answer(0).has_value());
    hypervisor->drain_buffered();
    hypervisor->hold(false);
    loop.run();
    EXPECT_TRUE(xen.take_answer(0).has_value());
    EXPECT_TRUE(xen.take_answer(1).has_value());
}

TEST_F(XenTest, WhileTheLoopLooksForRequestsTheirPortStaysMasked) {
    OnePort chip;
    const IoWindow window = ports.map({.base = 0x70, .length = 1}, chip);
    loop.looks = true;
    start();
    ASSERT_NE(loop.lookout, nullptr);
    EXPECT_FALSE(loop.lookout->look());
    xen.post(0, true, IOREQ_TYPE_PIO, 0x70, 1, 0);
    EXPECT_TRUE(loop.lookout->look()) << "seen without its event";
    EXPECT_EQ(xen.take_answer(0), 1U);
    loop.run(); // takes the event

    xen.post(0, true, IOREQ_TYPE_PIO, 0x70, 1, 0);
    loop.run();
    EXPECT_EQ(xen.take_answer(0), std::nullopt) << "masked: no event came";
    EXPECT_TRUE(loop.lookout->look());
    EXPECT_EQ(xen.take_answer(0), 2U);

    xen.post(0, true, IOREQ_TYPE_PIO, 0x70, 1, 0);
    loop.lookout->rest();
    loop.run();
    EXPECT_EQ(xen.take_answer(0), 3U) << "before it sleeps all ports can wake it";
}

TEST_F(XenTest, RangesAndFunctionsFollowTheMachine) {
    start();
    struct Nothing : IoHandler {
        u64 read(u64, unsigned) override { return 0; }
        void write(u64, unsigned, u64) override {}
    } chip;
    IoWindow bar = memory.map({.base = 0xf0000000, .length = 0x1000}, chip);
    EXPECT_EQ(xen.memory_ranges.size(), 1U);
    IoWindow next = memory.map({.base = 0xf0000800, .length = 0x1000}, chip);
    bar.unmap();
    EXPECT_EQ(xen.memory_ranges, (std::set<std::pair<u64, u64>>{{0xf0000800, 0xf00017ff}}));
}

TEST_F(XenTest, GuestMemoryIsReadAndWrittenThroughTheMapCache) {
    create();
    GuestMemory& ram = hypervisor->memory();
    const std::array<u8, 6> text{'h', 'e', 'l', 'l', 'o', '!'};
    ram.write(0x3ffd, text); // across pages and buckets
    EXPECT_EQ(xen.page(3)[0xffd], 'h');
    EXPECT_EQ(xen.page(4)[2], '!');
    ram.write(0x3fffd, text);
    std::array<u8, 6> back{};
    ram.read(0x3fffd, back);
    EXPECT_EQ(back, text);
    EXPECT_EQ(xen.map_calls, 2U) << "the second access to a bucket is cached";
}

TEST_F(XenTest, HolesReadAsOnesAndAreAskedForAgainLater) {
    create();
    std::array<u8, 2> out{};
    hypervisor->memory().read(600 * kPageSize, out);
    EXPECT_THAT(out, ElementsAre(0xff, 0xff));
    xen.add_ram(600, 1);
    xen.page(600)[0] = 0x5a;
    hypervisor->trim(); // another round
    hypervisor->memory().read(600 * kPageSize, out);
    EXPECT_EQ(out[0], 0x5a);
    xen.remove_ram(100);
    hypervisor->memory().write(99 * kPageSize + kPageSize - 1, std::array<u8, 3>{1, 2, 3});
    EXPECT_EQ(xen.page(99)[kPageSize - 1], 1);
}

TEST_F(XenTest, ATransferIntoAHoleAsksForEachBucketOnce) {
    create();
    xen.add_ram(0x40000, 64); // and one whose first half is there
    hypervisor->memory().view(u64{0x40000} << kPageShift, 1);
    xen.remove_ram(0x40020);
    const unsigned before = xen.map_calls;
    const std::array<u8, 512> sector{};
    for (u64 at = 0; at < u64{1} << 20; at += sector.size()) {
        hypervisor->memory().write((u64{600} << kPageShift) + at, sector);
        hypervisor->memory().write((u64{0x80000} << kPageShift) + at % 4096, sector); // in turn
    }
    EXPECT_LE(xen.map_calls - before, 8U);
}

TEST_F(XenTest, ATransferThatJumpsAmongHolesDoesNotAskForEver) {
    create();
    const unsigned before = xen.map_calls;
    for (u64 at = 0; at < 10000; ++at) // two places of the same remainder, in turn
        hypervisor->memory().write((u64{0x80000} << kPageShift) + (u64{at % 2 * 64 * 64} << kPageShift),
                                   std::array<u8, 2>{});
    EXPECT_LE(xen.map_calls - before, 300U);
    xen.add_ram(0x90000, 1);
    hypervisor->trim(); // another round
    EXPECT_EQ(hypervisor->memory().view(u64{0x90000} << kPageShift, 1).size(), 1U);
}

TEST_F(XenTest, ARequestSeesWhatTheGuestPutIntoAHoleBeforeIt) {
    start();
    std::array<u8, 1> out{};
    hypervisor->memory().read(u64{600} << kPageShift, out);
    xen.add_ram(600, 1);
    xen.page(600)[0] = 0x5a;
    xen.post(0, true, IOREQ_TYPE_PIO, 0x80, 1, 0);
    loop.run();
    hypervisor->memory().read(u64{600} << kPageShift, out);
    EXPECT_EQ(out[0], 0x5a);
}

TEST_F(XenTest, InvalidateUnmapsAllButWhatIsPinned) {
    start();
    hypervisor->memory().view(0, 1);
    {
        const Pin pin(hypervisor->memory(), 0x100000, 4096, DmaDirection::ToGuest);
        ASSERT_EQ(pin.bytes().size(), 4096U);
        const int both = xen.foreign_mappings;
        xen.post(0, false, IOREQ_TYPE_INVALIDATE, 0, 4, ~u64{0});
        loop.run();
        EXPECT_EQ(xen.foreign_mappings, both / 2);
        pin.bytes()[0] = 1; // still mapped
        EXPECT_TRUE(xen.take_answer(0).has_value());
    }
    hypervisor->trim();
    EXPECT_EQ(xen.foreign_mappings, 0);
}

TEST_F(XenTest, TheMapCacheIsBounded) {
    xen.add_ram(0x1000, u64{64} * 400);
    create();
    for (u64 i = 0; i < 400; ++i) {
        hypervisor->memory().view((0x1000 + i * 64) * kPageSize, 1);
        hypervisor->trim();
    }
    EXPECT_LE(xen.foreign_mappings, 64 * 128);
}

TEST_F(XenTest, WritesAreReportedOnlyWhileTheDirtyLogIsOn) {
    create();
    hypervisor->memory().write(0x1000, std::array<u8, 2>{1, 2});
    EXPECT_THAT(xen.calls, IsEmpty());
    hypervisor->set_log_dirty(true);
    hypervisor->memory().write(0x1fff, std::array<u8, 2>{1, 2});
    EXPECT_THAT(xen.calls, ElementsAre("modified 0x1+2"));
}

TEST_F(XenTest, VideoMemoryIsParkedAboveRamAndMovesWithItsBar) {
    create(512 * kPageSize);
    auto made = hypervisor->make_video_memory(16 * kPageSize);
    ASSERT_TRUE(made.ok()) << made.error().message;
    VideoMemory& vram = *made.value();
    vram.bytes()[0] = 0x77;
    EXPECT_EQ(xen.page(512)[0], 0x77);
    vram.place(0xf0000000);
    EXPECT_EQ(xen.page(0xf0000)[0], 0x77);
    EXPECT_EQ(xen.page(512), nullptr);
    vram.place(0xf0000000); // no second move
    EXPECT_THAT(xen.calls, ElementsAre("relocate 0x200 -> 0xf0000 +16", "cacheattr 6 0xf0000000-0xf000ffff"));
    vram.place(std::nullopt);
    EXPECT_EQ(xen.page(512)[0], 0x77);
}

TEST_F(XenTest, AGuestThatHoldsItsVideoMemoryUpFillsNoLog) {
    create(512 * kPageSize);
    auto made = hypervisor->make_video_memory(16 * kPageSize);
    ASSERT_TRUE(made.ok());
    unsigned lines = 0;
    Log::set_sink([&](LogLevel, std::string_view) { ++lines; });
    xen.relocation_fails = true;
    for (unsigned i = 0; i < 1000; ++i)
        made.value()->place(i % 2 == 0 ? 0xf0000000 : 0xe0000000);
    xen.set_param_fails = true;
    for (unsigned i = 0; i < 1000; ++i)
        EXPECT_FALSE(hypervisor->set_acpi_sleep_state(3));
    Log::set_sink({});
    EXPECT_GT(lines, 1U);
    EXPECT_LT(lines, 40U);
}

/// A guest that was restored, its frame buffer with it.
struct RestoredXenTest : XenTest {
    std::unique_ptr<VideoMemory> adopt(u64 first_gfn) {
        xen.add_ram(first_gfn, 16);
        xen.page(first_gfn)[0] = 0x77;
        hypervisor =
            XenHypervisor::create({.domid = 5, .ram_bytes = 512 * kPageSize, .restored = true}).value();
        return hypervisor->make_video_memory(16 * kPageSize).value();
    }
};

TEST_F(RestoredXenTest, ItsVideoMemoryIsTakenFromWhereItIs) {
    const auto vram = adopt(0xf0000);
    const u8* const before = vram->bytes().data();
    vram->place(0xf0000000);
    EXPECT_TRUE(vram->found().ok());
    EXPECT_EQ(vram->bytes().data(), before);
    EXPECT_EQ(vram->bytes()[0], 0x77);
    EXPECT_THAT(xen.calls, ElementsAre("cacheattr 6 0xf0000000-0xf000ffff"))
        << "nothing is populated or moved";
    vram->place(std::nullopt);
    EXPECT_EQ(xen.page(512)[0], 0x77) << "from then on it moves like any";
}

TEST_F(RestoredXenTest, ItsVideoMemoryMayBeParked) {
    const auto vram = adopt(512);
    vram->place(std::nullopt);
    EXPECT_TRUE(vram->found().ok());
    EXPECT_EQ(vram->bytes()[0], 0x77);
    EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(RestoredXenTest, AStateThatLiesAboutItsVideoMemoryIsAnError) {
    const auto vram = adopt(0xf0000);
    vram->place(0xe0000000);
    ASSERT_FALSE(vram->found().ok());
    EXPECT_THAT(vram->found().error().message, HasSubstr("no video memory at 0xe0000000"));
    EXPECT_EQ(vram->bytes()[0], 0) << "and nobody falls over it";
}

TEST_F(RestoredXenTest, WhatNobodyPlacedIsGivenBack) {
    EXPECT_EQ(adopt(0xf0000)->bytes().size(), 16 * kPageSize);
}

TEST_F(XenTest, VideoMemoryAboveFourGibStaysOutOfTheHole) {
    auto hv = XenHypervisor::create({.domid = 5, .ram_bytes = u64{5} << 30, .low_ram_limit = 0xe0000000});
    ASSERT_TRUE(hv.ok());
    auto vram = hv.value()->make_video_memory(kPageSize);
    ASSERT_TRUE(vram.ok());
    EXPECT_NE(xen.page(((u64{4} << 30) + (u64{5} << 30) - 0xe0000000) >> kPageShift), nullptr);
}

TEST_F(XenTest, VideoMemoryIsNotParkedAcrossTheBaseOfTheHole) {
    const auto parked = [&](u64 room) {
        auto hv = XenHypervisor::create(
            {.domid = 5, .ram_bytes = 0xe0000000 - room * kPageSize, .low_ram_limit = 0xe0000000});
        auto vram = hv.value()->make_video_memory(16 * kPageSize);
        EXPECT_TRUE(vram.ok());
        const bool below = xen.page(0xe0000 - room) != nullptr;
        const bool above = xen.page(0x100000) != nullptr;
        EXPECT_NE(below, above);
        if (below) vram.value()->place(0xf0000000 + (room << 20));
        if (above) vram.value()->place(0xf8000000 + (room << 20));
        return below;
    };
    EXPECT_TRUE(parked(16));
    EXPECT_FALSE(parked(15));
    EXPECT_FALSE(parked(1));
    EXPECT_FALSE(parked(0));
}

TEST_F(XenTest, TooLittleMemoryForTheScreenNamesTheRemedy) {
    create();
    xen.refuse_populate = true;
    const auto made = hypervisor->make_video_memory(16 << 20);
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, HasSubstr("videoram="));
}

TEST_F(XenTest, DirtyPagesOfTheScreenComeFromXen) {
    create();
    auto made = hypervisor->make_video_memory(32 * kPageSize);
    ASSERT_TRUE(made.ok());
    VideoMemory& vram = *made.value();
    std::array<u8, 4> bitmap{};
    EXPECT_TRUE(vram.collect_dirty(0, 32, bitmap)); // the first call says all
    EXPECT_THAT(bitmap, ElementsAre(0xff, 0xff, 0xff, 0xff));
    bitmap = {};
    xen.dirty_vram = {512 + 9};
    EXPECT_TRUE(vram.collect_dirty(0, 32, bitmap));
    EXPECT_THAT(bitmap, ElementsAre(0, 2, 0, 0));
    EXPECT_FALSE(vram.collect_dirty(30, 3, bitmap));
    vram.stop_tracking();
    vram.stop_tracking();
}

TEST_F(XenTest, LinesShutdownRomsAndSleepReachXen) {
    create();
    IrqLine irq{hypervisor->isa_irqs(), 14};
    irq.set(true);
    irq.set(true);
    IrqLine intx{hypervisor->pci_intx(), 3 * 4 + 1};
    intx.set(true);
    EXPECT_EQ(xen.isa_levels[14], 1);
    EXPECT_EQ(xen.intx_levels[13], 1);
    hypervisor->msi()->send_msi(0xfee01000, 0x41);
    hypervisor->route_pci_link(2, 11);
    hypervisor->lock_roms(true);
    hypervisor->lock_roms(false);
    hypervisor->set_acpi_sleep_state(3);
    hypervisor->shutdown(ShutdownReason::Reboot);
    EXPECT_THAT(xen.calls, ElementsAre("msi 0x41 to 0xfee01000", "link 2 -> 11", "mem_type 1 0xc0+64",
                                       "mem_type 0 0xc0+64", "param 14 = 3"));
    EXPECT_THAT(xen.shutdowns, ElementsAre(1U));
}

TEST_F(XenTest, ReadinessIsWrittenWhereLibxlWatches) {
    create();
    hypervisor->announce_running();
    EXPECT_EQ(xen.store["device-model/5/state"], "running");
}

TEST_F(XenTest, BlackListedDriversStandInXenstoreByTheirMakersName) {
    create();
    xen.store["/mh/driver-blacklist/xensource-windows/2147483658"] = "";
    xen.store["/mh/driver-blacklist/experimental/1"] = "1";
    EXPECT_TRUE(hypervisor->refuses_drivers(1, 2147483658U));
    EXPECT_TRUE(hypervisor->refuses_drivers(0xffff, 1));
    EXPECT_FALSE(hypervisor->refuses_drivers(1, 1));
    EXPECT_FALSE(hypervisor->refuses_drivers(2, 2147483658U));
    EXPECT_FALSE(hypervisor->refuses_drivers(77, 1)) << "nobody's number";
}

TEST_F(XenTest, AGuestThatAsksWithoutEndKeepsXenstoreFree) {
    create();
    const unsigned before = xen.store_calls;
    for (u32 build = 0; build < 1000; ++build)
        EXPECT_FALSE(hypervisor->refuses_drivers(1, build));
    EXPECT_LE(xen.store_calls - before, 64U);
}

TEST_F(XenTest, OutOfXenstoresReachNoDriverIsRefused) {
    create();
    xen.store["/mh/driver-blacklist/linux/1"] = "";
    EXPECT_TRUE(hypervisor->refuses_drivers(3, 1));
    ASSERT_TRUE(hypervisor->restrict_handles().ok());
    const unsigned before = xen.store_calls;
    EXPECT_FALSE(hypervisor->refuses_drivers(3, 1));
    EXPECT_EQ(xen.store_calls, before);
}

TEST_F(XenTest, ADomainThatIsGoneIsNoReasonToDie) {
    start();
    xen.domain_gone = true;
    IrqLine irq{hypervisor->isa_irqs(), 4};
    irq.set(true);
    hypervisor->shutdown(ShutdownReason::PowerOff);
    EXPECT_TRUE(hypervisor->memory().view(0, 16).empty());
}

} // namespace
} // namespace dm::xen
