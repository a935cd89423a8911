// A viewer made of bytes that understands what it is sent: updates in Raw, pseudo rectangles, fences.
#pragma once

#include "dm/vnc/rfb_message.hpp"
#include "tests/vnc/vnc_rig.hpp"

#include <map>

namespace dm::vnc::test {

struct SeenRect {
    unsigned x = 0;
    unsigned y = 0;
    unsigned width = 0;
    unsigned height = 0;
    s32 encoding = 0;
    std::string content{};
};

struct SeenMessage {
    int type = -1; ///< -1: nothing came
    std::vector<SeenRect> rects{};
    u32 flags = 0;         ///< of a fence
    std::string payload{}; ///< of a fence
};

class RfbViewer : public RawViewer {
public:
    explicit RfbViewer(int port, std::initializer_list<s32> encodings = {}) : RawViewer(port) {
        entered = enter();
        if (encodings.size() > 0) set_encodings(encodings);
    }
    void say(const RfbMessage& m) {
        send(std::string_view(reinterpret_cast<const char*>(m.bytes().data()), m.bytes().size()));
    }
    void set_encodings(std::initializer_list<s32> encodings) {
        RfbMessage m;
        m.byte(2).byte(0).word(static_cast<u32>(encodings.size()));
        for (const s32 encoding : encodings)
            m.number(static_cast<u32>(encoding));
        say(m);
    }
    void set_format(unsigned bits, bool big, unsigned max, unsigned r, unsigned g, unsigned b) {
        send({0, 0, 0, 0, bits, bits, big ? 1U : 0U, 1, 0, max, 0, max, 0, max, r, g, b, 0, 0, 0});
        bytes_per_pixel = bits / 8;
    }
    void request(bool incremental, unsigned width = 0xffff, unsigned height = 0xffff) {
        say(RfbMessage().byte(3).byte(incremental ? 1 : 0).word(0).word(0).word(width).word(height));
    }
    void fence(u32 flags, std::string_view payload) {
        say(RfbMessage::fence(flags, std::span(reinterpret_cast<const u8*>(payload.data()), payload.size())));
    }
    void continuous(bool on, unsigned width = 0xffff, unsigned height = 0xffff) {
        say(RfbMessage().byte(150).byte(on ? 1 : 0).word(0).word(0).word(width).word(height));
    }
    void wish_size(unsigned width, unsigned height, unsigned screens = 1) {
        RfbMessage m;
        m.byte(251).byte(0).word(width).word(height).byte(static_cast<u8>(screens)).byte(0);
        for (unsigned i = 0; i < screens; ++i)
            m.number(i).word(0).word(0).word(width).word(height).number(0);
        say(m);
    }
    void pointer(unsigned x, unsigned y, u8 buttons) {
        say(RfbMessage().byte(5).byte(buttons).word(x).word(y));
    }

    /// The next message of the server.
    SeenMessage next(int timeout_ms = 20000) {
        SeenMessage m;
        const std::string type = receive(1, timeout_ms);
        if (type.empty()) return m;
        m.type = static_cast<u8>(type[0]);
        if (m.type == FRAMEBUFFER_UPDATE) {
            for (u32 n = number(receive(3).substr(1)); n > 0; --n)
                m.rects.push_back(rectangle());
        } else if (m.type == SERVER_FENCE) {
            const std::string head = receive(8);
            m.flags = number(head.substr(3, 4));
            m.payload = receive(static_cast<u8>(head[7]));
        }
        return m;
    }
    /// Messages up to the first rectangle of this encoding.
    SeenRect next_rect(s32 encoding) {
        for (;;) {
            const SeenMessage m = next();
            if (m.type < 0) return {.encoding = -1};
            for (const SeenRect& rect : m.rects)
                if (rect.encoding == encoding) return rect;
        }
    }
    bool silent(int ms = 150) { return next(ms).type < 0; }

    bool entered = false;
    unsigned bytes_per_pixel = 4;

    static u32 number(std::string_view bytes) {
        u32 n = 0;
        for (const char c : bytes)
            n = n << 8 | static_cast<u8>(c);
        return n;
    }

private:
    SeenRect rectangle() {
        const std::string h = receive(12);
        if (h.size() < 12) return {};
        SeenRect r{number(h.substr(0, 2)), number(h.substr(2, 2)), number(h.substr(4, 2)),
                   number(h.substr(6, 2)), static_cast<s32>(number(h.substr(8, 4)))};
        const std::size_t length = r.encoding == ZRLE ? number(receive(4)) : content_size(r);
        r.content = receive(length);
        return r;
    }
    std::size_t content_size(const SeenRect& r) const {
        const std::size_t pixels = std::size_t{r.width} * r.height;
        const std::size_t mask = std::size_t{(r.width + 7) / 8} * r.height;
        switch (r.encoding) {
        case RAW: return pixels * bytes_per_pixel;
        case QEMU_LED_STATE: return 1;
        case VMWARE_LED_STATE: return 4;
        case EXTENDED_DESKTOP_SIZE: return 4 + 16;
        case CURSOR: return pixels * bytes_per_pixel + mask;
        case X_CURSOR: return pixels == 0 ? 0 : 6 + 2 * mask;
        case CURSOR_WITH_ALPHA: return 4 + pixels * 4;
        default: return 0;
        }
    }
};

} // namespace dm::vnc::test
