#include "dm/qtest/irq_router.hpp"

#include <gmock/gmock.h>

namespace dm::qtest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct IrqRouterTest : testing::Test {
    void listen() {
        router.set_listener([this](unsigned input, bool level) { heard.emplace_back(input, level); });
    }
    IrqRouter router;
    std::vector<std::pair<unsigned, bool>> heard;
};

TEST_F(IrqRouterTest, AnIsaLineIsTheInputOfItsNumber) {
    listen();
    router.isa().set_level(14, true);
    router.isa().set_level(14, false);
    EXPECT_THAT(heard, ElementsAre(std::pair(14U, true), std::pair(14U, false)));
}

TEST_F(IrqRouterTest, APciPinGoesThroughTheLinkOfItsSlot) {
    listen();
    router.route_link(1, 10);
    router.pci().set_level(2 * 4, true); // INTA of slot 2: link 1
    EXPECT_THAT(heard, ElementsAre(std::pair(10U, true)));
    router.route_link(1, 11);
    EXPECT_FALSE(router.level(10));
    EXPECT_TRUE(router.level(11));
    router.route_link(1, 0);
    EXPECT_FALSE(router.level(11));
}

TEST_F(IrqRouterTest, AnUnroutedPinReachesNothing) {
    listen();
    router.pci().set_level(3 * 4, true);
    EXPECT_THAT(heard, IsEmpty());
}

TEST_F(IrqRouterTest, ASharedInputIsHighWhileAnyDriverIs) {
    router.route_link(1, 9);
    listen();
    router.isa().set_level(9, true);
    router.pci().set_level(2 * 4, true);
    router.isa().set_level(9, false);
    EXPECT_THAT(heard, ElementsAre(std::pair(9U, true)));
    router.pci().set_level(2 * 4, false);
    EXPECT_FALSE(router.level(9));
}

TEST_F(IrqRouterTest, AListenerHearsAtOnceWhatIsHigh) {
    router.isa().set_level(4, true);
    listen();
    EXPECT_THAT(heard, ElementsAre(std::pair(4U, true)));
}

TEST_F(IrqRouterTest, AnInputCanBeForced) {
    router.force(23, true);
    EXPECT_TRUE(router.level(23));
    router.force(23, false);
    EXPECT_FALSE(router.level(23));
}

} // namespace
} // namespace dm::qtest
