// Which of X's keyboard layouts are offered, for the program that makes their table and for its test.
#pragma once

#include "dm/vnc/keymap_keys.hpp"

namespace dm::vnc {

/// QEMU's name for -k, and what X calls it.
struct XLayout {
    const char* name;
    const char* layout;
    const char* variant;
};
inline constexpr XLayout kXLayouts[] = {
    {"ar", "ara", ""},   {"bepo", "fr", "bepo"}, {"cz", "cz", ""},    {"da", "dk", ""},
    {"de", "de", ""},    {"de-ch", "ch", ""},    {"en-gb", "gb", ""}, {"en-us", "us", ""},
    {"es", "es", ""},    {"et", "ee", ""},       {"fi", "fi", ""},    {"fo", "fo", ""},
    {"fr", "fr", ""},    {"fr-be", "be", ""},    {"fr-ca", "ca", ""}, {"fr-ch", "ch", "fr"},
    {"hr", "hr", ""},    {"hu", "hu", ""},       {"is", "is", ""},    {"it", "it", ""},
    {"ja", "jp", ""},    {"lt", "lt", ""},       {"lv", "lv", ""},    {"mk", "mk", ""},
    {"nl", "nl", ""},    {"no", "no", ""},       {"pl", "pl", ""},    {"pt", "pt", ""},
    {"pt-br", "br", ""}, {"ru", "ru", ""},       {"sl", "si", ""},    {"sv", "se", ""},
    {"th", "th", ""},    {"tr", "tr", ""},
};

/// Linux numbers most keys as scan code set 1 does, and X adds 8.
constexpr u32 x_keycode(u8 scan_code) {
    constexpr u32 kMinimum = 8;
    if (scan_code == 0x73) return 89 + kMinimum;
    if (scan_code == 0x7d) return 124 + kMinimum;
    return scan_code + kMinimum;
}

} // namespace dm::vnc
