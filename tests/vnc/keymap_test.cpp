// Every symbol of every layout, typed at a guest that has the layout: libxkbcommon's idea of a keyboard takes
// the keys that were made of the symbol, and must come to the same symbol.
#include "dm/vnc/keymap.hpp"
#include "dm/vnc/keymap_layouts.hpp"

#include <gmock/gmock.h>

#include <fmt/format.h>
#include <memory>
#include <xkbcommon/xkbcommon.h>

namespace dm::vnc {
namespace {

using testing::IsEmpty;

constexpr u32 kShift = 0xffe1;
constexpr u32 kAltGr = 0xfe03;
constexpr u32 kCapsLock = 0xffe5;

struct Free {
    void operator()(xkb_context* p) const { xkb_context_unref(p); }
    void operator()(xkb_keymap* p) const { xkb_keymap_unref(p); }
    void operator()(xkb_state* p) const { xkb_state_unref(p); }
};

/// Linux' numbers for the keys with a prefix that matter here.
u32 x_code(KeyCode code) {
    return code == 0xb8 ? 100 + 8 : x_keycode(code);
}

class Guest {
public:
    explicit Guest(const XLayout& layout) : context_(xkb_context_new(XKB_CONTEXT_NO_FLAGS)) {
        const xkb_rule_names names = {"evdev", "pc105", layout.layout, layout.variant, ""};
        map_.reset(xkb_keymap_new_from_names(context_.get(), &names, XKB_KEYMAP_COMPILE_NO_FLAGS));
        state_.reset(xkb_state_new(map_.get()));
    }
    void key(KeyCode code, bool down) {
        const u32 keysym = xkb_state_key_get_one_sym(state_.get(), x_code(code));
        xkb_state_update_key(state_.get(), x_code(code), down ? XKB_KEY_DOWN : XKB_KEY_UP);
        if (down && Keymap::symbol_of(keysym) != 0) typed.push_back(Keymap::symbol_of(keysym));
        down_ += down ? 1 : -1;
    }
    xkb_mod_mask_t held() const { return xkb_state_serialize_mods(state_.get(), XKB_STATE_MODS_DEPRESSED); }
    bool caps_locked() const {
        return xkb_state_mod_name_is_active(state_.get(), XKB_MOD_NAME_CAPS, XKB_STATE_MODS_LOCKED) > 0;
    }
    int keys_down() const { return down_; }
    std::vector<KeySymbol> typed;

private:
    std::unique_ptr<xkb_context, Free> context_;
    std::unique_ptr<xkb_keymap, Free> map_;
    std::unique_ptr<xkb_state, Free> state_;
    int down_ = 0;
};

struct Typist {
    explicit Typist(const XLayout& layout) : map(*Keymap::find(layout.name)), guest(layout) {}
    void tap(u32 keysym) {
        keyboard.symbol(keysym, true);
        keyboard.symbol(keysym, false);
    }
    /// What comes to the guest of one symbol. Nothing is left changed behind it.
    std::vector<KeySymbol> type(u32 keysym) {
        guest.typed.clear();
        const xkb_mod_mask_t held = guest.held();
        const int down = guest.keys_down();
        tap(keysym);
        EXPECT_EQ(guest.held(), held);
        EXPECT_EQ(guest.keys_down(), down);
        return guest.typed;
    }
    Keymap map;
    Guest guest;
    LockState locks;
    KeyTranslator keyboard{map, locks, [this](KeyCode code, bool down) { guest.key(code, down); }};
};

u32 keysym_of(KeySymbol symbol) {
    return symbol >= kFirstDead ? symbol - kFirstDead + kFirstDeadKeysym : xkb_utf32_to_keysym(symbol);
}

void expect_all(Typist& typist, const char* state, bool letters_only = false) {
    for (const auto& key : typist.map.data().symbols)
        for (const KeySymbol symbol : key) {
            if (symbol == 0) continue;
            if (letters_only && !(symbol < 0x80 && std::isalpha(symbol) != 0)) continue;
            EXPECT_THAT(typist.type(keysym_of(symbol)), testing::ElementsAre(symbol))
                << typist.map.name() << ", " << state << fmt::format(", symbol {:x}", symbol);
            if (symbol < kFirstDead) {
                EXPECT_EQ(typist.type(0x01000000 + symbol), std::vector{symbol}) << "as Unicode";
            }
        }
}

TEST(Keymap, EverySymbolOfEveryLayoutArrivesWhateverTheViewerHolds) {
    for (const XLayout& layout : kXLayouts) {
        Typist typist(layout);
        expect_all(typist, "nothing held");
        typist.keyboard.symbol(kShift, true);
        expect_all(typist, "Shift held");
        typist.keyboard.symbol(kShift, false);
        if (typist.map.has_third_level()) {
            typist.keyboard.symbol(kAltGr, true);
            expect_all(typist, "AltGr held");
            typist.keyboard.symbol(kShift, true);
            expect_all(typist, "AltGr and Shift held");
            typist.keyboard.symbol(kShift, false);
            typist.keyboard.symbol(kAltGr, false);
        }
        typist.tap(kCapsLock);
        if (layout.name == std::string_view("ja")) continue; // its Caps Lock needs Shift
        EXPECT_TRUE(typist.guest.caps_locked()) << layout.name;
        expect_all(typist, "Caps Lock", true);
    }
}

TEST(Keymap, EveryLayoutHasTheAsciiCharacters) {
    for (const std::string_view name : Keymap::names())
        for (u32 c = 0x20; c < 0x7f; ++c)
            EXPECT_TRUE(Keymap::find(name)->stroke(c)) << name << " " << static_cast<char>(c);
}

TEST(Keymap, HasTheLayoutsThatQemuShips) {
    for (const char* name :
         {"ar", "bepo",  "cz",    "da",    "de",    "de-ch", "en-gb", "en-us", "es", "et", "fi", "fo",
          "fr", "fr-be", "fr-ca", "fr-ch", "hr",    "hu",    "is",    "it",    "ja", "lt", "lv", "mk",
          "nl", "no",    "pl",    "pt",    "pt-br", "ru",    "sl",    "sv",    "th", "tr"})
        EXPECT_TRUE(Keymap::find(name)) << name;
    EXPECT_FALSE(Keymap::find("xx"));
    EXPECT_FALSE(Keymap::find(""));
}

TEST(Keymap, LayoutsPutCharactersOnDifferentKeys) {
    EXPECT_EQ(Keymap::find("en-us")->stroke('y')->code, 0x15);
    EXPECT_EQ(Keymap::find("de")->stroke('y')->code, 0x2c);
    EXPECT_EQ(Keymap::find("fr")->stroke('a')->code, 0x10);
    const KeyStroke at = *Keymap::find("de")->stroke('@');
    EXPECT_EQ(at.code, 0x10);
    EXPECT_TRUE(at.altgr);
    const KeyStroke pound = *Keymap::find("en-gb")->stroke(0xa3);
    EXPECT_EQ(pound.code, 0x04);
    EXPECT_TRUE(pound.shift);
    EXPECT_EQ(Keymap::find("ru")->stroke(0x6c1)->code, 0x21); // Cyrillic_a, on the key of f
    EXPECT_EQ(Keymap::find("ru")->stroke('f')->code, 0x21);   // in its Latin half
    EXPECT_EQ(Keymap::find("ja")->stroke('_')->code, 0x73);
    EXPECT_EQ(Keymap::find("fr")->stroke('~')->code, 0x03);
}

TEST(Keymap, The102ndKeyIsForWhatNoOtherKeyHas) {
    for (const char* name : {"en-us", "pl"})
        for (const auto& [character, code] :
             {std::pair{'<', 0x33}, std::pair{'>', 0x34}, std::pair{'|', 0x2b}}) {
            const KeyStroke stroke = *Keymap::find(name)->stroke(static_cast<u32>(character));
            EXPECT_EQ(stroke.code, code) << name << " " << character;
            EXPECT_TRUE(stroke.shift) << name << " " << character;
        }
    EXPECT_EQ(Keymap::find("de")->stroke('<')->code, 0x56);
    EXPECT_EQ(Keymap::find("fr")->stroke('>')->code, 0x56);
    EXPECT_EQ(Keymap::find("en-gb")->stroke('|')->code, 0x56);
}

TEST(Keymap, AnAccentThatOnlyWaitsForALetterIsTypedWithASpace) {
    Typist typist(kXLayouts[4]);
    ASSERT_EQ(typist.map.name(), "de");
    const KeySymbol dead = kFirstDead + 2;
    EXPECT_THAT(typist.type(0xfe52), testing::ElementsAre(dead)); // what a German viewer sends
    EXPECT_THAT(typist.type('^'), testing::ElementsAre(dead, U' '));
    typist.keyboard.symbol(kShift, true);
    EXPECT_THAT(typist.type('`'), testing::ElementsAre(kFirstDead, U' '));
    typist.keyboard.symbol(kShift, false);
    Typist american(kXLayouts[7]);
    ASSERT_EQ(american.map.name(), "en-us");
    EXPECT_THAT(american.type(0xfe52), testing::ElementsAre(U'^')); // has none that wait
}

TEST(Keymap, WhatIsInNoLayoutIsNoKey) {
    Typist typist(kXLayouts[7]);
    for (const u32 keysym :
         {0U, 0x06c1U, 0x0100beefU, 0x01000000U, 0x0101f600U, 0xffffffffU, 0xfe93U, 0xfd01U})
        EXPECT_THAT(typist.type(keysym), IsEmpty()) << keysym;
}

} // namespace
} // namespace dm::vnc
