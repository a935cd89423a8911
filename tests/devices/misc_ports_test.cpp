#include "dm/devices/isa/misc_ports.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::IsEmpty;

struct Ranges final : RangeSink {
    void add_range(u64 first, u64 last) override { log.push_back(fmt::format("+{:x}-{:x}", first, last)); }
    void remove_range(u64 first, u64 last) override { log.push_back(fmt::format("-{:x}-{:x}", first, last)); }
    std::vector<std::string> log;
};

struct MiscPortsTest : testing::Test {
    IoSpace ports{"ports", 0xffff};
    MiscPorts nops{ports};
};

TEST_F(MiscPortsTest, EveryPortHasAReason) {
    for (const NopPort& nop : kNopPorts)
        EXPECT_FALSE(nop.reason.empty()) << nop.base;
}

TEST_F(MiscPortsTest, ReadsGiveOnesAndWritesVanish) {
    for (const NopPort& nop : kNopPorts) {
        EXPECT_TRUE(ports.answers(nop.base, nop.length)) << nop.base;
        ports.write(nop.base, 1, 0x55);
        EXPECT_EQ(ports.read(nop.base, 1), 0xffU);
    }
    EXPECT_EQ(ports.read(0x5658, 4), 0xffffffffU);
}

TEST_F(MiscPortsTest, TheHypervisorIsNotAskedForThem) {
    Ranges ranges;
    ports.set_range_sink(&ranges);
    EXPECT_THAT(ranges.log, IsEmpty());
    ports.set_range_sink(nullptr);
}

TEST(MiscPorts, TheyGoWithTheirOwner) {
    IoSpace ports{"ports", 0xffff};
    { const MiscPorts nops{ports}; }
    EXPECT_FALSE(ports.answers(0x80, 1));
}

} // namespace
} // namespace dm::test
