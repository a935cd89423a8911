// `-serial unix:PATH`, `tcp:HOST:PORT` and `telnet:HOST:PORT`: one peer at a time, as server or as client.
#pragma once

#include "dm/core/char_options.hpp"
#include "dm/core/log.hpp"
#include "dm/core/result.hpp"
#include "dm/host/char_channel.hpp"
#include "dm/host/char_telnet.hpp"

#include <memory>
#include <optional>
#include <sys/socket.h>
#include <vector>

namespace dm::host {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
    const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); } // NOLINT: sockets API
};

/// While nobody is connected output is dropped; a peer that reads slowly makes the port wait.
class SocketChar final : public ChannelBackend {
public:
    static Result<std::unique_ptr<CharBackend>> open(EventLoop& loop, const CharOptions& options);
    ~SocketChar() override;

    std::size_t write(std::span<const u8> bytes) override;
    void accept_input() override;
    std::string description() const override;

    /// How long a client that is gone keeps its place after the guest last read what it had sent.
    static constexpr u64 kGoneUnread = kSecond;

    SocketChar(EventLoop& loop, const CharOptions& options, std::vector<SocketAddress> addresses);

private:
    Status listen();
    Status wait_for_client();
    void accept_client();
    Status connect_first();
    void connect_again();
    void connected(UniqueFd fd);
    void retry_later();
    void listen_later();
    void closed() override;
    void input(std::span<const u8> bytes) override;
    void output_ready() override;
    std::size_t write_telnet(std::span<const u8> bytes);
    bool pay_iac();

    EventLoop& loop_;
    CharOptions options_;
    Log log_{"serial-socket"};
    std::vector<SocketAddress> addresses_; ///< resolved once: names may not resolve after the lock-down
    std::size_t next_address_ = 0;
    UniqueFd listener_;
    UniqueFd connecting_;
    std::unique_ptr<CharChannel> peer_;
    Timer retry_;
    Timer listen_again_;
    bool gives_way_ = false; ///< the client is gone, and the guest has not read the rest for long
    TelnetInput telnet_;
    bool iac_owed_ = false; ///< the second of two
};

} // namespace dm::host
