#include "dm/vnc/rfb_handshake.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <sys/random.h>

namespace dm::vnc {
namespace {

constexpr std::string_view kOurVersion = "RFB 003.008\n";

enum SecurityType : u8 { INVALID = 0, NONE = 1, VNC_AUTHENTICATION = 2, VENCRYPT = 19 };

enum VencryptSubtype : u32 { TLS_NONE = 257, TLS_VNC = 258, X509_NONE = 260, X509_VNC = 261 };

constexpr std::array<u8, 2> kVencryptVersion = {0, 2};
constexpr u8 kVencryptVersionTaken = 0;
constexpr u8 kVencryptVersionRefused = 0xff;
constexpr u8 kVencryptSubtypeTaken = 1;
constexpr u8 kVencryptSubtypeRefused = 0;

u32 subtype(bool x509, bool password) {
    if (x509) return password ? X509_VNC : X509_NONE;
    return password ? TLS_VNC : TLS_NONE;
}

/// Length and text, after whatever announces it.
void append_reason(std::vector<u8>& message, const std::string& reason) {
    const std::size_t at = message.size();
    message.resize(at + 4);
    put32(message, at, static_cast<u32>(reason.size()));
    const auto bytes = as_bytes(reason);
    message.insert(message.end(), bytes.begin(), bytes.end());
}

} // namespace

bool RfbHandshake::end(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
}

bool RfbHandshake::send(std::span<const u8> bytes) {
    return write_exactly(fd_, bytes, after_ms(kVersionMs)) || end("disconnected");
}

bool RfbHandshake::receive(std::span<u8> out, int ms) {
    const Moment last = after_ms(ms);
    if (read_exactly(fd_, out, last)) return true;
    return end(ms_until(last) == 0 ? "said nothing" : "disconnected");
}

bool RfbHandshake::pass() {
    return version() && security();
}

bool RfbHandshake::version() {
    std::array<u8, kOurVersion.size()> theirs{};
    if (!send(as_bytes(kOurVersion)) || !receive(theirs, kVersionMs)) return false;
    const auto number = [&](std::size_t at) {
        int n = 0;
        for (std::size_t i = at; i < at + 3; ++i) {
            if (theirs[i] < '0' || theirs[i] > '9') return -1;
            n = n * 10 + (theirs[i] - '0');
        }
        return n;
    };
    minor_ = number(8);
    if (std::memcmp(theirs.data(), "RFB ", 4) != 0 || theirs[7] != '.' || theirs[11] != '\n' ||
        number(4) != 3 || minor_ < 3)
        return end("does not speak RFB 3");
    return true;
}

bool RfbHandshake::no_types(const std::string& reason) {
    std::vector<u8> message(minor_ < 7 ? 4 : 1); // of type INVALID
    append_reason(message, reason);
    send(message);
    return end(reason);
}

bool RfbHandshake::security() {
    if (minor_ < 7) return security_of_3_3();
    const u8 offered = tls_ != nullptr ? VENCRYPT : porter_.password_required() ? VNC_AUTHENTICATION : NONE;
    u8 chosen = INVALID;
    if (!send(std::array<u8, 2>{1, offered}) || !receive({&chosen, 1}, kMessageMs)) return false;
    if (chosen != offered) {
        result("this security type was not offered");
        return end("chose a security type that was not offered");
    }
    return offered == VENCRYPT ? vencrypt() : authenticate();
}

// The server chooses.
bool RfbHandshake::security_of_3_3() {
    if (tls_ != nullptr) return no_types("this server asks for encryption, which needs RFB 3.7 and VeNCrypt");
    std::array<u8, 4> type{};
    put32(type, 0, porter_.password_required() ? VNC_AUTHENTICATION : NONE);
    return send(type) && authenticate();
}

bool RfbHandshake::vencrypt_version() {
    std::array<u8, 2> theirs{};
    if (!send(kVencryptVersion) || !receive(theirs, kVersionMs)) return false;
    if (theirs == kVencryptVersion) return send({&kVencryptVersionTaken, 1});
    send({&kVencryptVersionRefused, 1});
    return end("does not speak VeNCrypt 0.2");
}

bool RfbHandshake::vencrypt() {
    if (!vencrypt_version()) return false;
    const u32 offered = subtype(tls_->x509(), porter_.password_required());
    std::array<u8, 5> list = {1};
    put32(list, 1, offered);
    std::array<u8, 4> chosen{};
    if (!send(list) || !receive(chosen, kVersionMs)) return false;
    if (get32(chosen, 0) != offered) {
        send({&kVencryptSubtypeRefused, 1});
        return end("chose a VeNCrypt type that was not offered");
    }
    if (!send({&kVencryptSubtypeTaken, 1})) return false;
    std::string why;
    fd_ = tls_->start_tls(after_ms(kTlsMs), why);
    return fd_ < 0 ? end(why) : authenticate();
}

bool RfbHandshake::authenticate() {
    if (porter_.password_required() && !challenge()) return false;
    const std::string full = porter_.no_place();
    if (!full.empty()) {
        result(full);
        return end(full);
    }
    if (porter_.password_required()) return result({});
    const bool told = tls_ != nullptr || (minor_ >= 8 && minor_ != kAppleMinor);
    return !told || result({});
}

bool RfbHandshake::challenge() {
    std::array<u8, kChallengeBytes> question{};
    std::array<u8, kChallengeBytes> answer{};
    if (getrandom(question.data(), question.size(), 0) != static_cast<ssize_t>(question.size()))
        return end("no random numbers to be had");
    if (!send(question) || !receive(answer, kMessageMs)) return false;
    const std::string refusal = porter_.refuses(question, answer);
    if (refusal.empty()) return true;
    result(refusal);
    return end(refusal);
}

bool RfbHandshake::result(const std::string& reason) {
    std::vector<u8> message(4);
    put32(message, 0, reason.empty() ? 0 : 1);
    if (!reason.empty() && minor_ >= 8) append_reason(message, reason);
    return send(message);
}

} // namespace dm::vnc
