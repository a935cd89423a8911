#include "dm/vnc/viewer_picture.hpp"

#include "dm/vnc/cursor_rectangle.hpp"
#include "dm/vnc/difference.hpp"
#include "dm/vnc/libvncserver.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace dm::vnc {
namespace {

/// Rectangles of a region that is kept; devices and viewers could make it one for every second pixel.
constexpr unsigned long kMostKept = 256;
/// And of an update, which counts them in 16 bits. Large ones are split by some encoders.
constexpr unsigned long kMostSent = 4096;

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
    const LibVncServer& rfb = LibVncServer::loaded();
    sraRegion* const part = rfb.rgn_create_rect(left, top, right, bottom);
    rfb.rgn_or(region, part);
    rfb.rgn_destroy(part);
}

using Region = std::unique_ptr<sraRegion, void (*)(sraRegion*)>;

Region copy_of(sraRegion* region) {
    const LibVncServer& rfb = LibVncServer::loaded();
    return {rfb.rgn_create_rgn(region), rfb.rgn_destroy};
}

Region common_part(sraRegion* a, sraRegion* b) {
    Region both = copy_of(a);
    LibVncServer::loaded().rgn_and(both.get(), b);
    return both;
}

bool overlap(sraRegion* a, sraRegion* b) {
    return !LibVncServer::loaded().rgn_empty(common_part(a, b).get());
}

template <class F> void for_each_rect(sraRegion* region, F&& use) {
    const LibVncServer& rfb = LibVncServer::loaded();
    const std::unique_ptr<sraRectangleIterator, decltype(rfb.rgn_release_iterator)> rects(
        rfb.rgn_get_iterator(region), rfb.rgn_release_iterator);
    for (sraRect r{}; rfb.rgn_iterator_next(rects.get(), &r) != FALSE;)
        use(Rect{static_cast<unsigned>(r.x1), static_cast<unsigned>(r.y1), static_cast<unsigned>(r.x2 - r.x1),
                 static_cast<unsigned>(r.y2 - r.y1)});
}

Rect bounds_of(sraRegion* region) {
    Rect all;
    for_each_rect(region, [&all](const Rect& rect) { all = bounding(all, rect); });
    return all;
}

} // namespace

u64 ViewerPicture::now_ns() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<u64>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

void ViewerPicture::begin(rfbClientRec* client, const ScreenSize& size) {
    rfb_ = &LibVncServer::loaded();
    client_ = client;
    screen_ = client->screen;
    drawn_ = reinterpret_cast<const u32*>(screen_->frameBuffer);
    drawn_stride_ = static_cast<std::size_t>(screen_->paddedWidthInBytes) / sizeof(u32);
    unseen_ = copy_of(client->modifiedRegion);
    take_size(size);
    known_ = shown_ = size;
    knows_.size = size.width << 16 | size.height;
}

bool ViewerPicture::connected() const {
    return client_->state == rfbClientRec::RFB_NORMAL;
}

ScreenSize ViewerPicture::size() const {
    return {static_cast<unsigned>(screen_->width), static_cast<unsigned>(screen_->height)};
}

/// Of what could not be written in time a part may be gone: nothing can follow it.
void ViewerPicture::write(const RfbMessage& message) {
    if (!connected()) return;
    const std::span<const u8> bytes = message.bytes();
    const auto* const data = reinterpret_cast<const char*>(bytes.data());
    if (rfb_->write_exact(client_, data, static_cast<int>(bytes.size())) <= 0) rfb_->close_client(client_);
}

// ---- what the viewer and the device thread have said

void ViewerPicture::apply(const ViewerMail& mail) {
    if (mail.format) apply_format(*mail.format);
    if (!connected()) return; // it may have been sent a colour map
    if (mail.encodings) apply_encodings(*mail.encodings);
    if (mail.format || mail.encodings) choose_encoding();
    if (mail.size) apply_size(*mail.size);
    for (std::size_t i = 0; i < mail.changes; ++i)
        add(client_->modifiedRegion, mail.changed[i], *screen_);
    if (mail.input) input_ = *mail.input;
    if (mail.cursor) {
        cursor_ = *mail.cursor;
        cursor_told_ = false;
    }
    if (mail.returned) window_.returned(mail.returned->number, mail.returned->at_ns);
    apply_continuous(mail);
    apply_requests(mail);
    tell_input();
    tell_cursor();
    answer(mail);
}

void ViewerPicture::apply_format(const PixelFormat& f) {
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
    rfb_->set_translate_function(client_);
    cursor_told_ = cursor_ == nullptr; // its pixels are in the old format
}

void ViewerPicture::apply_encodings(const Encodings& e) {
    // Quality levels 0..9 as TurboVNC and TigerVNC map them to JPEG quality and subsampling.
    constexpr std::array<int, 10> kQuality = {15, 29, 41, 42, 62, 77, 79, 86, 92, 100};
    constexpr std::array<int, 10> kSubsampling = {1, 1, 1, 2, 2, 2, 0, 0, 0, 0};
    constexpr int kDefaultCompression = 1; // the guest's screen is near: latency counts, not bytes
    client_->enableLastRectEncoding = e.last_rect ? TRUE : FALSE;
    client_->tightCompressLevel = e.compress_level ? *e.compress_level : kDefaultCompression;
    client_->zlibCompressLevel = e.compress_level ? *e.compress_level : u32{kDefaultCompression};
    client_->tightQualityLevel = e.jpeg_quality ? *e.jpeg_quality : -1;
    client_->turboQualityLevel = e.jpeg_quality ? kQuality[*e.jpeg_quality] : -1;
    client_->turboSubsampLevel = e.jpeg_quality ? kSubsampling[*e.jpeg_quality] : TURBO_DEFAULT_SUBSAMP;
    if (e.cursor != encodings_.cursor) cursor_told_ = cursor_ == nullptr;
    if (e.led_state != encodings_.led_state) leds_told_.reset();
    if (!e.pointer_motion_change) {
        absolute_told_.reset();
        knows_.no_places = false; // the protocol's default
    }
    encodings_ = e;
    knows_.draws_cursor = e.cursor.has_value();
    // A fence, and the end of continuous updates that have not begun, tell the viewer that both are there.
    // Before any update: TigerVNC decides with the first one.
    if (e.fence && !std::exchange(fence_offered_, true)) write(RfbMessage::fence(REQUEST, {}));
    if (e.fence && e.continuous_updates && !std::exchange(continuous_offered_, true))
        write(RfbMessage().byte(END_OF_CONTINUOUS_UPDATES));
    // A pseudo rectangle tells that it may send extended key events.
    if (e.extended_key_events) write(RfbMessage::update({}, QEMU_EXTENDED_KEY_EVENT));
}

/// LibVNCServer 0.9.14's ZRLE sends the wrong three bytes of a pixel where a colour has the topmost bit, and
/// half of the bytes of a tile with many colours where green has five bits of 16.
void ViewerPicture::choose_encoding() {
    const auto& f = client_->format;
    const auto on_top = [](unsigned max, unsigned shift) { return u64{max} << shift >= u64{1} << 31; };
    const bool misread = f.bitsPerPixel == 16 ? f.greenMax <= 31
                                              : f.bitsPerPixel == 32 && (on_top(f.redMax, f.redShift) ||
                                                                         on_top(f.greenMax, f.greenShift) ||
                                                                         on_top(f.blueMax, f.blueShift));
    client_->preferredEncoding = encodings_.preferred == ZRLE && misread ? RAW : encodings_.preferred;
}

void ViewerPicture::apply_size(const ScreenSize& now) {
    if (now != size()) take_size(now);
}

void ViewerPicture::take_size(const ScreenSize& now) {
    copy_.resize(std::size_t{now.width} * now.height);
    // Not rfbNewFramebuffer(): that also resets the order of colours.
    screen_->width = static_cast<int>(now.width);
    screen_->height = static_cast<int>(now.height);
    screen_->frameBuffer = reinterpret_cast<char*>(copy_.data());
    screen_->paddedWidthInBytes = static_cast<int>(now.width * sizeof(u32));
    rfb_->rgn_make_empty(client_->modifiedRegion);
    rfb_->rgn_make_empty(unseen_.get());
    want_whole({0, 0, now.width, now.height});
}

/// All of it is sent, whatever the viewer has.
void ViewerPicture::want_whole(const Rect& area) {
    add(client_->modifiedRegion, area, *screen_);
    add(unseen_.get(), area, *screen_);
}

void ViewerPicture::apply_requests(const ViewerMail& mail) {
    // With continuous updates an incremental request says nothing new.
    add(client_->requestedRegion, continuous_ ? mail.wanted : mail.requested, *screen_);
    if (mail.wanted.width == 0) return;
    want_whole(mail.wanted);
    size_wanted_ = size_wanted_ || encodings_.extended_desktop_size;
}

void ViewerPicture::apply_continuous(const ViewerMail& mail) {
    if (!continuous_offered_) return;
    if (mail.ends > 0) {
        rfb_->rgn_make_empty(client_->requestedRegion); // what has not been sent will not be
        continuous_.reset();
        window_.forget();
        for (unsigned i = 0; i < mail.ends; ++i)
            write(RfbMessage().byte(END_OF_CONTINUOUS_UPDATES));
    }
    if (mail.continuous && mail.continuous->on) continuous_ = mail.continuous->area;
}

void ViewerPicture::answer(const ViewerMail& mail) {
    if (mail.size_answer && encodings_.extended_desktop_size)
        for (unsigned i = 0; i < mail.size_answer->times; ++i)
            tell_size(SizeReason::ThisViewer, mail.size_answer->status);
    for (std::size_t i = 0; i < mail.fence_count; ++i)
        write(RfbMessage::fence(mail.fences[i].flags & kFenceFlags, mail.fences[i].content()));
}

// ---- what is told beside the picture

void ViewerPicture::tell_input() {
    if (encodings_.led_state && leds_told_ != input_.leds) {
        leds_told_ = input_.leds;
        RfbMessage m = RfbMessage::update({0, 0, 1, 1}, *encodings_.led_state);
        if (encodings_.led_state == VMWARE_LED_STATE)
            m.number(input_.leds);
        else
            m.byte(input_.leds);
        write(m);
    }
    if (encodings_.pointer_motion_change && absolute_told_ != input_.absolute) {
        absolute_told_ = input_.absolute;
        knows_.no_places = !input_.absolute;
        write(RfbMessage::update({input_.absolute ? 1U : 0U, 0, known_.width, known_.height},
                                 QEMU_POINTER_MOTION_CHANGE));
    }
}

void ViewerPicture::tell_cursor() {
    if (cursor_told_ || cursor_ == nullptr || !encodings_.cursor) return;
    cursor_told_ = true;
    write(cursor_rectangle(*cursor_, *encodings_.cursor, [this](std::span<const u32> pixels) {
        const std::size_t bytes = client_->format.bitsPerPixel / 8U;
        std::vector<u8> out(pixels.size() * bytes);
        std::vector<u32> in(pixels.begin(), pixels.end());
        client_->translateFn(client_->translateLookupTable, &screen_->serverFormat, &client_->format,
                             reinterpret_cast<char*>(in.data()), reinterpret_cast<char*>(out.data()),
                             static_cast<int>(in.size() * sizeof(u32)), static_cast<int>(in.size()), 1);
        return out;
    }));
}

void ViewerPicture::tell_size(SizeReason reason, SizeStatus status) {
    // With a request that did not change the size it is the old one, which the viewer has.
    const bool refused = status != SizeStatus::Done;
    const ScreenSize now = refused ? known_ : size();
    if (encodings_.extended_desktop_size) {
        // Viewers take a screen with the number 0 for none.
        constexpr u32 kScreen = 1;
        RfbMessage m = RfbMessage::update(
            {static_cast<unsigned>(reason), static_cast<unsigned>(status), now.width, now.height},
            EXTENDED_DESKTOP_SIZE);
        m.byte(1).byte(0).word(0);
        m.number(kScreen).word(0).word(0).word(now.width).word(now.height).number(0);
        write(m);
    } else if (encodings_.new_fb_size) {
        write(RfbMessage::update({0, 0, now.width, now.height}, NEW_FB_SIZE));
    } else {
        blacken(now);
    }
    if (refused) return;
    if (can_resize()) known_ = now;
    shown_ = now;
    size_wanted_ = false;
    knows_.size = now.width << 16 | now.height;
}

/// A viewer that cannot change its size: of a smaller picture the rest is black, of a larger one the top left
/// part is shown.
void ViewerPicture::blacken(const ScreenSize& now) {
    const unsigned height = std::min(now.height, known_.height);
    const unsigned width = std::min(now.width, known_.width);
    for (const Rect& rest : {Rect{width, 0, known_.width - width, height},
                             Rect{0, height, known_.width, known_.height - height}}) {
        if (rest.width == 0 || rest.height == 0) continue;
        write(RfbMessage::update(rest, RAW));
        const std::vector<u8> row(std::size_t{rest.width} * client_->format.bitsPerPixel / 8);
        for (unsigned y = 0; y < rest.height && connected(); ++y)
            write(RfbMessage().append(row));
    }
}

// ---- the picture

void ViewerPicture::send_updates() {
    while (connected()) {
        simplify_regions();
        if (continuous_ && window_.open()) add(client_->requestedRegion, *continuous_, *screen_);
        if (rfb_->rgn_empty(client_->requestedRegion)) return;
        // A size is an update of its own; the picture follows.
        if (size_wanted_ || shown_ != size() || (can_resize() && known_ != size()))
            tell_size(SizeReason::Server, SizeStatus::Done);
        if (!connected() || !overlap(client_->requestedRegion, client_->modifiedRegion)) return;
        take_what_changed();
        if (!overlap(client_->requestedRegion, client_->modifiedRegion)) return;
        send_picture();
    }
}

/// What has been collected in too many pieces becomes their bounding box: what looks the same is not sent.
void ViewerPicture::simplify_regions() {
    for (sraRegion* const region : {client_->modifiedRegion, client_->requestedRegion, unseen_.get()})
        if (rfb_->rgn_count_rects(region) > kMostKept) add(region, bounds_of(region), *screen_);
}

/// What is about to be sent, out of the pixels that the device thread draws. Those that the viewer has are
/// left out: devices know what was drawn, not whether it looks different. A band is as high as a row of text.
///
/// Tight looks at pixels more than once: a colour that it has not counted makes those behind it wrong, also
/// where nothing changes and nothing is sent again. So it is given pixels that the device thread does not
/// draw.
void ViewerPicture::take_what_changed() {
    constexpr unsigned kBand = 16;
    const Region sent = common_part(client_->requestedRegion, client_->modifiedRegion);
    const Region seen = copy_of(sent.get());
    rfb_->rgn_subtract(seen.get(), unseen_.get());
    rfb_->rgn_subtract(sent.get(), seen.get());
    rfb_->rgn_subtract(unseen_.get(), sent.get());
    for_each_rect(sent.get(), [this](const Rect& rect) { take(rect); });

    const Pixels drawn{drawn_, drawn_stride_};
    const Pixels had{copy_.data(), size().width};
    rfb_->rgn_subtract(client_->modifiedRegion, seen.get());
    for_each_rect(seen.get(), [&](Rect rest) {
        while (rest.height > 0) {
            const unsigned height = std::min(rest.height, kBand - rest.y % kBand);
            const Rect changed = difference(drawn, had, {rest.x, rest.y, rest.width, height});
            take(changed);
            add(client_->modifiedRegion, changed, *screen_);
            rest.y += height;
            rest.height -= height;
        }
    });
    join_what_is_sent();
}

/// Of an update of too many rectangles the bounding box is sent, whatever was asked for. LibVNCServer does so
/// by itself, but neither with Tight nor with Zlib.
void ViewerPicture::join_what_is_sent() {
    const Region sent = common_part(client_->requestedRegion, client_->modifiedRegion);
    if (rfb_->rgn_count_rects(sent.get()) <= kMostSent) return;
    const Rect all = bounds_of(sent.get());
    take(all);
    add(sent.get(), all, *screen_);
    rfb_->rgn_or(client_->requestedRegion, sent.get());
    rfb_->rgn_or(client_->modifiedRegion, sent.get());
    rfb_->rgn_subtract(unseen_.get(), sent.get());
}

void ViewerPicture::take(const Rect& rect) {
    const std::size_t width = size().width;
    for (std::size_t y = rect.y; y < std::size_t{rect.y} + rect.height; ++y)
        std::copy_n(drawn_ + y * drawn_stride_ + rect.x, rect.width,
                    copy_.begin() + static_cast<std::ptrdiff_t>(y * width + rect.x));
}

void ViewerPicture::send_picture() {
    const u32 before = static_cast<u32>(rfb_->stat_get_sent_bytes(client_));
    if (!rfb_->send_framebuffer_update(client_, client_->modifiedRegion)) {
        if (client_->state != rfbClientRec::RFB_SHUTDOWN) rfb_->close_client(client_);
        return;
    }
    if (!continuous_) return;
    const u32 bytes = static_cast<u32>(rfb_->stat_get_sent_bytes(client_)) - before;
    const u32 number = window_.sent(bytes, now_ns());
    write(RfbMessage::fence(REQUEST | BLOCK_BEFORE, RfbMessage().number(number).bytes()));
}

} // namespace dm::vnc
