// The keys that carry characters, and what a table of layouts holds of them. Shared with the program that
// makes the table.
#pragma once

#include "dm/core/types.hpp"

#include <array>

namespace dm::vnc {

/// Scan codes of set 1. The last three: the keys that Brazilian and Japanese keyboards have more, and the
/// space bar.
inline constexpr std::array<u8, 51> kCharacterKeys = {
    0x29, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, // row E
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b,       // row D
    0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x2b,       // row C
    0x56, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35,             // row B
    0x73, 0x7d, 0x39};

enum KeyLevel : u8 { PLAIN = 0, SHIFTED = 1, ALTGR = 2, ALTGR_SHIFTED = 3 };
inline constexpr std::size_t kLevels = 4;

/// A character of the basic plane, or an accent that waits for a letter: X11's dead keys from here on. 0:
/// nothing.
using KeySymbol = u16;
inline constexpr KeySymbol kFirstDead = 0xe000; ///< of Unicode's private use area
inline constexpr u32 kFirstDeadKeysym = 0xfe50;
inline constexpr u32 kLastDeadKeysym = 0xfe93;

/// One layout.
struct KeymapData {
    char name[8];  ///< QEMU's
    u64 caps_keys; ///< bit n: Caps Lock shifts key n
    std::array<std::array<KeySymbol, kLevels>, kCharacterKeys.size()> symbols;
};

/// A keysym from before there was Unicode.
struct LegacyKeysym {
    u16 keysym;
    u16 character;
};

} // namespace dm::vnc
