#include "dm/vnc/vnc_auth.hpp"

#include "dm/vnc/des.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dm::vnc {
namespace {

constexpr u8 reversed(u8 byte) {
    u8 out = 0;
    for (unsigned i = 0; i < 8; ++i)
        out = static_cast<u8>(out << 1 | (byte >> i & 1));
    return out;
}

/// Takes the same time wherever the difference is.
bool same(std::span<const u8, kChallengeBytes> a, std::span<const u8, kChallengeBytes> b) {
    u8 difference = 0;
    for (std::size_t i = 0; i < kChallengeBytes; ++i)
        difference = static_cast<u8>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

} // namespace

std::array<u8, kChallengeBytes> vnc_response(std::string_view password,
                                             std::span<const u8, kChallengeBytes> challenge) {
    DesBlock key{}; // the protocol numbers the key's bits the other way round
    for (std::size_t i = 0; i < key.size() && i < password.size(); ++i)
        key[i] = reversed(static_cast<u8>(password[i]));
    std::array<u8, kChallengeBytes> response{};
    for (std::size_t half = 0; half < kChallengeBytes; half += 8) {
        DesBlock block{};
        std::copy_n(challenge.begin() + static_cast<std::ptrdiff_t>(half), block.size(), block.begin());
        block = des_encrypt(key, block);
        std::copy(block.begin(), block.end(), response.begin() + static_cast<std::ptrdiff_t>(half));
    }
    return response;
}

const AuthThrottle::Peer* AuthThrottle::find(const std::string& peer) const {
    const auto it = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& p) { return p.name == peer; });
    return it == peers_.end() ? nullptr : &*it;
}

AuthThrottle::Peer& AuthThrottle::entry(const std::string& peer, u64 now_ns) {
    if (const Peer* known = find(peer)) return peers_[static_cast<std::size_t>(known - peers_.data())];
    if (peers_.size() < kMostPeers) return peers_.emplace_back(Peer{.name = peer, .last_seen_ns = now_ns});
    // Those that were right are kept: many strangers must not make us forget a friend.
    Peer& oldest = *std::min_element(peers_.begin(), peers_.end(), [](const Peer& a, const Peer& b) {
        return std::pair(a.was_right, a.last_seen_ns) < std::pair(b.was_right, b.last_seen_ns);
    });
    oldest = Peer{.name = peer, .last_seen_ns = now_ns};
    return oldest;
}

unsigned AuthThrottle::failures_now(u64 now_ns) const {
    const u64 forgiven = (now_ns - std::min(now_ns, failures_since_ns_)) / kForgiveOneNs;
    return forgiven >= failures_ ? 0 : failures_ - static_cast<unsigned>(forgiven);
}

bool AuthThrottle::refuses(const std::string& peer, u64 now_ns) const {
    const Peer* known = find(peer);
    return known != nullptr && now_ns < known->wait_until_ns;
}

bool AuthThrottle::admits(const std::string& peer, u64 now_ns) const {
    if (refuses(peer, now_ns)) return false;
    return failures_now(now_ns) < kMostFailures || trusts(peer);
}

bool AuthThrottle::crowded(u64 now_ns) const {
    return failures_now(now_ns) + 1 >= kMostFailures;
}

bool AuthThrottle::trusts(const std::string& peer) const {
    const Peer* known = find(peer);
    return known != nullptr && known->was_right;
}

unsigned AuthThrottle::failures(const std::string& peer) const {
    const Peer* known = find(peer);
    return known == nullptr ? 0 : known->failures;
}

void AuthThrottle::failed(const std::string& peer, u64 now_ns) {
    failures_ = std::min(failures_now(now_ns) + 1, kMostFailures);
    failures_since_ns_ = now_ns;
    Peer& p = entry(peer, now_ns);
    p.last_seen_ns = now_ns;
    if (++p.failures < kFreeTries) return;
    p.failures = std::min(p.failures, kFreeTries + kMostDoublings);
    p.wait_until_ns = now_ns + (kFirstWaitNs << (p.failures - kFreeTries));
}

void AuthThrottle::succeeded(const std::string& peer, u64 now_ns) {
    Peer& p = entry(peer, now_ns);
    p.last_seen_ns = now_ns;
    p.failures = 0;
    p.wait_until_ns = 0;
    p.was_right = true;
}

void VncAuth::set_password(std::string_view password) {
    const std::lock_guard lock(mutex_);
    password_ = password;
}

void VncAuth::set_expiry(std::optional<s64> seconds) {
    const std::lock_guard lock(mutex_);
    expiry_ = seconds;
}

unsigned VncAuth::failures(const std::string& peer) {
    const std::lock_guard lock(mutex_);
    return throttle_.failures(peer);
}

VncAuth::Turn::Turn(VncAuth& auth, std::string peer) : auth_(auth), peer_(std::move(peer)) {
    const std::lock_guard lock(auth_.mutex_);
    number_ = auth_.turns_++;
    auth_.waiting_.push_back(this);
}

VncAuth::Turn::~Turn() {
    const std::lock_guard lock(auth_.mutex_);
    std::erase(auth_.waiting_, this);
}

bool VncAuth::is_next(const Turn& turn) const {
    const auto rank = [&](const Turn& t) { return std::pair(throttle_.failures(t.peer_), t.number_); };
    return std::all_of(waiting_.begin(), waiting_.end(),
                       [&](const Turn* other) { return rank(turn) <= rank(*other); });
}

bool VncAuth::expired() const {
    return expiry_ && *expiry_ <= std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

VncAuth::Verdict VncAuth::check(const Turn& turn, std::span<const u8, kChallengeBytes> challenge,
                                std::span<const u8, kChallengeBytes> response, u64 now_ns) {
    const std::lock_guard lock(mutex_);
    if (throttle_.refuses(turn.peer_, now_ns)) return Verdict::TooManyTries;
    if (!password_ || password_->empty()) return Verdict::NoPasswordSet;
    if (expired()) return Verdict::Expired;
    // While there is no need to queue, nobody waits for one whose thread has not come back yet.
    if (!throttle_.admits(turn.peer_, now_ns) ||
        (throttle_.crowded(now_ns) && !throttle_.trusts(turn.peer_) && !is_next(turn)))
        return Verdict::NotYet;
    if (same(vnc_response(*password_, challenge), response)) {
        throttle_.succeeded(turn.peer_, now_ns);
        return Verdict::Right;
    }
    throttle_.failed(turn.peer_, now_ns);
    return Verdict::Wrong;
}

} // namespace dm::vnc
