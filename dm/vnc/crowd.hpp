// Who waits at the doors: fairness between peers, so that whoever opens many connections, or opens them over
// and over, keeps out nobody but itself.
#pragma once

#include "dm/core/types.hpp"
#include "dm/vnc/vnc_listener.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dm::vnc {

/// What counts as one peer: an IPv4 address, a /64 of IPv6 (one host has all of it), everybody on a Unix
/// socket.
std::string peer_of(const Endpoint& endpoint);

class Crowd {
public:
    static constexpr std::size_t kMostWaiting = 64; ///< connections that are not in yet,
    static constexpr std::size_t kMostOfOne = 16;   ///< of one peer
    static constexpr unsigned kBurst = 200;         ///< connections of a peer at once,
    static constexpr u64 kRefillNs = 20'000'000;    ///< and one more each 20 ms
    static constexpr std::size_t kMostPeers = 1024;
    static constexpr unsigned kSuspicious = 3; ///< wrong passwords

    /// Whether a connection of this peer is worth a thread.
    bool may_knock(const std::string& peer, u64 now_ns);

    struct Waiting {
        std::string peer;
        unsigned failures = 0; ///< wrong passwords of the peer
    };
    /// Who makes room for a connection of `newcomer`; `waiting` in the order they came. Nothing: there is
    /// room.
    static std::optional<std::size_t> in_the_way(std::span<const Waiting> waiting,
                                                 const std::string& newcomer);

private:
    struct Knocks {
        std::string peer;
        unsigned left = kBurst;
        u64 since_ns = 0;
    };
    std::vector<Knocks> knocks_;
};

} // namespace dm::vnc
