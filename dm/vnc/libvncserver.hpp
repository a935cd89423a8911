// LibVNCServer, loaded when the first viewer has got past the password: it brings encoders, compressors and a
// second cryptographic library, which a guest that nobody looks at need not pay for.
#pragma once

#include "dm/core/result.hpp"

#include <rfb/rfb.h>

extern "C" {
#include <rfb/rfbregion.h>
}

namespace dm::vnc {

struct LibVncServer {
    // By their names without rfb.
    decltype(&::rfbLog) log = nullptr;
    decltype(&::rfbErr) err = nullptr;
    decltype(&::rfbGetScreen) get_screen = nullptr;
    decltype(&::rfbScreenCleanup) screen_cleanup = nullptr;
    decltype(&::rfbNewClient) new_client = nullptr;
    decltype(&::rfbCloseClient) close_client = nullptr;
    decltype(&::rfbClientConnectionGone) client_connection_gone = nullptr;
    decltype(&::rfbProcessClientMessage) process_client_message = nullptr;
    decltype(&::rfbSetTranslateFunction) set_translate_function = nullptr;
    decltype(&::rfbSendFramebufferUpdate) send_framebuffer_update = nullptr;
    decltype(&::rfbStatGetSentBytes) stat_get_sent_bytes = nullptr;
    decltype(&::rfbWriteExact) write_exact = nullptr;
    // By their names without sra.
    decltype(&::sraRgnCreateRgn) rgn_create_rgn = nullptr;
    decltype(&::sraRgnCreateRect) rgn_create_rect = nullptr;
    decltype(&::sraRgnDestroy) rgn_destroy = nullptr;
    decltype(&::sraRgnMakeEmpty) rgn_make_empty = nullptr;
    decltype(&::sraRgnCountRects) rgn_count_rects = nullptr;
    decltype(&::sraRgnEmpty) rgn_empty = nullptr;
    decltype(&::sraRgnAnd) rgn_and = nullptr;
    decltype(&::sraRgnOr) rgn_or = nullptr;
    decltype(&::sraRgnSubtract) rgn_subtract = nullptr;
    decltype(&::sraRgnGetIterator) rgn_get_iterator = nullptr;
    decltype(&::sraRgnIteratorNext) rgn_iterator_next = nullptr;
    decltype(&::sraRgnReleaseIterator) rgn_release_iterator = nullptr;

    /// From any thread. The error names the package; the next call tries again.
    static Result<const LibVncServer*> load();
    /// What load() has found: for those who have a screen or a client of it.
    static const LibVncServer& loaded();
};

} // namespace dm::vnc
