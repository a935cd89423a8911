#include "dm/vnc/vnc_session.hpp"

#include "dm/vnc/libvncserver.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace dm::vnc {
namespace {

Rect bounding(const Rect& a, const Rect& b) {
    if (a.width == 0 || a.height == 0) return b;
    if (b.width == 0 || b.height == 0) return a;
    const unsigned x = std::min(a.x, b.x);
    const unsigned y = std::min(a.y, b.y);
    return {x, y, std::max(a.x + a.width, b.x + b.width) - x, std::max(a.y + a.height, b.y + b.height) - y};
}

/// Adds the part of `rect` that is on the screen.
void add(sraRegion* region, const Rect& rect, const rfbScreenInfo& screen) {
    const auto clip = [](unsigned at, int end) {
        return static_cast<int>(std::min(at, static_cast<unsigned>(end)));
    };
    const int left = clip(rect.x, screen.width);
    const int top = clip(rect.y, screen.height);
    const int right = clip(rect.x + rect.width, screen.width);
    const int bottom = clip(rect.y + rect.height, screen.height);
    if (left >= right || top >= bottom) return;
    sraRegion* const part = sraRgnCreateRect(left, top, right, bottom);
    sraRgnOr(region, part);
    sraRgnDestroy(part);
}

} // namespace

VncSession::VncSession(VncSessionHost& host, UniqueFd fd, Endpoint peer, Door door, const DoorMeans& means,
                       const Keymap& keymap)
    : host_(host), peer_(std::move(peer)), door_(door), entrance_(std::move(fd), door, means, *this),
      keys_(keymap, [this](KeyCode code, bool down) { host_.key(code, down); }) {}

VncSession::~VncSession() {
    stop("");
    join();
}

bool VncSession::start() {
    return main_.start("vnc-viewer", [this] { run(); });
}

void VncSession::stop(std::string_view why) {
    const std::lock_guard lock(mutex_);
    if (why_.empty()) why_ = why;
    mail_.stop = true;
    entrance_.hang_up();
    mail_arrived_.notify_all();
}

bool VncSession::given_up() {
    const std::lock_guard lock(mutex_);
    return mail_.stop || entrance_.abandoned();
}

std::string VncSession::reason() {
    const std::lock_guard lock(mutex_);
    return why_;
}

void VncSession::run() {
    if (come_in())
        serve();
    else
        entrance_.finish(); // it may read why not
    stop("disconnected");
    reader_.join();
    keys_.release_all();
    if (client_ != nullptr) {
        client_->sock = RFB_INVALID_SOCKET; // ours to close
        rfbClientConnectionGone(client_);
        client_ = nullptr;
    }
    finished_ = true; // whoever takes the session away waits for this thread
    host_.left(*this, reason());
}

// ---- coming in

bool VncSession::come_in() {
    if (entrance_.pass()) return create_client() && initialise();
    const std::lock_guard lock(mutex_);
    if (why_.empty()) why_ = entrance_.why();
    return false;
}

std::string VncSession::no_place() {
    screen_ = host_.take_screen(*this);
    return screen_ != nullptr ? "" : "too many viewers are here already";
}

// rfbNewClient() first waits whether a new connection speaks WebSockets or TLS, and would answer. That is
// over by now, and nobody has to wait: it gets one end of a socket pair on which "RFB " has been said
// already, and the viewer's socket afterwards.
bool VncSession::create_client() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    const UniqueFd near(ends[0]);
    const UniqueFd far(ends[1]);
    if (near.get() >= FD_SETSIZE || entrance_.fd() >= FD_SETSIZE) return false; // it uses select()
    if (write(far.get(), "RFB ", 4) != 4) return false;
    client_ = rfbNewClient(screen_, near.get());
    if (client_ == nullptr) return false;
    client_->sock = entrance_.fd();
    client_->clientData = this;
    client_->protocolMajorVersion = 3;
    client_->protocolMinorVersion = entrance_.minor();
    client_->state = entrance_.no_client_init() ? _rfbClientRec::RFB_INITIALISATION_SHARED
                                                : _rfbClientRec::RFB_INITIALISATION;
    return true;
}

// ClientInit and ServerInit.
bool VncSession::initialise() {
    entered_ = true;
    apply_size(host_.entered(*this));
    u8 shared = 1;
    if (!entrance_.no_client_init() && (!wait_for(entrance_.fd(), POLLIN, after_ms(kClientInitMs)) ||
                                        recv(entrance_.fd(), &shared, 1, MSG_PEEK) != 1)) {
        stop("said nothing after its password");
        return false;
    }
    rfbProcessClientMessage(client_);
    host_.wants(*this, shared == 0);
    return client_->state == _rfbClientRec::RFB_NORMAL;
}

// ---- the mailbox

template <class Change> void VncSession::post(Change change) {
    const std::lock_guard lock(mutex_);
    change(mail_);
    mail_arrived_.notify_all();
}

void VncSession::publish(const ScreenSize& size, std::span<const Rect> changed) {
    post([&](Mail& mail) {
        mail.size = size;
        for (const Rect& rect : changed) {
            if (mail.changes < kMostRects)
                mail.changed[mail.changes++] = rect;
            else
                mail.changed[kMostRects - 1] = bounding(mail.changed[kMostRects - 1], rect);
        }
    });
}

void VncSession::set_pixel_format(const PixelFormat& format) {
    post([&](Mail& mail) { mail.format = format; });
}

void VncSession::set_encodings(const Encodings& encodings) {
    post([&](Mail& mail) { mail.encodings = encodings; });
}

void VncSession::update_requested(const UpdateRequest& r) {
    const Rect rect{r.x, r.y, r.width, r.height};
    if (r.width == 0 || r.height == 0) return;
    post([&](Mail& mail) {
        mail.requested = bounding(mail.requested, rect);
        if (!r.incremental) mail.wanted = bounding(mail.wanted, rect);
    });
}

void VncSession::desktop_size_requested() {
    post([](Mail& mail) { mail.desktop_size_refused = true; });
}

// ---- input

void VncSession::key_symbol(u32 keysym, bool down) {
    keys_.symbol(keysym, down);
}

// The key is given by its XT scan code: 0xe0-prefixed ones with bit 7 set, or with the prefix before them.
void VncSession::extended_key(u32 keysym, u32 keycode, bool down) {
    if (keycode >> 8 == 0xe0) keycode = (keycode & 0x7f) | 0x80;
    if (keycode == 0)
        keys_.symbol(keysym, down);
    else if (keycode <= 0xff)
        keys_.key(static_cast<KeyCode>(keycode), down);
}

void VncSession::pointer(u16 x, u16 y, u8 buttons) {
    const u32 size = shown_size_;
    const ScreenSize screen{size >> 16, size & 0xffff};
    if (screen.width == 0 || screen.height == 0) return;
    host_.pointer(std::min<unsigned>(x, screen.width - 1), std::min<unsigned>(y, screen.height - 1), screen,
                  buttons);
}

void VncSession::read_messages() {
    RfbReader reader(entrance_.fd(), *this);
    while (reader.message()) {
    }
    stop(reader.why());
}

// ---- the picture

void VncSession::serve() {
    if (!reader_.start("vnc-input", [this] { read_messages(); })) {
        stop("no thread to be had");
        return;
    }
    std::unique_lock lock(mutex_);
    while (client_->state == _rfbClientRec::RFB_NORMAL) {
        mail_arrived_.wait(lock, [this] { return !mail_.empty(); });
        if (mail_.stop) return;
        const Mail mail = std::exchange(mail_, Mail{});
        lock.unlock();
        apply(mail);
        send_updates();
        lock.lock();
    }
    if (why_.empty()) why_ = "does not read what it is sent";
}

void VncSession::apply(const Mail& mail) {
    if (mail.format) {
        const PixelFormat& f = *mail.format;
        client_->format = {f.bits_per_pixel,
                           f.depth,
                           static_cast<u8>(f.big_endian),
                           static_cast<u8>(f.true_colour),
                           f.red_max,
                           f.green_max,
                           f.blue_max,
                           f.red_shift,
                           f.green_shift,
                           f.blue_shift,
                           0,
                           0};
        client_->readyForSetColourMapEntries = TRUE;
        rfbSetTranslateFunction(client_);
    }
    if (mail.encodings) apply_encodings(*mail.encodings);
    if (mail.size) apply_size(*mail.size);
    for (std::size_t i = 0; i < mail.changes; ++i)
        add(client_->modifiedRegion, mail.changed[i], *screen_);
    if (mail.desktop_size_refused) {
        client_->requestedDesktopSizeChange = rfbExtDesktopSize_ClientRequestedChange;
        client_->lastDesktopSizeChangeError = rfbExtDesktopSize_ResizeProhibited;
        client_->newFBSizePending = TRUE;
    }
    apply_requests(mail);
}

void VncSession::apply_size(const ScreenSize& size) {
    shown_size_ = size.width << 16 | size.height;
    if (screen_->width == static_cast<int>(size.width) && screen_->height == static_cast<int>(size.height))
        return;
    // Not rfbNewFramebuffer(): that also resets the length of a row and the order of colours.
    screen_->width = static_cast<int>(size.width);
    screen_->height = static_cast<int>(size.height);
    sraRgnMakeEmpty(client_->modifiedRegion);
    add(client_->modifiedRegion, {0, 0, size.width, size.height}, *screen_);
    if (client_->useNewFBSize) client_->newFBSizePending = TRUE;
}

void VncSession::apply_encodings(const Encodings& e) {
    // Quality levels 0..9 as TurboVNC and TigerVNC map them to JPEG quality and subsampling.
    constexpr std::array<int, 10> kQuality = {15, 29, 41, 42, 62, 77, 79, 86, 92, 100};
    constexpr std::array<int, 10> kSubsampling = {1, 1, 1, 2, 2, 2, 0, 0, 0, 0};
    constexpr int kDefaultCompression = 1; // the guest's screen is near: latency counts, not bytes
    client_->preferredEncoding = e.preferred;
    client_->useNewFBSize = e.new_fb_size || e.extended_desktop_size ? TRUE : FALSE;
    client_->useExtDesktopSize = e.extended_desktop_size ? TRUE : FALSE;
    client_->enableLastRectEncoding = e.last_rect ? TRUE : FALSE;
    client_->tightCompressLevel = e.compress_level ? *e.compress_level : kDefaultCompression;
    client_->zlibCompressLevel = e.compress_level ? *e.compress_level : u32{kDefaultCompression};
    client_->tightQualityLevel = e.jpeg_quality ? *e.jpeg_quality : -1;
    client_->turboQualityLevel = e.jpeg_quality ? kQuality[*e.jpeg_quality] : -1;
    client_->turboSubsampLevel = e.jpeg_quality ? kSubsampling[*e.jpeg_quality] : TURBO_DEFAULT_SUBSAMP;
    if (!e.extended_key_events) return;
    // An update of one pseudo rectangle tells the viewer that it may send extended key events.
    constexpr std::array<u8, 16> kAcknowledge = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xfe, 0xfe};
    rfbWriteExact(client_, reinterpret_cast<const char*>(kAcknowledge.data()), kAcknowledge.size());
}

void VncSession::apply_requests(const Mail& mail) {
    add(client_->requestedRegion, mail.requested, *screen_);
    if (mail.wanted.width == 0) return;
    add(client_->modifiedRegion, mail.wanted, *screen_);
    if (client_->useExtDesktopSize != FALSE) client_->newFBSizePending = TRUE;
}

void VncSession::send_updates() {
    // A change of size is an update of its own, the picture follows.
    for (bool again = true; again && client_->state == _rfbClientRec::RFB_NORMAL;) {
        if (sraRgnEmpty(client_->requestedRegion)) return;
        again = client_->useNewFBSize && client_->newFBSizePending;
        if (!again && sraRgnEmpty(client_->modifiedRegion)) return;
        if (!rfbSendFramebufferUpdate(client_, client_->modifiedRegion)) {
            if (client_->state != _rfbClientRec::RFB_SHUTDOWN) rfbCloseClient(client_);
            return;
        }
    }
}

} // namespace dm::vnc
