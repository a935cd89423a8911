// The cipher, the protocol's use of it, and the throttle.
#include "dm/vnc/des.hpp"
#include "dm/vnc/vnc_auth.hpp"

#include <deque>
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
    EXPECT_LT(heard, 200U);
}

/// A peer's answer, looked at once.
VncAuth::Verdict ask(VncAuth& auth, const std::string& peer, std::string_view password, u64 now = 0) {
    const VncAuth::Turn turn(auth, peer);
    const std::array<u8, 16> challenge{};
    return auth.check(turn, challenge, vnc_response(password, challenge), now);
}

TEST(VncAuthTest, NothingIsRightBeforeAPasswordWasSet) {
    VncAuth auth(true);
    EXPECT_EQ(ask(auth, "a", ""), VncAuth::Verdict::NoPasswordSet);
    EXPECT_EQ(ask(auth, "a", "x"), VncAuth::Verdict::NoPasswordSet);
    auth.set_password("x");
    EXPECT_EQ(ask(auth, "a", "x"), VncAuth::Verdict::Right);
    EXPECT_EQ(ask(auth, "a", "y"), VncAuth::Verdict::Wrong);
    auth.set_password("");
    EXPECT_EQ(ask(auth, "a", ""), VncAuth::Verdict::NoPasswordSet);
}

TEST(VncAuthTest, APasswordCanExpireAndComeBack) {
    VncAuth auth(true);
    auth.set_password("x");
    auth.set_expiry(0);
    EXPECT_EQ(ask(auth, "a", "x"), VncAuth::Verdict::Expired);
    auth.set_expiry(s64{1} << 40);
    EXPECT_EQ(ask(auth, "a", "x"), VncAuth::Verdict::Right);
    auth.set_expiry(std::nullopt);
    EXPECT_EQ(ask(auth, "a", "x"), VncAuth::Verdict::Right);
}

struct SiegeTest : testing::Test {
    VncAuth auth{true};
    u64 now = 1000 * kSecondNs;
    /// Many are wrong until no more is heard of strangers.
    SiegeTest() {
        auth.set_password("right");
        for (unsigned i = 0; i < AuthThrottle::kMostFailures; ++i)
            EXPECT_EQ(ask(auth, bot(i), "wrong", now), VncAuth::Verdict::Wrong);
    }
    static std::string bot(unsigned i) { return "bot" + std::to_string(i % 64); }
};

TEST_F(SiegeTest, AStrangerIsHeardWithinASecondAheadOfThoseWhoWereWrong) {
    std::deque<VncAuth::Turn> turns;
    for (unsigned i = 0; i < 64; ++i)
        turns.emplace_back(auth, bot(i));
    for (unsigned i = 40; i < 64; ++i) { // these have not been wrong yet
        now += AuthThrottle::kForgiveOneNs;
        const std::array<u8, 16> challenge{};
        EXPECT_EQ(auth.check(turns[i], challenge, challenge, now), VncAuth::Verdict::Wrong);
    }
    const VncAuth::Turn turn(auth, "rightful");
    const std::array<u8, 16> challenge{};
    const auto answer = vnc_response("right", challenge);
    now += AuthThrottle::kForgiveOneNs;
    for (auto& other : turns)
        EXPECT_EQ(auth.check(other, challenge, challenge, now), VncAuth::Verdict::NotYet);
    EXPECT_EQ(auth.check(turn, challenge, answer, now), VncAuth::Verdict::Right);
}

TEST_F(SiegeTest, WhoWasRightBeforeDoesNotQueue) {
    VncAuth other(true);
    other.set_password("right");
    EXPECT_EQ(ask(other, "friend", "right", now), VncAuth::Verdict::Right);
    for (unsigned i = 0; i < 2000; ++i) // more than are remembered
        ask(other, "bot" + std::to_string(i), "wrong", now + i * 1'000'000);
    const VncAuth::Turn waiting(other, "stranger");
    EXPECT_EQ(ask(other, "friend", "right", now + 2 * kSecondNs), VncAuth::Verdict::Right);
}

// Sixteen minutes of a thousand guesses a second, by a hundred peers: few are compared at all, and users who
// have never been here are heard within a second at any time.
TEST_F(SiegeTest, AmongAMillionWrongPasswordsEveryRightOneIsHeard) {
    constexpr std::array<u8, kChallengeBytes> challenge{};
    const auto right = vnc_response("right", challenge);
    unsigned compared = 0;
    for (unsigned i = 0; i < 1'000'000; ++i) {
        now += kSecondNs / 1000;
        const VncAuth::Turn guess(auth, bot(i * 7));
        compared += auth.check(guess, challenge, challenge, now) == VncAuth::Verdict::Wrong ? 1 : 0;
        if (i % 50'000 != 0) continue;
        const VncAuth::Turn user(auth, "user" + std::to_string(i));
        VncAuth::Verdict heard = VncAuth::Verdict::NotYet;
        for (unsigned tries = 0; tries < 10 && heard == VncAuth::Verdict::NotYet; ++tries) {
            now += kSecondNs / 10;
            heard = auth.check(user, challenge, right, now);
        }
        EXPECT_EQ(heard, VncAuth::Verdict::Right) << i;
    }
    EXPECT_LT(compared, 2'500U);
}

} // namespace
} // namespace dm::vnc
