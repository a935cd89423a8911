#include "dm/vnc/libvncserver.hpp"

#include "dm/core/shared_library.hpp"

#include <mutex>

namespace dm::vnc {
namespace {

LibVncServer library;
bool complete = false;

void find_all(SharedLibrary& file, LibVncServer& out) {
    file.find(out.log, "rfbLog");
    file.find(out.err, "rfbErr");
    file.find(out.get_screen, "rfbGetScreen");
    file.find(out.screen_cleanup, "rfbScreenCleanup");
    file.find(out.new_client, "rfbNewClient");
    file.find(out.close_client, "rfbCloseClient");
    file.find(out.client_connection_gone, "rfbClientConnectionGone");
    file.find(out.process_client_message, "rfbProcessClientMessage");
    file.find(out.set_translate_function, "rfbSetTranslateFunction");
    file.find(out.send_framebuffer_update, "rfbSendFramebufferUpdate");
    file.find(out.stat_get_sent_bytes, "rfbStatGetSentBytes");
    file.find(out.write_exact, "rfbWriteExact");
    file.find(out.rgn_create_rgn, "sraRgnCreateRgn");
    file.find(out.rgn_create_rect, "sraRgnCreateRect");
    file.find(out.rgn_destroy, "sraRgnDestroy");
    file.find(out.rgn_make_empty, "sraRgnMakeEmpty");
    file.find(out.rgn_count_rects, "sraRgnCountRects");
    file.find(out.rgn_empty, "sraRgnEmpty");
    file.find(out.rgn_and, "sraRgnAnd");
    file.find(out.rgn_or, "sraRgnOr");
    file.find(out.rgn_subtract, "sraRgnSubtract");
    file.find(out.rgn_get_iterator, "sraRgnGetIterator");
    file.find(out.rgn_iterator_next, "sraRgnIteratorNext");
    file.find(out.rgn_release_iterator, "sraRgnReleaseIterator");
    // New in 0.9.14. Earlier releases close a lost viewer's socket, which is ours, instead of telling.
    file.require("rfbSendServerCutTextUTF8");
}

} // namespace

Result<const LibVncServer*> LibVncServer::load() {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    if (complete) return &library;
    DM_TRY_ASSIGN(SharedLibrary file, SharedLibrary::open("libvncserver.so.1", "libvncserver1"));
    find_all(file, library);
    DM_TRY(file.complete("libvncserver 0.9.14"));
    complete = true;
    return &library;
}

const LibVncServer& LibVncServer::loaded() {
    return library;
}

} // namespace dm::vnc
