// Between a graphics adapter, which draws, and whoever shows it.
#pragma once

#include "dm/core/types.hpp"

#include <span>

namespace dm {

struct Rect {
    unsigned x = 0;
    unsigned y = 0;
    unsigned width = 0;
    unsigned height = 0;
};

/// Pixels to draw into: 32 bits each, 0x00RRGGBB in host order.
struct Surface {
    u32* pixels = nullptr;
    unsigned width = 0;
    unsigned height = 0;
    std::size_t stride = 0; ///< pixels from one row to the next
};

/// A hardware cursor's picture, which lies over the surface instead of in it.
struct CursorShape {
    static constexpr unsigned kMost = 256; ///< pixels in each direction; larger ones are not shown
    unsigned width = 0;                    ///< 0: no cursor is to be seen
    unsigned height = 0;
    unsigned hot_x = 0; ///< the pixel that points
    unsigned hot_y = 0;
    std::span<const u32> pixels; ///< row by row, 0xAARRGGBB
};

/// The consumer: a VNC server, a screen shot, a test. Device thread only.
class Display {
public:
    virtual ~Display() = default;
    /// False while nobody looks: then nothing needs to be drawn.
    virtual bool watched() const = 0;
    /// The surface to draw into, in the given size. When the size differs from before its content is
    /// undefined and the whole of it must be drawn and reported. Larger than the display can show: the
    /// surface is smaller.
    virtual Surface resize(unsigned width, unsigned height) = 0;
    /// `rect` of the surface has new pixels.
    virtual void changed(const Rect& rect) = 0;

    /// True while everybody who looks shows a hardware cursor at his own pointer's place: the adapter gives
    /// its shape to set_cursor() and leaves it out of the surface. May change from one refresh to the next.
    virtual bool shows_cursor() const { return false; }
    virtual void set_cursor(const CursorShape& shape) { static_cast<void>(shape); }
};

/// The adapter's side, called at the display's pace in the device thread.
class DisplaySource {
public:
    virtual ~DisplaySource() = default;
    /// Draws what changed since the last call; everything when `full`.
    virtual void refresh(Display& display, bool full) = 0;
    /// Nobody looks any more: stop tracking what changes.
    virtual void unwatched() = 0;
    /// Draws all of the picture once, beside the refreshes, which remember nothing of it.
    virtual void snapshot(Display& display) { refresh(display, true); }
    /// A viewer would like the screen to have this size. It is the guest that decides, when it next asks what
    /// the monitor can show. False: the adapter has no way to tell it.
    virtual bool propose_size(unsigned width, unsigned height) {
        static_cast<void>(width);
        static_cast<void>(height);
        return false;
    }
};

} // namespace dm
