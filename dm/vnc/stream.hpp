// Bytes to and from a viewer, without waiting: a socket, and what can be laid over one (TLS, WebSocket).
#pragma once

#include "dm/core/types.hpp"
#include "dm/vnc/wire.hpp"

#include <span>

namespace dm::vnc {

/// One thread at a time.
class Stream {
public:
    virtual ~Stream() = default;

    /// How many bytes; kAgain: none now; kEnded: none ever.
    static constexpr int kAgain = 0;
    static constexpr int kEnded = -1;
    virtual int read(std::span<u8> out) = 0;
    virtual int write(std::span<const u8> bytes) = 0;

    /// The descriptor that poll() watches, for reading,
    virtual int fd() const = 0;
    /// unless read() has something already that poll() does not see.
    virtual bool buffered() const { return false; }
    /// It has bytes of its own to send: flush() when the descriptor can be written.
    virtual bool unsent() const { return false; }
    virtual bool flush() { return true; }
    /// Says goodbye, as far as that needs no waiting.
    virtual void close() {}
};

/// With waiting. False when it ended or time is over.
bool read_some(Stream& stream, std::span<u8> out, std::size_t& got, Moment end);
bool write_all(Stream& stream, std::span<const u8> bytes, Moment end);

class SocketStream final : public Stream {
public:
    explicit SocketStream(int fd) : fd_(fd) {}
    int read(std::span<u8> out) override;
    int write(std::span<const u8> bytes) override;
    int fd() const override { return fd_; }

private:
    int fd_;
};

} // namespace dm::vnc
