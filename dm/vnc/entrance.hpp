// What a connection goes through before it is a viewer: by one of the doors, perhaps TLS, perhaps HTTP and
// WebSocket, then RFB's version, security type and password.
#pragma once

#include "dm/vnc/posix.hpp"
#include "dm/vnc/relay.hpp"
#include "dm/vnc/rfb_handshake.hpp"
#include "dm/vnc/tls.hpp"
#include "dm/vnc/web_files.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace dm::vnc {

enum class Door : u8 {
    Rfb,       ///< -vnc
    WebSocket, ///< its websocket=
    Web,       ///< -hvmdm-web
};

/// What the doors share; may be null both.
struct DoorMeans {
    const TlsCredentials* tls = nullptr;
    const WebFiles* files = nullptr;
};

class Entrance final : private TlsStarter {
public:
    Entrance(UniqueFd fd, Door door, const DoorMeans& means, Porter& porter)
        : fd_(std::move(fd)), door_(door), means_(means), porter_(porter) {}

    /// True: ClientInit may come. Waits for the viewer; in its thread.
    bool pass();
    const std::string& why() const { return why_; }
    int minor() const { return minor_; }
    /// The viewer is in by Apple's short way: sends no ClientInit.
    bool no_client_init() const {
        return minor_ == RfbHandshake::kAppleMinor && !porter_.password_required();
    }

    /// Where RFB is spoken, from pass() on.
    int fd() const { return relay_ != nullptr ? relay_->fd() : fd_.get(); }

    /// The viewer has hung up, whatever it still wanted to hear. In its thread.
    bool abandoned() const;
    /// The viewer has hung up, whatever it said before that has not been read. Any thread.
    bool hung_up_on() const;
    /// Ends whatever anybody waits for. Any thread.
    void hang_up();
    /// Nothing more will be written: lets what was written arrive. In the viewer's thread.
    void finish();

private:
    bool end(std::string why);
    bool come_by_web();
    std::unique_ptr<TlsStream> encrypted(Moment end, std::string& why);
    bool start_relay(std::unique_ptr<Stream> stream);
    bool x509() const override { return means_.tls->x509(); }
    int start_tls(Moment end, std::string& why) override;

    UniqueFd fd_;
    const Door door_;
    const DoorMeans means_;
    Porter& porter_;
    std::string why_;
    int minor_ = 0;
    std::mutex mutex_; ///< the relay comes while others may hang up
    bool hung_up_ = false;
    std::unique_ptr<Relay> relay_;
};

} // namespace dm::vnc
