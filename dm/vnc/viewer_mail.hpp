// What others left for the thread that shows a viewer the screen. Several notes of a kind become one, so that
// a viewer that does not read costs no memory.
#pragma once

#include "dm/core/input.hpp"
#include "dm/vnc/rfb_reader.hpp"

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace dm::vnc {

struct ScreenSize {
    unsigned width = 0;
    unsigned height = 0;
    bool operator==(const ScreenSize&) const = default;
};

/// A CursorShape that keeps its pixels. Of no size: the cursor is in the picture, or not to be seen.
struct CursorImage {
    unsigned width = 0;
    unsigned height = 0;
    unsigned hot_x = 0;
    unsigned hot_y = 0;
    std::vector<u32> pixels;
    bool operator==(const CursorImage&) const = default;
};
using CursorPtr = std::shared_ptr<const CursorImage>;

inline Rect bounding(const Rect& a, const Rect& b) {
    if (a.width == 0 || a.height == 0) return b;
    if (b.width == 0 || b.height == 0) return a;
    const unsigned x = a.x < b.x ? a.x : b.x;
    const unsigned y = a.y < b.y ? a.y : b.y;
    const unsigned right = a.x + a.width > b.x + b.width ? a.x + a.width : b.x + b.width;
    const unsigned bottom = a.y + a.height > b.y + b.height ? a.y + a.height : b.y + b.height;
    return {x, y, right - x, bottom - y};
}

struct ViewerMail {
    static constexpr std::size_t kMostRects = 32;
    static constexpr std::size_t kMostFences = 8;
    static constexpr unsigned kMostAnswers =
        16; ///< to requests for one change of size; enough to see them fail

    struct Continuous {
        bool on = false;
        Rect area;
    };
    struct SizeAnswer {
        SizeStatus status = SizeStatus::Done;
        unsigned times = 0; ///< so many requests have been answered
    };
    struct FenceReturn {
        u32 number = 0;
        u64 at_ns = 0;
    };

    bool stop = false;
    bool held = false; ///< what is here waits for the message after a fence
    std::optional<PixelFormat> format;
    std::optional<Encodings> encodings;
    std::optional<ScreenSize> size;
    std::array<Rect, kMostRects> changed{};
    std::size_t changes = 0;
    Rect requested; ///< bounding box of the requests; empty: none
    Rect wanted;    ///< of those that are not incremental
    std::optional<SizeAnswer> size_answer;
    std::optional<InputStatus> input;
    std::optional<CursorPtr> cursor;
    std::optional<Continuous> continuous;
    unsigned ends = 0; ///< of continuous updates, to be confirmed
    std::array<FenceMessage, kMostFences> fences{};
    std::size_t fence_count = 0;
    std::optional<FenceReturn> returned; ///< the latest of our own

    bool empty() const {
        return !stop && !format && !encodings && !size && changes == 0 && requested.width == 0 &&
               !size_answer && !input && !cursor && !continuous && ends == 0 && fence_count == 0 && !returned;
    }
    /// Work for the thread that takes it.
    bool ready() const { return stop || (!held && !empty()); }
    void add_change(const Rect& rect) {
        if (changes < kMostRects)
            changed[changes++] = rect;
        else
            changed[kMostRects - 1] = bounding(changed[kMostRects - 1], rect);
    }
};

} // namespace dm::vnc
