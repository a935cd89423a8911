// What viewers send once they are in: RFB 3.8 client messages (RFC 6143, section 7.5) and the extensions that
// we offer, parsed strictly. Everything else ends the connection, or is skipped where old viewers send it
// unasked.
//
// This stands in front of LibVNCServer, whose own parser also takes file transfers, chats, clipboards and
// scaling.
#pragma once

#include "dm/core/display.hpp"
#include "dm/core/types.hpp"
#include "dm/vnc/rfb_protocol.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>

namespace dm::vnc {

struct PixelFormat {
    u8 bits_per_pixel = 32;
    u8 depth = 24;
    bool big_endian = false;
    bool true_colour = true;
    u16 red_max = 255;
    u16 green_max = 255;
    u16 blue_max = 255;
    u8 red_shift = 16;
    u8 green_shift = 8;
    u8 blue_shift = 0;
    bool operator==(const PixelFormat&) const = default;
};

/// What SetEncodings asks for, as far as we have it.
struct Encodings {
    s32 preferred = 0; ///< Raw, Hextile, Zlib, Tight or ZRLE: the first of them in the list
    bool new_fb_size = false;
    bool extended_desktop_size = false;
    bool last_rect = false;
    bool extended_key_events = false;
    bool pointer_motion_change = false;
    bool fence = false;
    bool continuous_updates = false;
    std::optional<s32> led_state;     ///< QEMU's or VMware's, the first of them in the list
    std::optional<s32> cursor;        ///< CursorWithAlpha, else Cursor, else X Cursor
    std::optional<u8> compress_level; ///< 0..9
    std::optional<u8> jpeg_quality;   ///< 0..9
    bool operator==(const Encodings&) const = default;
};

struct UpdateRequest {
    bool incremental = false;
    u16 x = 0;
    u16 y = 0;
    u16 width = 0;
    u16 height = 0;
};

struct FenceMessage {
    static constexpr std::size_t kMostPayload = 64;
    u32 flags = 0;
    u8 length = 0;
    std::array<u8, kMostPayload> payload{};
    std::span<const u8> content() const { return std::span(payload).first(length); }
};

struct SizeRequest {
    u16 width = 0;
    u16 height = 0;
    bool one_screen = false; ///< that fills it
};

/// Who is told; called in the reading thread.
class RfbEvents {
public:
    virtual ~RfbEvents() = default;
    virtual void set_pixel_format(const PixelFormat& format) = 0;
    virtual void set_encodings(const Encodings& encodings) = 0;
    virtual void update_requested(const UpdateRequest& request) = 0;
    virtual void key_symbol(u32 keysym, bool down) = 0;
    virtual void extended_key(u32 keysym, u32 keycode, bool down) = 0;
    virtual void pointer(u16 x, u16 y, u8 buttons) = 0;
    virtual void desktop_size_requested(const SizeRequest& request) = 0;
    virtual void continuous_updates(bool on, const Rect& area) = 0;
    /// A request, or what came back of ours. One with SYNC_NEXT is reported together with the next message:
    /// its answer and that take effect at once, when followed() comes.
    virtual void fence(const FenceMessage& fence) = 0;
    virtual void followed() = 0;
};

class RfbReader {
public:
    /// Reads from a socket that does not block. `events` must outlive the reader.
    RfbReader(int fd, RfbEvents& events) : fd_(fd), events_(events) {}

    /// Reads and reports one message. False when the connection is over; why() tells.
    bool message();
    const std::string& why() const { return why_; }

private:
    bool dispatch(u8 type);
    bool end(std::string why);
    bool read(std::span<u8> out, int timeout_ms);
    bool skip(u64 bytes);
    bool pixel_format();
    bool encodings();
    bool update_request();
    bool key_event();
    bool pointer_event();
    bool cut_text();
    bool desktop_size();
    bool qemu_message();
    bool enable_continuous_updates();
    bool fence();
    bool followed_fence(const FenceMessage& fence);

    int fd_;
    RfbEvents& events_;
    std::string why_;
    std::array<u8, 1024> buffer_{};
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

} // namespace dm::vnc
