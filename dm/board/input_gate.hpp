// Between viewers and the keyboard and mouse: a stopped machine's keys and pointer do not move.
#pragma once

#include "dm/core/input.hpp"

#include <bitset>
#include <optional>

namespace dm {

/// Closed at first. A key or button that goes up while the gate is closed goes up for the guest when it
/// opens; one that goes down meanwhile never does. There is no room for keys then: who can wait does so, and
/// loses none in a machine that stands still for a moment.
class InputGate final : public InputSink {
public:
    explicit InputGate(InputSink& devices) : devices_(devices) {}

    void open();
    void close() { open_ = false; }

    void key(KeyCode code, bool down) override;
    bool key_room() const override { return open_ && devices_.key_room(); }
    bool stands_still() const override { return !open_; }
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) override;
    void motion(s32 dx, s32 dy, u8 buttons) override;
    InputStatus status() const override { return devices_.status(); }
    void observe(InputObserver* observer) override { devices_.observe(observer); }

private:
    struct Place {
        unsigned x = 0;
        unsigned y = 0;
        unsigned width = 0;
        unsigned height = 0;
    };
    void press(u8 buttons);

    InputSink& devices_;
    bool open_ = false;
    std::bitset<256> down_;      ///< as the guest knows
    std::bitset<256> went_up_;   ///< since the gate was closed
    u8 buttons_ = 0;             ///< that are down, as the guest knows
    u8 still_down_ = 0;          ///< of them, since the gate was closed
    std::optional<Place> place_; ///< of the pointer since then; none: it does not move, or tells movements
};

} // namespace dm
