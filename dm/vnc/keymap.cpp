#include "dm/vnc/keymap.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace dm::vnc {
namespace {

#include "keymap_table.inc" // kLayouts, kLegacyKeysyms

constexpr KeyCode kShiftLeft = 0x2a;
constexpr KeyCode kShiftRight = 0x36;
constexpr KeyCode kAltGr = 0xb8;
constexpr KeyCode kSpace = 0x39;
constexpr KeyCode k102nd = 0x56;

struct NamedKey {
    u32 keysym;
    KeyCode code;
};
// Keys that are the same in every layout, by X11 keysym, sorted.
constexpr NamedKey kNamedKeys[] = {
    {0xfe03, kAltGr}, // ISO_Level3_Shift
    {0xfe20, 0x0f},   // ISO_Left_Tab
    {0xff08, 0x0e},
    {0xff09, 0x0f},
    {0xff0d, 0x1c}, // BackSpace, Tab, Return
    {0xff13, 0xc6},
    {0xff14, 0x46},
    {0xff15, 0x54},
    {0xff1b, 0x01}, // Pause, Scroll_Lock, Sys_Req, Escape
    {0xff22, 0x7b},
    {0xff23, 0x79},
    {0xff27, 0x70},
    {0xff2a, 0x29}, // the keys of Japanese keyboards
    {0xff31, 0xf2},
    {0xff34, 0xf1}, // Hangul, Hanja
    {0xff50, 0xc7},
    {0xff51, 0xcb},
    {0xff52, 0xc8},
    {0xff53, 0xcd}, // Home, Left, Up, Right
    {0xff54, 0xd0},
    {0xff55, 0xc9},
    {0xff56, 0xd1},
    {0xff57, 0xcf}, // Down, Page_Up, Page_Down, End
    {0xff61, 0xb7},
    {0xff63, 0xd2},
    {0xff67, 0xdd},
    {0xff6b, 0xc6}, // Print, Insert, Menu, Break
    {0xff7e, kAltGr},
    {0xff7f, 0x45},
    {0xff8d, 0x9c}, // Mode_switch, Num_Lock, KP_Enter
    {0xff95, 0x47},
    {0xff96, 0x4b},
    {0xff97, 0x48},
    {0xff98, 0x4d}, // KP_Home, KP_Left, KP_Up, KP_Right
    {0xff99, 0x50},
    {0xff9a, 0x49},
    {0xff9b, 0x51},
    {0xff9c, 0x4f}, // KP_Down, KP_Page_Up, KP_Page_Down, KP_End
    {0xff9d, 0x4c},
    {0xff9e, 0x52},
    {0xff9f, 0x53}, // KP_Begin, KP_Insert, KP_Delete
    {0xffaa, 0x37},
    {0xffab, 0x4e},
    {0xffac, 0x53},
    {0xffad, 0x4a}, // KP * + , -
    {0xffae, 0x53},
    {0xffaf, 0xb5}, // KP . /
    {0xffb0, 0x52},
    {0xffb1, 0x4f},
    {0xffb2, 0x50},
    {0xffb3, 0x51},
    {0xffb4, 0x4b}, // KP_0 ..
    {0xffb5, 0x4c},
    {0xffb6, 0x4d},
    {0xffb7, 0x47},
    {0xffb8, 0x48},
    {0xffb9, 0x49},
    {0xffbe, 0x3b},
    {0xffbf, 0x3c},
    {0xffc0, 0x3d},
    {0xffc1, 0x3e},
    {0xffc2, 0x3f},
    {0xffc3, 0x40}, // F1 ..
    {0xffc4, 0x41},
    {0xffc5, 0x42},
    {0xffc6, 0x43},
    {0xffc7, 0x44},
    {0xffc8, 0x57},
    {0xffc9, 0x58},
    {0xffe1, kShiftLeft},
    {0xffe2, kShiftRight},
    {0xffe3, 0x1d},
    {0xffe4, 0x9d},
    {0xffe5, LockState::kCapsLock},
    {0xffe7, 0xdb},
    {0xffe8, 0xdc},
    {0xffe9, 0x38},
    {0xffea, kAltGr}, // Meta, Alt
    {0xffeb, 0xdb},
    {0xffec, 0xdc},
    {0xffff, 0xd3}, // Super, Delete
};

std::optional<KeyCode> named_key(u32 keysym) {
    const auto* it = std::lower_bound(std::begin(kNamedKeys), std::end(kNamedKeys), keysym,
                                      [](const NamedKey& key, u32 wanted) { return key.keysym < wanted; });
    if (it == std::end(kNamedKeys) || it->keysym != keysym) return std::nullopt;
    return it->code;
}

struct Accent {
    KeySymbol plain;
    u32 dead; ///< keysym
};
constexpr Accent kAccents[] = {
    {U'`', 0xfe50},  {0xb4, 0xfe51},  {U'^', 0xfe52},  {U'~', 0xfe53},  {0xaf, 0xfe54},
    {0x2d8, 0xfe55}, {0x2d9, 0xfe56}, {0xa8, 0xfe57},  {0xb0, 0xfe58},  {0x2dd, 0xfe59},
    {0x2c7, 0xfe5a}, {0xb8, 0xfe5b},  {0x2db, 0xfe5c}, {U'\'', 0xfe51}, {U'"', 0xfe57},
};

constexpr KeySymbol dead_symbol(u32 keysym) {
    return static_cast<KeySymbol>(kFirstDead + (keysym - kFirstDeadKeysym));
}

} // namespace

std::optional<Keymap> Keymap::find(std::string_view name) {
    const auto* it = std::find_if(std::begin(kLayouts), std::end(kLayouts),
                                  [&](const KeymapData& layout) { return layout.name == name; });
    return it == std::end(kLayouts) ? std::nullopt : std::optional(Keymap(*it));
}

std::vector<std::string_view> Keymap::names() {
    std::vector<std::string_view> all;
    all.reserve(std::size(kLayouts));
    for (const KeymapData& layout : kLayouts)
        all.emplace_back(layout.name);
    return all;
}

Keymap::Keymap(const KeymapData& data) : data_(&data) {
    for (const auto& key : data.symbols)
        has_third_level_ = has_third_level_ || key[ALTGR] != 0;
    latin_ = exact(U'a').has_value();
}

KeySymbol Keymap::symbol_of(u32 keysym) {
    if ((keysym >= 0x20 && keysym < 0x7f) || (keysym >= 0xa0 && keysym <= 0xff))
        return static_cast<KeySymbol>(keysym);
    if (keysym > 0x01000000 && keysym < 0x01000000 + kFirstDead) return static_cast<KeySymbol>(keysym);
    if (keysym >= kFirstDeadKeysym && keysym <= kLastDeadKeysym) return dead_symbol(keysym);
    const auto* it =
        std::lower_bound(std::begin(kLegacyKeysyms), std::end(kLegacyKeysyms), keysym,
                         [](const LegacyKeysym& legacy, u32 wanted) { return legacy.keysym < wanted; });
    return it != std::end(kLegacyKeysyms) && it->keysym == keysym ? it->character : KeySymbol{0};
}

/// Systems do not agree on what the 102nd key is in layouts that do not need it (American keyboards do not
/// have it): what another key gives without AltGr is typed there.
std::optional<KeyStroke> Keymap::exact(KeySymbol symbol) const {
    std::optional<KeyStroke> best;
    for (unsigned level = 0; level < kLevels; ++level)
        for (std::size_t key = 0; key < kCharacterKeys.size(); ++key) {
            if (data_->symbols[key][level] != symbol) continue;
            const KeyStroke found{.code = kCharacterKeys[key],
                                  .shift = (level & SHIFTED) != 0,
                                  .altgr = (level & ALTGR) != 0,
                                  .caps = level <= SHIFTED && (data_->caps_keys >> key & 1) != 0};
            if (!best || (best->code == k102nd && !found.altgr)) best = found;
        }
    return best;
}

/// An accent in the form that the layout has: by itself, or waiting for a letter.
std::optional<KeyStroke> Keymap::accent(KeySymbol symbol) const {
    for (const Accent& accent : kAccents) {
        if (symbol == dead_symbol(accent.dead)) return exact(accent.plain);
        if (symbol != accent.plain) continue;
        if (auto stroke = exact(dead_symbol(accent.dead))) {
            stroke->then_space = true;
            return stroke;
        }
    }
    return std::nullopt;
}

std::optional<KeyStroke> Keymap::stroke(u32 keysym) const {
    constexpr KeySymbol kNoBreakSpace = 0xa0;
    const KeySymbol symbol = symbol_of(keysym);
    if (symbol == 0) return std::nullopt;
    if (const auto stroke = exact(symbol)) return stroke;
    if (symbol == kNoBreakSpace) return exact(U' ');
    if (const auto stroke = accent(symbol)) return stroke;
    // Guests with such a layout switch between it and the American one.
    return latin_ ? std::nullopt : english().exact(symbol);
}

bool KeyTranslator::shift_down() const {
    return down_[kShiftLeft] || down_[kShiftRight];
}

void KeyTranslator::send(KeyCode code, bool down) {
    if (down && !down_[code]) locks_.pressed(code);
    down_[code] = down;
    emit_(code, down);
}

void KeyTranslator::tap(KeyCode code) {
    send(code, true);
    send(code, false);
}

void KeyTranslator::key(KeyCode code, bool down) {
    if (!down && !down_[code]) return; // never pressed, or released by other means
    send(code, down);
}

void KeyTranslator::extended(u32 keysym, KeyCode code, bool down) {
    if (down && !viewer_has_lights_) {
        match_num_lock(keysym);
        match_caps_lock(keysym);
    }
    key(code, down);
}

void KeyTranslator::symbol(u32 keysym, bool down) {
    if (const auto code = named_key(keysym)) {
        if (down && !viewer_has_lights_) match_num_lock(keysym);
        key(*code, down);
        return;
    }
    const auto stroke = map_.stroke(keysym);
    if (!stroke) return;
    if (down)
        press(*stroke);
    else
        key(stroke->then_space ? kSpace : stroke->code, false);
}

/// The keypad's symbols tell how the viewer has Num Lock.
void KeyTranslator::match_num_lock(u32 keysym) {
    const bool digit = (keysym >= 0xffb0 && keysym <= 0xffb9) || keysym == 0xffac || keysym == 0xffae;
    const bool cursor = keysym >= 0xff95 && keysym <= 0xff9f;
    if ((digit && !locks_.num()) || (cursor && locks_.num())) tap(LockState::kNumLock);
}

void KeyTranslator::match_caps_lock(u32 keysym) {
    const bool upper = keysym >= 'A' && keysym <= 'Z';
    const bool lower = keysym >= 'a' && keysym <= 'z';
    if ((upper || lower) && (upper != shift_down()) != locks_.caps()) tap(LockState::kCapsLock);
}

void KeyTranslator::press(const KeyStroke& stroke) {
    // Caps Lock is the guest's.
    const bool shifted = stroke.caps && !stroke.altgr ? shift_down() != locks_.caps() : shift_down();
    with_modifiers(stroke, shifted != stroke.shift);
    if (!stroke.then_space) return;
    key(stroke.code, false);
    with_modifiers({.code = kSpace}, shift_down());
}

void KeyTranslator::with_modifiers(const KeyStroke& stroke, bool change_shift) {
    // In layouts of two levels the key is a plain Alt.
    const bool change_altgr = map_.has_third_level() && stroke.altgr != down_[kAltGr];
    const bool left = down_[kShiftLeft];
    const bool right = down_[kShiftRight];
    const bool held = left || right;
    if (change_shift) {
        if (!held) emit_(kShiftLeft, true);
        if (left) emit_(kShiftLeft, false);
        if (right) emit_(kShiftRight, false);
    }
    if (change_altgr) emit_(kAltGr, stroke.altgr);
    send(stroke.code, true);
    if (change_altgr) emit_(kAltGr, !stroke.altgr);
    if (change_shift) {
        if (!held) emit_(kShiftLeft, false);
        if (left) emit_(kShiftLeft, true);
        if (right) emit_(kShiftRight, true);
    }
}

void KeyTranslator::release_all() {
    for (unsigned code = 0; code < down_.size(); ++code)
        if (down_[code]) send(static_cast<KeyCode>(code), false);
}

} // namespace dm::vnc
