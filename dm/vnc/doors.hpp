// All that viewers can come in by: the display's socket, the WebSocket's, the web console's; and what these
// need.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/vnc_options.hpp"
#include "dm/vnc/entrance.hpp"
#include "dm/vnc/vnc_listener.hpp"

#include <memory>
#include <vector>

namespace dm::vnc {

class Doors {
public:
    static Result<Doors> open(const VncOptions& options);

    struct Listening {
        Door door;
        VncListener listener;
    };
    /// The display's is the first.
    const std::vector<Listening>& all() const { return doors_; }
    DoorMeans means() const { return {tls_.get(), files_.get()}; }
    /// As QEMU names it: "vencrypt+x509+vnc".
    std::string auth(bool password) const;

private:
    Doors() = default;
    Status open_websocket(const VncOptions& options);
    Status open_web(const VncOptions& options);
    Status add(Door door, const ListenPlace& place);
    /// The usual port for the display that was found free.
    unsigned usual(unsigned base, const VncOptions& options) const;

    std::vector<Listening> doors_;
    std::unique_ptr<TlsCredentials> tls_;
    std::unique_ptr<WebFiles> files_;
};

} // namespace dm::vnc
