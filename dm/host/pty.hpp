// `-serial pty`: a pseudo-terminal whose other end users open, leave and open again.
#pragma once

#include "dm/core/result.hpp"
#include "dm/host/char_kept_output.hpp"

#include <memory>

namespace dm::host {

/// We keep the slave open too. So the terminal's settings survive its readers, the master never hangs up, and
/// output that nobody has read yet waits in the terminal for the next reader.
class Pty final : public ChannelBackend {
public:
    static Result<std::unique_ptr<CharBackend>> open(EventLoop& loop);

    std::size_t write(std::span<const u8> bytes) override;
    void accept_input() override { master_.accept_input(); }
    std::string description() const override { return "pty:" + path_; }

    Pty(EventLoop& loop, UniqueFd master, UniqueFd slave, std::string path);

private:
    void output_ready() override {
        if (output_.ready()) ChannelBackend::output_ready();
    }
    void closed() override;
    void keep_raw();

    EventLoop& loop_;
    UniqueFd slave_;
    std::string path_;
    CharChannel master_;
    KeptOutput output_;
    u64 next_check_ns_ = 0;
};

} // namespace dm::host
