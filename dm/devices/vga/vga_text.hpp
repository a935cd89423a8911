// Text modes: compares the cells on the screen with those that were drawn last and draws the others.
#pragma once

#include "dm/core/types.hpp"
#include "dm/devices/vga/vga_canvas.hpp"
#include "dm/devices/vga/vga_frame.hpp"
#include "dm/devices/vga/vga_scan.hpp"

#include <span>
#include <vector>

namespace dm {

class VgaText {
public:
    struct Cursor {
        bool visible = false;
        u32 cell = 0;
        unsigned first_scan = 0;
        unsigned last_scan = 0;
        bool operator==(const Cursor&) const = default;
    };
    static Cursor cursor_of(const VgaRegs::State& regs);

    /// `redraw`: colours, fonts or geometry changed, every cell is drawn. `cursor_on`, `blink_on`: the
    /// phases.
    void draw(VgaCanvas& canvas, const VgaFrame& frame, std::span<const u8> vram, const Cursor& cursor,
              bool cursor_on, bool blink_on, bool redraw);

private:
    /// Lines of one row of cells that are on the screen without a gap.
    struct Segment {
        u32 address = 0;
        unsigned y = 0;
        unsigned lines = 0;
        unsigned first_scan = 0;
        unsigned pan = 0;
        bool operator==(const Segment&) const = default;
    };
    struct Pass;

    static std::vector<Segment> segments_of(const VgaFrame& frame, unsigned lines);
    void draw_segment(Pass& pass, const Segment& segment, std::span<u32> drawn, bool redraw);
    static void draw_cell(Pass& pass, const Segment& segment, unsigned column, u32 look);

    std::vector<Segment> segments_;
    std::vector<u32> drawn_; ///< one look per cell and segment
    Cursor cursor_;
};

} // namespace dm
