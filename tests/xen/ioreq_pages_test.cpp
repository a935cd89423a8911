#include "dm/xen/ioreq_pages.hpp"

#include "dm/xen/libxen.hpp"
#include "tests/support/fakes.hpp"

#include <array>
#include <gmock/gmock.h>

namespace dm::xen {
namespace {

using testing::ElementsAre;

struct Recorder : IoHandler {
    u64 read(u64 offset, unsigned) override {
        log.push_back(fmt::format("r{:x}", offset));
        if (on_read) on_read();
        return 0x1122334455667788;
    }
    void write(u64 offset, unsigned size, u64 value) override {
        log.push_back(fmt::format("w{}@{:x}={:x}", size, offset, value));
    }
    std::vector<std::string> log;
    std::function<void()> on_read;
};

/// Plays Xen's side of the two pages.
struct IoreqPagesTest : testing::Test {
    alignas(4096) std::array<u8, 4096> sync_page{};
    alignas(4096) std::array<u8, 4096> ring_page{};
    test::FlatMemory ram{0x10000};
    IoSpace ports{"ports", 0xffff};
    IoSpace memory{"memory", ~u64{0}};
    PciBus pci;
    Recorder chip;
    IoWindow port_window = ports.map({.base = 0x100, .length = 8}, chip);
    IoWindow memory_window = memory.map({.base = 0xa0000, .length = 0x20000, .max_width = 8}, chip);
    RequestServer server{ports, memory, pci, ram, {[] {}}};
    IoreqPages pages{sync_page.data(), ring_page.data(), server, 4};

    ioreq_t& slot(unsigned vcpu) { return reinterpret_cast<ioreq_t*>(sync_page.data())[vcpu]; }
    buffered_iopage_t& ring() { return *reinterpret_cast<buffered_iopage_t*>(ring_page.data()); }
    void post(unsigned vcpu, bool read, u64 port, u64 data = 0) {
        ioreq_t& s = slot(vcpu);
        s.addr = port;
        s.data = data;
        s.count = 1;
        s.size = 2;
        s.dir = read ? 1 : 0;
        s.type = IOREQ_TYPE_PIO;
        s.state = STATE_IOREQ_READY;
    }
    void buffer(u64 addr, u32 data, unsigned size_code = 0) {
        buf_ioreq_t& entry = ring().buf_ioreq[ring().write_pointer % IOREQ_BUFFER_SLOT_NUM];
        entry.type = IOREQ_TYPE_COPY;
        entry.dir = 0;
        entry.size = static_cast<u8>(size_code & 3);
        entry.addr = addr & 0xfffff;
        entry.data = data;
        ++ring().write_pointer;
    }
};

TEST_F(IoreqPagesTest, AReadyReadIsAnsweredInPlace) {
    post(2, true, 0x102);
    EXPECT_TRUE(pages.serve(2));
    EXPECT_EQ(slot(2).state, STATE_IORESP_READY);
    EXPECT_EQ(slot(2).data, 0x7788U);
    EXPECT_EQ(slot(2).dir, 1) << "the flags are Xen's and stay";
}

TEST_F(IoreqPagesTest, ASlotWithoutRequestIsLeftAlone) {
    for (const unsigned state :
         {unsigned{STATE_IOREQ_NONE}, unsigned{STATE_IOREQ_INPROCESS}, unsigned{STATE_IORESP_READY}}) {
        post(0, true, 0x100);
        slot(0).state = state & 0xf;
        EXPECT_FALSE(pages.serve(0));
        EXPECT_EQ(slot(0).state, state);
    }
    EXPECT_TRUE(chip.log.empty());
}

TEST_F(IoreqPagesTest, WritesDoNotTouchTheDataField) {
    post(0, false, 0x100, 0xabcd);
    EXPECT_TRUE(pages.serve(0));
    EXPECT_EQ(slot(0).data, 0xabcdU);
    EXPECT_THAT(chip.log, ElementsAre("w2@0=abcd"));
}

TEST_F(IoreqPagesTest, BufferedWritesAreServedBeforeTheRequestThatFollowsThem) {
    buffer(0xa0000, 0x11);
    buffer(0xa0001, 0x22);
    post(0, true, 0x100);
    pages.serve(0);
    EXPECT_THAT(chip.log, ElementsAre("w1@0=11", "w1@1=22", "r0"));
    EXPECT_EQ(ring().read_pointer, ring().write_pointer);
}

TEST_F(IoreqPagesTest, TheSlotMayBeTakenBackWhileItIsServed) {
    post(0, true, 0x100);
    chip.on_read = [this] { slot(0).state = STATE_IOREQ_NONE; };
    EXPECT_FALSE(pages.serve(0));
    EXPECT_EQ(slot(0).state, STATE_IOREQ_NONE);
}

TEST_F(IoreqPagesTest, TheRequestIsReadOnce) {
    post(0, true, 0x100);
    chip.on_read = [this] { slot(0).addr = 0x104; };
    pages.serve(0);
    EXPECT_THAT(chip.log, ElementsAre("r0"));
}

TEST_F(IoreqPagesTest, AllSizesOfBufferedWrites) {
    buffer(0xa0010, 0xff12, 0);
    buffer(0xa0010, 0x3412, 1);
    buffer(0xa0010, 0x78563412, 2);
    buffer(0xbfff8, 0x44332211, 3);
    buffer(0xbfff8, 0x88776655, 3);
    EXPECT_TRUE(pages.drain());
    EXPECT_THAT(chip.log,
                ElementsAre("w1@10=12", "w2@10=3412", "w4@10=78563412", "w8@1fff8=8877665544332211"));
    EXPECT_FALSE(pages.drain());
}

TEST_F(IoreqPagesTest, TheRingWrapsAt511SlotsAndThePointersRunFree) {
    ring().read_pointer = ring().write_pointer =
        0xffffffff - 3; // 2^32 is no multiple of 511: Xen rebases before
    ring().read_pointer = ring().write_pointer = 509;
    for (u32 i = 0; i < 6; ++i)
        buffer(0xa0000 + i, i);
    pages.drain();
    EXPECT_EQ(chip.log.size(), 6U);
    EXPECT_EQ(chip.log.back(), "w1@5=5");
    EXPECT_EQ(ring().read_pointer, 515U);
}

TEST_F(IoreqPagesTest, HalfAnEightByteWriteIsDroppedNotWaitedFor) {
    buffer(0xa0000, 1, 3);
    pages.drain();
    EXPECT_TRUE(chip.log.empty());
    EXPECT_EQ(ring().read_pointer, ring().write_pointer);
}

TEST_F(IoreqPagesTest, AnImpossibleFillLevelEndsTheDrain) {
    ring().write_pointer = 5000;
    EXPECT_FALSE(pages.drain());
    EXPECT_EQ(ring().read_pointer, 5000U);
    EXPECT_TRUE(chip.log.empty());
}

TEST_F(IoreqPagesTest, ARingThatRefillsItselfDoesNotHoldUsForEver) {
    struct Refill : IoHandler {
        explicit Refill(IoreqPagesTest& t) : test(t) {}
        u64 read(u64, unsigned) override { return 0; }
        void write(u64, unsigned, u64) override {
            ++writes;
            test.buffer(0xc0000, 0);
        }
        IoreqPagesTest& test;
        unsigned writes = 0;
    } refill{*this};
    const IoWindow w = memory.map({.base = 0xc0000, .length = 16}, refill);
    buffer(0xc0000, 0);
    pages.drain();
    EXPECT_EQ(refill.writes, static_cast<unsigned>(IOREQ_BUFFER_SLOT_NUM));
}

TEST_F(IoreqPagesTest, EventPortsAreThoseOfTheSlots) {
    slot(3).vp_eport = 77;
    EXPECT_EQ(pages.event_port(3), 77U);
}

} // namespace
} // namespace dm::xen
