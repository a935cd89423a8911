// Which lock keys the guest has on. Guests that set their keyboard's lights tell; for the others, and until
// the light changes, presses of the keys are counted.
#pragma once

#include "dm/core/input.hpp"

#include <atomic>

namespace dm::vnc {

/// Any thread.
class LockState {
public:
    bool caps() const { return has(KeyboardLed::CapsLock); }
    bool num() const { return has(KeyboardLed::NumLock); }
    void pressed(KeyCode code) {
        switch (code) {
        case kCapsLock: bits_ ^= static_cast<u8>(KeyboardLed::CapsLock); break;
        case kNumLock: bits_ ^= static_cast<u8>(KeyboardLed::NumLock); break;
        }
    }
    void lit(u8 leds) { bits_ = leds; }

    static constexpr KeyCode kCapsLock = 0x3a;
    static constexpr KeyCode kNumLock = 0x45;

private:
    bool has(KeyboardLed led) const { return (bits_ & static_cast<u8>(led)) != 0; }
    std::atomic<u8> bits_ = 0;
};

} // namespace dm::vnc
