// Several keyboards and pointers, and the viewers' events go to those that the guest listens to.
//
// A guest has a PS/2 keyboard and mouse in any case. Those on USB and the PV pointer come first as soon as
// its drivers read them, and are left again when it stops doing so: firmware, boot menu, installer and system
// each have whatever they can drive. A USB tablet comes before the PV pointer, a USB mouse after it. Whoever
// takes over is told where the viewer points: a guest that sets its tablet up anew, as after a restore, does
// not wait for the next movement, and a mouse knows from where the next movement goes.
#pragma once

#include "dm/core/input.hpp"

#include <optional>
#include <vector>

namespace dm {

class InputSwitch final : public InputSink, public InputTargets, public InputObserver {
public:
    /// Where events go while nothing better is in use.
    InputSwitch(InputTarget& keyboard, InputTarget& pointer);
    ~InputSwitch() override;

    void add(InputTarget& target) override;
    void remove(InputTarget& target) override;
    /// Whoever held keys and buttons will not let them go any more.
    void release_all();
    /// Something about a target changed: use, lights.
    void input_status(const InputStatus& now) override;

    void key_unread(KeyCode code, bool down) override { keyboard_->key(code, down); }

    void key(KeyCode code, bool down) override { keyboard_->key(code, down); }
    bool key_room() const override { return keyboard_->key_room(); }
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) override;
    void motion(s32 dx, s32 dy, u8 buttons) override;
    InputStatus status() const override;
    void observe(InputObserver* observer) override { observer_ = observer; }

private:
    struct Place {
        unsigned x;
        unsigned y;
        unsigned width;
        unsigned height;
        u8 buttons;
    };

    InputTarget* choose(InputTarget::Kind kind, InputTarget& otherwise) const;
    void update();

    InputTarget& plain_keyboard_;
    InputTarget& plain_pointer_;
    std::vector<InputTarget*> targets_;
    InputTarget* keyboard_;
    InputTarget* pointer_;
    InputObserver* observer_ = nullptr;
    InputStatus told_;
    std::optional<Place> place_; ///< of the viewer's pointer, if it is known
};

} // namespace dm
