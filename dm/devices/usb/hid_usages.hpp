// Keys as USB keyboards number them (HID Usage Tables 1.12, page 7; the pairs are those of Microsoft's
// "Keyboard Scan Code Specification" 1.3a, appendix C).
#pragma once

#include "dm/core/input.hpp"

namespace dm::usb_hid {

inline constexpr u8 kErrorRollOver = 0x01;
inline constexpr u8 kFirstModifier = 0xe0; ///< left Ctrl; eight of them

/// 0: no key of a USB keyboard.
u8 usage_of(KeyCode code);
/// 0: of no key. PrintScreen, which has two codes, gives that of its own.
KeyCode code_of(u8 usage);

constexpr bool is_modifier(u8 usage) {
    return usage >= kFirstModifier && usage < kFirstModifier + 8;
}

} // namespace dm::usb_hid
