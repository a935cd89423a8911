#include "dm/qtest/connection.hpp"

#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace dm::qtest {

Connection::Connection(UniqueFd socket, Transcript transcript, Session& session,
                       std::function<void()> after_command)
    : socket_(std::move(socket)), transcript_(std::move(transcript)), session_(session),
      after_command_(std::move(after_command)) {
    session_.set_on_event([this] { flush(); });
}

Connection::~Connection() {
    session_.set_on_event({});
    if (loop_ != nullptr && socket_) loop_->unwatch(socket_.get());
}

void Connection::start(EventLoop& loop) {
    loop_ = &loop;
    loop.watch(socket_.get(), FdEvents::Readable, [this](FdReady ready) { serve(ready); });
}

void Connection::serve(FdReady ready) {
    if (ready.writable || ready.hangup) flush();
    if (wants_room_) return;
    if (ready.readable || ready.hangup) receive();
    execute_lines();
}

/// One piece for each turn of the loop, so that the completions of disks get theirs.
void Connection::receive() {
    if (!socket_) return;
    std::array<char, 1 << 16> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init): recv() fills it
    const ssize_t length = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (length > 0)
        framer_.append({buffer.data(), static_cast<std::size_t>(length)});
    else if (length == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        close();
}

void Connection::execute_lines() {
    while (socket_ && !wants_room_) {
        while (!clogged()) {
            const auto line = framer_.next();
            if (!line) return flush();
            transcript_.received(line->text);
            if (line->too_long)
                session_.refuse_long_line();
            else
                session_.execute(line->text);
            after_command_();
        }
        flush();
    }
}

void Connection::flush() {
    std::string& output = session_.output();
    transcript_.sent(std::string_view(output).substr(logged_));
    logged_ = output.size();
    while (socket_ && sent_ < output.size()) {
        const ssize_t n =
            ::send(socket_.get(), output.data() + sent_, output.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            sent_ += static_cast<std::size_t>(n);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            return close();
    }
    const bool full = sent_ < output.size();
    if (!full) {
        output.clear();
        sent_ = logged_ = 0;
    }
    if (full == wants_room_ || loop_ == nullptr || !socket_) return;
    wants_room_ = full;
    loop_->change(socket_.get(), full ? FdEvents::Writable : FdEvents::Readable);
}

void Connection::close() {
    loop_->unwatch(socket_.get());
    socket_.reset();
    loop_->quit(0);
}

} // namespace dm::qtest
