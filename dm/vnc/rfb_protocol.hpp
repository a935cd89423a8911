// Numbers of the RFB protocol (RFC 6143 and the community's rfbproto) that both directions need.
#pragma once

#include "dm/core/types.hpp"

namespace dm::vnc {

enum Encoding : s32 {
    RAW = 0,
    HEXTILE = 5,
    ZLIB = 6,
    TIGHT = 7,
    ZRLE = 16,
    JPEG_QUALITY_9 = -23,
    JPEG_QUALITY_0 = -32,
    NEW_FB_SIZE = -223,
    LAST_RECT = -224,
    CURSOR = -239,
    X_CURSOR = -240,
    COMPRESS_LEVEL_9 = -247,
    COMPRESS_LEVEL_0 = -256,
    QEMU_POINTER_MOTION_CHANGE = -257,
    QEMU_EXTENDED_KEY_EVENT = -258,
    QEMU_LED_STATE = -261,
    EXTENDED_DESKTOP_SIZE = -308,
    FENCE = -312,
    CONTINUOUS_UPDATES = -313,
    CURSOR_WITH_ALPHA = -314,
    VMWARE_LED_STATE = 0x574d5668,
};

/// Messages that go both ways, or that answer one of the viewer's.
enum ServerMessage : u8 {
    FRAMEBUFFER_UPDATE = 0,
    END_OF_CONTINUOUS_UPDATES = 150,
    SERVER_FENCE = 248,
};

enum FenceFlag : u32 {
    BLOCK_BEFORE = 1,
    BLOCK_AFTER = 2,
    SYNC_NEXT = 4,
    REQUEST = 0x80000000,
};
inline constexpr u32 kFenceFlags = BLOCK_BEFORE | BLOCK_AFTER | SYNC_NEXT;

/// Who changed the screen's size, and how a request for another size ended: the x and y of an
/// ExtendedDesktopSize rectangle.
enum class SizeReason : u16 { Server = 0, ThisViewer = 1 };
enum class SizeStatus : u16 {
    Done = 0,
    Prohibited = 1,
    OutOfResources = 2,
    InvalidLayout = 3,
    Forwarded = 4
};

/// QEMU's relative pointer: coordinates are a distance from this.
inline constexpr s32 kNoMotion = 0x7fff;

} // namespace dm::vnc
