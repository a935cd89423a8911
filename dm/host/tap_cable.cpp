#include "dm/host/tap_cable.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace dm::host {
namespace {

constexpr std::size_t kSourceAt = 6; // in the Ethernet header

std::size_t length_of(std::span<const iovec> pieces) {
    std::size_t length = 0;
    for (const iovec& piece : pieces)
        length += piece.iov_len;
    return length;
}

/// As many bytes as there are, or as fit.
std::size_t copy_out(std::span<const iovec> pieces, std::span<u8> out) {
    std::size_t done = 0;
    for (const iovec& piece : pieces) {
        const std::size_t here = std::min(piece.iov_len, out.size() - done);
        std::memcpy(out.data() + done, piece.iov_base, here);
        done += here;
    }
    return done;
}

} // namespace

/// Writes what finish_frame() makes of a frame. A queue that is full before the first one makes the whole
/// frame wait; later on the rest is lost, as in any switch.
class TapCable::Segments final : public FrameSink {
public:
    explicit Segments(TapCable& cable) : cable_(cable) {}
    void take(std::span<const u8> frame) override {
        if (stopped_) return;
        const Tap::VnetHeader nothing;
        const std::array<iovec, 2> pieces{
            iovec{const_cast<Tap::VnetHeader*>(&nothing), sizeof nothing}, // writev() only reads them
            iovec{const_cast<u8*>(frame.data()), frame.size()}};
        const bool header = cable_.tap_.has_vnet_header();
        const Sent now = cable_.outcome(cable_.tap_.write(std::span(pieces).subspan(header ? 0 : 1)));
        stopped_ = now == Sent::Later;
        if (first_) sent_ = now;
        first_ = false;
    }
    Sent sent() const { return sent_; }

private:
    TapCable& cable_;
    Sent sent_ = Sent::Yes;
    bool first_ = true;
    bool stopped_ = false;
};

TapCable::TapCable(EventLoop& loop, Tap tap, Options options)
    : loop_(loop), tap_(std::move(tap)), options_(std::move(options)), log_(options_.name) {
    loop_.watch(tap_.fd(), FdEvents::None, [this](FdReady events) { ready(events); });
}

TapCable::~TapCable() {
    if (!gone_) loop_.unwatch(tap_.fd());
}

/// A card that is not there, or is there no more, needs no frames.
void TapCable::set_frontend(NetFrontend* frontend) {
    const bool had = frontend_ != nullptr;
    frontend_ = frontend;
    card_full_ = false;
    queue_full_ = false;
    if (!gone_ && had != (frontend != nullptr)) {
        tap_.set_silent(frontend == nullptr);
        watch_link(frontend != nullptr);
        if (frontend == nullptr) static_cast<void>(tap_.discard(kStaleFrames));
    }
    update_watch();
}

void TapCable::open() {
    open_ = true;
    if (frontend_ == nullptr && !gone_) tap_.set_silent(true);
    tell_card();
    accept_input();
}

void TapCable::close() {
    open_ = false;
    update_watch();
}

void TapCable::set_link(bool up) {
    if (plugged_ == up) return;
    plugged_ = up;
    link_changed();
}

void TapCable::watch_link(bool on) {
    link_watch_.reset();
    if (on) link_watch_ = LinkWatch::of_tap(loop_, tap_.fd(), [this] { follow_link(); });
    carries_ = link_watch_ == nullptr || link_watch_->up();
}

void TapCable::follow_link() {
    if (gone_ || carries_ == link_watch_->up()) return;
    carries_ = !carries_;
    log_.info("{}", carries_ ? "the interface and its bridge are up"
                             : "the interface or its bridge is down; the guest's network card has no link");
    link_changed();
}

void TapCable::link_changed() {
    if (link_up()) static_cast<void>(tap_.discard(kStaleFrames)); // they came while nobody could hear them
    card_full_ = false;
    queue_full_ = false;
    link_news_ = true;
    update_watch();
    tell_card();
}

/// What a stopped machine's card must not hear of waits until it runs again.
void TapCable::tell_card() {
    if (frontend_ == nullptr || !open_) return;
    if (std::exchange(link_news_, false)) frontend_->link_changed();
    if (!queue_full_) frontend_->writable();
}

void TapCable::accept_input() {
    card_full_ = false;
    update_watch();
}

void TapCable::update_watch() {
    if (gone_) return;
    const bool in = open_ && link_up() && !card_full_ && frontend_ != nullptr;
    const auto wanted = static_cast<FdEvents>((in ? 1 : 0) | (queue_full_ ? 2 : 0));
    if (wanted == watched_) return;
    watched_ = wanted;
    loop_.change(tap_.fd(), wanted);
}

void TapCable::ready(FdReady events) {
    if (events.writable && queue_full_) {
        queue_full_ = false;
        tell_card();
    }
    if (events.hangup) {
        auto left = tap_.read(*received_);
        if (!left.ok() || left.value() == 0)
            return interface_gone(left.ok() ? "the other end has closed it" : left.error().message);
    }
    if (events.readable) read_frames();
    update_watch();
}

void TapCable::read_frames() {
    const std::size_t header = tap_.has_vnet_header() ? sizeof(Tap::VnetHeader) : 0;
    for (unsigned n = 0; n < kFramesPerRound; ++n) {
        if (!open_ || !link_up() || frontend_ == nullptr) return;
        if (!frontend_->can_receive()) {
            card_full_ = true;
            return;
        }
        const auto length = tap_.read(*received_);
        if (!length.ok()) return interface_gone(length.error().message);
        if (length.value() == 0) return;
        if (length.value() <= header) continue;
        frontend_->receive(std::span<const u8>(*received_).subspan(header, length.value() - header));
    }
}

/// The guest sees a cable that was pulled.
void TapCable::interface_gone(const std::string& reason) {
    if (gone_) return;
    gone_ = true;
    queue_full_ = false;
    link_watch_.reset();
    loop_.unwatch(tap_.fd());
    log_.error("the interface is gone ({}); the guest's network card has lost its link", reason);
    link_news_ = true;
    tell_card();
}

/// An error is told from the loop, where no card is in the middle of sending: the fd has one from now on.
NetBackend::Sent TapCable::outcome(Result<Tap::Sent> result) {
    return result.ok() && result.value() == Tap::Sent::Later ? Sent::Later : Sent::Yes;
}

bool TapCable::source_allowed(std::span<const iovec> frame) const {
    if (!options_.only_source) return true;
    std::array<u8, kSourceAt + 6> start{};
    if (copy_out(frame, start) < start.size()) return true; // no frame
    return std::ranges::equal(std::span(start).subspan(kSourceAt), *options_.only_source);
}

NetBackend::Sent TapCable::send(std::span<const iovec> frame, const FrameOffload& offload) {
    const std::size_t length = length_of(frame);
    if (!link_up() || length > kFrameMax || frame.size() > kPiecesMax || !source_allowed(frame))
        return Sent::Yes;
    if (offload.frames(length) > kOffloadSegmentsMax) return Sent::Yes;
    if (queue_full_) return Sent::Later;
    const bool work = offload.checksum || offload.segments != FrameOffload::Segments::None;
    Sent sent = Sent::Yes;
    if (tap_.has_vnet_header())
        sent = send_with_header(frame, offload);
    else if (work)
        sent = send_finished(frame, length, offload);
    else
        sent = outcome(tap_.write(frame));
    if (sent == Sent::Later) {
        queue_full_ = true;
        update_watch();
    }
    return sent;
}

NetBackend::Sent TapCable::send_with_header(std::span<const iovec> frame, const FrameOffload& offload) {
    Tap::VnetHeader header;
    if (offload.checksum) {
        header.flags = Tap::VnetHeader::kNeedsChecksum;
        header.checksum_start = offload.checksum_start;
        header.checksum_offset = offload.checksum_offset;
    }
    if (offload.segments != FrameOffload::Segments::None) {
        const bool six = offload.segments == FrameOffload::Segments::Tcp6;
        header.segments = six ? Tap::VnetHeader::kTcp6 : Tap::VnetHeader::kTcp4;
        header.header_length = offload.header_length;
        header.segment_size = offload.segment_size;
    }
    std::array<iovec, kPiecesMax + 1> pieces;
    pieces[0] = {&header, sizeof header};
    std::ranges::copy(frame, pieces.begin() + 1);
    return outcome(tap_.write(std::span<const iovec>(pieces).first(frame.size() + 1)));
}

NetBackend::Sent TapCable::send_finished(std::span<const iovec> frame, std::size_t length,
                                         const FrameOffload& offload) {
    if (finished_ == nullptr) finished_ = make_buffer();
    copy_out(frame, *finished_);
    Segments segments(*this);
    static_cast<void>(
        finish_frame(std::span(*finished_).first(length), offload, segments)); // nonsense is lost
    return segments.sent();
}

} // namespace dm::host
