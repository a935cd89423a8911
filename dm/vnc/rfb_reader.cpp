#include "dm/vnc/rfb_reader.hpp"

#include "dm/vnc/posix.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>

namespace dm::vnc {
namespace {

enum MessageType : u8 {
    SET_PIXEL_FORMAT = 0,
    SET_ENCODINGS = 2,
    FRAMEBUFFER_UPDATE_REQUEST = 3,
    KEY_EVENT = 4,
    POINTER_EVENT = 5,
    CLIENT_CUT_TEXT = 6,
    ULTRA_SET_SCALE = 8,
    ULTRA_SET_SERVER_INPUT = 9,
    ULTRA_SET_SINGLE_WINDOW = 10,
    PALM_SET_SCALE_FACTOR = 15,
    ENABLE_CONTINUOUS_UPDATES = 150,
    CLIENT_FENCE = 248,
    SET_DESKTOP_SIZE = 251,
    QEMU = 255,
};
constexpr u8 kQemuExtendedKeyEvent = 0;

constexpr int kMessageTimeoutMs = 60'000; // between two bytes of one message
constexpr u32 kMostCutText = 1 << 20;

u16 get16(std::span<const u8> bytes, std::size_t at) {
    return static_cast<u16>(bytes[at] << 8 | bytes[at + 1]);
}
u32 get32(std::span<const u8> bytes, std::size_t at) {
    return u32{get16(bytes, at)} << 16 | get16(bytes, at + 2);
}

/// A colour's bits are contiguous and inside the pixel.
bool fits(u16 max, u8 shift, u8 bits_per_pixel) {
    return std::has_single_bit(static_cast<unsigned>(max) + 1) && max != 0 &&
           shift + std::bit_width(static_cast<unsigned>(max)) <= bits_per_pixel;
}

void note(Encodings& e, bool& chosen, s32 encoding) {
    if (encoding >= COMPRESS_LEVEL_0 && encoding <= COMPRESS_LEVEL_9)
        e.compress_level = static_cast<u8>(encoding - COMPRESS_LEVEL_0);
    if (encoding >= JPEG_QUALITY_0 && encoding <= JPEG_QUALITY_9)
        e.jpeg_quality = static_cast<u8>(encoding - JPEG_QUALITY_0);
    switch (encoding) {
    case RAW:
    case HEXTILE:
    case ZLIB:
    case TIGHT:
    case ZRLE:
        if (!chosen) e.preferred = encoding;
        chosen = true;
        break;
    case NEW_FB_SIZE: e.new_fb_size = true; break;
    case EXTENDED_DESKTOP_SIZE: e.extended_desktop_size = true; break;
    case LAST_RECT: e.last_rect = true; break;
    case QEMU_EXTENDED_KEY_EVENT: e.extended_key_events = true; break;
    case QEMU_POINTER_MOTION_CHANGE: e.pointer_motion_change = true; break;
    case FENCE: e.fence = true; break;
    case CONTINUOUS_UPDATES: e.continuous_updates = true; break;
    case QEMU_LED_STATE:
    case VMWARE_LED_STATE:
        if (!e.led_state) e.led_state = encoding;
        break;
    case CURSOR_WITH_ALPHA: e.cursor = encoding; break;
    case CURSOR:
        if (e.cursor != CURSOR_WITH_ALPHA) e.cursor = encoding;
        break;
    case X_CURSOR:
        if (!e.cursor) e.cursor = encoding;
        break;
    }
}

} // namespace

bool RfbReader::end(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
}

bool RfbReader::read(std::span<u8> out, int timeout_ms) {
    while (!out.empty()) {
        if (begin_ == end_) {
            const ssize_t n = recv(fd_, buffer_.data(), buffer_.size(), 0);
            if (n == 0) return end("disconnected");
            if (n < 0 && errno == EINTR) continue;
            if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                if (!wait_readable(fd_, timeout_ms)) return end("stopped in the middle of a message");
                continue;
            }
            if (n < 0) return end(std::strerror(errno));
            begin_ = 0;
            end_ = static_cast<std::size_t>(n);
        }
        const std::size_t take = std::min(out.size(), end_ - begin_);
        std::memcpy(out.data(), buffer_.data() + begin_, take);
        begin_ += take;
        out = out.subspan(take);
        timeout_ms = kMessageTimeoutMs;
    }
    return true;
}

bool RfbReader::skip(u64 bytes) {
    std::array<u8, 256> scratch{};
    while (bytes > 0) {
        const std::size_t piece = std::min<u64>(bytes, scratch.size());
        if (!read(std::span(scratch).first(piece), kMessageTimeoutMs)) return false;
        bytes -= piece;
    }
    return true;
}

bool RfbReader::message() {
    u8 type = 0;
    if (!read({&type, 1}, -1)) return false;
    return dispatch(type);
}

bool RfbReader::dispatch(u8 type) {
    switch (static_cast<MessageType>(type)) {
    case SET_PIXEL_FORMAT: return pixel_format();
    case SET_ENCODINGS: return encodings();
    case FRAMEBUFFER_UPDATE_REQUEST: return update_request();
    case KEY_EVENT: return key_event();
    case POINTER_EVENT: return pointer_event();
    case CLIENT_CUT_TEXT: return cut_text();
    case ULTRA_SET_SCALE:
    case ULTRA_SET_SERVER_INPUT:
    case PALM_SET_SCALE_FACTOR: return skip(3);
    case ULTRA_SET_SINGLE_WINDOW: return skip(5);
    case ENABLE_CONTINUOUS_UPDATES: return enable_continuous_updates();
    case CLIENT_FENCE: return fence();
    case SET_DESKTOP_SIZE: return desktop_size();
    case QEMU: return qemu_message();
    }
    return end(fmt::format("sent a message of type {}, which is not offered here", type));
}

bool RfbReader::pixel_format() {
    std::array<u8, 19> m{};
    if (!read(m, kMessageTimeoutMs)) return false;
    PixelFormat f;
    f.bits_per_pixel = m[3];
    f.depth = m[4];
    f.big_endian = m[5] != 0;
    f.true_colour = m[6] != 0;
    f.red_max = get16(m, 7);
    f.green_max = get16(m, 9);
    f.blue_max = get16(m, 11);
    f.red_shift = m[13];
    f.green_shift = m[14];
    f.blue_shift = m[15];
    const u8 bits = f.bits_per_pixel;
    const bool colours = fits(f.red_max, f.red_shift, bits) && fits(f.green_max, f.green_shift, bits) &&
                         fits(f.blue_max, f.blue_shift, bits);
    const bool width = bits == 8 || bits == 16 || bits == 32;
    if (!width || (f.true_colour ? !colours : bits != 8)) return end("asked for an impossible pixel format");
    events_.set_pixel_format(f);
    return true;
}

bool RfbReader::encodings() {
    std::array<u8, 3> head{};
    if (!read(head, kMessageTimeoutMs)) return false;
    Encodings e;
    bool chosen = false;
    for (unsigned n = get16(head, 1); n > 0; --n) {
        std::array<u8, 4> one{};
        if (!read(one, kMessageTimeoutMs)) return false;
        note(e, chosen, static_cast<s32>(get32(one, 0)));
    }
    events_.set_encodings(e);
    return true;
}

bool RfbReader::update_request() {
    std::array<u8, 9> m{};
    if (!read(m, kMessageTimeoutMs)) return false;
    events_.update_requested({m[0] != 0, get16(m, 1), get16(m, 3), get16(m, 5), get16(m, 7)});
    return true;
}

bool RfbReader::key_event() {
    std::array<u8, 7> m{};
    if (!read(m, kMessageTimeoutMs)) return false;
    events_.key_symbol(get32(m, 3), m[0] != 0);
    return true;
}

bool RfbReader::pointer_event() {
    std::array<u8, 5> m{};
    if (!read(m, kMessageTimeoutMs)) return false;
    events_.pointer(get16(m, 1), get16(m, 3), m[0]);
    return true;
}

bool RfbReader::cut_text() {
    std::array<u8, 7> m{};
    if (!read(m, kMessageTimeoutMs)) return false;
    const s32 raw = static_cast<s32>(get32(m, 3)); // negative: the extended form, which we never offered
    const u32 length = raw < 0 ? 0U - static_cast<u32>(raw) : static_cast<u32>(raw);
    if (length > kMostCutText) return end("sent a clipboard of more than 1 MiB");
    return skip(length);
}

bool RfbReader::desktop_size() {
    std::array<u8, 7> m{};
    if (!read(m, kMessageTimeoutMs)) return false;
    SizeRequest request{get16(m, 1), get16(m, 3)};
    for (unsigned screens = m[5]; screens > 0; --screens) {
        std::array<u8, 16> screen{};
        if (!read(screen, kMessageTimeoutMs)) return false;
        request.one_screen = m[5] == 1 && get32(screen, 4) == 0 && get16(screen, 8) == request.width &&
                             get16(screen, 10) == request.height;
    }
    events_.desktop_size_requested(request);
    return true;
}

bool RfbReader::enable_continuous_updates() {
    std::array<u8, 9> m{};
    if (!read(m, kMessageTimeoutMs)) return false;
    events_.continuous_updates(m[0] != 0, {get16(m, 1), get16(m, 3), get16(m, 5), get16(m, 7)});
    return true;
}

bool RfbReader::fence() {
    std::array<u8, 8> m{};
    if (!read(m, kMessageTimeoutMs)) return false;
    FenceMessage fence;
    fence.flags = get32(m, 3) & (kFenceFlags | REQUEST);
    fence.length = m[7];
    if (fence.length > FenceMessage::kMostPayload) return end("sent a fence of more than 64 bytes");
    if (!read(std::span(fence.payload).first(fence.length), kMessageTimeoutMs)) return false;
    if ((fence.flags & (REQUEST | SYNC_NEXT)) == (REQUEST | SYNC_NEXT)) return followed_fence(fence);
    events_.fence(fence);
    return true;
}

/// A viewer may wait for a picture before it sends what follows, so nothing is held up before that has begun.
bool RfbReader::followed_fence(const FenceMessage& fence) {
    u8 type = 0;
    if (!read({&type, 1}, -1)) return false;
    events_.fence(fence);
    if (type == CLIENT_FENCE)
        --begin_; // changes nothing; read by message()
    else if (!dispatch(type))
        return false;
    events_.followed();
    return true;
}

bool RfbReader::qemu_message() {
    u8 subtype = 0;
    if (!read({&subtype, 1}, kMessageTimeoutMs)) return false;
    if (subtype != kQemuExtendedKeyEvent)
        return end(fmt::format("sent QEMU message {}, which is not offered here", subtype));
    std::array<u8, 10> m{};
    if (!read(m, kMessageTimeoutMs)) return false;
    events_.extended_key(get32(m, 2), get32(m, 6), get16(m, 0) != 0);
    return true;
}

} // namespace dm::vnc
