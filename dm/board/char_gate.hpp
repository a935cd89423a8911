// Between a serial port and its back end: nothing that the far end does reaches the port while the machine is
// stopped.
#pragma once

#include "dm/core/char_backend.hpp"

#include <memory>

namespace dm {

/// Closed at first. Output passes either way: what the guest wrote before the stop shall be seen.
class CharGate final : public CharBackend, private CharFrontend {
public:
    explicit CharGate(std::unique_ptr<CharBackend> far_end);
    ~CharGate() override;
    CharGate(const CharGate&) = delete;
    CharGate& operator=(const CharGate&) = delete;

    void open();
    void close() { open_ = false; }

    // CharBackend
    std::size_t write(std::span<const u8> bytes) override { return far_end_->write(bytes); }
    void accept_input() override { far_end_->accept_input(); }
    void set_line(const LineSettings& line) override { far_end_->set_line(line); }
    void set_break(bool on) override { far_end_->set_break(on); }
    bool set_modem_outputs(u8 lines) override { return far_end_->set_modem_outputs(lines); }
    std::optional<u8> modem_inputs() override { return far_end_->modem_inputs(); }
    void set_frontend(CharFrontend* frontend) override { port_ = frontend; }
    std::string description() const override { return far_end_->description(); }

private:
    // CharFrontend
    std::size_t can_receive() const override { return passes() ? port_->can_receive() : 0; }
    void receive(std::span<const u8> bytes) override;
    void writable() override;
    void break_received() override;

    bool passes() const { return open_ && port_ != nullptr; }

    std::unique_ptr<CharBackend> far_end_;
    CharFrontend* port_ = nullptr;
    bool open_ = false;
    bool writable_missed_ = false;
};

} // namespace dm
