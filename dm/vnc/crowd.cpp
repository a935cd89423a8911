#include "dm/vnc/crowd.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <utility>

namespace dm::vnc {

std::string peer_of(const Endpoint& endpoint) {
    if (endpoint.family == "unix") return "unix";
    in6_addr address{};
    const std::string number = endpoint.host.substr(0, endpoint.host.find('%'));
    if (endpoint.family != "ipv6" || inet_pton(AF_INET6, number.c_str(), &address) != 1) return endpoint.host;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (IN6_IS_ADDR_V4MAPPED(&address))
        return inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size());
    std::memset(&address.s6_addr[8], 0, 8);
    inet_ntop(AF_INET6, &address, text.data(), text.size());
    return std::string(text.data()) + "/64";
}

bool Crowd::may_knock(const std::string& peer, u64 now_ns) {
    auto it = std::find_if(knocks_.begin(), knocks_.end(), [&](const Knocks& k) { return k.peer == peer; });
    if (it == knocks_.end()) {
        if (knocks_.size() == kMostPeers)
            knocks_.erase(
                std::min_element(knocks_.begin(), knocks_.end(),
                                 [](const Knocks& a, const Knocks& b) { return a.since_ns < b.since_ns; }));
        it = knocks_.insert(knocks_.end(), Knocks{.peer = peer, .since_ns = now_ns});
    }
    const u64 refilled = (now_ns - std::min(now_ns, it->since_ns)) / kRefillNs;
    it->left = static_cast<unsigned>(std::min<u64>(kBurst, it->left + refilled));
    it->since_ns = it->left == kBurst ? now_ns : it->since_ns + refilled * kRefillNs;
    if (it->left == 0) return false;
    --it->left;
    return true;
}

std::optional<std::size_t> Crowd::in_the_way(std::span<const Waiting> waiting, const std::string& newcomer) {
    const auto number_of = [&](const std::string& peer) {
        return std::count_if(waiting.begin(), waiting.end(),
                             [&](const Waiting& w) { return w.peer == peer; });
    };
    const bool full = waiting.size() >= kMostWaiting;
    const bool too_many = number_of(newcomer) >= static_cast<std::ptrdiff_t>(kMostOfOne);
    std::optional<std::size_t> chosen;
    std::pair<std::ptrdiff_t, bool> worst{0, false};
    for (std::size_t i = 0; i < waiting.size() && (full || too_many); ++i) {
        if (too_many && waiting[i].peer != newcomer) continue;
        // Of those with the most connections, of those the ones that guess, the oldest.
        const std::pair weight{number_of(waiting[i].peer), waiting[i].failures >= kSuspicious};
        if (chosen && weight <= worst) continue;
        chosen = i;
        worst = weight;
    }
    return chosen;
}

} // namespace dm::vnc
