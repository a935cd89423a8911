// Keyboard and pointer events on their way from viewers to devices.
#pragma once

#include "dm/core/types.hpp"

namespace dm {

/// A key's place on the keyboard: the code of scan code set 1 ("XT"), 0xe0-prefixed keys with bit 7 set (0x80
/// | code), as in the RFB extension "QEMU Extended Key Event". Pause is 0xc6, PrintScreen 0xb7.
using KeyCode = u8;

/// Bits of a pointer's buttons.
enum class PointerButton : u8 {
    Left = 1,
    Middle = 2,
    Right = 4,
    WheelUp = 8,
    WheelDown = 16,
    Side = 32,
    Extra = 64
};

/// Bits of a keyboard's lights, as PS/2 keyboards and the RFB extension "QEMU LED State" number them.
enum class KeyboardLed : u8 { ScrollLock = 1, NumLock = 2, CapsLock = 4 };

/// What devices have to say to those who bring the events.
struct InputStatus {
    u8 leds = 0;           ///< KeyboardLed bits that the guest has lit
    bool absolute = false; ///< the pointer that the guest listens to takes places; else movements
    bool operator==(const InputStatus&) const = default;
};

class InputObserver {
public:
    virtual ~InputObserver() = default;
    virtual void input_status(const InputStatus& now) = 0;
};

/// Device thread only. A sink that hands events on to another one hands on everything here.
class InputSink {
public:
    virtual ~InputSink() = default;
    virtual void key(KeyCode code, bool down) = 0;
    /// Pointer at (x, y) of a `width` x `height` screen, with all buttons that are down now.
    virtual void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) = 0;
    /// The pointer moved so far to the right and down; for devices that are not absolute.
    virtual void motion(s32 dx, s32 dy, u8 buttons) {
        static_cast<void>(dx);
        static_cast<void>(dy);
        static_cast<void>(buttons);
    }

    virtual InputStatus status() const { return {}; }
    /// Who hears of each change of status(); null: nobody any more.
    virtual void observe(InputObserver* observer) { static_cast<void>(observer); }
};

} // namespace dm
