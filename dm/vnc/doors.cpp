#include "dm/vnc/doors.hpp"

#include "dm/vnc/libgnutls.hpp"

#include <algorithm>

namespace dm::vnc {

Result<Doors> Doors::open(const VncOptions& options) {
    Doors doors;
    if (options.tls) {
        DM_TRY_ASSIGN(doors.tls_, TlsCredentials::load(*options.tls));
    }
    DM_TRY_ASSIGN(VncListener display, VncListener::open(options));
    doors.doors_.push_back({Door::Rfb, std::move(display)});
    if (options.websocket) DM_TRY(doors.open_websocket(options));
    if (options.web) DM_TRY(doors.open_web(options));
    return doors;
}

unsigned Doors::usual(unsigned base, const VncOptions& options) const {
    const unsigned port = doors_.front().listener.port();
    return base + (port == 0 ? options.display : port - kVncBasePort);
}

Status Doors::add(Door door, const ListenPlace& place) {
    if (tls_ != nullptr && !tls_->x509())
        return fail("{}: browsers want certificates: name tls-creds-x509, not tls-creds-anon", place.option);
    if (const auto loaded = LibGnuTls::load(); !loaded.ok()) // for a WebSocket's key
        return fail("{}: {}", place.option, loaded.error().message);
    DM_TRY_ASSIGN(VncListener listener, VncListener::open(place));
    doors_.push_back({door, std::move(listener)});
    return {};
}

Status Doors::open_websocket(const VncOptions& options) {
    const VncDoorOptions& asked = *options.websocket;
    ListenPlace place;
    place.host = asked.host.empty() ? options.host : asked.host;
    place.unix_path = asked.unix_path;
    place.first = asked.port.value_or(usual(kVncWebSocketBasePort, options));
    // Like the display's number: the first free one where a range is allowed.
    const unsigned range = options.to ? std::max(*options.to, options.display) - options.display : 0;
    place.last = asked.port ? place.first : std::min(place.first + range, 65535U);
    place.option = "-vnc ...,websocket=" +
                   (asked.unix_path.empty() ? std::to_string(place.first) : "unix:" + asked.unix_path);
    place.if_taken = "choose another with websocket=PORT";
    place.if_wrong = "correct the address of websocket=";
    return add(Door::WebSocket, place);
}

Status Doors::open_web(const VncOptions& options) {
    const VncDoorOptions& asked = *options.web;
    DM_TRY_ASSIGN(files_,
                  WebFiles::open(asked.directory.empty() ? std::string(kNovncDirectory) : asked.directory));
    ListenPlace place;
    place.host = asked.host.empty() ? options.host : asked.host;
    place.first = place.last = asked.port.value_or(usual(kVncWebBasePort, options));
    place.option = fmt::format("-hvmdm-web {}", place.first);
    place.if_taken = "choose another port for this guest";
    place.if_wrong = "correct its address";
    return add(Door::Web, place);
}

std::string Doors::auth(bool password) const {
    std::string text = password ? "vnc" : "none";
    if (tls_ == nullptr) return text;
    return std::string(tls_->x509() ? "vencrypt+x509+" : "vencrypt+tls+") + text;
}

} // namespace dm::vnc
