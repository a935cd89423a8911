// Messages to a viewer that LibVNCServer does not write.
#pragma once

#include "dm/core/display.hpp"
#include "dm/core/types.hpp"
#include "dm/vnc/rfb_protocol.hpp"

#include <span>
#include <vector>

namespace dm::vnc {

class RfbMessage {
public:
    RfbMessage& byte(u8 value) {
        bytes_.push_back(value);
        return *this;
    }
    RfbMessage& word(u32 value) { return byte(static_cast<u8>(value >> 8)).byte(static_cast<u8>(value)); }
    RfbMessage& number(u32 value) { return word(value >> 16).word(value & 0xffff); }
    RfbMessage& append(std::span<const u8> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    std::span<const u8> bytes() const { return bytes_; }

    /// A FramebufferUpdate of one rectangle, whose content follows.
    static RfbMessage update(const Rect& rect, s32 encoding) {
        RfbMessage m;
        m.byte(FRAMEBUFFER_UPDATE).byte(0).word(1);
        m.word(rect.x).word(rect.y).word(rect.width).word(rect.height).number(static_cast<u32>(encoding));
        return m;
    }
    static RfbMessage fence(u32 flags, std::span<const u8> payload) {
        RfbMessage m;
        m.byte(SERVER_FENCE).byte(0).word(0).number(flags);
        m.byte(static_cast<u8>(payload.size())).append(payload);
        return m;
    }

private:
    std::vector<u8> bytes_;
};

} // namespace dm::vnc
