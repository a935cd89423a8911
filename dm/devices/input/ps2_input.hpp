// The PS/2 keyboard and mouse as one receiver of a viewer's events.
#pragma once

#include "dm/devices/input/ps2_keyboard.hpp"
#include "dm/devices/input/ps2_mouse.hpp"

namespace dm {

class Ps2Input final : public InputSink {
public:
    Ps2Input(Ps2Keyboard& keyboard, Ps2Mouse& mouse) : keyboard_(keyboard), mouse_(mouse) {}

    void key(KeyCode code, bool down) override { keyboard_.key(code, down); }
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) override {
        mouse_.pointer(x, y, width, height, buttons);
    }
    void release_all() {
        keyboard_.release_all();
        mouse_.release_all();
    }

private:
    Ps2Keyboard& keyboard_;
    Ps2Mouse& mouse_;
};

} // namespace dm
