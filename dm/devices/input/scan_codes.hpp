// Scan code sets 1, 2 and 3 as keyboards send them, and the 8042's translation of set 2 to set 1.
//
// Sources: IBM PS/2 Hardware Interface Technical Reference (keyboard section); Microsoft, "Keyboard Scan Code
// Specification" 1.3a.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/fifo.hpp"
#include "dm/core/input.hpp"

#include <array>

namespace dm {

inline constexpr KeyCode kKeyLeftCtrl = 0x1d;
inline constexpr KeyCode kKeyRightCtrl = 0x9d;
inline constexpr KeyCode kKeyLeftShift = 0x2a;
inline constexpr KeyCode kKeyRightShift = 0x36;
inline constexpr KeyCode kKeyLeftAlt = 0x38;
inline constexpr KeyCode kKeyRightAlt = 0xb8;
inline constexpr KeyCode kKeySysRq = 0x54;
inline constexpr KeyCode kKeyPrintScreen = 0xb7;
inline constexpr KeyCode kKeyPause = 0xc6;

enum class KeyModifier : u8 { Ctrl = 1, Shift = 2, Alt = 4 };

/// One thing that a key did.
struct KeyEvent {
    KeyCode code = 0;
    bool down = false;
    bool repeat = false;         ///< typematic, not the first make
    Bits<KeyModifier> modifiers; ///< PrintScreen and Pause send other codes while one is down

    static constexpr void fields(auto&& v, auto& s) {
        v("code", s.code);
        v("down", s.down);
        v("repeat", s.repeat);
        v("modifiers", s.modifiers);
    }
};

/// The longest is Pause in set 2: E1 14 77 E1 F0 14 F0 77.
using ScanBytes = Fifo<u8, 8>;

/// False for codes that are no key: 0, and the shifts that keyboards make up around E0 codes.
bool is_key(KeyCode code);

ScanBytes set1_bytes(const KeyEvent& event);
ScanBytes set2_bytes(const KeyEvent& event);
/// The key's one code in set 3; 0 when it has none.
u8 set3_code(KeyCode code);

/// What the 8042 makes of a byte from the keyboard when translation is on. F0 (break) is not a matter of this
/// table: the controller swallows it and sets bit 7 of the next byte.
u8 translate_set2(u8 byte);

/// A bit for each code.
using KeySet = std::array<u8, 32>;

constexpr bool test_key(const KeySet& keys, u8 code) {
    return (keys[code / 8U] & 1U << (code % 8U)) != 0;
}
constexpr void set_key(KeySet& keys, u8 code, bool on) {
    const auto bit = static_cast<u8>(1U << (code % 8U));
    keys[code / 8U] = static_cast<u8>(on ? keys[code / 8U] | bit : keys[code / 8U] & ~bit);
}

// Set 3 knows for each key whether it repeats and whether it sends a break. Most keys repeat and do not send
// one at power-on; these are the others.
inline constexpr std::array<u8, 5> kSet3MakeBreak{0x14, 0x12, 0x59, 0x11, 0x19}; // Caps, shifts, Ctrl, Alt
inline constexpr std::array<u8, 41> kSet3MakeOnly{
    0x39, 0x58, 0x67, 0x6e, 0x65, 0x6f, 0x6d, 0x76, 0x6c, 0x6b, 0x69, 0x77, 0x75, 0x73,
    0x72, 0x70, 0x7e, 0x7d, 0x74, 0x7a, 0x71, 0x84, 0x79, 0x08, 0x07, 0x0f, 0x17, 0x1f,
    0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f, 0x56, 0x5e, 0x57, 0x5f, 0x62, 0x8b, 0x8c,
};

constexpr KeySet set3_default_typematic() {
    KeySet keys{};
    keys.fill(0xff);
    for (const u8 code : kSet3MakeBreak)
        set_key(keys, code, false);
    for (const u8 code : kSet3MakeOnly)
        set_key(keys, code, false);
    return keys;
}

constexpr KeySet set3_default_breaks() {
    KeySet keys{};
    for (const u8 code : kSet3MakeBreak)
        set_key(keys, code, true);
    return keys;
}

} // namespace dm
