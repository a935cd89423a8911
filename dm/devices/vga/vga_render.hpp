// Draws the VGA's screen: what changed since the last time, at whatever pace it is asked for.
//
// Nothing here is State: after a load or a reset the frame differs from the one drawn last, and all is drawn.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/display.hpp"
#include "dm/core/hypervisor.hpp"
#include "dm/devices/vga/vga_dirty.hpp"
#include "dm/devices/vga/vga_screen.hpp"
#include "dm/devices/vga/vga_text.hpp"

#include <vector>

namespace dm {

class VgaRender final : public DisplaySource {
public:
    /// `regs` have the text cursor. `clock` tells the phases of blinking.
    VgaRender(VideoMemory& video, const VgaRegs::State& regs, const VgaScreen& screen, VgaDirty& dirty,
              const Clock& clock)
        : video_(video), regs_(regs), screen_(screen), dirty_(dirty), clock_(clock) {}

    void refresh(Display& display, bool full) override;
    void unwatched() override;
    void snapshot(Display& display) override;
    /// What was drawn means nothing any more: draw everything next time.
    void invalidate() { valid_ = false; }

private:
    /// What changes a text screen besides its cells, fonts and frame.
    struct TextLook {
        u32 start = 0; ///< cell at the top left
        VgaText::Cursor cursor;
        bool cursor_on = false; ///< in its bright phase
        bool blink_on = false;  ///< characters that blink are in theirs
        bool operator==(const TextLook&) const = default;
    };

    void stop_tracking();
    void draw_blank(VgaCanvas& canvas, bool redraw);
    void draw_text(VgaCanvas& canvas, const VgaFrame& frame, bool redraw);
    void draw_cells(VgaCanvas& canvas, const VgaFrame& frame, bool redraw);
    void draw_packed(VgaCanvas& canvas, const VgaFrame& frame, bool redraw);
    void move_cursor(const VgaCursor& cursor);
    /// A line that the cursor has left, entered or been redrawn on.
    bool under_cursor(unsigned y) const {
        return cursor_moved_ && (cursor_.covers(y) || left_cursor_.covers(y));
    }
    /// Puts `line_`, with the cursor's part over it.
    void put_line(VgaCanvas& canvas, unsigned y);
    std::span<const u8> packed_line(u64 offset, u64 length);
    void collect_guest_writes(u64 first_byte, u64 length);
    bool cells_dirty(const VgaFrame& frame, u32 address, unsigned cells) const;

    VideoMemory& video_;
    const VgaRegs::State& regs_;
    const VgaScreen& screen_;
    VgaDirty& dirty_;
    const Clock& clock_;

    bool once_ = false;  ///< a snapshot's: takes no notice of what changes
    bool valid_ = false; ///< frame_ and surface_ are what was drawn last
    VgaFrame frame_;
    Surface surface_;
    bool tracking_ = false; ///< guest writes are being collected
    VgaText text_;
    TextLook text_look_;    ///< as drawn last
    VgaCursor cursor_;      ///< as drawn last
    VgaCursor left_cursor_; ///< where it was before
    bool cursor_moved_ = false;
    std::vector<u32> line_;
    std::vector<u32> cursor_line_;
    std::vector<u8> wrapped_line_;
    std::vector<u8> guest_dirty_;
};

} // namespace dm
