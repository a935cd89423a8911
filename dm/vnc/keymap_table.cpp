// Makes the table of keyboard layouts (keymap_table.inc) from the host's X keyboard data, by libxkbcommon.
// Runs when hvmdm is built.
#include "dm/vnc/keymap_layouts.hpp"

#include <cstdio>
#include <set>
#include <string_view>
#include <xkbcommon/xkbcommon.h>

namespace {

using namespace dm;
using namespace dm::vnc;

KeySymbol symbol_of(xkb_keysym_t keysym) {
    if (keysym >= kFirstDeadKeysym && keysym <= kLastDeadKeysym)
        return static_cast<KeySymbol>(kFirstDead + (keysym - kFirstDeadKeysym));
    const u32 character = xkb_keysym_to_utf32(keysym);
    return character >= 0x20 && character != 0x7f && character < kFirstDead
               ? static_cast<KeySymbol>(character)
               : KeySymbol{0};
}

/// Symbols of one layout, for any state of the modifiers.
class Keyboard {
public:
    explicit Keyboard(xkb_keymap* map)
        : map_(map), state_(xkb_state_new(map)), shift_(mask(XKB_MOD_NAME_SHIFT)),
          lock_(mask(XKB_MOD_NAME_CAPS)), level3_(mask("LevelThree")) {
        if (level3_ == 0) level3_ = mask("Mod5");
    }
    Keyboard(const Keyboard&) = delete;
    Keyboard& operator=(const Keyboard&) = delete;
    ~Keyboard() { xkb_state_unref(state_); }

    KeySymbol symbol(u8 scan_code, unsigned level, bool caps = false) {
        const xkb_mod_mask_t held =
            ((level & SHIFTED) != 0 ? shift_ : 0) | ((level & ALTGR) != 0 ? level3_ : 0);
        xkb_state_update_mask(state_, held, 0, caps ? lock_ : 0, 0, 0, 0);
        return symbol_of(xkb_state_key_get_one_sym(state_, x_keycode(scan_code)));
    }

    /// Where the right Alt key is no AltGr, nothing else leads to the third level.
    bool has_altgr() {
        constexpr xkb_keycode_t kRightAlt = 108;
        constexpr xkb_keysym_t kLevel3Shift = 0xfe03;
        xkb_state_update_mask(state_, 0, 0, 0, 0, 0, 0);
        return xkb_state_key_get_one_sym(state_, kRightAlt) == kLevel3Shift;
    }

private:
    xkb_mod_mask_t mask(const char* modifier) const {
        const xkb_mod_index_t index = xkb_keymap_mod_get_index(map_, modifier);
        return index == XKB_MOD_INVALID ? 0 : 1U << index;
    }
    xkb_keymap* map_;
    xkb_state* state_;
    xkb_mod_mask_t shift_;
    xkb_mod_mask_t lock_;
    xkb_mod_mask_t level3_;
};

constexpr u8 kTwoSuperior = 0x29;

KeymapData data_of(Keyboard& keyboard, const char* name) {
    KeymapData data{};
    std::string_view(name).copy(data.name, sizeof(data.name) - 1);
    for (std::size_t key = 0; key < kCharacterKeys.size(); ++key) {
        auto& symbols = data.symbols[key];
        for (unsigned level = 0; level < (keyboard.has_altgr() ? kLevels : 2); ++level)
            symbols[level] = keyboard.symbol(kCharacterKeys[key], level);
        // What AltGr does not change is no symbol of AltGr's.
        for (const unsigned level : {ALTGR_SHIFTED, ALTGR})
            if (symbols[level] == symbols[level & SHIFTED]) symbols[level] = 0;
        const KeySymbol locked = keyboard.symbol(kCharacterKeys[key], PLAIN, true);
        if (locked == symbols[SHIFTED] && locked != symbols[PLAIN]) data.caps_keys |= u64{1} << key;
        // X has it there too, GRUB for one has not. On the keys themselves it stands at AltGr and 2.
        if (name == std::string_view("fr") && kCharacterKeys[key] == kTwoSuperior && symbols[SHIFTED] == '~')
            symbols[SHIFTED] = 0;
    }
    return data;
}

void print(const KeymapData& data) {
    std::printf("    {\"%s\", 0x%llx, {{", data.name, static_cast<unsigned long long>(data.caps_keys));
    for (const auto& key : data.symbols)
        std::printf("{{%u, %u, %u, %u}}, ", key[0], key[1], key[2], key[3]);
    std::printf("}}},\n");
}

} // namespace

int main() {
    xkb_context* const context = xkb_context_new(XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
    if (context == nullptr) return 1;
    std::set<KeySymbol> used;
    std::printf("constexpr KeymapData kLayouts[] = {\n");
    for (const XLayout& layout : kXLayouts) {
        const xkb_rule_names names = {"evdev", "pc105", layout.layout, layout.variant, ""};
        xkb_keymap* const map = xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
        if (map == nullptr) {
            static_cast<void>(std::fprintf(stderr, "the X keyboard data has no layout %s\n", layout.layout));
            return 1;
        }
        {
            Keyboard keyboard(map);
            const KeymapData data = data_of(keyboard, layout.name);
            for (const auto& key : data.symbols)
                used.insert(key.begin(), key.end());
            print(data);
        }
        xkb_keymap_unref(map);
    }
    std::printf("};\n\nconstexpr LegacyKeysym kLegacyKeysyms[] = {\n");
    for (u32 keysym = 0x100; keysym < 0x2100; ++keysym) // sorted
        if (const KeySymbol character = symbol_of(keysym); character != 0 && used.contains(character))
            std::printf("    {0x%x, 0x%x},\n", keysym, character);
    std::printf("};\n");
    xkb_context_unref(context);
    return 0;
}
