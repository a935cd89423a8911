#include "dm/devices/vga/cirrus_screen.hpp"

namespace dm {
namespace {

constexpr u8 kInterlaced = 0x01;      // CR1A
constexpr u8 kExtendedAddress = 0x02; // CR1B: addresses do not wrap at 64 Ki cells

constexpr u8 kCursorOn = 0x01; // SR12
constexpr u8 kCursorLarge = 0x04;
constexpr u32 kCursorArea = 0x4000; // patterns are in the last 16 KiB
constexpr u32 kCursorSlot = 0x100;
constexpr unsigned kBackground = 0; // of the cursor's colours
constexpr unsigned kForeground = 15;

constexpr u8 crtc(const CirrusRegs::State& s, CirrusCrtc index) {
    return s.crtc[index - CirrusRegs::kFirstCrtc];
}

/// `bytes` bytes as the leftmost bits of a row.
u64 row_of(std::span<const u8> at, unsigned bytes) {
    u64 row = 0;
    for (unsigned i = 0; i < bytes; ++i)
        row |= u64{at[i]} << (56 - 8 * i);
    return row;
}

} // namespace

VgaFrame CirrusScreen::frame() const {
    const bool packed = regs_.extended() && graphics_selected(v_);
    // The BIOS sets SR1's "screen off" with each packed mode and leaves it so: the palette alone decides
    // there.
    if (packed && !palette_shows(v_)) return {};
    VgaFrame frame;
    if (packed)
        fill_crtc(frame, v_);
    else
        frame = describe_frame(v_);
    if (!packed && frame.kind == VgaFrame::Kind::Blank) return frame;

    const u8 display = crtc(s_, CR_EXTENDED_DISPLAY);
    frame.start +=
        (display & 0x01U) << 16 | (display & 0x0cU) << 15 | (crtc(s_, CR_OVERLAY_EXTENDED) & 0x80U) << 12;
    frame.pitch += (display & 0x10U) << 5;
    if ((display & kExtendedAddress) != 0) frame.wrap = static_cast<u32>(video_.bytes().size() / 4);
    if ((crtc(s_, CR_MISCELLANEOUS) & kInterlaced) != 0 && graphics_selected(v_)) frame.height *= 2;
    if (!packed) return frame;

    frame.kind = VgaFrame::Kind::Packed;
    frame.bpp = regs_.bits_per_pixel();
    frame.width = (v_.crtc[CR_HORIZONTAL_DISPLAY_END] + 1U) * 8;
    frame.zoom = 1;
    frame.start *= 4; // cells to bytes
    frame.pitch *= 4;
    frame.wrap = 0;
    frame.mode_control = 3;
    if (frame.bpp == 8) fill_256_colours(frame, v_, false);
    return frame;
}

VgaCursor CirrusScreen::cursor() const {
    VgaCursor cursor;
    const u8 attributes = s_.seq[SR_CURSOR_ATTRIBUTES];
    if ((attributes & kCursorOn) == 0) return cursor;
    const bool large = (attributes & kCursorLarge) != 0;
    cursor.size = large ? 64 : 32;
    cursor.x = s_.cursor_x;
    cursor.y = s_.cursor_y;

    const std::span<const u8> vram = video_.bytes();
    const u32 slot = s_.seq[SR_CURSOR_PATTERN] & (large ? 0x3cU : 0x3fU);
    const std::span<const u8> pattern = vram.last(kCursorArea).subspan(u64{slot} * kCursorSlot);
    for (std::size_t y = 0; y < cursor.size; ++y) {
        // Rows of both planes side by side, or one plane behind the other.
        const u64 first = large ? row_of(pattern.subspan(y * 16), 8) : row_of(pattern.subspan(y * 4), 4);
        cursor.ink[y] =
            large ? row_of(pattern.subspan(y * 16 + 8), 8) : row_of(pattern.subspan(128 + y * 4), 4);
        cursor.second[y] = first;
    }
    const auto colour = [this](unsigned entry) {
        u32 rgb = 0;
        for (unsigned i = 0; i < 3; ++i)
            rgb = rgb << 8 | widened(s_.cursor_colours[entry * 3 + i] & 0x3fU);
        return rgb;
    };
    cursor.colours = {colour(kBackground), colour(kForeground)};
    return cursor;
}

} // namespace dm
