#include "dm/core/guest_memory.hpp"
#include "tests/support/fakes.hpp"

#include <gmock/gmock.h>
#include <numeric>

namespace dm {
namespace {

using test::FlatMemory;
using testing::Each;
using testing::ElementsAre;
using testing::Pair;

constexpr u64 kChunk = 0x1000;

/// RAM from 0 on with one page of hole in it.
class Holed final : public GuestMemory {
public:
    static constexpr GuestPhys kHole = 0x2000;
    std::span<u8> view(GuestPhys addr, u64 length) override {
        const bool in_hole = addr >= kHole && addr < kHole + kPageSize;
        if (in_hole) return {};
        if (addr < kHole) length = std::min(length, kHole - addr);
        return ram.view(addr, length);
    }
    void wrote(GuestPhys addr, u64 length) override { ram.wrote(addr, length); }
    FlatMemory ram{0x4000, kChunk};

private:
    std::span<u8> pin(GuestPhys addr, u64 length) override { return view(addr, length); }
    void unpin(GuestPhys, std::span<u8>) override {}
};

std::vector<u8> counting(std::size_t size) {
    std::vector<u8> bytes(size);
    std::iota(bytes.begin(), bytes.end(), u8{1});
    return bytes;
}

TEST(GuestMemory, TransfersCrossTheEndsOfMappings) {
    FlatMemory memory{0x4000, kChunk};
    const std::vector<u8> in = counting(0x2100);
    memory.write(0xf80, in);
    std::vector<u8> out(in.size());
    memory.read(0xf80, out);
    EXPECT_EQ(out, in);
}

TEST(GuestMemory, EveryPieceWrittenIsReportedForMigration) {
    FlatMemory memory{0x4000, kChunk};
    memory.write(0xff0, counting(0x1020));
    EXPECT_THAT(memory.dirty, ElementsAre(Pair(0xff0, 0x10), Pair(0x1000, 0x1000), Pair(0x2000, 0x10)));
}

TEST(GuestMemory, ReadingDirtiesNothing) {
    FlatMemory memory{0x4000, kChunk};
    std::vector<u8> out(0x2000);
    memory.read(0x10, out);
    EXPECT_TRUE(memory.dirty.empty());
}

TEST(GuestMemory, AHoleReadsAsOnesAndWhatIsBehindItIsReached) {
    Holed memory;
    std::fill(memory.ram.ram.begin(), memory.ram.ram.end(), u8{0x11});
    std::vector<u8> out(0x1800);
    memory.read(0x1c00, out);
    EXPECT_THAT(std::span(out).first(0x400), Each(0x11));
    EXPECT_THAT(std::span(out).subspan(0x400, 0x1000), Each(0xff));
    EXPECT_THAT(std::span(out).subspan(0x1400), Each(0x11));
}

TEST(GuestMemory, WritesIntoAHoleVanishWithoutBeingReported) {
    Holed memory;
    memory.write(0x1ff0, std::vector<u8>(0x1020, 0x22));
    EXPECT_THAT(std::span(memory.ram.ram).subspan(0x2000, 0x1000), Each(0));
    EXPECT_EQ(memory.ram.ram[0x1fff], 0x22);
    EXPECT_EQ(memory.ram.ram[0x300f], 0x22);
    EXPECT_EQ(memory.ram.ram[0x3010], 0);
    EXPECT_THAT(memory.ram.dirty, ElementsAre(Pair(0x1ff0, 0x10), Pair(0x3000, 0x10)));
}

TEST(GuestMemory, AtTheEndOfRamTheRestReadsAsOnes) {
    FlatMemory memory{0x1000, kChunk};
    std::vector<u8> out(4, 0x55);
    memory.read(0xffe, out);
    EXPECT_THAT(out, ElementsAre(0, 0, 0xff, 0xff));
}

TEST(GuestMemory, AddressesDoNotWrapAroundToZero) {
    FlatMemory memory{0x1000, kChunk};
    std::vector<u8> out(0x2000, 0x55);
    memory.read(~u64{0} - 0xfff, out);
    EXPECT_THAT(out, Each(0xff));
    memory.write(~u64{0} - 1, std::vector<u8>(8, 0x77));
    EXPECT_THAT(memory.ram, Each(0));
    EXPECT_TRUE(memory.dirty.empty());
}

TEST(GuestMemory, NothingIsTransferredWhenNothingIsAsked) {
    FlatMemory memory{0x1000, kChunk};
    memory.read(0, {});
    memory.write(~u64{0}, {});
    EXPECT_TRUE(memory.dirty.empty());
}

TEST(Pin, ToGuestIsReportedWhenTheRequestEndsAndNotBefore) {
    FlatMemory memory{0x4000, kChunk};
    {
        const Pin pin{memory, 0x800, 0x100, DmaDirection::ToGuest};
        EXPECT_EQ(pin.bytes().size(), 0x100U);
        EXPECT_EQ(memory.pins, 1);
        EXPECT_TRUE(memory.dirty.empty());
    }
    EXPECT_EQ(memory.pins, 0);
    EXPECT_THAT(memory.dirty, ElementsAre(Pair(0x800, 0x100)));
}

TEST(Pin, FromGuestReportsNothing) {
    FlatMemory memory{0x4000, kChunk};
    { const Pin pin{memory, 0, 0x100, DmaDirection::FromGuest}; }
    EXPECT_EQ(memory.pins, 0);
    EXPECT_TRUE(memory.dirty.empty());
}

TEST(Pin, IsShorterWhereTheMappingEndsAndReportsJustThat) {
    FlatMemory memory{0x4000, kChunk};
    {
        const Pin pin{memory, 0xf00, 0x1000, DmaDirection::ToGuest};
        EXPECT_EQ(pin.bytes().size(), 0x100U);
    }
    EXPECT_THAT(memory.dirty, ElementsAre(Pair(0xf00, 0x100)));
}

TEST(Pin, WhereThereIsNoRamItIsEmptyAndHarmless) {
    FlatMemory memory{0x1000, kChunk};
    { const Pin pin{memory, 0x1000, 0x100, DmaDirection::ToGuest}; }
    EXPECT_EQ(memory.pins, 0);
    EXPECT_TRUE(memory.dirty.empty());
}

TEST(Pin, IsReleasedOnceWhenItMoves) {
    FlatMemory memory{0x4000, kChunk};
    {
        Pin first{memory, 0, 8, DmaDirection::ToGuest};
        Pin second{memory, 0x1000, 8, DmaDirection::ToGuest};
        const Pin moved = std::move(first);
        second = Pin{memory, 0x2000, 8, DmaDirection::FromGuest};
        EXPECT_EQ(memory.pins, 2);
    }
    EXPECT_EQ(memory.pins, 0);
    EXPECT_EQ(memory.dirty.size(), 2U);
}

} // namespace
} // namespace dm
