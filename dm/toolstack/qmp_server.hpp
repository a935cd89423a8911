// The QMP sockets of a machine: `-mon chardev=ID,mode=control`.
//
// Several clients may be connected to each; their commands run one after the other in the device thread. A
// client may go at any time and at any byte.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/log.hpp"
#include "dm/toolstack/options.hpp"
#include "dm/toolstack/qmp_events.hpp"
#include "dm/toolstack/qmp_session.hpp"

#include <memory>
#include <vector>

namespace dm::toolstack {

class QmpServer final : public QmpEvents {
public:
    static constexpr std::size_t kMostClients = 16; ///< more wait in the backlog

    QmpServer(EventLoop& loop, MachineControl& machine);
    ~QmpServer() override;
    QmpServer(const QmpServer&) = delete;
    QmpServer& operator=(const QmpServer&) = delete;

    /// Listens (or connects, as the option says). Clients can connect when it returns; they are served once
    /// the loop runs.
    Status open(const MonitorOptions& monitor);
    /// `-add-fd`: makes an inherited descriptor known to all clients.
    Status add(const InheritedFd& inherited);

    std::size_t clients() const { return clients_.size(); }

protected:
    void emit(std::string_view event, std::string_view data) override;

private:
    struct Listener {
        UniqueFd fd;
        bool events = true;
    };
    struct Client {
        Client(UniqueFd socket, QmpShared& shared, bool events)
            : fd(std::move(socket)), session(shared, events) {}
        UniqueFd fd;
        QmpSession session;
        FdEvents watched = FdEvents::None;
        bool ended = false;  ///< it sends nothing any more
        bool broken = false; ///< it does not take replies any more
    };

    void accept_clients(Listener& listener);
    void add_client(UniqueFd fd, bool events);
    void serve(Client& client, FdReady ready);
    void read(Client& client, bool all);
    void flush(Client& client);
    bool send_output(Client& client);
    void watch_what_is_needed(Client& client);
    void close(Client& client);
    void listen_again();

    Log log_{"qmp"};
    EventLoop& loop_;
    QmpShared shared_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::vector<std::unique_ptr<Client>> clients_;
    Timer retry_; ///< out of descriptors: accept again later
};

} // namespace dm::toolstack
