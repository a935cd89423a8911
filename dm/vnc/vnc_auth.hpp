// Who may enter: the password, and patience with those who guess.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dm::vnc {

inline constexpr std::size_t kChallengeBytes = 16;

/// What a viewer that knows `password` answers. Only its first eight bytes count: the protocol's limit.
std::array<u8, kChallengeBytes> vnc_response(std::string_view password,
                                             std::span<const u8, kChallengeBytes> challenge);

/// Slows guessing down: a peer that was wrong too often has to wait, longer each time; when many peers are
/// wrong together only those that were right before are heard. All times are given: no clock in here.
class AuthThrottle {
public:
    static constexpr unsigned kFreeTries = 5;
    static constexpr u64 kFirstWaitNs = 5'000'000'000;
    static constexpr unsigned kMostDoublings = 6;
    static constexpr unsigned kMostFailures = 40;       ///< of all peers together,
    static constexpr u64 kForgiveOneNs = 1'500'000'000; ///< each forgotten after this time
    static constexpr std::size_t kMostPeers = 256;

    bool admits(const std::string& peer, u64 now_ns) const;
    void failed(const std::string& peer, u64 now_ns);
    void succeeded(const std::string& peer, u64 now_ns);

private:
    struct Peer {
        std::string name;
        unsigned failures = 0;
        bool was_right = false;
        u64 wait_until_ns = 0;
        u64 last_seen_ns = 0;
    };
    Peer& entry(const std::string& peer, u64 now_ns);
    const Peer* find(const std::string& peer) const;
    unsigned failures_now(u64 now_ns) const;

    std::vector<Peer> peers_;
    unsigned failures_ = 0;
    u64 failures_since_ns_ = 0;
};

/// Called from the viewers' threads.
class VncAuth {
public:
    explicit VncAuth(bool required) : required_(required) {}

    bool required() const { return required_; }
    void set_password(std::string_view password);

    enum class Verdict : u8 { Right, Wrong, NoPasswordSet, TooManyTries };
    Verdict check(const std::string& peer, std::span<const u8, kChallengeBytes> challenge,
                  std::span<const u8, kChallengeBytes> response, u64 now_ns);

private:
    const bool required_;
    std::mutex mutex_;
    std::optional<std::string> password_;
    AuthThrottle throttle_;
};

} // namespace dm::vnc
