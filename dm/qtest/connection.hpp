// The test at the other end of a socket. Nothing is kept for a peer that does not read: then its commands
// wait.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/unique_fd.hpp"
#include "dm/qtest/line_framer.hpp"
#include "dm/qtest/session.hpp"
#include "dm/qtest/transcript.hpp"

namespace dm::qtest {

class Connection {
public:
    /// `after_command` is called between two commands.
    Connection(UniqueFd socket, Transcript transcript, Session& session, std::function<void()> after_command);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Serves commands from now on; `loop` ends when the peer is gone.
    void start(EventLoop& loop);

private:
    void serve(FdReady ready);
    void receive();
    void execute_lines();
    void flush();
    bool clogged() const { return session_.output().size() > kMostUnsent; }
    void close();

    /// Replies that may wait for the peer to read.
    static constexpr std::size_t kMostUnsent = std::size_t{1} << 20;

    UniqueFd socket_;
    Transcript transcript_;
    Session& session_;
    std::function<void()> after_command_;
    EventLoop* loop_ = nullptr;
    LineFramer framer_{Session::kLongestLine};
    std::size_t sent_ = 0;   ///< of the session's output
    std::size_t logged_ = 0; ///< of the session's output
    bool wants_room_ = false;
};

} // namespace dm::qtest
