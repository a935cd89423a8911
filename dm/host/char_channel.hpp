// One descriptor of a char back end on the event loop: reads only while the port has room, writes without
// blocking. The descriptor is watched only while there is something to wait for, so that one that has hung up
// does not keep the loop awake.
#pragma once

#include "dm/core/char_backend.hpp"
#include "dm/core/event_loop.hpp"
#include "dm/core/unique_fd.hpp"

#include <span>
#include <sys/types.h>

namespace dm::host {

/// What a channel tells its back end.
class ChannelOwner {
public:
    virtual ~ChannelOwner() = default;
    /// How many bytes input() would take now.
    virtual std::size_t input_room() const = 0;
    virtual void input(std::span<const u8> bytes) = 0;
    /// write() took less than offered before, and takes more now.
    virtual void output_ready() = 0;
    /// The far end is gone and all that it sent was read. The owner may destroy the channel.
    virtual void closed() = 0;
};

class CharChannel {
public:
    static constexpr std::size_t kMostInput = 4096; ///< at once
    /// `fd` becomes non-blocking.
    CharChannel(EventLoop& loop, UniqueFd fd, ChannelOwner& owner);
    ~CharChannel();
    CharChannel(const CharChannel&) = delete;
    CharChannel& operator=(const CharChannel&) = delete;

    int fd() const { return fd_.get(); }
    /// Starts or goes on reading; stops by itself when the owner has no room, for good at the end.
    void accept_input();
    /// Returns how many bytes were taken; when that is less than all, output_ready() follows. Output to
    /// a far end that reads no more is taken and dropped.
    std::size_t write(std::span<const u8> bytes);
    /// It reads no more, as writing found out; what it sent may still be here.
    bool far_end_gone() const { return output_dead_; }

private:
    void ready(FdReady what);
    void read_some();
    ssize_t send(std::span<const u8> bytes) const;
    void want(bool input, bool output);

    EventLoop& loop_;
    UniqueFd fd_;
    ChannelOwner& owner_;
    bool is_socket_;
    bool wants_input_ = false;
    bool wants_output_ = false;
    bool output_dead_ = false;
    bool input_over_ = false;
};

/// The part that all back ends with a descriptor share: the port, and how input reaches it.
class ChannelBackend : public CharBackend, public ChannelOwner {
public:
    void set_frontend(CharFrontend* frontend) override {
        frontend_ = frontend;
        if (frontend != nullptr) accept_input();
    }

protected:
    std::size_t input_room() const override { return frontend_ != nullptr ? frontend_->can_receive() : 0; }
    void input(std::span<const u8> bytes) override { deliver(bytes); }
    void deliver(std::span<const u8> bytes) const {
        if (frontend_ != nullptr && !bytes.empty()) frontend_->receive(bytes);
    }
    void output_ready() override {
        if (frontend_ != nullptr) frontend_->writable();
    }
    CharFrontend* frontend() const { return frontend_; }

private:
    CharFrontend* frontend_ = nullptr;
};

} // namespace dm::host
