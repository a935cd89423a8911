#include "dm/qtest/bus.hpp"

#include "tests/qtest/qtest_rig.hpp"

#include <gmock/gmock.h>

namespace dm::qtest {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr u64 kMiB = 1 << 20;

struct BusTest : testing::Test {
    BusTest() { bus.connect(machine.ports, machine.memory, machine.pci); }
    std::vector<u8> read(GuestPhys addr, std::size_t length) {
        std::vector<u8> bytes(length);
        bus.read(addr, bytes);
        return bytes;
    }
    void write(GuestPhys addr, const std::vector<u8>& bytes) { bus.write(addr, bytes); }

    std::unique_ptr<Ram> ram = Ram::create(4 * kMiB, 3 * kMiB).value();
    SmallMachine machine;
    Bus bus{*ram};
};

TEST_F(BusTest, RamHoldsWhatIsWritten) {
    write(0x1000, {1, 2, 3});
    EXPECT_THAT(read(0xfff, 5), ElementsAre(0, 1, 2, 3, 0));
}

TEST_F(BusTest, RamThatDoesNotFitBelowTheLimitGoesOnAbove4GiB) {
    write(Ram::kHighBase, {7});
    EXPECT_THAT(read(Ram::kHighBase, 1), ElementsAre(7));
    EXPECT_THAT(read(3 * kMiB, 4), Each(0xff));
    EXPECT_THAT(read(Ram::kHighBase + kMiB - 1, 2), ElementsAre(0, 0xff));
}

TEST_F(BusTest, WhereNothingIsReadsGiveOnes) {
    EXPECT_THAT(read(0xf0000000, 5), Each(0xff));
    EXPECT_THAT(read(~u64{0} - 3, 4), Each(0xff));
    write(0xf0000000, {1, 2, 3});
}

TEST_F(BusTest, DevicesGetAlignedAccessesOfTheirWidth) {
    std::vector<u8> out(15);
    bus.read(SmallMachine::kMmio + 1, out);
    EXPECT_THAT(machine.mmio_registers.sizes, ElementsAre(1U, 2U, 4U, 8U));
}

TEST_F(BusTest, AnAccessAcrossTheEndOfRamIsSplit) {
    write(3 * kMiB - 1, {1, 2});
    EXPECT_THAT(read(3 * kMiB - 1, 2), ElementsAre(1, 0xff));
}

TEST_F(BusTest, TheBridgesAttributesDecideWhetherRamShowsBelowOneMebibyte) {
    EXPECT_THAT(read(0xc0000, 4), Each(0xff)) << "after power-on it does not";
    machine.bridge.config_write(0x5a, 1, 0x03); // PAM1, low nibble: 0xc0000-0xc3fff
    write(0xc3fff, {1, 2});
    EXPECT_THAT(read(0xc3fff, 2), ElementsAre(1, 0xff));
    machine.bridge.config_write(0x5a, 1, 0x01); // read only
    write(0xc3fff, {5});
    EXPECT_THAT(read(0xc3fff, 1), ElementsAre(1));
    machine.bridge.config_write(0x59, 1, 0x30); // PAM0, high nibble: all of the BIOS
    write(0xffffe, {8, 9});
    EXPECT_THAT(read(0xffffe, 2), ElementsAre(8, 9));
}

TEST_F(BusTest, LockedRomsCannotBeWritten) {
    machine.bridge.config_write(0x5a, 1, 0x03);
    bus.lock_roms(true);
    write(0xc0000, {1});
    EXPECT_THAT(read(0xc0000, 1), ElementsAre(0));
    bus.lock_roms(false);
    write(0xc0000, {1});
    EXPECT_THAT(read(0xc0000, 1), ElementsAre(1));
}

TEST_F(BusTest, VideoMemoryShowsWhereItIsPlaced) {
    auto video = bus.make_video_memory(2 * kPageSize).value();
    EXPECT_THAT(read(0xf0000000, 1), ElementsAre(0xff));
    video->place(0xf0000000);
    write(0xf0000000 + kPageSize - 1, {1, 2});
    EXPECT_EQ(video->bytes()[kPageSize], 2);
    EXPECT_THAT(read(0xf0000000 + 2 * kPageSize - 1, 2), ElementsAre(0, 0xff));
    video.reset();
    EXPECT_THAT(read(0xf0000000, 1), ElementsAre(0xff));
}

TEST_F(BusTest, RamIsNeverHiddenByVideoMemory) {
    auto video = bus.make_video_memory(kPageSize).value();
    video->place(0x2000);
    write(0x2000, {9});
    EXPECT_EQ(video->bytes()[0], 0);
}

TEST_F(BusTest, TheHypervisorsPortsComeFirst) {
    Registers own;
    const IoWindow window =
        bus.hypervisor_ports().map({.base = SmallMachine::kPort, .length = 1, .max_width = 1}, own);
    bus.out(SmallMachine::kPort, 1, 5);
    EXPECT_EQ(own.bytes[0], 5);
    bus.out(SmallMachine::kPort + 1, 1, 6);
    EXPECT_EQ(machine.port_registers.bytes[1], 6);
    EXPECT_EQ(bus.in(0x9999, 2), 0xffffU);
}

TEST(Bus, BeforeAMachineIsThereOnlyRamAnswers) {
    const auto ram = Ram::create(kMiB, kMiB).value();
    Bus bus(*ram);
    EXPECT_EQ(bus.in(0x64, 1), 0xffU);
    bus.out(0x64, 1, 0xfe);
    std::vector<u8> bytes(1);
    bus.read(0xa0000, bytes);
    EXPECT_THAT(bytes, ElementsAre(0xff));
    bus.write(0xa0000, bytes);
}

} // namespace
} // namespace dm::qtest
