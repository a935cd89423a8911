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
    void motion(s32 dx, s32 dy, u8 buttons) override { mouse_.motion(dx, dy, buttons); }
    InputStatus status() const override { return status_; }
    void observe(InputObserver* observer) override { observer_ = observer; }

    /// The keyboard's lights, as its callback tells them.
    void leds_changed(u8 leds) {
        status_.leds = leds;
        if (observer_ != nullptr) observer_->input_status(status_);
    }
    void release_all() {
        keyboard_.release_all();
        mouse_.release_all();
    }

private:
    Ps2Keyboard& keyboard_;
    Ps2Mouse& mouse_;
    InputStatus status_; ///< of the devices: what a saved state says is told by the keyboard after loading
    InputObserver* observer_ = nullptr;
};

} // namespace dm
