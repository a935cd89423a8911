// The surface while one refresh draws into it: finds out what really changed and tells the display.
#pragma once

#include "dm/core/display.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace dm {

class VgaCanvas {
public:
    /// `all`: what the surface holds means nothing, everything is drawn and reported.
    VgaCanvas(Display& display, const Surface& surface, bool all)
        : display_(display), surface_(surface), all_(all) {}
    VgaCanvas(const VgaCanvas&) = delete;
    VgaCanvas& operator=(const VgaCanvas&) = delete;
    ~VgaCanvas() {
        if (all_) add({0, 0, surface_.width, surface_.height});
        flush();
    }

    unsigned width() const { return surface_.width; }
    unsigned height() const { return surface_.height; }
    u32* row(unsigned y) { return surface_.pixels + y * surface_.stride; }

    /// Line `y` now looks like this (at least width() pixels).
    void put_line(unsigned y, std::span<const u32> pixels) {
        u32* const old = row(y);
        if (all_) {
            std::memcpy(old, pixels.data(), surface_.width * sizeof(u32));
            return;
        }
        unsigned first = 0;
        while (first < surface_.width && old[first] == pixels[first])
            ++first;
        if (first == surface_.width) return;
        unsigned end = surface_.width;
        while (old[end - 1] == pixels[end - 1])
            --end;
        std::memcpy(old + first, pixels.data() + first, (end - first) * sizeof(u32));
        touched({first, y, end - first, 1});
    }
    /// `rect`, which lies inside, was drawn by other means.
    void touched(const Rect& rect) {
        if (!all_) add(rect);
    }

private:
    void add(const Rect& rect) {
        if (rect.width == 0 || rect.height == 0) return;
        if (pending_.height > 0 &&
            rect.y <= pending_.y + pending_.height) { // goes on where the last one ended
            const unsigned x = std::min(pending_.x, rect.x);
            const unsigned right = std::max(pending_.x + pending_.width, rect.x + rect.width);
            const unsigned bottom = std::max(pending_.y + pending_.height, rect.y + rect.height);
            pending_ = {x, pending_.y, right - x, bottom - pending_.y};
            return;
        }
        flush();
        pending_ = rect;
    }
    void flush() {
        if (pending_.height > 0) display_.changed(pending_);
        pending_ = {};
    }

    Display& display_;
    Surface surface_;
    bool all_;
    Rect pending_;
};

} // namespace dm
