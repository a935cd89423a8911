#include "dm/vnc/keymap.hpp"

#include <algorithm>
#include <array>

namespace dm::vnc {
namespace {

constexpr KeyCode kShiftLeft = 0x2a;
constexpr KeyCode kShiftRight = 0x36;
constexpr KeyCode kAltGr = 0xb8;
constexpr KeyCode kCapsLock = 0x3a;
constexpr KeyCode kSpace = 0x39;

// The keys of the four rows that carry characters, left to right, as in Keymap::rows.
constexpr std::array<KeyCode, 13> kRow1 = {0x29, 2, 3, 4, 5, 6, 7, 8, 9, 0x0a, 0x0b, 0x0c, 0x0d};
constexpr std::array<KeyCode, 12> kRow2 = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15,
                                           0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b};
constexpr std::array<KeyCode, 12> kRow3 = {0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23,
                                           0x24, 0x25, 0x26, 0x27, 0x28, 0x2b};
constexpr std::array<KeyCode, 11> kRow4 = {0x56, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35};

// A space means that the key has nothing there. Accents that wait for a letter are given as characters.
constexpr std::array<Keymap, 10> kKeymaps = {{
    {"en-us",
     {{{U"`1234567890-=", U"~!@#$%^&*()_+", U""},
       {U"qwertyuiop[]", U"QWERTYUIOP{}", U""},
       {U"asdfghjkl;'\\", U"ASDFGHJKL:\"|", U""},
       {U" zxcvbnm,./", U" ZXCVBNM<>?", U""}}}},
    {"en-gb",
     {{{U"`1234567890-=", U"¬!\"£$%^&*()_+", U"¦   €"},
       {U"qwertyuiop[]", U"QWERTYUIOP{}", U""},
       {U"asdfghjkl;'#", U"ASDFGHJKL:@~", U""},
       {U"\\zxcvbnm,./", U"|ZXCVBNM<>?", U""}}}},
    {"de",
     {{{U"^1234567890ß´", U"°!\"§$%&/()=?`", U"  ²³   {[]}\\"},
       {U"qwertzuiopü+", U"QWERTZUIOPÜ*", U"@ €        ~"},
       {U"asdfghjklöä#", U"ASDFGHJKLÖÄ'", U""},
       {U"<yxcvbnm,.-", U">YXCVBNM;:_", U"|      µ"}}}},
    {"fr",
     {{{U"²&é\"'(-è_çà)=", U" 1234567890°+", U"  ~#{[|`\\^@]}"},
       {U"azertyuiop^$", U"AZERTYUIOP¨£", U"  €        ¤"},
       {U"qsdfghjklmù*", U"QSDFGHJKLM%µ", U""},
       {U"<wxcvbn,;:!", U">WXCVBN?./§", U""}}}},
    {"es",
     {{{U"º1234567890'¡", U"ª!\"·$%&/()=?¿", U"\\|@#~€¬"},
       {U"qwertyuiop`+", U"QWERTYUIOP^*", U"  €       []"},
       {U"asdfghjklñ´ç", U"ASDFGHJKLÑ¨Ç", U"          {}"},
       {U"<zxcvbnm,.-", U">ZXCVBNM;:_", U""}}}},
    {"it",
     {{{U"\\1234567890'ì", U"|!\"£$%&/()=?^", U""},
       {U"qwertyuiopè+", U"QWERTYUIOPé*", U"  €       []"},
       {U"asdfghjklòàù", U"ASDFGHJKLç°§", U"         @#"},
       {U"<zxcvbnm,.-", U">ZXCVBNM;:_", U""}}}},
    {"sv",
     {{{U"§1234567890+´", U"½!\"#¤%&/()=?`", U"  @£$€ {[]}\\"},
       {U"qwertyuiopå¨", U"QWERTYUIOPÅ^", U"  €        ~"},
       {U"asdfghjklöä'", U"ASDFGHJKLÖÄ*", U""},
       {U"<zxcvbnm,.-", U">ZXCVBNM;:_", U"|      µ"}}}},
    {"fi",
     {{{U"§1234567890+´", U"½!\"#¤%&/()=?`", U"  @£$€ {[]}\\"},
       {U"qwertyuiopå¨", U"QWERTYUIOPÅ^", U"  €        ~"},
       {U"asdfghjklöä'", U"ASDFGHJKLÖÄ*", U""},
       {U"<zxcvbnm,.-", U">ZXCVBNM;:_", U"|      µ"}}}},
    {"da",
     {{{U"½1234567890+´", U"§!\"#¤%&/()=?`", U"  @£$€ {[]} |"},
       {U"qwertyuiopå¨", U"QWERTYUIOPÅ^", U"  €        ~"},
       {U"asdfghjklæø'", U"ASDFGHJKLÆØ*", U""},
       {U"<zxcvbnm,.-", U">ZXCVBNM;:_", U"\\"}}}},
    {"no",
     {{{U"|1234567890+\\", U"§!\"#¤%&/()=?`", U"  @£$€ {[]} ´"},
       {U"qwertyuiopå¨", U"QWERTYUIOPÅ^", U"  €        ~"},
       {U"asdfghjkløæ'", U"ASDFGHJKLØÆ*", U""},
       {U"<zxcvbnm,.-", U">ZXCVBNM;:_", U""}}}},
}};

struct NamedKey {
    u32 keysym;
    KeyCode code;
};
// Keys that are the same in every layout, by X11 keysym, sorted.
constexpr NamedKey kNamedKeys[] = {
    {0xfe03, kAltGr},                                            // ISO_Level3_Shift
    {0xfe20, 0x0f},                                              // ISO_Left_Tab
    {0xff08, 0x0e},       {0xff09, 0x0f},        {0xff0d, 0x1c}, // BackSpace, Tab, Return
    {0xff13, 0xc6},       {0xff14, 0x46},        {0xff15, 0x54},
    {0xff1b, 0x01}, // Pause, Scroll_Lock, Sys_Req, Escape
    {0xff22, 0x7b},       {0xff23, 0x79},        {0xff27, 0x70},
    {0xff2a, 0x29},                       // the keys of Japanese keyboards
    {0xff31, 0xf2},       {0xff34, 0xf1}, // Hangul, Hanja
    {0xff50, 0xc7},       {0xff51, 0xcb},        {0xff52, 0xc8},
    {0xff53, 0xcd}, // Home, Left, Up, Right
    {0xff54, 0xd0},       {0xff55, 0xc9},        {0xff56, 0xd1},
    {0xff57, 0xcf}, // Down, Page_Up, Page_Down, End
    {0xff61, 0xb7},       {0xff63, 0xd2},        {0xff67, 0xdd},
    {0xff6b, 0xc6},                                              // Print, Insert, Menu, Break
    {0xff7e, kAltGr},     {0xff7f, 0x45},        {0xff8d, 0x9c}, // Mode_switch, Num_Lock, KP_Enter
    {0xff95, 0x47},       {0xff96, 0x4b},        {0xff97, 0x48},
    {0xff98, 0x4d}, // KP_Home, KP_Left, KP_Up, KP_Right
    {0xff99, 0x50},       {0xff9a, 0x49},        {0xff9b, 0x51},
    {0xff9c, 0x4f},                                              // KP_Down, KP_Page_Up, KP_Page_Down, KP_End
    {0xff9d, 0x4c},       {0xff9e, 0x52},        {0xff9f, 0x53}, // KP_Begin, KP_Insert, KP_Delete
    {0xffaa, 0x37},       {0xffab, 0x4e},        {0xffac, 0x53},
    {0xffad, 0x4a},                       // KP * + , -
    {0xffae, 0x53},       {0xffaf, 0xb5}, // KP . /
    {0xffb0, 0x52},       {0xffb1, 0x4f},        {0xffb2, 0x50},
    {0xffb3, 0x51},       {0xffb4, 0x4b}, // KP_0 ..
    {0xffb5, 0x4c},       {0xffb6, 0x4d},        {0xffb7, 0x47},
    {0xffb8, 0x48},       {0xffb9, 0x49},        {0xffbe, 0x3b},
    {0xffbf, 0x3c},       {0xffc0, 0x3d},        {0xffc1, 0x3e},
    {0xffc2, 0x3f},       {0xffc3, 0x40}, // F1 ..
    {0xffc4, 0x41},       {0xffc5, 0x42},        {0xffc6, 0x43},
    {0xffc7, 0x44},       {0xffc8, 0x57},        {0xffc9, 0x58},
    {0xffe1, kShiftLeft}, {0xffe2, kShiftRight}, {0xffe3, 0x1d},
    {0xffe4, 0x9d},       {0xffe5, kCapsLock},   {0xffe7, 0xdb},
    {0xffe8, 0xdc},       {0xffe9, 0x38},        {0xffea, kAltGr}, // Meta, Alt
    {0xffeb, 0xdb},       {0xffec, 0xdc},        {0xffff, 0xd3},   // Super, Delete
};

std::optional<KeyCode> named_key(u32 keysym) {
    const auto* it = std::lower_bound(std::begin(kNamedKeys), std::end(kNamedKeys), keysym,
                                      [](const NamedKey& key, u32 wanted) { return key.keysym < wanted; });
    if (it == std::end(kNamedKeys) || it->keysym != keysym) return std::nullopt;
    return it->code;
}

char32_t character_of(u32 keysym) {
    if ((keysym >= 0x20 && keysym < 0x7f) || (keysym >= 0xa0 && keysym <= 0xff) || keysym == 0x20ac)
        return keysym;
    if (keysym > 0x01000000 && keysym <= 0x0110ffff) return keysym & 0x00ffffff;
    switch (keysym) { // accents that wait for a letter
    case 0xfe50: return U'`';
    case 0xfe51: return U'´';
    case 0xfe52: return U'^';
    case 0xfe53: return U'~';
    case 0xfe57: return U'¨';
    case 0xfe58: return U'°';
    }
    return 0;
}

/// Letters of Latin-1, which Caps Lock changes.
bool is_letter(char32_t c) {
    return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') ||
           (c >= 0xc0 && c <= 0xfe && c != 0xd7 && c != 0xdf && c != 0xf7);
}

template <std::size_t N>
std::optional<KeyStroke> stroke_in(const Keymap::Row& row, const std::array<KeyCode, N>& codes, char32_t c) {
    const auto at = [&](std::u32string_view level) { return std::min(level.find(c), N); };
    if (const std::size_t i = at(row.plain); i < N) return KeyStroke{codes[i], false, false};
    if (const std::size_t i = at(row.shifted); i < N) return KeyStroke{codes[i], true, false};
    if (const std::size_t i = at(row.altgr); i < N) return KeyStroke{codes[i], false, true};
    return std::nullopt;
}

} // namespace

const Keymap* Keymap::find(std::string_view name) {
    const auto* it =
        std::find_if(kKeymaps.begin(), kKeymaps.end(), [&](const Keymap& k) { return k.name == name; });
    return it == kKeymaps.end() ? nullptr : it;
}

std::vector<std::string_view> Keymap::names() {
    std::vector<std::string_view> all;
    all.reserve(kKeymaps.size());
    for (const Keymap& map : kKeymaps)
        all.push_back(map.name);
    return all;
}

std::optional<KeyStroke> Keymap::stroke(char32_t character) const {
    if (character == U' ') return KeyStroke{kSpace, false, false};
    if (character == 0xa0) return KeyStroke{kSpace, false, false}; // no-break space
    if (auto s = stroke_in(rows[0], kRow1, character)) return s;
    if (auto s = stroke_in(rows[1], kRow2, character)) return s;
    if (auto s = stroke_in(rows[2], kRow3, character)) return s;
    return stroke_in(rows[3], kRow4, character);
}

bool Keymap::has_third_level() const {
    return std::any_of(rows.begin(), rows.end(), [](const Row& row) { return !row.altgr.empty(); });
}

bool KeyTranslator::shift_down() const {
    return down_[kShiftLeft] || down_[kShiftRight];
}

void KeyTranslator::send(KeyCode code, bool down) {
    down_[code] = down;
    emit_(code, down);
}

void KeyTranslator::key(KeyCode code, bool down) {
    if (!down && !down_[code]) return; // never pressed, or released by other means
    if (code == kCapsLock && down && !down_[code]) caps_lock_ = !caps_lock_;
    send(code, down);
}

void KeyTranslator::symbol(u32 keysym, bool down) {
    if (const auto code = named_key(keysym)) {
        key(*code, down);
        return;
    }
    const char32_t character = character_of(keysym);
    const auto stroke = character != 0 ? map_.stroke(character) : std::nullopt;
    if (!stroke) return;
    if (down)
        press_character(character, *stroke);
    else
        key(stroke->code, false);
}

void KeyTranslator::press_character(char32_t character, const KeyStroke& stroke) {
    // Caps Lock is the guest's too: it has seen the same presses.
    const bool shifted = is_letter(character) ? shift_down() != caps_lock_ : shift_down();
    // The third level does not care about Shift.
    with_modifiers(stroke, !stroke.altgr && shifted != stroke.shift);
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
