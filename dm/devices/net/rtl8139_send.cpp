// RTL8139C+: frames on their way out, and the four descriptors of C mode.
#include "dm/devices/net/rtl8139.hpp"

#include <algorithm>

namespace dm {

using namespace rtl8139;

void Rtl8139::write_tsd(unsigned index, u32 value) {
    if (has(Cpcr::CPTX)) { // DTCCR
        s_.tsd[index] = value;
        if (index != 0 || (value & kDtccrCommand) == 0) return;
        dump_tally();
        s_.tsd[0] &= ~kDtccrCommand;
        return;
    }
    s_.tsd[index] = value & kTsdWritable;
    transmit();
}

void Rtl8139::write_tppoll(u8 value) {
    const Bits<Poll> poll{value};
    if (poll.has(Poll::FSWINT)) raise(Int::SWINT);
    for (const Poll ring : {Poll::NPQ, Poll::HPQ})
        if (poll.has(ring)) s_.tppoll = static_cast<u8>(s_.tppoll | static_cast<u8>(ring));
    transmit();
    room_may_be_there();
}

/// Sends all there is, until the guest's share of time is used up or the back end takes no more.
void Rtl8139::transmit() {
    s_.send_on_at.reset();
    if (!sends()) return;
    if (!has(Cpcr::CPTX)) {
        send_c_mode();
        return;
    }
    for (const auto& [ring, poll] : {std::pair{1U, Poll::HPQ}, {0U, Poll::NPQ}}) {
        if ((s_.tppoll & static_cast<u8>(poll)) == 0) continue;
        if (send_ring(ring) == Step::Stopped) return;
        s_.tppoll = static_cast<u8>(s_.tppoll & ~static_cast<u8>(poll));
    }
}

/// False: the slice is used up; it goes on in the next one.
bool Rtl8139::in_slice() {
    const u64 time = now();
    if (time >= s_.slice_end || s_.slice_end - time > kSlice) {
        s_.slice_end = time + kSlice;
        s_.slice_frames = 0;
        s_.slice_bytes = 0;
    }
    if (s_.slice_frames < kSliceFrames && s_.slice_bytes < kSliceBytes) return true;
    s_.send_on_at = s_.slice_end;
    return false;
}

/// Its pages are touched as far as frames need them.
std::span<u8> Rtl8139::buffer() {
    if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<std::array<u8, NetBackend::kFrameMax>>();
    return *buffer_;
}

NetBackend::Sent Rtl8139::send_frame(std::span<u8> frame, const FrameOffload& offload) {
    if (frame.size() < ethernet::kHeader) return NetBackend::Sent::Yes; // that is no frame
    s_.slice_frames += static_cast<u32>(offload.frames(frame.size()) - 1);
    if (loopback()) {
        finish_frame(frame, offload, *this);
        return NetBackend::Sent::Yes;
    }
    const iovec piece{frame.data(), frame.size()};
    return send({&piece, 1}, offload);
}

void Rtl8139::take(std::span<const u8> frame) {
    if (listens()) take_in(frame);
}

/// One after the other, from the descriptor on that follows the last one sent.
Rtl8139::Step Rtl8139::send_c_mode() {
    for (;;) {
        u32& tsd = s_.tsd[s_.tsd_index];
        if (Bits<Tsd>{tsd}.has(Tsd::OWN)) return Step::Done;
        if (!in_slice()) return Step::Stopped;
        const std::span<u8> frame = buffer().first(tsd & kTsdSize);
        memory_.read(s_.tsad[s_.tsd_index], frame);
        s_.slice_bytes += static_cast<u32>(frame.size());
        if (send_frame(frame, {}) == NetBackend::Sent::Later) return Step::Stopped;
        ++s_.slice_frames;
        tsd |= static_cast<u32>(Tsd::OWN) | static_cast<u32>(Tsd::TOK);
        s_.tsd_index = static_cast<u8>((s_.tsd_index + 1) % s_.tsd.size());
        ++s_.tally.tx_ok;
        raise_frame(Int::TOK);
    }
}

} // namespace dm
