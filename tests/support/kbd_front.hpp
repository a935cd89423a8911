// The driver's side of a page of input events, written from public/io/kbdif.h on its own.
#pragma once

#include "dm/core/types.hpp"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <span>
#include <string>
#include <vector>

extern "C" {
#include <xen/xen.h>

#include <xen/io/kbdif.h>
}

namespace dm::test {

class KbdFront {
public:
    /// Clears the page, as drivers do.
    explicit KbdFront(std::span<u8> page) : page_(page) { std::ranges::fill(page, u8{0}); }

    xenkbd_page& indices() { return *reinterpret_cast<xenkbd_page*>(page_.data()); }
    u32 unread() { return indices().in_prod - indices().in_cons; }

    /// Reads the oldest events, at most so many, in words: "at 1,2", "by 3,-4 wheel 1", "+272", "-272".
    std::vector<std::string> take(u32 most = ~0U) {
        std::vector<std::string> events;
        for (u32& at = indices().in_cons; at != indices().in_prod && events.size() < most; ++at) {
            xenkbd_in_event event;
            std::memcpy(&event, &XENKBD_IN_RING_REF(page_.data(), at), sizeof(event));
            events.push_back(words(event));
        }
        return events;
    }

private:
    static std::string turned(s32 by) { return by == 0 ? "" : fmt::format(" wheel {}", by); }
    static std::string words(const xenkbd_in_event& event) {
        // All that an event of this type does not have is reserved and 0.
        const auto* bytes = reinterpret_cast<const u8*>(&event);
        const std::size_t used = event.type == XENKBD_TYPE_KEY ? 8 : 16;
        const auto zero = [](u8 byte) { return byte == 0; };
        if (!std::all_of(bytes + used, bytes + XENKBD_IN_EVENT_SIZE, zero)) return "reserved bytes";
        switch (event.type) {
        case XENKBD_TYPE_MOTION:
            return fmt::format("by {},{}{}", event.motion.rel_x, event.motion.rel_y,
                               turned(event.motion.rel_z));
        case XENKBD_TYPE_POS:
            return fmt::format("at {},{}{}", event.pos.abs_x, event.pos.abs_y, turned(event.pos.rel_z));
        case XENKBD_TYPE_KEY:
            return fmt::format("{}{}", event.key.pressed == 1 ? '+' : '-', event.key.keycode);
        default: return fmt::format("type {}", event.type);
        }
    }

    std::span<u8> page_;
};

} // namespace dm::test
