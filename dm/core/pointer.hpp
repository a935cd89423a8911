// What all devices have in common that show a viewer's pointer to a guest: the wheel, the buttons' numbers,
// places as movements and as the coordinates of a tablet.
#pragma once

#include "dm/core/input.hpp"

#include <algorithm>

namespace dm {

inline constexpr u8 kWheelButtons = static_cast<u8>(static_cast<unsigned>(PointerButton::WheelUp) |
                                                    static_cast<unsigned>(PointerButton::WheelDown));

constexpr bool held(u8 buttons, PointerButton button) {
    return (buttons & static_cast<u8>(button)) != 0;
}

/// Left 1, right 2, middle 4, side 8, extra 16: the order of PS/2, HID and Linux.
constexpr u8 numbered_buttons(u8 pointer_buttons) {
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

/// More pixels than any screen has.
inline constexpr s32 kFarthestMotion = 0x10000;

constexpr s32 limited_motion(s32 value) {
    return std::clamp(value, -kFarthestMotion, kFarthestMotion);
}

/// To the right and down.
struct PointerMotion {
    s32 dx = 0;
    s32 dy = 0;
};

/// The movement from the place before to this one. `last` has the members placed, x, y, width and height. A
/// first place, and the first after the screen's size changed, is where the guest's pointer is taken to be.
template <class Last>
PointerMotion motion_to(Last& last, unsigned x, unsigned y, unsigned width, unsigned height) {
    const auto within = [](unsigned value) { return std::min(value, static_cast<u32>(kFarthestMotion)); };
    PointerMotion motion;
    if (last.placed && last.width == within(width) && last.height == within(height))
        motion = {static_cast<s32>(within(x)) - static_cast<s32>(last.x),
                  static_cast<s32>(within(y)) - static_cast<s32>(last.y)};
    last.placed = true;
    last.x = within(x);
    last.y = within(y);
    last.width = within(width);
    last.height = within(height);
    return motion;
}

/// Of coordinates from 0 to `most` the smallest that a guest whose screen has `size` pixels takes for pixel
/// `at` (it multiplies by the size and divides by most + 1), which is also 0 at one border and `most` at the
/// other.
constexpr u32 tablet_coordinate(unsigned at, unsigned size, u32 most) {
    if (size < 2) return 0;
    const u64 last = size - 1;
    return static_cast<u32>((std::min<u64>(at, last) * most + last - 1) / last);
}

} // namespace dm
