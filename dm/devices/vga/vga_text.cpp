#include "dm/devices/vga/vga_text.hpp"

namespace dm {
namespace {

constexpr u8 kCursorOff = 0x20; // CRA
constexpr u32 kCellMask = 0xffff;

// A cell's look: character, attribute, and what else decides about its pixels.
constexpr u32 kLookCursor = 1U << 16;
constexpr u32 kLookHidden = 1U << 17; // in the dark phase of blinking
constexpr u32 kLookNone = ~0U;

} // namespace

VgaText::Cursor VgaText::cursor_of(const VgaRegs::State& regs) {
    const auto& cr = regs.crtc;
    Cursor cursor;
    cursor.cell = u32{cr[CR_CURSOR_LOCATION_HIGH]} << 8 | cr[CR_CURSOR_LOCATION_LOW];
    cursor.first_scan = cr[CR_CURSOR_START] & 0x1f;
    cursor.last_scan = cr[CR_CURSOR_END] & 0x1f;
    cursor.visible = (cr[CR_CURSOR_START] & kCursorOff) == 0 && cursor.first_scan <= cursor.last_scan;
    return cursor;
}

struct VgaText::Pass {
    VgaCanvas& canvas;
    const VgaFrame& frame;
    std::span<const u8> vram;
    const Cursor& cursor;
    bool cursor_on;
    bool blink_on;

    u8 byte(u32 cell, unsigned plane) const {
        return vram[(cell % frame.wrap * 4 + plane) & (vram.size() - 1)];
    }
    u32 look(u32 cell) const {
        const u8 attribute = byte(cell, 1);
        u32 look = u32{attribute} << 8 | byte(cell, 0);
        if (cursor_on && cursor.visible && ((cell ^ cursor.cell) & kCellMask) == 0) look |= kLookCursor;
        if (frame.blink && !blink_on && (attribute & 0x80) != 0) look |= kLookHidden;
        return look;
    }
    /// The dots of a line of a cell, leftmost in the highest of `cell_width` bits.
    unsigned dots(u32 look, unsigned scan) const {
        const u8 character = byte_of_look(look, 0);
        const u8 attribute = byte_of_look(look, 1);
        const bool nine = frame.cell_width == 9;
        if ((look & kLookCursor) != 0 && scan >= cursor.first_scan && scan <= cursor.last_scan) return 0x1ff;
        if ((look & kLookHidden) != 0) return 0;
        if (scan == frame.underline && (attribute & 7) == 1) return 0x1ff;
        const u32 glyph = frame.fonts[attribute >> 3 & 1] + character * 32U + scan;
        unsigned dots = byte(glyph, 2);
        if (nine) {
            const bool repeats = frame.line_graphics && character >= 0xc0 && character <= 0xdf;
            dots = dots << 1 | (repeats ? dots & 1 : 0);
        }
        return dots;
    }
    static u8 byte_of_look(u32 look, unsigned index) { return static_cast<u8>(look >> (8 * index)); }
};

std::vector<VgaText::Segment> VgaText::segments_of(const VgaFrame& frame, unsigned lines) {
    std::vector<Segment> segments;
    VgaScan scan(frame);
    for (unsigned y = 0; y < lines; ++y, scan.next()) {
        const bool goes_on = !segments.empty() && segments.back().address == scan.address() &&
                             segments.back().pan == scan.pan() &&
                             scan.scan() == segments.back().first_scan + segments.back().lines / frame.repeat;
        if (goes_on)
            ++segments.back().lines;
        else
            segments.push_back({scan.address(), y, 1, scan.scan(), scan.pan()});
    }
    return segments;
}

void VgaText::draw(VgaCanvas& canvas, const VgaFrame& frame, std::span<const u8> vram, const Cursor& cursor,
                   bool cursor_on, bool blink_on, bool redraw) {
    std::vector<Segment> segments = segments_of(frame, canvas.height());
    const std::size_t columns = frame.width / (frame.cell_width * frame.zoom) + 1; // one more when panned
    // Where rows lie on the screen counts, not where they come from: scrolling by start address moves looks.
    const auto same_place = [](const Segment& a, const Segment& b) {
        return a.y == b.y && a.lines == b.lines && a.first_scan == b.first_scan && a.pan == b.pan;
    };
    if (!std::equal(segments.begin(), segments.end(), segments_.begin(), segments_.end(), same_place) ||
        drawn_.size() != segments.size() * columns)
        redraw = true;
    const bool reshaped = cursor.first_scan != cursor_.first_scan || cursor.last_scan != cursor_.last_scan;
    segments_ = std::move(segments);
    cursor_ = cursor;
    if (redraw) drawn_.assign(segments_.size() * columns, kLookNone);

    Pass pass{canvas, frame, vram, cursor, cursor_on, blink_on};
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        const std::span<u32> drawn = std::span(drawn_).subspan(i * columns, columns);
        if (reshaped)
            std::replace_if(
                drawn.begin(), drawn.end(), [](u32 look) { return (look & kLookCursor) != 0; }, kLookNone);
        draw_segment(pass, segments_[i], drawn, redraw);
    }
}

void VgaText::draw_segment(Pass& pass, const Segment& segment, std::span<u32> drawn, bool redraw) {
    const unsigned step = pass.frame.cell_width * pass.frame.zoom;
    const unsigned shift = segment.pan * pass.frame.zoom;
    unsigned left = pass.canvas.width();
    unsigned right = 0;
    for (unsigned column = 0; column < drawn.size(); ++column) {
        if (column * step >= pass.canvas.width() + shift) break;
        const u32 look = pass.look(segment.address + column);
        if (!redraw && look == drawn[column]) continue;
        drawn[column] = look;
        draw_cell(pass, segment, column, look);
        const unsigned x = column * step;
        left = std::min(left, x > shift ? x - shift : 0);
        right = std::max(right, std::min(x + step > shift ? x + step - shift : 0, pass.canvas.width()));
    }
    if (right > left) pass.canvas.touched({left, segment.y, right - left, segment.lines});
}

void VgaText::draw_cell(Pass& pass, const Segment& segment, unsigned column, u32 look) {
    const VgaFrame& frame = pass.frame;
    const u8 attribute = Pass::byte_of_look(look, 1);
    const u32 foreground = frame.colours[attribute & 0xf];
    const u32 background = frame.colours[attribute >> 4 & (frame.blink ? 7 : 0xf)];
    const unsigned step = frame.cell_width * frame.zoom;
    const unsigned shift = segment.pan * frame.zoom;
    const unsigned begin = std::max(column * step, shift); // dots of the row, the shifted ones included
    const unsigned end = std::min(column * step + step, pass.canvas.width() + shift);
    for (unsigned line = 0; line < segment.lines; ++line) {
        const unsigned dots = pass.dots(look, segment.first_scan + line / frame.repeat);
        u32* const row = pass.canvas.row(segment.y + line);
        for (unsigned x = begin; x < end; ++x) {
            const unsigned dot = (x - column * step) / frame.zoom;
            const bool on = (dots >> (frame.cell_width - 1 - dot) & 1) != 0;
            row[x - shift] = on ? foreground : background;
        }
    }
}

} // namespace dm
