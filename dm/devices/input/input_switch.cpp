#include "dm/devices/input/input_switch.hpp"

namespace dm {

InputSwitch::InputSwitch(InputTarget& keyboard, InputTarget& pointer)
    : plain_keyboard_(keyboard), plain_pointer_(pointer), keyboard_(&keyboard), pointer_(&pointer) {
    keyboard.observe(this);
    pointer.observe(this);
    told_ = status();
}

InputSwitch::~InputSwitch() {
    for (InputTarget* target : targets_)
        target->observe(nullptr);
    plain_keyboard_.observe(nullptr);
    plain_pointer_.observe(nullptr);
}

void InputSwitch::add(InputTarget& target) {
    targets_.push_back(&target);
    target.observe(this);
    update();
}

void InputSwitch::remove(InputTarget& target) {
    target.observe(nullptr);
    std::erase(targets_, &target);
    update();
}

void InputSwitch::release_all() {
    plain_keyboard_.release_all();
    plain_pointer_.release_all();
    for (InputTarget* const target : targets_)
        target->release_all();
}

void InputSwitch::pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    place_ = {x, y, width, height, buttons};
    pointer_->pointer(x, y, width, height, buttons);
}

void InputSwitch::motion(s32 dx, s32 dy, u8 buttons) {
    place_.reset();
    pointer_->motion(dx, dy, buttons);
}

InputTarget* InputSwitch::choose(InputTarget::Kind kind, InputTarget& otherwise) const {
    InputTarget* best = nullptr;
    for (InputTarget* const target : targets_)
        if (target->kind() == kind && target->in_use() && (best == nullptr || target->rank() < best->rank()))
            best = target;
    return best != nullptr ? best : &otherwise;
}

InputStatus InputSwitch::status() const {
    return {.leds = keyboard_->status().leds, .absolute = pointer_->status().absolute};
}

void InputSwitch::input_status(const InputStatus&) {
    update();
}

void InputSwitch::update() {
    const auto turn = [](InputTarget*& now, InputTarget* next) {
        if (now == next) return;
        InputTarget* const before = now;
        now = next; // first: what is let go may tell us about it
        before->release_all();
        before->forget_place();
    };
    turn(keyboard_, choose(InputTarget::Kind::Keyboard, plain_keyboard_));
    const InputTarget* const before = pointer_;
    turn(pointer_, choose(InputTarget::Kind::Pointer, plain_pointer_));
    if (pointer_ != before && place_)
        pointer_->pointer(place_->x, place_->y, place_->width, place_->height, place_->buttons);
    const InputStatus now = status();
    if (now == told_) return;
    told_ = now;
    if (observer_ != nullptr) observer_->input_status(now);
}

} // namespace dm
