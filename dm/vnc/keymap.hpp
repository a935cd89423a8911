// From key symbols to keys. Viewers that send the keys themselves (extended key events) do not need this; for
// the others `-k` names the layout that the guest has set.
#pragma once

#include "dm/core/input.hpp"

#include <array>
#include <bitset>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace dm::vnc {

/// A character's key and the modifiers it needs there.
struct KeyStroke {
    KeyCode code = 0;
    bool shift = false;
    bool altgr = false;
};

class Keymap {
public:
    /// By QEMU's names: "en-us", "de", ... Nothing when there is no such layout.
    static const Keymap* find(std::string_view name);
    static std::vector<std::string_view> names();

    std::optional<KeyStroke> stroke(char32_t character) const;
    bool has_third_level() const;

    struct Row {
        std::u32string_view plain;
        std::u32string_view shifted;
        std::u32string_view altgr;
    };
    std::string_view name;
    std::array<Row, 4> rows;
};

/// The keyboard of one viewer. Emits key events so that the guest, with the layout of the keymap, sees the
/// symbols that were sent: where Shift or AltGr is not as the symbol needs it, it is changed around the key.
class KeyTranslator {
public:
    using Emit = std::function<void(KeyCode code, bool down)>;

    KeyTranslator(const Keymap& map, Emit emit) : map_(map), emit_(std::move(emit)) {}

    /// X11 key symbol as in the protocol's KeyEvent.
    void symbol(u32 keysym, bool down);
    /// The key itself, from an extended key event.
    void key(KeyCode code, bool down);
    /// The viewer is gone.
    void release_all();

private:
    void press_character(char32_t character, const KeyStroke& stroke);
    void with_modifiers(const KeyStroke& stroke, bool change_shift);
    void send(KeyCode code, bool down);
    bool shift_down() const;

    const Keymap& map_;
    Emit emit_;
    std::bitset<256> down_;
    bool caps_lock_ = false;
};

} // namespace dm::vnc
