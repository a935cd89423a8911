// A viewer's buttons as HID devices report them.
#pragma once

#include "dm/core/input.hpp"

namespace dm::usb_hid {

inline constexpr u8 kWheelButtons = static_cast<u8>(static_cast<unsigned>(PointerButton::WheelUp) |
                                                    static_cast<unsigned>(PointerButton::WheelDown));
inline constexpr u8 kThreeButtons = 7;

constexpr bool held(u8 buttons, PointerButton button) {
    return (buttons & static_cast<u8>(button)) != 0;
}

/// Left 1, right 2, middle 4, side 8, extra 16.
constexpr u8 hid_buttons(u8 pointer_buttons) {
    using enum PointerButton;
    const auto bit = [&](PointerButton button, unsigned value) {
        return held(pointer_buttons, button) ? value : 0U;
    };
    return static_cast<u8>(bit(Left, 1) | bit(Right, 2) | bit(Middle, 4) | bit(Side, 8) | bit(Extra, 16));
}

/// A viewer shows one notch of the wheel as a press and a release; away from the user is positive.
constexpr int wheel_notches(u8 before, u8 now) {
    const auto pressed = static_cast<u8>(now & ~before);
    return (held(pressed, PointerButton::WheelUp) ? 1 : 0) -
           (held(pressed, PointerButton::WheelDown) ? 1 : 0);
}

} // namespace dm::usb_hid
