// `-serial /dev/...`: a serial port of the host, with the guest's line settings, breaks and modem lines.
#pragma once

#include "dm/core/char_options.hpp"
#include "dm/core/result.hpp"
#include "dm/host/char_channel.hpp"

#include <memory>
#include <termios.h>

namespace dm::host {

class SerialChar final : public ChannelBackend {
public:
    static Result<std::unique_ptr<CharBackend>> open(EventLoop& loop, const CharOptions& options);

    std::size_t write(std::span<const u8> bytes) override { return port_.write(bytes); }
    void accept_input() override { port_.accept_input(); }
    void set_line(const LineSettings& line) override;
    void set_break(bool on) override;
    bool set_modem_outputs(u8 lines) override;
    std::optional<u8> modem_inputs() override;
    std::string description() const override { return "serial:" + path_; }

    SerialChar(EventLoop& loop, UniqueFd fd, std::string path)
        : path_(std::move(path)), port_(loop, std::move(fd), *this) {}

private:
    void input(std::span<const u8> bytes) override;
    void closed() override;

    std::string path_;
    CharChannel port_;
    unsigned marks_ = 0; ///< how much of a PARMRK sequence has arrived
};

/// The setting of termios for `line`; for tests.
void apply_line(termios& settings, const LineSettings& line);

} // namespace dm::host
