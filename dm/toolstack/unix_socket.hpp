// Unix stream sockets with descriptors attached, non-blocking and closed on exec.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/unique_fd.hpp"

#include <span>
#include <string>
#include <vector>

namespace dm::toolstack {

/// Listens at `path`, in place of a socket that a dead process left there. The file stays when the socket is
/// closed: after a soft reset another process may have made it anew already.
Result<UniqueFd> listen_at(const std::string& path);
/// Takes over an inherited socket that listens already.
Result<UniqueFd> adopt_listener(int fd);
Result<UniqueFd> connect_to(const std::string& path);
/// Empty when nobody waits (EAGAIN and the like); an error when the process is out of descriptors or memory.
Result<UniqueFd> accept_one(int listener);

struct Received {
    enum class Outcome : unsigned char { Data, Nothing, End };
    Outcome outcome = Outcome::Nothing;
    std::size_t length = 0;
    std::vector<UniqueFd> fds;
};
Received receive_with_fds(int socket, std::span<char> buffer);

/// Bytes sent, 0 when the socket is full, -1 when the peer is gone.
std::ptrdiff_t send_some(int socket, std::string_view bytes);

} // namespace dm::toolstack
