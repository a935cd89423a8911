#include "dm/board/input_gate.hpp"

namespace dm {

void InputGate::open() {
    open_ = true;
    for (std::size_t code = 0; code < went_up_.size(); ++code)
        if (went_up_.test(code)) key(static_cast<KeyCode>(code), false);
    went_up_.reset();
    if (still_down_ == buttons_) return;
    if (place_)
        pointer(place_->x, place_->y, place_->width, place_->height, still_down_);
    else
        motion(0, 0, still_down_);
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
    press(buttons);
    if (open_)
        devices_.pointer(x, y, width, height, buttons);
    else
        place_ = {x, y, width, height};
}

void InputGate::motion(s32 dx, s32 dy, u8 buttons) {
    press(buttons);
    if (open_)
        devices_.motion(dx, dy, buttons);
    else
        place_.reset();
}

void InputGate::press(u8 buttons) {
    if (open_)
        buttons_ = still_down_ = buttons;
    else
        still_down_ &= buttons;
}

} // namespace dm
