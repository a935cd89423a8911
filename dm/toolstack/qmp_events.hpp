// Events for QMP clients, for whoever builds the machine to report what happens to it.
#pragma once

#include "dm/core/types.hpp"

#include <string>
#include <string_view>

namespace dm::toolstack {

/// Who caused it.
enum class QmpCause : u8 { Guest, Host };

/// One end of a VNC connection.
struct QmpVncPeer {
    std::string host;
    std::string service; ///< port as text
    std::string family = "ipv4";
};

/// What became of a request that the host failed.
struct QmpIoError {
    std::string_view operation; ///< "read", "write"
    std::string_view action;    ///< "report", "ignore", "stop"
    bool no_space = false;
    std::string_view reason; ///< the system's words
};

class QmpEvents {
public:
    virtual ~QmpEvents() = default;

    void stopped() { emit("STOP"); }
    void resumed() { emit("RESUME"); }
    void suspended() { emit("SUSPEND"); }
    void woken() { emit("WAKEUP"); }
    void powerdown() { emit("POWERDOWN"); }
    /// `reason` in QEMU's words: "guest-shutdown", "host-signal", "host-qmp-quit".
    void shutdown(QmpCause cause, std::string_view reason);
    /// "guest-reset", "host-qmp-system-reset"
    void reset(QmpCause cause, std::string_view reason);
    void device_deleted(std::string_view id);
    void tray_moved(std::string_view drive, bool open);
    void block_io_error(std::string_view drive, const QmpIoError& error);
    void vnc_connected(const QmpVncPeer& server, const QmpVncPeer& client);
    void vnc_initialized(const QmpVncPeer& server, const QmpVncPeer& client);
    void vnc_disconnected(const QmpVncPeer& server, const QmpVncPeer& client);

protected:
    /// `data`: a JSON object as text, or empty.
    virtual void emit(std::string_view event, std::string_view data = {}) = 0;
};

/// The line that a client gets, with its end.
std::string event_line(std::string_view event, std::string_view data, u64 microseconds_since_epoch);

} // namespace dm::toolstack
