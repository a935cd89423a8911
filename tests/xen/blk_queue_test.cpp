#include "tests/support/blk_rig.hpp"

#include <gmock/gmock.h>

namespace dm::xen {
namespace {

using test::BlkFront;
using test::BlkRig;
using test::FrontRequest;
using test::FrontResponse;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

constexpr s16 kOkay = BLKIF_RSP_OKAY;
constexpr s16 kError = BLKIF_RSP_ERROR;
constexpr s16 kNotSupported = BLKIF_RSP_EOPNOTSUPP;

FrontRequest write_page(u64 id, u64 sector, u32 gref) {
    return {.operation = BLKIF_OP_WRITE, .id = id, .sector = sector, .segments = {{gref}}};
}
FrontRequest read_page(u64 id, u64 sector, u32 gref) {
    return {.operation = BLKIF_OP_READ, .id = id, .sector = sector, .segments = {{gref}}};
}

class BothAbis : public testing::TestWithParam<BlkFront::Abi> {};
INSTANTIATE_TEST_SUITE_P(BlkQueue, BothAbis, testing::Values(BlkFront::Abi::X86_64, BlkFront::Abi::X86_32),
                         [](const auto& abi) { return abi.param == BlkFront::Abi::X86_64 ? "X64" : "X32"; });

TEST_P(BothAbis, AWriteArrivesOnTheMediumAndAReadInTheGuestsPage) {
    BlkRig r(1, GetParam());
    r.grants.add(8, 0x5a);
    EXPECT_EQ(r.call(write_page(0x1122334455667788, 16, 8)),
              (FrontResponse{0x1122334455667788, BLKIF_OP_WRITE, kOkay}));
    EXPECT_EQ(r.disk.data[16 * 512], 0x5a);
    EXPECT_EQ(r.disk.data[16 * 512 + 4095], 0x5a);
    EXPECT_EQ(r.disk.data[16 * 512 + 4096], 0);
    r.grants.add(9);
    EXPECT_EQ(r.call(read_page(2, 16, 9)).status, kOkay);
    EXPECT_THAT(r.grants.granted[9], Each(0x5a));
}

TEST_P(BothAbis, ASegmentIsTheSectorsFromFirstToLastInclusive) {
    BlkRig r(1, GetParam());
    auto& page = r.grants.add(8);
    page[512] = 1;
    page[1535] = 2;
    page[1536] = 3; // of sector 3, not asked for
    r.grants.add(9, 4);
    EXPECT_EQ(r.call({.operation = BLKIF_OP_WRITE, .sector = 1, .segments = {{8, 1, 2}, {9, 7, 7}}}).status,
              kOkay);
    EXPECT_EQ(r.disk.data[512], 1);
    EXPECT_EQ(r.disk.data[1535], 2);
    EXPECT_EQ(r.disk.data[1536], 4);
    EXPECT_EQ(r.disk.data[2047], 4);
    EXPECT_EQ(r.disk.data[2048], 0);
}

TEST_P(BothAbis, AnIndirectRequestMovesWhatItsSegmentPageSays) {
    BlkRig r(1, GetParam());
    auto& descriptors = r.grants.add(7);
    for (u32 i = 0; i < 32; ++i) {
        r.grants.add(100 + i, static_cast<u8>(i + 1));
        const u32 gref = 100 + i;
        std::memcpy(&descriptors[i * 8], &gref, 4);
        descriptors[i * 8 + 5] = 7;
    }
    const FrontRequest write{.operation = BLKIF_OP_INDIRECT,
                             .id = 5,
                             .sector = 8,
                             .nr_segments = 32,
                             .indirect_op = BLKIF_OP_WRITE,
                             .indirect_grefs = {7}};
    // Linux insists on the inner operation in the response.
    EXPECT_EQ(r.call(write), (FrontResponse{5, BLKIF_OP_WRITE, kOkay}));
    EXPECT_EQ(r.disk.data[4096], 1);
    EXPECT_EQ(r.disk.data[4096 + 31 * 4096], 32);
    EXPECT_EQ(r.disk.data[4096 + 32 * 4096], 0);
}

TEST_P(BothAbis, DiscardReachesAMediumThatCanDiscard) {
    BlkRig r(1, GetParam());
    r.disk.granularity = 4096;
    const FrontRequest discard{
        .operation = BLKIF_OP_DISCARD, .id = 3, .sector = 8, .nr_sectors = 16, .flag = 1};
    EXPECT_EQ(r.call(discard), (FrontResponse{3, BLKIF_OP_DISCARD, kOkay}));
    EXPECT_THAT(r.disk.discards, ElementsAre(std::pair<u64, u64>(4096, 8192)));
}

TEST(BlkQueue, DiscardIsNotSupportedWhereTheMediumOrTheToolstackSaysNo) {
    BlkRig medium;
    EXPECT_EQ(medium.call({.operation = BLKIF_OP_DISCARD, .nr_sectors = 8}).status, kNotSupported);
    BlkRig toolstack(1, BlkFront::Abi::X86_64, {.write = true, .discard = false});
    toolstack.disk.granularity = 4096;
    EXPECT_EQ(toolstack.call({.operation = BLKIF_OP_DISCARD, .nr_sectors = 8}).status, kNotSupported);
    EXPECT_THAT(toolstack.disk.discards, IsEmpty());
}

TEST(BlkQueue, ADiscardBeyondTheEndIsAnErrorHoweverLong) {
    BlkRig r;
    r.disk.granularity = 512;
    for (const u64 count : {u64{BlkRig::kDiskSize / 512 + 1}, ~u64{0}, u64{1} << 55})
        EXPECT_EQ(r.call({.operation = BLKIF_OP_DISCARD, .nr_sectors = count}).status, kError);
    EXPECT_EQ(r.call({.operation = BLKIF_OP_DISCARD, .sector = ~u64{0}, .nr_sectors = 2}).status, kError);
    EXPECT_THAT(r.disk.discards, IsEmpty());
}

TEST(BlkQueue, AFlushIsOneOfTheMedium) {
    BlkRig r;
    EXPECT_EQ(r.call({.operation = BLKIF_OP_FLUSH_DISKCACHE, .id = 9}),
              (FrontResponse{9, BLKIF_OP_FLUSH_DISKCACHE, kOkay}));
    EXPECT_EQ(r.disk.flushes, 1U);
    r.disk.next_error = EIO;
    EXPECT_EQ(r.call({.operation = BLKIF_OP_FLUSH_DISKCACHE}).status, kError);
}

TEST(BlkQueue, ABarrierWaitsForWhatCameBeforeAndHoldsBackWhatComesAfter) {
    BlkRig r;
    for (const u32 gref : {8U, 9U, 10U})
        r.grants.add(gref, static_cast<u8>(gref));
    r.disk.hold = true;
    r.send({write_page(1, 0, 8),
            {.operation = BLKIF_OP_WRITE_BARRIER, .id = 2, .sector = 8, .segments = {{9}}},
            write_page(3, 100, 10)});
    std::vector<std::pair<BlockIo::Op, u64>> order;
    while (!r.disk.held.empty()) {
        EXPECT_THAT(r.disk.held, SizeIs(1)); // one after the other
        order.emplace_back(r.disk.held.front()->op, r.disk.held.front()->offset);
        r.disk.complete();
    }
    using Op = BlockIo::Op;
    EXPECT_THAT(order, ElementsAre(std::pair(Op::Write, u64{0}), std::pair(Op::Flush, u64{0}),
                                   std::pair(Op::Write, u64{4096}), std::pair(Op::Flush, u64{0}),
                                   std::pair(Op::Write, u64{51200})));
    EXPECT_THAT(r.front.take(), ElementsAre(FrontResponse{1, BLKIF_OP_WRITE, kOkay},
                                            FrontResponse{2, BLKIF_OP_WRITE_BARRIER, kOkay},
                                            FrontResponse{3, BLKIF_OP_WRITE, kOkay}));
    EXPECT_EQ(r.disk.data[4096], 9);
}

TEST(BlkQueue, ABarrierWithoutDataFlushes) {
    BlkRig r;
    EXPECT_EQ(r.call({.operation = BLKIF_OP_WRITE_BARRIER, .id = 4}),
              (FrontResponse{4, BLKIF_OP_WRITE_BARRIER, kOkay}));
    EXPECT_EQ(r.disk.flushes, 1U);
}

TEST(BlkQueue, ABarrierWhoseFlushFailsWritesNothing) {
    BlkRig r;
    r.grants.add(8, 1);
    r.disk.next_error = EIO;
    EXPECT_EQ(r.call({.operation = BLKIF_OP_WRITE_BARRIER, .segments = {{8}}}).status, kError);
    EXPECT_EQ(r.disk.data[0], 0);
    EXPECT_EQ(r.call(write_page(2, 0, 8)).status, kOkay) << "and the queue goes on";
}

TEST(BlkQueue, NeighboursThatArriveTogetherGoToTheMediumAsOne) {
    BlkRig r;
    for (u32 i = 0; i < 8; ++i)
        r.grants.add(8 + i, static_cast<u8>(i + 1));
    r.send({write_page(1, 0, 8), write_page(2, 8, 9), write_page(3, 16, 10), write_page(4, 32, 11),
            read_page(5, 40, 12)});
    EXPECT_EQ(r.disk.submitted, 3U); // three joined, one apart, one of another kind
    EXPECT_EQ(r.disk.data[2 * 4096], 3);
    EXPECT_THAT(r.front.take(), SizeIs(5));
    EXPECT_EQ(r.grants.copies, 2U) << "all writes' data at once, and the read's";
}

TEST(BlkQueue, OneBadSectorDoesNotFailTheNeighbours) {
    BlkRig r;
    for (const u32 gref : {8U, 9U, 10U})
        r.grants.add(gref, 1);
    r.disk.hold = true;
    r.send({write_page(1, 0, 8), write_page(2, 8, 9), write_page(3, 16, 10)});
    ASSERT_THAT(r.disk.held, SizeIs(1));
    r.disk.next_error = EIO;
    r.disk.complete(); // the three as one; then each alone
    ASSERT_THAT(r.disk.held, SizeIs(3));
    r.disk.complete();
    r.disk.next_error = EIO;
    r.disk.complete();
    r.disk.complete();
    EXPECT_THAT(r.front.take(),
                ElementsAre(FrontResponse{1, BLKIF_OP_WRITE, kOkay}, FrontResponse{2, BLKIF_OP_WRITE, kError},
                            FrontResponse{3, BLKIF_OP_WRITE, kOkay}));
}

TEST(BlkQueue, ABarrierWaitsForThePartsThatGoAgainToo) {
    BlkRig r;
    r.grants.add(8, 1);
    r.disk.hold = true;
    r.send({write_page(1, 0, 8), write_page(2, 8, 8), {.operation = BLKIF_OP_WRITE_BARRIER, .id = 3}});
    r.disk.next_error = EIO;
    r.disk.complete();
    r.disk.complete();
    EXPECT_EQ(r.disk.flushes, 0U);
    ASSERT_THAT(r.disk.held, SizeIs(1));
    EXPECT_EQ(r.disk.held.front()->op, BlockIo::Op::Write);
    r.disk.complete();
    r.disk.complete();
    EXPECT_EQ(r.disk.flushes, 1U);
    EXPECT_THAT(r.front.take(), SizeIs(3));
}

TEST(BlkQueue, NonsenseIsAnsweredWithAnErrorAndTouchesNothing) {
    const std::vector<FrontRequest> nonsense{
        {.operation = BLKIF_OP_WRITE, .segments = {}},                        // no segment
        {.operation = BLKIF_OP_WRITE, .segments = {{8}}, .nr_segments = 12},  // more than fit
        {.operation = BLKIF_OP_WRITE, .segments = {{8}}, .nr_segments = 255}, //
        {.operation = BLKIF_OP_WRITE, .segments = {{8, 3, 2}}},               // backwards
        {.operation = BLKIF_OP_WRITE, .segments = {{8, 0, 8}}},               // beyond the page
        {.operation = BLKIF_OP_WRITE, .segments = {{8, 255, 255}}},           //
        {.operation = BLKIF_OP_WRITE, .sector = BlkRig::kDiskSize / 512, .segments = {{8}}}, // beyond the end
        {.operation = BLKIF_OP_WRITE, .sector = BlkRig::kDiskSize / 512 - 7, .segments = {{8}}},
        {.operation = BLKIF_OP_WRITE, .sector = ~u64{0}, .segments = {{8}}},
        {.operation = BLKIF_OP_WRITE, .sector = ~u64{0} / 512 + 1, .segments = {{8}}}, // 0 in bytes
        {.operation = BLKIF_OP_WRITE_BARRIER, .segments = {{8, 3, 2}}},
        {.operation = BLKIF_OP_FLUSH_DISKCACHE, .segments = {{8, 3, 2}}},
        {.operation = BLKIF_OP_INDIRECT,
         .nr_segments = 0,
         .indirect_op = BLKIF_OP_WRITE,
         .indirect_grefs = {8}},
        {.operation = BLKIF_OP_INDIRECT,
         .nr_segments = 257,
         .indirect_op = BLKIF_OP_WRITE,
         .indirect_grefs = {8}},
        {.operation = BLKIF_OP_INDIRECT,
         .nr_segments = 65535,
         .indirect_op = BLKIF_OP_WRITE,
         .indirect_grefs = {8}},
        {.operation = BLKIF_OP_INDIRECT,
         .nr_segments = 1,
         .indirect_op = BLKIF_OP_INDIRECT,
         .indirect_grefs = {8}},
        {.operation = BLKIF_OP_INDIRECT,
         .nr_segments = 1,
         .indirect_op = BLKIF_OP_FLUSH_DISKCACHE,
         .indirect_grefs = {8}},
        {.operation = BLKIF_OP_INDIRECT,
         .nr_segments = 1,
         .indirect_op = BLKIF_OP_WRITE,
         .indirect_grefs = {77}},
    };
    BlkRig r;
    r.grants.add(8, 0xff);
    for (std::size_t i = 0; i < nonsense.size(); ++i)
        EXPECT_EQ(r.call(nonsense[i]).status, kError) << "number " << i;
    EXPECT_EQ(r.disk.submitted, 0U);
    EXPECT_FALSE(r.grants.misused);
    EXPECT_TRUE(r.queue.attached());
}

TEST(BlkQueue, UnknownOperationsAreNotSupported) {
    BlkRig r;
    for (const u8 op : {u8{BLKIF_OP_RESERVED_1}, u8{7}, u8{255}})
        EXPECT_EQ(r.call({.operation = op, .id = op}), (FrontResponse{op, op, kNotSupported}));
}

TEST(BlkQueue, AReadOnlyDiskIsRead) {
    BlkRig r(1, BlkFront::Abi::X86_64, {.write = false, .discard = true});
    r.disk.granularity = 512;
    r.grants.add(8, 1);
    EXPECT_EQ(r.call(write_page(1, 0, 8)).status, kError);
    EXPECT_EQ(r.call({.operation = BLKIF_OP_WRITE_BARRIER, .segments = {{8}}}).status, kError);
    EXPECT_EQ(r.call({.operation = BLKIF_OP_DISCARD, .nr_sectors = 8}).status, kNotSupported);
    EXPECT_EQ(r.disk.submitted, 0U);
    EXPECT_EQ(r.call(read_page(1, 0, 8)).status, kOkay);
}

TEST(BlkQueue, PagesThatAreNotGrantedFailTheirRequestOnly) {
    BlkRig r;
    r.grants.add(8, 1);
    r.send({write_page(1, 0, 8), write_page(2, 8, 66), write_page(3, 16, 8)});
    EXPECT_THAT(r.front.take(),
                ElementsAre(FrontResponse{2, BLKIF_OP_WRITE, kError}, FrontResponse{1, BLKIF_OP_WRITE, kOkay},
                            FrontResponse{3, BLKIF_OP_WRITE, kOkay}));
    EXPECT_EQ(r.disk.data[4096], 0);
    r.grants.add(9, 1, true); // read-only: nothing may be read into it
    EXPECT_EQ(r.call(read_page(4, 0, 9)).status, kError);
    EXPECT_EQ(r.call(write_page(5, 0, 9)).status, kOkay);
}

TEST(BlkQueue, OnePageInEverySegmentIsTheGuestsOwnBusiness) {
    BlkRig r;
    r.grants.add(8);
    r.disk.data[0] = 1;
    r.disk.data[4096] = 2;
    EXPECT_EQ(r.call({.operation = BLKIF_OP_READ, .segments = {{8}, {8}}}).status, kOkay);
    EXPECT_EQ(r.grants.granted[8][0], 2);
}

TEST(BlkQueue, AnIdMayBeUsedTwiceAndIsAnsweredTwice) {
    BlkRig r;
    r.grants.add(8);
    r.send({read_page(7, 0, 8), write_page(7, 8, 8)});
    EXPECT_THAT(r.front.take(), SizeIs(2));
}

TEST(BlkQueue, ARingThatClaimsMoreThanItHoldsIsLeftAlone) {
    for (const u32 claim : {33U, 34U, 0x80000000U, ~0U}) {
        BlkRig r;
        r.front.set(0, claim);
        r.queue.kick();
        EXPECT_THAT(r.broken, testing::HasSubstr("more requests")) << claim;
        EXPECT_FALSE(r.queue.attached());
        r.queue.kick();
        EXPECT_THAT(r.front.take(), IsEmpty());
    }
}

TEST(BlkQueue, AnIndexThatGoesBackwardsBreaksTheRing) {
    BlkRig r;
    r.grants.add(8);
    r.disk.hold = true;
    r.send({read_page(1, 0, 8), read_page(2, 100, 8)});
    r.front.set(0, 1);
    r.queue.kick();
    EXPECT_FALSE(r.queue.attached());
    EXPECT_TRUE(r.queue.busy());
    r.disk.drain();
    EXPECT_TRUE(r.idle);
    EXPECT_THAT(r.front.take(), IsEmpty()) << "nobody writes into a ring that was given up";
}

TEST(BlkQueue, TheGuestCannotMoveIndicesThatAreOurs) {
    BlkRig r;
    r.grants.add(8);
    r.disk.hold = true;
    r.send({read_page(1, 0, 8)});
    r.front.set(8, 77); // rsp_prod
    r.disk.complete();
    EXPECT_EQ(r.front.get(8), 1U);
}

TEST(BlkQueue, AFullRingIsServedToItsEndAndAcrossTheWrapOfTheIndices) {
    BlkRig r;
    r.queue.detach();
    r.grants.add(8, 3);
    EXPECT_EQ(r.front.entries(), 32U);
    r.queue.attach(BlkRing(r.ring(), kBlkAbi64));
    for (unsigned round = 0; round < 3; ++round) {
        for (u64 i = 0; i < 32; ++i)
            r.front.put(write_page(i, i * 8, 8));
        r.queue.kick();
        EXPECT_THAT(r.front.take(), AllOf(SizeIs(32), Each(Field(&FrontResponse::status, kOkay))));
    }
}

TEST(BlkQueue, RingsOfSeveralPagesHoldMore) {
    EXPECT_EQ(BlkRing(BlkRig(2).ring(), kBlkAbi64).entries(), 64U);
    EXPECT_EQ(BlkRing(BlkRig(16).ring(), kBlkAbi64).entries(), 512U);
    EXPECT_EQ(BlkRing(BlkRig(16).ring(), kBlkAbi32).entries(), 512U);
    BlkRig r(4);
    r.grants.add(8, 1);
    for (u64 i = 0; i < 100; ++i)
        r.front.put(write_page(i, i * 8, 8));
    r.queue.kick();
    EXPECT_THAT(r.front.take(), SizeIs(100));
}

TEST(BlkQueue, TheGuestIsNotifiedWhenItAskedAndNotOtherwise) {
    BlkRig r;
    r.grants.add(8);
    r.disk.hold = true;
    r.send({read_page(1, 0, 8), read_page(2, 100, 8), read_page(3, 200, 8)});
    r.disk.complete();
    EXPECT_EQ(r.notified, 1U);
    r.disk.complete(); // the guest has not looked yet: it knows that there is something
    EXPECT_EQ(r.notified, 1U);
    EXPECT_THAT(r.front.take(), SizeIs(2));
    r.disk.complete();
    EXPECT_EQ(r.notified, 2U);
}

TEST(BlkQueue, AnEventIsAskedForWithTheNextRequestOnly) {
    BlkRig r;
    r.grants.add(8);
    r.disk.hold = true;
    EXPECT_TRUE(r.front.put(read_page(1, 0, 8)));
    EXPECT_FALSE(r.front.put(read_page(2, 100, 8))) << "one event is on its way already";
    r.queue.kick();
    EXPECT_TRUE(r.front.put(read_page(3, 200, 8)));
}

TEST(BlkQueue, RequestsBeyondTheBoundWaitInTheRing) {
    BlkRig r(16);
    auto& descriptors = r.grants.add(7);
    r.grants.add(8, 1);
    for (u32 i = 0; i < 256; ++i) {
        const u32 gref = 8;
        std::memcpy(&descriptors[i * 8], &gref, 4);
        descriptors[i * 8 + 5] = 7;
    }
    r.disk.hold = true;
    constexpr unsigned kRequests = 20;
    for (u64 i = 0; i < kRequests; ++i)
        r.front.put({.operation = BLKIF_OP_INDIRECT,
                     .id = i,
                     .sector = i % 8 * 2048,
                     .nr_segments = 256,
                     .indirect_op = BLKIF_OP_WRITE,
                     .indirect_grefs = {7}});
    r.queue.kick();
    EXPECT_THAT(r.disk.held, SizeIs(BlkQueue::kMostInFlight >> 20));
    unsigned most = 0;
    while (!r.disk.held.empty()) {
        most = std::max(most, static_cast<unsigned>(r.disk.held.size()));
        r.disk.complete();
    }
    EXPECT_LE(most, (BlkQueue::kMostInFlight >> 20) + 1);
    EXPECT_THAT(r.front.take(), SizeIs(kRequests));
}

TEST(BlkQueue, AnIdleDiskKeepsLittleMemory) {
    BlkRig r(4);
    r.grants.add(8);
    for (u64 i = 0; i < 128; ++i)
        r.front.put({.operation = BLKIF_OP_READ,
                     .id = i,
                     .sector = i * 100,
                     .segments = {{8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}}});
    r.queue.kick();
    EXPECT_LE(r.queue.kept_bytes(), IoBuffers::kKeptIdle);
}

TEST(BlkQueue, AGuestThatNeverStopsLetsOthersHaveTheirTurn) {
    BlkRig r(16);
    r.grants.add(8);
    for (unsigned i = 0; i < 512; ++i)
        r.front.put(read_page(1, 0, 8));
    r.on_notify = [&r] { // each answer makes room, and the guest fills it at once
        const std::size_t room = r.front.take().size();
        for (std::size_t i = 0; i < room; ++i)
            r.front.put(read_page(1, 0, 8));
    };
    r.queue.kick();
    EXPECT_TRUE(r.later);
    EXPECT_LE(r.queue.stats().requests, BlkQueue::kMostAtOnce + BlkQueue::kMostBatch);
    r.later = false;
    r.queue.kick();
    EXPECT_TRUE(r.later) << "and goes on when its turn comes again";
}

TEST(BlkQueue, PausedItTakesNothingAndHasNothingInFlight) {
    BlkRig r;
    r.grants.add(8, 1);
    r.disk.hold = true;
    r.send({write_page(1, 0, 8), {.operation = BLKIF_OP_WRITE_BARRIER, .id = 2, .segments = {{8}}}});
    r.queue.pause();
    EXPECT_FALSE(r.queue.busy());
    EXPECT_THAT(r.front.take(), SizeIs(2)) << "what was taken is finished";
    r.send({write_page(3, 0, 8)});
    EXPECT_THAT(r.disk.held, IsEmpty());
    r.queue.resume();
    EXPECT_THAT(r.disk.held, SizeIs(1));
    r.disk.drain();
    EXPECT_THAT(r.front.take(), SizeIs(1));
}

TEST(BlkQueue, DetachedItFinishesWhatIsInFlightWithoutTouchingTheGuest) {
    BlkRig r;
    r.grants.add(8, 9);
    r.disk.data[0] = 1;
    r.disk.hold = true;
    r.send({read_page(1, 0, 8), {.operation = BLKIF_OP_WRITE_BARRIER, .id = 2, .segments = {{8}}}});
    r.queue.detach();
    EXPECT_FALSE(r.idle);
    r.disk.drain();
    EXPECT_TRUE(r.idle);
    EXPECT_THAT(r.grants.granted[8], Each(9));
    EXPECT_THAT(r.front.take(), IsEmpty());
    EXPECT_EQ(r.disk.flushes, 0U) << "a barrier that had not begun does not begin";
}

TEST(BlkQueue, ARingAttachedAgainStartsAfresh) {
    BlkRig r;
    r.grants.add(8, 9);
    r.send({write_page(1, 0, 8)});
    r.queue.detach();
    BlkFront again(r.ring());
    r.queue.attach(BlkRing(r.ring(), kBlkAbi64));
    again.put(write_page(2, 8, 8));
    r.queue.kick();
    EXPECT_THAT(again.take(), ElementsAre(FrontResponse{2, BLKIF_OP_WRITE, kOkay}));
}

TEST(BlkQueue, ADiskThatGrowsIsReachedToItsNewEnd) {
    BlkRig r;
    r.grants.add(8, 1);
    EXPECT_EQ(r.call(write_page(1, BlkRig::kDiskSize / 512, 8)).status, kError);
    r.disk.resize(BlkRig::kDiskSize + 4096);
    EXPECT_EQ(r.call(write_page(1, BlkRig::kDiskSize / 512, 8)).status, kOkay);
    r.disk.resize(4096);
    EXPECT_EQ(r.call(write_page(1, 8, 8)).status, kError);
}

TEST(BlkAbi, ProtocolsByName) {
    EXPECT_EQ(blk_abi(std::nullopt)->id_at, 8);
    EXPECT_EQ(blk_abi("x86_64-abi")->id_at, 8);
    EXPECT_EQ(blk_abi("x86_32-abi")->id_at, 4);
    EXPECT_FALSE(blk_abi("ia64-abi"));
    EXPECT_FALSE(blk_abi(""));
}

TEST(IoBuffers, GivesWholePagesOfTheRightSize) {
    IoBuffers buffers;
    for (const u32 size : {1U, 512U, 4096U, 4097U, 1048575U, 1048576U}) {
        IoBuffers::Memory memory = buffers.take(size);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.get()) % kPageSize, 0U);
        std::memset(memory.get(), 1, size);
        buffers.give(std::move(memory), size);
    }
    EXPECT_LE(buffers.kept_bytes(), IoBuffers::kKeptBusy);
    buffers.trim();
    EXPECT_LE(buffers.kept_bytes(), IoBuffers::kKeptIdle);
}

} // namespace
} // namespace dm::xen
