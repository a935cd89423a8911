// The cipher, the protocol's use of it, and the throttle.
#include "dm/vnc/des.hpp"
#include "dm/vnc/vnc_auth.hpp"

#include <gmock/gmock.h>

namespace dm::vnc {
namespace {

using testing::ElementsAre;
constexpr u64 kSecondNs = 1'000'000'000;

DesBlock block(u64 number) {
    DesBlock b{};
    for (unsigned i = 0; i < 8; ++i)
        b[i] = static_cast<u8>(number >> (56 - 8 * i));
    return b;
}

TEST(Des, KnownAnswers) {
    // NIST SP 800-17: variable plaintext, variable key, substitution table tests.
    EXPECT_EQ(des_encrypt(block(0x0101010101010101), block(0x8000000000000000)), block(0x95f8a5e5dd31d900));
    EXPECT_EQ(des_encrypt(block(0x0101010101010101), block(0x0000000000000001)), block(0x166b40b44aba4bd6));
    EXPECT_EQ(des_encrypt(block(0x8001010101010101), block(0)), block(0x95a8d72813daa94d));
    EXPECT_EQ(des_encrypt(block(0x7ca110454a1a6e57), block(0x01a1d6d039776742)), block(0x690f5b0d9a26939b));
    EXPECT_EQ(des_encrypt(block(0x0131d9619dc1376e), block(0x5cd54ca83def57da)), block(0x7a389d10354bd271));
    EXPECT_EQ(des_encrypt(block(0x133457799bbcdff1), block(0x0123456789abcdef)), block(0x85e813540f0ab405));
}

TEST(VncResponse, OnlyEightCharactersCount) {
    std::array<u8, 16> challenge{};
    for (u8 i = 0; i < 16; ++i)
        challenge[i] = i;
    EXPECT_EQ(vnc_response("12345678", challenge), vnc_response("12345678 and more", challenge));
    EXPECT_NE(vnc_response("12345678", challenge), vnc_response("1234567", challenge));
}

struct ThrottleTest : testing::Test {
    AuthThrottle throttle;
    u64 now = 1000 * kSecondNs;
    void fail(const std::string& peer, unsigned times) {
        for (unsigned i = 0; i < times; ++i)
            throttle.failed(peer, now);
    }
};

TEST_F(ThrottleTest, SomeTriesAreFreeThenThePeerHasToWaitLongerEachTime) {
    fail("a", AuthThrottle::kFreeTries - 1);
    EXPECT_TRUE(throttle.admits("a", now));
    fail("a", 1);
    EXPECT_FALSE(throttle.admits("a", now + 4 * kSecondNs));
    EXPECT_TRUE(throttle.admits("a", now + 5 * kSecondNs));
    fail("a", 1);
    EXPECT_FALSE(throttle.admits("a", now + 9 * kSecondNs));
    EXPECT_TRUE(throttle.admits("a", now + 10 * kSecondNs));
    fail("a", 100);
    EXPECT_FALSE(throttle.admits("a", now + 319 * kSecondNs));
    EXPECT_TRUE(throttle.admits("a", now + 320 * kSecondNs));
}

TEST_F(ThrottleTest, OtherPeersAreNotAffectedAtFirst) {
    fail("a", 20);
    EXPECT_TRUE(throttle.admits("b", now));
}

TEST_F(ThrottleTest, TheRightPasswordForgives) {
    fail("a", AuthThrottle::kFreeTries - 1);
    throttle.succeeded("a", now);
    fail("a", AuthThrottle::kFreeTries - 1);
    EXPECT_TRUE(throttle.admits("a", now));
}

TEST_F(ThrottleTest, ManyWrongPeersTogetherLeaveOnlyThoseThatWereRightBefore) {
    throttle.succeeded("friend", now);
    for (unsigned i = 0; i < AuthThrottle::kMostFailures; ++i)
        throttle.failed("bot" + std::to_string(i), now);
    EXPECT_FALSE(throttle.admits("stranger", now));
    EXPECT_TRUE(throttle.admits("friend", now));
    EXPECT_TRUE(throttle.admits("stranger", now + 2 * kSecondNs));
}

// 10,000 guesses a minute from many addresses: only a few are compared at all.
TEST_F(ThrottleTest, ABruteForceAttackIsHeardAboutOnceASecond) {
    unsigned heard = 0;
    for (unsigned i = 0; i < 10000; ++i) {
        now += 6'000'000;
        const std::string peer = "bot" + std::to_string(i % 1000);
        if (!throttle.admits(peer, now)) continue;
        ++heard;
        throttle.failed(peer, now);
    }
    EXPECT_LT(heard, 100U);
}

TEST(VncAuthTest, NothingIsRightBeforeAPasswordWasSet) {
    VncAuth auth(true);
    const std::array<u8, 16> challenge{};
    EXPECT_EQ(auth.check("a", challenge, vnc_response("", challenge), 0), VncAuth::Verdict::NoPasswordSet);
    EXPECT_EQ(auth.check("a", challenge, challenge, 0), VncAuth::Verdict::NoPasswordSet);
    auth.set_password("x");
    EXPECT_EQ(auth.check("a", challenge, vnc_response("x", challenge), 0), VncAuth::Verdict::Right);
    EXPECT_EQ(auth.check("a", challenge, challenge, 0), VncAuth::Verdict::Wrong);
    auth.set_password("");
    EXPECT_EQ(auth.check("a", challenge, vnc_response("", challenge), 0), VncAuth::Verdict::NoPasswordSet);
}

} // namespace
} // namespace dm::vnc
