#include "dm/board/char_gate.hpp"

#include <utility>

namespace dm {

CharGate::CharGate(std::unique_ptr<CharBackend> far_end) : far_end_(std::move(far_end)) {
    far_end_->set_frontend(this);
}

CharGate::~CharGate() {
    far_end_->set_frontend(nullptr);
}

void CharGate::open() {
    open_ = true;
    if (std::exchange(writable_missed_, false) && port_ != nullptr) port_->writable();
    far_end_->accept_input();
}

void CharGate::receive(std::span<const u8> bytes) {
    if (passes()) port_->receive(bytes);
}

void CharGate::writable() {
    if (passes())
        port_->writable();
    else
        writable_missed_ = true;
}

void CharGate::break_received() {
    if (passes()) port_->break_received();
}

} // namespace dm
