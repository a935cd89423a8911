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
    /// From a keyboard that the guest stopped to read: an event that it has not heard of. After
    /// input_status(), in order.
    virtual void key_unread(KeyCode code, bool down) {
        static_cast<void>(code);
        static_cast<void>(down);
    }
};

/// Device thread only. A sink that hands events on to another one hands on everything here.
class InputSink {
public:
    virtual ~InputSink() = default;
    virtual void key(KeyCode code, bool down) = 0;
    /// False: whoever can wait brings no key that goes down now, lest it be lost. A few find room
    /// nevertheless, from those who cannot wait; keys that go up always do.
    virtual bool key_room() const { return true; }
    /// There is none, and keys that go down now never arrive: the machine was stopped.
    virtual bool stands_still() const { return false; }
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

/// A keyboard or a pointer that a guest may or may not use.
class InputTarget : public InputSink {
public:
    enum class Kind : u8 { Keyboard, Pointer };
    /// Of those in use the lowest comes first, among equals who was there first.
    enum class Rank : u8 { Usual, Paravirtual, Relative };
    virtual Kind kind() const = 0;
    virtual Rank rank() const { return Rank::Usual; }
    virtual bool in_use() const = 0;
    /// Nothing is held down any more.
    virtual void release_all() = 0;
    /// Events went elsewhere, and the guest's pointer with them: the next place is no movement.
    virtual void forget_place() {}
};

/// Whoever gives viewers' events to the targets that the guest uses.
class InputTargets {
public:
    virtual ~InputTargets() = default;
    virtual void add(InputTarget& target) = 0;
    virtual void remove(InputTarget& target) = 0;
};

} // namespace dm
