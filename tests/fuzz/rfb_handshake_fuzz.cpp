// What a connection sends until it is a viewer: version, security type, VeNCrypt, password. The first byte of
// an input chooses what the server asks for.
#include "dm/core/unique_fd.hpp"
#include "dm/vnc/rfb_handshake.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/target.hpp"

#include <sys/socket.h>

namespace dm::fuzz {
namespace {

class Door final : public vnc::Porter, public vnc::TlsStarter {
public:
    Door(int fd, u8 wishes) : fd_(fd), password_((wishes & 1) != 0), x509_((wishes & 2) != 0) {}

    bool password_required() const override { return password_; }
    std::string refuses(std::span<const u8, vnc::kChallengeBytes>,
                        std::span<const u8, vnc::kChallengeBytes> response) override {
        asked_ = true;
        right_ = response[0] == 'r'; // which the fuzzer finds
        return right_ ? "" : "wrong";
    }
    std::string no_place() override {
        place_taken_ = true;
        return {};
    }
    bool x509() const override { return x509_; }
    int start_tls(vnc::Moment, std::string&) override {
        encrypted_ = true;
        return fd_;
    }

    void judge(bool passed, bool tls) const {
        if (place_taken_ != passed && passed) finding("a viewer is in without a place");
        if (passed && password_ && !right_) finding("a viewer is in without the password");
        if (passed && tls && !encrypted_) finding("a viewer is in without encryption");
        if (asked_ && tls && !encrypted_) finding("a password was asked for without encryption");
    }

private:
    int fd_;
    bool password_;
    bool x509_;
    bool asked_ = false;
    bool right_ = false;
    bool place_taken_ = false;
    bool encrypted_ = false;
};

void run(const Target&, std::span<const u8> input) {
    constexpr std::size_t kMostInput = 4096;
    const auto text = [] { return std::string_view("a viewer's handshake"); };
    const Operating operating(text);
    std::array<int, 2> ends{};
    if (input.empty() ||
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
        return;
    const UniqueFd ours(ends[0]);
    const UniqueFd theirs(ends[1]);
    const std::span<const u8> sent = input.subspan(1).first(std::min(kMostInput, input.size() - 1));
    if (!sent.empty() &&
        ::send(theirs.get(), sent.data(), sent.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(sent.size()))
        return;
    ::shutdown(theirs.get(), SHUT_WR); // nothing more will come
    Door door(ours.get(), input[0]);
    const bool tls = (input[0] & 4) != 0;
    vnc::RfbHandshake handshake(ours.get(), door, tls ? &door : nullptr);
    const bool passed = handshake.pass();
    door.judge(passed, tls);
    if (!passed && handshake.why().empty()) finding("a connection was turned away for no reason");
}

const Registered rfb_handshake{{"rfb-handshake", run}};

} // namespace
} // namespace dm::fuzz
