// From key symbols to keys. Viewers that send the keys themselves (extended key events) do not need this; for
// the others `-k` names the layout that the guest has set.
#pragma once

#include "dm/vnc/keymap_keys.hpp"
#include "dm/vnc/lock_state.hpp"

#include <bitset>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace dm::vnc {

/// A symbol's key and the modifiers it needs there.
struct KeyStroke {
    KeyCode code = 0;
    bool shift = false;
    bool altgr = false;
    bool caps = false;       ///< Caps Lock shifts this key
    bool then_space = false; ///< an accent that the layout has only waiting for a letter
};

/// A layout of the table that the build makes (keymap_table.cpp).
class Keymap {
public:
    /// By QEMU's names: "en-us", "de", ... Nothing when there is no such layout.
    static std::optional<Keymap> find(std::string_view name);
    static std::vector<std::string_view> names();
    static Keymap english() { return *find("en-us"); }

    std::string_view name() const { return data_->name; }
    /// An X11 key symbol that stands for a character or an accent.
    std::optional<KeyStroke> stroke(u32 keysym) const;
    bool has_third_level() const { return has_third_level_; }

    const KeymapData& data() const { return *data_; }
    /// What a key symbol stands for; 0: nothing that is in any layout.
    static KeySymbol symbol_of(u32 keysym);

private:
    explicit Keymap(const KeymapData& data);
    std::optional<KeyStroke> exact(KeySymbol symbol) const;
    std::optional<KeyStroke> accent(KeySymbol symbol) const;

    const KeymapData* data_;
    bool has_third_level_ = false;
    bool latin_ = false;
};

/// The keyboard of one viewer. Emits key events so that the guest, with the layout of the keymap, sees the
/// symbols that were sent: where Shift or AltGr is not as the symbol needs it, it is changed around the key.
class KeyTranslator {
public:
    using Emit = std::function<void(KeyCode code, bool down)>;

    /// `locks`: the guest's.
    KeyTranslator(const Keymap& map, LockState& locks, Emit emit)
        : map_(map), locks_(locks), emit_(std::move(emit)) {}

    /// X11 key symbol as in the protocol's KeyEvent.
    void symbol(u32 keysym, bool down);
    /// The key itself.
    void key(KeyCode code, bool down);
    /// The key and what it meant to the viewer, from an extended key event.
    void extended(u32 keysym, KeyCode code, bool down);
    /// The viewer shows the guest's lights and so has the lock keys as the guest has them. For others the
    /// guest's are changed where a symbol tells that they differ.
    void viewer_has_lights(bool yes) { viewer_has_lights_ = yes; }
    /// The viewer is gone.
    void release_all();

private:
    void press(const KeyStroke& stroke);
    void match_num_lock(u32 keysym);
    void match_caps_lock(u32 keysym);
    void tap(KeyCode code);
    void with_modifiers(const KeyStroke& stroke, bool change_shift);
    void send(KeyCode code, bool down);
    bool shift_down() const;

    const Keymap& map_;
    LockState& locks_;
    Emit emit_;
    std::bitset<256> down_;
    bool viewer_has_lights_ = false;
};

} // namespace dm::vnc
