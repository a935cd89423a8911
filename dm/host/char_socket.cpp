#include "dm/host/char_socket.hpp"

#include "dm/host/signals.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace dm::host {
namespace {

constexpr int kConnectTimeoutMs = 10'000;

Result<std::vector<SocketAddress>> unix_address(const CharOptions& options) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    if (options.path.empty() || options.path.size() >= sizeof(un.sun_path))
        return fail("{}: the path of a unix socket has 1 to {} characters", options.text,
                    sizeof(un.sun_path) - 1);
    std::memcpy(un.sun_path, options.path.data(), options.path.size());
    SocketAddress address;
    std::memcpy(&address.storage, &un, sizeof(un));
    address.length = sizeof(un);
    return std::vector{address};
}

int family_of(CharOptions::Family family) {
    switch (family) {
    case CharOptions::Family::Any: return AF_UNSPEC;
    case CharOptions::Family::Ipv4: return AF_INET;
    case CharOptions::Family::Ipv6: return AF_INET6;
    }
    return AF_UNSPEC;
}

Result<std::vector<SocketAddress>> tcp_addresses(const CharOptions& options) {
    addrinfo hints{};
    hints.ai_family = family_of(options.family);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = options.server ? AI_PASSIVE : 0;
    addrinfo* found = nullptr;
    const char* host = options.host.empty() ? nullptr : options.host.c_str();
    const int error = ::getaddrinfo(host, options.port.c_str(), &hints, &found);
    if (error != 0)
        return fail("{}: host \"{}\", port \"{}\": {}", options.text, options.host, options.port,
                    ::gai_strerror(error));
    std::vector<SocketAddress> addresses;
    for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
        SocketAddress address;
        std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
        address.length = info->ai_addrlen;
        addresses.push_back(address);
    }
    ::freeaddrinfo(found);
    return addresses;
}

UniqueFd stream_socket(const SocketAddress& address) {
    return UniqueFd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void set_flag(int fd, int level, int option) {
    const int on = 1;
    ::setsockopt(fd, level, option, &on, sizeof(on));
}

/// 0 or the errno value of a connection attempt that has ended.
int connect_result(int fd) {
    int error = 0;
    socklen_t length = sizeof(error);
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

/// Connects, waiting for it; 0 or an errno value.
int connect_now(int fd, const SocketAddress& address) {
    if (::connect(fd, address.raw(), address.length) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    pollfd waiting{fd, POLLOUT, 0};
    const int n = ::poll(&waiting, 1, kConnectTimeoutMs);
    if (n == 0) return ETIMEDOUT;
    return n < 0 ? errno : connect_result(fd);
}

/// A socket that a former process left behind; anything else at that path is not ours to remove.
void remove_stale_socket(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());
}

} // namespace

Result<std::unique_ptr<CharBackend>> SocketChar::open(EventLoop& loop, const CharOptions& options) {
    DM_TRY_ASSIGN(auto addresses,
                  options.kind == CharKind::Unix ? unix_address(options) : tcp_addresses(options));
    auto backend = std::make_unique<SocketChar>(loop, options, std::move(addresses));
    if (options.server) {
        DM_TRY(backend->listen());
        if (options.wait) DM_TRY(backend->wait_for_client());
    } else {
        const Status status = backend->connect_first();
        if (!status.ok() && options.reconnect_s == 0) return status.error();
        if (!status.ok()) backend->retry_later();
    }
    return std::unique_ptr<CharBackend>(std::move(backend));
}

SocketChar::SocketChar(EventLoop& loop, const CharOptions& options, std::vector<SocketAddress> addresses)
    : loop_(loop), options_(options), addresses_(std::move(addresses)),
      retry_(loop.host_timers(), [this] { connect_again(); }), listen_again_(loop.host_timers(), [this] {
          gives_way_ = true;
          loop_.change(listener_.get(), FdEvents::Readable);
      }) {}

SocketChar::~SocketChar() {
    if (connecting_) loop_.unwatch(connecting_.get());
    if (!listener_) return;
    loop_.unwatch(listener_.get());
    if (options_.kind == CharKind::Unix) ::unlink(options_.path.c_str());
}

std::string SocketChar::description() const {
    std::string text = peer_ ? "" : "disconnected:";
    if (options_.kind == CharKind::Unix)
        text += "unix:" + options_.path;
    else
        text += (options_.telnet ? "telnet:" : "tcp:") + options_.host + ":" + options_.port;
    return options_.server ? text + ",server=on" : text;
}

std::size_t SocketChar::write(std::span<const u8> bytes) {
    if (!peer_) return bytes.size();
    const bool gone = peer_->far_end_gone();
    const std::size_t taken = options_.telnet ? write_telnet(bytes) : peer_->write(bytes);
    if (listener_ && !gone && peer_->far_end_gone()) listen_later();
    return taken;
}

void SocketChar::listen_later() {
    listen_again_.arm(loop_.host_timers().now_ns() + kGoneUnread);
}

void SocketChar::accept_input() {
    if (peer_) peer_->accept_input();
}

void SocketChar::connected(UniqueFd fd) {
    listen_again_.arm(std::nullopt);
    gives_way_ = false;
    if (options_.kind == CharKind::Tcp) {
        set_flag(fd.get(), SOL_SOCKET, SO_KEEPALIVE); // a peer whose host died must not block the next one
        if (options_.no_delay || options_.telnet) set_flag(fd.get(), IPPROTO_TCP, TCP_NODELAY);
    }
    peer_ = std::make_unique<CharChannel>(loop_, std::move(fd), *this);
    if (options_.telnet) {
        telnet_ = {};
        iac_owed_ = false;
        peer_->write(std::span(kTelnetGreeting)
                         .first(options_.server ? kTelnetGreeting.size() : kTelnetClientGreeting));
    }
    peer_->accept_input();
}

void SocketChar::closed() {
    peer_.reset();
    listen_again_.arm(std::nullopt);
    if (listener_)
        loop_.change(listener_.get(), FdEvents::Readable);
    else if (options_.reconnect_s > 0)
        retry_later();
    else
        log_.info("{} has hung up", options_.text);
    output_ready(); // nobody is there any more to wait for
}

// --------------------------------------------------------------------------------------------------- telnet

/// Nothing else goes out before both are.
bool SocketChar::pay_iac() {
    if (iac_owed_) iac_owed_ = peer_->write({&kTelnetIac, 1}) == 0;
    return !iac_owed_;
}

std::size_t SocketChar::write_telnet(std::span<const u8> bytes) {
    std::size_t taken = 0;
    while (pay_iac() && taken < bytes.size()) {
        const std::span<const u8> rest = bytes.subspan(taken);
        const auto iac = std::find(rest.begin(), rest.end(), kTelnetIac);
        const auto piece =
            rest.first(static_cast<std::size_t>(iac - rest.begin()) + (iac != rest.end() ? 1 : 0));
        const std::size_t n = peer_->write(piece);
        taken += n;
        if (n < piece.size()) break;
        iac_owed_ = iac != rest.end();
    }
    return taken;
}

void SocketChar::output_ready() {
    if (peer_) pay_iac();
    ChannelBackend::output_ready();
}

void SocketChar::input(std::span<const u8> bytes) {
    if (listener_ && peer_->far_end_gone() && !gives_way_) listen_later();
    if (!options_.telnet) return deliver(bytes);
    std::array<u8, CharChannel::kMostInput> plain{};
    std::size_t n = 0;
    for (const u8 byte : bytes) {
        const TelnetInput::Is what = telnet_.next(byte);
        if (what == TelnetInput::Is::Character) plain[n++] = byte;
        if (what != TelnetInput::Is::Break) continue;
        deliver(std::span(plain).first(n));
        n = 0;
        if (frontend() != nullptr) frontend()->break_received();
    }
    deliver(std::span(plain).first(n));
}

// --------------------------------------------------------------------------------------------------- server

Status SocketChar::listen() {
    int error = 0;
    for (const SocketAddress& address : addresses_) {
        UniqueFd fd = stream_socket(address);
        if (options_.kind == CharKind::Unix)
            remove_stale_socket(options_.path);
        else
            set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR);
        if (fd && ::bind(fd.get(), address.raw(), address.length) == 0 && ::listen(fd.get(), 1) == 0) {
            listener_ = std::move(fd);
            loop_.watch(listener_.get(), FdEvents::Readable, [this](FdReady) { accept_client(); });
            return {};
        }
        error = errno;
    }
    return fail("{}: cannot listen: {}", options_.text, std::strerror(error));
}

Status SocketChar::wait_for_client() {
    log_.info("{}: the guest waits for a client (wait=off starts it at once)", options_.text);
    while (!peer_) {
        std::array waiting{pollfd{listener_.get(), POLLIN, 0}, pollfd{pending_signal_fd(), POLLIN, 0}};
        if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR)
            return fail("{}: {}", options_.text, std::strerror(errno));
        if (waiting[1].revents != 0)
            return fail("{}: interrupted while it waited for a client", options_.text);
        accept_client();
    }
    return {};
}

/// One client at a time; the next waits in the listener's queue until it has left. What a client left behind
/// that the guest does not read stands in nobody's way.
void SocketChar::accept_client() {
    if (peer_ && !gives_way_) return loop_.change(listener_.get(), FdEvents::None);
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    loop_.change(listener_.get(), FdEvents::None);
    if (!fd) return listen_later(); // it has left already, or descriptors ran out
    connected(std::move(fd));
}

// --------------------------------------------------------------------------------------------------- client

Status SocketChar::connect_first() {
    int error = 0;
    for (const SocketAddress& address : addresses_) {
        UniqueFd fd = stream_socket(address);
        error = fd ? connect_now(fd.get(), address) : errno;
        if (error == 0) {
            connected(std::move(fd));
            return {};
        }
    }
    return fail("{}: cannot connect: {} (start the server first, or add ,server,wait=off or ,reconnect=1)",
                options_.text, std::strerror(error));
}

void SocketChar::retry_later() {
    retry_.arm(loop_.host_timers().now_ns() + options_.reconnect_s * kSecond);
}

void SocketChar::connect_again() {
    const SocketAddress& address = addresses_[next_address_];
    next_address_ = (next_address_ + 1) % addresses_.size();
    UniqueFd fd = stream_socket(address);
    if (!fd) return retry_later();
    if (::connect(fd.get(), address.raw(), address.length) == 0) return connected(std::move(fd));
    if (errno != EINPROGRESS) return retry_later();
    connecting_ = std::move(fd);
    loop_.watch(connecting_.get(), FdEvents::Writable, [this](FdReady) {
        loop_.unwatch(connecting_.get());
        UniqueFd done = std::move(connecting_);
        if (connect_result(done.get()) == 0)
            connected(std::move(done));
        else
            retry_later();
    });
}

} // namespace dm::host
