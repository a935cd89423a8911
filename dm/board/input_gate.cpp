#include "dm/board/input_gate.hpp"

namespace dm {

void InputGate::open() {
    open_ = true;
    for (std::size_t code = 0; code < went_up_.size(); ++code)
        if (went_up_.test(code)) key(static_cast<KeyCode>(code), false);
    went_up_.reset();
}

void InputGate::key(KeyCode code, bool down) {
    if (open_) {
        down_.set(code, down);
        devices_.key(code, down);
    } else if (!down && down_.test(code)) {
        went_up_.set(code);
    }
}

void InputGate::pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    if (open_) devices_.pointer(x, y, width, height, buttons);
}

void InputGate::motion(s32 dx, s32 dy, u8 buttons) {
    if (open_) devices_.motion(dx, dy, buttons);
}

} // namespace dm
