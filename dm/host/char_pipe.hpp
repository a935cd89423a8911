// `-serial pipe:PATH`: the FIFOs PATH.in, which the guest reads, and PATH.out, which it writes.
#pragma once

#include "dm/core/char_options.hpp"
#include "dm/core/result.hpp"
#include "dm/host/char_kept_output.hpp"

#include <memory>

namespace dm::host {

/// Both ends of both FIFOs are open here, so that readers and writers come and go without an end of file or
/// SIGPIPE, and unread output is kept as on a pty.
class PipeChar final : public ChannelBackend {
public:
    static Result<std::unique_ptr<CharBackend>> open(EventLoop& loop, const CharOptions& options);

    std::size_t write(std::span<const u8> bytes) override { return output_.write(bytes); }
    void accept_input() override { in_.accept_input(); }
    std::string description() const override { return "pipe:" + path_; }

    PipeChar(EventLoop& loop, UniqueFd in, UniqueFd out, std::string path)
        : path_(std::move(path)), in_(loop, std::move(in), *this), out_(loop, std::move(out), *this),
          output_(loop.host_timers(), out_, out_.fd(), *this) {}

private:
    void output_ready() override {
        if (output_.ready()) ChannelBackend::output_ready();
    }
    void closed() override {} // cannot happen while we hold the other end

    std::string path_;
    CharChannel in_;
    CharChannel out_;
    KeptOutput output_;
};

} // namespace dm::host
