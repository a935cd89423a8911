#include "dm/toolstack/qmp_server.hpp"

#include "dm/toolstack/unix_socket.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fcntl.h>

namespace dm::toolstack {
namespace {

constexpr std::size_t kChunk = std::size_t{64} * 1024;
constexpr int kChunksAtOnce = 8; // then the rest of the machine has its turn

u64 microseconds_now() {
    using namespace std::chrono;
    return static_cast<u64>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

constexpr FdEvents events_of(bool readable, bool writable) {
    if (readable) return writable ? FdEvents::Both : FdEvents::Readable;
    return writable ? FdEvents::Writable : FdEvents::None;
}

} // namespace

QmpServer::QmpServer(EventLoop& loop, MachineControl& machine)
    : loop_(loop), shared_{machine, {}, {}}, retry_(loop.host_timers(), [this] { listen_again(); }) {}

QmpServer::~QmpServer() {
    for (const auto& client : clients_)
        loop_.unwatch(client->fd.get());
    for (const auto& listener : listeners_)
        loop_.unwatch(listener->fd.get());
}

Status QmpServer::open(const MonitorOptions& monitor) {
    std::string where = monitor.path.empty() ? fmt::format("fd {}", monitor.fd) : monitor.path;
    const auto with_name = [&](const Error& error) {
        return fail("-chardev id={}: {}", monitor.id, error.message);
    };
    if (!monitor.server) {
        auto fd = connect_to(monitor.path);
        if (!fd) return with_name(fd.error());
        add_client(std::move(*fd), monitor.events);
    } else {
        auto fd = monitor.path.empty() ? adopt_listener(monitor.fd) : listen_at(monitor.path);
        if (!fd) return with_name(fd.error());
        listeners_.push_back(std::make_unique<Listener>(Listener{std::move(*fd), monitor.events}));
        Listener& listener = *listeners_.back();
        loop_.watch(listener.fd.get(), FdEvents::Readable,
                    [this, &listener](FdReady) { accept_clients(listener); });
    }
    shared_.monitors.push_back(
        {monitor.id, fmt::format("unix:{}{}", where, monitor.server ? ",server=on" : ""), true});
    return {};
}

Status QmpServer::add(const InheritedFd& inherited) {
    if (fcntl(inherited.fd, F_SETFD, FD_CLOEXEC) != 0)
        return fail("-add-fd: there is no file descriptor {}", inherited.fd);
    const auto added =
        shared_.fd_sets.add(inherited.set, UniqueFd(inherited.fd), inherited.opaque, /*keep=*/true);
    return added ? Status() : fail("-add-fd: {}", added.error().message);
}

void QmpServer::emit(std::string_view event, std::string_view data) {
    if (clients_.empty()) return;
    const std::string line = event_line(event, data, microseconds_now());
    for (const auto& client : clients_) {
        client->session.event(line);
        send_output(*client);
        watch_what_is_needed(*client);
    }
}

void QmpServer::accept_clients(Listener& listener) {
    while (clients_.size() < kMostClients) {
        auto fd = accept_one(listener.fd.get());
        if (!fd) {
            log_.warning("{}", fd.error().message);
            loop_.change(listener.fd.get(), FdEvents::None);
            retry_.arm(loop_.host_timers().now_ns() + kSecond);
            return;
        }
        if (!*fd) return;
        add_client(std::move(*fd), listener.events);
    }
    for (const auto& full : listeners_)
        loop_.change(full->fd.get(), FdEvents::None);
}

void QmpServer::listen_again() {
    for (const auto& listener : listeners_)
        loop_.change(listener->fd.get(), FdEvents::Readable);
}

void QmpServer::add_client(UniqueFd fd, bool events) {
    clients_.push_back(std::make_unique<Client>(std::move(fd), shared_, events));
    Client& client = *clients_.back();
    client.watched = FdEvents::Readable;
    loop_.watch(client.fd.get(), client.watched, [this, &client](FdReady ready) { serve(client, ready); });
    flush(client); // the greeting
    watch_what_is_needed(client);
}

void QmpServer::serve(Client& client, FdReady ready) {
    flush(client);
    if (ready.hangup) {
        // Nobody reads replies any more, but what was sent before still counts: "quit" and gone.
        client.broken = true;
        client.session.abandon_output();
        client.session.go_on();
    }
    if (ready.readable || ready.hangup) read(client, ready.hangup);
    if (ready.hangup) client.ended = true;
    const bool drained = client.session.output().empty();
    if (client.ended && (drained || client.broken))
        close(client);
    else
        watch_what_is_needed(client);
}

void QmpServer::read(Client& client, bool all) {
    std::vector<char> buffer(kChunk);
    for (int i = 0; (all || i < kChunksAtOnce) && client.session.wants_input() && !client.ended; ++i) {
        Received received = receive_with_fds(client.fd.get(), buffer);
        switch (received.outcome) {
        case Received::Outcome::Nothing: return;
        case Received::Outcome::End: client.ended = true; return;
        case Received::Outcome::Data: break;
        }
        client.session.receive({buffer.data(), received.length}, std::move(received.fds));
        flush(client);
    }
}

void QmpServer::flush(Client& client) {
    while (send_output(client) && client.session.waiting())
        client.session.go_on();
}

/// False: the client has to read first.
bool QmpServer::send_output(Client& client) {
    while (!client.session.output().empty()) {
        const std::ptrdiff_t sent = send_some(client.fd.get(), client.session.output());
        if (sent == 0) return false;
        if (sent < 0) {
            client.broken = true;
            client.session.abandon_output();
            break;
        }
        client.session.sent(static_cast<std::size_t>(sent));
    }
    return true;
}

void QmpServer::watch_what_is_needed(Client& client) {
    const FdEvents needed = events_of(client.session.wants_input() && !client.ended,
                                      !client.session.output().empty() || client.session.waiting());
    if (needed == client.watched) return;
    client.watched = needed;
    loop_.change(client.fd.get(), needed);
}

void QmpServer::close(Client& client) {
    const bool was_full = clients_.size() == kMostClients;
    loop_.unwatch(client.fd.get());
    std::erase_if(clients_, [&](const auto& candidate) { return candidate.get() == &client; });
    if (was_full) listen_again();
    // While the guest stands still a save or a restore may still need them.
    if (clients_.empty() && is_served(shared_.machine.run_state())) shared_.fd_sets.forget_clients();
}

} // namespace dm::toolstack
