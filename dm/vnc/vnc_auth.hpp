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
/// wrong together only those that were right before are heard at once, the others one after the other. All
/// times are given: no clock in here.
class AuthThrottle {
public:
    static constexpr unsigned kFreeTries = 5;
    static constexpr u64 kFirstWaitNs = 5'000'000'000;
    static constexpr unsigned kMostDoublings = 6;
    static constexpr unsigned kMostFailures = 40;     ///< of all peers together,
    static constexpr u64 kForgiveOneNs = 500'000'000; ///< each forgotten after this time
    static constexpr std::size_t kMostPeers = 1024;

    /// Has to wait because of what it did itself.
    bool refuses(const std::string& peer, u64 now_ns) const;
    /// May be heard now.
    bool admits(const std::string& peer, u64 now_ns) const;
    /// Most of what strangers may get wrong together has been got wrong.
    bool crowded(u64 now_ns) const;
    bool trusts(const std::string& peer) const;
    /// How often it was wrong since it was right.
    unsigned failures(const std::string& peer) const;
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
    /// From then on (seconds since 1970) no password is right; nothing: never.
    void set_expiry(std::optional<s64> seconds);
    unsigned failures(const std::string& peer);

    /// A viewer that has given its answer. While many are wrong the answers are looked at one by one, those
    /// of peers that were wrong least often first: whoever knows the password gets in soon.
    class Turn {
    public:
        Turn(VncAuth& auth, std::string peer);
        ~Turn();
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

    private:
        friend class VncAuth;
        VncAuth& auth_;
        std::string peer_;
        u64 number_ = 0;
    };

    enum class Verdict : u8 { Right, Wrong, NoPasswordSet, Expired, TooManyTries, NotYet };
    /// NotYet: ask again soon.
    Verdict check(const Turn& turn, std::span<const u8, kChallengeBytes> challenge,
                  std::span<const u8, kChallengeBytes> response, u64 now_ns);

private:
    bool is_next(const Turn& turn) const;
    bool expired() const;

    const bool required_;
    std::mutex mutex_;
    std::optional<std::string> password_;
    std::optional<s64> expiry_;
    AuthThrottle throttle_;
    std::vector<const Turn*> waiting_;
    u64 turns_ = 0;
};

} // namespace dm::vnc
