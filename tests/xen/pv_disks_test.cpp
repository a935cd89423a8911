#include "dm/xen/pv/pv_disks.hpp"

#include "tests/support/blk_front.hpp"
#include "tests/support/fake_libxen.hpp"
#include "tests/support/poll_loop.hpp"

#include <gmock/gmock.h>
#include <sys/mman.h>

namespace dm::xen {
namespace {

using test::BlkFront;
using test::FrontRequest;
using test::FrontResponse;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr s16 kOkay = BLKIF_RSP_OKAY;

/// Gives everybody who asks a way to one medium, and keeps what was asked for.
class FakeDisks final : public DiskSource {
public:
    Result<std::unique_ptr<BlockBackend>> open_disk(const DiskRequest& request) override {
        requests.push_back(request);
        if (refuse) return fail("disk {}: it is not there", request.path);
        ++open;
        return std::unique_ptr<BlockBackend>(std::make_unique<Way>(*this));
    }
    test::FakeBlock medium{4 << 20};
    std::vector<DiskRequest> requests;
    bool refuse = false;
    int open = 0;
    BlockBackend* last = nullptr;

private:
    class Way final : public BlockBackend {
    public:
        explicit Way(FakeDisks& owner) : owner_(owner) {
            owner_.last = this;
            owner_.medium.set_size_changed([this] { size_changed(); });
        }
        ~Way() override {
            owner_.medium.set_size_changed({});
            --owner_.open;
        }
        u64 size_bytes() const override { return owner_.medium.size_bytes(); }
        bool read_only() const override { return owner_.medium.read_only(); }
        u32 discard_granularity() const override { return owner_.medium.discard_granularity(); }
        void submit(BlockIo& io) override { owner_.medium.submit(io); }
        void drain() override { owner_.medium.drain(); }

    private:
        FakeDisks& owner_;
    };
};

const std::string kBack = "backend/qdisk/5/51712";
const std::string kFront = "/local/domain/5/device/vbd/51712";

struct PvDisksTest : testing::Test {
    PvDisksTest() { xen.add_ram(0, 64); }
    ~PvDisksTest() override {
        front.reset();
        pv.reset();
        world.reset();
        EXPECT_THAT(xen.violations, IsEmpty());
        EXPECT_EQ(xen.open_handles, 0);
        EXPECT_EQ(xen.grant_mappings, 0);
        EXPECT_EQ(xen.watches, 0U);
        EXPECT_EQ(disks.open, 0);
        EXPECT_EQ(loop.watched(), 0U);
    }

    void run() {
        loop.run([this] { return xen.take_unmasked(); });
    }
    /// libxl's nodes of a disk.
    void attach(const std::string& params = "aio:/disk.img", const std::string& mode = "w") {
        xen.store_write(kFront + "/backend", "/local/domain/0/" + kBack);
        xen.store_write(kFront + "/state", "1");
        const auto node = [](const std::string& key, const std::string& value) {
            test::FakeXen::current().store_write(kBack + "/" + key, value);
        };
        node("frontend", kFront);
        node("online", "1");
        node("params", params);
        node("dev", "xvda");
        node("type", "qdisk");
        node("mode", mode);
        node("device-type", "disk");
        node("discard-enable", "1");
        node("state", "1");
    }
    void start() {
        auto opened = PvWorld::open(loop, 5);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        world = std::move(opened).value();
        auto made = PvDisks::create(*world, disks);
        ASSERT_TRUE(made.ok()) << made.error().message;
        pv = std::move(made).value();
        run();
    }
    std::string state() { return xen.node(kBack + "/state"); }
    void front_state(int state) {
        xen.store_write(kFront + "/state", std::to_string(state));
        run();
    }
    /// The driver makes a ring of the first pages of RAM and connects.
    void connect(unsigned pages = 1) {
        ring_grefs.clear();
        for (unsigned i = 0; i < pages; ++i)
            ring_grefs.push_back(xen.grant(i));
        ring = map_frames(pages);
        front.emplace(ring);
        port = xen.new_guest_port();
        if (pages == 1) {
            xen.store_write(kFront + "/ring-ref", std::to_string(ring_grefs[0]));
        } else {
            xen.store_write(kFront + "/ring-page-order", std::to_string(std::bit_width(pages) - 1));
            for (unsigned i = 0; i < pages; ++i)
                xen.store_write(kFront + "/ring-ref" + std::to_string(i), std::to_string(ring_grefs[i]));
        }
        xen.store_write(kFront + "/event-channel", std::to_string(port));
        xen.store_write(kFront + "/protocol", "x86_64-abi");
        front_state(3);
    }
    /// The test's own view of the first frames, next to each other: add_ram() laid them out so.
    std::span<u8> map_frames(unsigned pages) {
        void* at = ::mmap(nullptr, pages * kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, xen.backing_, 0);
        return {static_cast<u8*>(at), pages * kPageSize};
    }
    std::vector<FrontResponse> call(const FrontRequest& request) {
        if (front->put(request)) xen.notify_back_end(port);
        run();
        return front->take();
    }

    test::FakeXen xen;
    test::PollLoop loop;
    FakeDisks disks;
    std::unique_ptr<PvWorld> world;
    std::unique_ptr<PvDisks> pv;
    std::optional<BlkFront> front;
    std::span<u8> ring;
    std::vector<u32> ring_grefs;
    u32 port = 0;
};

TEST_F(PvDisksTest, TheBackEndIsAdvertisedEvenWithoutADisk) {
    start();
    EXPECT_EQ(xen.node("device-model/5/backends/qdisk"), "");
    EXPECT_EQ(xen.node("device-model/5/backends/vkbd"), "-");
    EXPECT_EQ(pv->count(), 0U);
}

TEST_F(PvDisksTest, ADiskIsOpenedAndItsFeaturesTold) {
    disks.medium.granularity = 4096;
    attach("qcow2:/images/a:b.qcow2");
    start();
    ASSERT_THAT(disks.requests, SizeIs(1));
    EXPECT_EQ(disks.requests[0].path, "/images/a:b.qcow2");
    EXPECT_EQ(disks.requests[0].format, "qcow2");
    EXPECT_FALSE(disks.requests[0].read_only);
    EXPECT_TRUE(disks.requests[0].discard);
    EXPECT_EQ(state(), "2");
    const std::map<std::string, std::string> told{{"feature-flush-cache", "1"},
                                                  {"feature-barrier", "1"},
                                                  {"feature-max-indirect-segments", "256"},
                                                  {"max-ring-page-order", "4"},
                                                  {"info", "0"},
                                                  {"sector-size", "512"},
                                                  {"sectors", "8192"},
                                                  {"feature-discard", "1"},
                                                  {"discard-granularity", "4096"},
                                                  {"discard-alignment", "0"},
                                                  {"hotplug-status", "connected"},
                                                  {"feature-persistent", "-"},
                                                  {"multi-queue-max-queues", "-"}};
    for (const auto& [key, value] : told)
        EXPECT_EQ(xen.node(kBack + "/" + key), value) << key;
}

TEST_F(PvDisksTest, AReadOnlyDiskSaysSoAndOffersNoDiscard) {
    disks.medium.granularity = 4096;
    attach("aio:/disk.img", "r");
    start();
    EXPECT_TRUE(disks.requests[0].read_only);
    EXPECT_EQ(disks.requests[0].format, "raw");
    EXPECT_EQ(xen.node(kBack + "/info"), "4");
    EXPECT_EQ(xen.node(kBack + "/feature-discard"), "-");
}

TEST_F(PvDisksTest, DiscardIsNotOfferedWhereTheToolstackForbidsIt) {
    disks.medium.granularity = 4096;
    attach();
    xen.store_write(kBack + "/discard-enable", "0");
    start();
    EXPECT_FALSE(disks.requests[0].discard);
    EXPECT_EQ(xen.node(kBack + "/feature-discard"), "-");
}

TEST_F(PvDisksTest, DataGoesBothWays) {
    attach();
    start();
    connect();
    EXPECT_EQ(state(), "4");
    front_state(4);
    std::memset(xen.page(20), 0x77, kPageSize);
    const u32 gref = xen.grant(20, true);
    EXPECT_THAT(call({.operation = BLKIF_OP_WRITE, .id = 1, .sector = 8, .segments = {{gref}}}),
                ElementsAre(FrontResponse{1, BLKIF_OP_WRITE, kOkay}));
    EXPECT_EQ(disks.medium.data[4096], 0x77);
    const u32 other = xen.grant(21);
    EXPECT_THAT(call({.operation = BLKIF_OP_READ, .id = 2, .sector = 8, .segments = {{other}}}),
                ElementsAre(FrontResponse{2, BLKIF_OP_READ, kOkay}));
    EXPECT_EQ(xen.page(21)[4095], 0x77);
    EXPECT_EQ(xen.events_for_guest(port), 2U);
    EXPECT_EQ(xen.grant_mappings, 1) << "the ring, and nothing else";
}

TEST_F(PvDisksTest, AKernelWithoutGrantCopyMapsPagesForAMoment) {
    xen.grant_copy_known = false;
    attach();
    start();
    connect();
    std::memset(xen.page(20), 0x77, kPageSize);
    const u32 gref = xen.grant(20, true);
    const u32 other = xen.grant(21);
    EXPECT_THAT(call({.operation = BLKIF_OP_WRITE, .sector = 8, .segments = {{gref}}}), SizeIs(1));
    EXPECT_EQ(disks.medium.data[4096], 0x77);
    EXPECT_EQ(call({.operation = BLKIF_OP_READ, .sector = 8, .segments = {{other}}}).at(0).status, kOkay);
    EXPECT_EQ(xen.page(21)[0], 0x77);
    EXPECT_EQ(call({.operation = BLKIF_OP_READ, .sector = 8, .segments = {{gref}}}).at(0).status,
              BLKIF_RSP_ERROR);
    EXPECT_EQ(xen.grant_mappings, 1);
}

TEST_F(PvDisksTest, RequestsThatWaitInTheRingNeedNoEvent) {
    attach();
    start();
    const u32 gref = xen.grant(20);
    connect();
    front_state(1);
    front->put({.operation = BLKIF_OP_READ, .segments = {{gref}}});
    front_state(3);
    EXPECT_THAT(front->take(), SizeIs(1));
}

TEST_F(PvDisksTest, RingsOfSixteenPages) {
    attach();
    start();
    connect(16);
    EXPECT_EQ(state(), "4");
    const u32 gref = xen.grant(20);
    EXPECT_THAT(call({.operation = BLKIF_OP_READ, .segments = {{gref}}}), SizeIs(1));
    EXPECT_EQ(xen.grant_mappings, 16);
}

TEST_F(PvDisksTest, WhatADriverCannotMeanIsRefusedByClosing) {
    attach();
    start();
    const std::vector<std::pair<std::string, std::string>> lies{{"ring-ref", "4711"},
                                                                {"ring-ref", "-1"},
                                                                {"ring-ref", "8x"},
                                                                {"ring-ref", ""},
                                                                {"event-channel", "7"},
                                                                {"event-channel", "99999999999999999999"},
                                                                {"protocol", "z80-abi"},
                                                                {"ring-page-order", "5"},
                                                                {"ring-page-order", "4294967295"},
                                                                {"multi-queue-num-queues", "2"}};
    for (const auto& [key, value] : lies) {
        connect();
        EXPECT_EQ(state(), "4");
        const std::string before = xen.node(kFront + "/" + key);
        front_state(5);
        EXPECT_EQ(state(), "5");
        front_state(6);
        EXPECT_EQ(state(), "6");
        front_state(1);
        EXPECT_EQ(state(), "2");
        const bool bad_port = key == "event-channel" && value == "7";
        xen.store_write(kFront + "/" + key, bad_port ? "777" : value);
        front_state(3);
        EXPECT_EQ(state(), "5") << key << " = " << value;
        EXPECT_EQ(xen.grant_mappings, 0);
        if (before == "-")
            xen.store_remove(kFront + "/" + key);
        else
            xen.store_write(kFront + "/" + key, before);
        front_state(6);
        front_state(1);
        EXPECT_EQ(state(), "2");
    }
}

TEST_F(PvDisksTest, ABrokenRingDisconnectsTheDiskAndADriverMayConnectAgain) {
    attach();
    start();
    connect();
    front->set(0, 1000);
    xen.notify_back_end(port);
    run();
    EXPECT_EQ(state(), "5");
    EXPECT_EQ(xen.grant_mappings, 0);
    front_state(6);
    EXPECT_EQ(state(), "6");
    front_state(1);
    connect();
    EXPECT_EQ(state(), "4");
}

TEST_F(PvDisksTest, ADriverThatStartsAnewIsServedAgain) {
    attach();
    start();
    connect();
    // kexec: the next kernel walks the device through its states
    front_state(5);
    EXPECT_EQ(state(), "5");
    front_state(6);
    EXPECT_EQ(state(), "6");
    EXPECT_EQ(xen.grant_mappings, 0);
    EXPECT_EQ(disks.open, 1) << "it is still the guest's disk";
    front_state(1);
    EXPECT_EQ(state(), "2");
    connect();
    EXPECT_EQ(state(), "4");
    // one that crashed and says nothing
    front_state(1);
    EXPECT_EQ(state(), "2");
    EXPECT_EQ(xen.grant_mappings, 0);
    connect();
    EXPECT_EQ(state(), "4");
}

TEST_F(PvDisksTest, ADriverThatMakesANewRingWithoutClosingIsReconnected) {
    attach();
    start();
    connect();
    front_state(4);
    const u32 old = port;
    connect(2); // after a resume
    EXPECT_EQ(state(), "4");
    EXPECT_EQ(xen.grant_mappings, 2);
    const u32 gref = xen.grant(20);
    EXPECT_THAT(call({.operation = BLKIF_OP_READ, .segments = {{gref}}}), SizeIs(1));
    EXPECT_EQ(xen.events_for_guest(old), 0U);
}

TEST_F(PvDisksTest, ADiskAttachedWhileTheGuestRunsIsFound) {
    start();
    attach();
    run();
    EXPECT_EQ(pv->count(), 1U);
    EXPECT_EQ(state(), "2");
    connect();
    EXPECT_EQ(state(), "4");
}

/// What libxl writes for xl block-detach.
void ask_to_close(test::FakeXen& xen) {
    xen.store_write(kBack + "/online", "0");
    xen.store_write(kBack + "/state", "5");
}

TEST_F(PvDisksTest, DetachingWaitsForTheDriverAndClosesTheImage) {
    attach();
    start();
    connect();
    front_state(4);
    ask_to_close(xen);
    run();
    EXPECT_EQ(state(), "5") << "the driver has it mounted, perhaps";
    EXPECT_EQ(disks.open, 1);
    front_state(5);
    EXPECT_EQ(state(), "5");
    front_state(6);
    EXPECT_EQ(state(), "6");
    EXPECT_EQ(disks.open, 0);
    xen.store_remove(kBack);
    xen.store_remove(kFront);
    run();
    EXPECT_EQ(pv->count(), 0U);
    attach(); // the same place again
    run();
    EXPECT_EQ(state(), "2");
}

TEST_F(PvDisksTest, DetachingADiskThatNoDriverUsesIsImmediate) {
    attach();
    start();
    ask_to_close(xen);
    run();
    EXPECT_EQ(state(), "6");
    EXPECT_EQ(disks.open, 0);
}

TEST_F(PvDisksTest, ClosedIsToldWhenNothingIsInFlightAnyMore) {
    attach();
    start();
    connect();
    const u32 gref = xen.grant(20);
    disks.medium.hold = true;
    call({.operation = BLKIF_OP_WRITE, .segments = {{gref}}});
    ask_to_close(xen);
    front_state(6);
    EXPECT_EQ(state(), "5");
    EXPECT_EQ(disks.open, 1);
    disks.medium.complete();
    run();
    EXPECT_EQ(state(), "6");
    EXPECT_EQ(disks.open, 0);
}

TEST_F(PvDisksTest, ADiskTornAwayWithRequestsInFlightIsForgottenWhenTheyAreOver) {
    attach();
    start();
    connect();
    const u32 gref = xen.grant(20);
    disks.medium.hold = true;
    call({.operation = BLKIF_OP_WRITE, .segments = {{gref}}});
    xen.store_remove(kFront);
    xen.store_remove(kBack);
    run();
    EXPECT_EQ(xen.grant_mappings, 0);
    EXPECT_EQ(pv->count(), 1U);
    disks.medium.complete();
    run();
    EXPECT_EQ(pv->count(), 0U);
    EXPECT_EQ(state(), "-") << "nothing was written into what is gone";
}

TEST_F(PvDisksTest, RemovedAndMadeAgainBeforeWeLookedItIsOpenedAnew) {
    attach();
    start();
    connect();
    xen.store_remove(kFront);
    xen.store_remove(kBack);
    attach("aio:/other.img");
    run();
    ASSERT_THAT(disks.requests, SizeIs(2));
    EXPECT_EQ(disks.requests[1].path, "/other.img");
    EXPECT_EQ(state(), "2");
}

TEST_F(PvDisksTest, CdromsAndEmptyDrivesAreLeftToTheEmulatedOne) {
    attach("aio:/cd.iso", "r");
    xen.store_write(kBack + "/device-type", "cdrom");
    start();
    EXPECT_THAT(disks.requests, IsEmpty());
    EXPECT_EQ(state(), "6") << "UEFI's driver waits for anything else";
    xen.store_write(kBack + "/params", "aio:"); // xl cd-eject
    run();
    EXPECT_EQ(state(), "6");
    ask_to_close(xen);
    run();
    EXPECT_EQ(state(), "6");
}

TEST_F(PvDisksTest, AMachineThatServesNoneTellsTheDrivers) {
    attach();
    auto opened = PvWorld::open(loop, 5);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    PvDisks::decline(*opened.value());
    EXPECT_EQ(state(), "6");
}

TEST_F(PvDisksTest, AnImageThatCannotBeOpenedIsLoggedOnceAndTheGuestWaits) {
    std::vector<std::string> lines;
    Log::set_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
    disks.refuse = true;
    attach();
    start();
    run();
    Log::set_sink({});
    EXPECT_EQ(state(), "1");
    ASSERT_THAT(lines, SizeIs(1));
    EXPECT_THAT(lines[0], HasSubstr("disk /disk.img: it is not there"));
    EXPECT_THAT(disks.requests, SizeIs(1));
}

TEST_F(PvDisksTest, ADiskThatGrowsIsAnnounced) {
    attach();
    start();
    connect();
    front_state(4);
    disks.medium.resize(8 << 20);
    EXPECT_EQ(xen.node(kBack + "/sectors"), "16384");
    EXPECT_EQ(state(), "4");
}

TEST_F(PvDisksTest, AnIdleDiskMakesNoCallsAndNoEvents) {
    attach();
    start();
    connect();
    front_state(4);
    run();
    const unsigned calls = xen.store_calls;
    const unsigned rounds = loop.rounds;
    run();
    EXPECT_EQ(xen.store_calls, calls);
    EXPECT_EQ(loop.rounds, rounds);
    const u32 gref = xen.grant(20);
    call({.operation = BLKIF_OP_READ, .segments = {{gref}}});
    EXPECT_EQ(xen.store_calls, calls) << "requests do not talk to xenstore";
}

TEST_F(PvDisksTest, PausedNothingIsInFlight) {
    attach();
    start();
    connect();
    const u32 gref = xen.grant(20);
    pv->pause();
    EXPECT_THAT(call({.operation = BLKIF_OP_READ, .segments = {{gref}}}), IsEmpty());
    pv->resume();
    EXPECT_THAT(front->take(), SizeIs(1));
}

TEST_F(PvDisksTest, QuittingTakesTheDisksOutOfTheGuest) {
    attach();
    start();
    connect();
    pv.reset();
    EXPECT_EQ(xen.node("backend/qdisk/5"), "-");
    EXPECT_EQ(xen.node(kFront + "/state"), "-");
    EXPECT_EQ(xen.node("device-model/5/backends/qdisk"), "") << "libxl's own to remove";
}

TEST_F(PvDisksTest, ManyChangesByTheGuestCostNoConnection) {
    attach();
    start();
    for (int i = 0; i < 200; ++i)
        xen.store_write(kFront + "/state", std::to_string(i % 12));
    run();
    front_state(1);
    EXPECT_EQ(disks.open, 1);
    connect();
    EXPECT_EQ(state(), "4");
}

TEST_F(PvDisksTest, WithoutXenstoreOrGrantsThereIsNoBackEnd) {
    xen.devices_present = false;
    EXPECT_FALSE(PvWorld::open(loop, 5).ok());
    xen.devices_present = true;
    xen.gntdev_present = false;
    const auto opened = PvWorld::open(loop, 5);
    ASSERT_TRUE(opened.ok());
    const auto made = PvDisks::create(*opened.value(), disks);
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, HasSubstr("gntdev"));
}

TEST(QdiskParams, AreAFormatAndAPath) {
    EXPECT_FALSE(parse_qdisk_params("aio:"));
    EXPECT_FALSE(parse_qdisk_params(""));
    EXPECT_FALSE(parse_qdisk_params("/disk.img"));
    EXPECT_EQ(parse_qdisk_params("aio:/a:b")->path, "/a:b");
    EXPECT_EQ(parse_qdisk_params("aio:/a")->format, "raw");
    EXPECT_EQ(parse_qdisk_params("vhd:/a")->format, "vpc");
    EXPECT_EQ(parse_qdisk_params("qed:/a")->format, "qed");
    EXPECT_EQ(parse_qdisk_params("something:/a")->format, "something") << "whoever opens it refuses it";
}

} // namespace
} // namespace dm::xen
