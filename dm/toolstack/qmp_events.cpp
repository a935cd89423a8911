#include "dm/toolstack/qmp_events.hpp"

#include "dm/toolstack/qmp_types.hpp"

namespace dm::toolstack {
namespace {

Json by(QmpCause cause, std::string_view reason) {
    return {{"guest", cause == QmpCause::Guest}, {"reason", std::string(reason)}};
}

std::string connection(const QmpVncPeer& server, const QmpVncPeer& client) {
    const auto peer = [](const QmpVncPeer& p) {
        return Json{{"host", p.host}, {"service", p.service}, {"family", p.family}, {"websocket", false}};
    };
    Json data{{"server", peer(server)}, {"client", peer(client)}};
    return to_text(data);
}

} // namespace

void QmpEvents::shutdown(QmpCause cause, std::string_view reason) {
    emit("SHUTDOWN", to_text(by(cause, reason)));
}

void QmpEvents::reset(QmpCause cause, std::string_view reason) {
    emit("RESET", to_text(by(cause, reason)));
}

void QmpEvents::device_deleted(std::string_view id) {
    const Json data{{"device", std::string(id)}, {"path", fmt::format("/machine/peripheral/{}", id)}};
    emit("DEVICE_DELETED", to_text(data));
}

void QmpEvents::tray_moved(std::string_view drive, bool open) {
    const Json data{{"device", std::string(drive)}, {"id", std::string(drive)}, {"tray-open", open}};
    emit("DEVICE_TRAY_MOVED", to_text(data));
}

void QmpEvents::block_io_error(std::string_view drive, const QmpIoError& error) {
    const Json data{{"device", std::string(drive)},
                    {"operation", std::string(error.operation)},
                    {"action", std::string(error.action)},
                    {"nospace", error.no_space},
                    {"reason", std::string(error.reason)}};
    emit("BLOCK_IO_ERROR", to_text(data));
}

void QmpEvents::vnc_connected(const QmpVncPeer& server, const QmpVncPeer& client) {
    emit("VNC_CONNECTED", connection(server, client));
}

void QmpEvents::vnc_initialized(const QmpVncPeer& server, const QmpVncPeer& client) {
    emit("VNC_INITIALIZED", connection(server, client));
}

void QmpEvents::vnc_disconnected(const QmpVncPeer& server, const QmpVncPeer& client) {
    emit("VNC_DISCONNECTED", connection(server, client));
}

std::string event_line(std::string_view event, std::string_view data, u64 microseconds_since_epoch) {
    constexpr u64 kMillion = 1'000'000;
    return fmt::format(
        "{{\"timestamp\": {{\"seconds\": {}, \"microseconds\": {}}}, \"event\": \"{}\"{}{}}}\r\n",
        microseconds_since_epoch / kMillion, microseconds_since_epoch % kMillion, event,
        data.empty() ? "" : ", \"data\": ", data);
}

} // namespace dm::toolstack
