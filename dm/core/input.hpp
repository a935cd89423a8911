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

/// Device thread only.
class InputSink {
public:
    virtual ~InputSink() = default;
    virtual void key(KeyCode code, bool down) = 0;
    /// Pointer at (x, y) of a `width` x `height` screen, with all buttons that are down now.
    virtual void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) = 0;
};

} // namespace dm
