// Fairness between those who wait at the doors.
#include "dm/vnc/crowd.hpp"

#include <gmock/gmock.h>

namespace dm::vnc {
namespace {

TEST(Peer, IsAnAddressOrANetworkOfOneHost) {
    EXPECT_EQ(peer_of({"192.0.2.1", "1", "ipv4"}), "192.0.2.1");
    EXPECT_EQ(peer_of({"::ffff:192.0.2.1", "1", "ipv6"}), "192.0.2.1");
    EXPECT_EQ(peer_of({"2001:db8::1", "1", "ipv6"}), peer_of({"2001:db8::ffff:2", "2", "ipv6"}));
    EXPECT_NE(peer_of({"2001:db8::1", "1", "ipv6"}), peer_of({"2001:db8:0:1::1", "1", "ipv6"}));
    EXPECT_EQ(peer_of({"fe80::1%eth0", "1", "ipv6"}), "fe80::/64");
    EXPECT_EQ(peer_of({"/run/vnc", "", "unix"}), "unix");
}

std::vector<Crowd::Waiting> crowd(std::initializer_list<std::pair<const char*, unsigned>> counts,
                                  unsigned failures = 0) {
    std::vector<Crowd::Waiting> waiting;
    for (const auto& [peer, count] : counts)
        for (unsigned i = 0; i < count; ++i)
            waiting.push_back({peer, failures});
    return waiting;
}

TEST(Crowd, NobodyGoesWhileThereIsRoom) {
    EXPECT_EQ(Crowd::in_the_way(crowd({{"a", 10}, {"b", 10}}), "c"), std::nullopt);
}

TEST(Crowd, APeerWithManyConnectionsMakesRoomForItself) {
    auto waiting = crowd({{"b", 1}, {"a", Crowd::kMostOfOne}});
    EXPECT_EQ(Crowd::in_the_way(waiting, "a"), 1U); // its oldest
    EXPECT_EQ(Crowd::in_the_way(waiting, "b"), std::nullopt);
}

TEST(Crowd, WhenFullThePeerWithTheMostGivesWay) {
    const auto waiting = crowd({{"rightful", 1}, {"a", 15}, {"b", 16}, {"c", 16}, {"d", 16}});
    ASSERT_EQ(waiting.size(), Crowd::kMostWaiting);
    EXPECT_EQ(Crowd::in_the_way(waiting, "e"), 16U);
}

TEST(Crowd, AmongEqualsThoseWhoGuessGiveWayThenTheOldest) {
    std::vector<Crowd::Waiting> waiting;
    for (unsigned i = 0; i < Crowd::kMostWaiting; ++i)
        waiting.push_back({"peer" + std::to_string(i), i == 40 ? Crowd::kSuspicious : 0});
    EXPECT_EQ(Crowd::in_the_way(waiting, "new"), 40U);
    waiting[40].failures = Crowd::kSuspicious - 1; // somebody who mistyped
    EXPECT_EQ(Crowd::in_the_way(waiting, "new"), 0U);
}

TEST(Crowd, AStormOfConnectionsOfOnePeerIsHeardRarely) {
    Crowd crowd;
    u64 now = 1'000'000'000;
    unsigned heard = 0;
    for (unsigned i = 0; i < 100'000; ++i) {
        now += 10'000; // 100000 a second
        heard += crowd.may_knock("a", now) ? 1 : 0;
    }
    EXPECT_LE(heard, Crowd::kBurst + 51);
    EXPECT_TRUE(crowd.may_knock("b", now));
    EXPECT_TRUE(crowd.may_knock("a", now + 1'000'000'000));
}

TEST(Crowd, OldPeersAreForgotten) {
    Crowd crowd;
    for (unsigned i = 0; i < 5 * Crowd::kMostPeers; ++i)
        EXPECT_TRUE(crowd.may_knock("peer" + std::to_string(i), i));
}

} // namespace
} // namespace dm::vnc
