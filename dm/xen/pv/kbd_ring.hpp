// The ring of input events in a page that a guest shares with us (Xen's public/io/kbdif.h): we write events
// and an index, the guest's driver another index. It may write anything anywhere at any time, so the index of
// ours is kept here and never read back.
#pragma once

#include "dm/core/types.hpp"

#include <span>

namespace dm::xen {

class KbdRing {
public:
    static constexpr u32 kEntries = 51; ///< of 40 bytes, in 2048
    enum class Room : u8 { There, None, Broken };

    /// A whole page, which outlives this. Goes on where the driver let our index stand: zero in a new page.
    explicit KbdRing(std::span<u8> page);

    /// Whether one more event fits. Broken: the driver claims to have read what was never written.
    Room room() const;
    // One event each; there is room for it.
    /// To the right, down, towards the user.
    void motion(s32 dx, s32 dy, s32 dz);
    void position(s32 x, s32 y, s32 dz);
    /// `code`: as Linux' input-event-codes.h numbers keys and buttons.
    void key(u32 code, bool pressed);
    /// The driver sees what was written since.
    void publish();
    /// Empties the ring in the other direction. True: the driver put something in, though nothing is defined.
    bool discard_sent();

private:
    struct Event;
    u32 load(std::size_t offset) const;
    void store(std::size_t offset, u32 value);
    void put(const Event& event);

    std::span<u8> page_;
    u32 produced_;
};

} // namespace dm::xen
