// What one viewer sees: its LibVNCServer client's formats, encodings, areas and sizes, and everything that is
// sent once the handshake is over. One thread's, the session's.
//
// LibVNCServer encodes pictures. What it does not have (fences, continuous updates, QEMU's extensions,
// cursors with alpha), or does with locks of all clients, is written here.
#pragma once

#include "dm/vnc/rfb_message.hpp"
#include "dm/vnc/update_window.hpp"
#include "dm/vnc/viewer_mail.hpp"

#include <atomic>
#include <memory>
#include <optional>

// The names are LibVNCServer's.
struct _rfbClientRec;  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
struct _rfbScreenInfo; // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
struct sraRegion;

namespace dm::vnc {

struct LibVncServer;

/// What the reading thread needs to understand the viewer's pointer.
struct ViewerKnows {
    std::atomic<u32> size = 0;           ///< width << 16 | height
    std::atomic<bool> no_places = false; ///< it sends movements
    std::atomic<bool> draws_cursor = false;
};

class ViewerPicture {
public:
    explicit ViewerPicture(ViewerKnows& knows) : knows_(knows) {}

    /// The handshake is about to tell this size. Client and screen, which has the pixels that are drawn as
    /// its frame buffer, outlive the picture.
    void begin(_rfbClientRec* client, const ScreenSize& size);
    void apply(const ViewerMail& mail);
    /// Sends what the viewer wants and does not have.
    void send_updates();
    /// False: the connection is lost.
    bool connected() const;
    static u64 now_ns();

private:
    void apply_format(const PixelFormat& format);
    void apply_encodings(const Encodings& encodings);
    void choose_encoding();
    void apply_size(const ScreenSize& size);
    void take_size(const ScreenSize& size);
    void want_whole(const Rect& area);
    void apply_requests(const ViewerMail& mail);
    void apply_continuous(const ViewerMail& mail);
    void answer(const ViewerMail& mail);
    void tell_input();
    void tell_cursor();
    void tell_size(SizeReason reason, SizeStatus status);
    void blacken(const ScreenSize& now);
    void send_picture();
    void simplify_regions();
    void take_what_changed();
    void join_what_is_sent();
    void take(const Rect& rect);
    void write(const RfbMessage& message);
    bool can_resize() const { return encodings_.new_fb_size || encodings_.extended_desktop_size; }
    ScreenSize size() const;

    ViewerKnows& knows_;
    const LibVncServer* rfb_ = nullptr;
    _rfbClientRec* client_ = nullptr;
    _rfbScreenInfo* screen_ = nullptr;
    const u32* drawn_ = nullptr; ///< by the device thread, meanwhile
    std::size_t drawn_stride_ = 0;
    std::vector<u32> copy_; ///< the screen as the last updates were encoded from it
    std::unique_ptr<sraRegion, void (*)(sraRegion*)> unseen_{nullptr, nullptr}; ///< where the viewer lacks it
    Encodings encodings_;
    ScreenSize known_;         ///< as the viewer was told last
    ScreenSize shown_;         ///< differs for viewers that cannot change their size
    bool size_wanted_ = false; ///< it is to be told even if it has not changed
    InputStatus input_;
    std::optional<u8> leds_told_;
    std::optional<bool> absolute_told_;
    CursorPtr cursor_;
    bool cursor_told_ = true;
    bool fence_offered_ = false;
    bool continuous_offered_ = false;
    std::optional<Rect> continuous_;
    UpdateWindow window_;
};

} // namespace dm::vnc
