// A cursor's shape as the encodings of cursors have it (rfbproto: Cursor, X Cursor, Cursor With Alpha).
#pragma once

#include "dm/vnc/rfb_message.hpp"
#include "dm/vnc/viewer_mail.hpp"

#include <functional>

namespace dm::vnc {

/// `translate` makes the viewer's pixels of 0x00RRGGBB ones. An update of one rectangle.
RfbMessage cursor_rectangle(const CursorImage& cursor, s32 encoding,
                            const std::function<std::vector<u8>(std::span<const u32>)>& translate);

} // namespace dm::vnc
