#include "dm/xen/request.hpp"

#include "dm/xen/libxen.hpp"
#include "tests/support/fakes.hpp"

#include <gmock/gmock.h>

namespace dm::xen {
namespace {

using testing::ElementsAre;

/// Reads count upwards from 1, so that order shows; writes are kept.
struct Counter : IoHandler {
    u64 read(u64 offset, unsigned size) override {
        log.push_back(fmt::format("r{}@{:x}", size, offset));
        return ++next;
    }
    void write(u64 offset, unsigned size, u64 value) override {
        log.push_back(fmt::format("w{}@{:x}={:x}", size, offset, value));
    }
    u64 next = 0;
    std::vector<std::string> log;
};

struct RequestTest : testing::Test {
    static constexpr u64 kRam = 0x10000;
    test::FlatMemory ram{kRam, 0x1000};
    IoSpace ports{"ports", 0xffff};
    IoSpace memory{"memory", ~u64{0}};
    PciBus pci;
    Counter chip;
    IoWindow port_window = ports.map({.base = 0x100, .length = 8}, chip);
    IoWindow memory_window = memory.map({.base = 0xa0000, .length = 0x10000, .max_width = 8}, chip);
    unsigned invalidations = 0;
    RequestServer server{ports, memory, pci, ram, {[this] { ++invalidations; }}};

    u64 serve(Request r) {
        server.serve(r);
        return r.data;
    }
    static Request pio(bool read, u64 addr, u32 size, u64 data = 0, u32 count = 1) {
        return {
            .type = IOREQ_TYPE_PIO, .read = read, .size = size, .count = count, .addr = addr, .data = data};
    }
    static Request pio_string(bool read, u64 addr, u32 size, u64 gpa, u32 count, bool descending = false) {
        Request r = pio(read, addr, size, gpa, count);
        r.pointer = true;
        r.descending = descending;
        return r;
    }
    static Request copy(bool read, u64 addr, u32 size, u64 data = 0, u32 count = 1) {
        Request r = pio(read, addr, size, data, count);
        r.type = IOREQ_TYPE_COPY;
        return r;
    }
    static Request copy_string(bool read, u64 addr, u32 size, u64 gpa, u32 count, bool descending = false) {
        Request r = pio_string(read, addr, size, gpa, count, descending);
        r.type = IOREQ_TYPE_COPY;
        return r;
    }
};

TEST_F(RequestTest, APortReadReturnsTheValue) {
    EXPECT_EQ(serve(pio(true, 0x102, 2, 0xdead)), 1U);
}

TEST_F(RequestTest, BitsAboveTheSizeOfAWriteAreGarbageAndMasked) {
    serve(pio(false, 0x100, 1, 0x12345678));
    EXPECT_THAT(chip.log, ElementsAre("w1@0=78"));
}

TEST_F(RequestTest, RepInsFillsRamUpwards) {
    serve(pio_string(true, 0x100, 2, 0x800, 3));
    EXPECT_THAT(std::span(ram.ram).subspan(0x800, 7), ElementsAre(1, 0, 2, 0, 3, 0, 0));
    EXPECT_THAT(ram.dirty, ElementsAre(std::pair<GuestPhys, u64>{0x800, 6}));
}

TEST_F(RequestTest, RepInsWithTheDirectionFlagFillsRamDownwards) {
    serve(pio_string(true, 0x100, 2, 0x804, 3, true));
    EXPECT_THAT(std::span(ram.ram).subspan(0x800, 6), ElementsAre(3, 0, 2, 0, 1, 0));
}

TEST_F(RequestTest, RepOutsReadsRamInTheInstructionsOrder) {
    for (u8 i = 0; i < 4; ++i)
        ram.ram[0x900 + i] = static_cast<u8>(0x10 + i);
    serve(pio_string(false, 0x100, 1, 0x900, 3));
    serve(pio_string(false, 0x100, 1, 0x902, 2, true));
    EXPECT_THAT(chip.log, ElementsAre("w1@0=10", "w1@0=11", "w1@0=12", "w1@0=12", "w1@0=11"));
}

TEST_F(RequestTest, AnElementMayStraddleTwoMappings) {
    serve(pio_string(true, 0x100, 4, 0xffe, 2));
    EXPECT_THAT(std::span(ram.ram).subspan(0xffe, 8), ElementsAre(1, 0, 0, 0, 2, 0, 0, 0));
}

TEST_F(RequestTest, WithoutRamInsIsCarriedOutAndItsDataDroppedAndOutsSendsOnes) {
    serve(pio_string(true, 0x100, 2, kRam + 0x100, 2));
    serve(pio_string(false, 0x100, 2, kRam + 0x100, 1));
    EXPECT_THAT(chip.log, ElementsAre("r2@0", "r2@0", "w2@0=ffff"));
    EXPECT_TRUE(ram.dirty.empty());
}

TEST_F(RequestTest, ATransferThatRunsOutOfRamKeepsWhatFits) {
    serve(pio_string(true, 0x100, 4, kRam - 4, 2));
    EXPECT_EQ(ram.ram[kRam - 4], 1);
    EXPECT_EQ(chip.log.size(), 2U);
}

TEST_F(RequestTest, AddressesAtTheEndsOfTheSpaceDoNotWrapOrCrash) {
    serve(pio_string(true, 0x100, 4, 2, 3, true)); // runs below zero
    serve(pio_string(true, 0x100, 4, ~u64{0} - 1, 3));
    serve(copy_string(true, ~u64{0} - 1, 4, 0, 4));
    serve(copy(false, ~u64{0}, 8, 5));
}

TEST_F(RequestTest, ImpossibleRequestsAnswerWithOnes) {
    EXPECT_EQ(serve(pio(true, 0x100, 3)), ~u64{0});
    EXPECT_EQ(serve(pio(true, 0x100, 0)), ~u64{0});
    EXPECT_EQ(serve(pio(true, 0x100, 8)), ~u64{0});
    EXPECT_EQ(serve(pio(true, 0x10000, 1)), ~u64{0}); // XSA-199: a port is 16 bits
    EXPECT_EQ(serve(pio(true, 0x100, 1, 0, 0)), ~u64{0});
    EXPECT_EQ(serve(pio(true, 0x100, 1, 0, ~u32{0})), ~u64{0});
    EXPECT_EQ(serve(copy(true, 0xa0000, 16)), ~u64{0});
    EXPECT_EQ(serve({.type = 99, .read = true, .size = 4, .count = 1}), ~u64{0});
    EXPECT_TRUE(chip.log.empty());
}

TEST_F(RequestTest, MovsToRegistersAdvancesThroughThem) {
    ram.ram[0x10] = 0xaa;
    ram.ram[0x12] = 0xbb;
    serve(copy_string(false, 0xa0100, 2, 0x10, 2));
    EXPECT_THAT(chip.log, ElementsAre("w2@100=aa", "w2@102=bb"));
}

TEST_F(RequestTest, MovsDownwardsMovesBothSidesDown) {
    serve(copy_string(true, 0xa0104, 4, 0x204, 2, true));
    EXPECT_THAT(chip.log, ElementsAre("r4@104", "r4@100"));
    EXPECT_EQ(ram.ram[0x204], 1);
    EXPECT_EQ(ram.ram[0x200], 2);
}

TEST_F(RequestTest, StosRepeatsTheValueOverTheRange) {
    serve(copy(false, 0xa0000, 2, 0xffff1234, 3));
    EXPECT_THAT(chip.log, ElementsAre("w2@0=1234", "w2@2=1234", "w2@4=1234"));
    chip.log.clear();
    Request down = copy(false, 0xa0004, 2, 7, 2);
    down.descending = true;
    serve(down);
    EXPECT_THAT(chip.log, ElementsAre("w2@2=7", "w2@4=7"));
}

TEST_F(RequestTest, ALongStosIsCompleteBeyondOneBuffer) {
    serve(copy(false, 0xa0000, 8, 1, 1024));
    EXPECT_EQ(chip.log.size(), 1024U);
    EXPECT_EQ(chip.log.back(), "w8@1ff8=1");
}

TEST_F(RequestTest, ConfigCyclesReachTheFunctionAndOthersReadOnes) {
    struct Function : PciFunction {
        explicit Function(PciWiring w)
            : PciFunction("f", {.vendor = 0x8086, .device = 0x7000}, std::move(w)) {
            finish_config();
        }
        void reset() override {}
        void save(StateWriter&) const override {}
        Status load(StateReader&) override { return {}; }
    } function{PciWiring{ports, memory, {}}};
    ASSERT_TRUE(pci.attach({0, 1, 0}, function));
    const u64 sbdf = 1 << 3;
    EXPECT_EQ(serve({.type = IOREQ_TYPE_PCI_CONFIG, .read = true, .size = 4, .count = 1, .addr = sbdf << 32}),
              0x70008086U);
    EXPECT_EQ(
        serve(
            {.type = IOREQ_TYPE_PCI_CONFIG, .read = true, .size = 2, .count = 1, .addr = u64{2 << 3} << 32}),
        0xffffU);
    serve({.type = IOREQ_TYPE_PCI_CONFIG, .size = 1, .count = 1, .addr = sbdf << 32 | 0x3c, .data = 0xab0b});
    EXPECT_EQ(function.config_read(0x3c, 1), 0x0bU);
    Request to_ram{.type = IOREQ_TYPE_PCI_CONFIG, .read = true, .pointer = true, .size = 2, .count = 2};
    to_ram.addr = sbdf << 32;
    to_ram.data = 0x40;
    serve(to_ram);
    EXPECT_THAT(std::span(ram.ram).subspan(0x40, 4), ElementsAre(0x86, 0x80, 0x86, 0x80));
    EXPECT_EQ(serve({.type = IOREQ_TYPE_PCI_CONFIG, .read = true, .size = 4, .count = 1, .addr = ~u64{0}}),
              ~u64{0});
}

TEST_F(RequestTest, InvalidateDropsTheMapCache) {
    serve({.type = IOREQ_TYPE_INVALIDATE, .size = 4, .count = 1, .data = ~u64{0}});
    EXPECT_EQ(invalidations, 1U);
}

} // namespace
} // namespace dm::xen
