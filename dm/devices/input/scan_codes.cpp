#include "dm/devices/input/scan_codes.hpp"

namespace dm {
namespace {

constexpr u8 kExtended = 0xe0;
constexpr u8 kPausePrefix = 0xe1;
constexpr u8 kBreak = 0xf0;     // set 2 and 3: in front of the code
constexpr u8 kBreakBit = 0x80;  // set 1: in the code
constexpr u8 kSet2SysRq = 0x84; // Alt+PrintScreen
constexpr u8 kSet1SysRq = 0x54;
constexpr u8 kFakeShift1 = 0x2a; // E0 2A / E0 12 around PrintScreen
constexpr u8 kFakeShift2 = 0x12;

/// Set 2 code of set 1 code i, with the same prefix or none. Codes of no known key keep the partner that the
/// 8042 translates back to them.
constexpr std::array<u8, 128> kSet2OfSet1{
    //        Esc   1     2     3     4     5     6
    0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, // 00
    // 7  8     9     0     -     =     Bksp  Tab
    0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d, // 08
    // Q  W     E     R     T     Y     U     I
    0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, // 10
    // O  P     [     ]     Enter Ctrl  A     S
    0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b, // 18
    // D  F     G     H     J     K     L     ;
    0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, // 20
    // '  `     LShft backs Z     X     C     V
    0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a, // 28
    // B  N     M     ,     .     /     RShft KP*
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, // 30
    // Alt Space Caps F1    F2    F3    F4    F5
    0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03, // 38
    // F6 F7    F8    F9    F10   NumLk ScrLk KP7
    0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, // 40
    // KP8 KP9  KP-   KP4   KP5   KP6   KP+   KP1
    0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69, // 48
    // KP2 KP3  KP0   KP.   SysRq ?     102nd F11
    0x72, 0x7a, 0x70, 0x71, 0x84, 0x60, 0x61, 0x78, // 50
    // F12 KP=  ?     LWin  RWin  Menu  Power Sleep
    0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, // 58
    // ?  ?     ?     Wake  F13   Find  Favor Refr
    0x47, 0x4f, 0x56, 0x5e, 0x08, 0x10, 0x18, 0x20, // 60
    // Stop Fwd Back  Comp  Mail  Media ?     ?
    0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x57, 0x6f, // 68
    // Kana ?   ?     Ro    ?     ?     F24   Hira
    0x13, 0x19, 0x39, 0x51, 0x53, 0x5c, 0x5f, 0x62, // 70
    // Kata Henk ?    Muhen ?     Yen   KP,   ?
    0x63, 0x64, 0x65, 0x67, 0x68, 0x6a, 0x6d, 0x6e, // 78
};

constexpr std::array<u8, 256> make_translation() {
    std::array<u8, 256> table{};
    for (unsigned i = 0; i < 256; ++i)
        table[i] = static_cast<u8>(i); // FA, AA, EE, E0 and all other bytes above 84 pass as they are
    for (unsigned i = 0; i < 128; ++i)
        table[kSet2OfSet1[i]] = static_cast<u8>(i);
    table[0x00] = 0xff; // buffer overrun
    table[0x02] = 0x41; // the controller also takes 02 for F7 and 7F for SysRq
    table[0x7f] = 0x54;
    return table;
}
constexpr std::array<u8, 256> kTranslation = make_translation();

/// Set 3 code of set 1 code i without prefix.
constexpr std::array<u8, 128> kSet3OfSet1{
    0x00, 0x08, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, // Esc 1..6
    0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d, // 7.. Tab
    0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, // Q..I
    0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x11, 0x1c, 0x1b, // O.. LCtrl A S
    0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, // D..;
    0x52, 0x0e, 0x12, 0x5c, 0x1a, 0x22, 0x21, 0x2a, // ' ` LShift backslash Z..V
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7e, // B.. RShift KP*
    0x19, 0x29, 0x14, 0x07, 0x0f, 0x17, 0x1f, 0x27, // LAlt Space Caps F1..F5
    0x2f, 0x37, 0x3f, 0x47, 0x4f, 0x76, 0x5f, 0x6c, // F6..F10 NumLock ScrollLock KP7
    0x75, 0x7d, 0x84, 0x6b, 0x73, 0x74, 0x7c, 0x69, // KP8 KP9 KP- KP4 KP5 KP6 KP+ KP1
    0x72, 0x7a, 0x70, 0x71, 0x57, 0x00, 0x13, 0x56, // KP2 KP3 KP0 KP. SysRq - 102nd F11
    0x5e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // F12
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // 60
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // 68
    0x87, 0x00, 0x00, 0x51, 0x00, 0x00, 0x00, 0x00, // Kana, Ro
    0x00, 0x86, 0x00, 0x85, 0x00, 0x5d, 0x7b, 0x00, // Henkan, Muhenkan, Yen, KP comma
};

struct Pair {
    KeyCode code;
    u8 set3;
};
constexpr std::array kSet3Extended{
    Pair{0x9c, 0x79},            // KP Enter
    Pair{kKeyRightCtrl, 0x58},   //
    Pair{0xb5, 0x77},            // KP /
    Pair{kKeyPrintScreen, 0x57}, //
    Pair{kKeyRightAlt, 0x39},    //
    Pair{kKeyPause, 0x62},       //
    Pair{0xc7, 0x6e},            // Home
    Pair{0xc8, 0x63},            // Up
    Pair{0xc9, 0x6f},            // PgUp
    Pair{0xcb, 0x61},            // Left
    Pair{0xcd, 0x6a},            // Right
    Pair{0xcf, 0x65},            // End
    Pair{0xd0, 0x60},            // Down
    Pair{0xd1, 0x6d},            // PgDn
    Pair{0xd2, 0x67},            // Insert
    Pair{0xd3, 0x64},            // Delete
    Pair{0xdb, 0x8b},            // left Windows key
    Pair{0xdc, 0x8c},            // right Windows key
    Pair{0xdd, 0x8d},            // Menu
};

/// Collects the bytes of one set: 1 puts breaks into the code, 2 in front of it.
class Sequence {
public:
    explicit Sequence(unsigned set) : set_(set) {}
    Sequence& byte(u8 b) {
        bytes_.push(b);
        return *this;
    }
    /// A key by its set 1 code.
    Sequence& key(u8 set1, bool down) {
        if (set_ == 1) return byte(static_cast<u8>(down ? set1 : set1 | kBreakBit));
        if (!down) byte(kBreak);
        return byte(kSet2OfSet1[set1 & 0x7f]);
    }
    Sequence& extended(u8 set1, bool down) { return byte(kExtended).key(set1, down); }
    const ScanBytes& bytes() const { return bytes_; }

private:
    unsigned set_;
    ScanBytes bytes_;
};

ScanBytes print_screen(Sequence out, const KeyEvent& event) {
    const Bits<KeyModifier> with = event.modifiers;
    if (with.has(KeyModifier::Alt)) return out.key(kSet1SysRq, event.down).bytes();
    if (with.has(KeyModifier::Ctrl) || with.has(KeyModifier::Shift) || event.repeat)
        return out.extended(0x37, event.down).bytes();
    if (event.down) return out.extended(kFakeShift1, true).extended(0x37, true).bytes();
    return out.extended(0x37, false).extended(kFakeShift1, false).bytes();
}

/// Pause sends its break together with its make and nothing when it is released.
ScanBytes pause(Sequence out, const KeyEvent& event) {
    if (!event.down || event.repeat) return {};
    if (event.modifiers.has(KeyModifier::Ctrl)) return out.extended(0x46, true).extended(0x46, false).bytes();
    return out.byte(kPausePrefix)
        .key(kKeyLeftCtrl, true)
        .key(0x45, true)
        .byte(kPausePrefix)
        .key(kKeyLeftCtrl, false)
        .key(0x45, false)
        .bytes();
}

ScanBytes bytes_of(unsigned set, const KeyEvent& event) {
    Sequence out(set);
    if (event.code == kKeyPrintScreen) return print_screen(out, event);
    if (event.code == kKeyPause) return pause(out, event);
    const auto code = static_cast<u8>(event.code & 0x7f);
    if ((event.code & 0x80) != 0) return out.extended(code, event.down).bytes();
    return out.key(code, event.down).bytes();
}

static_assert(kSet2OfSet1[kSet1SysRq] == kSet2SysRq && kSet2OfSet1[kFakeShift1] == kFakeShift2);

} // namespace

bool is_key(KeyCode code) {
    const auto plain = static_cast<u8>(code & 0x7f);
    const bool made_up = code == (kKeyLeftShift | 0x80) || code == (kKeyRightShift | 0x80);
    return plain != 0 && !made_up;
}

ScanBytes set1_bytes(const KeyEvent& event) {
    return bytes_of(1, event);
}
ScanBytes set2_bytes(const KeyEvent& event) {
    return bytes_of(2, event);
}

u8 set3_code(KeyCode code) {
    if ((code & 0x80) == 0) return kSet3OfSet1[code];
    for (const Pair& pair : kSet3Extended)
        if (pair.code == code) return pair.set3;
    return 0;
}

u8 translate_set2(u8 byte) {
    return kTranslation[byte];
}

} // namespace dm
