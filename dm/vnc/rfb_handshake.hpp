// RFB up to SecurityResult (RFC 6143, sections 7.1.1 to 7.1.3 and 7.2; VeNCrypt 0.2 from the rfbproto
// community specification): version, security type, TLS, password.
//
// Ours rather than LibVNCServer's, because that one keeps its security types in a list that all viewers'
// threads share, and always offers the type without encryption beside those that extensions add.
#pragma once

#include "dm/vnc/vnc_auth.hpp"
#include "dm/vnc/wire.hpp"

#include <string>
#include <vector>

namespace dm::vnc {

/// Decides who may come in. Called in the viewer's thread.
class Porter {
public:
    virtual ~Porter() = default;
    virtual bool password_required() const = 0;
    /// Empty: the answer is right. Otherwise what the viewer is told.
    virtual std::string refuses(std::span<const u8, kChallengeBytes> challenge,
                                std::span<const u8, kChallengeBytes> response) = 0;
    /// The last step before a viewer is in: takes a place for it. Empty: there was one.
    virtual std::string no_place() = 0;
};

/// Encrypts the rest of the conversation.
class TlsStarter {
public:
    virtual ~TlsStarter() = default;
    virtual bool x509() const = 0;
    /// The descriptor to go on with; negative: failed, `why` tells.
    virtual int start_tls(Moment end, std::string& why) = 0;
};

class RfbHandshake {
public:
    /// `tls`: nobody comes in without; null: there is none.
    RfbHandshake(int fd, Porter& porter, TlsStarter* tls) : fd_(fd), porter_(porter), tls_(tls) {}

    /// True: the viewer may send ClientInit.
    bool pass();
    const std::string& why() const { return why_; }
    /// What the viewer speaks is 3.`minor`.
    int minor() const { return minor_; }

    /// A message may take so long: enough to type a password.
    static constexpr int kMessageMs = 120'000;
    static constexpr int kVersionMs = 20'000;
    static constexpr int kTlsMs = 20'000;
    /// Apple's viewers: they send no ClientInit where no password is asked for, and wait for no
    /// SecurityResult.
    static constexpr int kAppleMinor = 889;

private:
    bool end(std::string why);
    bool send(std::span<const u8> bytes);
    bool receive(std::span<u8> out, int ms);
    bool version();
    bool security();
    bool security_of_3_3();
    bool vencrypt();
    bool vencrypt_version();
    bool authenticate();
    bool challenge();
    bool result(const std::string& reason);
    /// "You may not, because": where no type can be offered.
    bool no_types(const std::string& reason);

    int fd_;
    Porter& porter_;
    TlsStarter* tls_;
    std::string why_;
    int minor_ = 8;
};

} // namespace dm::vnc
