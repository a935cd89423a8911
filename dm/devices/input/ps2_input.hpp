// The PS/2 keyboard and mouse as receivers of a viewer's events.
#pragma once

#include "dm/devices/input/input_switch.hpp"
#include "dm/devices/input/ps2_keyboard.hpp"
#include "dm/devices/input/ps2_mouse.hpp"

namespace dm {

class Ps2KeyboardInput final : public InputTarget {
public:
    explicit Ps2KeyboardInput(Ps2Keyboard& keyboard) : keyboard_(keyboard) {}

    Kind kind() const override { return Kind::Keyboard; }
    bool in_use() const override { return true; }
    void release_all() override { keyboard_.release_all(); }
    void key(KeyCode code, bool down) override { keyboard_.key(code, down); }
    bool key_room() const override { return keyboard_.key_room(); }
    void pointer(unsigned, unsigned, unsigned, unsigned, u8) override {}
    InputStatus status() const override { return status_; }
    void observe(InputObserver* observer) override { observer_ = observer; }

    /// The keyboard's lights, as its callback tells them.
    void leds_changed(u8 leds) {
        status_.leds = leds;
        if (observer_ != nullptr) observer_->input_status(status_);
    }

private:
    Ps2Keyboard& keyboard_;
    InputStatus status_; ///< of the device: what a saved state says is told by the keyboard after loading
    InputObserver* observer_ = nullptr;
};

class Ps2MouseInput final : public InputTarget {
public:
    explicit Ps2MouseInput(Ps2Mouse& mouse) : mouse_(mouse) {}

    Kind kind() const override { return Kind::Pointer; }
    bool in_use() const override { return true; }
    void release_all() override { mouse_.release_all(); }
    void forget_place() override { mouse_.forget_place(); }
    void key(KeyCode, bool) override {}
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) override {
        mouse_.pointer(x, y, width, height, buttons);
    }
    void motion(s32 dx, s32 dy, u8 buttons) override { mouse_.motion(dx, dy, buttons); }

private:
    Ps2Mouse& mouse_;
};

} // namespace dm
