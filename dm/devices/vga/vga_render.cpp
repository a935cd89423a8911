#include "dm/devices/vga/vga_render.hpp"

#include "dm/devices/vga/vga_graphics.hpp"

namespace dm {
namespace {

// Shown while the screen is off, when nothing was shown before: the size of the BIOS's first mode.
constexpr unsigned kBlankWidth = 720;
constexpr unsigned kBlankHeight = 400;

// The cursor is on for 8 of 16 frames, blinking characters for 16 of 32, at 60 frames a second.
constexpr u64 kCursorPhase = 8 * kSecond / 60;
constexpr u64 kBlinkPhase = 16 * kSecond / 60;

constexpr u64 kCellBytes = 4;

bool phase_on(u64 now_ns, u64 phase_ns) {
    return now_ns / phase_ns % 2 == 0;
}

/// Linear modes, which the guest draws into without telling us. In the legacy modes it goes through the
/// window.
bool shows_guest_memory(const VgaFrame& frame) {
    return frame.kind == VgaFrame::Kind::Packed || (frame.kind == VgaFrame::Kind::Planar && frame.wrap == 0);
}

bool has_graphics_cursor(VgaFrame::Kind kind) {
    return kind != VgaFrame::Kind::Blank && kind != VgaFrame::Kind::Text;
}

} // namespace

void VgaRender::stop_tracking() {
    if (tracking_) video_.stop_tracking();
    tracking_ = false;
}

void VgaRender::unwatched() {
    stop_tracking();
    dirty_.enable(false);
    valid_ = false;
}

// Another renderer with the same view of the adapter: neither the notes of what has changed nor the picture
// that is being shown are touched.
void VgaRender::snapshot(Display& display) {
    VgaRender other = *this;
    other.once_ = true;
    other.tracking_ = false;
    other.refresh(display, true);
}

void VgaRender::refresh(Display& display, bool full) {
    if (!display.watched()) {
        unwatched();
        return;
    }
    if (!once_ && !dirty_.enabled()) {
        dirty_.enable(true);
        valid_ = false; // nobody took notes
    }
    VgaFrame frame = screen_.frame();
    if (frame.kind == VgaFrame::Kind::Blank) {
        frame.width = frame_.width != 0 ? frame_.width : kBlankWidth;
        frame.height = frame_.height != 0 ? frame_.height : kBlankHeight;
    }
    const Surface surface = display.resize(frame.width, frame.height);
    const bool all = full || !valid_ || surface.pixels != surface_.pixels ||
                     surface.width != surface_.width || surface.height != surface_.height ||
                     surface.stride != surface_.stride;
    if (!shows_guest_memory(frame)) stop_tracking();
    VgaFrame look = frame;
    if (look.kind == VgaFrame::Kind::Text) look.start = 0; // scrolling is seen cell by cell
    const bool redraw = all || look != frame_;
    surface_ = surface;
    frame_ = look;
    valid_ = true;
    move_cursor(has_graphics_cursor(frame.kind) ? screen_.cursor() : VgaCursor{});
    if (surface.width == 0 || surface.height == 0) return;

    VgaCanvas canvas(display, surface, all);
    switch (frame.kind) {
    case VgaFrame::Kind::Blank: draw_blank(canvas, redraw); break;
    case VgaFrame::Kind::Text: draw_text(canvas, frame, redraw); break;
    case VgaFrame::Kind::Planar:
    case VgaFrame::Kind::Cga:
    case VgaFrame::Kind::Colours256: draw_cells(canvas, frame, redraw); break;
    case VgaFrame::Kind::Packed: draw_packed(canvas, frame, redraw); break;
    }
    if (!once_) dirty_.clear();
}

void VgaRender::move_cursor(const VgaCursor& cursor) {
    cursor_moved_ = cursor != cursor_;
    if (!cursor_moved_) return;
    left_cursor_ = cursor_;
    cursor_ = cursor;
}

void VgaRender::put_line(VgaCanvas& canvas, unsigned y) {
    if (!cursor_.covers(y)) {
        canvas.put_line(y, line_);
        return;
    }
    cursor_line_.assign(line_.begin(), line_.begin() + canvas.width());
    cursor_.draw(y, cursor_line_);
    canvas.put_line(y, cursor_line_);
}

void VgaRender::draw_blank(VgaCanvas& canvas, bool redraw) {
    if (!redraw) return;
    line_.assign(canvas.width(), 0);
    for (unsigned y = 0; y < canvas.height(); ++y)
        canvas.put_line(y, line_);
}

// Comparing all cells is the dearest part of a look at a screen at rest: it is done when there is a reason.
void VgaRender::draw_text(VgaCanvas& canvas, const VgaFrame& frame, bool redraw) {
    const u64 now = clock_.now_ns();
    const VgaText::Cursor cursor = VgaText::cursor_of(regs_);
    const TextLook look = {frame.start, cursor, cursor.visible && phase_on(now, kCursorPhase),
                           frame.blink && phase_on(now, kBlinkPhase)};
    redraw = redraw || dirty_.fonts();
    if (!redraw && !dirty_.any() && look == text_look_) return;
    text_look_ = look;
    text_.draw(canvas, frame, video_.bytes(), look.cursor, look.cursor_on, look.blink_on, redraw);
}

bool VgaRender::cells_dirty(const VgaFrame& frame, u32 address, unsigned cells) const {
    if (frame.wrap == 0) return dirty_.test(address * kCellBytes, cells * kCellBytes);
    const u32 first = address % frame.wrap;
    const u32 before_wrap = std::min(cells, frame.wrap - first);
    return dirty_.test(first * kCellBytes, before_wrap * kCellBytes) ||
           dirty_.test(0, (cells - before_wrap) * kCellBytes);
}

void VgaRender::draw_cells(VgaCanvas& canvas, const VgaFrame& frame, bool redraw) {
    if (shows_guest_memory(frame))
        collect_guest_writes(frame.start * kCellBytes, u64{frame.height} * frame.pitch * kCellBytes);
    if (!redraw && !dirty_.any() && !cursor_moved_) return;
    line_.resize(canvas.width() + kVgaDecodeSlack);
    bool decoded = false;
    u32 decoded_address = 0;
    unsigned decoded_pan = 0;
    VgaScan scan(frame);
    for (unsigned y = 0; y < canvas.height(); ++y, scan.next()) {
        const u32 address = scan.address();
        const unsigned pan = scan.pan();
        if (!redraw && !under_cursor(y) && !cells_dirty(frame, address, cells_per_line(frame, pan))) continue;
        if (!decoded || address != decoded_address || pan != decoded_pan) // doubled lines are decoded once
            decode_cells(frame, video_.bytes(), address, pan, line_);
        decoded = true;
        decoded_address = address;
        decoded_pan = pan;
        put_line(canvas, y);
    }
}

void VgaRender::draw_packed(VgaCanvas& canvas, const VgaFrame& frame, bool redraw) {
    const u64 line_bytes = packed_bytes(frame, canvas.width());
    if (line_bytes > video_.bytes().size()) return; // no adapter has such modes
    if (frame.line_compare < frame.height)          // the part below the split starts at 0
        collect_guest_writes(0, video_.bytes().size());
    else
        collect_guest_writes(frame.start, u64{frame.height - 1} * frame.pitch + line_bytes);
    if (!redraw && !dirty_.any() && !cursor_moved_) return;
    line_.resize(canvas.width());
    VgaScan scan(frame);
    for (unsigned y = 0; y < canvas.height(); ++y, scan.next()) {
        const u64 offset = scan.address() & (video_.bytes().size() - 1);
        if (!redraw && !under_cursor(y) && !dirty_.test(offset, line_bytes)) continue;
        decode_packed(frame, packed_line(offset, line_bytes), line_);
        put_line(canvas, y);
    }
}

/// Behind the end of the memory comes its start.
std::span<const u8> VgaRender::packed_line(u64 offset, u64 length) {
    const std::span<const u8> vram = video_.bytes();
    const u64 here = std::min<u64>(length, vram.size() - offset);
    if (here == length) return vram.subspan(offset, length);
    wrapped_line_.assign(vram.begin() + static_cast<std::ptrdiff_t>(offset), vram.end());
    wrapped_line_.insert(wrapped_line_.end(), vram.begin(),
                         vram.begin() + static_cast<std::ptrdiff_t>(length - here));
    return wrapped_line_;
}

// The linear frame buffer is guest memory: only the hypervisor knows who wrote there.
void VgaRender::collect_guest_writes(u64 first_byte, u64 length) {
    if (once_) return;
    const u64 size = video_.bytes().size();
    if (length > size - std::min(first_byte, size)) { // wraps
        first_byte = 0;
        length = size;
    }
    const u64 end = first_byte + length;
    const u64 first_page = first_byte >> kPageShift;
    const u64 pages = ((end + kPageSize - 1) >> kPageShift) - first_page;
    tracking_ = true;
    guest_dirty_.assign((pages + 7) / 8, 0);
    if (video_.collect_dirty(first_page, pages, guest_dirty_))
        dirty_.mark_bits(first_page, pages, guest_dirty_);
    else
        dirty_.mark(first_page << kPageShift, pages << kPageShift);
}

} // namespace dm
